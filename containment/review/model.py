"""What a review holds: the one model of page, comment, terminal and document. Pure.

Texts in it may have been chosen by the attacker, as those of a diff may.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from containment.diff import IncidentDiff, PrincipalDiff
    from containment.review.change import Kind
    from policies.guardrails import Finding

Weight = Literal["must", "may"]

UNREADABLE, CONFLICT, REFUSED, NOT_ANALYSED = 2, 5, 7, 9


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field of a spec that the change writes anew; *loosens* where it may give access back."""

    field: str
    before: str
    after: str
    loosens: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """One thing of a section: *subject* is whom or what it is about, *text* the rest."""

    subject: str
    text: str
    incident: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Points of one kind; those of a section that *must* be shown are never left out."""

    title: str
    weight: Weight
    points: tuple[Point, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class IncidentReview:
    """One spec of a change, judged.

    Attributes:
        incident: its id.
        file: its path in the project.
        kind: what the change does to the spec.
        diff: what applying it changes; None where that is not known.
        fields: what the spec says otherwise than at the base.
        findings: what the rules found.
        owner: who answers for it; empty where it is not known.
        review_by: when somebody decides again; empty where it is not known.
        guard: the guard before and after, in words.
        irreversible: whom it is about, and what cannot be undone.
        unreadable: what is wrong with the spec; empty where it is one.
        unread: what could not be analysed besides what the diff says.
    """

    incident: str
    file: str
    kind: Kind
    diff: IncidentDiff | None = None
    fields: tuple[FieldChange, ...] = ()
    findings: tuple[Finding, ...] = ()
    owner: str = ""
    review_by: str = ""
    guard: str = ""
    irreversible: tuple[tuple[str, str], ...] = ()
    unreadable: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def principals(self) -> tuple[PrincipalDiff, ...]:
        """Whom it is about."""
        return self.diff.principals if self.diff else ()


@dataclass(frozen=True, slots=True)
class Review:
    """A change, judged.

    Attributes:
        base: the commit whose profile counts; empty where no revisions are compared.
        head: the commit that holds the change, or the working tree.
        profile: SHA-256 of the profile that it was judged by; empty for the defaults.
        caller: who looked.
        emulated: whether the endpoint is not AWS.
        incidents: one for each spec in it.
        others: every other path in it.
        findings: what the rules found in the change as a whole.
        left_out: the specs in it that were not judged, by path.
    """

    base: str
    head: str
    profile: str
    caller: str
    emulated: bool
    incidents: tuple[IncidentReview, ...] = ()
    others: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """The first that is true: 2 a spec is none, 7 refused, 5 to be decided, 9 not analysed."""
        sections = {section.title: section.points for section in self.sections}
        for title, code in (
            (_UNREADABLE, UNREADABLE),
            (_REFUSED, REFUSED),
            (_CONFLICTS, CONFLICT),
            (_NOT_ANALYSED, NOT_ANALYSED),
        ):
            if sections.get(title):
                return code
        return 0

    @property
    def verdict(self) -> str:
        """What came of it, in one line."""
        words = {
            0: "nothing stands against it" if self.incidents else "there is no spec in it to judge",
            UNREADABLE: "not to be applied: a spec cannot be read",
            REFUSED: "not to be applied: refused",
            CONFLICT: "not to be applied: somebody has to decide",
            NOT_ANALYSED: "not to be applied: not all of it could be analysed",
        }
        return words[self.exit_code]

    @property
    def summary(self) -> str:
        """How many of what, in one line."""
        counts: dict[str, int] = {}
        for incident in self.incidents:
            for item in incident.principals:
                counts[_AHEAD[item.verb]] = counts.get(_AHEAD[item.verb], 0) + 1
        parts = [f"{counts[word]} {word}" for word in _AHEAD.values() if word in counts]
        parts += [
            f"{len(section.points)} {_COUNTED[section.title]}"
            for section in self.sections
            if section.title in _COUNTED and section.points
        ]
        return ", ".join(parts) or "no spec is changed"

    @property
    def sections(self) -> tuple[Section, ...]:
        """What a reviewer reads first, in that order; sections without a point are left out."""
        made = (
            Section(_UNREADABLE, "must", tuple(self._unreadable())),
            Section(_REFUSED, "must", tuple(self._refused())),
            Section(_LIFTED, "must", tuple(self._of_verb("lift"))),
            Section(_LOWERED, "must", tuple(self._of_verb("lower"))),
            Section(_IRREVERSIBLE, "must", tuple(self._irreversible())),
            Section(_FLAGGED, "must", tuple(self._flagged())),
            Section(_CONFLICTS, "may", tuple(self._conflicts())),
            Section(
                _NOT_ANALYSED,
                "may",
                tuple(self._not_analysed()),
                "None of this is known, and what is not known is no pass.",
            ),
            Section(
                _OTHERS,
                "may",
                tuple(Point(path, "") for path in self.others),
                "A change of specs holds specs alone. Nothing of this was run or read.",
            ),
            Section(_CONTAINED, "may", tuple(self._of_verb("contain"))),
            Section(_RAISED, "may", tuple(self._of_verb("raise"))),
            Section(_REPAIRED, "may", tuple(self._of_verb("repair"))),
        )
        return tuple(section for section in made if section.points)

    def _all_findings(self) -> list[tuple[str, Finding]]:
        own = [("", finding) for finding in self.findings]
        return own + [(one.incident, finding) for one in self.incidents for finding in one.findings]

    def _unreadable(self) -> list[Point]:
        return [
            Point(one.file, text, one.incident) for one in self.incidents for text in one.unreadable
        ]

    def _refused(self) -> list[Point]:
        points = [
            Point(finding.rule, f"{finding.what}; {finding.remedy}", incident)
            for incident, finding in self._all_findings()
            if finding.outcome == "refused"
        ]
        for one in self.incidents:
            refusals = one.diff.refusals if one.diff else ()
            points += [Point("up", text, one.incident) for text in refusals]
            points += [
                Point(item.principal, "; ".join(item.conflicts) or "refused", one.incident)
                for item in one.principals
                if item.verb == "refuse"
            ]
        return points

    def _of_verb(self, verb: str) -> list[Point]:
        return [
            Point(item.principal, _transition(item), one.incident)
            for one in self.incidents
            for item in one.principals
            if item.verb == verb
        ]

    def _irreversible(self) -> list[Point]:
        return [
            Point(subject, text, one.incident)
            for one in self.incidents
            for subject, text in one.irreversible
        ]

    def _conflicts(self) -> list[Point]:
        return [
            Point(item.principal, text, one.incident)
            for one in self.incidents
            for item in one.principals
            for text in item.conflicts
            if item.verb != "refuse"
        ]

    def _not_analysed(self) -> list[Point]:
        unasked: dict[tuple[str, str], list[str]] = {}
        for incident, finding in self._all_findings():
            if finding.outcome == "unknown":
                unasked.setdefault((incident, finding.subject), []).append(finding.rule)
        points = [
            Point(subject or "the change", f"too little is known for {', '.join(rules)}", incident)
            for (incident, subject), rules in unasked.items()
        ]
        points += [Point(path, "it was not judged: others were named") for path in self.left_out]
        for one in self.incidents:
            points += [Point(one.file, text, one.incident) for text in one.unread]
            points += [
                Point(item.principal, text, one.incident)
                for item in one.principals
                for text in item.unread
            ]
        return points

    def _flagged(self) -> list[Point]:
        points = [
            Point(finding.rule, f"{finding.what}; {finding.remedy}", incident)
            for incident, finding in self._all_findings()
            if finding.outcome == "flagged"
        ]
        return points + [
            Point(item.field, f"{item.before} -> {item.after}", one.incident)
            for one in self.incidents
            for item in one.fields
            if item.loosens
        ]


_UNREADABLE, _REFUSED = "Not a spec", "Refused"
_LIFTED, _LOWERED = "Lifted", "Lowered"
_IRREVERSIBLE, _CONFLICTS = "Cannot be undone", "Somebody has to decide"
_NOT_ANALYSED, _OTHERS = "Could not be analysed", "Needs code review first"
_CONTAINED, _RAISED, _REPAIRED = "Contained", "Raised", "Repaired"
_FLAGGED = "To be looked at"
_COUNTED = {
    _UNREADABLE: "wrong in a spec",
    _REFUSED: "refused",
    _IRREVERSIBLE: "not to be undone",
    _CONFLICTS: "to decide",
    _NOT_ANALYSED: "not analysed",
    _OTHERS: "for code review",
    _FLAGGED: "to be looked at",
}
_AHEAD = {
    "contain": "to contain",
    "raise": "to raise",
    "lower": "to lower",
    "repair": "to repair",
    "lift": "to lift",
    "keep": "unchanged",
    "refuse": "that cannot be changed",
}


def _transition(item: PrincipalDiff) -> str:
    if item.rung_before and item.rung_before != item.rung:
        return f"{item.rung_before} -> {item.rung or 'lifted'}"
    return item.rung or "lifted"

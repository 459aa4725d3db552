"""The rules, each a pure function from facts to what breaks it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

if TYPE_CHECKING:
    from policies.guardrails.facts import Document, IncidentFacts, PrincipalFacts, WholeFacts

F = TypeVar("F")

Outcome = Literal["refused", "unknown", "flagged"]
"""Broken; not known, which is no pass; or to be looked at, which refuses nothing."""

_RELEASES = frozenset({"lift", "lower"})
_STRENGTHS = ("off", "freeze", "quarantine")
LIMITS = "limits"
"""The rule that is asked before anything is looked at."""
_NOBODY = frozenset({"", "-", "?", "n/a", "nobody", "none", "tbd", "todo", "unknown"})


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found: its name, what came of it, of whom, what it is and what to do about it."""

    rule: str
    outcome: Outcome
    subject: str
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Rule(Generic[F]):
    """One rule: its name, what it holds to, and the function that finds what breaks it."""

    name: str
    summary: str
    find: Callable[[F], Iterator[tuple[Outcome, str, str, str]]]

    def __call__(self, facts: F) -> tuple[Finding, ...]:
        """Return what breaks the rule; nothing where it is kept."""
        return tuple(Finding(self.name, *row) for row in self.find(facts))


Rows = Iterator[tuple[Outcome, str, str, str]]


def _protected(facts: IncidentFacts) -> Rows:
    for item in facts.principals:
        for part in item.protections if item.effect != "lift" else ():
            yield (
                "refused",
                item.arn,
                f"{item.arn} is {part}: no incident may deny it anything",
                "take it out; if it is compromised itself, name another one first",
            )


def _guard(facts: IncidentFacts) -> Rows:
    if facts.removed:
        return
    if facts.guard_required and facts.guard == "off":
        yield (
            "refused",
            facts.incident,
            "the profile asks for a guard and this has none",
            "write 'guard: {mode: freeze, required: true}'",
        )
    if facts.guard_required and facts.guard is None:
        yield (
            "unknown",
            facts.incident,
            "whether it has the guard that the profile asks for is not known",
            "see that the organisation can be read",
        )
    if facts.guard is None or facts.guard_before is None:
        return
    if _STRENGTHS.index(facts.guard) < _STRENGTHS.index(facts.guard_before):
        outcome: Outcome = "refused" if facts.hold is not False else "flagged"
        yield (
            outcome,
            facts.incident,
            f"the guard goes from {facts.guard_before} to {facts.guard}",
            "see that everything that came out of the credential is swept",
        )


def _owned(facts: IncidentFacts) -> Rows:
    if facts.removed:
        return
    if facts.owner is None or facts.review_by is None:
        yield (
            "unknown",
            facts.incident,
            "who owns it, and until when, is not known",
            "mend the spec",
        )
        return
    if facts.owner.strip().lower() in _NOBODY:
        yield ("refused", facts.incident, "nobody owns it", "write a person or a team as 'owner'")
    if facts.review_by <= facts.now:
        yield (
            "refused",
            facts.incident,
            f"its review date has passed ({facts.review_by:%Y-%m-%dT%H:%M:%SZ})",
            "write a 'review_by' to come, when its owner decides again",
        )


def _no_allow(facts: IncidentFacts) -> Rows:
    for item in facts.principals:
        if item.documents is None:
            yield (
                "unknown",
                item.arn,
                f"what is written on {item.arn} is not known",
                "see why it could not be read",
            )
        for document in item.documents or ():
            yield from _added_allows(item, document)


def _added_allows(item: PrincipalFacts, document: Document) -> Rows:
    before, after = _allows(document.before), _allows(document.after)
    if before is None or after is None:
        yield (
            "unknown",
            item.arn,
            f"the {document.subject} of {item.arn} is no policy that can be read",
            "look at it in the account",
        )
    elif after - before:
        yield (
            "refused",
            item.arn,
            f"the {document.subject} of {item.arn} would allow what it does not now",
            "a containment allows nothing: report this",
        )


def _allows(document: str | None) -> set[str] | None:
    """Return the statements of *document* that allow; None where it is no policy."""
    if document is None:
        return set()
    try:
        policy: Any = json.loads(document)
        statements = policy["Statement"]
        listed = statements if isinstance(statements, list) else [statements]
        return {json.dumps(one, sort_keys=True) for one in listed if one["Effect"] != "Deny"}
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _confirmed(facts: IncidentFacts) -> Rows:
    for item in facts.principals:
        if item.irreversible is None:
            yield (
                "unknown",
                item.arn,
                f"what cannot be undone of {item.arn} is not known",
                "see why it could not be read",
            )
        for what in item.irreversible or ():
            if facts.disposition != "confirmed":
                yield (
                    "refused",
                    item.arn,
                    f"{what}; the incident is {facts.disposition or 'of no known disposition'}",
                    "write 'disposition: confirmed' once it is, or leave this out",
                )


def _hold(facts: IncidentFacts) -> Rows:
    for item in facts.principals:
        if facts.hold is False or (item.effect is not None and item.effect not in _RELEASES):
            continue
        yield (
            "refused" if facts.hold and item.effect else "unknown",
            item.arn,
            f"{item.arn} would be released ({item.effect}) while the incident is on hold"
            if facts.hold and item.effect
            else f"whether {item.arn} is released, or on hold, is not known",
            "take 'hold' out, apply that, and release in a change of its own",
        )


def _analysed(facts: IncidentFacts) -> Rows:
    for item in facts.principals:
        if item.effect is None:
            yield ("unknown", item.arn, f"what happens to {item.arn} is not known", "see above")


def _renamed(facts: IncidentFacts) -> Rows:
    if facts.renamed_from:
        yield (
            "refused",
            facts.incident,
            (
                f"it names whom {facts.renamed_from} names, whose spec the same change takes away:"
                f" {facts.renamed_from} would be lifted and this one applied, in no sure order"
            ),
            "give the spec its name back; or contain by this one first, and lift the other later",
        )


def _resembling(facts: IncidentFacts) -> Rows:
    for item in facts.principals:
        for other in item.resembles:
            yield (
                "flagged",
                item.arn,
                f"{item.arn} is easily mistaken for {other}",
                "compare both letter by letter",
            )


def _limits(facts: WholeFacts) -> Rows:
    for count, most, word in (
        (len(facts.principals), facts.most_principals, "principals"),
        (len(facts.accounts), facts.most_accounts, "accounts"),
    ):
        if count > most:
            yield (
                "refused",
                "",
                f"{count} {word} are more than the {most} of one change",
                f"make several changes; or raise 'review: {{{word}: …}}' in the profile before",
            )


def _specs_alone(facts: WholeFacts) -> Rows:
    if facts.specs and facts.other_paths:
        paths = "path is" if facts.other_paths == 1 else "paths are"
        yield (
            "refused",
            "",
            f"{facts.other_paths} {paths} changed beside the specs, and may change what they do",
            "review and merge that first, in a change of its own",
        )


INCIDENT_RULES: tuple[Rule[IncidentFacts], ...] = (
    Rule("protected-principals", "denies nobody whom the organisation must keep", _protected),
    Rule("guard", "has a guard where the profile asks for one, and never a weaker one", _guard),
    Rule("owner-and-review-date", "has an owner, and a date to come", _owned),
    Rule("no-allow", "writes no statement that allows", _no_allow),
    Rule("confirmed-before-irreversible", "undoable, unless it is confirmed", _confirmed),
    Rule("hold", "releases nobody while on hold", _hold),
    Rule("renamed-spec", "keeps its name", _renamed),
    Rule("look-alikes", "names nobody who is easily mistaken for another", _resembling),
    Rule("analysed", "is known in all it does", _analysed),
)
"""What is asked of each incident of a change."""

WHOLE_RULES: tuple[Rule[WholeFacts], ...] = (
    Rule(LIMITS, "touches no more principals and accounts than the profile lets it", _limits),
    Rule("specs-alone", "changes specs and nothing else", _specs_alone),
)
"""What is asked of a change as a whole."""


def judge(facts: IncidentFacts) -> tuple[Finding, ...]:
    """Return what the rules find in one incident, in their order."""
    return tuple(finding for rule in INCIDENT_RULES for finding in rule(facts))


def judge_whole(facts: WholeFacts) -> tuple[Finding, ...]:
    """Return what the rules find in a change as a whole, in their order."""
    return tuple(finding for rule in WHOLE_RULES for finding in rule(facts))

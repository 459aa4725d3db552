"""What a report says, from what is on record. Pure; every text is the record's, not yet escaped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from containment.clock import isoformat, moment_of
from containment.incident_report.techniques import Technique, shown_by
from containment.ledger.entries import first_snapshots
from containment.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from containment.descendants import Record
    from containment.spec import IncidentSpec

Kind = Literal["compromise", "attacker", "change", "verdict", "lift"]
VERIFIED = "contained, verified"
_WORDS = frozenset({VERIFIED, "not verified", "not contained"})
# What no evidence of ours reaches, whatever the verdict.
_UNPROVABLE = (
    "that the attacker has no other principal, where calls were not logged",
    "that no data left: only data events would tell",
    "that what was read before the containment (secrets, snapshots, code) is not in use elsewhere",
    "the other side of calls between accounts or organisations that are not ours",
    "anything before the logs begin, or while they were stopped",
    "that every cache of IAM has converged, in every service and Region",
    "that the verdicts kept here were not edited: hold them to AWS's own records and to the logs",
    "that no foothold is left on machines and in functions, which could fetch new credentials",
)


@dataclass(frozen=True, slots=True)
class Sources:
    """What a report is made of.

    Attributes:
        spec: the incident's.
        entries: of its ledger, oldest first.
        ledger: how the ledger stands, in words.
        verdicts: those kept beside the spec, oldest first, as JSON has them.
        descendants: what traces found; None where nobody traced.
        stays_open: what lives on and until when, by what it is about.
        made_at: the time.
    """

    spec: IncidentSpec
    entries: Sequence[Mapping[str, Any]]
    ledger: str
    verdicts: Sequence[Mapping[str, Any]]
    descendants: Record | None
    stays_open: Mapping[str, str]
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Happening:
    """One point of the timeline; *request* is AWS's id of the call, where it was one."""

    moment: str
    kind: Kind
    what: str
    by: str = ""
    request: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim of the last verification, and the evidence for it."""

    level: str
    subject: str
    outcome: str
    what: str
    request: str = ""
    authorization: str = ""


@dataclass(frozen=True, slots=True)
class IncidentReport:
    """Everything that a report says."""

    incident: str
    title: str
    emulated: bool
    verdict: str
    verdict_at: str
    facts: tuple[tuple[str, str], ...]
    contained: tuple[tuple[str, str], ...]
    timeline: tuple[Happening, ...]
    times: tuple[tuple[str, str], ...]
    claims: tuple[Claim, ...]
    missing: tuple[tuple[str, str], ...]
    access: tuple[tuple[str, str], ...]
    unprovable: tuple[str, ...]
    collateral: tuple[str, ...]
    stays_open: tuple[tuple[str, str], ...]
    techniques: tuple[Technique, ...]
    owner: str
    verdicts: tuple[tuple[str, str, str], ...] = field(default=())


def compile_report(sources: Sources) -> IncidentReport:
    """Return the report of *sources*."""
    spec = sources.spec
    last: Mapping[str, Any] = sources.verdicts[-1] if sources.verdicts else {}
    timeline = _timeline(sources)
    traced = sources.descendants.descendants if sources.descendants else ()
    return IncidentReport(
        incident=spec.incident,
        title=spec.title,
        emulated=any(bool(one.get("emulated")) for one in sources.verdicts),
        verdict=_word(last),
        verdict_at=str(last.get("verified_at") or ""),
        facts=(
            ("disposition", str(spec.disposition)),
            ("severity", str(spec.severity)),
            ("cause", str(spec.cause)),
            ("T0", f"{isoformat(spec.compromised_at)} ({spec.compromised_at_source})"),
            ("owner", spec.owner),
            ("review by", isoformat(spec.review_by)),
            ("guard", str(spec.guard.mode)),
            ("ledger", sources.ledger),
            ("made at", isoformat(sources.made_at)),
        ),
        contained=_contained(sources),
        timeline=timeline,
        times=_times(spec, sources),
        claims=_claims(last),
        missing=tuple(
            (f"{one.get('level')} of {one.get('subject')}", str(one.get("why", "")))
            for one in _maps(last.get("missing"))
        ),
        access=_access(last),
        unprovable=_UNPROVABLE,
        collateral=_collateral(sources),
        stays_open=tuple((str(k), str(v)) for k, v in sources.stays_open.items()),
        techniques=shown_by(str(spec.cause), ((one.kind, one.is_session) for one in traced)),
        owner=spec.owner,
        verdicts=tuple(
            (
                str(one.get("verified_at", "")),
                str(one.get("verdict", "")),
                str(one.get("caller", "")),
            )
            for one in sources.verdicts
        ),
    )


def _word(last: Mapping[str, Any]) -> str:
    if not last:
        return "never verified"
    word = str(last.get("verdict"))
    return word if word in _WORDS else "no verdict of ours"


def _contained(sources: Sources) -> tuple[tuple[str, str], ...]:
    """Return whom the ledger remembers, each with who contained it, when, and how it stands."""
    rungs = {
        target.principal.arn: str(target.rung)
        for target in sources.spec.targets
        if not target.access_key
    }
    released = {
        str(one.get("snapshot_id")): one for one in sources.entries if one.get("kind") == "release"
    }
    rows: dict[str, str] = {arn: f"{rung}, by the spec; no change is on record"
                            for arn, rung in rungs.items()}  # fmt: skip
    for snapshot_id, entry in first_snapshots(map(dict, sources.entries)).items():
        arn = str(entry.get("principal"))
        words = f"{rungs.get(arn, 'not in the spec any more')}; since {entry.get('at')}"
        words += f" by {entry.get('operator') or 'nobody known'}"
        if (release := released.get(snapshot_id)) is not None:
            words += f"; given back at {release.get('at')} as {release.get('disposition')}"
        rows[arn] = words
    return tuple(rows.items())


def _outcomes(sources: Sources) -> dict[Any, Mapping[str, Any]]:
    return {one.get("of"): one for one in sources.entries if one.get("kind") == "outcome"}


def _timeline(sources: Sources) -> tuple[Happening, ...]:
    spec = sources.spec
    happenings = [
        Happening(isoformat(spec.compromised_at), "compromise", f"T0: {spec.compromised_at_source}")
    ]
    for one in sources.descendants.descendants if sources.descendants else ():
        what = f"{one.kind} {one.id} came out of the leaked credential ({one.confidence})"
        happenings.append(Happening(one.issued_at, "attacker", what, one.principal))
    outcomes = _outcomes(sources)
    for entry in sources.entries:
        noted, by = str(entry.get("at", "")), str(entry.get("operator") or "")
        about = str(entry.get("principal") or "")
        if entry.get("kind") == "intent":
            outcome = outcomes.get(entry.get("n"), {})
            result = outcome.get("result", "outcome unknown")
            what = f"{entry.get('operation')} on {about}, {entry.get('facet')}: {result}"
            moment = str(outcome.get("aws_at") or noted)
            request = str(outcome.get("request_id") or "")
            happenings.append(Happening(moment, "change", what, by, request))
        elif entry.get("kind") == "release":
            what = f"{about} given back as {entry.get('disposition')}"
            happenings.append(Happening(noted, "lift", what, by))
        elif entry.get("kind") == "decision":
            what = f"decided: {entry.get('decision')} of {entry.get('facet')}"
            happenings.append(Happening(noted, "change", what, by))
    happenings += [
        Happening(
            str(one.get("verified_at", "")),
            "verdict",
            str(one.get("verdict", "")),
            str(one.get("caller", "")),
        )
        for one in sources.verdicts
    ]
    return tuple(sorted(happenings, key=lambda one: one.moment))


def _times(spec: IncidentSpec, sources: Sources) -> tuple[tuple[str, str], ...]:
    """Return how long it took, as far as the record tells."""
    outcomes = _outcomes(sources)
    first_done: dict[tuple[str, str], datetime] = {}
    for entry in sources.entries:
        if entry.get("kind") == "release":
            break
        outcome = outcomes.get(entry.get("n"), {})
        moment = moment_of(str(outcome.get("aws_at") or entry.get("at") or ""))
        if entry.get("kind") == "intent" and outcome.get("result") == "done" and moment:
            facet = (str(entry.get("principal")), str(entry.get("facet")))
            first_done.setdefault(facet, moment)
    verified = next(
        (
            moment
            for one in sources.verdicts
            if one.get("verdict") == VERIFIED and (moment := moment_of(str(one.get("verified_at"))))
        ),
        None,
    )
    began = spec.compromised_at
    first, contained = (
        min(first_done.values(), default=None),
        max(first_done.values(), default=None),
    )
    return (
        ("from T0 to the first change", _length(began, first)),
        ("from T0 to the last facet's first change (contained)", _length(began, contained)),
        ("from contained to verified", _length(contained, verified)),
    )


def _length(begin: datetime | None, end: datetime | None) -> str:
    if begin is None or end is None:
        return "not on record"
    seconds = round((end - begin).total_seconds())
    if seconds < 0:
        return "not on record: the second came before the first"
    hours, rest = divmod(seconds, 3600)
    minutes, left_s = divmod(rest, 60)
    parts = [f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes or hours)
    return " ".join([*parts, f"{left_s} s"])


def _claims(last: Mapping[str, Any]) -> tuple[Claim, ...]:
    return tuple(
        Claim(
            str(one.get("level", "")),
            str(one.get("subject", "")),
            str(one.get("outcome", "")),
            str(one.get("what", "")),
            str(one.get("request") or ""),
            str(one.get("authorization") or ""),
        )
        for one in _maps(last.get("evidence"))
    )


def _access(last: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return who can undo what holds each principal and who can become it, then what is unread."""
    rows: list[tuple[str, str]] = []
    for one in _maps(last.get("access")):
        about = str(one.get("principal", ""))
        for words, name in (("can undo", "undo"), ("can become", "become")):
            now, before = _maps(one.get(name)), _maps(one.get(f"{name}_before"))
            named = "; ".join(_power(power) for power in now)
            count = f"{counted(len(now), 'holder')} now, {len(before)} before"
            rows.append((f"{words} {about}", f"{count}: {named}" if named else count))
        notes = one.get("notes")
        unread = notes if isinstance(notes, list) else []
        rows += [(f"not looked at for {about}", str(note)) for note in unread]
    return tuple(rows)


def _maps(value: object) -> list[Mapping[str, Any]]:
    """Return the maps of a list, which anybody may have edited."""
    items: list[Any] = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict)]


def _power(power: Mapping[str, Any]) -> str:
    listed = power.get("actions")
    actions = ", ".join(map(str, listed if isinstance(listed, list) else []))
    return f"{power.get('holder')} ({actions}{'' if power.get('is_sure') else '; perhaps'})"


def _collateral(sources: Sources) -> tuple[str, ...]:
    """Return who else was shut out: what is held that nobody named as leaked, honest sessions."""
    leaked = {key for target in sources.spec.targets for key in target.leaked}
    hit: dict[str, None] = {}
    for entry in sources.entries:
        if entry.get("kind") == "intent" and entry.get("after") == "Inactive":
            credential = str(entry.get("facet")).rpartition(" ")[2]
            if credential not in leaked:
                hit[f"{entry.get('facet')} of {entry.get('principal')}, which nobody named"] = None
    for target in sources.spec.targets:
        if str(target.rung) in {"revoke-sessions", "close-trust", "deny-all"} and target.role:
            hit[f"every session of {target.role} from before T, honest ones too"] = None
    return tuple(hit)

"""The verdict: what the evidence of all levels comes to. Pure.

There are three. *Not contained*: a level saw a way in that is open. *Contained, verified*: every
claim that the incident makes was shown. Everything else is *not verified*, and names each claim
that is missing: no evidence is never evidence of anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from containment.verify.evidence import Evidence, Level

Word = Literal["contained, verified", "not verified", "not contained"]
READINGS = (1, 2)
_LIVE: tuple[Level, ...] = ("V3", "V4+")


@dataclass(frozen=True, slots=True)
class Claims:
    """What has to be shown before an incident counts as contained.

    Attributes:
        stack: the incident, for the commands that are named.
        principals: whoever is contained, by ARN: each is to be read back in both readings.
        denied: those of them whose deny is to be simulated.
        artefacts: the kinds of artefact of which one live denial is to be seen.
        guarded: the accounts, ``account 111122223333``, in which a guard is required.
        accounts: the accounts whose logs are to be covered, named as in *guarded*.
    """

    stack: str
    principals: tuple[str, ...]
    denied: tuple[str, ...]
    artefacts: tuple[str, ...]
    guarded: tuple[str, ...]
    accounts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """A claim that was not shown: *why* not, and the next *step*."""

    level: Level
    subject: str
    why: str
    step: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is concluded.

    Attributes:
        word: one of the three.
        causes: why it is not contained.
        missing: which claims were not shown; also told where it is not contained.
    """

    word: Word
    causes: tuple[Evidence, ...]
    missing: tuple[Missing, ...]


def judge(claims: Claims, evidence: Iterable[Evidence]) -> Verdict:
    """Return the verdict over *evidence* of what *claims* says."""
    all_evidence = list(evidence)
    causes = tuple(item for item in all_evidence if item.outcome == "broken")
    missing = (
        *_read_back(claims, all_evidence),
        *_simulated(claims, all_evidence),
        *_denied_live(claims, all_evidence),
        *_logged(all_evidence),
        *_covered(claims, all_evidence),
    )
    if causes:
        return Verdict("not contained", causes, missing)
    if missing or not claims.principals:
        return Verdict("not verified", (), missing)
    return Verdict("contained, verified", (), ())


def _read_back(claims: Claims, evidence: Sequence[Evidence]) -> list[Missing]:
    """Return who was not read back in both readings; an open claim of either counts as not."""
    usual = f"run 'containment verify {claims.stack}' again"
    missing: list[Missing] = []
    for subject in (*claims.principals, *claims.guarded):
        for reading in READINGS:
            observations = [
                item
                for item in evidence
                if (item.level, item.subject, item.reading) == ("V1", subject, reading)
            ]
            why = _not_shown(observations, f"reading {reading} of 2 was not made")
            if why:
                missing.append(Missing("V1", subject, why, _step(observations, usual)))
                break
    return missing


def _simulated(claims: Claims, evidence: Sequence[Evidence]) -> list[Missing]:
    usual = f"run 'containment verify {claims.stack}' with iam:SimulatePrincipalPolicy"
    missing: list[Missing] = []
    for subject in claims.denied:
        observations = [item for item in evidence if (item.level, item.subject) == ("V2", subject)]
        why = _not_shown(observations, "its policies were not simulated")
        if why:
            missing.append(Missing("V2", subject, why, _step(observations, usual)))
    return missing


def _denied_live(claims: Claims, evidence: Sequence[Evidence]) -> list[Missing]:
    missing: list[Missing] = []
    for artefact in claims.artefacts:
        observations = [
            item for item in evidence if item.level in _LIVE and item.artefact == artefact
        ]
        if not any(item.outcome == "holds" for item in observations):
            why = "; ".join(item.what for item in observations if item.outcome == "open")
            missing.append(
                Missing(
                    "V4+",
                    artefact,
                    why or "no request was seen that AWS refused because of it",
                    _step(
                        observations,
                        f"run 'containment verify {claims.stack} --live' within a day after AWS"
                        " refused an IAM call of a member; nothing stands in for it",
                    ),
                )
            )
    return missing


def _logged(evidence: Sequence[Evidence]) -> list[Missing]:
    """Return what the logs left open: V4 claims nothing by itself, and what it doubts counts."""
    return [
        Missing("V4", item.subject, item.what, item.step)
        for item in evidence
        if (item.level, item.outcome) == ("V4", "open")
    ]


def _covered(claims: Claims, evidence: Sequence[Evidence]) -> list[Missing]:
    usual = f"run 'containment verify {claims.stack} --live --watch'"
    missing: list[Missing] = []
    for account in claims.accounts:
        observations = [item for item in evidence if (item.level, item.subject) == ("V5", account)]
        why = _not_shown(observations, "no log was read")
        if why:
            missing.append(Missing("V5", account, why, _step(observations, usual)))
    return missing


def _not_shown(observations: Sequence[Evidence], nothing: str) -> str:
    """Return why the claim that *observations* are about is not shown; empty where it is."""
    doubts = [item.what for item in observations if item.outcome in {"open", "broken"}]
    if doubts:
        return "; ".join(dict.fromkeys(doubts))
    return "" if any(item.outcome == "holds" for item in observations) else nothing


def _step(observations: Sequence[Evidence], usual: str) -> str:
    return next(
        (item.step for item in observations if item.outcome != "holds" and item.step), usual
    )

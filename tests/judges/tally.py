"""The judges, what each is asked, and how their verdicts compare with the evaluator's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.judges.case import Case, lab_says
from tests.judges.disagreements import (
    IAM_SIMULATE,
    PRINCIPALMAPPER,
    for_iam_simulate,
    for_principalmapper,
)
from tests.judges.readings import Reading, explanation, rewritten, same


@dataclass(frozen=True)
class Judge:
    """An evaluator that others wrote; *asked* reduces a case to what it knows, or to None."""

    name: str
    asked: Callable[[Case], Case | None]
    readings: tuple[Reading, ...]


JUDGES = (
    Judge("iam-simulate", for_iam_simulate, IAM_SIMULATE),
    Judge("principalmapper", for_principalmapper, PRINCIPALMAPPER),
)


@dataclass
class Tally:
    """Cases in which the evaluator and a judge agree or do not.

    *with_own_reading* counts the cases in which the judge is known to read something in its own
    way, whether or not that changed its verdict; the others are those it can judge.
    """

    asked: int = 0
    agreed: int = 0
    with_own_reading: int = 0
    agreed_on_known: int = 0
    explained: Counter[str] = field(default_factory=Counter)
    unexplained: list[tuple[Case, str, str]] = field(default_factory=list)

    @property
    def share(self) -> float:
        return self.agreed / self.asked

    @property
    def share_of_judged(self) -> float:
        return (self.agreed - self.agreed_on_known) / (self.asked - self.with_own_reading)


def tally(judge: Judge, asked: Iterable[Case], judgements: dict[str, str]) -> Tally:
    """Compare; a judge that crashed, or said nothing, has not agreed."""
    result = Tally()
    for case in asked:
        verdict, judged = lab_says(case), judgements.get(case.name, "nothing")
        explained = rewritten(judge.readings, case) != case
        agreed = same(verdict, judged)
        result.asked += 1
        result.agreed += agreed
        result.with_own_reading += explained
        result.agreed_on_known += agreed and explained
        if agreed:
            continue
        if why := explanation(judge.readings, case, judged):
            result.explained[why] += 1
        else:
            result.unexplained.append((case, verdict, judged))
    return result


def balance(cases: list[Case], layers: tuple[str, ...]) -> tuple[float, dict[str, float]]:
    """Return the share of cases that are allowed, and of those that each layer decides.

    A layer decides a case whose answer changes between allowed and denied if it is taken away.
    """
    allowed = [lab_says(case) == "allow" for case in cases]
    deciding = {
        layer: sum(
            (lab_says(case.without(layer)) == "allow") is not before
            for case, before in zip(cases, allowed, strict=True)
        )
        for layer in layers
    }
    number = len(cases)
    return sum(allowed) / number, {layer: count / number for layer, count in deciding.items()}

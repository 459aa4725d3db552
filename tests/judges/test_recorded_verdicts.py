"""The evaluator decides as the judges did when they were last asked: ``make judges`` asks again."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.judges.case import Case, lab_says
from tests.judges.corpus import MIXES, cases
from tests.judges.readings import explanation, rewritten, same
from tests.judges.tally import JUDGES, Judge, balance, tally

pytestmark = pytest.mark.plain

HERE = Path(__file__).parent
RECORDED: list[dict[str, Any]] = json.loads((HERE / "recorded.json").read_text(encoding="utf-8"))[
    "recorded"
]
CASES = [Case(**entry["case"]) for entry in RECORDED]


def recorded(judge: Judge) -> list[tuple[Case, str]]:
    """Return what the judge was asked, and what it said."""
    asked = [
        (judge.asked(case), entry["verdicts"].get(judge.name))
        for case, entry in zip(CASES, RECORDED, strict=True)
    ]
    return [(case, verdict) for case, verdict in asked if case is not None]


def test_there_are_three_hundred_cases_and_sixty_of_each_mix() -> None:
    assert Counter(case.mix for case in CASES) == dict.fromkeys(MIXES, 60)


def test_no_case_crashes_a_judge() -> None:
    verdicts = {"allow", "deny", "explicit deny", "implicit deny"}

    assert {verdict for judge in JUDGES for _, verdict in recorded(judge)} <= verdicts


@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: judge.name)
def test_every_disagreement_is_of_a_known_kind(judge: Judge) -> None:
    asked = recorded(judge)

    result = tally(
        judge, [case for case, _ in asked], {case.name: verdict for case, verdict in asked}
    )

    assert [(case.name, lab, verdict) for case, lab, verdict in result.unexplained] == []
    assert result.share_of_judged == 1.0


@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: judge.name)
def test_a_mistake_of_the_evaluator_is_never_explained_away(judge: Judge) -> None:
    judged = [
        (case, verdict)
        for case, verdict in recorded(judge)
        if rewritten(judge.readings, case) == case and same(lab_says(case), verdict)
    ]
    wrong = {"allow": "implicit deny"}

    excuses = [
        explanation(judge.readings, case, wrong.get(verdict, "allow")) for case, verdict in judged
    ]

    assert len(judged) >= 100
    assert set(excuses) == {""}


@pytest.mark.parametrize(("mix", "layers"), MIXES.items())
def test_cases_are_balanced_and_every_layer_decides_some(mix: str, layers: tuple[str, ...]) -> None:
    allowed, deciding = balance(list(cases(mix, 500, seed=7)), layers)

    assert 0.3 <= allowed <= 0.7
    assert min(deciding.values()) >= 0.08, deciding


def test_the_same_seed_makes_the_same_cases() -> None:
    once, again, other = (
        [case.to_json() for case in cases("resource", 20, seed)] for seed in (7, 7, 8)
    )

    assert once == again != other


@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: judge.name)
def test_every_known_disagreement_is_written_up_with_its_page_of_aws(judge: Judge) -> None:
    text = (HERE / "disagreements.md").read_text(encoding="utf-8")
    section = text.partition(f"\n## {judge.name}\n")[2].partition("\n## ")[0]
    entries = re.findall(r"^### (.*)\n((?:(?!### ).*\n?)*)", section, flags=re.MULTILINE)

    assert [name for name, _ in entries] == [reading.name for reading in judge.readings]
    assert all("https://docs.aws.amazon.com/" in body for _, body in entries)

"""Record cases with the judges' verdicts, for the tests that run where there is no Node."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.judges.corpus import MIXES, cases
from tests.judges.tally import JUDGES
from tools.judges.asking import HERE, ask_all

if TYPE_CHECKING:
    from tests.judges.case import Case

RECORDED = Path(__file__).resolve().parents[2] / "tests" / "judges" / "recorded.json"
EACH = 60


def record(seed: int) -> int:
    """Ask the judges about 60 cases of each mix and write down what they say."""
    chosen = [case for mix in MIXES for case in _short_ones(mix, seed)]
    verdicts = {
        judge.name: verdicts_by_case for judge, _, verdicts_by_case in ask_all(JUDGES, chosen)
    }
    entries = [
        {
            "case": case.to_json(),
            "verdicts": {
                name: verdicts_by_case[case.name]
                for name, verdicts_by_case in verdicts.items()
                if case.name in verdicts_by_case
            },
        }
        for case in chosen
    ]
    head = json.dumps({"seed": seed, "judges": _versions()})
    lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in entries)
    RECORDED.write_text(f'{head[:-1]}, "recorded": [\n{lines}\n]}}\n', encoding="utf-8")
    return len(entries)


def _short_ones(mix: str, seed: int) -> list[Case]:
    """Return the shortest of every eight, so that the file stays small and every kind is in it."""
    candidates = [_with_context_it_reads(case) for case in cases(mix, EACH * 8, seed)]
    return [
        min(candidates[start : start + 8], key=lambda case: len(json.dumps(case.to_json())))
        for start in range(0, len(candidates), 8)
    ]


def _with_context_it_reads(case: Case) -> Case:
    text = json.dumps([document for _, document in case.documents()]).lower()
    kept = {key: value for key, value in case.context.items() if key.lower() in text}
    return replace(case, context=kept)


def _versions() -> dict[str, str]:
    packages: dict[str, Any] = json.loads((HERE / "package.json").read_text(encoding="utf-8"))
    pinned = (HERE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    versions = dict(line.split("==") for line in pinned if "==" in line)
    return {
        "iam-simulate": packages["dependencies"]["@cloud-copilot/iam-simulate"],
        "principalmapper": versions["principalmapper"],
    }

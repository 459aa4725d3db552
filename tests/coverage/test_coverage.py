"""Each kind of credential fares as its row of the coverage table says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.coverage import page as written
from tests.coverage.kinds import ALLOWED, COLUMNS, DENIED, KINDS, NOT_PROMISED, Ask, Kind, Use
from tests.support.applied import Applied
from tests.support.workbench import INCIDENT, Bench

LAG_S = 4
PLAYED = [kind for kind in KINDS if kind.had is not None]
# Whose changes are enforced late: everybody's, or the responder's alone.
LAGS = {"false-positive": {}, "confirmed": {"principal": "*ContainmentResponder*"}}


@pytest.mark.lab
@pytest.mark.parametrize("disposition", LAGS)
@pytest.mark.parametrize("kind", PLAYED, ids=[f"{kind.name}-{kind.rung}" for kind in PLAYED])
def test_a_credential_fares_as_its_row_says(bench: Bench, kind: Kind, disposition: str) -> None:
    assert kind.had is not None
    use, lab = kind.had(bench), bench.lab
    read_back = "read back" in kind.row()[0]
    measured = {COLUMNS[0]: _word(use.works, read_back=read_back)}

    lab.faults({"kind": "lag", "seconds": LAG_S, **LAGS[disposition]})
    stack = Applied.up(bench, _spec(use, disposition))
    lab.advance(LAG_S + 1)
    measured[COLUMNS[1]] = _word(use.works, read_back=read_back)
    measured[COLUMNS[2]] = _word(use.bystander)
    measured[COLUMNS[3]] = NOT_PROMISED if use.honest is None else _word(use.honest)
    stack.lift()
    lab.advance(LAG_S + 1)
    last = COLUMNS[4] if disposition == "false-positive" else COLUMNS[5]
    measured[last] = _word(use.works, read_back=read_back)

    row = dict(zip(COLUMNS, kind.row(), strict=True))
    assert measured == {column: row[column] for column in measured}


@pytest.mark.plain
def test_every_cell_of_the_coverage_page_holds_a_measured_result() -> None:
    assert all(cell for kind in KINDS for cell in kind.row())
    assert all(kind.had or kind.note for kind in KINDS)
    assert written.PAGE.read_text(encoding="utf-8") == written.page(), (
        "run 'python -m tests.coverage.page'"
    )


def _word(ask: Ask, *, read_back: bool = False) -> str:
    if read_back:
        return "Active, read back" if ask() else "Inactive, read back"
    return ALLOWED if ask() else DENIED


def _spec(use: Use, disposition: str) -> str:
    spec: dict[str, Any] = {
        "incident": INCIDENT,
        "title": "one credential in the wrong hands",
        "compromised_at": "2026-11-01T00:00:00Z",
        "compromised_at_source": "test",
        "disposition": disposition,
        "severity": "high",
        "cause": "unknown",
        "owner": "somebody@example.com",
        "review_by": "2099-12-01T00:00:00Z",
        "targets": [dict(use.target)],
    }
    return json.dumps(spec)

"""The ten lines that verify a ledger without us, as the documentation shows them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ledger.conftest import Kept
from tests.support.project import STACK

pytestmark = pytest.mark.process

PAGE = Path(__file__).resolve().parents[2] / "docs" / "ledger.md"


@pytest.fixture
def lines() -> str:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return str(example)


def verify(lines: str, file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", lines, str(file)], capture_output=True, text=True, check=False
    )


def test_the_documented_ten_lines_verify_an_intact_ledger(kept: Kept, lines: str) -> None:
    journal = kept.ledger().journal_of(STACK)
    for kind in ("snapshot", "intent", "outcome"):
        journal.write(kind, {"what": "é\n}"}, required=True)

    ran = verify(lines, kept.file)

    assert len([line for line in lines.splitlines() if line]) == 10
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == f"3 entries, head {journal.inspect().head.sha256}\n"


def test_the_documented_lines_name_a_line_that_was_cut_off_and_go_on(
    kept: Kept, lines: str
) -> None:
    journal = kept.ledger().journal_of(STACK)
    journal.write("snapshot", {}, required=True)
    with kept.file.open("ab") as file:
        file.write(b'{"kind":"intent","facts":{}')
    journal.write("outcome", {}, required=True)

    ran = verify(lines, kept.file)

    assert ran.stdout.splitlines() == [
        "line 2 was cut off while it was written",
        f"3 entries, head {journal.inspect().head.sha256}",
    ]


def test_the_documented_lines_name_the_entry_after_a_forged_one(kept: Kept, lines: str) -> None:
    journal = kept.ledger().journal_of(STACK)
    for kind in ("snapshot", "intent", "outcome"):
        journal.write(kind, {}, required=True)
    kept.file.write_text(kept.file.read_text().replace("intent", "nothing"))

    ran = verify(lines, kept.file)

    assert ran.returncode != 0
    assert "entry 3 does not follow" in ran.stderr

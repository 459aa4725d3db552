"""Write ``docs/coverage.md``: python -m tests.coverage.page.

Each cell is what ``test_coverage.py`` holds a run of the lab to.
"""

from __future__ import annotations

from pathlib import Path

from tests.coverage.kinds import COLUMNS, KINDS

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
_HEAD = """\
# Each kind of credential, before, contained and lifted

Every row is played in the lab by `make test`, as AWS documents it: one credential of the kind in
the wrong hands, contained at the rung, lifted after a false positive and after a confirmed leak,
while enforcement lags 4 seconds behind. "Contained" and "lifted" are asked once the lag has passed.
"Read back" is what IAM says of a credential whose use the lab does not play. This page is written
by `python -m tests.coverage.page`.
"""


def page() -> str:
    """Return the page."""
    head = ("credential", "rung", *COLUMNS)
    rows = [head, ("---",) * len(head)]
    rows += [(kind.name, f"`{kind.rung}`", *kind.row()) for kind in KINDS]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    notes = "\n".join(f"- **{kind.name}**: {kind.note}" for kind in KINDS if kind.note)
    return f"{_HEAD}\n{table}\n\n{notes}\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

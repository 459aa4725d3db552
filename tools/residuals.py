"""Write ``docs/residuals.md``: what stays open at each rung, and what issues credentials.

Both come from ``containment/aws/issuers.toml`` by the function that preview and ``up`` ask.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from containment.aws.issuers import table
from containment.lifecycle.residuals import stays_open
from containment.spec.vocabulary import RUNG_EFFECTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PAGE = Path(__file__).parents[1] / "docs" / "residuals.md"
_HEAD = """\
# What stays open, and until when

A rung denies the principal's own calls. What acts as the principal ends with it; what acts as a
role lives until that role is contained; what is used where IAM asks no policy lives until its own
end. `containment preview` and the end of `up` say the same of the principals at hand.

This page is written by `make docs` from `containment/aws/issuers.toml`, which a test holds to every
operation of the locked botocore.
"""
_ACTS_AS = {
    "principal": "What acts as whoever called",
    "role": "What acts as a role",
    "outside": "What is used where IAM asks no policy of ours",
    "door": "What lets others in until it is shut",
}


def page() -> str:
    """Return the page."""
    return "\n".join([_HEAD, *_rungs(), *_issuers()])


def _rungs() -> Iterator[str]:
    for kind, rung in RUNG_EFFECTS:
        yield f"## A {kind} at `{rung}`\n"
        rows = [(one.what, one.until, one.ends) for one in stays_open(kind, str(rung))]
        yield _table(("what", "until", "what ends it earlier"), rows)


def _issuers() -> Iterator[str]:
    for acts_as, heading in _ACTS_AS.items():
        yield f"## {heading}\n"
        yield _table(
            ("operation", "issues", "longest life", "ended by", "source"),
            [
                (f"`{row.operation}`", row.issues, row.longest_life, row.contained_by, row.source)
                for row in table().issuers
                if row.acts_as == acts_as
            ],
        )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *(list(row) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

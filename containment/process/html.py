"""The process as one HTML page that needs nothing else."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from containment.diff import page_of

if TYPE_CHECKING:
    from containment.process.rules import ProcessStatus


def as_html(status: ProcessStatus) -> str:
    """Return *status* as a page; all text in it is escaped, and the page forbids itself scripts."""
    phases = [
        (phase, list(steps))
        for phase, steps in groupby(status.steps, key=lambda one: one.step.phase)
    ]
    return page_of("process.html.j2", status=status, phases=phases)

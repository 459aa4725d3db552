"""The process as Markdown: texts of the record in code spans, words of ours around them."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from containment import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containment.process.rules import ProcessStatus
    from containment.process.steps import StepStatus


def as_markdown(status: ProcessStatus) -> str:
    """Return *status* as a page of Markdown."""
    return "\n".join(_lines(status)) + "\n"


def _lines(status: ProcessStatus) -> Iterator[str]:
    yield f"# Process of {text.markdown(status.incident)}"
    yield ""
    if status.emulated:
        yield "**EMULATED: not AWS; no real account is touched**"
        yield ""
    yield text.markdown(status.title)
    yield ""
    yield f"{status.summary}, at {text.markdown(status.made_at)}"
    for warning in status.warnings:
        yield from ("", f"**Warning**: {text.markdown(warning)}")
    for phase, steps in groupby(status.steps, key=lambda one: one.step.phase):
        yield from ("", f"## {phase}", "")
        yield "| step | | how it stands | by | when | next |"
        yield "|---|---|---|---|---|---|"
        yield from map(_row, steps)


def _row(one: StepStatus) -> str:
    step = one.step
    cells = (one.why, one.author, one.moment, one.command)
    shown = [text.markdown(cell) if cell else "" for cell in cells]
    return f"| {step.number} {step.title} | **{one.progress}** | {' | '.join(shown)} |"

"""What a run changes, made for a stack and shown in the form that was asked for."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any

from cli import render
from containment.diff import (
    as_html,
    as_lines,
    as_markdown,
    as_written,
    changes_as_rows,
    written,
)
from containment.run import preview

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cli.incident import Incident
    from containment.diff import IncidentDiff
    from containment.messages import MadeChange
    from containment.replay.replaying import Replayer
    from containment.run.state import StackState
    from containment.spec import IncidentSpec


def of_up(
    incident: Incident,
    spec: IncidentSpec,
    before: StackState,
    *,
    replayer_of: Callable[[IncidentSpec], Replayer] | None = None,
    with_uses: bool = False,
) -> IncidentDiff:
    """Return what an ``up`` of *spec* changes where *before* is applied; AWS is only read.

    *replayer_of* makes of the spec what replays recorded calls against it. *with_uses* it is listed
    what works with each principal.

    Raises:
        ContainmentError: the spec cannot be planned, or one of its keys not be resolved.
    """
    return preview.of_up(
        incident.stack,
        spec,
        before,
        incident.workplace,
        replayer_of=replayer_of,
        with_uses=with_uses,
    )


def of_lift(incident: Incident, before: StackState) -> IncidentDiff:
    """Return what a lift of *before* changes; AWS is only read."""
    return preview.of_lift(incident.stack, before, incident.workplace)


def show(diff: IncidentDiff, form: str = "text") -> None:
    """Print *diff* as *form* says; on a terminal folded at its width, and coloured."""
    if form == "markdown":
        render.verbatim(as_markdown(diff))
        return
    if form == "html":
        render.verbatim(as_html(diff))
        return
    for line in as_lines(diff, _width()):
        render.say(line.text, style=line.style)


def show_written(made: Iterable[MadeChange]) -> None:
    """Print what *made* wrote on each principal, which is known without reading AWS once more."""
    for line in as_written(written(made), _width()):
        render.say(line.text, style=line.style)


def written_rows(made: Iterable[MadeChange]) -> dict[str, list[dict[str, Any]]]:
    """Return the same as data, by principal's ARN."""
    return {arn: changes_as_rows(changes) for arn, changes in written(made).items()}


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0

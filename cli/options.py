"""The options by which people settle what live, claim and memory do not agree on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from containment.facets import decisions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cli.incident import Incident
    from containment.facets.decisions import Decisions

Command = TypeVar("Command", bound="Callable[..., Any]")

_ABOUT = "FACET[@PRINCIPAL]"


def decision_options(command: Command) -> Command:
    """Give *command* the options ``--force-ours`` and ``--keep-theirs``."""
    theirs = click.option(
        "--keep-theirs",
        multiple=True,
        metavar=_ABOUT,
        help="Where they do not agree: leave what is live, and take away our mark alone.",
    )
    ours = click.option(
        "--force-ours",
        multiple=True,
        metavar=_ABOUT,
        help="Where live, claim and state do not agree: go by what the containment remembers.",
    )
    return ours(theirs(command))


def deciding(incident: Incident, made: Decisions) -> Incident:
    """Return *incident* whose engine, and whose own looks at AWS, go by what was decided."""
    environ = {**incident.engine.environ, decisions.VARIABLE: str(made)}
    return replace(
        incident,
        engine=replace(incident.engine, environ=environ),
        places=replace(incident.places, decisions=made),
    )


def decisions_of(ours: Sequence[str], theirs: Sequence[str], before: str = "") -> Decisions:
    """Return what was decided on the command line, and *before* in the environment.

    Raises:
        SpecError: a decision is not understood, or two contradict each other.
    """
    said = [decisions.decided("force-ours", value) for value in ours]
    said += [decisions.decided("keep-theirs", value) for value in theirs]
    return decisions.parse(" ".join([before, *map(str, said)]))

"""The arguments and options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from containment.facets import decisions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from enum import StrEnum

    from containment.facets.decisions import Decisions

Command = TypeVar("Command", bound="Callable[..., Any]")

_FACET = "FACET[@PRINCIPAL]"


def stack_argument(command: Command) -> Command:
    """Give *command* the argument STACK, passed as *named*."""
    return click.argument("named", metavar="[STACK]", required=False)(command)


def yes_option(command: Command) -> Command:
    """Give *command* the option ``--yes``."""
    return click.option("--yes", "-y", is_flag=True, help="Do not ask.")(command)


def sign_options(command: Command) -> Command:
    """Give *command* the options ``--sign-with`` and ``--pushed-by``."""
    for option in (
        click.option(
            "--pushed-by",
            multiple=True,
            metavar="NAME",
            help="Who pushed commits of the change, as the forge says; a name in allowed_signers.",
        ),
        click.option(
            "--sign-with",
            "key",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="KEY",
            help="The file of your SSH key, or of its public half where an agent has it.",
        ),
    ):
        command = option(command)
    return command


def emergency_option(command: Command) -> Command:
    """Give *command* the option ``--emergency``."""
    return click.option(
        "--emergency",
        metavar="REASON",
        help="Do it before its review, which stays open until somebody else has signed it.",
    )(command)


def verbose_option(command: Command) -> Command:
    """Give *command* the option ``--verbose``."""
    return click.option(
        "--verbose", "-v", is_flag=True, help="Show the engine's own output, on standard error."
    )(command)


def wave_option(command: Command) -> Command:
    """Give *command* the option ``--wave``."""
    return click.option(
        "--wave",
        type=click.IntRange(1, 99),
        help="The targets of waves up to this one; who is contained of a later one stays so.",
    )(command)


def format_option(command: Command) -> Command:
    """Give *command* the option ``--format``, passed as *form*."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(["text", "markdown", "html"]),
        default="text",
        show_default=True,
        help="How the changes are written: for a terminal, for a comment, or as a page.",
    )(command)


def json_option(command: Command) -> Command:
    """Give *command* the option ``--json``, passed as *as_json*."""
    option = click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else."
    )
    return option(command)


def word_option(
    name: str, words: type[StrEnum], *, default: StrEnum | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return an option that takes one of *words*."""
    purpose = (words.__doc__ or "").partition(";")[0].strip().rstrip(".")
    return click.option(
        name,
        type=click.Choice([str(word) for word in words]),
        default=str(default) if default else None,
        show_default=default is not None,
        help=f"{purpose}.",
    )


def decision_options(command: Command) -> Command:
    """Give *command* the options ``--force-ours`` and ``--keep-theirs``.

    They settle what live, claim and state do not agree on; `decisions_of` reads them.
    """
    keep_option = click.option(
        "--keep-theirs",
        multiple=True,
        metavar=_FACET,
        help="Where they do not agree: leave what is live, and take away our mark alone.",
    )
    force_option = click.option(
        "--force-ours",
        multiple=True,
        metavar=_FACET,
        help="Where live, claim and state do not agree: go by what the containment remembers.",
    )
    return force_option(keep_option(command))


def decisions_of(
    force_ours: Sequence[str], keep_theirs: Sequence[str], before: str = ""
) -> Decisions:
    """Return the decisions given by `decision_options`, and *before* in the environment.

    Raises:
        SpecError: a decision is not understood, or two contradict each other.
    """
    choices = [decisions.decided("force-ours", value) for value in force_ours]
    choices += [decisions.decided("keep-theirs", value) for value in keep_theirs]
    return decisions.parse(" ".join([before, *map(str, choices)]))

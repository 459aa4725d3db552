"""The pages of the commands and of AWS's refusals, made from the commands and the advice.

``python -m cli.reference`` writes them; a test holds the committed files to this.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.main import VERBS, containment
from containment.aws.advice import ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE_FILE = Path("docs/commands.md")
REFUSALS_FILE = Path("docs/refusals.md")

_INTRODUCTION = """\
# Commands

`pulumi preview`, `pulumi up` and `pulumi destroy` do the whole job; `containment` finds out, checks
and explains. With `--json` a command prints one JSON document on standard output and everything
else on standard error. With an endpoint that is not AWS's, the first line says EMULATED.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | something else, or a bug |
| 2 | a spec or an argument is wrong |
| 3 | something named is not there |
| 4 | a change did not take, or was undone |
| 5 | live differs from what was left; somebody has to decide |
| 6 | a trace found no record of what it was asked for, which clears nobody |
| 7 | refused; nothing was changed |
| 8 | credentials or permissions are missing |
| 9 | AWS, the lab or the engine does not answer |
| 10 | not verified: nothing speaks against it, and evidence is missing |
| 130 | interrupted |
| 141 | nobody reads the output any more |

Where several principals fail, the code is that of all of them if it is one, and else 4. A preview
ends as the run would.
"""


def page() -> str:
    """Return the page."""
    context = click.Context(containment, info_name="containment")
    sections = [_INTRODUCTION]
    for verb in VERBS:
        command = containment.get_command(context, verb)
        if command is not None:
            sections.extend(_sections(command, f"containment {verb}"))
    return "\n".join(sections)


def _sections(command: click.Command, name: str) -> Iterator[str]:
    context = click.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    help_text = inspect.cleandoc(command.help or "")
    yield f"## `{name}`\n\n```text\n{usage}\n```\n\n{help_text}\n\n{_options(command, context)}"
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            subcommand = command.get_command(context, inner)
            if subcommand is not None:
                yield from _sections(subcommand, f"{name} {inner}")


def _options(command: click.Command, context: click.Context) -> str:
    rows = [
        record
        for parameter in command.get_params(context)
        if isinstance(parameter, click.Option)
        and "--help" not in parameter.opts
        and (record := parameter.get_help_record(context)) is not None
    ]
    if not rows:
        return ""
    lines = [f"| `{_cell(option)}` | {_cell(text).replace('<', '&lt;')} |" for option, text in rows]
    return "\n".join(["| option | |", "|---|---|", *lines]) + "\n"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


_REFUSALS = """\
# When AWS refuses

What AWS says of a refusal tells which kind of policy denied it and which quota is full. A message
of `containment` holds AWS's own words, what they come from, and this step. A refusal that lasts
comes back however often one tries; one that passes goes by itself. A test provokes each of them in
the lab, follows the step, and sees the trouble gone.

| refusal | what it comes from | lasts | what helps | exit code |
|---|---|---|---|---|
"""


def refusals() -> str:
    """Return the page of what AWS refuses, and what helps."""
    rows = [
        f"| {row.name} | {_cell(row.cause)} | {'yes' if row.lasting else 'no'} |"
        f" {_cell(row.step)} | {row.kind.exit_code} |"
        for row in ROWS
    ]
    return _REFUSALS + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE_FILE.write_text(page(), encoding="utf-8")
    REFUSALS_FILE.write_text(refusals(), encoding="utf-8")

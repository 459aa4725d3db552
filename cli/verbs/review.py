"""``containment review``: what applying a change of specs would do, judged. AWS is only read."""

from __future__ import annotations

import os
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import render
from cli.incident import with_backend
from cli.options import format_option, json_option
from containment.errors import SpecError, UnavailableError
from containment.review import (
    REFUSED,
    Judge,
    as_comment,
    as_document,
    as_html,
    as_markdown,
    as_text,
    between,
    fits,
    of_project,
    open_repository,
)
from containment.run import project, state
from containment.run.engine import open_engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.profile import Profile
    from containment.review import ProposedChange, Review
    from containment.review.judging import States


@click.command()
@click.argument("named", nargs=-1, metavar="[STACK]...")
@click.option("--base", metavar="REV", help="The revision that the change is to go into.")
@click.option("--head", metavar="REV", help="The change; the working tree, if left out.")
@click.option(
    "--comment",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write here what fits into one comment of a forge.",
)
@format_option
@json_option
def review(
    *,
    named: Sequence[str],
    base: str | None,
    head: str | None,
    comment: Path | None,
    form: str,
    as_json: bool,
) -> int:
    """Judge what applying a change of specs would do. Nothing is changed.

    With --base, the change is all that --head or the working tree has since it parted from there;
    STACK then picks some of its specs. Without, STACK is an incident whose spec is judged as it
    is. The profile, and whatever else counts beside a spec, is that of --base.

    Ends with 2 if a spec is none, else with 7 if a rule or 'up' refuses it, else with 5 if somebody
    has to decide, else with 9 if not all of it could be analysed, and else with 0.
    """
    if head is not None and base is None:
        raise SpecError("--head needs --base", remedy="name the revision it is to go into")
    if base is None and not named:
        raise SpecError("there is nothing to review", remedy="name --base REV, or an incident")
    this_project = project.find(Path.cwd())
    environ = os.environ  # noqa: TID251 -- an edge
    change: ProposedChange
    if base is not None:
        repository = open_repository(this_project.root, environ)
        change = between(repository, base, head, [project.choose(one, [], None) for one in named])
    else:
        stacks = [project.choose(one, [], None) for one in named]
        change = of_project(this_project.root, stacks)

    def states_of(profile: Profile) -> States:
        settled = with_backend(profile, environ)
        engine = partial(open_engine, this_project.root, settled)
        return partial(state.look_up, this_project.root, settled, engine=engine)

    judged = Judge(this_project.root, states_of).review(change)
    code = judged.exit_code
    if comment is not None:
        _write(comment, as_comment(judged))
        if not fits(judged):
            render.tell("error: this is more than a comment can hold; make several changes of it")
            code = code or REFUSED
    _show(judged, form, as_json=as_json)
    return code


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be written: {error.strerror or error}", remedy="name another file"
        ) from error


def _show(judged: Review, form: str, *, as_json: bool) -> None:
    if as_json:
        render.document(as_document(judged))
    elif form == "markdown":
        render.verbatim(as_markdown(judged))
    elif form == "html":
        render.verbatim(as_html(judged))
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
        for line in as_text(judged, width):
            render.say(line.text, style=line.style)
        render.say("nothing has been changed", style="bold")

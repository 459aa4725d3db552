"""``containment review``: what applying a change of specs would do, judged. AWS is only read."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import render
from cli.incident import on_terminal
from cli.options import format_option, json_option, sign_options, yes_option
from cli.replaying import Replaying, replay_options
from cli.reviewing import judged, planned, require_approvers, signers_at, write_text
from containment.clock import utc_now
from containment.errors import RefusedError, SpecError
from containment.review import (
    REFUSED,
    as_comment,
    as_document,
    as_html,
    as_markdown,
    as_text,
    between,
    fits,
    of_project,
    open_repository,
    profile_of,
)
from containment.review.approval import (
    Approval,
    approvers,
    authors_of,
    read_approval,
    require_fresh,
    require_same,
    sign,
    write_approval,
)
from containment.review.approval import approve as add_approval
from containment.review.approval.record import NAMESPACE
from containment.run import project
from containment.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.review import ProposedChange, Review
    from containment.run.project import Project


@click.command()
@click.argument("named", nargs=-1, metavar="[STACK]...")
@click.option("--base", metavar="REV", help="The revision that the change is to go into.")
@click.option("--head", metavar="REV", help="The change; the working tree, if left out.")
@click.option(
    "--comment",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write here what fits into one comment of a forge.",
)
@click.option(
    "--approve",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Sign what is shown, and write the approval here, beside those of others.",
)
@sign_options
@yes_option
@replay_options
@format_option
@json_option
def review(
    *,
    named: Sequence[str],
    base: str | None,
    head: str | None,
    comment: Path | None,
    approve: Path | None,
    key: Path | None,
    pushed_by: tuple[str, ...],
    yes: bool,
    logs: tuple[str, ...],
    live: bool,
    days: int,
    form: str,
    as_json: bool,
) -> int:
    """Judge what applying a change of specs would do. Nothing is changed.

    With --base, the change is all that --head or the working tree has since it parted from there;
    STACK then picks some of its specs. Without, STACK is an incident whose spec is judged as it
    is. The profile, and whatever else counts beside a spec, is that of --base. With --logs or
    --replay it also says what the change would have refused of the calls of the last days, and of
    whom.

    Ends with 2 if a spec is none, else with 7 if a rule or 'up' refuses it, else with 5 if somebody
    has to decide, else with 9 if not all of it could be analysed, and else with 0.

    With --approve, which takes --base, --head and --sign-with, what ends with 0 is approved: see
    'containment up --approved'. Whoever signed a commit of the change, or pushed it, may not.
    """
    if approve is not None and (base is None or head is None or key is None):
        raise SpecError(
            "--approve needs --base, --head and --sign-with",
            remedy="name the revisions, and the file of your SSH key",
        )
    if head is not None and base is None:
        raise SpecError("--head needs --base", remedy="name the revision it is to go into")
    if base is None and not named:
        raise SpecError("there is nothing to review", remedy="name --base REV, or an incident")
    replaying = Replaying(logs, live, days)
    this_project = project.find(Path.cwd())
    environ = os.environ  # noqa: TID251 -- an edge
    change: ProposedChange
    if base is not None:
        repository = open_repository(this_project.root, environ)
        change = between(repository, base, head, [project.choose(one, [], None) for one in named])
    else:
        stacks = [project.choose(one, [], None) for one in named]
        change = of_project(this_project.root, stacks)

    judgement = judged(this_project, change, replaying.replayer())
    code = judgement.exit_code
    if comment is not None:
        write_text(comment, as_comment(judgement))
        if not fits(judgement):
            render.tell("error: this is more than a comment can hold; make several changes of it")
            code = code or REFUSED
    _show(judgement, form, as_json=as_json)
    if approve is not None and base is not None and key is not None:
        if code != 0:
            raise RefusedError(
                f"{judgement.verdict}, so there is nothing to approve",
                remedy="see above, and mend that first",
            )
        _approve(this_project, change, judgement, base, approve, key, pushed_by, yes=yes)
    return code


def _approve(  # noqa: PLR0917 -- what was said on the command line
    this_project: Project,
    change: ProposedChange,
    judgement: Review,
    base: str,
    file: Path,
    key: Path,
    pushed_by: tuple[str, ...],
    *,
    yes: bool,
) -> None:
    """Sign the plan of *judgement* into *file*, beside the approvals that it has of this plan."""
    environ = os.environ  # noqa: TID251 -- an edge
    plan = planned(this_project, change, judgement)
    approval = Approval(plan)
    if file.exists():
        approval = read_approval(file)
        require_same(approval.plan, plan)
        require_fresh(approval, utc_now())
    repository = open_repository(this_project.root, environ)
    trusted = repository.commit(base)
    signers = signers_at(repository, trusted, this_project.root)
    authors = authors_of(repository, trusted, plan.commit, signers, pushed_by)
    if not yes and not on_terminal():
        raise RefusedError(
            "nobody is here to be asked whether to approve it",
            remedy="read the review, then add --yes",
        )
    if not yes and not click.confirm("Approve this plan?"):
        raise RefusedError("declined; nothing was approved", remedy="run it again to approve")

    def signing(payload: bytes) -> str:
        return sign(payload, key, NAMESPACE, this_project.root, environ)

    approval = add_approval(approval, utc_now(), signing)
    persons = approvers(approval, signers)
    # How many are needed is counted when it is used; who may not is said at once.
    require_approvers(
        authors, persons, signers, profile_of(change), needed=1, pushed=bool(pushed_by)
    )
    write_approval(file, approval)
    render.tell(
        f"approved by {', '.join(map(plain, persons))} until {plan.expires_at}: {plain(str(file))}"
    )


def _show(judgement: Review, form: str, *, as_json: bool) -> None:
    if as_json:
        render.document(as_document(judgement))
    elif form == "markdown":
        render.verbatim(as_markdown(judgement))
    elif form == "html":
        render.verbatim(as_html(judgement))
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
        for line in as_text(judgement, width):
            render.say(line.text, style=line.style)
        render.say("nothing has been changed", style="bold")

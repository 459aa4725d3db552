"""``containment review``: what applying a change of specs would do, judged. AWS is only read."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import render
from cli.emergencies import matters_of, rows_of, signers_of
from cli.incident import begin, on_terminal
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
from containment.review.approval.afterwards import NAMESPACE as APPLIED
from containment.review.approval.afterwards import done_already, sign_off
from containment.review.approval.record import NAMESPACE
from containment.run import project
from containment.run.state import expect_ledger
from containment.run.state import load as load_state
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
@click.option(
    "--applied",
    is_flag=True,
    help="Review what was done already, and sign that with --sign-with.",
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
    applied: bool,
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

    With --applied, which takes one STACK and --sign-with, it is about what was done already, as in
    an emergency: what the ledger has of it is shown beside the page, and is signed as reviewed.
    Whoever applied it may not.
    """
    if applied:
        if len(named) != 1 or key is None or (base, head, approve, comment) != (None,) * 4:
            raise SpecError(
                "--applied takes one STACK and --sign-with",
                remedy="name the incident and the file of your SSH key, and leave the others out",
            )
        return _review_applied(named[0], key, form, yes=yes, as_json=as_json)
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
    change = _proposed(this_project, named, base, head)
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


def _proposed(
    this_project: Project, named: Sequence[str], base: str | None, head: str | None
) -> ProposedChange:
    """Return the change that is meant: between revisions, or the specs as they are there."""
    stacks = [project.choose(one, [], None) for one in named]
    if base is None:
        return of_project(this_project.root, stacks)
    environ = os.environ  # noqa: TID251 -- an edge
    return between(open_repository(this_project.root, environ), base, head, stacks)


def _review_applied(named: str, key: Path, form: str, *, yes: bool, as_json: bool) -> int:
    """Show what was done already, and sign it as reviewed once somebody says so."""
    environ = os.environ  # noqa: TID251 -- an edge
    incident = begin(named)
    caller = incident.workplace.caller().arn
    expect_ledger(load_state(incident.engine, incident.stack), incident.workplace.ledger())
    journal = incident.workplace.ledger().journal_of(incident.stack)
    record = done_already(journal, incident.stack)
    signers = signers_of(incident.project.root)
    emergencies = rows_of(record.emergencies)
    changes = [{"principal": who, "what": what, "result": end} for who, what, end in record.changes]
    judgement = None
    if (incident.project.root / "stacks" / f"{incident.stack}.yaml").is_file():
        judgement = judged(incident.project, of_project(incident.project.root, [incident.stack]))
    if not as_json:
        if judgement is not None:
            _show(judgement, form, as_json=False)
        render.tell(f"already applied, by the ledger ({record.head}):", style="bold")
        for matter in matters_of(record.emergencies, incident.stack):
            render.tell(f"  {matter.what}")
        for who, what, end in record.changes:
            render.tell(f"  {plain(who)}: {plain(what)}: {plain(end)}")
    if not yes and (as_json or not on_terminal()):
        raise RefusedError(
            "nobody is here to be asked whether it is reviewed",
            remedy="read what was done, then add --yes",
        )
    if not yes and not click.confirm("Sign that you have reviewed this?"):
        raise RefusedError("declined; nothing was signed", remedy="run it again to sign")
    person = sign_off(
        journal,
        record,
        signers,
        lambda payload: sign(payload, key, APPLIED, incident.project.root, environ),
        caller=caller,
        bots=incident.workplace.settings.profile.bots,
        now=utc_now(),
    )
    if as_json:
        render.document(
            {
                "stack": incident.stack,
                "reviewed_by": person,
                "review": as_document(judgement) if judgement is not None else None,
                "emergencies": emergencies,
                "changes": changes,
            }
        )
    render.tell(f"reviewed by {plain(person)}: it is on record in {journal.location}")
    return 0


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

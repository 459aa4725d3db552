"""``containment restore``: give principals back by the ledger, without the engine or its state."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import click

from cli import render
from cli.incident import ended, error_document, on_terminal, place_document, settings_of
from cli.options import decision_options, decisions_of, json_option, yes_option
from cli.stopping import stopped_by_signals
from cli.words import ledger_row, ledger_words
from containment.actions import ACTIONS
from containment.aws.cancellation import CancelledError
from containment.errors import (
    ConflictError,
    ContainmentError,
    NotFoundError,
    RefusedError,
    StoppedError,
)
from containment.ledger.places import LedgerSettings
from containment.lifecycle.workplace import Workplace
from containment.run import project, restoration, state
from containment.run.engine import open_engine
from containment.run.project import Project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.ledger import Inspection
    from containment.run.restoration import Owed, Restoration

_SUFFIX = ".jsonl"


@click.command()
@click.option(
    "--from-ledger",
    "place",
    is_flag=False,
    flag_value="",
    required=True,
    metavar="[PLACE]",
    help="Its folder, file or s3://BUCKET/PREFIX; the profile's place, if left out.",
)
@click.option("--incident", "named", help="Whose ledger; the only one there, if left out.")
@click.option("--force", is_flag=True, help="Go on although the stack's state is there.")
@decision_options
@yes_option
@json_option
def restore(
    *,
    place: str,
    named: str | None,
    force: bool,
    force_ours: Sequence[str],
    keep_theirs: Sequence[str],
    yes: bool,
    as_json: bool,
) -> int:
    """Give back what an incident contained, by its ledger alone, where the stack's state is lost.

    Neither the engine nor its state is needed. The ledger's chain is verified first. Every
    principal whose release is not on record is shown with what a lift would do to it, on the terms
    in the spec; on a terminal you are asked, in a pipe it takes --yes. It may be repeated, and
    Ctrl-C stops it after the change in flight. A key goes Active only where the claim on its user
    says the same as the ledger; else --force-ours or --keep-theirs decides, as for a lift.
    """
    this_project = _project()
    incident = _incident(this_project, place, named)
    cancelled = Event()
    workplace = _workplace(this_project, incident, place, cancelled)
    workplace.caller()  # missing credentials are told before anything starts
    _refuse_beside_a_state(this_project, incident, workplace, force=force)
    journal = workplace.ledger().journal_of(incident)
    ledger_entries = restoration.verified_entries(journal)
    ledger = journal.inspect()
    for concern in ledger.concerns:
        render.tell(f"the ledger: {concern}")
    decided = decisions_of(force_ours, keep_theirs)
    decided.require_known(restoration.principals(ledger_entries))
    workplace = replace(workplace, decisions=decided)
    owed = restoration.owed(ledger_entries, workplace)
    asked = any(not item.idle for item in owed) and not yes
    if not as_json:
        _show(incident, ledger, owed)
    if asked:
        _ask(incident, as_json=as_json)
    with stopped_by_signals(cancelled):
        results = [_one(item, workplace, cancelled, as_json=as_json) for item in owed]
    error = _summed(results, incident)
    if as_json:
        render.document(
            {
                "incident": incident,
                **place_document(workplace),
                "ledger": ledger_row(journal.inspect()),
                "principals": [_row(item) for item in results],
                "next": f"containment status {incident}",
                "error": error_document(error) if error else None,
            }
        )
        return ended(error)
    if error is not None:
        raise error
    return 0


def _project() -> Project:
    """Return the project, or this folder: the ledger may be all that is left."""
    try:
        return project.find(Path.cwd())
    except NotFoundError:
        return Project(Path.cwd())


def _incident(this_project: Project, place: str, named: str | None) -> str:
    if named:
        return project.choose(named, [], None)
    path = Path(place or "ledger").expanduser()
    if path.suffix == _SUFFIX:
        return path.stem
    ledger_files = [] if "://" in place else sorted((this_project.root / path).glob(f"*{_SUFFIX}"))
    if len(ledger_files) == 1:
        return ledger_files[0].stem
    listed = ", ".join(file.stem for file in ledger_files)
    raise NotFoundError(
        f"several ledgers are in {path} ({listed})"
        if ledger_files
        else "nobody says which incident",
        remedy="name it with '--incident'",
    )


def _workplace(this_project: Project, incident: str, place: str, cancelled: Event) -> Workplace:
    settings = settings_of(this_project, incident)
    if place:
        # Where somebody names another place, the locks are that bucket's own affair.
        elsewhere = LedgerSettings(str(_absolute(place)))
        settings = replace(settings, profile=replace(settings.profile, ledger=elsewhere))
    return Workplace(
        this_project.root,
        ACTIONS,
        incident,
        settings,
        cancelled=cancelled,
        believed=False,
        warn=render.tell,
    )


def _absolute(place: str) -> str | Path:
    return place if "://" in place else Path(place).expanduser().absolute()


def _refuse_beside_a_state(
    this_project: Project, incident: str, workplace: Workplace, *, force: bool
) -> None:
    """Refuse where the stack's state is there, for a lift by it is surer.

    Raises:
        RefusedError: it holds resources, and nobody forces it.
    """
    try:
        engine = open_engine(this_project.root, os.environ)  # noqa: TID251 -- an edge
        stack_state = state.load(engine, incident)
    except ContainmentError as error:
        render.tell(f"whether {incident} has a state cannot be told here: {error.message}")
        return
    state.expect_ledger(stack_state, workplace.ledger())
    if stack_state is not None and stack_state.resources and not force:
        raise RefusedError(
            f"the state of {incident} is there and holds {len(stack_state.resources)} resources",
            remedy=f"run 'containment lift {incident}', or add --force if that cannot be done",
        )


def _show(incident: str, ledger: Inspection, owed: Sequence[Owed]) -> None:
    render.fields([("incident", incident), ("ledger", ledger_words(ledger))])
    if not owed:
        render.say("every principal in it was released; there is nothing to give back")
    for item in owed:
        render.say(item.principal, style="bold")
        if item.is_deleted:
            render.say("  is gone: its release is put on record")
        elif item.idle:
            render.say("  carries nothing of the incident: its release is put on record")
        for text in item.will:
            render.say(f"  {text}")
        for text in item.conflicts:
            render.say(f"  CONFLICT: {text}", style="red")


def _ask(incident: str, *, as_json: bool) -> None:
    if as_json or not on_terminal():
        raise RefusedError(
            f"restoring {incident} gives access back, and nobody is here to be asked",
            remedy="look at what would be done, then add --yes",
        )
    if not click.confirm(f"Give back what {incident} contained?"):
        raise RefusedError("declined; nothing has been changed", remedy="run it again to restore")


def _one(item: Owed, workplace: Workplace, cancelled: Event, *, as_json: bool) -> Restoration:
    if cancelled.is_set():
        return restoration.Restoration(item, "not given back")
    result = restoration.give_back(item, workplace)
    if not as_json:
        style = "" if result.problem is None else "red"
        render.say(f"{item.principal}: {result.result}", style=style)
        for text in result.lines:
            render.say(f"  {text}")
        if result.problem is not None:
            render.say(f"  {result.problem}", style="red")
    return result


def _summed(results: Sequence[Restoration], incident: str) -> ContainmentError | None:
    failed = [item for item in results if item.result == "not given back"]
    if not failed:
        return None
    if any(item.problem is None or isinstance(item.problem, CancelledError) for item in failed):
        return StoppedError(
            f"stopped; {len(failed)} of {len(results)} principals of {incident} are not given back",
            remedy="run it again to go on: what was done is on record",
        )
    if len(failed) == 1 and failed[0].problem is not None:
        return failed[0].problem
    return ConflictError(
        f"{len(failed)} of {len(results)} principals of {incident} are not given back",
        remedy="settle what is said of each, then run it again",
    )


def _row(item: Restoration) -> dict[str, object]:
    return {
        "principal": item.owed.principal,
        "snapshot_id": getattr(item.owed.snapshot.state, "snapshot_id", None),
        "will": list(item.owed.will),
        "conflicts": list(item.owed.conflicts),
        "result": item.result,
        "done": item.lines,
        "error": error_document(item.problem) if item.problem else None,
    }

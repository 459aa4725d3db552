"""``containment verify``: contained by evidence, not verified, or not contained, and by what."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from cli import render, verdict
from cli.incident import begin, caller_of
from cli.options import json_option, stack_argument
from cli.progress import steps
from cli.stopping import stopped_by_signals
from containment.aws.caller import identify
from containment.clock import isoformat, moment_of
from containment.descendants import path_beside
from containment.errors import AccessError, NotContainedError, SpecError, StoppedError
from containment.run import state
from containment.trail.logs import s3_logs
from containment.verify import kept_verdicts, verification
from containment.verify.access_sets import look_at_access
from containment.verify.log_levels import LogLevels
from containment.verify.log_sources import Brought, EventHistory, LogFiles
from containment.verify.members import members_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from threading import Event

    from cli.incident import Incident
    from containment.spec import IncidentSpec
    from containment.trail import Trace
    from containment.trail.logs.files import FileReport
    from containment.verify.access_sets import AccessSets
    from containment.verify.log_sources import LogSource


@click.command()
@stack_argument
@click.option(
    "--logs",
    multiple=True,
    metavar="PATH",
    help="CloudTrail logs since T0: a file, a folder or an s3:// prefix. May be repeated.",
)
@click.option(
    "--live",
    is_flag=True,
    help="Ask CloudTrail itself: LookupEvents in every enabled Region, with your credentials.",
)
@click.option(
    "--watch",
    is_flag=True,
    help="Wait until the logs cover thirty minutes of the containment; ends early at a success.",
)
@json_option
def verify(
    *, named: str | None, logs: tuple[str, ...], live: bool, watch: bool, as_json: bool
) -> int:
    """Prove that an incident is contained, or say what is missing. Nothing is changed.

    STACK is the incident; the only one in stacks/ or the selected one, if left out. There are
    three verdicts: 'contained, verified' (ends with 0), 'not contained' (4), which names each way
    in that was seen, and 'not verified' (10), which names each piece of evidence that is missing
    and the next command. docs/verify.md says what each level proves, and what not.

    Without --logs and --live no log is read. Ctrl-C ends a watch: what was not looked at is
    missing then.
    """
    _check_options(logs, live=live, watch=watch)
    incident = begin(named)
    spec = incident.project.spec(incident.stack)
    caller = caller_of(incident)
    stack_state = state.load(incident.engine, incident.stack)
    if stack_state is None or not stack_state.resources:
        raise NotContainedError(
            f"not contained: nothing of {incident.stack} is applied",
            remedy=f"run 'containment up {incident.stack}'",
        )
    spec_file = incident.project.root / "stacks" / f"{incident.stack}.yaml"
    with (
        stopped_by_signals(incident.cancelled),
        steps(f"verifying {incident.stack}") as tell,
        TemporaryDirectory(prefix="containment-verify-") as folder,
    ):
        pace = verification.Pace(incident.cancelled.wait, tell)
        records = verdict.records(incident.stack, stack_state)
        levels = (
            LogLevels(
                incident.stack,
                spec,
                members_of(stack_state, spec),
                _source(incident, logs, live=live, folder=Path(folder)),
                _aws_time(incident),
                path_beside(spec_file),
                pace,
                Path(folder) / "index",
                watching=watch,
                harvest=records.harvest,
                remember=partial(_remember, spec_file),
                verified_at=_verified_at(spec_file),
            )
            if logs or live
            else None
        )
        result = verification.verify(
            incident.stack,
            spec=spec,
            state=stack_state,
            workplace=incident.workplace,
            pace=pace,
            logs=levels.run if levels else tuple,
        )
    sets: list[AccessSets] = []
    if not incident.cancelled.is_set():
        sets = look_at_access(members_of(stack_state, spec), incident.workplace)
    access = [asdict(one) for one in sets]
    document = verdict.keep(incident, result, records, access=access)
    if as_json:
        render.document({**document, "access": access})
    else:
        verdict.show(incident, result, caller.arn)
        for one in sets:
            render.say()
            render.fields([("access to", one.principal), *one.lines()])
    return verdict.exit_code(incident, result)


def _check_options(logs: tuple[str, ...], *, live: bool, watch: bool) -> None:
    """Refuse what cannot be meant.

    Raises:
        SpecError: two sources of logs, or a watch over none.
    """
    if logs and live:
        raise SpecError(
            "--logs and --live are two sources of the same records",
            remedy="give one: --live tells silence from logs that are missing",
        )
    if watch and not (logs or live):
        raise SpecError("there is no log to watch", remedy="give --live, or --logs PATH")


def _source(incident: Incident, logs: tuple[str, ...], *, live: bool, folder: Path) -> LogSource:
    """Return where records come from.

    Raises:
        AccessError: there are no credentials, or the enabled Regions cannot be listed for --live.
    """
    from containment.aws import trail_source  # noqa: PLC0415 -- many clients, where logs are read

    if live:
        return EventHistory(
            trail_source.cloudtrail_clients(), folder, partial(_pause, incident.cancelled)
        )
    try:
        regions = _regions(incident)
    except AccessError as error:
        render.tell(f"warning: {error}", style="yellow")
        regions = []
    return LogFiles(regions, partial(_fetch, logs, incident.project.spec(incident.stack), folder))


def _remember(spec_file: Path, answer: Trace) -> None:
    """Keep what a trace found; a lift waits for what would work on."""
    from containment.trail.outputs.remember import remember  # noqa: PLC0415 -- as above

    if answer.credentials:
        remember(answer, spec_file)


def _verified_at(spec_file: Path) -> datetime | None:
    """Return when the incident was verified first, by the verdicts that were kept."""
    try:
        kept = kept_verdicts.load(spec_file)
    except SpecError as error:
        render.tell(f"warning: {error}", style="yellow")
        return None
    moments = (
        moment_of(str(one.get("verified_at"))) for one in kept if one.get("verified") is True
    )
    return next((moment for moment in moments if moment is not None), None)


def _regions(incident: Incident) -> list[str]:
    """Return the Regions that are enabled where the incident is.

    Raises:
        AccessError: the credentials in use are another account's, whose Regions tell nothing.
    """
    from containment.aws import trail_source  # noqa: PLC0415 -- as above

    caller = incident.workplace.clients().sts.get_caller_identity()
    accounts = {
        target.principal.account
        for target in incident.project.spec(incident.stack).targets
        if not target.access_key
    }
    if foreign := sorted(accounts - {str(caller["Account"])}):
        raise AccessError(
            f"the credentials in use are of {caller['Account']}, and which Regions are enabled in"
            f" {', '.join(foreign)} is not known by them",
            remedy="run it with credentials of that account",
        )
    return trail_source.enabled_regions()


def _pause(cancelled: Event, seconds: float) -> None:
    if cancelled.wait(seconds):
        raise StoppedError("stopped while CloudTrail was asked", remedy="run it again")


def _fetch(logs: tuple[str, ...], spec: IncidentSpec, folder: Path) -> Brought:
    """Bring what is not on this machine yet; the rest stays where it is."""
    from containment.aws import trail_source  # noqa: PLC0415 -- as above

    paths: list[str] = []
    unread: list[FileReport] = []
    for place in logs:
        if not s3_logs.is_s3(place):
            paths.append(place)
            continue
        since = isoformat(spec.compromised_at)
        fetched = s3_logs.fetch(trail_source.s3_client(), place, folder / "objects", since)
        paths.append(str(fetched.folder))
        unread += fetched.failed
    return Brought(tuple(paths), tuple(unread))


def _aws_time(incident: Incident) -> Callable[[], datetime]:
    """Return what asks AWS for its time, anew each time."""
    return lambda: identify(incident.workplace.clients().sts).answered_at

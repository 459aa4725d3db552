"""``containment verify``: contained by evidence, not verified, or not contained, and by what."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from cli import render
from cli.incident import begin, caller_of, place_document
from cli.options import json_option, stack_argument
from cli.progress import steps
from cli.stopping import stopped_by_signals
from containment.aws.caller import identify
from containment.clock import isoformat
from containment.descendants import path_beside
from containment.errors import AccessError, NotContainedError, SpecError, StoppedError
from containment.run import state
from containment.trail.logs import s3_logs
from containment.verify import verification
from containment.verify.authorization_records import AuthorizationRecords
from containment.verify.log_levels import LogLevels
from containment.verify.log_sources import Brought, EventHistory, LogFiles
from containment.verify.members import members_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from threading import Event

    from cli.incident import Incident
    from containment.run.state import StackState
    from containment.spec import IncidentSpec
    from containment.trail.logs.files import FileReport
    from containment.verify.log_sources import LogSource
    from containment.verify.verification import Verification

_NOT_VERIFIED = 10
_STYLES = {
    "contained, verified": "bold green",
    "not verified": "bold yellow",
    "not contained": "bold red",
    "holds": "green",
    "broken": "bold red",
    "open": "yellow",
}


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
    with (
        stopped_by_signals(incident.cancelled),
        steps(f"verifying {incident.stack}") as tell,
        TemporaryDirectory(prefix="containment-verify-") as folder,
    ):
        pace = verification.Pace(incident.cancelled.wait, tell)
        levels = (
            LogLevels(
                incident.stack,
                spec,
                members_of(stack_state, spec),
                _source(incident, logs, live=live, folder=Path(folder)),
                _aws_time(incident),
                path_beside(incident.project.root / "stacks" / f"{incident.stack}.yaml"),
                pace,
                Path(folder) / "index",
                watching=watch,
                harvest=_records(incident.stack, stack_state).harvest,
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
    if as_json:
        render.document(_document(incident, result))
    else:
        _show(incident, result, caller.arn)
    return _exit_code(result, stopped=incident.cancelled.is_set())


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
        regions = trail_source.enabled_regions()
    except AccessError as error:
        render.tell(f"warning: {error}", style="yellow")
        regions = []
    return LogFiles(regions, partial(_fetch, logs, incident.project.spec(incident.stack), folder))


def _records(stack: str, stack_state: StackState) -> AuthorizationRecords:
    from containment.aws import trail_source  # noqa: PLC0415 -- as above

    placements = (getattr(item.state, "placement", None) for item in stack_state.resources)
    return AuthorizationRecords(
        trail_source.toolbox_client, stack, deny_all="AWSDenyAll" in placements
    )


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


def _exit_code(result: Verification, *, stopped: bool) -> int:
    if result.verdict.word == "not contained":
        return NotContainedError.exit_code
    if stopped:
        return StoppedError.exit_code
    return 0 if result.verdict.word == "contained, verified" else _NOT_VERIFIED


def _document(incident: Incident, result: Verification) -> dict[str, object]:
    return {
        "stack": incident.stack,
        **place_document(incident.workplace),
        "stopped": incident.cancelled.is_set(),
        "verdict": result.verdict.word,
        "verified": result.verdict.word == "contained, verified",
        "causes": [
            {"level": item.level, "subject": item.subject, "what": item.what, "next": item.step}
            for item in result.verdict.causes
        ],
        "missing": [
            {"level": item.level, "subject": item.subject, "why": item.why, "next": item.step}
            for item in result.verdict.missing
        ],
        "evidence": [
            {
                "level": item.level,
                "reading": item.reading or None,
                "subject": item.subject,
                "outcome": item.outcome,
                "what": item.what,
                "artefact": item.artefact or None,
                "request": item.request or None,
                "authorization": item.authorization or None,
            }
            for item in result.evidence
        ],
        "stays_open": dict(result.stays_open),
    }


def _show(incident: Incident, result: Verification, caller: str) -> None:
    verdict = result.verdict
    render.fields(
        [
            ("stack", incident.stack),
            ("endpoint", incident.workplace.clients().endpoint),
            ("caller", caller),
        ]
    )
    render.say()
    rows = [
        (f"{item.level}.{item.reading}" if item.reading else item.level, item.outcome, item.subject,
         item.what)
        for item in result.evidence
    ]  # fmt: skip
    render.table(("level", "outcome", "of", "seen"), rows, styles=_STYLES)
    render.say()
    stopped = " (stopped before the end)" if incident.cancelled.is_set() else ""
    render.say(f"{verdict.word}{stopped}", style=_STYLES[verdict.word])
    points = [
        *((f"! {one.subject}: {one.what}", "bold red", one.step) for one in verdict.causes),
        *(
            (f"? {one.level} of {one.subject}: {one.why}", "yellow", one.step)
            for one in verdict.missing
        ),
    ]
    for what, style, step in dict.fromkeys(points):
        render.say(what, style=style)
        render.say(f"  {step}", style="cyan")
    if result.stays_open:
        render.say()
        render.fields(
            [
                ("stays open" if index == 0 else "", f"{word}: {text}")
                for index, (word, text) in enumerate(result.stays_open.items())
            ]
        )

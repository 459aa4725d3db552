"""A verdict: asked for, kept beside the spec, shown, and what a verb ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cli import render
from cli.incident import caller_of, place_document
from cli.progress import steps
from cli.stopping import stopped_by_signals
from containment.clock import isoformat
from containment.errors import ContainmentError, NotContainedError, StoppedError
from containment.verify import kept_verdicts, verification
from containment.verify.authorization_records import AuthorizationRecords
from containment.verify.live_probes import LiveProbes
from containment.verify.members import members_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cli.incident import Incident
    from containment.run.state import StackState
    from containment.spec import IncidentSpec
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


def records(stack: str, stack_state: StackState) -> AuthorizationRecords:
    """Return what asks AWS for its own records of calls that *stack* denied."""
    from containment.aws import trail_source  # noqa: PLC0415 -- many clients, where a record is asked for

    placements = (getattr(item.state, "placement", None) for item in stack_state.resources)
    return AuthorizationRecords(
        trail_source.toolbox_client, stack, deny_all="AWSDenyAll" in placements
    )


def probed(incident: Incident, spec: IncidentSpec, stack_state: StackState) -> Probed:
    """Verify what was applied a moment ago, with sessions of the tool's own as well."""
    with stopped_by_signals(incident.cancelled), steps(f"verifying {incident.stack}") as tell:
        pace = verification.Pace(incident.cancelled.wait, tell)
        asked = records(incident.stack, stack_state)
        probes = LiveProbes(
            members_of(stack_state, spec), incident.workplace.clients, asked.harvest, pace
        )
        probes.take_up()
        result = verification.verify(
            incident.stack,
            spec=spec,
            state=stack_state,
            workplace=incident.workplace,
            pace=pace,
            probes=probes.run,
        )
    return Probed(result, asked)


class Probed(NamedTuple):
    """A verification, and AWS's own records that it goes by."""

    result: Verification
    records: AuthorizationRecords


def keep(
    incident: Incident,
    result: Verification,
    asked: AuthorizationRecords,
    *,
    access: Sequence[Mapping[str, object]] = (),
) -> dict[str, object]:
    """Keep a verdict beside the spec with AWS's own records, and return it as JSON has it.

    Who can undo it and who can become its principals is kept with it as *access*, for the report.

    A verdict that cannot be kept is a verdict all the same.
    """
    made = document(incident, result)
    try:
        caller = caller_of(incident)
        kept_verdicts.keep(
            incident.project.root / "stacks" / f"{incident.stack}.yaml",
            {
                **made,
                "verified_at": isoformat(caller.answered_at),
                "caller": caller.arn,
                "records": asked.answers,
                "access": list(access),
            },
        )
    except ContainmentError as error:
        render.tell(f"warning: the verdict is not kept for a report: {error}", style="yellow")
    return made


def exit_code(incident: Incident, result: Verification) -> int:
    """Return what a verdict ends with."""
    if result.verdict.word == "not contained":
        return NotContainedError.exit_code
    if incident.cancelled.is_set():
        return StoppedError.exit_code
    return 0 if result.verdict.word == "contained, verified" else _NOT_VERIFIED


def document(incident: Incident, result: Verification) -> dict[str, object]:
    """Return a verdict and its evidence as JSON has them."""
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


def show(incident: Incident, result: Verification, caller: str) -> None:
    """Show a verdict and its evidence."""
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

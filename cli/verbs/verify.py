"""``containment verify``: contained by evidence, not verified, or not contained, and by what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli import render
from cli.incident import begin, caller_of
from cli.options import json_option, stack_argument
from cli.progress import steps
from cli.stopping import stopped_by_signals
from containment.errors import NotContainedError, StoppedError
from containment.run import state
from containment.verify import verification

if TYPE_CHECKING:
    from cli.incident import Incident
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
@json_option
def verify(*, named: str | None, as_json: bool) -> int:
    """Prove that an incident is contained, or say what is missing. Nothing is changed.

    STACK is the incident; the only one in stacks/ or the selected one, if left out. There are
    three verdicts: 'contained, verified' (ends with 0), 'not contained' (4), which names each way
    in that was seen, and 'not verified' (10), which names each piece of evidence that is missing
    and the next command. docs/verify.md says what each level proves, and what not.
    """
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
    ):
        result = verification.verify(
            incident.stack,
            spec=spec,
            state=stack_state,
            workplace=incident.workplace,
            pace=verification.Pace(incident.cancelled.wait, tell),
        )
    if as_json:
        render.document(_document(incident, result, caller.arn))
    else:
        _show(incident, result, caller.arn)
    return _exit_code(result, stopped=incident.cancelled.is_set())


def _exit_code(result: Verification, *, stopped: bool) -> int:
    if result.verdict.word == "not contained":
        return NotContainedError.exit_code
    if stopped:
        return StoppedError.exit_code
    return 0 if result.verdict.word == "contained, verified" else _NOT_VERIFIED


def _document(incident: Incident, result: Verification, caller: str) -> dict[str, object]:
    clients = incident.workplace.clients()
    return {
        "stack": incident.stack,
        "emulated": clients.emulated,
        "endpoint": clients.endpoint,
        "caller": caller,
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
    lines: dict[str, None] = {}
    for cause in verdict.causes:
        lines[f"! {cause.subject}: {cause.what}\n  {cause.step}"] = None
    for missing in verdict.missing:
        lines[f"? {missing.level} of {missing.subject}: {missing.why}\n  {missing.step}"] = None
    for text in lines:
        what, _, step = text.partition("\n")
        render.say(what, style="bold red" if what.startswith("!") else "yellow")
        render.say(step, style="cyan")
    if result.stays_open:
        render.say()
        render.fields(
            [
                ("stays open" if index == 0 else "", f"{word}: {text}")
                for index, (word, text) in enumerate(result.stays_open.items())
            ]
        )

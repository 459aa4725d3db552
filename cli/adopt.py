"""``containment adopt``: take over a containment whose state was lost."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from cli import render
from cli.incident import begin, caller_of, ended, told
from containment.errors import ConflictError
from containment.run import adoption, failures, state

if TYPE_CHECKING:
    from cli.incident import Incident
    from containment.errors import ContainmentError
    from containment.run.adoption import Candidate


@click.command()
@click.argument("named", metavar="STACK")
@render.json_option
def adopt(*, named: str, as_json: bool) -> int:
    """Take over what STACK has live in AWS into a state that does not know of it.

    For a state that was lost. Every artefact says under which snapshot it was made, and that
    snapshot is imported; 'containment up' then takes the rest over. Nothing in AWS is changed.
    """
    incident = begin(named)
    spec = incident.project.spec(incident.stack)
    caller = caller_of(incident)
    incident.ensure_stack()
    left = state.load(incident.engine, incident.stack) or state.StackState()
    found = adoption.candidates(spec, left, incident.places)
    wanted = [item for item in found if item.standing == "to adopt"]
    error = _import(incident, wanted, as_json=as_json) if wanted else None
    adopted = wanted if error is None else []
    contested = [item.principal.arn for item in found if item.standing == "contested"]
    if error is None and contested:
        error = ConflictError(
            f"{', '.join(contested)} carries marks of more than one snapshot, so nobody can tell"
            " how it was before",
            remedy="restore the stack's state from a backup, or lift these by hand",
        )
    if as_json:
        clients, _ = incident.places.at()
        render.document(
            {
                "stack": incident.stack,
                "emulated": clients.emulated,
                "endpoint": clients.endpoint,
                "caller": caller.arn,
                "adopted": [item.principal.arn for item in adopted],
                "targets": [
                    {
                        "principal": item.principal.arn,
                        "standing": item.standing,
                        "snapshots": list(item.snapshots),
                    }
                    for item in found
                ],
                "next": f"containment up {incident.stack}",
                "error": told(error) if error else None,
            }
        )
        return ended(error)
    render.say()
    for item in found:
        done = "adopted" if item in adopted else item.words
        render.say(f"  {item.principal.arn}  {done}")
    if error is not None:
        raise error
    render.say("next:")
    render.say(f"  containment up {incident.stack}", style="cyan")
    return 0


def _import(
    incident: Incident, wanted: list[Candidate], *, as_json: bool
) -> ContainmentError | None:
    with TemporaryDirectory(prefix="containment-") as folder:
        file = Path(folder) / "import.json"
        file.write_text(adoption.import_file(incident.stack, wanted), encoding="utf-8")
        run = incident.run(
            "import",
            f"--file={file}",
            "--protect=false",
            "--generate-code=false",
            as_json=as_json,
        )
    return failures.of(run, verb="import", stack=incident.stack)

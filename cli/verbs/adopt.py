"""``containment adopt``: take over a containment whose state was lost."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from cli import render
from cli.incident import begin, caller_of, ended, error_document, on_terminal, place_document
from cli.options import json_option
from containment.errors import ConflictError
from containment.run import adoption, failures, restoration, state

if TYPE_CHECKING:
    from cli.incident import Incident
    from containment.errors import ContainmentError
    from containment.run.adoption import Candidate


@click.command()
@click.argument("named", metavar="STACK")
@click.option(
    "--yes",
    "-y",
    is_flag=True,
    help="Take for true what only a claim says of how it was before; do not ask.",
)
@json_option
def adopt(*, named: str, yes: bool, as_json: bool) -> int:
    """Take over what STACK has live in AWS into a state that does not know of it.

    For a state that was lost. Every artefact says under which snapshot it was made, and that
    snapshot is imported; 'containment up' then takes the rest over. Nothing in AWS is changed.

    What keys and attachments were before is told by the ledger where it is intact. Else only a tag
    says it, which an attacker may have written: you are shown it and asked, and what you do not
    confirm (in a pipe: with --yes) is asked again at the lift.
    """
    incident = begin(named)
    spec = incident.project.spec(incident.stack)
    caller_of(incident)
    incident.ensure_stack()
    stack_state = state.load(incident.engine, incident.stack) or state.StackState()
    candidates = adoption.candidates(spec, stack_state, incident.workplace)
    to_adopt = [item for item in candidates if item.status == "to adopt"]
    if any(item.hearsay for item in to_adopt) and _believed(to_adopt, yes=yes, as_json=as_json):
        incident = incident.deciding(adoption.believe(spec, to_adopt, incident.workplace))
    error = _import(incident, to_adopt) if to_adopt else None
    adopted = to_adopt if error is None else []
    contested = [item.principal.arn for item in candidates if item.status == "contested"]
    if error is None and contested:
        error = ConflictError(
            f"{', '.join(contested)} carries marks of more than one snapshot, so nobody can tell"
            " how it was before",
            remedy="restore the stack's state from a backup, or lift these by hand",
        )
    if error is not None:
        error.remedy += restoration.by_ledger(incident.workplace)
    if as_json:
        render.document(
            {
                "stack": incident.stack,
                **place_document(incident.workplace),
                "adopted": [item.principal.arn for item in adopted],
                "targets": [
                    {
                        "principal": item.principal.arn,
                        "standing": item.status,
                        "snapshots": list(item.snapshots),
                        "hearsay": list(item.hearsay),
                    }
                    for item in candidates
                ],
                "next": f"containment up {incident.stack}",
                "error": error_document(error) if error else None,
            }
        )
        return ended(error)
    render.say()
    for item in candidates:
        outcome = "adopted" if item in adopted else item.words
        render.say(f"  {item.principal.arn}  {outcome}")
    if error is not None:
        raise error
    render.say("next:")
    render.say(f"  containment up {incident.stack}", style="cyan")
    return 0


def _believed(to_adopt: list[Candidate], *, yes: bool, as_json: bool) -> bool:
    """Show what only a claim says, and return whether it is to be taken for true."""
    tell = render.tell if as_json else render.say
    for item in to_adopt:
        for sentence in item.hearsay:
            tell(f"{item.principal.arn}: {sentence}: nothing but a claim says so", style="yellow")
    if yes:
        return True
    if on_terminal() and not as_json:
        return click.confirm("Take that for true?")
    tell("the lift will ask about it; --yes takes it for true now")
    return False


def _import(incident: Incident, to_adopt: list[Candidate]) -> ContainmentError | None:
    with TemporaryDirectory(prefix="containment-") as folder:
        file = Path(folder) / "import.json"
        file.write_text(adoption.import_file(incident.stack, to_adopt), encoding="utf-8")
        run = incident.run(
            "import",
            f"--file={file}",
            "--protect=false",
            "--generate-code=false",
        )
    return failures.error_of(run, verb="import", stack=incident.stack)

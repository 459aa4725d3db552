"""``containment open``: from what was reported to a spec that is ready to commit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import render
from cli.options import json_option, word_option
from cli.words import describe_keys
from containment.aws.clients import connect
from containment.aws.faults import explained
from containment.clock import utc_now
from containment.intake.opening import Choices, Opened, open_incident, write
from containment.run.project import specs_folder
from containment.spec import Cause, Disposition, Severity, moment_text

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command("open")
@click.argument("named", metavar="KEY_OR_ARN_OR_FILE")
@click.option("--incident", help="Incident id; the next free inc-<year>-<number> if left out.")
@click.option("--since", help="T0, with its zone: 2026-11-23T21:14:00Z.")
@click.option("--source", help="Where T0 comes from, for example a ticket.")
@click.option("--title", help="What happened, in one line.")
@click.option("--owner", help="Who answers for the containment; you, if left out.")
@word_option("--disposition", Disposition, default=Disposition.SUSPECTED)
@word_option("--severity", Severity)
@word_option("--cause", Cause, default=Cause.UNKNOWN)
@click.option(
    "--break-glass", multiple=True, metavar="ARN", help="A principal that must stay usable."
)
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path),
    help="Where the specs are; the project's stacks/ if left out.",
)
@click.option("--dry-run", is_flag=True, help="Print the spec and write nothing.")
@json_option
def open_(
    *,
    named: str,
    incident: str | None,
    since: str | None,
    source: str | None,
    title: str | None,
    owner: str | None,
    disposition: str,
    severity: str | None,
    cause: str,
    break_glass: Sequence[str],
    directory: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write the spec of an incident, ready to commit. Nothing in AWS is changed.

    KEY_OR_ARN_OR_FILE is an access key id (AKIA…), the ARN of a user or role, a unique id (AIDA…,
    AROA…, AROA…:session), or a file with one GuardDuty finding as AWS's JSON.
    """
    choices = Choices(
        incident=incident,
        since=since,
        source=source,
        title=title,
        owner=owner,
        disposition=Disposition(disposition),
        severity=Severity(severity) if severity else None,
        cause=Cause(cause),
        break_glass=tuple(break_glass),
    )
    with explained("looking for credentials"):
        clients = connect(incident=incident)
    place = directory or specs_folder(Path.cwd())
    opened = open_incident(clients.iam, clients.sts, named, choices, directory=place, now=utc_now())
    if not dry_run:
        write(opened)
    if as_json:
        render.document(_document(opened, written=not dry_run))
    elif dry_run:
        render.verbatim(opened.text)
        _tell_notes(opened)
    else:
        _report(opened)


def _next_commands(opened: Opened) -> list[str]:
    return [
        f"git add {opened.path}",
        f"containment preview {opened.spec.incident}",
        f"containment up {opened.spec.incident}",
    ]


def _document(opened: Opened, *, written: bool) -> dict[str, object]:
    resolved = opened.subject.resolved
    return {
        "incident": opened.spec.incident,
        "path": str(opened.path),
        "written": written,
        "principal": resolved.principal.arn,
        "unique_id": resolved.unique_id,
        "leaked": list(opened.subject.leaked),
        "spec": opened.spec.model_dump(mode="json"),
        "text": opened.text,
        "notes": list(opened.notes),
        "next": _next_commands(opened),
    }


def _report(opened: Opened) -> None:
    spec, resolved = opened.spec, opened.subject.resolved
    render.say(f"wrote {opened.path}", style="bold")
    render.fields(
        [
            (resolved.principal.kind, resolved.principal.arn),
            *describe_keys(resolved, opened.subject.leaked),
            ("rung", str(spec.targets[0].rung)),
            ("T0", f"{moment_text(spec.compromised_at)} ({spec.compromised_at_source})"),
            ("disposition", str(spec.disposition)),
            ("owner", spec.owner),
            ("review by", moment_text(spec.review_by)),
        ]
    )
    _tell_notes(opened)
    render.say("next:")
    for command in _next_commands(opened):
        render.say(f"  {command}", style="cyan")


def _tell_notes(opened: Opened) -> None:
    for note in opened.notes:
        render.tell(f"note: {note}", style="yellow")

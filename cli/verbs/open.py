"""``containment open``: from what was reported to a spec that is ready to commit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import render
from cli.options import json_option, word_option
from cli.words import describe_keys
from containment.aws.clients import connect
from containment.aws.faults import explained
from containment.clock import utc_now
from containment.intake.leaks import MAX_BYTES, is_many, read_leaks
from containment.intake.mass import OpenedMany, open_many
from containment.intake.opening import Choices, Opened, open_incident, write
from containment.run.project import specs_folder
from containment.spec import Cause, Disposition, Severity, moment_text
from containment.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.intake.leaks import Leaks


@click.command("open")
@click.argument("named", metavar="KEY_OR_ARN_OR_FILE...", nargs=-1, required=True)
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
    named: Sequence[str],
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

    Many leaked keys become one incident, each user a target: several ids, or a file (- for standard
    input) with one id a line, CSV, TruffleHog's JSON, SARIF or GitHub's secret scanning alerts. No
    secret in it is kept, and no key is tried by using it. Keys of other accounts are listed.
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
    many = _many(named)
    if many is not None:
        where, leaks = many
        drafted = open_many(
            clients.iam,
            clients.sts,
            leaks,
            choices,
            named=where,
            directory=place,
            now=utc_now(),
        )
        _write_many(drafted, dry_run=dry_run, as_json=as_json)
        return
    (name,) = named
    opened = open_incident(clients.iam, clients.sts, name, choices, directory=place, now=utc_now())
    if not dry_run:
        write(opened)
    if as_json:
        render.document(_document(opened, written=not dry_run))
    elif dry_run:
        render.verbatim(opened.text)
        _tell_notes(opened)
    else:
        _report(opened)


def _many(named: Sequence[str]) -> tuple[str, Leaks] | None:
    """Return what *named* holds, and what it is called, where that is many keys.

    None where it is one name, or a file with one finding of GuardDuty.
    """
    if len(named) > 1:
        return "the command line", read_leaks("\n".join(named).encode(), "the command line")
    (name,) = named
    if name == "-":
        content = sys.stdin.buffer.read(MAX_BYTES + 1)
        return "standard input", read_leaks(content, "standard input")
    try:
        with Path(name).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError):
        return None  # a name, or a file that is told of as one
    shown = plain(name)
    return (shown, read_leaks(content, shown)) if is_many(content) else None


def _write_many(opened: OpenedMany, *, dry_run: bool, as_json: bool) -> None:
    if not dry_run:
        write(opened)
    left_out = [(item.leak.key_id, item.leak.place, str(item.error)) for item in opened.left_out]
    if as_json:
        render.document(
            {
                "incident": opened.spec.incident,
                "path": str(opened.path),
                "written": not dry_run,
                "spec": opened.spec.model_dump(mode="json"),
                "text": opened.text,
                "notes": list(opened.notes),
                "left_out": [
                    {"key": key, "place": place, "why": why} for key, place, why in left_out
                ],
                "unread": list(opened.unread),
                "next": _next_commands(opened),
            }
        )
        return
    if dry_run:
        render.verbatim(opened.text)
    else:
        keys = sum(len(target.leaked) for target in opened.spec.targets)
        render.say(f"wrote {opened.path}", style="bold")
        render.fields(
            [
                ("users", str(len(opened.spec.targets))),
                ("keys", str(keys)),
                ("T0", moment_text(opened.spec.compromised_at)),
            ]
        )
    for key, place, why in left_out:
        render.tell(f"left out: {key} ({place}): {why}", style="yellow")
    for line in opened.unread:
        render.tell(f"not read: {line}", style="yellow")
    _tell_notes(opened)
    if not dry_run:
        render.say("next:")
        for command in _next_commands(opened):
            render.say(f"  {command}", style="cyan")


def _next_commands(opened: Opened | OpenedMany) -> list[str]:
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


def _tell_notes(opened: Opened | OpenedMany) -> None:
    for note in opened.notes:
        render.tell(f"note: {note}", style="yellow")

"""``containment open``: from what was reported to a spec that is ready to commit."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import render
from cli.options import json_option, word_option
from cli.recording import begin_record, this_user
from cli.words import describe_keys
from containment.aws.clients import connect
from containment.aws.faults import explained
from containment.clock import utc_now
from containment.errors import ContainmentError, NotFoundError, SpecError
from containment.intake.leaks import MAX_BYTES, is_many, read_leaks
from containment.intake.mass import OpenedMany, open_many
from containment.intake.opening import Choices, Opened, open_incident, write
from containment.run import project
from containment.run.project import specs_folder
from containment.signals import guardduty, read_reports
from containment.signals.joining import Evidence, Received, join
from containment.signals.naming import named_in
from containment.spec import Cause, Disposition, Severity, moment_text
from containment.text import counted, plain

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
    AROA…, AROA…:session), or a file (- for standard input) with what 'containment signal add'
    reads, about one user or role. What a file reports goes on the incident's record. T0 is when a
    GuardDuty finding saw it first, and else the earliest possible.

    Many leaked keys become one incident, each user a target: several ids, or a file with one id a
    line, CSV, TruffleHog's JSON, SARIF or GitHub's secret scanning alerts. No secret in it is kept,
    and no key is tried by using it. Keys of other accounts are listed.
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
    file = _file(named)
    leaks = _leaks(named, file)
    if leaks is not None:
        where = file.shown if file is not None else "the command line"
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
        if not dry_run:
            _record(file, drafted.path)
        return
    (name,) = named
    subject = name if file is None else _subject(name, file)
    opened = open_incident(
        clients.iam, clients.sts, subject, choices, directory=place, now=utc_now()
    )
    if not dry_run:
        write(opened)
        _record(file, opened.path)
    if as_json:
        render.document(_document(opened, written=not dry_run))
    elif dry_run:
        render.verbatim(opened.text)
        _tell_notes(opened)
    else:
        _report(opened)


@dataclass(frozen=True, slots=True)
class _File:
    """What was read from a file or from standard input, and what that is called."""

    shown: str
    name: str
    content: bytes


def _file(named: Sequence[str]) -> _File | None:
    """Return the one file that is named; None where a name or several are."""
    if len(named) > 1:
        return None
    (name,) = named
    if name == "-":
        return _File("standard input", "-", sys.stdin.buffer.read(MAX_BYTES + 1))
    try:
        with Path(name).open("rb") as file:
            return _File(plain(name), plain(Path(name).name), file.read(MAX_BYTES + 1))
    except (OSError, ValueError):
        return None  # a name, or a file that is told of as one


def _leaks(named: Sequence[str], file: _File | None) -> Leaks | None:
    """Return the keys that are named, where those are many or a scanner's; else None."""
    if len(named) > 1:
        return read_leaks("\n".join(named).encode(), "the command line")
    if file is None or not is_many(file.content):
        return None
    return read_leaks(file.content, file.shown)


def _subject(name: str, file: _File) -> str:
    """Return whom *file* is about; *name* itself for a finding of GuardDuty, which says more."""
    is_path = file.name != "-"
    try:
        reports = read_reports(file.content, file.shown).reports
    except SpecError:
        if is_path:
            return name  # what is wrong with the file is told there
        raise
    if is_path and all(report.source == guardduty.SOURCE for report in reports):
        return name
    return named_in(reports, file.shown)


def _record(file: _File | None, path: Path) -> None:
    """Put what *file* reports on the record of the incident at *path*, if it is of this project.

    An incident is opened without a record as well: what stands in the way is told.
    """
    try:
        root = project.find(Path.cwd()).root
    except NotFoundError:
        return
    if file is None or path.resolve().parent != (root / "stacks").resolve():
        return
    try:
        _, incident, record = begin_record(path.stem)
        reports = read_reports(file.content, file.shown).reports
        evidence = Evidence(file.name, sha256(file.content).hexdigest())
        received = [Received(one, one.source, evidence) for one in reports]
        joined = join(record, received, author=this_user())
    except ContainmentError as error:
        render.tell(f"note: nothing is on the record: {error}", style="yellow")
        return
    words = counted(len(joined), "signal")
    render.tell(f"note: {words} on the record of {incident} ('containment note' shows it)")


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

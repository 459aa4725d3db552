"""``containment signal``: what services, scanners and people report of a leak."""

from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import render
from cli.options import json_option
from cli.recording import begin_record, this_user
from containment import files
from containment.errors import ContainmentError, NotFoundError, SpecError
from containment.identities import parse_principal
from containment.intake.leaks import MAX_BYTES
from containment.intake.text import quoted
from containment.record.secrets import holds_secret
from containment.signals import read_reports
from containment.signals.joining import (
    ANONYMOUS,
    Evidence,
    Joined,
    Received,
    join,
    with_subject,
)
from containment.signals.message import make_message
from containment.spec import target_for
from containment.spec.fields import parsed_moment
from containment.spec.problems import WrongError
from containment.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from containment.run.project import Project
    from containment.signals import Report


@click.group()
def signal() -> None:
    """Keep what is reported of a leak. Nothing in AWS is changed or asked."""


@signal.command()
@click.argument("files_named", metavar="[FILE...]", nargs=-1)
@click.option("--incident", "named", help="The incident; the only one in stacks/, if left out.")
@click.option("--message", help="What a person says, in place of a file.")
@click.option("--from", "reported_by", help="Who reports it; the source of a file, if left out.")
@click.option("--anonymous", is_flag=True, help="Nobody says who reports it: marked unverified.")
@click.option("--subject", help="Whom it is about, where it names nobody: key id, ARN, unique id.")
@click.option("--since", help="With --message: since when, with its zone.")
@click.option("--by", "author", help="Who adds it; your name on this machine, if left out.")
@json_option
def add(
    *,
    files_named: Sequence[str],
    named: str | None,
    message: str | None,
    reported_by: str | None,
    anonymous: bool,
    subject: str | None,
    since: str | None,
    author: str | None,
    as_json: bool,
) -> int:
    """Put reports of a leak on the record of an incident: the same one twice is one.

    FILE is what a service or a scanner wrote (- for standard input): findings of GuardDuty,
    Security Hub (ASFF, OCSF), Access Analyzer and AWS Health, CloudWatch alarms, changes of Config
    compliance, CloudTrail records, a trace's answer, IAM's credential report, cost anomalies,
    budgets, an ACM certificate, GitHub's alerts, TruffleHog, gitleaks, SARIF, or key ids, one a
    line. Of a file its name and SHA-256 are kept, and no secret.

    A report that names nobody is kept and asked about: add it again with --subject.
    """
    if bool(files_named) == (message is not None):
        raise SpecError(
            "what is reported is either in files or in --message", remedy="give one of the two"
        )
    if anonymous and reported_by is not None:
        raise SpecError("--anonymous and --from contradict each other", remedy="leave one out")
    if since is not None and message is None:
        raise SpecError("--since goes with --message", remedy="leave it out: the file says it")
    this_project, incident, record = begin_record(named)
    who = _clean("--from", reported_by)
    adding = _clean("--by", author) or this_user()
    about = _subject(subject)
    received: list[Received] = []
    unread: list[str] = []
    if message is not None:
        report = make_message(message, subject=subject or "", first_seen=_moment(since))
        received.append(Received(report, ANONYMOUS if anonymous else who or adding))
    for file in files_named:
        content, name = _content(file), plain(Path(file).name) if file != "-" else "-"
        reports = read_reports(content, quoted(file) if file != "-" else "standard input")
        evidence = Evidence(name, sha256(content).hexdigest())
        received += [
            Received(one, ANONYMOUS if anonymous else who or one.source, evidence)
            for one in reports.reports
        ]
        unread += [f"{name}: {line}" for line in reports.unread]
    if about is not None:
        received = [
            Received(with_subject(one.report, about), one.reported_by, one.evidence)
            for one in received
        ]
    joined = join(record, received, author=adding)
    if as_json:
        render.document(
            {
                "incident": incident,
                "signals": [_row(one) for one in joined],
                "unread": unread,
                "next": _next(this_project, incident, joined),
            }
        )
    else:
        _show(joined, unread, _next(this_project, incident, joined))
    return 0


def _clean(option: str, value: str | None) -> str:
    """Return *value*, a name that goes on record, if it can be shown and holds no secret."""
    if value is None:
        return ""
    if not value.strip() or holds_secret(value) or len(value) > 200:  # noqa: PLR2004 -- a line
        raise SpecError(f"{option} is no name", remedy="write a name or an address in one line")
    return value


def _subject(value: str | None) -> Report | None:
    if value is None:
        return None
    report = make_message("named by hand", subject=value, first_seen=None)
    if not report.subject.is_resolved:
        shown = "it" if holds_secret(value) else quoted(value)
        raise SpecError(
            f"--subject names nobody: {shown} is neither a key id nor an ARN nor a unique id",
            remedy="name AKIA…, arn:aws:iam::111122223333:user/path/name, or AIDA… or AROA…",
        )
    return report


def _moment(since: str | None) -> datetime | None:
    try:
        return None if since is None else parsed_moment(since)
    except WrongError as error:
        raise error.as_spec_error() from error


def _content(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        return files.read(Path(file), MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFoundError(
            f"there is no file {quoted(file)}", remedy="name a file, or - for standard input"
        ) from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no file has such a name"
        raise SpecError(
            f"{quoted(file)} cannot be read: it {why}"
            if isinstance(error, files.NoRegularFileError)
            else f"{quoted(file)} cannot be read: {why}",
            remedy="name a file that you may read, or - for standard input",
        ) from error


def _row(joined: Joined) -> dict[str, object]:
    received = joined.received
    return {
        "entry": joined.entry,
        "is_new": joined.is_new,
        "reported_by": received.reported_by,
        "is_verified": received.reported_by != ANONYMOUS,
        "is_resolved": received.report.subject.is_resolved,
        **received.report.fields(),
    }


def _show(joined: Sequence[Joined], unread: Sequence[str], steps: Sequence[str]) -> None:
    rows = [
        (
            one.entry if one.is_new else f"{one.entry}, known already",
            one.received.report.source,
            one.received.report.subject.label,
            one.received.report.subject.kind,
            one.received.report.fields()["first_seen"] or "not said",
            one.received.report.title,
        )
        for one in joined
    ]
    render.table(("entry", "source", "about", "credential", "first seen", "what"), rows)
    for line in unread:
        render.tell(f"not read: {line}", style="yellow")
    if steps:
        render.say("next:")
    for step in steps:
        render.say(f"  {step}", style="cyan")


def _next(this_project: Project, incident: str, joined: Sequence[Joined]) -> list[str]:
    """Return what is to do about reports that name nobody, or somebody whom the spec does not."""
    steps: list[str] = []
    if any(not one.received.report.subject.is_resolved for one in joined):
        steps.append(
            "find whom it is about, and add it again with --subject KEY_OR_ARN; until then it is"
            " kept as it is"
        )
    try:
        spec = this_project.spec(incident)
    except ContainmentError:
        return steps  # 'containment check' tells what is wrong with it
    keys = {key for target in spec.targets for key in target.leaked} | set(spec.unpinned)
    for one in joined:
        subject = one.received.report.subject
        if not subject.is_resolved or subject.key_id in keys:
            continue
        try:
            principal = parse_principal(subject.principal)
        except ContainmentError:
            principal = None
        if principal is None or target_for(spec, principal) is None:
            steps.append(
                f"stacks/{incident}.yaml does not name {subject.label}: 'containment resolve"
                f" {subject.key_id or subject.principal}' says what to write there"
            )
    return list(dict.fromkeys(steps))

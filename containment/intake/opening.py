"""Opens an incident: drafts the spec of whoever is meant, ready to commit.

AWS is only asked. What nobody said is filled with the choice that can hurt least, and told: T0
without evidence is the creation of the credential, since an earlier T0 only finds more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import ValidationError

from containment.aws.caller import identify
from containment.errors import ConflictError, ContainmentError, NotFoundError, SpecError
from containment.intake.guard_choice import guard_for
from containment.intake.subject import Subject, find_subject
from containment.intake.text import quoted
from containment.spec import (
    Cause,
    Disposition,
    Guard,
    IncidentSpec,
    Severity,
    emit,
    load,
    target_for,
)
from containment.spec.fields import incident_id
from containment.spec.loading import spec_problems
from containment.spec.problems import WrongError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from mypy_boto3_iam import IAMClient
    from mypy_boto3_sts import STSClient

    from containment.aws.caller import Caller
    from containment.identities import Principal

REVIEW_AFTER = timedelta(days=2)
_NUMBERED = re.compile(r"(?:Pulumi\.)?inc-(?P<year>\d{4})-(?P<number>\d{4})\.yaml", re.ASCII)
_LAST_NUMBER = 9999


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the responder says; whatever is None is found out or filled in."""

    incident: str | None = None
    title: str | None = None
    since: str | None = None
    source: str | None = None
    owner: str | None = None
    disposition: Disposition = Disposition.SUSPECTED
    severity: Severity | None = None
    cause: Cause = Cause.UNKNOWN
    break_glass: tuple[str, ...] = ()


class Draft(Protocol):
    """A drafted spec and the new file that it is to be."""

    @property
    def path(self) -> Path: ...

    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Opened:
    """A drafted incident; *text* is the whole file, *notes* what a responder should know."""

    spec: IncidentSpec
    subject: Subject
    path: Path
    text: str
    notes: tuple[str, ...]


def open_incident(
    iam: IAMClient,
    sts: STSClient,
    named: str,
    choices: Choices,
    *,
    directory: Path,
    now: datetime,
) -> Opened:
    """Return the drafted spec for *named*: an access key id, an ARN, or a finding's file.

    Nothing is written and nothing in AWS is changed.

    Raises:
        ContainmentError: the one reason why there is nobody to contain, or no place for the spec.
    """
    path = place_for(choices, directory, now)
    incident = path.stem
    caller = identify(sts)
    subject = find_subject(iam, sts, named, caller.account)
    others = [quoted(str(other)) for other in _naming(subject, path, now)]
    if others and choices.incident is None:
        # A second run of the same command: two specs for one leak would be two containments.
        raise ConflictError(
            f"{', '.join(others)} names {subject.resolved.principal.label} already",
            remedy="add to that spec, or open another incident on it with --incident",
        )
    mode, reason = guard_for(iam, subject.resolved.principal)
    spec = _drafted(subject, choices, caller, incident, now)
    spec = spec.model_copy(update={"guard": Guard(mode=mode)})
    notes = [reason, *subject.notes, *_warnings(spec, subject, caller, others)]
    if choices.since is None:
        notes.append(subject.since_note)
    return Opened(spec, subject, path, emit(spec), tuple(notes))


def place_for(choices: Choices, directory: Path, now: datetime) -> Path:
    """Return the new file of the incident's spec, which the incident is named by.

    Raises:
        NotFoundError: *directory* is none.
        SpecError: the id that was chosen is none.
        ConflictError: something is there already.
    """
    if not directory.is_dir():
        raise NotFoundError(
            f"{quoted(str(directory))} is not a directory, so the spec has no place",
            remedy="run this in the project's root, or name the directory with --dir",
        )
    try:
        incident = incident_id(choices.incident or next_incident(directory, now.year))
    except WrongError as error:
        raise error.as_spec_error() from error
    path = directory / f"{incident}.yaml"
    refuse_existing(path)
    return path


def _review_by(now: datetime) -> datetime:
    """Return when somebody has to decide again, where nobody said."""
    return (now + REVIEW_AFTER).replace(minute=0, second=0, microsecond=0)


def specs_naming(
    principals: Sequence[Principal], path: Path, now: datetime
) -> dict[str, list[str]]:
    """Return the other specs beside *path* that name some of *principals*, and whom each names."""
    naming: dict[str, list[str]] = {}
    for other, spec in _others(path, now):
        names = [one.label for one in principals if target_for(spec, one) is not None]
        if names:
            naming[quoted(str(other))] = names
    return naming


def write(opened: Draft) -> None:
    """Write the spec as a new file.

    Raises:
        ConflictError: the file is there already; it is left as it is.
        SpecError: it cannot be written.
    """
    try:
        with opened.path.open("x", encoding="utf-8") as file:
            file.write(opened.text)
    except FileExistsError:
        refuse_existing(opened.path)
    except OSError as error:
        raise SpecError(
            f"{opened.path} cannot be written: {error.strerror}",
            remedy="see the directory's owner and mode, or name another one with --dir",
        ) from error


def refuse_existing(path: Path) -> None:
    """Refuse *path* if something is there: a spec says who is contained and is never replaced.

    Raises:
        ConflictError: something is there.
    """
    if path.exists() or path.is_symlink():
        raise ConflictError(
            f"{path} is there already and is not overwritten",
            remedy="add the principal to its targets, or name another incident with --incident",
        )


def next_incident(directory: Path, year: int) -> str:
    """Return the incident id after all those of *year* in *directory*, specs and stacks."""
    numbers = [
        int(match["number"])
        for entry in directory.iterdir()
        if (match := _NUMBERED.fullmatch(entry.name)) and int(match["year"]) == year
    ]
    number = max(numbers, default=0) + 1
    if number > _LAST_NUMBER:
        raise SpecError(
            f"inc-{year}-{_LAST_NUMBER} is taken", remedy="name the incident with --incident"
        )
    return f"inc-{year}-{number:04d}"


def _drafted(
    subject: Subject, choices: Choices, caller: Caller, incident: str, now: datetime
) -> IncidentSpec:
    principal = subject.resolved.principal
    target: dict[str, Any] = {principal.kind: principal.arn, "leaked": subject.leaked}
    since = choices.since or subject.since
    if since is None:
        raise SpecError(
            "the finding has no service.eventFirstSeen, so T0 is not known",
            remedy="give it with --since, such as --since 2026-11-23T21:14:00Z",
        )
    return drafted(
        choices,
        caller,
        now,
        incident=incident,
        title=subject.title,
        compromised_at=since,
        compromised_at_source=subject.since_source,
        severity=subject.severity,
        targets=(target,),
    )


def drafted(choices: Choices, caller: Caller, now: datetime, **fields: object) -> IncidentSpec:
    """Return the spec of *fields*, which were found; what was chosen goes before.

    Raises:
        SpecError: what was chosen or found makes no spec; names each problem.
    """
    source = f"given by {caller.arn}"[:200] if choices.since else None
    chosen = {
        "title": choices.title,
        "compromised_at": choices.since,
        "compromised_at_source": choices.source or source,
        "severity": choices.severity,
    }
    values = {
        **fields,
        **{name: value for name, value in chosen.items() if value},
        "disposition": choices.disposition,
        "cause": choices.cause,
        "owner": choices.owner or caller.arn[:200],
        "review_by": _review_by(now),
        "break_glass": choices.break_glass,
    }
    try:
        return IncidentSpec.model_validate(values, context={"now": now})
    except ValidationError as error:
        *others, last = spec_problems(error)
        lines = [f"{problem.sentence}; mend: {problem.mend}" for problem in others]
        first, *rows = [*lines, last.sentence]
        raise SpecError(
            first, remedy=f"mend: {last.mend}", rows=[f"  {row}" for row in rows]
        ) from error


def _warnings(
    spec: IncidentSpec, subject: Subject, caller: Caller, others: Iterable[str]
) -> Iterator[str]:
    if caller.principal is not None and target_for(spec, caller.principal) is not None:
        yield (
            f"{subject.resolved.principal.label} is who you are calling as, and 'pulumi up' will "
            "refuse it: use other credentials"
        )
    for other in others:
        yield f"{other} names {subject.resolved.principal.label} too: each incident lifts its own"


def _naming(subject: Subject, path: Path, now: datetime) -> Iterator[Path]:
    """Yield the other specs that name who is meant, or a key of theirs."""
    for other, spec in _others(path, now):
        is_named = target_for(spec, subject.resolved.principal) is not None
        if is_named or any(key in spec.unpinned for key in subject.leaked):
            yield other


def _others(path: Path, now: datetime) -> Iterator[tuple[Path, IncidentSpec]]:
    """Yield the other specs beside *path*, as far as they can be read."""
    for other in sorted(path.parent.glob("*.yaml")):
        if other.name.startswith("Pulumi."):
            continue
        try:
            spec = load(other, now=lambda: now)
        except ContainmentError:
            continue  # 'containment check' tells what is wrong with it
        yield other, spec

"""Join reports to an incident: each once, kept on its record, asked about where nobody is named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from containment.record import Kind
from containment.record.record import require_evidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from containment.ledger.chain import Entry
    from containment.record import Record
    from containment.signals.signal import Report

ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The file that a report was read from: its name, and the SHA-256 of its bytes.

    The file itself is not kept: what a scanner writes holds the secret.
    """

    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Received:
    """A report as it reached us: by whom, and from which file."""

    report: Report
    reported_by: str
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """What became of one report; *entry* is its number on the record."""

    received: Received
    entry: int
    is_new: bool


def join(record: Record, received: Iterable[Received], *, author: str) -> list[Joined]:
    """Put each report on *record* that is not on it, and return where each of them is.

    One that is on it without a subject is put there again where it has one now.

    Raises:
        ConflictError: the record is not what was written to it.
        UnavailableError: its place cannot be read or written.
    """
    require_evidence(reading := record.read())
    on_record = by_identity(reading.entries)
    joined: list[Joined] = []
    for one in received:
        identity = (one.report.source, one.report.id)
        before = on_record.get(identity)
        if before is not None and (is_resolved(before) or not one.report.subject.is_resolved):
            joined.append(Joined(one, int(before["n"]), is_new=False))
            continue
        fields = _fields(one, author)
        number = record.add(fields)
        on_record[identity] = {**fields, "n": number}
        joined.append(Joined(one, number, is_new=True))
    return joined


def by_identity(entries: Sequence[Entry]) -> dict[tuple[str, str], Entry]:
    """Return the signals among *entries*, each once, as it was last put there."""
    return {
        (str(entry.get("source")), str(entry.get("id"))): entry
        for entry in entries
        if entry.get("kind") == Kind.SIGNAL
    }


def is_resolved(entry: Mapping[str, Any]) -> bool:
    """Tell whether the signal *entry* names whom it is about."""
    subject = entry.get("subject")
    return isinstance(subject, dict) and any(subject.get(name) for name in ("key_id", "principal"))


def with_subject(report: Report, subject: Report) -> Report:
    """Return *report* about whom *subject* names, where it names nobody itself."""
    if report.subject.is_resolved:
        return report
    named = subject.subject
    about = replace(
        report.subject,
        kind=named.kind if report.subject.kind == "unknown" else report.subject.kind,
        key_id=named.key_id,
        principal=named.principal,
    )
    return replace(report, subject=about)


def _fields(received: Received, author: str) -> dict[str, Any]:
    evidence = received.evidence
    return {
        "kind": str(Kind.SIGNAL),
        "author": author,
        **received.report.fields(),
        "reported_by": received.reported_by,
        "is_verified": received.reported_by != ANONYMOUS,
        "evidence": None
        if evidence is None
        else {"file": evidence.file, "sha256": evidence.sha256},
    }

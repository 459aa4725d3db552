"""The one place that asks for the time; everything else is handed a clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Answers the present moment as an aware UTC datetime."""

    def __call__(self) -> datetime: ...


def utc_now() -> datetime:
    """Return the machine's own idea of the present, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 -- this is the place the ban points to


def isoformat(moment: datetime) -> str:
    """Return *moment* as IAM date conditions want it: whole seconds, UTC, ``Z``.

    Source: IAM User Guide, "Date condition operators" (ISO 8601 date formats, W3C NOTE-datetime).
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_of(text: str | None) -> datetime | None:
    """Return the moment that *text* says in ISO 8601 with a zone, or None where it says none."""
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None

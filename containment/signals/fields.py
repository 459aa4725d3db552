"""Take values out of documents that may hold anything: what is of another type is empty. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

from containment.clock import moment_of

Document = dict[str, Any]
# Beyond this a number of seconds since 1970 is one of milliseconds.
_MILLISECONDS = 1e11


def member(node: object, *path: str) -> Any:
    """Return what stands under *path*, each name in either of AWS's spellings; None if nothing."""
    for name in path:
        if not isinstance(node, dict):
            return None
        document = cast("Document", node)
        other = name[:1].swapcase() + name[1:]
        node = document[name] if name in document else document.get(other)
    return node


def text(node: object, *path: str) -> str:
    """Return the string under *path*; empty if it is none."""
    value = member(node, *path)
    return value if isinstance(value, str) else ""


def document(node: object, *path: str) -> Document:
    """Return the object under *path*; empty if it is none."""
    value = member(node, *path)
    return cast("Document", value) if isinstance(value, dict) else {}


def documents(node: object, *path: str) -> list[Document]:
    """Return the objects in the list under *path*."""
    value = member(node, *path)
    values = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("Document", one) for one in values if isinstance(one, dict)]


def moment(value: object) -> datetime | None:
    """Return the moment that *value* says: ISO 8601 or RFC 1123 with a zone, or since 1970."""
    try:
        if isinstance(value, bool):
            return None
        if isinstance(value, int | float):
            seconds = value / 1000 if abs(value) > _MILLISECONDS else value
            return datetime.fromtimestamp(seconds, UTC)
        if not isinstance(value, str):
            return None
        parsed = moment_of(value.strip()) or _by_mail(value)
        return None if parsed is None or parsed.tzinfo is None else parsed.astimezone(UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _by_mail(value: str) -> datetime | None:
    try:
        return parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError):
        return None


def event_detail(node: Document, source: str) -> Document:
    """Return the detail of an event that EventBridge delivers of *source*; empty if it is none.

    Source: Amazon EventBridge Events Reference, "AWS service event metadata".
    """
    return document(node, "detail") if node.get("source") == source else {}

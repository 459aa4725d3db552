"""What several verbs say in the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.clock import isoformat

if TYPE_CHECKING:
    from collections.abc import Collection

    from containment.aws.resolve import Resolved
    from containment.ledger import Inspection
    from containment.run.fences import Fence


def describe_keys(found: Resolved, leaked: Collection[str] = ()) -> list[tuple[str, str]]:
    """Return a user's access keys as rows of (name, value), the leaked ones named so."""
    if found.principal.kind == "role":
        return []
    rows = [
        (
            "leaked key" if key.access_key_id in leaked else "key",
            f"{key.access_key_id}  {key.status}, made {isoformat(key.created_at)}",
        )
        for key in found.keys
    ]
    gone = set(leaked) - {key.access_key_id for key in found.keys}
    return [*rows, *(("leaked key", f"{key}  not there any more") for key in sorted(gone))]


def ledger_row(found: Inspection) -> dict[str, object]:
    """Return how a ledger stands as data."""
    return {
        "location": found.location,
        "verdict": found.verdict,
        "length": found.head.length,
        "head": found.head.sha256,
        "why": found.why,
        "torn": list(found.torn),
        "unfinished": list(found.unfinished),
        "concerns": list(found.concerns),
    }


def ledger_words(found: Inspection) -> str:
    """Return how a ledger stands in one line."""
    if found.verdict in {"missing", "unreadable"}:
        return f"{found.location}  {'none yet' if not found.why else found.verdict}"
    torn = "".join(f", line {number} cut off by a crash" for number in found.torn)
    return f"{found.location}  {found.verdict}, {found.head}{torn}"


def fence_row(fence: Fence) -> dict[str, object]:
    """Return *fence* as data."""
    return {
        "principal": fence.principal.arn,
        "incident": fence.incident,
        "issued_before": fence.issued_before,
        "until": fence.until,
        "over": fence.over,
    }

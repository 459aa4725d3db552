"""What several verbs say in the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.clock import isoformat

if TYPE_CHECKING:
    from collections.abc import Collection

    from containment.aws.resolve import Resolved
    from containment.ledger import Inspection
    from containment.run.fences import Fence


def describe_keys(resolved: Resolved, leaked: Collection[str] = ()) -> list[tuple[str, str]]:
    """Return a user's access keys as rows of (name, value), the leaked ones named so."""
    if resolved.principal.kind == "role":
        return []
    rows = [
        (
            "leaked key" if key.credential_id in leaked else "key",
            f"{key.credential_id}  {key.status}, made {isoformat(key.created_at)}",
        )
        for key in resolved.keys
    ]
    missing_keys = set(leaked) - {key.credential_id for key in resolved.keys}
    return [*rows, *(("leaked key", f"{key}  not there any more") for key in sorted(missing_keys))]


def ledger_row(inspection: Inspection) -> dict[str, object]:
    """Return how a ledger stands as data."""
    return {
        "location": inspection.location,
        "verdict": inspection.verdict,
        "length": inspection.head.length,
        "head": inspection.head.sha256,
        "why": inspection.why,
        "torn": list(inspection.torn),
        "unfinished": list(inspection.unfinished),
        "concerns": list(inspection.concerns),
    }


def ledger_words(inspection: Inspection) -> str:
    """Return how a ledger stands in one line."""
    if inspection.verdict in {"missing", "unreadable"}:
        return f"{inspection.location}  {'none yet' if not inspection.why else inspection.verdict}"
    torn = "".join(f", line {number} cut off by a crash" for number in inspection.torn)
    return f"{inspection.location}  {inspection.verdict}, {inspection.head}{torn}"


def fence_row(fence: Fence) -> dict[str, object]:
    """Return *fence* as data."""
    return {
        "principal": fence.principal.arn,
        "incident": fence.incident,
        "issued_before": fence.issued_before,
        "until": fence.until,
        "over": fence.over,
    }

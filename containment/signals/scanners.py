"""Read what scanners for secrets write: GitHub, TruffleHog, gitleaks, SARIF, lists of key ids.

What they write is read by :mod:`containment.intake.leaks`, which keeps no secret.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from containment.intake.leaks import Leaks, is_scanned, read_leaks
from containment.signals.signal import Report, make_report

if TYPE_CHECKING:
    from containment.signals.fields import Document

SOURCE = "secret-scan"


def read(node: Document) -> list[Report] | None:
    """Return a report for each key of AWS in *node*; None where it is of no known scanner."""
    if not is_scanned(node):
        return None
    return of_leaks(read_leaks(json.dumps(node).encode(), "the entry"))


def of_leaks(leaks: Leaks) -> list[Report]:
    """Return a report for each key of *leaks*."""
    return [
        make_report(
            SOURCE,
            identity=f"{leak.key_id} {leak.place}",
            title=f"{leak.key_id} is in {leak.place}",
            key_id=leak.key_id,
            resource=leak.place,
            first_seen=leak.found_at,
        )
        for leak in leaks.leaks
    ]

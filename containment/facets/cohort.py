"""Whether the roles of one incident were revoked together.

Two roles that may assume each other keep each other alive if one is revoked while the other is
not: a session of the first, issued before its revocation took hold, mints one of the second that is
younger than the second's revocation time. So every revocation time has to lie behind the moment at
which the last member's deny took hold.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.facets.deny import LiveDeny

# Until a deny is enforced everywhere ("Troubleshoot IAM: Changes that I make are not always
# immediately visible"); the rest of the margin is what two members may be apart.
_PROPAGATION_S = 60


def is_late(members: Sequence[LiveDeny], margin_s: int) -> bool:
    """Tell whether a member may have been open after another's revocation time.

    Each T is its write's moment by AWS's clock plus the margin, or later, so members whose T lie
    within the margin of each other were revoked together. The moments of writing themselves stand
    nowhere by AWS's clock: a generation is counted by the machine that wrote it.
    """
    allowed = timedelta(seconds=max(margin_s - _PROPAGATION_S, 0))
    revoked = [datetime.fromisoformat(item.issued_before) for item in members if item.issued_before]
    return bool(revoked) and max(revoked) - min(revoked) > allowed

"""Whether the roles of one incident were revoked together.

Two roles that may assume each other keep each other alive if one is revoked while the other is
not: a session of the first, issued before its revocation took hold, mints one of the second that is
younger than the second's revocation time. So every revocation time has to lie behind the moment at
which the last member's deny took hold.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from containment.clock import isoformat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.aws.principal import LivePrincipal
    from containment.facets.deny import LiveDeny

# Until a deny is enforced everywhere ("Troubleshoot IAM: Changes that I make are not always
# immediately visible"); the rest of the margin is what two members may be apart.
_PROPAGATION_S = 60
_FARTHEST = timedelta(days=1)


def revocation(live: LivePrincipal, found: LiveDeny, margin_s: int) -> str:
    """Return T: AWS's time just before the write plus the margin, and later than T already live.

    The margin covers sessions minted while the deny spreads. No more than a second is put on a T
    that is ahead, so that members of one incident which were stamped apart come together.
    """
    moments = [live.answered_at + timedelta(seconds=margin_s)]
    if found.issued_before is not None:
        moments.append(datetime.fromisoformat(found.issued_before) + timedelta(seconds=1))
    # A moment that far ahead is not one of ours, and would lock everybody out for good.
    return isoformat(max(item for item in moments if item - live.answered_at < _FARTHEST))


def is_late(members: Sequence[LiveDeny], margin_s: int) -> bool:
    """Tell whether a member may have been open after another's revocation time.

    Each T is its write's moment by AWS's clock plus the margin, or later, so members whose T lie
    within the margin of each other were revoked together. The moments of writing themselves stand
    nowhere by AWS's clock: a generation is counted by the machine that wrote it.
    """
    allowed = timedelta(seconds=max(margin_s - _PROPAGATION_S, 0))
    revoked = [datetime.fromisoformat(item.issued_before) for item in members if item.issued_before]
    return bool(revoked) and max(revoked) - min(revoked) > allowed

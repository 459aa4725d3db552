"""Whether the roles of one incident were revoked together.

Two roles that may assume each other keep each other alive if one is revoked while the other is
not: a session of the first, issued before its revocation took hold, mints one of the second that is
younger than the second's revocation time. So every revocation time has to lie behind the moment at
which the last member's deny took hold.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from containment.clock import isoformat, moment_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.aws.principal import LivePrincipal
    from containment.facets.deny import LiveDeny

# Until a deny is enforced everywhere ("Troubleshoot IAM: Changes that I make are not always
# immediately visible"); the rest of the margin is what two members may be apart.
_PROPAGATION_S = 60
# What a revocation time may lie ahead of AWS's clock plus the margin. Ours is written as exactly
# that, so it needs no more than what passes until the answer is read, and a second a re-write.
_SLACK = timedelta(seconds=60)
MARGIN_S = 120


def revocation(live: LivePrincipal, live_deny: LiveDeny, margin_s: int) -> str:
    """Return T: AWS's time just before the write plus the margin, and later than T already live.

    The margin covers sessions minted while the deny spreads. No more than a second is put on a T
    that is ahead, so that members of one incident which were stamped apart come together. A T that
    lies further ahead than one of ours can is somebody's who may write policies, and would keep
    honest new sessions out: it counts for nothing.
    """
    moments = [live.answered_at + timedelta(seconds=margin_s)]
    if (live_moment := _credible(live_deny.issued_before, live.answered_at, margin_s)) is not None:
        moments.append(live_moment + timedelta(seconds=1))
    return isoformat(max(moments))


def fence_time(live_moment: str | None, state_moment: str | None, now: datetime) -> str | None:
    """Return the T that the fence of a lift goes on denying by; None where none is credible.

    How far ahead a T was written is for no state to say, which would bear out any other one.

    Args:
        live_moment: T as it is live, which whoever may write policies may have moved either way.
        state_moment: T as the state has it, which may say nothing later than now; None if nobody
            knows.
        now: AWS's time.
    """
    soon = now + timedelta(seconds=1)
    moments = [_credible(live_moment, now, MARGIN_S)]
    if (remembered := moment_of(state_moment)) is not None:
        moments.append(min(remembered, soon))
    latest = max((item for item in moments if item is not None), default=None)
    return None if latest is None else isoformat(latest)


def rewritten(
    live_moment: str | None, state_moment: str | None, now: datetime, margin_s: int
) -> str | None:
    """Return T as it was written again: the live one where it is credible and later, else the old.

    Args:
        live_moment: T as it is live.
        state_moment: T as the state has it.
        now: AWS's time.
        margin_s: how far ahead of AWS's clock T is written.
    """
    live, before = _credible(live_moment, now, margin_s), moment_of(state_moment)
    return live_moment if live is not None and (before is None or live > before) else state_moment


def _credible(moment: str | None, now: datetime, margin_s: int) -> datetime | None:
    """Return *moment* unless it lies further ahead of *now* than a T of ours can."""
    parsed = moment_of(moment)
    ahead = timedelta(seconds=margin_s) + _SLACK
    return parsed if parsed is not None and parsed - now <= ahead else None


def is_late(members: Sequence[LiveDeny], margin_s: int) -> bool:
    """Tell whether a member may have been open after another's revocation time.

    Each T is its write's moment by AWS's clock plus the margin, or later, so members whose T lie
    within the margin of each other were revoked together. The moments of writing themselves stand
    nowhere by AWS's clock: a generation is counted by the machine that wrote it.
    """
    allowed = timedelta(seconds=max(margin_s - _PROPAGATION_S, 0))
    revoked = [datetime.fromisoformat(item.issued_before) for item in members if item.issued_before]
    return bool(revoked) and max(revoked) - min(revoked) > allowed

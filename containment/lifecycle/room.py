"""Whether a deny has room on a principal, and what takes its place where it has none: a forecast.

AWS alone decides, when it is written; quotas that an account may have raised are not asked for.
Source: IAM User Guide, "IAM and AWS STS quotas": the inline policies of a user have 2,048
characters together, those of a role 10,240, white space not counted; ten managed policies can be
attached to either by default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.aws import recording
from containment.facets import attachment
from containment.facets.write import Write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.aws.principal import LivePrincipal

INLINE = {"user": 2_048, "role": 10_240}
ATTACHMENTS = 10


def overflow(live: LivePrincipal, name: str, document: str) -> int:
    """Return by how many characters *document*, as inline policy *name*, would be too long.

    Every other inline policy of the principal is read. 0 where there is room.
    """
    others = [live.inline_text(other) or "" for other in live.inline_names() if other != name]
    used = sum(map(_size, [document, *others]))
    return max(used - INLINE[live.principal.kind], 0)


def deny_all_writes(live: LivePrincipal, prior: Sequence[str], why: str) -> list[Write]:
    """Return what would be written to attach AWSDenyAll, because of *why*; nothing is changed.

    *prior* is what was attached when the snapshot was taken.
    """
    deny_all = attachment.deny_all_arn(live.principal.partition)
    attached = live.attached()
    if attachment.holds(live, attached):
        return []
    placed = Write(recording.attachment(deny_all), None, recording.ATTACHED, reason=why)
    if len(attached) < ATTACHMENTS:
        return [placed]
    full = f"{len(attached)} policies are attached, of {ATTACHMENTS} by default"
    way = attachment.room(live, attached, prior)
    if way is not None:
        swap = Write(
            recording.attachment(way),
            recording.ATTACHED,
            None,
            reason=f"makes room for AWSDenyAll, for {full}; it comes back at a lift",
        )
        return [swap, placed]
    if live.permissions_boundary is None:
        return [Write(recording.BOUNDARY, None, deny_all, reason=f"{why}; {full}")]
    return [
        Write(
            recording.attachment(deny_all),
            None,
            recording.ATTACHED,
            reason=f"{why}; {full}, none may give way and a permissions boundary is set: unless the"
            " account's quota is higher this fails, so free room first",
        )
    ]


def replaces_a_deny(write: Write) -> bool:
    """Tell whether *write* is one of those that :func:`deny_all_writes` returns."""
    return write.subject == recording.BOUNDARY or write.subject.startswith(recording.attachment(""))


def _size(document: str) -> int:
    return len("".join(document.split()))

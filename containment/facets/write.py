"""What an action would write, as a value: for whoever looks before it is written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Write:
    """One thing on a principal that an action would write.

    Attributes:
        subject: what it is, such as ``access key AKIAIOSFODNN7EXAMPLE``.
        before: as it is now: a document or a status; None where there is none.
        after: as it would be; None where it would be removed.
        is_document: whether both are policy documents.
        reason: why, where a reader would ask.
        document: the policy that it puts in force, where *after* only sums it up.
    """

    subject: str
    before: str | None
    after: str | None
    is_document: bool = False
    reason: str = ""
    document: str | None = None

"""Which calls change something, and the error of one that was stopped before it was sent."""

from __future__ import annotations

from containment.errors import LIFT, StoppedError

_READ_VERBS = ("Get", "List", "Simulate", "Generate", "Describe")


class CancelledError(StoppedError):
    """The engine asked to stop; the change that was about to be sent was not.

    *sent_before* is True where it was to be sent again, because nobody answered the first time.
    """

    def __init__(self, operation: str, *, sent_before: bool = False) -> None:
        made = "nobody knows whether it was made" if sent_before else "that change was not made"
        super().__init__(
            f"cancelled before {operation}: {made}",
            remedy=f"run 'pulumi up' to finish containing or '{LIFT}' to lift",
        )
        self.sent_before = sent_before


def is_mutating(operation: str) -> bool:
    """Tell whether an IAM or STS *operation* changes anything, by AWS's naming of its verbs."""
    return not operation.startswith(_READ_VERBS)

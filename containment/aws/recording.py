"""What is about to be changed and what came of it, told to whoever keeps the record.

A recorder is told *before* a call that changes something is sent, and again when its outcome is
known. It may refuse by raising: then the call is not sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from botocore.exceptions import ClientError

from containment.aws.cancellation import CancelledError
from containment.aws.faults import code, outcome_unknown
from containment.messages import MadeChange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

Result = Literal["done", "refused", "not sent", "unknown"]
ATTACHED, DETACHED = "attached", "detached"
TRUST = "trust policy"
BOUNDARY = "permissions boundary"


def attachment(policy_arn: str) -> str:
    """Return the name of the facet that is one attachment of a managed policy."""
    return f"attachment {policy_arn}"


def inline_policy(name: str) -> str:
    """Return the name of the facet that is one inline policy."""
    return f"inline policy {name}"


def tag(key: str) -> str:
    """Return the name of the facet that is one tag."""
    return f"tag {key}"


def sign_ins(arns: Iterable[str]) -> str:
    """Return the name of the facet that is some sign-in sessions."""
    return f"sign-in sessions {' '.join(arns)}"


@dataclass(frozen=True, slots=True)
class Change:
    """One call that changes one facet of a principal.

    Attributes:
        operation: as AWS names it.
        principal: its ARN.
        unique_id: what stays the same when it is renamed.
        facet: what is changed, by one of the names above.
        before: what was last read there, None where nothing was.
        read: False where nobody looked, so that *before* says nothing.
        after: what is to be there, None for nothing.
    """

    operation: str
    principal: str
    unique_id: str
    facet: str
    before: str | None
    read: bool
    after: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a change: AWS's own request id, time and, where it refused, error code."""

    result: Result
    request_id: str | None = None
    code: str | None = None
    answered_at: datetime | None = None


class Recorder(Protocol):
    """Keeps a record of changes."""

    def begin(self, change: Change) -> Callable[[Outcome], None]:
        """Write *change* down before it is sent; return what takes its outcome."""
        ...


class Telling:
    """Has *recorder* keep the record, and tells *listener* of every change that AWS may have."""

    def __init__(self, recorder: Recorder, listener: Callable[[Change, Outcome], None]) -> None:
        self._recorder = recorder
        self._listener = listener

    def begin(self, change: Change) -> Callable[[Outcome], None]:
        finish = self._recorder.begin(change)

        def end(outcome: Outcome) -> None:
            finish(outcome)
            if outcome.result in {"done", "unknown"}:
                self._listener(change, outcome)

        return end


class NoRecorder:
    """Keeps nothing."""

    def begin(self, change: Change) -> Callable[[Outcome], None]:
        del change
        return lambda _outcome: None


def made_change(change: Change, outcome: Outcome) -> MadeChange:
    """Return *change*, of which AWS has or may have the *outcome*, as a verb shows it."""
    return MadeChange(
        change.principal,
        change.facet,
        change.before,
        change.after,
        read=change.read,
        certain=outcome.result == "done",
    )


def outcome_of(error: BaseException) -> Outcome:
    """Return what *error*, raised by a call that was to change something, says of the change."""
    if isinstance(error, ClientError):
        answer = error.response.get("ResponseMetadata", {})
        sure = not outcome_unknown(error)
        return Outcome("refused" if sure else "unknown", answer.get("RequestId"), code(error))
    unsent = isinstance(error, CancelledError) and not error.sent_before
    return Outcome("not sent" if unsent else "unknown", code=type(error).__name__)

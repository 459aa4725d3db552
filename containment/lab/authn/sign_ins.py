"""Sign-in sessions of the lab: what ``aws login`` and the AWS MCP Server refresh.

Each is of one user or role, active until it is revoked or ends; only while it is active does a
refresh give tokens. Source: AWS Sign-In API Reference, GetSession and BatchRevokeSessions; IAM API
Reference, CreateLoginProfile (MaxSigninSessionDuration: 90 days at most).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "aws:signinsessionarn"
_LONGEST = timedelta(days=90)


@dataclass(slots=True)
class SignIn:
    """One sign-in session; *owner* is the identity's ARN, without its path."""

    arn: str
    owner: str
    client: str
    issued: datetime
    expires: datetime
    user_agent: str
    last_used: datetime | None = None
    revoked: bool = False

    def works(self, now: datetime) -> bool:
        """Tell whether it may be refreshed."""
        return not self.revoked and now < self.expires


class SignIns:
    """Every sign-in session, the oldest first."""

    def __init__(self) -> None:
        self._by_arn: dict[str, SignIn] = {}

    def make(self, owner: str, client: str, *, now: datetime, user_agent: str) -> SignIn:
        """Return a new sign-in session of *owner*."""
        account = owner.split(":")[4]
        issued = now.replace(microsecond=0)
        made = SignIn(
            f"arn:aws:signin:us-east-1:{account}:session/{uuid4()}",
            owner,
            client,
            issued,
            issued + _LONGEST,
            user_agent,
        )
        self._by_arn[made.arn] = made
        return made

    def find(self, arn: str) -> SignIn | None:
        """Return the one with this ARN."""
        return self._by_arn.get(arn)

    def __iter__(self) -> Iterator[SignIn]:
        """Yield every one, those that ended included."""
        return iter(list(self._by_arn.values()))

    def clear(self) -> None:
        """Forget them all."""
        self._by_arn.clear()

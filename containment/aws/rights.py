"""What is asked once in a run about who acts: its own role, and what it lacks on every target.

The engine makes its checks one after another, so a question a principal would be a round trip a
principal before the first deny. Targets are noted without asking, and the first change that needs
to know has one simulation made for all that were noted by then.
"""

from __future__ import annotations

from threading import Lock, RLock
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.caller import denied_actions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_iam import IAMClient

    from containment.identities import Principal

# Simulated at once: a page of answers has room for a thousand, so many a request are few pages.
_MOST_TARGETS = 50


class Rights:
    """Remembers what IAM answered about roles of the responder's and what they may do."""

    def __init__(self) -> None:
        self._roles: dict[str, Mapping[str, Any] | None] = {}
        self._noted: dict[tuple[Principal, str], frozenset[str]] = {}
        self._denied: dict[tuple[Principal, str], tuple[str, ...] | None] = {}
        # The first is held while AWS is asked, so that others wait for the one answer; the second
        # never, so that no check waits.
        self._asking = RLock()
        self._noting = Lock()

    def role(self, iam: IAMClient, name: str) -> Mapping[str, Any] | None:
        """Return what GetRole says of the role *name*; None where it cannot be read."""
        with self._asking:
            if name not in self._roles:
                self._roles[name] = _role(iam, name)
            return self._roles[name]

    def note(self, acting: Principal, target: str, actions: Iterable[str]) -> None:
        """Note that *acting* is going to need *actions* on *target*; nothing is asked yet."""
        with self._noting:
            self._noted[acting, target] = frozenset(actions)

    def denied(self, iam: IAMClient, acting: Principal, target: str) -> tuple[str, ...] | None:
        """Return which of the actions that were noted for *target* are not allowed on it.

        None where that cannot be told.
        """
        with self._asking:
            if (acting, target) not in self._denied:
                self._simulate(iam, acting, self._noted[acting, target], target)
            return self._denied[acting, target]

    def _simulate(
        self, iam: IAMClient, acting: Principal, actions: frozenset[str], target: str
    ) -> None:
        """Have one simulation answer for *target* and all others that need the same *actions*."""
        with self._noting:
            noted = dict(self._noted)
        waiting = [
            name
            for (who, name), needed in noted.items()
            if (who, needed) == (acting, actions) and (who, name) not in self._denied
        ]
        targets = [target, *(name for name in waiting if name != target)][:_MOST_TARGETS]
        source = self._arn(iam, acting)
        denied = denied_actions(iam, source, sorted(actions), targets) if source else None
        for name in targets:
            self._denied[acting, name] = None if denied is None else tuple(denied[name])

    def _arn(self, iam: IAMClient, acting: Principal) -> str | None:
        """Return the ARN of *acting* with its path, which a role session's does not have."""
        if acting.kind == "user":
            return acting.arn
        role = self.role(iam, acting.name)
        return str(role["Arn"]) if role else None


def _role(iam: IAMClient, name: str) -> Mapping[str, Any] | None:
    try:
        answer: Any = iam.get_role(RoleName=name)
    except (ClientError, BotoCoreError):
        return None
    role: Mapping[str, Any] = answer["Role"]
    return role

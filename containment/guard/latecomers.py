"""Deny whoever was made while the containment ran, until nobody new appears.

A control policy takes seconds to bind, so identities are listed again and again for as long as AWS
may take. Who was made since T0 and before the run began is named and denied nothing, for IAM does
not tell by whom; who is exempt cannot be denied, and is named too.

Source: IAM API Reference, GetUser, GetRole, ListAccessKeys and GetLoginProfile (who is there still,
and what they can sign or sign in with).
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from containment.aws.faults import explained, is_missing
from containment.aws.principal import locate
from containment.errors import NotContainedError
from containment.guard import newcomers
from containment.identities import parse_principal
from containment.lifecycle.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from containment.guard.newcomers import Newcomer
    from containment.lifecycle.context import Context

PERMISSIONS = newcomers.PERMISSIONS | frozenset(
    {"iam:GetLoginProfile", "iam:GetRole", "iam:GetUser"}
)
# New identities are looked for no longer than this many times the lag: somebody makes them anew.
_LONGEST_LOOK = 10
_SHOWN = 12
_pause = time.sleep


class Late(Wire):
    """A principal that was made while the containment ran, and the key where only that is new."""

    principal_id: str
    principal: str
    access_key_id: str = ""

    def __str__(self) -> str:
        """Return the ARN."""
        return self.principal


class Search:
    """Looks for new identities of one account, and says each of them once."""

    def __init__(self, context: Context, account: str, since: datetime, began: datetime) -> None:
        """Look for who was made at *since* or later; suspect is who was made at *began* or later.

        *since* is T0, and *began* is when the attacker could first see the containment.
        """
        self._context = context
        self._account = account
        self._since = min(since, began)
        self._began = began
        self._named: set[str] = set()

    def until_quiet(
        self,
        dealt_with: Collection[str],
        exempt: Collection[str],
        deny: Callable[[Sequence[Newcomer]], None],
    ) -> None:
        """Have suspects denied until none appeared for as long as a control policy takes to bind.

        Args:
            dealt_with: unique ids of those who are dealt with already.
            exempt: the ARNs of those whom the guard leaves alone.
            deny: denies those whom it is given.

        Raises:
            NotContainedError: new ones still appear after many times that long.
        """
        lag = timedelta(seconds=self._context.profile.guard_lag_s)
        handled = set(dealt_with)
        quiet_since: datetime | None = None
        first: datetime | None = None
        self._context.say(
            "info", f"looking for new identities until none appeared for {lag.seconds} s"
        )
        while True:
            made = newcomers.made_since(self._context.clients.iam, self._since, self._began)
            first = first or made.asked_at
            suspects = [one for one in made.principals if one.made_at >= self._began]
            fresh = [one for one in suspects if not _is_handled(one, handled, exempt)]
            if fresh:
                self._warn_of(fresh)
                deny(fresh)
                handled.update(one.unique_id for one in fresh)
            if fresh or quiet_since is None:
                quiet_since = made.asked_at
            older = [one for one in made.principals if one not in suspects]
            self._name_older([one for one in older if not _is_handled(one, handled, exempt)])
            self._name_exempt([one for one in suspects if one.arn in exempt])
            if made.asked_at - quiet_since >= lag:
                return
            if made.asked_at - first >= lag * _LONGEST_LOOK:
                seconds = int((made.asked_at - first).total_seconds())
                raise NotContainedError(
                    f"new identities still appear in account {self._account}"
                    f" {seconds} s after the guard was set",
                    remedy="see in CloudTrail who makes them; where it is no exempt principal,"
                    " the guard does not bind yet: run 'pulumi up' again",
                )
            _pause(max(0.5, lag.total_seconds() / 10))

    def _warn_of(self, fresh: Sequence[Newcomer]) -> None:
        for one in fresh:
            self._context.say(
                "warning",
                f"{one} was made while the containment ran: denied everything until the lift",
            )

    def _name_older(self, older: Sequence[Newcomer]) -> None:
        """Name, once, who was made since T0 and before the run began: nobody knows by whom."""
        unnamed = [str(one) for one in older if str(one) not in self._named]
        self._named.update(unnamed)
        if unnamed:
            more = f" and {len(unnamed) - _SHOWN} more" if len(unnamed) > _SHOWN else ""
            self._context.say(
                "warning",
                "made since T0, and denied nothing, for IAM does not tell by whom:"
                f" {', '.join(unnamed[:_SHOWN])}{more}; ask 'containment trace'",
            )

    def _name_exempt(self, exempt: Sequence[Newcomer]) -> None:
        """Name, once, who is exempt and new, or has a new key: nobody may deny them anything."""
        for one in exempt:
            if str(one) not in self._named:
                self._named.add(str(one))
                self._context.say(
                    "warning",
                    f"{one} was made while the containment ran and is EXEMPT from the guard: where"
                    " it was none of you, take it out of containment.yaml and contain it at once",
                )


def can_act(iam: Any, late: Late) -> bool:
    """Tell whether somebody can act as *late*: a role that is there, a user's key or password.

    Raises:
        AccessError: the caller may not look.
        UnavailableError: IAM does not answer.
    """
    with explained(f"looking for {late}"):
        live = locate(iam, parse_principal(late.principal), late.principal_id)
        if live is None:
            return False
        if live.principal.kind == "role":
            return True
        keys = [one for one in live.access_keys() if one.status == "Active"]
        if late.access_key_id:
            return any(one.credential_id == late.access_key_id for one in keys)
        return bool(keys) or _has_password(iam, live.principal.name)


def _is_handled(one: Newcomer, handled: Collection[str], exempt: Collection[str]) -> bool:
    return one.unique_id in handled or one.arn in exempt


def _has_password(iam: Any, name: str) -> bool:
    try:
        iam.get_login_profile(UserName=name)
    except ClientError as error:
        if is_missing(error):
            return False
        raise
    return True

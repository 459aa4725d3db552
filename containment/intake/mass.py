"""Opens one incident of many leaked keys: each leads to its user, who becomes a target once.

Whatever is not of this account, or cannot be resolved, is listed and stops nothing. People go
before what runs by itself: a user who never signed in to the console is taken for a machine's, and
gets a wave of its own, the second.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from containment.aws.caller import identify
from containment.aws.resolve import Resolved, resolve_access_key
from containment.clock import isoformat
from containment.errors import ContainmentError, NotFoundError, SpecError
from containment.intake.guard_choice import guard_for
from containment.intake.opening import Choices, drafted, place_for, specs_naming
from containment.spec import Guard, GuardMode, IncidentSpec, Limits, Severity, emit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from mypy_boto3_iam import IAMClient
    from mypy_boto3_sts import STSClient

    from containment.aws.caller import Caller
    from containment.intake.leaks import Leak, Leaks

_AT_ONCE = 16
# As many as limits.principals may allow.
_MOST_TARGETS = 1000
_MOST_SHOWN = 5
_EXAMPLE = "a key of this account, or use the responder role of the account that they belong to"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One key that leads to nobody here, and why."""

    leak: Leak
    error: ContainmentError


@dataclass(slots=True)
class _User:
    resolved: Resolved
    leaks: list[Leak] = field(default_factory=list["Leak"])

    @property
    def since(self) -> datetime:
        """When the first of its keys may have leaked: no earlier than it was made.

        When somebody found it says nothing of that: what an attacker made in between would count
        for the user's own and come back at a lift. A commit's date is its author's word besides.
        """
        made = {one.credential_id: one.created_at for one in self.resolved.keys}
        return min(made[leak.key_id] for leak in self.leaks)

    @property
    def found_at(self) -> datetime | None:
        """When the first of its keys was found, as far as somebody says."""
        times = [leak.found_at for leak in self.leaks if leak.found_at is not None]
        return min(times, default=None)


@dataclass(frozen=True, slots=True)
class OpenedMany:
    """A drafted incident of many keys; *text* is the whole file.

    *left_out* are the keys that lead to nobody of this account, *unread* the entries without one.
    """

    spec: IncidentSpec
    path: Path
    text: str
    notes: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    unread: tuple[str, ...]


def open_many(
    iam: IAMClient,
    sts: STSClient,
    leaks: Leaks,
    choices: Choices,
    *,
    named: str,
    directory: Path,
    now: datetime,
) -> OpenedMany:
    """Return the drafted spec of all users to whom *leaks*, read from *named*, lead.

    Nothing is written, nothing in AWS is changed, and no key is used.

    Raises:
        NotFoundError: none of the keys leads to a user of this account; each is named with why.
        SpecError: there are more users than one spec may have, or no place for it.
    """
    path = place_for(choices, directory, now)
    caller = identify(sts)
    users, left_out = _resolved(iam, sts, leaks.leaks)
    if not users:
        rows = [f"  {item.leak.key_id}: {item.error.message}" for item in left_out]
        raise NotFoundError(
            f"{named} leads to no user of account {caller.account}",
            remedy=f"name {_EXAMPLE}",
            rows=[*rows, *(f"  {line}" for line in leaks.unread)],
        )
    if len(users) > _MOST_TARGETS:
        raise SpecError(
            f"{len(users)} users are more than the {_MOST_TARGETS} that one spec may have",
            remedy="split the list, and open an incident for each part",
        )
    mode, reasons = _guard(iam, users)
    spec = _drafted(users, choices, caller, path.stem, mode, now)
    return OpenedMany(
        spec,
        path,
        emit(spec),
        (*reasons, *_notes(users, leaks, caller, path, now)),
        tuple(left_out),
        leaks.unread,
    )


def _resolved(
    iam: IAMClient, sts: STSClient, leaks: Sequence[Leak]
) -> tuple[list[_User], list[LeftOut]]:
    def ask(leak: Leak) -> Resolved | ContainmentError:
        try:
            return resolve_access_key(iam, sts, leak.key_id)
        except ContainmentError as error:
            return error

    users: dict[str, _User] = {}
    left_out: list[LeftOut] = []
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        for leak, answer in zip(leaks, pool.map(ask, leaks), strict=True):
            if isinstance(answer, ContainmentError):
                left_out.append(LeftOut(leak, answer))
            else:
                users.setdefault(answer.unique_id, _User(answer)).leaks.append(leak)
    return list(users.values()), left_out


def _guard(iam: IAMClient, users: Sequence[_User]) -> tuple[GuardMode, list[str]]:
    """Return the guard to begin with, and why: a freeze where one of *users* asks for it."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        principals = [user.resolved.principal for user in users]
        answers = list(pool.map(partial(guard_for, iam), principals))
    frozen = [reason for mode, reason in answers if mode is not GuardMode.OFF]
    doubtful = [reason for _, reason in answers if "could not be simulated" in reason]
    reasons = frozen or doubtful or [reason for _, reason in answers]
    more = [f"so it is for {len(reasons) - 1} more of them"] if len(reasons) > 1 else []
    return (GuardMode.FREEZE if frozen else GuardMode.OFF), [reasons[0], *more]


def _drafted(  # noqa: PLR0917 -- what a spec is made of
    users: Sequence[_User],
    choices: Choices,
    caller: Caller,
    incident: str,
    mode: GuardMode,
    now: datetime,
) -> IncidentSpec:
    mixed = len({user.resolved.signs_in for user in users}) > 1
    ordered = sorted(users, key=lambda user: not user.resolved.signs_in) if mixed else users
    targets: list[dict[str, Any]] = []
    for user in ordered:
        target: dict[str, Any] = {
            "user": user.resolved.principal.arn,
            "leaked": tuple(dict.fromkeys(leak.key_id for leak in user.leaks)),
        }
        if mixed and not user.resolved.signs_in:
            target["wave"] = 2
        targets.append(target)
    first = min(users, key=lambda user: user.since)
    keys = sum(len(user.leaks) for user in users)
    return drafted(
        choices,
        caller,
        now,
        incident=incident,
        title=f"{keys} access key{'s' if keys > 1 else ''} of {len(users)} users leaked",
        compromised_at=first.since,
        compromised_at_source="the earliest moment possible: when the first of the keys was made",
        severity=Severity.HIGH,
        targets=tuple(targets),
        guard=Guard(mode=mode),
        limits=Limits(principals=max(Limits().principals, len(users))),
    )


def _notes(
    users: Sequence[_User], leaks: Leaks, caller: Caller, path: Path, now: datetime
) -> list[str]:
    notes: list[str] = []
    if len(users) > Limits().principals:
        notes.append(f"limits.principals is {len(users)}: read the list before you apply it")
    if len({user.resolved.signs_in for user in users}) > 1:
        notes.append(
            "users who never signed in to the console are in wave 2: 'containment up --wave 1'"
            " contains the others first, 'containment up' all"
        )
    if leaks.others:
        notes.append(f"{leaks.others} findings are of something else than a key of AWS")
    found_at = min((user.found_at for user in users if user.found_at is not None), default=None)
    if found_at is not None:
        notes.append(
            f"the first was found at {isoformat(found_at)}, says its finder; T0 is when the first"
            " was made, for nobody says when it leaked: give a later one by --since where it is"
            " known"
        )
    for user in users:
        principal = user.resolved.principal
        if caller.principal is not None and caller.principal.label == principal.label:
            notes.append(
                f"{principal.label} is who you are calling as, and 'up' will refuse it: use other"
                " credentials"
            )
    by_spec = specs_naming([user.resolved.principal for user in users], path, now)
    for other, names in by_spec.items():
        shown = ", ".join(names[:_MOST_SHOWN])
        more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
        notes.append(f"{other} names {shown}{more} too: each incident lifts its own")
    return notes

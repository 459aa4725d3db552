"""Replay recorded calls against planned policies: what would have been refused, and of whom.

Calls that AWS refused are left out: nothing is taken from anybody by refusing them again. What no
policy can deny is refused by nothing but an Inactive key. Sources: STS API Reference,
GetCallerIdentity (no policy denies it) and "Permissions for GetSessionToken"; CloudTrail User
Guide, "AWS Management Console sign-in events" (a sign-in asks no policy); Organizations User Guide,
"Service control policies" (service-linked roles and the management account are out of reach).

A deny of tokens that were issued before T refuses what a session does, and whoever made it makes a
new one. So calls of sessions that have ended are told apart, and those of sessions that may live
are an upper bound: a session may be shorter than the longest that AWS allows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from containment.clock import isoformat
from containment.iam_policy.bounds import Denies, Refusal
from containment.replay.callers import request_of
from containment.replay.collateral import Collateral, Replayed, ago
from containment.replay.denials import planned_denials
from containment.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from containment.aws.principal import LivePrincipal
    from containment.facets.write import Write
    from containment.replay.attackers import Attackers
    from containment.replay.callers import RecordedCaller
    from containment.replay.collateral import Bound
    from containment.replay.denials import Denials
    from containment.replay.history import Calls, History

_UNDENIABLE = frozenset({"sts:GetCallerIdentity", "sts:GetSessionToken"})
_SIGN_IN = "signin:"
_ISSUED = "aws:tokenissuetime"
_DISTANT = "9999-01-01T00:00:00Z"
# STS API Reference: AssumeRole and its kin last up to 12 hours, GetSessionToken and
# GetFederationToken up to 36.
_OF_ROLES, _OF_USERS = timedelta(hours=12), timedelta(hours=36)
_MOST_CALLERS = 12
_MAY_BE_OVER = "a session may have ended before the longest that AWS allows"


@dataclass(slots=True)
class _Tally:
    """Calls of one caller that one thing refuses."""

    sure: int = 0
    unsure: int = 0
    unknown: set[str] = field(default_factory=set[str])
    is_dated: bool = False
    first: int = 0
    last: int = 0
    names: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])

    @property
    def calls(self) -> int:
        """How many were refused, or may have been."""
        return self.sure + self.unsure


_Group = tuple[str, str, bool]


@dataclass(frozen=True, slots=True)
class Replayer:
    """Replays what was called in a time.

    Attributes:
        history: the calls.
        attackers: which of them are the attacker's.
        targets: labels of all principals of the incident; a guard is weighed for everybody else.
        now: the time of the question.
    """

    history: History
    attackers: Attackers
    targets: frozenset[str]
    now: datetime

    def of_principal(self, live: LivePrincipal, writes: Iterable[Write]) -> Replayed:
        """Return what *writes* on *live* would have refused."""
        denials = planned_denials(writes, live.principal.partition)
        longest = live.longest_session_s
        return self.weigh(
            denials,
            live.unique_id,
            live.principal.label,
            arn=live.principal.arn,
            longest=timedelta(seconds=longest) if longest else _OF_USERS,
        )

    def weigh(
        self, denials: Denials, unique_id: str, label: str, *, arn: str, longest: timedelta
    ) -> Replayed:
        """Return what *denials* would have refused of one principal, and by its guard of others."""
        counting = _Counting(self.history, self.attackers, self.now)
        callers: set[str] = set()
        own, trust, guard = Denies(denials.own), Denies(denials.trust), Denies(denials.guard)
        for calls in self.history.of_principal(unique_id, label):
            callers.add(calls.caller.name)
            if own:
                counting.add("deny", calls, own, longest)
            if calls.caller.key in denials.keys:
                counting.count("inactive key", calls, Refusal(is_sure=True))
        for calls in self.history.entries.get(arn, ()) if trust else ():
            counting.add("trust policy", calls, trust, longest)
        for calls in self.history.everybody() if guard else ():
            if self._is_reached(calls.caller, label):
                reach = _OF_ROLES if "/role/" in calls.caller.label else _OF_USERS
                counting.add("guard", calls, guard, reach)
        rows, left_out = counting.rows()
        notes = [*self.history.notes, *self.attackers.notes, *left_out]
        if denials.guard:
            notes.append("iam:PassRole leaves no record, so what a guard refuses of it is unknown")
        return Replayed(
            since=_text(self.history.since),
            until=_text(self.history.until) if self.history.until else "",
            callers=len(callers),
            refused=rows,
            passing=counting.passing(),
            notes=tuple(notes),
        )

    def _is_reached(self, caller: RecordedCaller, label: str) -> bool:
        """Tell whether a guard on the account of *label* reaches *caller*, who is no target."""
        account = label.partition("/")[0]
        return (
            caller.label.startswith(f"{account}/")
            and caller.label.lower() not in self.targets
            and not caller.is_service_linked
            and not caller.service
        )


class _Counting:
    """Count refused calls by what refuses them, their caller, and whether that is the attacker."""

    def __init__(self, history: History, attackers: Attackers, now: datetime) -> None:
        self._history = history
        self._attackers = attackers
        self._now = now
        self._tallies: dict[_Group, _Tally] = {}
        self._ended: Counter[str] = Counter()
        self._counted_ids: dict[str, set[int]] = {}

    def add(self, by: str, calls: Calls, denies: Denies, longest: timedelta) -> None:
        """Count what of *calls* *denies* refuse."""
        request = request_of(calls.caller, calls.row)
        if request.action in _UNDENIABLE or request.action.startswith(_SIGN_IN):
            return
        answer = denies.refusal(request)
        if not answer.is_possible:
            return
        issued = calls.caller.issued_s
        if issued is None or not denies.asks_for(_ISSUED):
            self.count(by, calls, answer)
            return
        anew = request_of(calls.caller, calls.row, as_if_issued=_DISTANT)
        is_dated = not denies.refusal(anew).is_possible
        if is_dated and issued + longest.total_seconds() <= self._now.timestamp():
            self._ended[by] += len(self._fresh(by, calls))
            return
        self.count(by, calls, answer, is_dated=is_dated)

    def count(self, by: str, calls: Calls, answer: Refusal, *, is_dated: bool = False) -> None:
        """Count *calls*, which *by* refuses as *answer* says; a record that comes twice once."""
        made = self._attackers.made
        parted: dict[bool, list[int]] = {}
        for when in self._fresh(by, calls):
            parted.setdefault(made(calls.caller, when), []).append(when)
        for attackers, times in parted.items():
            group = (by, calls.caller.name, attackers)
            tally = self._tallies.get(group)
            if tally is None:
                tally = self._tallies[group] = _Tally(first=times[0])
            if answer.is_sure:
                tally.sure += len(times)
            else:
                tally.unsure += len(times)
                tally.unknown |= answer.unknown
            tally.is_dated |= is_dated
            tally.first = min(tally.first, *times)
            tally.last = max(tally.last, *times)
            called = (calls.row.source, calls.row.name)
            tally.names[called] = tally.names.get(called, 0) + len(times)

    def _fresh(self, by: str, calls: Calls) -> list[int]:
        counted_ids = self._counted_ids.setdefault(by, set())
        fresh: list[int] = []
        for when, number in zip(calls.times, calls.ids, strict=True):
            if number not in counted_ids:
                counted_ids.add(number)
                fresh.append(when)
        return fresh

    def rows(self) -> tuple[tuple[Collateral, ...], list[str]]:
        """Return the rows, the most calls first, and in words what was left out of them."""
        order = sorted(
            self._tallies.items(),
            key=lambda item: (item[0][2], item[0][0], -item[1].calls, item[0][1]),
        )
        shown: Counter[tuple[str, bool]] = Counter()
        rest: Counter[tuple[str, bool]] = Counter()
        calls: Counter[tuple[str, bool]] = Counter()
        rows: list[Collateral] = []
        for group, tally in order:
            kind = (group[0], group[2])
            if shown[kind] < _MOST_CALLERS:
                shown[kind] += 1
                rows.append(self._row(group, tally))
            else:
                rest[kind] += 1
                calls[kind] += tally.calls
        left_out = [
            f"by the {by} also {counted(calls[by, attackers], 'call')} of"
            f" {counted(number, 'more caller')}{' who are the attacker' if attackers else ''}"
            for (by, attackers), number in rest.items()
        ]
        return tuple(rows), left_out

    def passing(self) -> tuple[str, ...]:
        """Return, in words, what is refused of sessions that have ended anyway."""
        return tuple(
            f"{counted(number, 'call')} of sessions that have ended by now; a session issued after"
            f" T is let through by the {by}"
            for by, number in self._ended.items()
        )

    def _row(self, group: _Group, tally: _Tally) -> Collateral:
        by, caller, attackers = group
        because: list[str] = []
        bound: Bound = "exact"
        calls = tally.sure
        if self._history.notes:
            bound = "lower bound"
            because.append("the records are not complete")
        if tally.unsure:
            keys = ", ".join(sorted(tally.unknown))
            if tally.sure:
                bound = "lower bound"
                because.append(f"{tally.unsure:,} more depend on {keys}, which no record tells")
            else:
                bound, calls = "upper bound", tally.unsure
                because.append(f"it depends on {keys}, which no record tells")
        if tally.is_dated:
            bound, calls = "upper bound", tally.calls
            because.append(_MAY_BE_OVER)
        return Collateral(
            caller,
            by,
            attackers,
            calls,
            bound,
            tuple(because),
            first_at=_text(tally.first),
            last_at=_text(tally.last),
            ago=ago(datetime.fromtimestamp(tally.last, UTC), self._now),
            names=tuple(
                (f"{source.partition('.')[0]} {name}", number)
                for (source, name), number in sorted(
                    tally.names.items(), key=lambda item: (-item[1], item[0])
                )
            ),
        )


def _text(seconds: int) -> str:
    return isoformat(datetime.fromtimestamp(seconds, UTC))

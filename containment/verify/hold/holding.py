"""Look at what holds an incident's principals, and write again what somebody took off.

What is written again is what `containment up` would repair, by the same code and through the same
gate: the spec as it was applied, on the principals whose state it is. Nothing is written while
somebody else changes the stack, and nothing that the state no longer has once the stack's lock is
held: so a lift beside it is never undone. An attacker with IAM rights wins against this all the
same, for a deny takes seconds to bind and they look twice a second; it says so after the second
time.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from containment.actions import ACTIONS_BY_RESOURCE
from containment.aws.faults import explain
from containment.errors import ContainmentError
from containment.lifecycle.snapshot import RESOURCE
from containment.run import before_engine, direct
from containment.run.state import Recorded, StackState
from containment.spec import load
from containment.verify.hold.events import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from mypy_boto3_iam import IAMClient

    from containment.lifecycle.context import Severity
    from containment.lifecycle.workplace import Workplace
    from containment.plan import Declaration, PrincipalPlan
    from containment.run.direct import Applied
    from containment.spec import IncidentSpec

_AT_ONCE = 24
_DENY, _GUARD = "DenyPolicy", "GuardPolicy"
# After so many times it is no accident, and the attacker is quicker.
_ENOUGH = 2


class Stack(Protocol):
    """The stack that is held: its state as it is now, and its lock."""

    def read(self) -> StackState | None:
        """Return the state; None where nobody can tell what it says.

        Raises:
            ContainmentError: it is not this project's, or cannot be read.
        """
        ...

    def taken(self) -> AbstractContextManager[bool]:
        """Hold the stack's lock for the length of a block; yield whether it is held."""
        ...


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource that is looked at.

    Attributes:
        plan: its principal, as the spec declares it.
        item: the resource, as the spec declares it.
        recorded: as the state has it, or as it was written since.
        snapshot: the state of its principal's snapshot.
    """

    plan: PrincipalPlan
    item: Declaration
    recorded: Recorded
    snapshot: Any

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others."""
        return self.recorded.state.principal, self.item.resource


@dataclass
class Hold:
    """Holds one incident; each `look` is one round.

    Attributes:
        spec_path: the incident's spec, read again whenever it has changed.
        workplace: what AWS is changed with.
        stack: its state and its lock.
        tampering: how often each resource was undone, by principal and word.
    """

    spec_path: Path
    workplace: Workplace
    stack: Stack
    tampering: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    _text: str = ""
    _spec: IncidentSpec | None = None
    _plans: tuple[PrincipalPlan, ...] = ()
    _resources: dict[tuple[str, str], Resource] = field(
        default_factory=dict[tuple[str, str], Resource]
    )
    # What the state said when a resource was written again: while it says so still, ours is newer.
    _stored: dict[tuple[str, str], Any] = field(default_factory=dict[tuple[str, str], Any])
    _extended: dict[tuple[str, str], Recorded] = field(
        default_factory=dict[tuple[str, str], Recorded]
    )
    _announced_once: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    is_over: bool = False
    _may_write: bool = False
    _guards: tuple[Resource, ...] = ()

    def __post_init__(self) -> None:
        """Contain quickly: what no deny waits for is done by `look_at_sign_ins`."""
        self._quick = replace(
            self.workplace, patient=False, recorded=True, engine_follows=True, declared=()
        )
        self._thorough = replace(self._quick, engine_follows=False)

    @property
    def spec(self) -> IncidentSpec:
        """The spec, with its access keys pinned to users.

        Raises:
            LookupError: it was not read yet.
        """
        if self._spec is None:
            raise LookupError("the spec was not read yet")
        return self._spec

    @property
    def principals(self) -> set[str]:
        """The ARNs of those who are held."""
        return {principal for principal, _ in self._resources}

    @property
    def denied_by_guard(self) -> set[str]:
        """The unique ids of those whom the guard denies because they were made while it was set."""
        states = [one.recorded.state for one in self._guards]
        return {late.principal_id for state in states for late in getattr(state, "late", ())}

    @property
    def resources(self) -> Sequence[Resource]:
        """What is looked at."""
        return tuple(self._resources.values())

    @property
    def state(self) -> StackState:
        """What is held as a state would say it, with all that was written since."""
        snapshots = {one.key[0]: one for one in self._resources.values()}
        return StackState(
            tuple(
                Recorded(f"{RESOURCE} {arn}", ACTIONS_BY_RESOURCE[RESOURCE], one.snapshot)
                for arn, one in snapshots.items()
            )
            + tuple(one.recorded for one in self._resources.values())
        )

    @property
    def iam(self) -> IAMClient:
        """What IAM of the incident's account is asked with."""
        account = self.spec.targets[0].principal.account
        return self._quick.context(account, _unsaid).clients.iam

    def begin(self) -> list[Event]:
        """Read spec and state for the first time, and take over what is live under the snapshots.

        Raises:
            ContainmentError: the spec or the state cannot be used.
        """
        events = self._reload(self.stack.read())
        for one in self._resources.values():
            action = ACTIONS_BY_RESOURCE[one.item.resource](self._context(one, self._quick))
            state = self._asked(one, partial(action.read, one.recorded.state), events)
            if state is not None:
                self._take(one, state)
        return events

    def look(self) -> list[Event]:
        """Look at all that is held; write again what was taken off."""
        return self._look(self.resources, self._quick)

    def look_at_sign_ins(self) -> list[Event]:
        """Look at the denies and, which takes longer, at the sign-in sessions that they revoke."""
        return self._look(
            [one for one in self.resources if one.item.resource == _DENY], self._thorough
        )

    def look_at_guard(self) -> list[Event]:
        """Tell, once, where the guard that was applied does not stand; an `up` sets it again."""
        events: list[Event] = []
        for one in self._guards:
            action = ACTIONS_BY_RESOURCE[_GUARD](self._context(one, self._thorough))
            state = self._asked(one, partial(action.read, one.recorded.state), events)
            status = getattr(state, "live", "applied")
            subject = f"account {one.plan.principal.account}"
            if status == "applied":
                self._announced_once.discard(("guard", subject))
                continue
            step = f"run 'containment up {self.spec.incident} --yes' at once"
            events += self._once(Event("guard", subject, f"the guard is {status}", step))
        return events

    def extend(self, applied: Iterable[Applied]) -> None:
        """Hold, too, what was *applied* beside the state."""
        for one in applied:
            if one.state is not None:
                recorded = Recorded(
                    f"not in the state: {one.resource} {one.principal}",
                    ACTIONS_BY_RESOURCE[one.resource],
                    one.state,
                )
                self._extended[one.state.principal, one.resource] = recorded
        self._text = ""
        self._reload(self.stack.read())

    def _look(self, looked_at: Sequence[Resource], place: Workplace) -> list[Event]:
        events: list[Event] = []
        with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="holding") as pool:
            stands = list(pool.map(partial(self._stands, place, events), looked_at))
        undone = [one for one, is_so in zip(looked_at, stands, strict=True) if not is_so]
        return [*events, *self._write_again(undone, place)] if undone else events

    def _stands(self, place: Workplace, events: list[Event], one: Resource) -> bool:
        action = ACTIONS_BY_RESOURCE[one.item.resource](self._context(one, place))
        stands = self._asked(one, partial(action.stands, one.recorded.state), events)
        return stands is None or bool(stands)

    def _write_again(self, undone: Sequence[Resource], place: Workplace) -> list[Event]:
        """Repair *undone* under the stack's lock, as far as the state has it still."""
        stack = self.spec.incident
        with self.stack.taken() as is_taken:
            if not is_taken:
                what = f"{len(undone)} things are undone, and somebody else changes the stack"
                return self._once(
                    Event("waiting", stack, what, "wait until that run ends; it repairs them")
                )
            try:
                events = self._reload(self.stack.read())
            except ContainmentError as error:
                return self._once(Event("problem", stack, error.message, error.remedy))
            if not self._may_write:
                return events
            restamped: list[Resource] = []
            for before in undone:
                one = self._resources.get(before.key)
                if one is None:
                    continue
                times = self.tampering[one.key]
                events += self._repair(one, place)
                was_open = self.tampering[one.key] > times
                if was_open and _revokes(one):
                    restamped.append(one)
            for one in self._others_of_cohort(restamped):
                events += self._restamp(one, place)
            return events

    def _repair(self, one: Resource, place: Workplace) -> list[Event]:
        lines: list[str] = []

        def say(_severity: Severity, message: str) -> None:
            lines.append(message)

        if self._asks_otherwise(one):
            return self._not_as_applied(one)
        result = before_engine.repair(one.plan, one.item, place, say, one.snapshot, one.recorded)
        if result is None:
            return []
        if result.state is not None:
            self._take(one, result.state)
        self.tampering[one.key] += 1
        count = self.tampering[one.key]
        if result.error is not None:
            return [Event("problem", one.key[0], result.error.message, result.error.remedy)]
        words = "; ".join(dict.fromkeys(lines)) or "is in force again"
        again = Event("reasserted", one.key[0], f"{one.item.resource}: {words}", count=count)
        return [again, *self._advice(one.key[0])]

    def _advice(self, principal: str) -> list[Event]:
        """Say, once, that whoever undoes it twice will do so again."""
        if sum(n for (arn, _), n in self.tampering.items() if arn == principal) < _ENOUGH:
            return []
        stack, mode = self.spec.incident, str(self.spec.guard.mode.value)
        if mode != "off":
            what = (
                f"it is undone again and again though the guard ({mode}) is declared: it binds"
                " seconds after it is set, or is missing"
            )
            step = f"see 'containment status {stack}', and run 'containment up {stack} --yes'"
        else:
            what = (
                "it was undone twice: whoever does that looks more often than a deny takes to"
                " bind, and wins against holding; only a guard outside the account wins"
            )
            step = (
                f"write 'guard: {{mode: quarantine}}' into stacks/{stack}.yaml (or freeze, which"
                f" lets workloads run on) and run 'containment up {stack} --yes'"
            )
        return self._once(Event("guard", stack, what, step))

    def _others_of_cohort(self, restamped: Sequence[Resource]) -> list[Resource]:
        """Return the other revoked members: a session of one that was open mints one of another."""
        keys = {one.key for one in restamped}
        return [
            one
            for one in self._resources.values()
            if keys and one.key not in keys and _revokes(one)
        ]

    def _restamp(self, one: Resource, place: Workplace) -> list[Event]:
        if self._asks_otherwise(one):
            return self._not_as_applied(one)

        def again() -> Any:
            action: Any = ACTIONS_BY_RESOURCE[one.item.resource](self._context(one, place))
            inputs = direct.inputs_of(one.plan, one.item, place, _unsaid, one.snapshot)
            stale = one.recorded.state.model_copy(update={"live": "stale"})
            return action.update(stale, inputs, preview=False)

        result = direct.attempt(one.key[0], one.item.resource, again)
        if result.state is not None:
            self._take(one, result.state)
        if result.error is not None:
            return [Event("problem", one.key[0], result.error.message, result.error.remedy)]
        return []

    def _asks_otherwise(self, one: Resource) -> bool:
        return before_engine.asks_otherwise(
            one.plan, one.item, self._quick, _unsaid, one.snapshot, one.recorded
        )

    def _not_as_applied(self, one: Resource) -> list[Event]:
        stack = self.spec.incident
        what = f"{one.item.resource} is undone, and the spec asks otherwise than was applied"
        return self._once(Event("problem", one.key[0], what, f"run 'containment up {stack}'"))

    def _reload(self, stack_state: StackState | None) -> list[Event]:
        """Take in spec and state as they are now; keep what was written since the state."""
        events = self._read_spec()
        stack = self.spec.incident
        self._may_write = False
        if stack_state is None:
            what = "the state cannot be read now, so nothing is written"
            return [*events, *self._once(Event("problem", stack, what, "see 'containment status'"))]
        if not stack_state.resources:
            self.is_over = True
            self._resources.clear()
            return [*events, Event("ended", stack, "nothing of it is applied any more")]
        cut_off = [one for one in stack_state.pending if one.operation == "deleting"]
        if cut_off:
            what, step = cut_off[0].explain(stack)
            return [*events, *self._once(Event("waiting", stack, what, step))]
        self._announced_once -= {("waiting", stack), ("problem", stack)}
        self._take_in(stack_state, events)
        self._may_write = True
        return events

    def _take_in(self, stack_state: StackState, events: list[Event]) -> None:
        """Hold what the spec declares and *stack_state* has, or was contained beside it."""
        by_key: dict[tuple[str, str], Resource] = {}
        guards: list[Resource] = []
        for plan in self._plans:
            arn = plan.principal.arn
            resources_by_word = {
                word: one for (principal, word), one in self._extended.items() if principal == arn
            } | {one.resource: one for one in stack_state.resources_of(arn)}
            snapshot = resources_by_word.get(RESOURCE)
            if snapshot is None:
                step = f"run 'containment up {self.spec.incident}'"
                what = "the spec names it, and it was not applied"
                events += self._once(Event("problem", arn, what, step))
                continue
            for item in plan.declarations:
                recorded = resources_by_word.get(item.resource)
                if recorded is None:
                    continue
                one = Resource(plan, item, recorded, snapshot.state)
                if item.resource == _GUARD:
                    guards.append(one)
                else:
                    by_key[one.key] = self._newest(one)
        self._resources, self._guards = by_key, tuple(guards)

    def _newest(self, one: Resource) -> Resource:
        """Return *one* with what was written since the state that it is from, if anything was."""
        stored = one.recorded.state
        before = self._resources.get(one.key)
        if before is not None and self._stored.get(one.key) == stored:
            return replace(one, recorded=before.recorded)
        self._stored[one.key] = stored
        return one

    def _take(self, one: Resource, state: Any) -> None:
        self._resources[one.key] = replace(one, recorded=replace(one.recorded, state=state))
        if one.key in self._extended:
            self._extended[one.key] = self._resources[one.key].recorded

    def _read_spec(self) -> list[Event]:
        """Read the spec where it has changed; what cannot be used leaves the last one in force.

        Raises:
            ContainmentError: there is none yet that can be used.
        """
        try:
            text = self.spec_path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            text = ""
        if self._spec is not None and text == self._text:
            return []
        try:
            spec_file = f"{self.spec_path.parent.name}/{self.spec_path.name}"
            pinned, plans = direct.planned(load(self.spec_path), self._quick, spec_file)
            refused = direct.refusals(plans, self._quick, _unsaid, simulate=False)
            if refused:
                raise refused[0]
        except ContainmentError as error:
            if self._spec is None:
                raise
            self._text = text
            return [Event("problem", self._spec.incident, error.message, error.remedy)]
        self._text, self._spec, self._plans = text, pinned, plans
        self._thorough.declared = self._quick.declared
        return []

    def _asked(self, one: Resource, ask: Callable[[], Any], events: list[Event]) -> Any:
        """Return what *ask* answers; None where it cannot be seen, which is said once."""
        try:
            answer = ask()
        except ContainmentError as error:
            problem = Event("problem", one.key[0], error.message, error.remedy)
        except (ClientError, BotoCoreError) as error:
            failure = explain(f"looking at {one.key[0]}", error)
            problem = Event("problem", one.key[0], failure.message, failure.remedy)
        else:
            self._announced_once.discard(("problem", one.key[0]))
            return answer
        events += self._once(problem)
        return None

    def _once(self, event: Event) -> list[Event]:
        """Return *event* unless the same kind was said of the same already."""
        if (event.kind, event.subject) in self._announced_once:
            return []
        self._announced_once.add((event.kind, event.subject))
        return [event]

    def _context(self, one: Resource, place: Workplace) -> Any:
        return place.context(one.plan.principal.account, _unsaid)


def _revokes(one: Resource) -> bool:
    return getattr(one.recorded.state, "scope", None) == "issued-before"


def _unsaid(_severity: str, _message: str) -> None:
    """Say nothing: an event tells what came of it."""

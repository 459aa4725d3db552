"""The contract every action keeps.

``check`` and ``diff`` change nothing and ask AWS nothing but who is calling. ``create`` and
``update`` with *preview* read and never write. ``create`` may be repeated after any outcome.
``read`` never raises. ``delete`` takes away what is ours and widens access no further than the
lift's terms say.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from containment.aws.principal import FOLLOWED
from containment.errors import (
    LIFT,
    AccessError,
    ConflictError,
    ContainmentError,
    NotContainedError,
    NotFoundError,
    RefusedError,
    UnavailableError,
    kind_of,
)
from containment.identities import parse_principal
from containment.lifecycle import evidence, lift, namesakes
from containment.lifecycle.gate import Gate
from containment.lifecycle.terms import are_changed
from containment.lifecycle.wire import Inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from containment.aws.principal import LivePrincipal
    from containment.facets.decisions import FacetName
    from containment.facets.facet import Facet, Presence, Terms
    from containment.facets.write import Write
    from containment.lifecycle.context import Context
    from containment.lifecycle.lift import LiftPlan, Priors
    from containment.lifecycle.snapshot import Snapshot
    from containment.lifecycle.wire import Live
    from containment.spec import IncidentSpec, Target

In = TypeVar("In", bound=Inputs)
St = TypeVar("St", bound=Inputs)


@dataclass(frozen=True, slots=True)
class Failure:
    """One input that cannot be used, and the error that says why."""

    field: str
    error: ContainmentError


@dataclass(frozen=True, slots=True)
class Diff:
    """Which fields of a resource change; a replace is a create followed by a delete."""

    changed: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()


class UnfinishedError(NotContainedError):
    """Something was changed or may have been, and the resource is not as declared.

    The engine keeps *state*, so that the next ``up`` repairs and a ``destroy`` lifts it. It counts
    as the kind of its *cause* where that was missing access or a service that does not answer.
    """

    def __init__(
        self,
        message: str,
        *,
        remedy: str,
        state: Inputs,
        cause: ContainmentError | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.state = state
        if isinstance(cause, (AccessError, UnavailableError)):
            self.counts_as = kind_of(cause)


class Action(ABC, Generic[In, St]):
    """One kind of containment: facts on the class, lifecycle over a context.

    Attributes:
        resource: the word for file, class, resource, docs page and test.
        summary: what it does, in the imperative, without a full stop.
        survives: what an adversary keeps all the same.
        permissions: the IAM actions that it calls, all of them and no others.
        identity: inputs that cannot change without a new resource.
        computed: outputs that only an apply knows.
        silent: inputs whose change is none.
        from_snapshot: outputs of the snapshot that it is given under the same name, besides ids.
        facets: the parts of a principal that it changes.
    """

    resource: ClassVar[str]
    summary: ClassVar[str]
    survives: ClassVar[str]
    permissions: ClassVar[frozenset[str]]
    identity: ClassVar[frozenset[str]]
    computed: ClassVar[frozenset[str]] = frozenset()
    silent: ClassVar[frozenset[str]] = frozenset()
    from_snapshot: ClassVar[tuple[str, ...]] = ()
    facets: ClassVar[tuple[Facet[Any, Any, Any], ...]] = ()
    inputs_type: ClassVar[type[Any]]
    state_type: ClassVar[type[Any]]

    def __init__(self, context: Context) -> None:
        self._context = context

    @classmethod
    def snapshot_inputs(cls) -> tuple[str, ...]:
        """Return the inputs that are outputs of the snapshot, so that none starts before it."""
        return ("principal_id", "snapshot_id", "endpoint", *cls.from_snapshot)

    @classmethod
    def inputs_for(cls, spec: IncidentSpec, target: Target) -> Mapping[str, Any] | None:
        """Return what *spec* asks of this action on *target*; None where its rung does without.

        These are inputs by field name, besides those that every resource has. Pure.
        """
        del spec, target
        return None

    def check(self, inputs: In, old: In | None) -> list[Failure]:
        """Return what makes *inputs* unusable; *old* is what the stack has now, if anything."""
        del inputs, old
        return []

    def lacking(self, inputs: In) -> ContainmentError | None:
        """Return why nothing can be done to the principal of *inputs*, after its check.

        It is a finding of a preview, which needs rights to read alone, and an error of the first
        change. AWS is asked, for many principals at once: so no check waits for it.
        """
        del inputs
        return None

    def checked(self, inputs: In) -> In:
        """Return *inputs* with what the provider adds to them, and no more than its own part."""
        changes: dict[str, Any] = {"on_destroy": self.on_destroy(inputs)}
        if "captured" in self.from_snapshot:
            captured: Mapping[str, Any] = dict(inputs).get("captured") or {}
            changes["captured"] = {k: v for k, v in captured.items() if k == self.resource}
        return inputs.model_copy(update=changes)

    def adopt(self, incident: str, principal: str) -> St:
        """Return the state of what is live already, for ``pulumi import``."""
        raise NotFoundError(
            f"a {self.resource} cannot be imported ({incident}, {principal})",
            remedy="import the PrincipalSnapshot and run 'pulumi up', which takes the rest over",
        )

    @abstractmethod
    def on_destroy(self, inputs: In) -> str:
        """Return, for a reviewer, what a destroy of this would do."""

    @abstractmethod
    def priors(self, state: St) -> Priors:
        """Return what *state* remembers of each facet that this action changes."""

    @classmethod
    def capture(cls, live: LivePrincipal) -> Mapping[str, str]:
        """Return what the snapshot is to remember for this action, named as in ``aws.recording``.

        It comes back as the input ``captured`` under the action's word, where ``from_snapshot`` has
        that. The deny waits for it: one call of AWS at most.
        """
        del live
        return {}

    @classmethod
    def priors_in(cls, snapshot: Snapshot) -> Priors:
        """Return the same from the snapshot, for a lift of what no resource knows of any more."""
        del snapshot
        return {}

    @classmethod
    def lift_elsewhere(cls, context: Context, snapshot: Snapshot) -> None:
        """Take away what it left under *snapshot* elsewhere than on a principal, if anything.

        The last line of a lift, for what the engine forgot in a crash.
        """
        del context, snapshot

    def create(self, inputs: In, *, preview: bool) -> St:
        """Contain; in a preview only say what that would be."""
        self.gate.require_containable(inputs, preview=preview)
        return self._create(inputs, preview=preview)

    def read(self, state: St) -> St | None:
        """Return *state* as live shows it, or None if the principal's unique id is gone.

        It says what a lift would do: a preview of a destroy asks nothing else.
        """
        live = self._context.locate(state, self._unique_id(state))
        if live is None:
            self._note_deleted(state)
            return None
        presences = lift.find(live, self.priors(state), state.incident)
        self.gate.sight(state, live, presences)
        state = self._as_rewritten(live, state, presences)
        status = self._look(live, state, presences)
        terms = evidence.terms(self._context, state, brief=True)
        plan = self.lift_plan(state, live, terms, presences)
        # After a change of the spec the old terms are nobody's, and an 'up' says the new ones.
        if plan.announced and not are_changed(state, self._context.directory):
            self._context.say("info", f"{live}, at a lift: {'; '.join(plan.announced)}")
        return status

    def stands(self, state: St) -> bool:
        """Tell whether live is just what *state* says was written, by this very write of it."""
        return self._live_of(state) == "applied"

    def repair(self, state: St, inputs: In) -> St | None:
        """Make live what *state* says was written; return the new state, None where it is so.

        Raises:
            ContainmentError: it cannot be made so.
        """
        status = self._live_of(state)
        if status == "applied":
            return None
        return self.update(state.model_copy(update={"live": status}), inputs, preview=False)

    def _live_of(self, state: St) -> Live:
        """Return what live shows of *state*; "missing" where it is of no write, or of another."""
        live = self._context.locate(state, self._unique_id(state))
        if live is None:
            return "missing"
        presences = lift.find(live, self.priors(state), state.incident)
        written = {
            (item.mark.snapshot_id, item.mark.generation)
            for item in presences.values()
            if item.mark is not None
        }
        own = (str(getattr(state, "snapshot_id", None)), getattr(state, "generation", None))
        if written != {own}:
            return "missing"
        self.gate.sight(state, live, presences)
        status: Live = getattr(self._look(live, state, presences), "live", "applied")
        return status

    def update(self, state: St, inputs: In, *, preview: bool) -> St:
        """Go from *state* to *inputs*, repairing what drifted."""
        self.gate.require_containable(inputs, preview=preview)
        return self._update(state, inputs, preview=preview)

    def delete(self, state: St) -> None:
        """Lift: carry out the plan of it.

        Raises:
            ConflictError: somebody has to decide, or the terms are not the spec's.
        """
        started_ms = self._context.started_ms()
        live = self._to_lift(state, self._unique_id(state))
        if live is None:
            return
        spared = self.gate.spares(state, live)
        terms = evidence.terms(self._context, state, generation=started_ms, spared=spared)
        plan = self.lift_plan(state, live, terms)
        if plan.superseded:
            self._superseded(live)
            return
        if plan.strange is not None:
            raise plan.strange
        self.gate.require_liftable(state, plan)
        now = self._in_turn(live, state)
        if now is not None:
            plan = plan if now is live else self.lift_plan(state, now, terms)
            self._carry_out(state, plan, partial(self.lift_plan, state, terms=terms))

    def lift_plan(
        self,
        state: St,
        live: LivePrincipal,
        terms: Terms,
        presences: Mapping[str, Any] | None = None,
    ) -> LiftPlan:
        """Return what a lift of *state* does to *live*, without doing it.

        *presences* is what of the incident is there, where it has been looked for already.
        """
        generation = int(getattr(state, "generation", None) or 0)
        return lift.plan(
            live, self.priors(state), terms, generation=generation, presences=presences
        )

    def writes(self, inputs: In, live: LivePrincipal) -> Sequence[Write]:
        """Return what containing *live* as *inputs* say would write now; nothing is changed.

        What stands already is no write. An action that changes nothing writes nothing.
        """
        del inputs, live
        return ()

    def substitutes(self, inputs: In, live: LivePrincipal) -> Sequence[str]:
        """Return what holds *live* in place of what *inputs* say, and why; nothing is changed."""
        del inputs, live
        return ()

    def gives_back(self, state: St, inputs: In, live: LivePrincipal) -> LiftPlan | None:
        """Return what going from *state* to *inputs* would let go of *live*; None for nothing.

        What is written besides is told by `writes`. Nothing is changed.

        Raises:
            ContainmentError: it would be refused, or somebody has to decide.
        """
        del state, inputs, live
        return None

    @property
    def context(self) -> Context:
        """What it works with."""
        return self._context

    @property
    def gate(self) -> Gate:
        """What everything passes before it is done."""
        return Gate(self._context)

    @abstractmethod
    def _create(self, inputs: In, *, preview: bool) -> St:
        """Contain, once the gate is passed."""

    @abstractmethod
    def _look(self, live: LivePrincipal, state: St, presences: Mapping[str, Any]) -> St:
        """Return *state* as *live* shows it; *presences*: what is there of the incident."""

    @abstractmethod
    def _update(self, state: St, inputs: In, *, preview: bool) -> St:
        """Go from *state* to *inputs*, once the gate is passed."""

    def _as_rewritten(self, live: LivePrincipal, state: St, presences: Mapping[str, Any]) -> St:
        """Return *state* as the newest write under its own snapshot left *live*.

        ``containment hold`` writes again without the engine, so live may be newer than the state:
        a lift is of what this look has seen, and leaves alone what is written after it.
        """
        del live
        if "generation" not in type(state).model_fields:
            return state
        newest = newest_write(presences.values(), str(getattr(state, "snapshot_id", None)))
        if newest is None or newest <= int(getattr(state, "generation", None) or 0):
            return state
        return state.model_copy(update={"generation": newest})

    def _in_turn(self, live: LivePrincipal, state: St) -> LivePrincipal | None:
        """Wait for what has to be lifted before; return the principal then, None for not now."""
        del state
        return live

    def _carry_out(
        self, state: Inputs, plan: LiftPlan, planned: Callable[[LivePrincipal], LiftPlan]
    ) -> None:
        """Carry *plan* out, and one *planned* anew where another took the name meanwhile.

        Raises:
            NotContainedError: the user is renamed faster than it can be lifted.
        """
        words: list[FacetName] = []
        for step in plan.steps:
            words.append(step.facet.WORD)
            words.extend(step.returns.asks)
        self._record_decisions(state, [*words, "sweep"])
        snapshot_id = str(getattr(state, "snapshot_id", None) or "")
        for _ in range(FOLLOWED):
            for line in plan.carry_out():
                self._context.say("info", line)
            live = plan.live
            if not plan.steps or not namesakes.settle(
                self._context, live, state.incident, snapshot_id
            ):
                return
            again = live.again()
            if again is None:
                return
            plan = planned(again)
        raise NotContainedError(
            f"{state.principal} is renamed faster than it can be lifted, and others take the name",
            remedy=f"run '{LIFT}' again",
        )

    def _unique_id(self, state: St) -> str:
        return str(getattr(state, "principal_id", ""))

    def _note_deleted(self, state: St) -> None:
        """Say that the principal of *state* is gone, where that is worth saying."""

    def diff(self, old: In, state: St, new: In) -> Diff:
        """Return what changes between *old* and *new*, and whether live has drifted."""
        changed = [
            name
            for name in type(new).model_fields
            if name not in self.silent and getattr(old, name) != getattr(new, name)
        ]
        replaces = [name for name in changed if name in self.identity]
        live = getattr(state, "live", "applied")
        if live not in {"applied", "unknown"}:
            changed.append("live")
        return Diff(tuple(changed), tuple(replaces))

    def _require(self, inputs: Inputs, unique_id: str, *, followed: bool = False) -> LivePrincipal:
        live = self._context.locate(inputs, unique_id)
        if live is None:
            raise NotFoundError(
                f"{inputs.principal} with the id {unique_id} is gone",
                remedy="run 'pulumi up' again: a principal made anew under the name is contained"
                " with a snapshot of its own",
            )
        self.gate.require_denial(inputs, live, followed=followed)
        return live

    def _to_lift(self, state: Inputs, unique_id: str) -> LivePrincipal | None:
        """Return whom to lift, or None if it is gone.

        Raises:
            ConflictError: the spec has it, by a name it was given since; or whoever renames a
                user would release them.
        """
        live = self._context.locate(state, unique_id, lifting=True)
        if live is None:
            self._context.say("info", f"{state.target.name} is gone; there is nothing to lift")
            return None
        declared = (parse_principal(arn) for arn in self._context.declared)
        if not live.goes_by(state.target) and any(live.goes_by(name) for name in declared):
            raise ConflictError(
                f"{state.principal} was renamed to {live.principal.arn}, which the spec has as a"
                " target: it stays contained",
                remedy=f"write 'user: {state.principal}' in the spec, for a renamed user is"
                " followed by its id, or rename it back; then run 'pulumi up' again",
            )
        return live

    def _refuse_lowering(self, state: Inputs, inputs: Inputs) -> None:
        """Refuse to hold *inputs* less tightly than *state* while the spec says hold.

        Raises:
            RefusedError: it does, or did when it was last applied.
        """
        if inputs.lift.hold or state.lift.hold:
            raise RefusedError(
                f"hold: true: {inputs.target.name} stays as it is, and the {self.resource} that the"
                " spec asks for now would let something go",
                remedy="put the rung back; or take 'hold' out and run 'pulumi up', then lower it",
            )

    def _superseded(self, live: LivePrincipal) -> None:
        self._context.say(
            "info", f"{live}: a newer {self.resource} is in force; this one is superseded"
        )

    def _record_decisions(self, state: Inputs, facets: Iterable[FacetName]) -> None:
        """Put on record what somebody decided about *facets*."""
        context = self._context
        for facet in facets:
            word = context.decisions.on(facet, state.target)
            if word is not None:
                reason = context.decisions.unswept_reason if facet == "sweep" else ""
                context.ledger.decide(
                    state.incident,
                    decision=word,
                    facet=facet,
                    **({"reason": reason} if reason else {}),
                    principal=state.principal,
                    unique_id=str(getattr(state, "principal_id", "")),
                    operator=context.caller.arn,
                )


def newest_write(presences: Iterable[Presence], snapshot_id: str) -> int | None:
    """Return the generation of the newest that *snapshot_id* holds in force; None without any.

    A fence is not in force: who was released by another state is not fenced a second time.
    """
    marks = (one.mark for one in presences if one.mark is not None and one.in_force)
    return max((one.generation for one in marks if one.snapshot_id == snapshot_id), default=None)

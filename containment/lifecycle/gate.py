"""The one place that every create, update, delete, restore, adopt and sweep passes.

What may be done on whose word is decided in :mod:`containment.lifecycle.authority`; here the words
are collected: what the spec says, what is live, what the state and the ledger remember.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from containment.errors import ConflictError, ContainmentError, RefusedError
from containment.facets.decisions import way_out
from containment.facets.marks import is_snapshot_id
from containment.identities import parse_principal
from containment.lifecycle.authority import Role, sources, verdict
from containment.lifecycle.lift import in_turn
from containment.lifecycle.oversight import require_lift_reviewed
from containment.lifecycle.terms import require_terms
from containment.lifecycle.wire import HeldInputs, Inputs
from containment.preflight import refusals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from containment.aws.principal import LivePrincipal
    from containment.facets.decisions import FacetName
    from containment.facets.facet import Facet, Presence
    from containment.lifecycle.authority import Word
    from containment.lifecycle.context import Context
    from containment.lifecycle.lift import LiftPlan, Step
    from containment.spec import IncidentSpec

_MARKED = ("deny", "trust")


class Gate:
    """Decides whether something may be done at all, before anything is changed."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def require_containable(self, inputs: Inputs, *, preview: bool = False) -> None:
        """Let a create or an update go on; only in a *preview* may its snapshot have no id yet.

        Raises:
            RefusedError: the credentials in use are of another endpoint or account, or it is not
                the spec of this stack that asks for it.
            ConflictError: its snapshot has no id that a mark can carry.
        """
        self._context.require_same_place(inputs)
        self._require_own_spec(inputs)
        if isinstance(inputs, HeldInputs) and not (preview and inputs.snapshot_id is None):
            snapshot_id = inputs.snapshot_id or ""
            if not is_snapshot_id(snapshot_id):
                # What is written under it would carry no mark, and could not be told from others'.
                raise ConflictError(
                    f"the snapshot of {inputs.principal} has the id {snapshot_id!r}, which is none"
                    " of ours",
                    remedy="run 'containment up', which gives it one",
                )

    def require_denial(
        self, inputs: Inputs, live: LivePrincipal, *, followed: bool = False
    ) -> None:
        """Let something be denied to *live*, or its credentials made Inactive.

        What the state says of it (the unique id by which a renamed user is followed) is not the
        spec's word, so the refusals that were asked of the spec's ARN are asked again. Where it is
        *followed*, it passed here already in this run and was renamed since: what was written
        meanwhile may be on whoever took its name, and says nothing of whom the spec names.

        Raises:
            RefusedError: nobody may deny it anything.
            ConflictError: it is not whom the spec names, and whom it names is contained.
        """
        reasons = self._protection(live, getattr(inputs, "break_glass", ()))
        if reasons:
            raise reasons[0]
        if followed or live.goes_by(inputs.target):
            return
        named = self._context.locate(inputs, None)
        snapshot_id = _snapshot_of(inputs)
        if named is None or self._marks(live, inputs.incident, snapshot_id):
            return  # renamed
        if self._marks(named, inputs.incident, snapshot_id):
            raise ConflictError(
                f"the state says that {inputs.principal} has the id {live.unique_id}, which is"
                f" {live.principal.arn}; that carries nothing of {inputs.incident}, and"
                f" {named.principal.arn} does: nothing is done to the other",
                remedy=f"restore the stack's state from a backup, or take {inputs.principal} over"
                " with 'containment adopt'",
            )

    def require_liftable(self, state: Inputs, plan: LiftPlan) -> None:
        """Let a delete or a restore carry out *plan*.

        Raises:
            ConflictError: its terms are not those of the spec file as it is now, or too few sources
                say that it was so.
            RefusedError: the profile asks for a review of it, and nobody made one.
        """
        self._require_own_spec(state)
        if plan.empty:
            return
        self._require_reviewed(state)
        self._require_applied_terms(state)
        self._require_left_out(state, plan.live)
        live = plan.live
        words = self._words(state, live)
        role = Role(self._names(state, live, words))
        if verdict("take ours away", role, {*words, "decision"}) == "never":
            raise ConflictError(
                f"{live}: {state.lift.spec} does not name it, and nothing on it carries the mark of"
                " this stack's snapshot, so nothing is done to it",
                remedy="name it in the spec and run 'pulumi up', then lift; or, where it never was"
                " this stack's, take it out with 'pulumi state delete'",
            )
        for step in plan.steps:
            for name, witnesses in step.returns.widens.items():
                self._require_hands(
                    state, plan, step, name, {*words, *self._heard(state, witnesses)}
                )

    def require_terms(self, state: Inputs) -> None:
        """Let what is on no principal be lifted on the terms of *state*.

        Raises:
            RefusedError: the credentials in use are of another endpoint or account, or it is not
                the spec of this stack.
            ConflictError: its terms are not those of the spec file as it is now, or the profile and
                the stack disagree.
        """
        self.require_containable(state)
        self._require_reviewed(state)
        self._require_applied_terms(state)

    def require_adoptable(self, inputs: Inputs, live: LivePrincipal) -> None:
        """Let a stack take over what is live on a principal.

        Raises:
            RefusedError: the credentials in use are of another endpoint or account, or the incident
                is not the stack's.
        """
        del live
        self._context.require_same_place(inputs)
        self._require_own_spec(inputs)

    def spares(self, state: Inputs, live: LivePrincipal) -> bool:
        """Tell, aloud, whether *live* is lifted without a fence, for who it is."""
        spec = self._spec(state)
        reasons = self._protection(live, spec.break_glass if spec else ())
        if reasons:
            self._context.say("warning", f"{reasons[0].message}: it is lifted without a fence")
        return bool(reasons)

    def sight(self, state: Inputs, live: LivePrincipal, presences: Mapping[str, Presence]) -> None:
        """Remember, for this run, whether *live* carries a mark of this stack's snapshot.

        *presences* is what it carries, by facet. A lift takes the mark away before it is through.
        """
        snapshot_id = _snapshot_of(state)
        if any(_is_of(presences[name], snapshot_id) for name in _MARKED if name in presences):
            self._context.sighted.add((live.unique_id, snapshot_id))

    def _require_left_out(self, state: Inputs, live: LivePrincipal) -> None:
        """Let a run that applies a spec lift whom it declares, or whom the spec does not name.

        Raises:
            ConflictError: the spec names *live*, or a leaked key of it, and this run leaves it out,
                as one of a wave does.
        """
        from containment.spec import identity, target_for  # noqa: PLC0415 -- as in _spec

        declared = self._context.declared
        spec = self._spec(state) if declared else None
        names = (state.target, live.principal)
        if spec is None or not (
            any(target_for(spec, one) for one in names)
            or _is_named_by_key(spec, live, state.lift.leaked)
        ):
            return
        if {identity(one) for one in names} & {identity(parse_principal(arn)) for arn in declared}:
            return
        raise ConflictError(
            f"{state.principal} is named by the spec and contained, and this run leaves it out, as"
            " one of an earlier wave does: it stays contained",
            remedy=f"run 'containment up {state.incident}', which looks at what is contained first",
        )

    def _require_applied_terms(self, state: Inputs) -> None:
        """Let a lift go on by the terms of *state*, which are those of the spec file as it is now.

        Raises:
            ConflictError: they are not, or the profile and the stack disagree.
        """
        self._require_agreement()
        context = self._context
        require_terms(
            state,
            context.directory,
            context.ledger,
            applying=bool(context.declared),
            clock=context.now,
            anyway=self._lift_unswept if context.decisions.unswept_reason else None,
        )

    def _lift_unswept(self, what: str) -> None:
        reason = self._context.decisions.unswept_reason
        self._context.say("warning", f"{what}; lifted all the same, for the reason: {reason}")

    def _require_reviewed(self, state: Inputs) -> None:
        context = self._context
        journal = context.ledger.journal_of(state.incident)
        require_lift_reviewed(context.profile, journal, context.admission, state.incident)

    def _require_agreement(self) -> None:
        if self._context.disagreements:
            raise ConflictError(
                self._context.disagreements[0],
                remedy="write into containment.yaml what is true, or take the other out of the"
                " stack's configuration and run 'pulumi up'; then lift",
            )

    def _require_own_spec(self, inputs: Inputs) -> None:
        stack = self._context.stack or inputs.incident
        own = f"stacks/{stack}.yaml"
        if (inputs.incident, inputs.lift.spec) != (stack, own):
            raise RefusedError(
                f"{inputs.principal} is held for {inputs.incident} on the terms of"
                f" {inputs.lift.spec}, and the stack is {stack}: only {own} says what it does",
                remedy="lift it with the stack of its own incident; or, where somebody edited the"
                " state, restore it from a backup",
            )

    def _protection(self, live: LivePrincipal, break_glass: Iterable[str]) -> list[RefusedError]:
        """Return why nobody may deny *live* anything."""
        context = self._context
        return refusals(
            live.principal,
            clients=context.clients,
            caller=context.caller,
            break_glass=break_glass,
            profile=context.profile,
        )

    def _marks(self, live: LivePrincipal, incident: str, snapshot_id: str) -> set[Word]:
        """Return what *live* carries of *incident* under *snapshot_id*: a mark, a claim, or both.

        A deny and a trust statement are marks; so is AWSDenyAll, where the claim of it is there. A
        claim alone is a tag, which more people may write.
        """
        words: set[Word] = set()
        facets: Iterable[Facet[Any, Any, Any]] = in_turn(
            facet for action in self._context.actions for facet in action.facets
        )
        for facet in facets:
            if not _is_of(facet.find(live, incident), snapshot_id):
                continue
            if facet.NAME in _MARKED:
                words.add("mark")
            else:
                words.add("claim")
                if facet.NAME == "attachment" and _deny_all(live):
                    words.add("mark")
        return words

    def _words(self, state: Inputs, live: LivePrincipal) -> set[Word]:
        """Return what bears out that this stack's snapshot was taken of *live*."""
        context = self._context
        snapshot_id = _snapshot_of(state)
        words: set[Word] = {"state"}
        marks = self._marks(live, state.incident, snapshot_id)
        if "mark" in marks or (live.unique_id, snapshot_id) in context.sighted:
            words.add("mark")
        return words

    def _names(self, state: Inputs, live: LivePrincipal, words: set[Word]) -> bool:
        """Tell whether the spec, as it is now, names *live*."""
        from containment.spec import target_for  # noqa: PLC0415 -- as in _spec

        spec = self._spec(state)
        if spec is None:
            return False
        if target_for(spec, live.principal) is not None:
            return True
        if target_for(spec, state.target) is not None and "mark" in words:
            return True  # renamed since
        # Whoever was renamed, and left a decoy of the name, is named by the key that leaked.
        return _is_named_by_key(spec, live)

    def _spec(self, state: Inputs) -> IncidentSpec | None:
        """Return the spec of this stack as it is now; None where it cannot be read."""
        # Only a lift reads it, and reading YAML costs every containment a fifth of a second.
        from containment.spec import load  # noqa: PLC0415

        stack = self._context.stack or state.incident
        try:
            return load(self._context.directory / "stacks" / f"{stack}.yaml")
        except ContainmentError:
            return None

    def _heard(self, state: Inputs, witnesses: frozenset[str]) -> Iterator[Word]:
        """Yield the words of those who say how a facet was."""
        locked = "ledger" in witnesses and self._context.ledger.journal_of(state.incident).locked
        for who in witnesses:
            if who == "claim":
                yield "claim"
            elif who == "decision":
                yield "decision"
            elif who == "ledger":
                yield "locked ledger" if locked else "file ledger"

    def _require_hands(
        self, state: Inputs, plan: LiftPlan, step: Step, name: str, words: set[Word]
    ) -> None:
        act: Literal["take ours away", "give back"] = (
            "take ours away" if step.facet.NAME in _MARKED else "give back"
        )
        if act == "take ours away":
            own = _is_of(step.facet.find(plan.live, state.incident), _snapshot_of(state))
            words = {*words, "mark"} if own else words - {"mark"}
        role = Role(self._names(state, plan.live, words))
        if step.facet.NAME in plan.terms.decisions:
            words = {*words, "decision"}
        if verdict(act, role, words) == "done":
            return
        who = " and ".join(sorted(sources(words))) or "nobody"
        raise ConflictError(
            f"{plan.live}: nobody but {who} says that {name} was so before",
            remedy=way_out(
                state.incident,
                cast("FacetName", step.facet.NAME),
                plan.live.principal,
                force_ours="gives it back",
                keep_theirs="leaves it as it is",
            ),
        )


def _is_named_by_key(
    spec: IncidentSpec, live: LivePrincipal, known_leaked: Iterable[str] = ()
) -> bool:
    """Tell whether a key that leaked, by *spec*, is of *live*; *known_leaked* may be gone there."""
    leaked = {*spec.unpinned, *(key for target in spec.targets for key in target.leaked)}
    if live.principal.kind == "role" or not leaked:
        return False
    return not leaked.isdisjoint(known_leaked) or any(
        one.credential_id in leaked for one in live.access_keys()
    )


def _is_of(presence: Presence, snapshot_id: str) -> bool:
    return presence.mark is not None and presence.mark.snapshot_id == snapshot_id


def _snapshot_of(inputs: Inputs) -> str:
    return str(getattr(inputs, "snapshot_id", None) or "")


def _deny_all(live: LivePrincipal) -> bool:
    return f"arn:{live.principal.partition}:iam::aws:policy/AWSDenyAll" in live.attached()


def require_sweepable(live: LivePrincipal, incident: str, *, over: bool) -> None:
    """Let a sweep, which has no stack, remove the fence of *incident*; *over* says that it ended.

    It goes by what is live alone: every statement of the incident is a deny whose own end passed.

    Raises:
        ContainmentError: it has not, or something else of the incident is there.
    """
    if not over:
        raise ContainmentError(
            f"{live} carries something newer of {incident} now",
            remedy="run 'containment status' and sweep again later",
        )

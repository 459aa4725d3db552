"""Guard the account by a service control policy, which nobody in the account can take off.

A deny inside the account can be stripped by whoever may write IAM there, and an attacker who looks
twice a second does. So the control comes from outside: mode `freeze` denies every change of an
identity (users, roles, keys, policies, trust, providers, sign-in, Identity Center, Organizations)
to all but the exempt, so that workloads run on; `quarantine` denies everything to all but the
exempt. Principals at rung `deny-all` are denied everything by their unique ids besides, and the
older tokens of those that are revoked. Exempt are who runs containment, the profile's responder,
pipeline, guard and break-glass principals, and whom other guards of ours on the account exempt.
Nobody else may take up an exempt role, or hand it to a service, but whom the role's own trust
policy names.

It starts beside the denies, which never wait for it. It is simulated with the account's real
control policies before it is attached: the exempt allowed, the incident's principals denied,
everybody else as the mode says; otherwise it is not attached. Then users, roles and keys are listed
until none appeared for as long as a control policy takes to bind; those that were made after the
run began are denied by their unique ids too, for they may be the attacker's way back. Where no
control policy more fits on the account, the guard stands beside another guard of ours in one
policy, and each is lifted alone. A lift takes the guard off last.

What survives it: sessions and principals that were made before it bound and that nobody listed, as
far as their own policies go under `freeze`; service-linked roles and every principal of the
management account, which no control policy reaches; GetCallerIdentity and GetSessionToken; sessions
of GetFederationToken whose name no trace has found yet ('containment trace --propose' writes them
down, and the next `up` denies them by name). Without rights in the organisation there is no
guard: that is said, and all else is done.

Sources: Organizations User Guide, "Service control policies" (which principals they do not reach)
and "SCP evaluation"; IAM User Guide, "AWS global condition context keys"; IAM API Reference,
SimulateCustomPolicy.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.faults import explain, outcome_unknown
from containment.aws.principal import locate
from containment.clock import isoformat
from containment.errors import (
    ConflictError,
    ContainmentError,
    NotContainedError,
    RefusedError,
    StoppedError,
)
from containment.facets import marks
from containment.facets.write import Write
from containment.guard import document, federated, latecomers, proof, removal, role_entry
from containment.guard.control_policies import (
    CHANGES,
    READS,
    ControlPolicies,
    guards,
    is_guard,
)
from containment.guard.latecomers import Late, Search
from containment.guard.placement import Placement
from containment.identities import parse_principal
from containment.lifecycle import exemptions
from containment.lifecycle.action import Action, UnfinishedError
from containment.lifecycle.lift import LiftPlan
from containment.lifecycle.wire import HeldInputs, Outputs
from policies import text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from containment.aws.principal import LivePrincipal
    from containment.guard.control_policies import ControlPolicy
    from containment.guard.newcomers import Newcomer
    from containment.lifecycle.context import Context
    from containment.lifecycle.lift import Priors
    from containment.lifecycle.snapshot import Snapshot
    from containment.spec import IncidentSpec, Target
    from policies import Document

_AT_ONCE = 8
# A guard that joins a containment older than this counts from its own start: who was made in days
# between is most likely nobody's accomplice, and is named.
_SAME_CONTAINMENT = timedelta(minutes=15)

UNSEEN = "whether it is there: "
"""How the reason of a write begins where nobody could look whether the guard is set."""


class GuardInputs(HeldInputs):
    """What the guard is to say; *exempt* is completed by the provider.

    *denied* are the ARNs of the principals at rung deny-all, *revoked* of those whose older tokens
    are denied, *targets* of all, for the guard goes after everything that is on them. *captured_at*
    is when the snapshot was taken, which was before anything was changed.
    """

    mode: Literal["freeze", "quarantine"]
    required: bool = False
    targets: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    revoked: tuple[str, ...] = ()
    break_glass: tuple[str, ...] = ()
    exempt: tuple[str, ...] = ()
    captured_at: str | None = None


class GuardState(GuardInputs, Outputs):
    """The control policy, and what it says besides the inputs.

    *unique_ids* are those of the principals by ARN; *late* are those denied because they were made
    after *began*; *settled* is True once none had appeared for the length of the lag.
    *issued_before* is the moment before which tokens of the revoked are denied.
    """

    policy_id: str | None = None
    digest: str = ""
    began: str = ""
    issued_before: str = ""
    unique_ids: dict[str, str] | None = None
    late: tuple[Late, ...] = ()
    settled: bool = False


class GuardPolicy(Action[GuardInputs, GuardState]):
    """Keep everybody but the exempt from changing identities, or from everything."""

    resource = "GuardPolicy"
    summary = "Guard the account by a service control policy"
    survives = (
        "service-linked roles and the management account are out of its reach; what was made before"
        " it bound lives on where nobody listed it"
    )
    permissions = latecomers.PERMISSIONS | proof.PERMISSIONS | role_entry.PERMISSIONS
    # Called in the guard role, which is in another account.
    organization_permissions: ClassVar[frozenset[str]] = READS | CHANGES
    identity = frozenset({"principal_id"})
    silent = frozenset({"captured_at"})
    from_snapshot = ("captured_at",)
    computed = frozenset({"generation", "policy_id", "began"})
    inputs_type, state_type = GuardInputs, GuardState

    @classmethod
    def inputs_for(cls, spec: IncidentSpec, target: Target) -> Mapping[str, Any] | None:
        if spec.guard.mode == "off" or target is not spec.targets[0]:
            return None
        by_rung: dict[str, list[str]] = {"denied": [], "revoked": []}
        for one in spec.targets:
            if one.rung == "deny-all":
                by_rung["denied"].append(one.principal.arn)
            elif one.rung in {"revoke-sessions", "close-trust"}:
                by_rung["revoked"].append(one.principal.arn)
        return {
            "mode": spec.guard.mode.value,
            "required": spec.guard.required,
            "targets": sorted(one.principal.arn for one in spec.targets),
            "break_glass": sorted(spec.break_glass),
            **{name: sorted(arns) for name, arns in by_rung.items()},
        }

    def checked(self, inputs: GuardInputs) -> GuardInputs:
        context, account = self._context, inputs.target.account
        named = [one.arn for _, one in context.profile.protected_in(account)]
        callers = [context.caller.principal] if context.caller.principal else []
        exempt = {*inputs.break_glass, *named, *(one.arn for one in callers)}
        here = {arn for arn in exempt if parse_principal(arn).account == account}
        return super().checked(inputs.model_copy(update={"exempt": tuple(sorted(here))}))

    def on_destroy(self, inputs: GuardInputs) -> str:
        return f"the guard ({inputs.mode}) leaves account {inputs.target.account}, after all else"

    def priors(self, state: GuardState) -> Priors:
        """Return nothing: it changes no principal."""
        del state
        return {}

    def lift_plan(
        self, state: GuardState, live: LivePrincipal, *terms: Any, **more: Any
    ) -> LiftPlan:
        """Return that nothing is done to *live*."""
        del state, more
        return LiftPlan(live, terms[0])

    def writes(self, inputs: GuardInputs, live: LivePrincipal) -> list[Write]:
        del live
        subject = f"service control policy {marks.policy_name(inputs.incident)}"
        summary = f"{inputs.mode}, attached to account {inputs.target.account}"
        try:
            attached = self._policies(inputs).attached()
        except ContainmentError as error:
            reason = f"{UNSEEN}{error.message}"
            return [Write(subject, None, summary, reason=reason, document=self._foreseen(inputs))]
        guard = self._find_guard(attached, inputs)
        if guard is None:
            return [Write(subject, None, summary, document=self._foreseen(inputs, attached))]
        if guard.name != marks.policy_name(inputs.incident):
            subject = f"{subject}, which stands in {guard.name}"
        mode = document.mode_of(guard.content, marks.incident_hash(inputs.incident))
        if mode == inputs.mode:
            return []
        before = f"{mode or 'another text'}, attached to account {inputs.target.account}"
        return [Write(subject, before, summary, document=self._foreseen(inputs, attached))]

    def _foreseen(self, inputs: GuardInputs, attached: Sequence[ControlPolicy] = ()) -> str | None:
        """Return the policy that would be written now; None where that cannot be told."""
        try:
            before = GuardState(**dict(self.checked(inputs)))
            ids = self._unique_ids(before) if before.principal_id else {}
            moment = isoformat(self._context.caller.answered_at)
            state = before.model_copy(update={"unique_ids": ids, "issued_before": moment})
            terms = self._terms(state, guards([attached]))
            mark = marks.mark(state.incident, state.snapshot_id or "0" * 10, 0)
            return text(document.document(terms, mark))
        except ContainmentError:
            return None

    @classmethod
    def lift_elsewhere(cls, context: Context, snapshot: Snapshot) -> None:
        """Take a guard off that was set under *snapshot* and that no resource knows of any more."""
        action = cls(context)
        try:
            # After a crash it may be there and attached to nothing.
            placement = action._placement(action._policies(snapshot, lifting=True), snapshot)
            guard = placement.find()
        except ContainmentError as error:
            context.say("warning", f"whether a guard is left cannot be seen: {error}")
            return
        if guard is None or not _is_under(guard, snapshot):
            return
        try:
            placement.take_off()
        except (ClientError, BotoCoreError) as error:
            raise explain("taking off a guard that was left", error) from error
        context.say("info", f"a guard that was left on account {snapshot.account} is taken off")

    def read(self, state: GuardState) -> GuardState:
        """Return *state* as the organisation shows the guard."""
        try:
            attached = self._policies(state).attached()
            guard = self._find_guard(attached, state)
        except ContainmentError:
            if state.live != "missing":
                raise
            return state  # it could not be set for the same reason, perhaps, and is tried again
        if guard is None:
            status = "missing"
        elif state.digest and _digest(guard.content, state) != state.digest:
            status = "altered"
        elif undenied := self._undenied(guard, state):
            status = "stale"
            self._context.say(
                "warning",
                f"the guard of account {state.target.account} does not deny the federated sessions"
                f" {', '.join(undenied)}, which the trace found",
            )
        elif unspared := self._unspared(attached, guard, state):
            status = "stale"
            self._context.say(
                "warning",
                f"the guard of account {state.target.account} does not exempt"
                f" {', '.join(unspared)}, whom another guard of ours does",
            )
        else:
            status = "applied"
        if status != "applied" and state.live == "applied":
            self._context.say(
                "warning",
                f"the guard of account {state.target.account} is {status};"
                " 'pulumi up' puts it back",
            )
        return state.model_copy(update={"live": status})

    def delete(self, state: GuardState) -> None:
        """Take the guard off, once everything else of the stack is lifted.

        Raises:
            ConflictError: something else is still in force, or the terms are not the spec's; or
                somebody was made meanwhile who would be let go.
        """
        self.gate.require_terms(state)
        if state.live == "missing" and not state.digest:
            return  # it never was set
        policies = self._policies(state, lifting=True)
        placement = self._placement(policies, state)
        guard, account = placement.find(), state.target.account
        if guard is None or (guard.marks and guard.mark_for(state.incident) is None):
            self._context.say("info", f"the guard of account {account} is gone already")
            return
        if not guard.marks:
            raise ConflictError(
                f"somebody wrote another text into the guard of account {account}"
                f" ({guard.id}), so it is not taken off",
                remedy="run 'pulumi up', which puts the guard back, and lift again; or detach and"
                " delete that policy by hand, and lift again",
            )
        if not _is_under(guard, state) or _generation(guard, state) > (state.generation or 0):
            self._context.say(
                "info", f"a newer guard of account {account} is in force; this one is superseded"
            )
            return
        if not self._context.declared:  # a lift, and no change of the spec
            removal.require_last(self._context, account, state.incident, state.unique_ids or {})
            if not state.lift.false_positive:
                removal.require_nobody_late(self._context, account, state.late)
        try:
            placement.take_off()
        except (ClientError, BotoCoreError) as error:
            raise explain(f"taking the guard off account {account}", error) from error
        self._context.say("info", f"the guard of account {account} is taken off")

    def _undenied(self, guard: ControlPolicy, state: GuardState) -> list[str]:
        """Return the federated sessions that the trace found and the guard does not deny."""
        denied = document.denied_in(guard.content, marks.incident_hash(state.incident))
        traced = federated.userids(self._context, state.incident, state.target.account)
        return sorted(set(traced) - denied)

    @staticmethod
    def _unspared(
        attached: Iterable[ControlPolicy], guard: ControlPolicy, state: GuardState
    ) -> list[str]:
        """Return whom another guard of ours on the account exempts, and this one does not."""
        own = marks.incident_hash(state.incident)
        elsewhere = {arn for one in attached for arn in document.exempt_of(one.content, own)}
        return sorted(elsewhere - {*document.exempt_of(guard.content, only=own)})

    def _create(self, inputs: GuardInputs, *, preview: bool) -> GuardState:
        return self._set(inputs, GuardState(**dict(inputs)), preview=preview)

    def _update(self, state: GuardState, inputs: GuardInputs, *, preview: bool) -> GuardState:
        new = state.model_copy(update=dict(inputs))
        if set(inputs.revoked) - set(state.revoked):
            new = new.model_copy(update={"issued_before": ""})
        return self._set(inputs, new, preview=preview)

    def _look(
        self, live: LivePrincipal, state: GuardState, presences: Mapping[str, Any]
    ) -> GuardState:
        del live, presences  # it is looked at in the organisation, by `read`
        return state

    def _set(self, inputs: GuardInputs, before: GuardState, *, preview: bool) -> GuardState:
        """Set the guard; where that cannot be, say so, and keep nothing else from being done."""
        try:
            return self._guard(before, preview=preview)
        except (UnfinishedError, StoppedError):
            raise
        except ContainmentError as error:
            without = before.model_copy(update={"live": "missing"})
            account = inputs.target.account
            refused = isinstance(error, RefusedError)
            if not preview and (inputs.required or refused):
                what = "not contained: the required guard" if inputs.required else "the guard"
                raise UnfinishedError(
                    f"{what} of account {account} is not set: {error.message}",
                    remedy=f"{error.remedy}; then run 'pulumi up' again",
                    state=without,
                    cause=error,
                ) from error
            self._context.say(
                "warning",
                f"the guard of account {account} is not set, and an attacker with IAM rights can"
                f" take every deny off again: {error}",
            )
            return without

    def _guard(self, before: GuardState, *, preview: bool) -> GuardState:
        context, started_ms = self._context, self._context.started_ms()
        policies, target = self._policies(before), before.target
        if policies.management_account() == target.account:
            raise NotContainedError(
                f"{target.account} is the organisation's management account, in which no service"
                " control policy counts",
                remedy="contain its principals by their rungs alone, and watch the account",
            )
        levels = policies.levels()
        attached = self._find_guard(levels[-1], before)
        own = attached or policies.named(before.incident, before.policy_id)
        state = before.model_copy(
            update={
                "began": before.began or self._began(before),
                "issued_before": before.issued_before or isoformat(context.caller.answered_at),
                "unique_ids": self._unique_ids(before),
                "generation": context.generation(
                    started_ms, own.mark_for(before.incident) if own else None
                ),
            }
        )
        terms = self._terms(state, guards(levels))
        mark = marks.mark(state.incident, state.snapshot_id or "0" * 10, state.generation or 0)
        guard = document.document(terms, mark)
        digest = _digest(text(guard), state)
        unchanged = (
            attached is not None
            and _digest(attached.content, state) == digest
            and _is_under(attached, state)
        )
        ids = state.unique_ids or {}
        denied = {arn: ids[arn] for arn in state.denied if arn in ids}

        def prove(instead_of: ControlPolicy | None, content: str) -> None:
            cases = list(proof.cases_of(target, terms, denied))
            proof.require(
                context, levels, instead_of, content, incident=state.incident, cases=cases
            )

        placement = self._placement(policies, state, prove)
        if not unchanged:
            prove(own, placement.text_in(own, guard) if own else text(guard))
        if preview:
            return before
        if unchanged and attached is not None:
            state = state.model_copy(
                update={"generation": _generation(attached, state), "policy_id": attached.id}
            )
        else:
            state = self._write(placement, guard, state)
            if state.live != "applied":
                return state
            context.say(
                "info",
                f"the guard ({state.mode}) stands on account {target.account}; exempt are"
                f" {', '.join(terms.exempt)}",
            )
        state = state.model_copy(update={"live": "applied", "digest": digest})
        if unchanged and state.settled:
            return state
        return self._look_for_late(policies, state, terms)

    def _began(self, inputs: GuardInputs) -> str:
        """Return when the attacker could first see that they are being contained.

        The denies go ahead of the guard, and of the run's own start where another one of a moment
        ago was cut off or contained without the engine.
        """
        asked_at = self._context.caller.answered_at
        captured_at = datetime.fromisoformat(inputs.captured_at) if inputs.captured_at else asked_at
        recent = asked_at - captured_at < _SAME_CONTAINMENT
        return isoformat(min(asked_at, captured_at) if recent else asked_at)

    def _write(self, placement: Placement, guard: Document, state: GuardState) -> GuardState:
        """Make or change the control policy, attach it, and read it back."""
        what = f"setting the guard on account {state.target.account}"
        try:
            placed = placement.put(guard)
        except (ClientError, BotoCoreError) as error:
            if not outcome_unknown(error):
                raise explain(what, error) from error
            self._context.say(
                "warning",
                f"nobody knows whether the guard is set ({explain(what, error).message}); the next"
                " 'pulumi up' looks",
            )
            return state.model_copy(update={"live": "unverified"})
        now = state.model_copy(update={"policy_id": placed.policy.id, "settled": False})
        if placed.shown:
            return now.model_copy(update={"live": "applied"})
        self._context.say(
            "warning", "the guard was written and does not show yet; the next 'pulumi up' looks"
        )
        return now.model_copy(update={"live": "unverified"})

    def _terms(self, state: GuardState, guards_there: Iterable[ControlPolicy]) -> document.Terms:
        target, own = state.target, marks.incident_hash(state.incident)
        elsewhere = [arn for one in guards_there for arn in document.exempt_of(one.content, own)]
        exempt = exemptions.canonical(self._context, target, [*state.exempt, *elsewhere])
        # Whoever writes a trust policy names themselves there: nobody of the incident comes in.
        contained = {*state.targets, *(one.principal for one in state.late)}
        comers = set(role_entry.entering(self._context, target, exempt))
        ids = state.unique_ids or {}
        denied = [ids[arn] for arn in state.denied if arn in ids]
        named = federated.userids(self._context, state.incident, target.account)
        revoked = [ids[arn] for arn in state.revoked if arn in ids]
        return document.Terms(
            mode=state.mode,
            exempt=exempt,
            entering=tuple(sorted(comers - {*exempt, *contained})),
            denied=tuple(sorted({*denied, *(one.principal_id for one in state.late), *named})),
            revoked=tuple(sorted(revoked)),
            issued_before=state.issued_before,
        )

    def _unique_ids(self, state: GuardState) -> dict[str, str]:
        """Return the unique ids of the incident's principals by ARN; known ones are kept."""
        ids_by_arn = {**(state.unique_ids or {}), state.principal: state.principal_id}
        named = dict.fromkeys((*state.targets, *state.denied, *state.revoked))
        unknown = [arn for arn in named if arn not in ids_by_arn]
        look = partial(locate, self._context.clients.iam, unique_id=None)
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            principals = list(pool.map(look, map(parse_principal, unknown)))
        for arn, live in zip(unknown, principals, strict=True):
            if live is None:
                self._context.say("warning", f"the guard does not name {arn}, which is not there")
            else:
                ids_by_arn[arn] = live.unique_id
        return ids_by_arn

    def _look_for_late(
        self, policies: ControlPolicies, state: GuardState, terms: document.Terms
    ) -> GuardState:
        """Deny who was made after the run began, until nobody new appears for the lag's length."""
        began = datetime.fromisoformat(state.began)
        since = datetime.fromisoformat(state.lift.compromised_at)
        revoked = {(state.unique_ids or {}).get(arn, "") for arn in state.revoked}

        def deny(fresh: Sequence[Newcomer]) -> None:
            nonlocal state, terms
            state, terms = self._deny_late(policies, state, terms, fresh)

        search = Search(self._context, state.target.account, since, began)
        try:
            search.until_quiet({*terms.denied, *revoked}, terms.exempt, deny)
        except StoppedError:
            raise
        except ContainmentError as error:
            raise UnfinishedError(error.message, remedy=error.remedy, state=state) from error
        return state.model_copy(update={"settled": True})

    def _deny_late(
        self,
        policies: ControlPolicies,
        state: GuardState,
        terms: document.Terms,
        fresh: Sequence[Newcomer],
    ) -> tuple[GuardState, document.Terms]:
        late = tuple(
            Late(principal_id=one.unique_id, principal=one.arn, access_key_id=one.access_key_id)
            for one in fresh
        )
        state = state.model_copy(
            update={"late": (*state.late, *late), "generation": (state.generation or 0) + 1}
        )
        denied = {*terms.denied, *(one.unique_id for one in fresh)}
        terms = replace(terms, denied=tuple(sorted(denied)))
        mark = marks.mark(state.incident, state.snapshot_id or "", state.generation or 0)
        guard = document.document(terms, mark)
        written = self._write(self._placement(policies, state), guard, state)
        if written.live != "applied":
            raise UnfinishedError(
                f"whether {fresh[0]} is denied is not known",
                remedy="run 'pulumi up' again at once",
                state=written,
            )
        return written.model_copy(update={"digest": _digest(text(guard), state)}), terms

    def _policies(self, inputs: Any, *, lifting: bool = False) -> ControlPolicies:
        context = self._context
        recorder = context.ledger.recorder(
            inputs.incident,
            inputs.snapshot_id,
            lambda: context.caller.arn,
            lifting=lifting,
        )
        return ControlPolicies(
            context.organizations(),
            inputs.target.account,
            recorder,
            (inputs.principal, inputs.principal_id),
        )

    def _placement(
        self,
        policies: ControlPolicies,
        inputs: Any,
        prove: Callable[[ControlPolicy, str], None] = lambda _policy, _content: None,
    ) -> Placement:
        def say(sentence: str) -> None:
            self._context.say("warning", sentence)

        known_id = getattr(inputs, "policy_id", None)
        return Placement(policies, inputs.incident, known_id, say, prove)

    def _find_guard(self, attached: Iterable[ControlPolicy], inputs: Any) -> ControlPolicy | None:
        """Return the incident's guard among those that are attached to the account."""
        known_id = getattr(inputs, "policy_id", None)
        guards = (one for one in attached if is_guard(one, inputs.incident, known_id))
        return next(guards, None)


def _digest(content: str, inputs: Any) -> str:
    return document.digest(content, marks.incident_hash(inputs.incident))


def _generation(policy: ControlPolicy, inputs: Any) -> int:
    mark = policy.mark_for(inputs.incident)
    return mark.generation if mark else 0


def _is_under(policy: ControlPolicy, inputs: Any) -> bool:
    mark = policy.mark_for(inputs.incident)
    return mark is not None and mark.snapshot_id == inputs.snapshot_id


__all__ = ["GuardInputs", "GuardPolicy", "GuardState"]

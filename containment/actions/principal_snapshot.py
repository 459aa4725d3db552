"""Remember a principal as it was, before anything changes, and be the last to go.

It changes nothing. What it reads is in the stack's state before any deny is written, and its id
is in the mark of every artefact made under it, so that a retry knows its own work from a
stranger's. Its delete runs after all others and finishes what carries its id: after a crash the
engine forgets interrupted creates, and would otherwise leave a deny behind an empty stack.

What survives it: everything; it only watches. What was changed before it was taken is remembered
as it was then, the attacker's work included.

Sources: IAM User Guide, "IAM identifiers" (unique ids) and "IAM and AWS STS quotas".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from containment.aws.credentials import KINDS
from containment.clock import isoformat
from containment.errors import (
    LIFT,
    AccessError,
    ConflictError,
    ContainmentError,
    NotFoundError,
    UnavailableError,
)
from containment.facets import capture, holders, leftovers, marks
from containment.identities import parse_principal
from containment.lifecycle import (
    earlier_containment,
    evidence,
    exemptions,
    leaked_keys,
    lift,
    needed_rights,
    prior,
)
from containment.lifecycle.action import Action, Failure
from containment.lifecycle.lift import LiftPlan
from containment.lifecycle.snapshot import (
    RESOURCE,
    InlinePolicy,
    LedgerHead,
    Snapshot,
    SnapshotInputs,
)
from containment.lifecycle.wire import Lift
from containment.preflight import (
    blocks,
    doubts,
    expiring,
    refusals,
    uneditable,
)
from containment.profile import changed_since

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from containment.aws.principal import LivePrincipal
    from containment.facets.facet import Changes, Facet, Terms
    from containment.ledger import Remembered
    from containment.lifecycle.lift import Priors
    from containment.lifecycle.wire import Live
    from containment.spec import IncidentSpec, Target


# Whoever may tag the principal makes as many marks as it has room for tags.
_MOST_NAMED = 5


class PrincipalSnapshot(Action[SnapshotInputs, Snapshot]):
    """Remember a principal as it was."""

    resource = RESOURCE
    summary = "Remember a principal as it was and see that nothing of ours is left behind"
    survives = "everything: a snapshot changes nothing"
    permissions = frozenset(
        {
            "iam:GetUser",
            "iam:GetRole",
            "iam:ListUsers",
            "iam:ListUserPolicies",
            "iam:ListRolePolicies",
            "iam:GetUserPolicy",
            "iam:GetRolePolicy",
            "iam:ListAttachedUserPolicies",
            "iam:ListAttachedRolePolicies",
            "iam:SimulatePrincipalPolicy",
            "iam:GetAccessKeyLastUsed",
            "iam:GetPolicy",
            "iam:ListPolicies",
            "iam:ListRoles",
            *(f"iam:{kind.listing}" for kind in KINDS),
        }
    )
    identity = frozenset({"principal"})
    computed = frozenset({"snapshot_id", "captured_at", "ledger"})
    silent = frozenset({"uses"})
    inputs_type, state_type = SnapshotInputs, Snapshot

    @classmethod
    def inputs_for(cls, spec: IncidentSpec, target: Target) -> Mapping[str, Any]:
        del target
        return {"break_glass": sorted(spec.break_glass)}

    def check(self, inputs: SnapshotInputs, old: SnapshotInputs | None) -> list[Failure]:
        context = self._context
        if old is not None and old.endpoint:
            context.require_same_place(inputs.model_copy(update={"endpoint": old.endpoint}))
        context.require_same_place(inputs)
        if old is not None:
            self._say_changed(old)
        errors: list[ContainmentError] = [
            *refusals(
                inputs.target,
                clients=context.clients,
                caller=context.caller,
                break_glass=inputs.break_glass,
                profile=context.profile,
            ),
            *exemptions.nobodies(
                context, inputs.target, inputs.break_glass, old.break_glass if old else ()
            ),
        ]
        late = expiring(context.credentials_expire_at, context.caller)
        if late is not None:
            errors.append(late)
        if not errors:
            needed_rights.note(self._context, inputs)
            for doubt in doubts(
                inputs.target, clients=context.clients, caller=context.caller, rights=context.rights
            ):
                context.say("warning", doubt)
        return [Failure("principal", error) for error in errors]

    def lacking(self, inputs: SnapshotInputs) -> AccessError | None:
        context = self._context
        role = context.profile.role_in(inputs.target.account)
        acting = needed_rights.note(self._context, inputs)
        if acting is None:
            return None
        denied = context.rights.denied(context.clients.iam, acting, inputs.target.arn)
        if not denied:
            return None
        who = role or f"the credentials in use ({context.caller.arn})"
        text = f"{who} {'lacks' if role else 'lack'} {', '.join(denied)}"
        if blocks(needed_rights.needed(self._context, inputs), denied):
            step = "give that role the policy that 'containment responder-policy contain' prints"
            return AccessError(text, remedy=step)
        context.say("warning", f"{text}: what needs them will be left undone")
        return None

    def checked(self, inputs: SnapshotInputs) -> SnapshotInputs:
        facts = {
            "endpoint": self._context.clients.endpoint,
            "profile": self._context.profile.sha256,
            "break_glass": exemptions.canonical(self._context, inputs.target, inputs.break_glass),
        }
        here = inputs.model_copy(update=facts)
        return super().checked(here)

    def adopt(self, incident: str, principal: str) -> Snapshot:
        """Return the snapshot that the live containment of *incident* was made under.

        What the keys were comes from the ledger where it is intact, else from the claim, which
        counts for nothing until somebody has decided so; everything else is live less what is ours.

        Raises:
            ConflictError: nothing of the incident is live, or it is of more than one snapshot.
            SpecError: the spec is missing or does not name the principal.
        """
        from containment.spec import lift_terms, load  # noqa: PLC0415 -- as in terms.py

        spec_file = f"stacks/{incident}.yaml"
        spec = load(self._context.directory / spec_file)
        target = parse_principal(principal)
        terms = lift_terms(spec, target)
        inputs = SnapshotInputs(
            incident=incident,
            principal=target.arn,
            lift=Lift(
                spec=spec_file,
                disposition=terms.disposition.value,
                compromised_at=terms.compromised_at,
                leaked=terms.leaked,
            ),
            break_glass=tuple(sorted(spec.break_glass)),
        )
        live = self._context.locate(inputs, None)
        if live is None:
            raise NotFoundError(f"{principal} does not exist", remedy="check the ARN")
        self.gate.require_adoptable(inputs, live)
        captured = capture.capture(live, incident)
        state = self._state(live, self.checked(inputs), captured, taken_over=incident)
        own = leftovers.snapshots(live, incident, self._facets)
        if len(own) != 1:
            marked = ", ".join(sorted(own)) or "none"
            raise ConflictError(
                f"{live} cannot be adopted: it carries marks of {marked} of {incident}",
                remedy="'containment status' lists what is live; one snapshot's marks are needed",
            )
        state = state.model_copy(
            update={"snapshot_id": own.pop(), "captured_at": isoformat(live.answered_at)}
        )
        return state.model_copy(
            update={
                **dict(prior.adopted_credentials(self._context, state, live)),
                "attached_policies": prior.adopted_attachments(
                    self._context, state, state.attached_policies, live
                ),
            }
        )

    def on_destroy(self, inputs: SnapshotInputs) -> str:
        return (
            f"whatever is left on {inputs.target.name} under this snapshot is lifted, or it fails"
        )

    def _create(self, inputs: SnapshotInputs, *, preview: bool) -> Snapshot:
        live = self._context.locate(inputs, None) or leaked_keys.user_by_key(self._context, inputs)
        if live is None:
            raise NotFoundError(
                f"{inputs.principal} does not exist",
                remedy="check the ARN with 'containment resolve', and CloudTrail for DeleteUser,"
                " DeleteRole or UpdateUser",
            )
        # The spec's ARN may lack the path that tells a service-linked role.
        for refusal in uneditable(live.principal):
            raise refusal
        captured = capture.capture(live, inputs.incident)
        for problem in captured.unread:
            self._context.say("warning", f"{problem}; none is deactivated until that is possible")
        earlier = earlier_containment.recalled(self._context, live, inputs, captured, self._facets)
        if earlier is not None:
            return self._with_ledger(earlier)
        owners = leaked_keys.owners(self._context, live, inputs.lift.leaked, captured.credentials)
        state = self._state(live, inputs, captured).model_copy(update={"owners": owners})
        earlier_containment.refuse_other(self._context, live, state, captured, self._facets)
        if preview:
            return state
        taken = state.model_copy(
            update={
                "snapshot_id": marks.new_snapshot_id(),
                "captured_at": isoformat(live.answered_at),
            }
        )
        ahead = {"ahead": True} if self._context.recorded else {}
        number = self._write("snapshot", taken, facts=_facts(taken), required=False, **ahead)
        if number is None and self._context.recorded:
            raise UnavailableError(
                f"{live} is not on record, and no state would know how it was",
                remedy="the engine contains it with a state: run 'pulumi up'",
            )
        # Not read here: the deny waits for this.
        return _remembering(taken, self._context.ledger.journal_of(taken.incident).written())

    def priors(self, state: Snapshot) -> Priors:
        """Return nothing: what was changed is remembered by the others, facet by facet."""
        del state
        return {}

    def lift_plan(
        self,
        state: Snapshot,
        live: LivePrincipal,
        terms: Terms,
        presences: Mapping[str, Any] | None = None,
    ) -> LiftPlan:
        """Return what lifts all that is left on *live* under this snapshot, whoever made it."""
        del presences
        remaining = leftovers.find(live, state.incident, state.snapshot_id or "", self._facets)
        plan = LiftPlan(live, terms, leftovers=tuple(remaining))
        for action in self._context.actions:
            priors = lift.remaining(live, action.priors_in(state), terms)
            if priors:
                plan = plan.joined(lift.plan(live, priors, terms))
        return plan

    def read(self, state: Snapshot) -> Snapshot | None:
        """Return *state* with the ledger's head; nothing in it ever changes."""
        live = self._context.locate(state, state.principal_id)
        if live is None:
            self._context.say(
                "warning", f"{state.principal} with the id {state.principal_id} is gone"
            )
            return None
        return self._look(live, state, {})

    def _live_of(self, state: Snapshot) -> Live:
        is_there = self._context.locate(state, state.principal_id) is not None
        return "applied" if is_there else "missing"

    def _look(self, live: LivePrincipal, state: Snapshot, presences: Mapping[str, Any]) -> Snapshot:
        del presences
        if live.principal.arn != state.principal:
            self._context.say(
                "warning", f"{state.principal} is {live.principal.arn} now and stays contained"
            )
        # Then an 'up' has something to do, which gives it an id.
        status = "applied" if _is_identified(state) else "altered"
        return self._with_ledger(state.model_copy(update={"live": status}))

    def _update(self, state: Snapshot, inputs: SnapshotInputs, *, preview: bool) -> Snapshot:
        new = state.model_copy(update=dict(inputs))  # what was captured never changes
        if not _is_identified(state):
            new = self._identified(new, inputs, preview=preview)
        if not preview and (new.lift, new.profile) != (state.lift, state.profile):
            # A restore without the state goes on the terms that were applied last.
            terms = new.lift.model_dump(mode="json", by_alias=True)
            self._write("terms", new, lift=terms, profile=new.profile, required=False)
        return self._with_ledger(new)

    def _identified(self, state: Snapshot, inputs: SnapshotInputs, *, preview: bool) -> Snapshot:
        """Return *state*, whose id no mark can carry, under one that is live, on record, or new.

        Its memory of how things were stays what the state says; a new id is put on record with what
        is seen now, for a ledger must not repeat the state's word as its own.
        """
        live = self._context.locate(state, state.principal_id)
        if live is None:
            raise NotFoundError(
                f"{state.principal} with the id {state.principal_id} is gone",
                remedy="run 'pulumi up' again",
            )
        if preview:
            return state.model_copy(update={"snapshot_id": None, "live": "applied"})
        now = {"captured_at": isoformat(live.answered_at), "live": "applied"}
        earlier_id = earlier_containment.known_id(self._context, live, state.incident, self._facets)
        snapshot_id = earlier_id or marks.new_snapshot_id()
        self._context.say(
            "warning",
            f"{live}: the state has no usable id of its snapshot, so it is contained under"
            f" {snapshot_id}, which is {'live or on record' if earlier_id else 'new'}",
        )
        if earlier_id is None:
            captured = capture.capture(live, inputs.incident)
            snapshot_now = self._state(live, inputs, captured)
            snapshot_now = snapshot_now.model_copy(update={**now, "snapshot_id": snapshot_id})
            self._write("snapshot", snapshot_now, facts=_facts(snapshot_now), required=False)
        return state.model_copy(update={**now, "snapshot_id": snapshot_id})

    def delete(self, state: Snapshot) -> None:
        self._say_changed(state)
        self.finish(state)
        for action in self._context.actions:
            if action.resource in state.uses:
                action.lift_elsewhere(self._context, state)
        self.released(state)

    def released(self, state: Snapshot) -> None:
        """Put on record that the principal was given back, and on which terms.

        Raises:
            RefusedError: that cannot be written.
        """
        self._write("release", state, disposition=state.lift.disposition, required=True)

    def finish(self, state: Snapshot, changed: Changes | None = None) -> None:
        """Lift what is left on the principal under this snapshot.

        *changed* is what a ledger says was changed under it, where that stands in for the state.

        Raises:
            ConflictError: the terms differ from the spec's, or something stays in force.
        """
        live = self._to_lift(state, state.principal_id)
        if live is None:
            return
        generation = self._context.started_ms()
        terms = evidence.terms(
            self._context,
            state,
            generation=generation,
            changed=changed,
            spared=self.gate.spares(state, live),
        )
        plan = self.lift_plan(state, live, terms)
        self.gate.require_liftable(state, plan)
        if plan.leftovers:
            self._context.say(
                "warning",
                f"{live}: an interrupted run left {', '.join(plan.leftovers)}; lifting it now",
            )
        self._carry_out(state, plan, partial(self.lift_plan, state, terms=terms))
        now = live.again() if plan.steps or plan.leftovers else None
        own = state.snapshot_id or ""
        remains = leftovers.find(now, state.incident, own, self._facets) if now else []
        if remains:
            raise ConflictError(
                f"{live}: {', '.join(remains)} of this stack is still in force",
                remedy=f"run '{LIFT}' again",
            )

    def _say_changed(self, applied: SnapshotInputs) -> None:
        changed = changed_since(self._context.profile, applied.profile)
        if changed is not None:
            self._context.say("warning", changed)

    @property
    def _facets(self) -> tuple[Facet[Any, Any, Any], ...]:
        """Every facet that some action changes."""
        return lift.in_turn(facet for action in self._context.actions for facet in action.facets)

    def _with_ledger(self, state: Snapshot) -> Snapshot:
        """Return *state* with the ledger's head, and have it held against the one it remembers."""
        journal = self._context.ledger.journal_of(state.incident)
        if state.ledger is not None:
            journal.expect(state.ledger.remembered)
        return _remembering(state, journal.remember())

    def _write(self, kind: str, state: Snapshot, *, required: bool, **fields: object) -> int | None:
        what = {
            "principal": state.principal,
            "unique_id": state.principal_id,
            "snapshot_id": state.snapshot_id,
            "operator": self._context.caller.arn,
            **fields,
        }
        return self._context.ledger.journal_of(state.incident).write(kind, what, required=required)

    def _state(
        self,
        live: LivePrincipal,
        inputs: SnapshotInputs,
        captured: capture.Captured,
        *,
        taken_over: str | None = None,
    ) -> Snapshot:
        contested = holders.contested(live, captured.policies, taken_over)
        if contested:
            more = len(contested) - _MOST_NAMED
            named = ", ".join(contested[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
            self._context.say(
                "warning",
                f"{live} carries {len(contested)} marks of incidents that this stack did not make;"
                f" they are left alone: {named}",
            )
        return Snapshot(
            **dict(inputs),
            principal_id=live.unique_id,
            account=live.principal.account,
            emulated=self._context.clients.emulated,
            inline_policies=tuple(
                InlinePolicy(name=name, size=size) for name, size in captured.unmarked_sizes.items()
            ),
            attached_policies=prior.attached_before(
                self._context, live, inputs.incident, captured.attached
            ),
            permissions_boundary=live.permissions_boundary,
            **dict(prior.credentials_before(self._context, live, inputs.incident, captured)),
            trust_policy=prior.trust_before(self._context, live, inputs.incident, captured),
            tags={
                key: value
                for key, value in sorted(live.tags.items())
                if marks.incident_of_tag(key) is None
            },
            contested=tuple(contested),
            captured=self._captured(live, inputs),
        )

    def _captured(
        self, live: LivePrincipal, inputs: SnapshotInputs
    ) -> dict[str, dict[str, str]] | None:
        """Return what the actions in use want remembered besides, by the word of each."""
        used = [action for action in self._context.actions if action.resource in inputs.uses]
        answers = {action.resource: dict(action.capture(live)) for action in used}
        return {resource: values for resource, values in answers.items() if values} or None


def _is_identified(state: Snapshot) -> bool:
    """Tell whether *state* has an id that a mark can carry; whoever edits it may take that out."""
    return marks.is_snapshot_id(state.snapshot_id or "")


def _facts(state: Snapshot) -> dict[str, object]:
    """Return what a lift needs of *state*; nobody gives tags back, and people keep much in them."""
    return state.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude={"tags", "ledger"}
    )


def _remembering(state: Snapshot, now: Remembered | None) -> Snapshot:
    if now is None:
        return state
    head = LedgerHead(location=now.location, length=now.head.length, sha256=now.head.sha256)
    return state.model_copy(update={"ledger": head})


__all__ = ["PrincipalSnapshot"]

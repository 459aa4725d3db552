"""Close a role's trust policy to everyone but break-glass, by one Deny statement.

The statement is added to the live document and nothing else in it is touched, so that what the
role trusted is still to be read there, and comes back when the statement goes. It stops new
sessions; those that exist are denied by the DenyPolicy beside it, whose revocation time is later.

What survives it: sessions that were issued before, until they are revoked; and whoever may write
IAM in the account can edit the trust policy again.

Sources: IAM User Guide, "Modifying a role trust policy" and "AWS JSON policy elements: Principal".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.consistency import eventually
from containment.aws.faults import code, explain, is_full, outcome_unknown, retried
from containment.errors import SpecError
from containment.facets import documents, marks, trust, trust_lift
from containment.facets.write import Write
from containment.lifecycle import exemptions, namesakes
from containment.lifecycle.action import Action, Failure, UnfinishedError
from containment.lifecycle.wire import HeldInputs, Outputs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from containment.aws.principal import LivePrincipal
    from containment.lifecycle.lift import Priors
    from containment.lifecycle.snapshot import Snapshot
    from containment.spec import IncidentSpec, Target


class TrustInputs(HeldInputs):
    """The trust policy as it was, and who may still come in."""

    break_glass: tuple[str, ...] = ()
    trust_policy: str


class TrustState(TrustInputs, Outputs):
    """The trust policy holds a statement of ours."""


class ClosedTrustPolicy(Action[TrustInputs, TrustState]):
    """Deny everyone but break-glass to assume a role."""

    resource = "ClosedTrustPolicy"
    summary = "Close a role's trust policy to everyone but break-glass"
    survives = "sessions that were issued before live on until they are revoked"
    permissions = frozenset(
        {
            "iam:GetRole",
            "iam:GetUser",
            "iam:ListRoles",
            "iam:ListUsers",
            "iam:UpdateAssumeRolePolicy",
        }
    )
    identity = frozenset({"principal_id"})
    computed = frozenset({"generation"})
    silent = frozenset({"trust_policy"})
    from_snapshot = ("trust_policy",)
    inputs_type, state_type = TrustInputs, TrustState
    facets = (trust_lift,)

    @classmethod
    def inputs_for(cls, spec: IncidentSpec, target: Target) -> Mapping[str, Any] | None:
        if target.rung != "close-trust":
            return None
        return {"break_glass": sorted(spec.break_glass)}

    def check(self, inputs: TrustInputs, old: TrustInputs | None) -> list[Failure]:
        del old
        if inputs.target.kind == "user":
            error = SpecError("is a user, which has no trust policy", remedy="use DenyPolicy")
            return [Failure("principal", error)]
        return []

    def checked(self, inputs: TrustInputs) -> TrustInputs:
        exempt = exemptions.canonical(self._context, inputs.target, inputs.break_glass)
        return super().checked(inputs.model_copy(update={"break_glass": exempt}))

    def on_destroy(self, inputs: TrustInputs) -> str:
        return (
            f"our statement leaves the trust policy of {inputs.target.name};"
            " what others changed in it meanwhile stays"
        )

    def _create(self, inputs: TrustInputs, *, preview: bool) -> TrustState:
        started_ms = self._context.started_ms()
        live = self._require(inputs, inputs.principal_id)
        if preview:
            self._foresee(live, inputs)
            return TrustState(**dict(inputs))
        newest = trust.newest(live.trust_policy, inputs.incident)
        generation = self._context.generation(started_ms, newest)
        return self._close(live, inputs, generation)

    def writes(self, inputs: TrustInputs, live: LivePrincipal) -> list[Write]:
        if trust.is_closed(live.trust_policy, inputs.incident, inputs.break_glass):
            return []
        mark = marks.mark(inputs.incident, inputs.snapshot_id or marks.new_snapshot_id(), 0)
        own = trust.statement(mark, inputs.break_glass, live.trust_policy)
        return [
            Write(
                "trust policy",
                live.trust_policy,
                trust.closed(live.trust_policy, inputs.incident, own),
                is_document=True,
                reason="the Sid is new when it is written",
            )
        ]

    def priors(self, state: TrustState) -> Priors:
        return {trust_lift: trust_lift.TrustPrior(state.trust_policy, state.break_glass)}

    @classmethod
    def priors_in(cls, snapshot: Snapshot) -> Priors:
        if not snapshot.trust_policy:
            return {}
        return {trust_lift: trust_lift.TrustPrior(snapshot.trust_policy, snapshot.break_glass)}

    def _look(
        self, live: LivePrincipal, state: TrustState, presences: Mapping[str, Any]
    ) -> TrustState:
        del presences
        closed = trust.is_closed(live.trust_policy, state.incident, state.break_glass)
        status = "applied" if closed else "missing"
        if status == "missing" and state.live == "applied":
            self._context.say(
                "warning", f"{live}: its trust policy is open again; 'pulumi up' closes it"
            )
        others_policy = trust.reopened(live.trust_policy, state.incident, state.trust_policy)
        if not documents.equal(others_policy, state.trust_policy):
            self._context.say(
                "warning",
                f"{live}: others changed its trust policy; a lift leaves their change in place",
            )
        return state.model_copy(update={"live": status})

    def _update(self, state: TrustState, inputs: TrustInputs, *, preview: bool) -> TrustState:
        moved = inputs.snapshot_id not in {state.snapshot_id, None}
        if state.live == "applied" and inputs.break_glass == state.break_glass and not moved:
            return state.model_copy(update=dict(inputs))
        closed = self._create(inputs, preview=preview)
        if not preview and state.live == "missing":
            self._context.say("info", f"{inputs.target.name}: its trust policy is closed again")
        return closed

    def _foresee(self, live: LivePrincipal, inputs: TrustInputs) -> None:
        """Say, before anything changes, where AWS may have no room for our statement."""
        mark = marks.mark(inputs.incident, inputs.snapshot_id or "0" * 10, 0)
        own_statement = trust.statement(mark, inputs.break_glass, live.trust_policy)
        document = trust.closed(live.trust_policy, inputs.incident, own_statement)
        if over := trust.overflow(document):
            self._context.say(
                "warning",
                f"{live}: with our statement its trust policy has {trust.ROOM + over:,} of"
                f" {trust.ROOM:,} characters, so it stays open unless the account's quota is"
                f" higher; {_room(over)}",
            )

    def _close(self, live: LivePrincipal, inputs: TrustInputs, generation: int) -> TrustState:
        state = TrustState(**dict(inputs), generation=generation, live="unverified")
        mark = marks.mark(inputs.incident, inputs.snapshot_id or "", generation)
        own_statement = trust.statement(mark, inputs.break_glass, live.trust_policy)
        refusal = None
        document = trust.closed(live.trust_policy, inputs.incident, own_statement)
        try:
            live.set_trust_policy(document)
        except (ClientError, BotoCoreError) as error:
            refusal = error if retried(error) else None
            if not outcome_unknown(error):
                # Kept in the state, so that the role's sessions are denied all the same.
                raise _refused(live, state, error, document) from error
        if not eventually(lambda: self._shows(live, own_statement)):
            if refusal is not None:
                raise _refused(live, state, refusal, document) from refusal
            if namesakes.settle(self._context, live, inputs.incident, inputs.snapshot_id or ""):
                raise UnfinishedError(
                    f"{live} with the id {live.unique_id} is gone, and another has the name",
                    remedy="run 'pulumi up' again: a principal made anew under the name is"
                    " contained with a snapshot of its own",
                    state=state,
                )
            raise UnfinishedError(
                f"the trust policy of {live} was closed and reading it back does not show it",
                remedy="something may be undoing it: run 'pulumi up' again at once",
                state=state,
            )
        return state.model_copy(update={"live": "applied"})

    def _shows(self, live: LivePrincipal, own_statement: documents.Statement) -> bool:
        now = live.again()
        return now is not None and documents.holds(now.trust_policy, {"Statement": [own_statement]})


def _room(over: int) -> str:
    return (
        f"shorten it by {over or 1} characters, or have the quota 'Role trust policy length' raised"
        " (Service Quotas, at most 4,096), or use rung deny-all, which leaves the trust policy"
        " alone; until then only tokens issued before T are denied"
    )


def _refused(
    live: LivePrincipal, state: TrustState, error: ClientError | BotoCoreError, document: str
) -> Exception:
    if is_full(error):
        return UnfinishedError(
            f"the trust policy of {live} has no room for our statement"
            f" ({explain('closing it', error).message})",
            remedy=_room(trust.overflow(document)) + "; then run 'pulumi up' again",
            state=state,
        )
    if code(error) == "MalformedPolicyDocument":
        return UnfinishedError(
            f"AWS refuses any change of the trust policy of {live}"
            f" ({explain('writing it', error).message}): it names a principal that is gone",
            remedy="use rung deny-all for this role, which leaves the trust policy alone",
            state=state,
        )
    failure = explain(f"closing the trust policy of {live}", error)
    return UnfinishedError(failure.message, remedy=failure.remedy, state=state, cause=failure)


__all__ = ["ClosedTrustPolicy", "TrustInputs", "TrustState"]

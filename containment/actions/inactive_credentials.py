"""Hold a user's access keys at Inactive, those that appear later included.

Every key of the user, because an attacker who has one can make a second; or, for rung `key-only`,
the leaked ones alone. Deactivating is chosen over deleting because a key that is Inactive can be
given back and a deleted one cannot. What each key was is claimed by a tag on the user before it
is changed.

What survives it: sessions that were minted with a key, for up to 36 hours, and every principal
made with it. Pair it with DenyPolicy.

Sources: IAM API Reference, UpdateAccessKey; STS API Reference, GetSessionToken and
GetFederationToken.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws import recording
from containment.aws.cancellation import CancelledError
from containment.aws.consistency import eventually
from containment.aws.faults import explain, is_missing, outcome_unknown, retried
from containment.aws.principal import FOLLOWED
from containment.clock import isoformat
from containment.errors import LIFT, ConflictError, ContainmentError, SpecError
from containment.facets import claims, credentials, credentials_lift, deny, overlap
from containment.lifecycle import evidence, lift
from containment.lifecycle.action import Action, Failure, UnfinishedError
from containment.lifecycle.wire import AccessKeyStatus, HeldInputs, Outputs
from containment.lifecycle.write import Write

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Any

    from containment.aws.principal import AccessKey, LivePrincipal
    from containment.lifecycle.lift import Priors
    from containment.lifecycle.snapshot import Snapshot
    from containment.spec import IncidentSpec, Target

_FENCE_WAIT_S = 20.0
# "IAM and AWS STS quotas": tags that can be attached to an IAM user.
_MOST_TAGS = 50


class CredentialsInputs(HeldInputs):
    """Which credentials are to be Inactive, and what they were."""

    which: credentials.Which = "all"
    access_keys: tuple[AccessKeyStatus, ...] = ()


class CredentialsState(CredentialsInputs, Outputs):
    """The keys that are held at Inactive."""

    held: tuple[str, ...] = ()


class InactiveCredentials(Action[CredentialsInputs, CredentialsState]):
    """Deactivate a user's access keys and keep them so."""

    resource = "InactiveCredentials"
    summary = "Deactivate a user's access keys and keep them deactivated"
    survives = "tokens minted with a key live up to 36 hours; so do principals made with it"
    permissions = frozenset(
        {
            "iam:GetUser",
            "iam:ListUsers",
            "iam:ListAccessKeys",
            "iam:UpdateAccessKey",
            "iam:TagUser",
            "iam:UntagUser",
            "iam:GetUserPolicy",
            "iam:ListUserPolicies",
        }
    )
    identity = frozenset({"principal_id"})
    computed = frozenset({"generation"})
    silent = frozenset({"access_keys"})
    from_snapshot = ("access_keys",)
    inputs_type, state_type = CredentialsInputs, CredentialsState
    facets = (credentials_lift,)

    @classmethod
    def inputs_for(cls, spec: IncidentSpec, target: Target) -> Mapping[str, Any] | None:
        del spec
        if target.principal.kind != "user" or target.rung not in {"deny-all", "key-only"}:
            return None
        return {"which": "leaked" if target.rung == "key-only" else "all"}

    def check(self, inputs: CredentialsInputs, old: CredentialsInputs | None) -> list[Failure]:
        del old
        if inputs.target.kind == "role":
            error = SpecError("is a role, which has no access keys", remedy="use DenyPolicy")
            return [Failure("principal", error)]
        return []

    def on_destroy(self, inputs: CredentialsInputs) -> str:
        name = inputs.target.name
        if inputs.lift.false_positive:
            return f"every key of {name} gets its status back, leaked ones included"
        leaked = ", ".join(inputs.lift.leaked) or f"all keys of {name}"
        return f"{leaked} stays Inactive; other keys of {name} made before the compromise come back"

    def _create(self, inputs: CredentialsInputs, *, preview: bool) -> CredentialsState:
        return self._contain(inputs, None, preview=preview)

    def _contain(
        self, inputs: CredentialsInputs, state: CredentialsState | None, *, preview: bool
    ) -> CredentialsState:
        live = self._require(inputs, inputs.principal_id)
        keys = credentials.in_scope(live.access_keys(), inputs.which, inputs.lift.leaked)
        if preview:
            return CredentialsState(**dict(inputs), held=_ids(keys))
        placed = self._hold_all(live, inputs, state, keys)
        try:
            return self._followed(live, inputs, placed)
        except UnfinishedError:
            raise
        except ContainmentError as error:
            # Something is changed already: the engine must not forget it.
            raise UnfinishedError(error.message, remedy=error.remedy, state=placed) from error

    def _hold_all(
        self,
        live: LivePrincipal,
        inputs: CredentialsInputs,
        state: CredentialsState | None,
        keys: list[AccessKey],
    ) -> CredentialsState:
        before = credentials.find(live, inputs.incident)
        generation = self._context.generation(self._context.started_ms(), before)
        stripped = self._stripped(state, keys) if state and before is None else {}
        return self._hold(live, inputs, keys, before, generation, stripped=stripped)

    def _followed(
        self, live: LivePrincipal, inputs: CredentialsInputs, placed: CredentialsState
    ) -> CredentialsState:
        """Hold again where another user took the name, and so may be who was read and changed."""
        for _ in range(FOLLOWED):
            if not live.is_replaced():
                return placed
            self._context.say("warning", f"{live} was renamed meanwhile and is followed by its id")
            live = self._require(inputs, inputs.principal_id, followed=True)
            keys = credentials.in_scope(live.access_keys(), inputs.which, inputs.lift.leaked)
            placed = self._hold_all(live, inputs, placed, keys)
        raise UnfinishedError(
            f"{inputs.principal} is renamed faster than its keys can be deactivated",
            remedy="run 'pulumi up' again; only a control outside the account ends it",
            state=placed.model_copy(update={"live": "unverified"}),
        )

    def writes(self, inputs: CredentialsInputs, live: LivePrincipal) -> list[Write]:
        leaked = inputs.lift.leaked
        keys = credentials.in_scope(live.access_keys(), inputs.which, leaked)
        return [
            Write(
                f"access key {key.access_key_id}",
                key.status,
                "Inactive",
                reason=_why(key, leaked, inputs.lift.compromised_at),
            )
            for key in credentials.active(keys)
        ]

    def priors(self, state: CredentialsState) -> Priors:
        return {credentials_lift: _prior(state.access_keys, state.which)}

    @classmethod
    def priors_in(cls, snapshot: Snapshot) -> Priors:
        if snapshot.target.kind != "user":
            return {}
        return {credentials_lift: _prior(snapshot.access_keys, "all")}

    def _look(
        self, live: LivePrincipal, state: CredentialsState, presences: Mapping[str, Any]
    ) -> CredentialsState:
        keys = credentials.in_scope(live.access_keys(), state.which, state.lift.leaked)
        open_ = credentials.active(keys)
        status = "altered" if open_ else "applied"
        if open_ and state.live == "applied":
            self._context.say(
                "warning",
                f"{live}: {', '.join(_ids(open_))} is Active; 'pulumi up' deactivates it",
            )
        if not presences["credentials"].in_force:
            full = len(live.tags) >= _MOST_TAGS
            restorable = {} if full else self._stripped(state, keys)
            why = (
                "has no room beside its 50 tags: remove one and run 'pulumi up', or"
                if full
                else "is gone;"
            )
            step = (
                "'pulumi up' writes it again" if restorable else "the lift will ask for a decision"
            )
            self._context.say("warning", f"{live}: the claim on its keys {why} {step}")
            status = "altered" if restorable else status
        return state.model_copy(update={"live": status, "held": _ids(keys)})

    def _update(
        self, state: CredentialsState, inputs: CredentialsInputs, *, preview: bool
    ) -> CredentialsState:
        moved = inputs.snapshot_id not in {state.snapshot_id, None}
        scope = (inputs.which, inputs.lift.leaked if inputs.which == "leaked" else ())
        before = (state.which, state.lift.leaked if state.which == "leaked" else ())
        if state.live == "applied" and scope == before and not moved:
            return state.model_copy(update=dict(inputs))
        if (state.which, inputs.which) == ("all", "leaked"):
            self._refuse_lowering(state, inputs)
        placed = self._contain(inputs, None if moved else state, preview=preview)
        if not preview and (state.which, inputs.which) == ("all", "leaked"):
            # The others come back as a lift would do it, and are claimed no more.
            live = self._require(inputs, inputs.principal_id)
            old = state.model_copy(update={"lift": inputs.lift})
            prior = replace(_prior(old.access_keys, old.which), staying=inputs.lift.leaked)
            terms = evidence.terms(self._context, old)
            undone = lift.plan(live, {credentials_lift: prior}, terms)
            self.gate.require_liftable(old, undone)
            for line in undone.carry_out():
                self._context.say("info", line)
        return placed

    def _hold(
        self,
        live: LivePrincipal,
        inputs: CredentialsInputs,
        keys: list[AccessKey],
        before: claims.Claim | None,
        generation: int,
        *,
        stripped: Mapping[str, str],
    ) -> CredentialsState:
        state = CredentialsState(
            **dict(inputs), generation=generation, held=_ids(keys), live="unverified"
        )
        # What an earlier write found stands; what is found now is added. Only what another incident
        # holds cannot be seen: there the claim says what the snapshot does.
        remembered = {key.access_key_id: key.status for key in inputs.access_keys}
        shared = overlap.among(live, inputs.incident, {})
        priors = {
            key.access_key_id: remembered.get(key.access_key_id, key.status)
            if any(other.holds(key.access_key_id) for other in shared)
            else key.status
            for key in keys
        }
        if before is not None and before.snapshot_id == inputs.snapshot_id:
            priors |= before.priors
        elif before is None:
            priors |= stripped
        own_claim = claims.Claim(inputs.snapshot_id or "", generation, priors)
        try:
            credentials.claim(live, inputs.incident, own_claim)
        except (ClientError, BotoCoreError) as error:
            self._context.say(
                "warning",
                f"{explain(f'claiming the keys of {live}', error)}; until then the lift will"
                " ask for a decision",
            )
        stopped = _ids(credentials.active(keys))
        doubts: list[str] = []
        try:
            failed = [
                failure for name in stopped if (failure := self._deactivate(live, name, doubts))
            ]
        except CancelledError as error:
            raise UnfinishedError(
                f"{live}: {error.message}", remedy=error.remedy, state=state
            ) from error
        if failed:
            steps = dict.fromkeys(failure.remedy for failure in failed)
            raise UnfinishedError(
                "; ".join(failure.message for failure in failed),
                remedy="; ".join(steps),
                state=state,
                cause=failed[0],
            )
        if not eventually(lambda: not self._still_active(live, inputs)):
            raise UnfinishedError(
                "; ".join(doubts) or f"{live}: its keys were made Inactive and do not all read so",
                remedy="something may be undoing it: run 'pulumi up' again at once",
                state=state,
            )
        if stopped:
            self._context.say("info", f"{live}: {', '.join(stopped)} is Inactive now")
        return state.model_copy(update={"live": "applied"})

    def _stripped(self, state: CredentialsState, keys: list[AccessKey]) -> dict[str, str]:
        """Return what a claim that is gone said, where state and ledger agree on all of it.

        One of them alone is not enough: the claim would then be its second witness at the lift.
        """
        history = evidence.terms(self._context, state).history
        remembered = {key.access_key_id: key.status for key in state.access_keys}
        in_scope = {name: remembered[name] for name in _ids(keys) if name in remembered}
        hearsay = {key.access_key_id for key in state.access_keys if key.said_by}
        agreed = all(
            name not in hearsay
            and name not in history.kept
            and history.before.get(recording.access_key(name)) == status
            for name, status in in_scope.items()
        )
        return in_scope if agreed else {}

    def _deactivate(
        self, live: LivePrincipal, access_key_id: str, doubts: list[str]
    ) -> ContainmentError | None:
        """Deactivate one key; return why that failed, so that the others are tried as well.

        What AWS said to a later try is added to *doubts*, and the read-back decides.
        """
        try:
            live.set_key_status(access_key_id, "Inactive")
        except (ClientError, BotoCoreError) as error:
            failure = explain(f"deactivating {access_key_id} of {live}", error)
            if not outcome_unknown(error) and not is_missing(error):
                return failure
            if retried(error):
                doubts.append(f"{failure.message}, and it does not read Inactive")
        return None

    def _still_active(self, live: LivePrincipal, inputs: CredentialsInputs) -> tuple[str, ...]:
        keys = credentials.in_scope(live.access_keys(), inputs.which, inputs.lift.leaked)
        return _ids(credentials.active(keys))

    def _in_turn(self, live: LivePrincipal, state: CredentialsState) -> LivePrincipal | None:
        """Wait until the deny of everything is a fence: keys come back after it, never before.

        Where a crash made the engine forget the deny, only the snapshot's delete lifts it, and that
        comes after this one: so it lifts both, in their order, and finds the keys by their claim.
        """
        if not self._is_denied(live, state):
            return live
        if eventually(lambda: not self._is_denied(live, state), timeout_s=_FENCE_WAIT_S):
            return live.again()
        if credentials.find(live, state.incident) is None:
            raise ConflictError(
                f"{live}: its deny is still in force, so its keys are not given back yet",
                remedy=f"lift the deny (run '{LIFT}' without --target)",
            )
        self._context.say(
            "warning",
            f"{live}: its deny is still in force, so its keys come back after it, when the snapshot"
            " goes",
        )
        return None

    def _is_denied(self, live: LivePrincipal, state: CredentialsState) -> bool:
        live_deny = deny.find(live, state.incident)
        own = live_deny.mark is not None and live_deny.mark.snapshot_id == state.snapshot_id
        return own and deny.binds_everything(live_deny, live)


def _prior(
    keys: Iterable[AccessKeyStatus], which: credentials.Which
) -> credentials_lift.CredentialsPrior:
    remembered = list(keys)
    return credentials_lift.CredentialsPrior(
        {key.access_key_id: key.status for key in remembered},
        frozenset(key.access_key_id for key in remembered if key.said_by),
        which,
    )


def _why(key: AccessKey, leaked: Collection[str], compromised_at: str) -> str:
    if key.access_key_id in leaked:
        return "leaked"
    made = isoformat(key.created_at)
    return f"made {made}, after the compromise" if made >= compromised_at else f"made {made}"


def _ids(keys: list[AccessKey]) -> tuple[str, ...]:
    return tuple(key.access_key_id for key in keys)


__all__ = ["CredentialsInputs", "CredentialsState", "InactiveCredentials"]

"""Hold a user's credentials at Inactive, those that appear later included.

Access keys, service-specific credentials (Amazon Bedrock, CloudWatch Logs, CodeCommit, Amazon
Keyspaces), SSH public keys and signing certificates: every one of the user, because an attacker
who has one can make another; or, for rung `key-only`, the leaked ones alone. Deactivating is chosen
over deleting because what is Inactive can be given back and what is deleted cannot. What each was
is claimed by a tag on the user before it is changed. What has expired is left alone.

A console password has no status. It is never deleted or changed, for nobody could put it back: what
signs in with it is denied by DenyPolicy, and works again when the deny is lifted.

What survives it: sessions that were minted with a key, for up to 36 hours, and every principal
made with it. Pair it with DenyPolicy.

Sources: IAM API Reference, UpdateAccessKey, UpdateServiceSpecificCredential, UpdateSSHPublicKey and
UpdateSigningCertificate; STS API Reference, GetSessionToken and GetFederationToken.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.cancellation import CancelledError
from containment.aws.consistency import eventually
from containment.aws.credentials import ACCESS_KEY, KINDS
from containment.aws.faults import explain, is_missing, outcome_unknown, retried
from containment.aws.principal import FOLLOWED
from containment.clock import isoformat
from containment.errors import LIFT, ConflictError, ContainmentError, SpecError
from containment.facets import claims, credentials, credentials_lift, deny, overlap
from containment.facets.write import Write
from containment.lifecycle import evidence, lift, namesakes
from containment.lifecycle.action import Action, Failure, UnfinishedError
from containment.lifecycle.wire import HeldInputs, Outputs, RememberedCredentials

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from typing import Any

    from containment.aws.credentials import Credential, CredentialKind
    from containment.aws.principal import LivePrincipal
    from containment.lifecycle.lift import LiftPlan, Priors
    from containment.lifecycle.snapshot import Snapshot
    from containment.lifecycle.wire import CredentialStatus
    from containment.spec import IncidentSpec, Target

_FENCE_WAIT_S = 20.0
# "IAM and AWS STS quotas": tags that can be attached to an IAM user.
_MOST_TAGS = 50


class CredentialsInputs(RememberedCredentials, HeldInputs):
    """Which credentials are to be Inactive, and what they were."""

    which: credentials.Which = "all"


class CredentialsState(CredentialsInputs, Outputs):
    """The credentials that are held at Inactive."""

    held: tuple[str, ...] = ()


class InactiveCredentials(Action[CredentialsInputs, CredentialsState]):
    """Deactivate a user's credentials and keep them so."""

    resource = "InactiveCredentials"
    summary = "Deactivate a user's credentials of every kind and keep them deactivated"
    survives = "tokens minted with a key live up to 36 hours; so do principals made with it"
    permissions = frozenset(
        {
            "iam:GetUser",
            "iam:ListUsers",
            *(name for kind in KINDS for name in kind.permissions),
            "iam:TagUser",
            "iam:UntagUser",
            "iam:GetUserPolicy",
            "iam:ListUserPolicies",
        }
    )
    identity = frozenset({"principal_id"})
    computed = frozenset({"generation"})
    silent = frozenset({"access_keys", "other_credentials"})
    from_snapshot = ("access_keys", "other_credentials")
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
            error = SpecError(
                "is a role, which has no credentials of its own", remedy="use DenyPolicy"
            )
            return [Failure("principal", error)]
        return []

    def on_destroy(self, inputs: CredentialsInputs) -> str:
        name = inputs.target.name
        if inputs.lift.false_positive:
            return f"every credential of {name} gets its status back, leaked ones included"
        leaked = ", ".join(inputs.lift.leaked) or f"every credential of {name}"
        return (
            f"{leaked} stays Inactive; other credentials of {name} made before the compromise come"
            " back; a console password, if there is one, signs in again"
        )

    def _create(self, inputs: CredentialsInputs, *, preview: bool) -> CredentialsState:
        return self._contain(inputs, None, preview=preview)

    def _contain(
        self, inputs: CredentialsInputs, state: CredentialsState | None, *, preview: bool
    ) -> CredentialsState:
        live = self._require(inputs, inputs.principal_id)
        listing = credentials.listing(live)
        if preview:
            return CredentialsState(**dict(inputs), held=_ids(_in_scope(listing, inputs)))
        placed = self._hold_all(live, inputs, state, listing)
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
        listing: credentials.Listing,
    ) -> CredentialsState:
        """Hold all that could be listed, before a kind that could not is complained of."""
        scope = _in_scope(listing, inputs)
        before = credentials.find(live, inputs.incident)
        generation = self._context.generation(self._context.started_ms(), before)
        stripped = self._stripped(state, scope) if state and before is None else {}
        placed = self._hold(live, inputs, scope, before, generation, stripped=stripped)
        problems = list(listing.problems(live))
        if problems and (inputs.which == "all" or set(inputs.lift.leaked) - {*placed.held}):
            raise UnfinishedError(
                "; ".join(problem.message for problem in problems),
                remedy="; ".join(dict.fromkeys(problem.remedy for problem in problems)),
                state=placed.model_copy(update={"live": "unverified"}),
                cause=problems[0],
            )
        return placed

    def _followed(
        self, live: LivePrincipal, inputs: CredentialsInputs, placed: CredentialsState
    ) -> CredentialsState:
        """Hold again where another user took the name, and so may be who was read and changed."""
        snapshot_id = inputs.snapshot_id or ""
        for _ in range(FOLLOWED):
            if not namesakes.settle(self._context, live, inputs.incident, snapshot_id):
                return placed
            live = self._require(inputs, inputs.principal_id, followed=True)
            placed = self._hold_all(live, inputs, placed, credentials.listing(live))
        raise UnfinishedError(
            f"{inputs.principal} is renamed faster than its credentials can be deactivated",
            remedy="run 'pulumi up' again; only a control outside the account ends it",
            state=placed.model_copy(update={"live": "unverified"}),
        )

    def writes(self, inputs: CredentialsInputs, live: LivePrincipal) -> list[Write]:
        scope = _in_scope(credentials.listing(live), inputs)
        return [
            Write(
                one.facet,
                one.status,
                "Inactive",
                reason=_why(one, inputs.lift.leaked, inputs.lift.compromised_at),
            )
            for one in credentials.working(scope)
        ]

    def priors(self, state: CredentialsState) -> Priors:
        return {credentials_lift: _prior(state.credentials, state.which)}

    @classmethod
    def priors_in(cls, snapshot: Snapshot) -> Priors:
        if snapshot.target.kind != "user":
            return {}
        return {credentials_lift: _prior(snapshot.credentials, "all")}

    def _look(
        self, live: LivePrincipal, state: CredentialsState, presences: Mapping[str, Any]
    ) -> CredentialsState:
        listing = credentials.listing(live)
        for problem in listing.problems(live):
            self._context.say("warning", str(problem))
        scope = _in_scope(listing, state)
        open_ = credentials.working(scope)
        status = "altered" if open_ else "applied"
        if open_ and state.live == "applied":
            self._context.say(
                "warning",
                f"{live}: {', '.join(_ids(open_))} is Active; 'pulumi up' deactivates it",
            )
        if not presences["credentials"].in_force:
            full = len(live.tags) >= _MOST_TAGS
            restorable = {} if full else self._stripped(state, scope)
            why = (
                "has no room beside its 50 tags: remove one and run 'pulumi up', or"
                if full
                else "is gone;"
            )
            step = (
                "'pulumi up' writes it again" if restorable else "the lift will ask for a decision"
            )
            self._context.say("warning", f"{live}: the claim on its credentials {why} {step}")
            status = "altered" if restorable else status
        return state.model_copy(update={"live": status, "held": _ids(scope)})

    def _update(
        self, state: CredentialsState, inputs: CredentialsInputs, *, preview: bool
    ) -> CredentialsState:
        moved = inputs.snapshot_id not in {state.snapshot_id, None}
        # The claim says what leaked, so new terms are written into it.
        scope = (inputs.which, inputs.lift.leaked, inputs.lift.compromised_at)
        before = (state.which, state.lift.leaked, state.lift.compromised_at)
        if state.live == "applied" and scope == before and not moved:
            return state.model_copy(update=dict(inputs))
        narrows = (state.which, inputs.which) == ("all", "leaked")
        if narrows:
            self._refuse_lowering(state, inputs)
        placed = self._contain(inputs, None if moved else state, preview=preview)
        if not preview and narrows:
            for line in self._others(
                state, inputs, self._require(inputs, inputs.principal_id)
            ).carry_out():
                self._context.say("info", line)
        return placed

    def gives_back(
        self, state: CredentialsState, inputs: CredentialsInputs, live: LivePrincipal
    ) -> LiftPlan | None:
        if (state.which, inputs.which) != ("all", "leaked"):
            return None
        self._refuse_lowering(state, inputs)
        return self._others(state, inputs, live)

    def _others(
        self, state: CredentialsState, inputs: CredentialsInputs, live: LivePrincipal
    ) -> LiftPlan:
        """Return how the others come back: as a lift would do it, and claimed no more.

        Raises:
            ConflictError: somebody has to decide.
        """
        old = state.model_copy(update={"lift": inputs.lift})
        prior = replace(_prior(old.credentials, old.which), staying=inputs.lift.leaked)
        undone = lift.plan(live, {credentials_lift: prior}, evidence.terms(self._context, old))
        self.gate.require_liftable(old, undone)
        return undone

    def _hold(
        self,
        live: LivePrincipal,
        inputs: CredentialsInputs,
        scope: list[Credential],
        before: claims.Claim | None,
        generation: int,
        *,
        stripped: Mapping[str, str],
    ) -> CredentialsState:
        state = CredentialsState(
            **dict(inputs), generation=generation, held=_ids(scope), live="unverified"
        )
        # What an earlier write found stands; what is found now is added. Only what another incident
        # holds cannot be seen: there the claim says what the other's does. Never what the state
        # says: at a lift the claim would bear it out.
        shared = overlap.among(live, inputs.incident, {})
        priors = {one.credential_id: _claimed_before(one, shared) for one in scope}
        if before is not None and before.snapshot_id == inputs.snapshot_id:
            priors |= before.priors
        elif before is None:
            priors |= stripped
        own_claim = claims.Claim(
            inputs.snapshot_id or "", generation, priors, _suspect(scope, before, inputs)
        )
        try:
            credentials.claim(live, inputs.incident, own_claim)
        except (ClientError, BotoCoreError) as error:
            self._context.say(
                "warning",
                f"{explain(f'claiming the credentials of {live}', error)}; until then the lift will"
                " ask for a decision",
            )
        stopped = credentials.working(scope)
        doubts: list[str] = []
        try:
            failed = [
                failure for one in stopped if (failure := self._deactivate(live, one, doubts))
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
        # What was changed is read back, and what an attacker makes anew first.
        changed_kinds = {ACCESS_KEY, *(one.kind for one in stopped)}
        if not eventually(
            lambda: not credentials.working(_in_scope_now(live, inputs, changed_kinds))
        ):
            raise UnfinishedError(
                "; ".join(doubts)
                or f"{live}: its credentials were made Inactive and do not all read so",
                remedy="something may be undoing it: run 'pulumi up' again at once",
                state=state,
            )
        if stopped:
            self._context.say("info", f"{live}: {', '.join(_ids(stopped))} is Inactive now")
        return state.model_copy(update={"live": "applied"})

    def _stripped(self, state: CredentialsState, scope: list[Credential]) -> dict[str, str]:
        """Return what a claim that is gone said, where state and ledger agree on all of it.

        One of them alone is not enough: the claim would then be its second witness at the lift.
        """
        history = evidence.terms(self._context, state).history
        remembered = {one.credential_id: one for one in state.credentials}
        in_scope = [remembered[name] for name in _ids(scope) if name in remembered]
        agreed = all(
            not one.said_by
            and one.credential_id not in history.kept
            and history.before.get(one.facet) == one.status
            for one in in_scope
        )
        return {one.credential_id: one.status for one in in_scope} if agreed else {}

    def _deactivate(
        self, live: LivePrincipal, credential: Credential, doubts: list[str]
    ) -> ContainmentError | None:
        """Deactivate one; return why that failed, so that the others are tried as well.

        What AWS said to a later try is added to *doubts*, and the read-back decides.
        """
        try:
            live.set_status(credential, "Inactive")
        except (ClientError, BotoCoreError) as error:
            failure = explain(f"deactivating {credential.credential_id} of {live}", error)
            if not outcome_unknown(error) and not is_missing(error):
                return failure
            if retried(error):
                doubts.append(f"{failure.message}, and it does not read Inactive")
        return None

    def _in_turn(self, live: LivePrincipal, state: CredentialsState) -> LivePrincipal | None:
        """Wait until the deny of everything is a fence: what comes back comes after it.

        Where a crash made the engine forget the deny, only the snapshot's delete lifts it, and that
        comes after this one: so it lifts both, in their order, and finds them by their claim.
        """
        if not self._is_denied(live, state):
            return live
        if eventually(lambda: not self._is_denied(live, state), timeout_s=_FENCE_WAIT_S):
            return live.again()
        if credentials.find(live, state.incident) is None:
            raise ConflictError(
                f"{live}: its deny is still in force, so its credentials are not given back yet",
                remedy=f"lift the deny (run '{LIFT}' without --target)",
            )
        self._context.say(
            "warning",
            f"{live}: its deny is still in force, so its credentials come back after it, when the"
            " snapshot goes",
        )
        return None

    def _is_denied(self, live: LivePrincipal, state: CredentialsState) -> bool:
        live_deny = deny.find(live, state.incident)
        own = live_deny.mark is not None and live_deny.mark.snapshot_id == state.snapshot_id
        return own and deny.binds_everything(live_deny, live)


def _in_scope(listing: credentials.Listing, inputs: CredentialsInputs) -> list[Credential]:
    return credentials.in_scope(listing.credentials, inputs.which, inputs.lift.leaked)


def _in_scope_now(
    live: LivePrincipal, inputs: CredentialsInputs, kinds: Collection[CredentialKind]
) -> list[Credential]:
    return _in_scope(credentials.listing(live, kinds), inputs)


def _prior(
    remembered: Iterable[CredentialStatus], which: credentials.Which
) -> credentials_lift.CredentialsPrior:
    before = list(remembered)
    return credentials_lift.CredentialsPrior(
        {one.credential_id: one.status for one in before},
        frozenset(one.credential_id for one in before if one.said_by),
        which,
        kinds=frozenset(one.kind for one in before),
    )


def _claimed_before(one: Credential, others: Sequence[overlap.Other]) -> str:
    """Return what *one* was before the oldest of the *others* that claims it; else what it is."""
    claimed = (item.claim.priors.get(one.credential_id) for item in others if item.claim)
    return next((was for was in claimed if was in {"Active", "Inactive"}), one.status)


def _suspect(
    scope: Iterable[Credential], before: claims.Claim | None, inputs: CredentialsInputs
) -> frozenset[str]:
    """Return which credentials come back only where the incident was a mistake.

    Those are of *scope* by the terms now, and of what is not in it as claimed *before*.
    """
    terms = inputs.lift
    now = {
        one.credential_id: credentials.suspicion(one, terms.leaked, terms.compromised_at)
        for one in scope
    }
    earlier = before.suspect - now.keys() if before else frozenset[str]()
    return earlier | {name for name, reason in now.items() if reason}


def _why(one: Credential, leaked: Collection[str], compromised_at: str) -> str:
    if one.credential_id in leaked:
        return "leaked"
    made = isoformat(one.created_at)
    return f"made {made}, after the compromise" if made >= compromised_at else f"made {made}"


def _ids(listed: Iterable[Credential]) -> tuple[str, ...]:
    return tuple(one.credential_id for one in listed)


__all__ = ["CredentialsInputs", "CredentialsState", "InactiveCredentials"]

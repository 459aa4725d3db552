"""Deny a principal: everything, the tokens issued before a moment, or picked sessions.

One inline policy of the incident's own. A deny wins over every allow and reaches the sessions
that the principal issued, which deactivating a key does not; the scope is the least that stops
the attacker. Where inline policies have no room, AWSDenyAll is attached instead.

What survives it: whoever may write IAM in the account can take it off again, and does, twice a
second; the next `up` puts it back, only a control outside the account wins. Calls that AWS lets
no policy deny (`sts:GetCallerIdentity`, `sts:GetSessionToken`) go on answering. Sessions of other
roles that the principal assumed earlier are theirs, not its.

Its sign-in sessions (`aws login`, the AWS MCP Server) are revoked once the deny is written, for
they are refreshed for up to 90 days, past any fence. Nobody can undo that: a lift gives back the
principal and not the session, and who needs one signs in again. What cannot be listed or revoked
is said and leaves `up` unfinished; it holds up no deny.

Sources: IAM User Guide, "Disabling permissions for temporary security credentials" and "Revoking
IAM role temporary security credentials"; AWS Sign-In API Reference, ListSessions and
BatchRevokeSessions.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws import recording
from containment.aws.cancellation import CancelledError
from containment.aws.consistency import eventually
from containment.aws.faults import code, explain, is_denied, is_full, outcome_unknown, retried
from containment.aws.principal import FOLLOWED
from containment.aws.sign_ins import PERMISSIONS as SIGN_INS
from containment.errors import ConflictError, ContainmentError
from containment.facets import (
    attachment,
    attachment_lift,
    cohort,
    deny,
    deny_lift,
    documents,
    marks,
    sessions,
    trust,
)
from containment.facets.write import Write
from containment.identities import parse_principal
from containment.lifecycle import evidence, exemptions, lift, namesakes, room, sign_in_revocation
from containment.lifecycle.action import Action, UnfinishedError
from containment.lifecycle.wire import HeldInputs, Outputs, Wire

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from containment.aws.principal import LivePrincipal
    from containment.lifecycle.lift import LiftPlan, Priors
    from containment.lifecycle.snapshot import Snapshot
    from containment.lifecycle.wire import Live
    from containment.spec import IncidentSpec, Target


_SCOPES: dict[str, deny.ScopeKind] = {
    "deny-all": "all",
    "revoke-sessions": "issued-before",
    "close-trust": "issued-before",
    "session": "sessions",
}


class SessionMatch(Wire):
    """One way to pick sessions; exactly one field is set."""

    name: str | None = None
    source_identity: str | None = None
    source_ip: str | None = None
    source_instance: str | None = None
    sign_in_session: str | None = None


class DenyInputs(HeldInputs):
    """What is denied, and with whom it shares a revocation time.

    *closed_but_for* is set where the role's trust policy is to be closed, to whom it stays open:
    whoever came in through an open one is revoked again.
    """

    scope: deny.ScopeKind
    sessions: tuple[SessionMatch, ...] = ()
    margin_s: int = cohort.MARGIN_S
    cohort: tuple[str, ...] = ()
    closed_but_for: tuple[str, ...] | None = None
    attached_policies: tuple[str, ...] = ()


class DenyState(DenyInputs, Outputs):
    """Where the deny is, and the moment it revokes."""

    placement: Literal["inline", "AWSDenyAll"] | None = None
    issued_before: str | None = None
    swapped: tuple[str, ...] = ()
    swapped_ids: dict[str, str] | None = None
    bounded: bool | None = None

    @property
    def placing(self) -> attachment.Placing:
        """How AWSDenyAll was placed, to go on from."""
        made = {arn: (self.swapped_ids or {}).get(arn, "") for arn in self.swapped}
        return attachment.Placing(made, bounded=bool(self.bounded))

    def placed(self, placing: attachment.Placing) -> DenyState:
        """Return this with AWSDenyAll placed as *placing* says."""
        ids = {arn: name for arn, name in placing.swapped.items() if name}
        now = {
            "swapped": tuple(placing.swapped),
            "swapped_ids": ids or None,
            "bounded": placing.bounded or None,
        }
        return self.model_copy(update={**now, "placement": "AWSDenyAll"})


class DenyPolicy(Action[DenyInputs, DenyState]):
    """Deny a principal by one policy of the incident's own."""

    resource = "DenyPolicy"
    summary = "Deny a principal everything, its older tokens, or picked sessions"
    survives = (
        "whoever may write IAM in the account can strip it; GetCallerIdentity and GetSessionToken"
        " cannot be denied; sessions of other roles live on"
    )
    permissions = frozenset(
        {
            "iam:GetUser",
            "iam:GetRole",
            "iam:ListUsers",
            "iam:ListRoles",
            "iam:GetUserPolicy",
            "iam:GetRolePolicy",
            "iam:PutUserPolicy",
            "iam:PutRolePolicy",
            "iam:DeleteUserPolicy",
            "iam:DeleteRolePolicy",
            "iam:ListAttachedUserPolicies",
            "iam:ListAttachedRolePolicies",
            "iam:AttachUserPolicy",
            "iam:AttachRolePolicy",
            "iam:DetachUserPolicy",
            "iam:DetachRolePolicy",
            "iam:GetPolicy",
            "iam:PutUserPermissionsBoundary",
            "iam:PutRolePermissionsBoundary",
            "iam:DeleteUserPermissionsBoundary",
            "iam:DeleteRolePermissionsBoundary",
            "iam:TagUser",
            "iam:TagRole",
            "iam:UntagUser",
            "iam:UntagRole",
            *SIGN_INS,
        }
    )
    identity = frozenset({"principal_id"})
    computed = frozenset({"generation", "placement", "issued_before"})
    silent = frozenset({"attached_policies"})
    from_snapshot = ("attached_policies",)
    inputs_type, state_type = DenyInputs, DenyState
    facets = (deny_lift, attachment_lift)

    @classmethod
    def inputs_for(cls, spec: IncidentSpec, target: Target) -> Mapping[str, Any] | None:
        scope = _SCOPES.get(target.rung)
        if scope is None:
            return None
        inputs: dict[str, Any] = {"scope": scope}
        if scope == "sessions":
            inputs["sessions"] = [
                SessionMatch(**session.model_dump()) for session in target.sessions
            ]
        if scope == "issued-before":
            others = [item for item in spec.targets if item.rung != "key-only"]
            inputs["cohort"] = [
                item.principal.arn for item in others if item.principal != target.principal
            ]
        if target.rung == "close-trust":
            inputs["closed_but_for"] = sorted(spec.break_glass)
        return inputs

    def checked(self, inputs: DenyInputs) -> DenyInputs:
        if inputs.closed_but_for is not None:
            exempt = exemptions.canonical(self._context, inputs.target, inputs.closed_but_for)
            inputs = inputs.model_copy(update={"closed_but_for": exempt})
        return super().checked(inputs)

    def on_destroy(self, inputs: DenyInputs) -> str:
        name = inputs.target.name
        if inputs.lift.false_positive:
            return (
                f"the deny on {name} is removed and nothing of it stays; sign-in sessions that were"
                " revoked with it are not given back"
            )
        when = "the release" if inputs.scope != "issued-before" else "the revocation"
        return (
            f"the deny on {name} becomes a fence: tokens issued before {when} stay denied for 37 h;"
            " its sign-in sessions ('aws login') are revoked first, which nobody can undo"
        )

    def _create(self, inputs: DenyInputs, *, preview: bool) -> DenyState:
        return self._contain(inputs, preview=preview)

    def _contain(
        self, inputs: DenyInputs, *, preview: bool, before: DenyState | None = None
    ) -> DenyState:
        started_ms = self._context.started_ms()
        live = self._require(inputs, inputs.principal_id)
        state = DenyState(**dict(inputs))
        if before is not None:
            kept = ("swapped", "swapped_ids", "bounded")
            state = state.model_copy(update={name: getattr(before, name) for name in kept})
        if preview:
            return state
        live_deny = deny.find(live, inputs.incident)
        claim = attachment.find(live, inputs.incident)
        generation = self._context.generation(started_ms, live_deny.mark, claim)
        placed = self._place(live, state.model_copy(update={"generation": generation}), live_deny)
        if unreached := sessions.unreached(_picked(inputs)):
            self._context.say("warning", f"{live}: {unreached}")
        try:
            return self._signed_out(self._followed(live, placed))
        except UnfinishedError:
            raise
        except ContainmentError as error:
            # Something is written already: the engine must not forget it.
            raise UnfinishedError(error.message, remedy=error.remedy, state=placed) from error

    def _followed(self, live: LivePrincipal, placed: DenyState) -> DenyState:
        """Write again where another took the name, and so may have got what was written."""
        snapshot_id = placed.snapshot_id or ""
        for _ in range(FOLLOWED):
            if not namesakes.settle(self._context, live, placed.incident, snapshot_id):
                return placed
            live = self._require(placed, placed.principal_id, followed=True)
            placed = self._place(live, placed, deny.find(live, placed.incident))
        raise UnfinishedError(
            f"{placed.principal} is renamed faster than it can be denied, and others take the name",
            remedy="run 'pulumi up' again; only a control outside the account ends it",
            state=placed.model_copy(update={"live": "unverified"}),
        )

    def _signed_out(self, state: DenyState) -> DenyState:
        """Revoke the sign-in sessions that the deny of *state* reaches; return it as it is then.

        Raises:
            UnfinishedError: one is not revoked, or they could not all be listed.
        """
        if self._context.engine_follows:
            return state  # the engine comes after, once everybody is denied
        live = self._require(state, state.principal_id, followed=True)
        scope = scope_of(state, state.issued_before)
        problems = sign_in_revocation.revoke(self._context, live, scope, state.incident)
        if problems:
            raise UnfinishedError(
                f"{live} is denied, and sign-in sessions of it may be active, which outlive the"
                f" deny: {'; '.join(dict.fromkeys(one.message for one in problems))}",
                remedy="; ".join(dict.fromkeys(one.remedy for one in problems)),
                state=state.model_copy(update={"live": "signed in"}),
                cause=problems[0],
            )
        return state.model_copy(update={"live": "applied"})

    def priors(self, state: DenyState) -> Priors:
        return {
            deny_lift: deny_lift.DenyPrior(
                scope_of(state, state.issued_before),
                inline=state.placement != "AWSDenyAll",
                is_declared=partial(self._is_declared, state),
            ),
            attachment_lift: attachment_lift.AttachmentPrior(
                state.attached_policies,
                state.swapped,
                ids=state.swapped_ids or {},
                bounded=bool(state.bounded),
                placed=state.placement == "AWSDenyAll",
            ),
        }

    def _is_declared(self, state: DenyState, live: LivePrincipal) -> bool | None:
        """Tell whether the spec, as it is now, denies *live* what *state* says.

        None where it does not name it, or denies it nothing.
        """
        declaration = evidence.declaration(self._context, state, live.principal)
        declared = self.inputs_for(*declaration) if declaration else None
        if declared is None:
            return None
        picked = frozenset(declared.get("sessions", ()))
        return (state.scope, frozenset(state.sessions)) == (declared["scope"], picked)

    @classmethod
    def priors_in(cls, snapshot: Snapshot) -> Priors:
        return {
            deny_lift: deny_lift.DenyPrior(),
            attachment_lift: attachment_lift.AttachmentPrior(
                snapshot.attached_policies,
                # AWSDenyAll never takes the place of a boundary that was set.
                bounded=None if snapshot.permissions_boundary is None else False,
            ),
        }

    def _live_of(self, state: DenyState) -> Live:
        # Whether another member of the cohort was late is seen by the next 'up', as always.
        changes: dict[str, object] = {"cohort": ()}
        if state.live == "applied" and not self._context.engine_follows:
            changes["live"] = "signed in"  # nobody has looked yet
        return super()._live_of(state.model_copy(update=changes))

    def _as_rewritten(
        self, live: LivePrincipal, state: DenyState, presences: Mapping[str, Any]
    ) -> DenyState:
        """Return *state* with the generation, the placement and T of the newest write.

        What was swapped out for AWSDenyAll is not taken over: live would bear itself out.
        """
        again = super()._as_rewritten(live, state, presences)
        if again is state:
            return state
        live_deny: deny.LiveDeny = presences["deny"]
        is_inline = live_deny.mark is not None and live_deny.mark.generation == again.generation
        placement: Literal["inline", "AWSDenyAll"] = "inline" if is_inline else "AWSDenyAll"
        moment = again.issued_before
        if is_inline and again.scope == "issued-before":
            moment = cohort.rewritten(
                live_deny.issued_before, moment, live.answered_at, again.margin_s
            )
        return again.model_copy(update={"placement": placement, "issued_before": moment})

    def _look(
        self, live: LivePrincipal, state: DenyState, presences: Mapping[str, Any]
    ) -> DenyState:
        live_deny: deny.LiveDeny = presences["deny"]
        status = self._live_status(live, state, live_deny)
        if live_deny.text is not None and deny.has_others(live_deny, state.incident):
            self._context.say(
                "warning",
                f"{live}: our policy holds statements of others; a lift keeps them",
            )
        if status not in {"applied", state.live}:
            self._context.say("warning", f"{live}: the deny is {status}; 'pulumi up' puts it back")
        if status == "applied" and not self._context.engine_follows:
            scope, were = scope_of(state, state.issued_before), state.live == "signed in"
            if sign_in_revocation.are_active(self._context, live, scope, were=were):
                status = "signed in"
        return state.model_copy(update={"live": status})

    def _update(self, state: DenyState, inputs: DenyInputs, *, preview: bool) -> DenyState:
        rewrite = (
            state.live not in {"applied", "signed in"}
            or inputs.scope != state.scope
            or inputs.sessions != state.sessions
            or inputs.margin_s != state.margin_s
            or inputs.snapshot_id not in {state.snapshot_id, None}
            or (state.closed_but_for is None and inputs.closed_but_for is not None)
        )
        if not rewrite:
            same = state.model_copy(update=dict(inputs))
            return same if preview or state.live == "applied" else self._signed_out(same)
        if _lowers(state, inputs):
            self._refuse_lowering(state, inputs)
        placed = self._contain(inputs, preview=preview, before=state)
        if not preview and state.live != placed.live:
            self._context.say("info", f"{inputs.target.name}: the deny is in force again")
        if preview or state.placement != "AWSDenyAll" or placed.placement != "inline":
            return placed
        live = self._require(inputs, inputs.principal_id)
        try:
            for line in self._attachment(state, inputs, live).carry_out():
                self._context.say("info", line)
        except ConflictError as error:
            raise UnfinishedError(error.message, remedy=error.remedy, state=placed) from error
        return placed.model_copy(update={"swapped": (), "swapped_ids": None, "bounded": None})

    def gives_back(
        self, state: DenyState, inputs: DenyInputs, live: LivePrincipal
    ) -> LiftPlan | None:
        if _lowers(state, inputs):
            self._refuse_lowering(state, inputs)
        if state.placement != "AWSDenyAll" or inputs.scope == "all":
            return None
        return self._attachment(state, inputs, live)

    def _attachment(self, state: DenyState, inputs: DenyInputs, live: LivePrincipal) -> LiftPlan:
        """Return how AWSDenyAll goes, once the deny stands inline.

        Raises:
            ConflictError: somebody has to decide.
        """
        old = state.model_copy(update={"lift": inputs.lift})
        terms = evidence.terms(self._context, old)
        undone = lift.plan(live, {attachment_lift: self.priors(old)[attachment_lift]}, terms)
        self.gate.require_liftable(old, undone)
        return undone

    def writes(self, inputs: DenyInputs, live: LivePrincipal) -> list[Write]:
        live_deny = deny.find(live, inputs.incident)
        scope = scope_of(inputs, live_deny.issued_before if live_deny.in_force else None)
        revoked = sign_in_revocation.writes(self._context, live, scope)
        return [*self._deny_writes(inputs, live, live_deny), *revoked]

    def _deny_writes(
        self, inputs: DenyInputs, live: LivePrincipal, live_deny: deny.LiveDeny
    ) -> list[Write]:
        state = DenyState(**dict(inputs), issued_before=live_deny.issued_before)
        if self._live_status(live, state, live_deny) == "applied":
            return []
        attached = attachment.find(live, inputs.incident) and inputs.scope == "all"
        if attached and attachment.holds(live, live.attached()):
            return []
        merged, over, reason = self._fitted(inputs, live, live_deny)
        if over:
            why = f"inline policies have {over:,} characters too few for the deny"
            if inputs.scope != "all":
                why += f" of {inputs.scope}: this denies every session, and 'up' ends with an error"
            return room.deny_all_writes(live, inputs.attached_policies, why)
        document = documents.compact(merged)
        reason = "; ".join(filter(None, (reason, sessions.unreached(_picked(inputs)))))
        subject = recording.inline_policy(marks.policy_name(inputs.incident))
        return [Write(subject, live_deny.text, document, is_document=True, reason=reason)]

    def substitutes(self, inputs: DenyInputs, live: LivePrincipal) -> list[str]:
        live_deny = deny.find(live, inputs.incident)
        if live_deny.in_force or attachment.find(live, inputs.incident) is None:
            return []
        deny_all = attachment.deny_all_arn(live.principal.partition)
        if deny_all in live.attached():
            where = "attached"
        elif deny_all == live.permissions_boundary:
            where = "the permissions boundary"
        else:
            return []
        _, over, _ = self._fitted(inputs, live, live_deny)
        fit = (
            f"inline policies have {over:,} characters too few for the declared policy"
            if over
            else "inline policies have room for the declared policy now"
        )
        if inputs.scope == "all":
            ends = "" if over else ", and 'up' leaves what holds as it is"
            return [f"AWSDenyAll, {where}, denies what is declared: {fit}{ends}"]
        ends = "'up' ends with an error" if over else "'up' writes it and AWSDenyAll goes"
        return [f"AWSDenyAll, {where}, denies more than {inputs.scope}: {fit}, so {ends}"]

    def _fitted(
        self, inputs: DenyInputs, live: LivePrincipal, live_deny: deny.LiveDeny
    ) -> tuple[documents.Document, int, str]:
        """Return the policy that would be written, by how much it is too long, and what to know."""
        revokes = inputs.scope == "issued-before"
        moment = cohort.revocation(live, live_deny, inputs.margin_s) if revokes else None
        mark = live_deny.mark or marks.mark(inputs.incident, marks.new_snapshot_id(), 0)
        own_document = deny.document(scope_of(inputs, moment), mark)
        reason = (
            f"T is AWS's time when it is written + {inputs.margin_s} s; the Sid is new"
            if revokes
            else "the Sid is new when it is written"
        )
        merged = deny.merged(live_deny, inputs.incident, own_document)
        name = marks.policy_name(inputs.incident)
        over = room.overflow(live, name, documents.compact(merged))
        if over and deny.has_others(live_deny, inputs.incident):
            merged = own_document
            over = room.overflow(live, name, documents.compact(merged))
            reason += "; with what others wrote into it there is no room, so it is without that"
        return merged, over, reason

    def _place(self, live: LivePrincipal, before: DenyState, live_deny: deny.LiveDeny) -> DenyState:
        revokes = before.scope == "issued-before"
        moment = cohort.revocation(live, live_deny, before.margin_s) if revokes else None
        state = before.model_copy(update={"issued_before": moment, "live": "unverified"})
        mark = marks.mark(state.incident, state.snapshot_id or "", state.generation or 0)
        own_document = deny.document(scope_of(state, moment), mark)
        message = f"the deny on {live} was written"
        step = "something may be undoing it: run 'pulumi up' again at once"
        try:
            self._put(live, state, live_deny, own_document)
        except (ClientError, BotoCoreError) as error:
            unknown = outcome_unknown(error)
            if is_full(error) and not (unknown and deny.shows(live, state.incident, own_document)):
                return self._attach(live, state, "inline policies are full")
            if is_denied(error) and not unknown and state.scope == "all":
                # Some organisations forbid inline policies; AWSDenyAll says the same.
                return self._attach(live, state, "AWS refuses an inline policy")
            explanation = explain(f"writing the deny on {live}", error)
            if not unknown:
                raise explanation from error
            if retried(error):
                message, step = explanation.message, explanation.remedy
        if not eventually(lambda: deny.shows(live, state.incident, own_document)):
            message = f"{message} and reading it back does not show it"
            raise UnfinishedError(message, remedy=step, state=state)
        return state.model_copy(update={"live": "applied", "placement": "inline"})

    def _put(
        self,
        live: LivePrincipal,
        inputs: DenyInputs,
        live_deny: deny.LiveDeny,
        own_document: documents.Document,
    ) -> None:
        try:
            deny.put(live, inputs.incident, live_deny, own_document)
        except ClientError as error:
            refused = code(error) == "MalformedPolicyDocument" or is_full(error)
            if not refused or not deny.has_others(live_deny, inputs.incident):
                raise
            # What somebody wrote beside ours must not stop the containing.
            deny.put(live, inputs.incident, live_deny, own_document, whole_policy=True)
            self._context.say(
                "warning",
                f"{live}: AWS refuses our policy with what others wrote into it, so it is written"
                f" without that; it was {live_deny.text}",
            )

    def _attach(self, live: LivePrincipal, state: DenyState, why: str) -> DenyState:
        placing = state.placing
        try:
            attachment.place(
                live,
                state.incident,
                snapshot_id=state.snapshot_id or "",
                generation=state.generation or 0,
                prior=state.attached_policies,
                placing=placing,
            )
        except (ClientError, BotoCoreError, CancelledError) as error:
            raise UnfinishedError(
                f"attaching AWSDenyAll to {live}: {error}",
                remedy="run 'pulumi up' again",
                state=state.placed(placing),
            ) from error
        placed = state.placed(placing).model_copy(update={"live": "applied"})
        if placing.unwritten:
            self._context.say("warning", placing.unwritten)
        made = ", ".join(placing.swapped)
        swapped = f"; {made} made room and comes back at lift" if made else ""
        how = "the permissions boundary" if placing.bounded else "attached"
        self._context.say("warning", f"{live}: {why}, so AWSDenyAll is {how}{swapped}")
        if state.scope != "all":
            raise UnfinishedError(
                f"{live} has no room for the deny of {state.scope}: AWSDenyAll is attached, which"
                " denies every session and not only those",
                remedy="free room in its inline policies and run 'pulumi up' again, or choose rung"
                " deny-all",
                state=placed.model_copy(update={"live": "altered"}),
            )
        return placed

    def _live_status(self, live: LivePrincipal, state: DenyState, live_deny: deny.LiveDeny) -> str:
        claim = attachment.find(live, state.incident)
        if state.placement == "AWSDenyAll" and (claim is not None or not live_deny.in_force):
            is_attached = attachment.holds(live, live.attached())
            return "applied" if is_attached and state.scope == "all" else "missing"
        if live_deny.mark is None or live_deny.text is None or live_deny.is_fence:
            return "missing"
        scope = scope_of(state, state.issued_before)
        if not documents.holds(live_deny.text, deny.document(scope, live_deny.mark)):
            return "altered"
        if state.scope == "issued-before":
            opened = state.closed_but_for is not None and not trust.is_closed(
                live.trust_policy, state.incident, state.closed_but_for
            )
            if opened or self._cohort_is_late(state, live_deny):
                return "stale"
        return state.live if state.live == "unverified" else "applied"

    def _cohort_is_late(self, state: DenyState, live_deny: deny.LiveDeny) -> bool:
        """Tell whether a member of the incident was open after another's revocation time.

        A member that is missing, or was stamped late, has all stamped again.
        """
        members = [live_deny]
        for arn in state.cohort:
            if arn == state.principal:
                continue
            member = self._context.locate(
                state.model_copy(update={"principal": parse_principal(arn).arn}), None
            )
            if member is None:
                continue
            member_deny = deny.find(member, state.incident)
            if not member_deny.in_force and attachment.find(member, state.incident) is None:
                return True
            members.append(member_deny)
        # A state that says a longer one would hide that a member was late.
        return cohort.is_late(members, min(state.margin_s, cohort.MARGIN_S))


def _picked(inputs: DenyInputs) -> list[dict[str, str]]:
    return [item.model_dump(by_alias=True, exclude_none=True) for item in inputs.sessions]


def scope_of(inputs: DenyInputs, issued_before: str | None) -> deny.Scope:
    """Return whom the deny of *inputs* reaches, with the moment that it was written with."""
    if inputs.scope == "sessions":
        matches = sessions.matches(inputs.target, inputs.principal_id, _picked(inputs))
        return deny.Scope("sessions", None, matches)
    return deny.Scope(inputs.scope, issued_before if inputs.scope == "issued-before" else None)


def _lowers(state: DenyState, inputs: DenyInputs) -> bool:
    """Tell whether *inputs* deny less than *state* does."""
    order = ("sessions", "issued-before", "all")
    if inputs.scope != state.scope:
        return order.index(inputs.scope) < order.index(state.scope)
    return inputs.scope == "sessions" and not set(state.sessions) <= set(inputs.sessions)


__all__ = ["DenyInputs", "DenyPolicy", "DenyState", "SessionMatch"]

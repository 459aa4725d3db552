"""Remember a principal as it was, before anything changes, and be the last to go.

It changes nothing. What it reads is in the stack's state before any deny is written, and its id
is in the mark of every artefact made under it, so that a retry knows its own work from a
stranger's. Its delete runs after all others and finishes what carries its id: after a crash the
engine forgets interrupted creates, and would otherwise leave a deny behind an empty stack.

What survives it: everything; it only watches. What was changed before it was taken is remembered
as it was then, the thief's work included.

Sources: IAM User Guide, "IAM identifiers" (unique ids) and "IAM and AWS STS quotas".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from containment.clock import isoformat
from containment.errors import (
    AccessError,
    ConflictError,
    ContainmentError,
    NotFoundError,
)
from containment.facets import capture, holders, leftovers, marks
from containment.identities import parse_principal
from containment.ledger import Head, Remembered
from containment.lifecycle import evidence, prior
from containment.lifecycle.action import Action, Failure
from containment.lifecycle.wire import AccessKeyStatus, Lift, Live, Wire
from containment.lifecycle.wire import Inputs as BaseInputs
from containment.preflight import expiring, missing_permissions, refusals, uneditable
from containment.profile import changed_since

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from containment.aws.principal import LivePrincipal
    from containment.spec import IncidentSpec, Target


class InlinePolicy(Wire):
    """An inline policy's name and size in characters; None where the size was not read."""

    name: str
    size: int | None = None


class LedgerHead(Wire):
    """How far the incident's ledger had got: a later one that is shorter was cut."""

    location: str
    length: int
    sha256: str

    @property
    def remembered(self) -> Remembered:
        """The same in the ledger's own words."""
        return Remembered(self.location, Head(self.length, self.sha256))


class Inputs(BaseInputs):
    """Who is remembered, and what is about to be done to it.

    *profile* is the SHA-256 of the project's profile, which the provider adds; None for no file.
    """

    break_glass: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    profile: str | None = None


class State(Inputs):
    """The principal as it was, less what any incident had put there."""

    state_version: int = 1
    live: Live = "applied"
    principal_id: str = ""
    snapshot_id: str | None = None
    captured_at: str | None = None
    account: str = ""
    emulated: bool = False
    inline_policies: tuple[InlinePolicy, ...] = ()
    attached_policies: tuple[str, ...] = ()
    permissions_boundary: str | None = None
    access_keys: tuple[AccessKeyStatus, ...] = ()
    trust_policy: str = ""
    tags: dict[str, str] = Field(default_factory=dict)
    contested: tuple[str, ...] = ()
    ledger: LedgerHead | None = None


class PrincipalSnapshot(Action[Inputs, State]):
    """Remember a principal as it was."""

    resource = "PrincipalSnapshot"
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
            "iam:ListAccessKeys",
            "iam:SimulatePrincipalPolicy",
        }
    )
    identity = frozenset({"principal"})
    computed = frozenset({"snapshot_id", "captured_at", "ledger"})
    silent = frozenset({"uses"})
    inputs_type, state_type = Inputs, State

    @classmethod
    def inputs_for(cls, spec: IncidentSpec, target: Target) -> Mapping[str, Any]:
        del target
        return {"break_glass": sorted(spec.break_glass)}

    def check(self, inputs: Inputs, old: Inputs | None) -> list[Failure]:
        context = self._context
        if old is not None and old.endpoint:
            context.require_same_place(inputs.model_copy(update={"endpoint": old.endpoint}))
        context.require_same_place(inputs)
        if old is not None:
            self._say_changed(old)
        found: list[ContainmentError] = [
            *refusals(
                inputs.target,
                clients=context.clients,
                caller=context.caller,
                break_glass=inputs.break_glass,
                profile=context.profile,
            )
        ]
        late = expiring(context.credentials_expire_at, context.caller)
        if late is not None:
            found.append(late)
        if not found:
            found.extend(self._missing(inputs))
        return [Failure("principal", error) for error in found]

    def checked(self, inputs: Inputs) -> Inputs:
        known = {
            "endpoint": self._context.clients.endpoint,
            "profile": self._context.profile.sha256,
        }
        here = inputs.model_copy(update=known)
        return super().checked(here)

    def adopt(self, incident: str, principal: str) -> State:
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
        inputs = Inputs(
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
        found = capture.capture(live, incident)
        state = self._state(live, self.checked(inputs), found, ours=incident)
        own = holders.own_snapshots(live, incident, found.policies)
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
                "access_keys": prior.adopted_keys(self._context, state, state.access_keys, live),
                "attached_policies": prior.adopted_attachments(
                    self._context, state, state.attached_policies, live
                ),
            }
        )

    def on_destroy(self, inputs: Inputs) -> str:
        return (
            f"whatever is left on {inputs.target.name} under this snapshot is lifted, or it fails"
        )

    def create(self, inputs: Inputs, *, preview: bool) -> State:
        live = self._context.locate(inputs, None)
        if live is None:
            raise NotFoundError(
                f"{inputs.principal} does not exist",
                remedy="check the ARN with 'containment resolve', and CloudTrail for DeleteUser,"
                " DeleteRole or UpdateUser",
            )
        # The spec's ARN may lack the path that tells a service-linked role.
        for refusal in uneditable(live.principal):
            raise refusal
        found = capture.capture(live, inputs.incident)
        state = self._state(live, inputs, found)
        self._refuse_other_snapshot(live, state, found)
        if preview:
            return state
        taken = state.model_copy(
            update={
                "snapshot_id": marks.new_snapshot_id(),
                "captured_at": isoformat(live.answered_at),
            }
        )
        self._write("snapshot", taken, facts=_facts(taken), required=False)
        # Not read here: the deny waits for this.
        return _remembering(taken, self._context.ledger.of(taken.incident).written())

    def read(self, state: State) -> State | None:
        live = self._context.locate(state, state.principal_id)
        if live is None:
            self._context.say(
                "warning", f"{state.principal} with the id {state.principal_id} is gone"
            )
            return None
        if live.principal.arn != state.principal:
            self._context.say(
                "warning", f"{state.principal} is {live.principal.arn} now and stays contained"
            )
        return self._with_ledger(state.model_copy(update={"live": "applied"}))

    def update(self, state: State, inputs: Inputs, *, preview: bool) -> State:
        new = state.model_copy(update=dict(inputs))  # what was captured never changes
        if not preview and (new.lift, new.profile) != (state.lift, state.profile):
            # A restore without the state goes on the terms that were applied last.
            terms = new.lift.model_dump(mode="json", by_alias=True)
            self._write("terms", new, lift=terms, profile=new.profile, required=False)
        return self._with_ledger(new)

    def delete(self, state: State) -> None:
        self._say_changed(state)
        self.finish(state)
        self.released(state)

    def released(self, state: State) -> None:
        """Put on record that the principal was given back, and on which terms.

        Raises:
            RefusedError: that cannot be written.
        """
        self._write("release", state, disposition=state.lift.disposition, required=True)

    def finish(self, state: State) -> None:
        """Lift what is left on the principal under this snapshot.

        Raises:
            ConflictError: the terms differ from the spec's, or something stays in force.
        """
        live = self._to_lift(state, state.principal_id)
        if live is None:
            return
        left = leftovers.find(live, state.incident, state.snapshot_id or "")
        if not left:
            return
        self._require_terms(state)
        self._context.say(
            "warning", f"{live}: an interrupted run left {', '.join(left)}; lifting it now"
        )
        remembered = leftovers.Remembered(
            incident=state.incident,
            snapshot_id=state.snapshot_id or "",
            generation=self._context.started_ms(),
            fenced=not state.lift.false_positive,
            keys=evidence.keys(
                self._context,
                state,
                state.access_keys,
                decision=self._decided(state, "credentials"),
            ),
            attached=evidence.attachments(
                self._context,
                state,
                state.attached_policies,
                decision=self._decided(state, "attachment"),
            ),
            trust=evidence.trusted(
                self._context, state, state.trust_policy, decision=self._decided(state, "trust")
            ),
            tell=evidence.tell(self._context, state),
            decision=self._decided(state, "deny"),
        )
        for done in leftovers.lift(live, remembered, left):
            self._context.say("info", done)
        now = live.again()
        remains = leftovers.find(now, state.incident, state.snapshot_id or "") if now else []
        if remains:
            raise ConflictError(
                f"{live}: {', '.join(remains)} of this stack is still in force",
                remedy="run 'pulumi destroy' again",
            )

    def _say_changed(self, applied: Inputs) -> None:
        changed = changed_since(self._context.profile, applied.profile)
        if changed is not None:
            self._context.say("warning", changed)

    def _with_ledger(self, state: State) -> State:
        """Return *state* with the ledger's head, and have it held against the one it remembers."""
        journal = self._context.ledger.of(state.incident)
        if state.ledger is not None:
            journal.expect(state.ledger.remembered)
        return _remembering(state, journal.remember())

    def _write(self, kind: str, state: State, *, required: bool, **fields: object) -> None:
        what = {
            "principal": state.principal,
            "unique_id": state.principal_id,
            "snapshot_id": state.snapshot_id,
            "operator": self._context.caller.arn,
            **fields,
        }
        self._context.ledger.of(state.incident).write(kind, what, required=required)

    def _missing(self, inputs: Inputs) -> list[AccessError]:
        other = "role" if inputs.target.kind == "user" else "user"
        needed = {
            name
            for used in (self.resource, *inputs.uses)
            for name in self._context.permissions.get(used, ())
            if other not in name.lower()
        }
        missing, blocked = missing_permissions(
            inputs.target,
            clients=self._context.clients,
            caller=self._context.caller,
            actions=sorted(needed),
        )
        if not missing:
            return []
        text = f"the credentials in use ({self._context.caller.arn}) lack {', '.join(missing)}"
        if blocked:
            step = "give them the policy that 'containment responder-policy contain' prints"
            return [AccessError(text, remedy=step)]
        self._context.say("warning", f"{text}: what needs them will be left undone")
        return []

    def _state(
        self,
        live: LivePrincipal,
        inputs: Inputs,
        found: capture.Captured,
        *,
        ours: str | None = None,
    ) -> State:
        contested = holders.contested(live, found.policies, ours)
        for what in contested:
            self._context.say(
                "warning", f"{live}: {what}, which this stack did not make; it is left alone"
            )
        return State(
            **dict(inputs),
            principal_id=live.unique_id,
            account=live.principal.account,
            emulated=self._context.clients.emulated,
            inline_policies=tuple(
                InlinePolicy(name=name, size=size) for name, size in found.theirs.items()
            ),
            attached_policies=prior.attached_before(
                self._context, live, inputs.incident, found.attached
            ),
            permissions_boundary=live.permissions_boundary,
            access_keys=prior.keys_before(self._context, live, inputs.incident, found),
            trust_policy=prior.trust_before(self._context, live, inputs.incident, found),
            tags={
                key: value
                for key, value in sorted(live.tags.items())
                if marks.incident_of_tag(key) is None
            },
            contested=tuple(contested),
        )

    def _refuse_other_snapshot(
        self, live: LivePrincipal, state: State, found: capture.Captured
    ) -> None:
        """Refuse to forget how *live* was before this incident contained it.

        A mark proves nothing, for the thief can plant one: only what holds him counts. What other
        incidents hold is theirs, and no reason not to contain.
        """
        held = holders.is_held(
            live, state.incident, found, state.lift.leaked, denied="DenyPolicy" in state.uses
        )
        if held or holders.is_bound(live, state.incident, found.policies):
            own = holders.own_snapshots(live, state.incident, found.policies)
            raise ConflictError(
                f"{live} is already contained by {state.incident} under another snapshot"
                f" ({', '.join(sorted(own))}), so taking a new one would forget how it was",
                remedy="restore the stack's state, or take the containment over with"
                f" 'containment adopt {state.incident}'",
            )


def _facts(state: State) -> dict[str, object]:
    """Return what a lift needs of *state*; nobody gives tags back, and people keep much in them."""
    return state.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude={"tags", "ledger"}
    )


def _remembering(state: State, now: Remembered | None) -> State:
    if now is None:
        return state
    head = LedgerHead(location=now.location, length=now.head.length, sha256=now.head.sha256)
    return state.model_copy(update={"ledger": head})


__all__ = ["Inputs", "PrincipalSnapshot", "State"]

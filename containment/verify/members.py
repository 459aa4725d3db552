"""Who is verified: the principals that the state holds, with what holds each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from containment.actions.deny_policy import DenyState
from containment.actions.guard_policy import GuardState
from containment.actions.inactive_credentials import CredentialsState
from containment.identities import parse_principal
from containment.lifecycle.snapshot import Snapshot
from containment.run import report
from containment.verify.verdict import Claims

if TYPE_CHECKING:
    from containment.identities import Principal
    from containment.run.state import StackState
    from containment.spec import IncidentSpec

# What a live denial can show; that a credential is Inactive is shown by reading it back, for AWS
# records no call of an inactive key.
_DENYING = frozenset({"DenyPolicy", "ClosedTrustPolicy", "GuardPolicy"})


@dataclass(frozen=True, slots=True)
class Member:
    """A principal of the incident, as the state has it.

    Attributes:
        principal: by the name that the state has.
        rung: how far it is contained by the spec; None where the spec does not name it.
        snapshot: how it was before.
        deny: its deny, where it has one.
        credentials: its credentials that are held, where it has such.
    """

    principal: Principal
    rung: str | None
    snapshot: Snapshot
    deny: DenyState | None = None
    credentials: CredentialsState | None = None

    @property
    def arn(self) -> str:
        """Its ARN in the state."""
        return self.principal.arn


def members_of(state: StackState, spec: IncidentSpec) -> tuple[Member, ...]:
    """Return the principals of which *state* has a snapshot."""
    members: list[Member] = []
    for row in report.principals(state, spec):
        states = [item.state for item in row.resources]
        snapshot = next((item for item in states if isinstance(item, Snapshot)), None)
        if snapshot is None:
            continue
        members.append(
            Member(
                parse_principal(row.principal),
                row.rung,
                snapshot,
                next((item for item in states if isinstance(item, DenyState)), None),
                next((item for item in states if isinstance(item, CredentialsState)), None),
            )
        )
    return tuple(members)


def guard_of(state: StackState) -> GuardState | None:
    """Return the incident's guard, where the state has one."""
    return next(
        (item.state for item in state.resources if isinstance(item.state, GuardState)), None
    )


def account_subject(account: str) -> str:
    """Return what evidence about an account as a whole is about."""
    return f"account {account}"


def claims_of(stack: str, state: StackState, spec: IncidentSpec) -> Claims:
    """Return what has to be shown of *stack*: of whom the spec names and whom the state holds."""
    members = members_of(state, spec)
    named = [target.principal.arn for target in report.pin_by_state(spec, state).targets]
    arns = tuple(dict.fromkeys([*named, *state.principals]))
    # Nobody knows whose they are, so nothing shows that they are held.
    keys = report.unapplied_keys(spec, state)
    in_force = [item for item in state.resources if item.resource in _DENYING]
    guard = guard_of(state)
    if guard is not None and guard.live == "missing" and not guard.required:
        in_force = [item for item in in_force if item.state is not guard]
    accounts = sorted({arn.split(":")[4] for arn in arns})
    return Claims(
        stack=stack,
        principals=(*arns, *keys),
        denied=tuple(member.arn for member in members if member.deny is not None),
        artefacts=tuple(sorted({item.resource for item in in_force})),
        guarded=tuple(map(account_subject, accounts)) if spec.guard.required else (),
        accounts=tuple(map(account_subject, accounts)),
    )

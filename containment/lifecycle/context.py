"""What an action is handed to work with: clients, caller, clocks, ledger, a way to say things."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from containment.aws.endpoint import same_place
from containment.aws.names import Names
from containment.aws.principal import LivePrincipal, locate
from containment.aws.recording import Telling
from containment.aws.rights import Rights
from containment.aws.sign_ins import SignIns
from containment.errors import AccessError, RefusedError
from containment.facets.decisions import Decisions
from containment.facets.marks import NEWEST
from containment.ledger import Ledger, unkept
from containment.profile import FILE, Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from mypy_boto3_organizations import OrganizationsClient

    from containment.aws.caller import Caller
    from containment.aws.clients import Clients
    from containment.aws.recording import Change, Outcome
    from containment.clock import Clock
    from containment.facets.facet import Artefact, Facet
    from containment.lifecycle.snapshot import Snapshot
    from containment.lifecycle.wire import Inputs

Severity = Literal["info", "warning"]


class Catalogued(Protocol):
    """What an action may know of the others: facts on their classes."""

    @property
    def resource(self) -> str: ...

    @property
    def permissions(self) -> frozenset[str]: ...

    @property
    def facets(self) -> tuple[Facet[Any, Any, Any], ...]: ...

    def capture(self, live: LivePrincipal, /) -> Mapping[str, str]: ...

    def lift_elsewhere(self, context: Context, snapshot: Snapshot, /) -> None: ...

    def priors_in(self, snapshot: Snapshot, /) -> Mapping[Facet[Any, Any, Any], Any]: ...


def _no_organization() -> OrganizationsClient:
    raise AccessError(
        "nobody says with which credentials the organisation is changed",
        remedy="write 'guard_role:' in containment.yaml",
    )


@dataclass(frozen=True, slots=True)
class Context:
    """What an action works with: clients, the caller, clocks, a voice, the project's folder.

    *declared* are the principals, by ARN, that the spec has in this run; none in a destroy.
    *actions* are all that there are. *ledger* is told of every change, and asked what was before
    it. *decisions* are what people decided about a lift. *profile* is the project's;
    *disagreements* are where the stack, or its state, says otherwise of what the profile alone
    decides. *names* and *rights* are looked up once in a run. *made* is told of every change that
    AWS may have. *stack* is the stack that is worked on; None where nobody says. *sighted* are the
    principals, by unique id and snapshot, that were seen to carry a mark of it in this run.
    *contained_arns* are the principals, by ARN, that the state is known to hold. With *recorded*
    nothing of a principal may be changed before the ledger has its snapshot. *organizations*
    connects to the organisation's own API. *engine_follows* where the engine takes over what is
    done, and does what no deny may wait for. *admission* is the ledger's entry that the run was
    let begin by; None without one.
    """

    clients: Clients
    who: Callable[[], Caller]
    now: Clock
    directory: Path
    actions: Sequence[Catalogued]
    credentials_expire_at: datetime | None = None
    declared: Collection[str] = ()
    say: Callable[[Severity, str], None] = field(default=lambda _severity, _message: None)
    ledger: Ledger = field(default_factory=unkept)
    decisions: Decisions = field(default_factory=Decisions)
    profile: Profile = field(default_factory=Profile)
    disagreements: tuple[str, ...] = ()
    names: Names = field(default_factory=Names)
    rights: Rights = field(default_factory=Rights)
    stack: str | None = None
    made: Callable[[Change, Outcome], None] = field(default=lambda _change, _outcome: None)
    sighted: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    organizations: Callable[[], OrganizationsClient] = _no_organization
    contained_arns: Collection[str] = ()
    recorded: bool = False
    engine_follows: bool = False
    admission: int | None = None

    @property
    def caller(self) -> Caller:
        """Who is calling; AWS is asked the first time."""
        return self.who()

    @property
    def sign_ins(self) -> SignIns:
        """What lists and revokes sign-in sessions."""
        return SignIns(self.clients.sign_ins)

    def locate(
        self, inputs: Inputs, unique_id: str | None, *, lifting: bool = False
    ) -> LivePrincipal | None:
        """Return the principal as it is now, or None if it is gone.

        What is changed through it is on record; while *lifting*, what cannot be is refused.

        Raises:
            RefusedError: the credentials in use are of another endpoint or account.
        """
        self.require_same_place(inputs)
        recorder = self.ledger.recorder(
            inputs.incident,
            getattr(inputs, "snapshot_id", None),
            lambda: self.caller.arn,
            lifting=lifting,
        )
        telling = Telling(recorder, self.made)
        return locate(self.clients.iam, inputs.target, unique_id, telling)

    def require_same_place(self, inputs: Inputs) -> None:
        """Refuse to work for one endpoint and account with the credentials of another."""
        if inputs.endpoint and not same_place(inputs.endpoint, self.clients.endpoint):
            raise RefusedError(
                f"this stack was applied at {inputs.endpoint} and the credentials in use are for"
                f" {self.clients.endpoint}",
                remedy="set AWS_ENDPOINT_URL and credentials as they were when it was applied"
                " (for a lab: start that lab again, or remove the stack with 'pulumi stack rm')",
            )
        account = inputs.target.account
        if account != self.caller.account:
            raise RefusedError(
                f"{inputs.principal} is in account {account} and the credentials in use are of"
                f" account {self.caller.account} ({self.caller.arn})",
                remedy=f"use credentials of that account, or write 'role:' in {FILE}: the responder"
                " role, with {account} where the account stands",
            )

    def generation(self, started_ms: int, *artefacts: Artefact | None) -> int:
        """Return a generation newer than all of *artefacts* and no older than *started_ms*."""
        newest = max([started_ms, *(artefact.generation + 1 for artefact in artefacts if artefact)])
        return min(newest, NEWEST)

    def started_ms(self) -> int:
        """Return this machine's time in milliseconds: what orders two writers on it."""
        return int(self.now().timestamp() * 1000)

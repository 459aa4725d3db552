"""What actions are given to work with: clients of each account, the ledgers, what was decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, partial
from threading import Lock
from typing import TYPE_CHECKING

from containment.aws.caller import identify
from containment.aws.clients import Clients, connect, connect_organizations
from containment.aws.faults import explained
from containment.aws.names import Names
from containment.aws.rights import Rights
from containment.clock import utc_now
from containment.errors import AccessError
from containment.facets.decisions import Decisions
from containment.ledger import Ledger, open_store
from containment.lifecycle.context import Context
from containment.profile import Profile, load

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path
    from threading import Event

    from mypy_boto3_organizations import OrganizationsClient

    from containment.aws.caller import Caller
    from containment.aws.recording import Change, Outcome
    from containment.lifecycle.context import Catalogued, Severity


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides where we work: the project's profile, and who says otherwise.

    Attributes:
        profile: the project's; role, ledger and region come from it alone.
        disagreements: where the stack's configuration, or its state, says something else, in words.
    """

    profile: Profile = field(default_factory=Profile)
    disagreements: tuple[str, ...] = ()

    @classmethod
    def resolve(cls, directory: Path, stated: Mapping[str, object], where: str) -> Settings:
        """Return the settings of the project in *directory*, for which *where* has *stated* some.

        Raises:
            SpecError: the profile cannot be used; says why, by line and field.
        """
        profile = load(directory)
        return cls(profile, profile.disagreements(stated, where))


@dataclass(frozen=True, slots=True)
class _Connection:
    clients: Clients
    identify: Callable[[], Caller]
    names: Names = field(default_factory=Names)
    rights: Rights = field(default_factory=Rights)


def _ignore(*_: object) -> None:
    """Say nothing."""


@dataclass(slots=True)
class Workplace:
    """Makes clients, ledgers and contexts, each when it is first needed.

    Attributes:
        directory: the project's folder.
        actions: all that there are.
        incident: named in the user agent of every call.
        settings: the project's.
        decisions: what people decided about a lift.
        cancelled: once set, no change is sent any more.
        patient: whether reading a ledger may wait for another writer of it.
        believed: False where the ledger stands in for the state, which it must not bear out itself.
        warn: told what is wrong with a ledger.
        connected: told of each set of clients, when it is made.
        declared: the principals, by ARN, that the spec has in this run.
        contained_arns: those that the stack's state is known to hold.
        recorded: whether a principal has to be on record before anything of it is changed.
        engine_follows: whether the engine takes over what is done.
        made: told of every change that AWS may have, where a context names nobody else.
        credentials_expire_at: when the responder's credentials end, where that is known.
        admission: the number of the ledger's entry that the run was let begin by.
        specs: the folder whose ``stacks`` hold the specs, where that is not *directory*.
    """

    directory: Path
    actions: Sequence[Catalogued]
    incident: str = ""
    settings: Settings = field(default_factory=Settings)
    decisions: Decisions = field(default_factory=Decisions)
    cancelled: Event | None = None
    patient: bool = True
    believed: bool = True
    warn: Callable[[str], None] = _ignore
    connected: Callable[[Clients], None] = _ignore
    declared: Collection[str] = ()
    contained_arns: Collection[str] = ()
    recorded: bool = False
    engine_follows: bool = False
    made: Callable[[Change, Outcome], None] = _ignore
    credentials_expire_at: datetime | None = None
    admission: int | None = None
    specs: Path | None = None
    _connections: dict[str | None, _Connection] = field(
        default_factory=dict[str | None, _Connection]
    )
    _unassumable: set[str | None] = field(default_factory=set[str | None])
    _ledger: Ledger | None = None
    _organizations: OrganizationsClient | None = None
    _sighted: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    _lock: Lock = field(default_factory=Lock)

    def clients(self, account: str | None = None) -> Clients:
        """Return the clients for *account*; with the responder's own credentials where it is None.

        Raises:
            AccessError: there are no credentials, or the role cannot be assumed.
            UnavailableError: nobody answers at the endpoint.
        """
        return self._connection(account).clients

    def caller(self, account: str | None = None) -> Caller:
        """Return who the clients for *account* act as; AWS is asked the first time.

        Raises:
            AccessError: there are no credentials, or AWS does not accept them.
            UnavailableError: nobody answers at the endpoint.
        """
        return self._connection(account).identify()

    def context(
        self,
        account: str | None,
        say: Callable[[Severity, str], None] = _ignore,
        *,
        lifting: bool = False,
        reading: bool = False,
        stack: str | None = None,
        made: Callable[[Change, Outcome], None] | None = None,
    ) -> Context:
        """Return what an action on a principal of *account* works with; it reports to *say*.

        *made* is told of every change that AWS may have.

        While *lifting* it acts in the profile's role for that. While *reading*, which changes
        nothing, the credentials in use are enough where that role cannot be assumed.

        Raises:
            AccessError: there are no credentials, or the role cannot be assumed.
        """
        connection = self._connection(account, lifting=lifting, reading=reading)
        return Context(
            clients=connection.clients,
            who=connection.identify,
            now=utc_now,
            directory=self.specs or self.directory,
            credentials_expire_at=self.credentials_expire_at,
            actions=self.actions,
            declared=self.declared,
            say=say,
            ledger=self.ledger(),
            decisions=self.decisions,
            profile=self.settings.profile,
            disagreements=self.settings.disagreements,
            names=connection.names,
            rights=connection.rights,
            stack=stack or self.incident or None,
            made=made or self.made,
            sighted=self._sighted,
            organizations=self.organizations,
            contained_arns=self.contained_arns,
            recorded=self.recorded,
            engine_follows=self.engine_follows,
            admission=self.admission,
        )

    def ledger(self) -> Ledger:
        """Return the ledgers of the project, at the place that the profile names."""
        with self._lock:
            if self._ledger is None:
                self._ledger = Ledger(
                    partial(open_store, self.settings.profile.ledger, self.directory),
                    now=utc_now,
                    say=self.warn,
                    believed=self.believed,
                    patient=self.patient,
                )
            return self._ledger

    def organizations(self) -> OrganizationsClient:
        """Return the client of the organisation's API, in the profile's guard role.

        Raises:
            AccessError: there are no credentials, or that role cannot be assumed.
        """
        with self._lock:
            if self._organizations is None:
                self._organizations = connect_organizations(
                    incident=self.incident or None,
                    region=self.settings.profile.region,
                    role_arn=self.settings.profile.guard_role,
                    cancelled=self.cancelled,
                )
            return self._organizations

    def _connection(
        self, account: str | None, *, lifting: bool = False, reading: bool = False
    ) -> _Connection:
        role = self.settings.profile.role_in(account, lifting=lifting) if account else None
        if reading and role in self._unassumable:
            return self._connect(None)
        try:
            return self._connect(role)
        except AccessError as error:
            if not reading or role is None:
                raise
            with self._lock:
                new = role not in self._unassumable
                self._unassumable.add(role)
            if new:
                self.warn(f"{error}: looking with the credentials in use; a change needs that role")
            return self._connect(None)

    def _connect(self, role: str | None) -> _Connection:
        with self._lock:
            if role not in self._connections:
                with explained("looking for credentials"):
                    clients = connect(
                        incident=self.incident or None,
                        region=self.settings.profile.region,
                        role_arn=role,
                        cancelled=self.cancelled,
                        sign_in_regions=self.settings.profile.sign_in_regions,
                    )
                self.connected(clients)
                self._connections[role] = _Connection(
                    clients, cache(partial(identify, clients.sts))
                )
            return self._connections[role]

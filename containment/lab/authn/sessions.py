"""Temporary credentials, as STS hands them out: who stands behind each, and until when.

Source: IAM User Guide, "Temporary security credentials in IAM".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from moto.iam.utils import generate_access_key_id_from_account_id, random_alphanumeric

from containment.lab.authn.sign_ins import SignIns

if TYPE_CHECKING:
    from collections.abc import Iterator

# Less than this is too little to begin anything with.
_SOON = timedelta(hours=1)
Kind = Literal["role", "user", "federated", "console", "root"]


@dataclass(frozen=True, slots=True)
class Session:
    """One set of temporary credentials.

    *principal_id* is the unique id of the role, or of the user for ``user`` (GetSessionToken),
    ``federated`` (GetFederationToken) and ``console`` (a sign-in), or the number
    of an account for ``root`` (AssumeRoot); *principal_name* its name when
    the session was made.
    """

    kind: Kind
    account: str
    principal_id: str
    principal_name: str
    name: str
    issued: datetime
    expires: datetime
    access_key_id: str
    secret_access_key: str = field(repr=False)
    token: str = field(repr=False)
    policies: tuple[str, ...] | None = None
    tags: tuple[tuple[str, str], ...] = ()
    transitive: frozenset[str] = frozenset()
    source_identity: str = ""
    mfa: bool = False
    federated_provider: str = ""
    # Further context keys that AWS sets for good, such as the instance a session was made for.
    context: tuple[tuple[str, str], ...] = ()
    chain: int = 0


class Sessions:
    """Every session of the lab, by access key id; an expired one is kept, to be refused as such."""

    def __init__(self) -> None:
        self._by_key: dict[str, Session] = {}
        self.sign_ins = SignIns()

    def issue(
        self,
        *,
        kind: Kind,
        account: str,
        principal_id: str,
        principal_name: str,
        name: str,
        now: datetime,
        seconds: int,
        policies: tuple[str, ...] | None = None,
        tags: tuple[tuple[str, str], ...] = (),
        transitive: frozenset[str] = frozenset(),
        source_identity: str = "",
        mfa: bool = False,
        federated_provider: str = "",
        context: tuple[tuple[str, str], ...] = (),
        chain: int = 0,
    ) -> Session:
        """Make new credentials. Issue times have whole seconds, as ``aws:TokenIssueTime`` has."""
        issued = now.replace(microsecond=0)
        session = Session(
            kind=kind,
            account=account,
            principal_id=principal_id,
            principal_name=principal_name,
            name=name,
            issued=issued,
            expires=issued + timedelta(seconds=seconds),
            access_key_id=generate_access_key_id_from_account_id(account, prefix="ASIA"),
            secret_access_key=random_alphanumeric(40),
            token="IQoJb3JpZ2luX2Vj" + random_alphanumeric(320),
            policies=policies,
            tags=tags,
            transitive=transitive,
            source_identity=source_identity,
            mfa=mfa,
            federated_provider=federated_provider,
            context=context,
            chain=chain,
        )
        self._by_key[session.access_key_id] = session
        return session

    def renewed(self, session: Session, now: datetime) -> Session:
        """Return credentials of the same principal that last for a while: these, or new ones."""
        if session.expires - now > _SOON:
            return session
        lifetime = session.expires - session.issued
        return self.issue(
            kind=session.kind,
            account=session.account,
            principal_id=session.principal_id,
            principal_name=session.principal_name,
            name=session.name,
            now=now,
            seconds=int(lifetime.total_seconds()),
            policies=session.policies,
            tags=session.tags,
            transitive=session.transitive,
            source_identity=session.source_identity,
            mfa=session.mfa,
            federated_provider=session.federated_provider,
            context=session.context,
            chain=session.chain,
        )

    def find(self, access_key_id: str) -> Session | None:
        """Return the session with this key id."""
        return self._by_key.get(access_key_id)

    def __iter__(self) -> Iterator[Session]:
        """Yield every session, the expired included."""
        return iter(list(self._by_key.values()))

    def clear(self) -> None:
        """Forget them all."""
        self._by_key.clear()
        self.sign_ins.clear()

"""Turn a key id and a signature into a principal, as AWS sees it.

Source: IAM User Guide, "IAM identifiers" and "AWS global condition context keys" (aws:userid,
aws:PrincipalArn, aws:PrincipalType).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from containment.iam_policy.principals import ANONYMOUS as NOBODY
from containment.iam_policy.principals import Identity
from containment.lab.authn import bearer
from containment.lab.authn.signature import read_credential, verify
from containment.lab.protocol.refusal import Reason, Refusal
from containment.lab.state import moto_state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from containment.lab.authn.sessions import Session, Sessions
    from containment.lab.protocol.call import Call
    from containment.lab.state.facts import Entity, Facts

Kind = Literal["user", "role", "federated", "root", "web identity", "SAML", "anonymous"]

# While enforcement is off this pair administers the management account, as its root user would.
BOOTSTRAP_KEY = "test"


@dataclass(frozen=True, slots=True)
class Caller:
    """The principal behind a call.

    *arn* and *user_id* are what GetCallerIdentity answers; *principal_arn* is what
    ``aws:PrincipalArn`` holds, the role's own ARN for its sessions. *entity* is the user or role
    as the enforcing side sees it, empty for nobody.
    """

    kind: Kind
    account: str
    arn: str
    principal_arn: str
    unique_id: str
    user_id: str
    name: str
    access_key_id: str
    entity: Entity = field(repr=False)
    identity: Identity = field(repr=False)
    session: Session | None = None
    # What an identity provider says: context keys of this call, those that its sessions keep, and
    # parameters that it gives in place of the call.
    claims: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    kept: tuple[tuple[str, str], ...] = ()
    asserted: Mapping[str, Any] = field(default_factory=dict, repr=False)
    # It came with an API key in place of a signature.
    bears_token: bool = False

    @property
    def vouched_for(self) -> bool:
        """Tell whether an identity provider's word is all there is: no key, no policies."""
        return self.kind in {"web identity", "SAML"}


ANONYMOUS = Caller(
    kind="anonymous",
    account="",
    arn="",
    principal_arn="",
    unique_id="",
    user_id="",
    name="",
    access_key_id="",
    entity={},
    identity=Identity(account=NOBODY, names=frozenset()),
)


def identify(
    call: Call,
    *,
    facts: Facts,
    sessions: Sessions,
    now: Callable[[], datetime],
    enforcing: bool,
) -> Caller:
    """Return who signed *call*.

    Raises:
        Refusal: unknown or inactive key, wrong or expired token, bad or stale signature.
    """
    api_key = bearer.presented(call, facts=facts, now=now)
    if api_key is not None:
        return replace(of_user(api_key["account",], api_key["user",], facts), bears_token=True)
    credential = read_credential(call)
    if credential is None:
        return ANONYMOUS
    call.service, call.region = credential.service, credential.region
    key_id = credential.access_key_id
    if key_id == BOOTSTRAP_KEY and not enforcing:
        return _root(moto_state.MANAGEMENT_ACCOUNT)
    session = sessions.find(key_id)
    if session is not None:
        verify(call, credential, session.secret_access_key)
        if credential.token is None:
            # Without its token a session's key is a key that nobody knows.
            raise Refusal(Reason.UNKNOWN_KEY)
        if credential.token != session.token:
            raise Refusal(Reason.BAD_TOKEN)
        if now() >= session.expires:
            raise Refusal(Reason.EXPIRED)
        return of_session(session, facts)
    key = facts(("key", "", key_id))
    if not key or key["status",] != "Active":
        raise Refusal(Reason.UNKNOWN_KEY)
    verify(call, credential, key["secret",])
    if credential.token:
        raise Refusal(Reason.BAD_TOKEN)
    return of_user(key["account",], key["user",], facts, access_key_id=key_id)


def of_user(
    account: str,
    name: str,
    facts: Facts,
    *,
    access_key_id: str = "",
    session: Session | None = None,
) -> Caller:
    """Return the IAM user *name* as a caller.

    Raises:
        Refusal: there is no such user.
    """
    entity = facts(("user", account, name))
    if not entity:
        raise Refusal(Reason.UNKNOWN_KEY)
    arn = f"arn:aws:iam::{account}:user{entity['path',]}{entity['name',]}"
    unique_id = entity["id",]
    return Caller(
        kind="user",
        account=account,
        arn=arn,
        principal_arn=arn,
        unique_id=unique_id,
        user_id=unique_id,
        name=entity["name",],
        access_key_id=access_key_id,
        entity=entity,
        identity=Identity(account, frozenset({arn, unique_id})),
        session=session,
    )


def of_session(session: Session, facts: Facts) -> Caller:
    """Return the caller behind temporary credentials.

    Raises:
        Refusal: the user or role behind them is gone.
    """
    if session.kind == "role":
        return _of_role_session(session, facts)
    if session.kind == "root":
        return _root(session.account, access_key_id=session.access_key_id, session=session)
    name = _current_name(session, facts)
    user = of_user(
        session.account, name, facts, access_key_id=session.access_key_id, session=session
    )
    if session.kind != "federated":
        return user
    arn = f"arn:aws:sts::{session.account}:federated-user/{session.name}"
    return Caller(
        kind="federated",
        account=session.account,
        arn=arn,
        principal_arn=arn,
        unique_id=user.unique_id,
        user_id=f"{session.account}:{session.name}",
        name=session.name,
        access_key_id=session.access_key_id,
        entity=user.entity,
        identity=Identity(session.account, frozenset({arn}), issuers=user.identity.names),
        session=session,
    )


def _of_role_session(session: Session, facts: Facts) -> Caller:
    entity = facts(("role", session.account, session.principal_id))
    if not entity:
        raise Refusal(Reason.UNKNOWN_KEY)
    role_arn = f"arn:aws:iam::{session.account}:role{entity['path',]}{entity['name',]}"
    arn = f"arn:aws:sts::{session.account}:assumed-role/{entity['name',]}/{session.name}"
    user_id = f"{session.principal_id}:{session.name}"
    return Caller(
        kind="role",
        account=session.account,
        arn=arn,
        principal_arn=role_arn,
        unique_id=session.principal_id,
        user_id=user_id,
        name=entity["name",],
        access_key_id=session.access_key_id,
        entity=entity,
        identity=Identity(
            session.account,
            frozenset({arn, user_id}),
            issuers=frozenset({role_arn, session.principal_id}),
        ),
        session=session,
    )


def _current_name(session: Session, facts: Facts) -> str:
    """Follow a renamed user by its unique id, which a rename keeps."""
    remembered = facts(("user", session.account, session.principal_name))
    if remembered and remembered["id",] == session.principal_id:
        return session.principal_name
    for user in moto_state.iam(session.account).users.values():
        if user.id == session.principal_id:
            return str(user.name)
    raise Refusal(Reason.UNKNOWN_KEY)


def _root(
    account: str, *, access_key_id: str = BOOTSTRAP_KEY, session: Session | None = None
) -> Caller:
    arn = f"arn:aws:iam::{account}:root"
    return Caller(
        kind="root",
        account=account,
        arn=arn,
        principal_arn=arn,
        unique_id=account,
        user_id=account,
        name="root",
        access_key_id=access_key_id,
        entity={},
        identity=Identity(account, frozenset({arn})),
        session=session,
    )

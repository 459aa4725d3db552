"""``userIdentity``: who a record says it was.

Source: AWS CloudTrail User Guide, "CloudTrail userIdentity element".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from containment.clock import isoformat

if TYPE_CHECKING:
    from datetime import datetime

    from containment.lab.authn.callers import Caller
    from containment.lab.authn.sessions import Session

Json = dict[str, Any]


def user_identity(caller: Caller) -> Json:
    """Return the element for a call in the caller's own account."""
    if caller.kind == "root":
        return _root(caller)
    if caller.kind == "anonymous":
        return {"type": "AWSAccount", "principalId": "", "accountId": "anonymous"}
    if caller.kind == "web identity":
        return {
            "type": "WebIdentityUser",
            "principalId": caller.user_id,
            "userName": caller.name,
            "identityProvider": caller.principal_arn,
        }
    if caller.kind == "SAML":
        qualifier = str(caller.claims["saml:namequalifier"])
        return {
            "type": "SAMLUser",
            "principalId": caller.user_id,
            "userName": caller.name,
            "identityProvider": qualifier,
        }
    identity: Json = {
        "type": {"user": "IAMUser", "role": "AssumedRole", "federated": "FederatedUser"}[
            caller.kind
        ],
        "principalId": caller.user_id,
        "arn": caller.arn,
        "accountId": caller.account,
        "accessKeyId": caller.access_key_id,
    }
    if caller.kind == "user":
        identity["userName"] = caller.name
    if caller.session is not None:
        identity["sessionContext"] = _session_context(caller, caller.session)
        scope = _scope(caller.session)
        if scope:
            identity["inScopeOf"] = scope
    return identity


def _root(caller: Caller) -> Json:
    identity: Json = {
        "type": "Root",
        "principalId": caller.account,
        "arn": caller.arn,
        "accountId": caller.account,
        "accessKeyId": caller.access_key_id,
    }
    if caller.session is not None:
        context = _session_context(caller, caller.session)
        identity["sessionContext"] = {**context, "assumedRoot": "true"}
    return identity


def forwarded(caller: Caller, service: str, *, key_id: str, now: datetime) -> Json:
    """Return the element for what *service* does with a caller's permissions.

    The service holds a forwarded access session: the same principal under a key of its own, which
    nobody was ever issued. Source: IAM User Guide, "Forward access sessions".
    """
    identity = user_identity(caller)
    context = dict(identity.get("sessionContext", {}))
    context["attributes"] = {"creationDate": isoformat(now), "mfaAuthenticated": "false"}
    return {**identity, "accessKeyId": key_id, "sessionContext": context, "invokedBy": service}


def service_identity(service: str) -> Json:
    """Return the element for what a service does in its own name."""
    return {"type": "AWSService", "invokedBy": service}


def seen_from_outside(caller: Caller) -> Json:
    """Return the element in the record of another account, which learns little about the caller."""
    return {
        "type": "AWSAccount",
        "principalId": caller.user_id,
        "accountId": caller.account,
    }


def _session_context(caller: Caller, session: Session) -> Json:
    context: Json = {
        "attributes": {
            "creationDate": isoformat(session.issued),
            "mfaAuthenticated": "true" if session.mfa else "false",
        }
    }
    if session.kind == "role":
        context["sessionIssuer"] = {
            "type": "Role",
            "principalId": session.principal_id,
            "arn": caller.principal_arn,
            "accountId": caller.account,
            "userName": caller.name,
        }
        if ":oidc-provider/" in session.federated_provider:
            context["webIdFederationData"] = {
                "federatedProvider": session.federated_provider,
                "attributes": {},
            }
    elif session.kind == "federated":
        path = caller.entity.get(("path",), "/")
        name = caller.entity.get(("name",), session.principal_name)
        context["sessionIssuer"] = {
            "type": "IAMUser",
            "principalId": session.principal_id,
            "arn": f"arn:aws:iam::{caller.account}:user{path}{name}",
            "accountId": caller.account,
            "userName": name,
        }
    if session.source_identity:
        context["sourceIdentity"] = session.source_identity
    delivery = dict(session.context).get("ec2:roledelivery")
    if delivery:
        context["ec2RoleDelivery"] = delivery
    return context


def _scope(session: Session) -> Json:
    """Return on whose behalf a service made the session, for functions and instances."""
    context = dict(session.context)
    for key, kind in (
        ("lambda:sourcefunctionarn", "AWS::Lambda::Function"),
        ("ec2:sourceinstancearn", "AWS::EC2::Instance"),
    ):
        if key in context:
            return {"issuerType": kind, "credentialsIssuedTo": context[key]}
    return {}


def user_name(identity: Json) -> str:
    """Return what LookupEvents calls the user name: the session's own name, or the user's."""
    if identity["type"] == "AssumedRole":
        return str(identity["arn"]).rsplit("/", 1)[-1]
    if identity["type"] == "Root":
        return "root"
    return str(identity.get("userName") or str(identity.get("arn", "")).rsplit("/", 1)[-1])

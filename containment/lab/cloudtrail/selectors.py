"""Which trails want a record: by account, Region and event selectors.

Sources: CloudTrail API Reference, "EventSelector" and "AdvancedFieldSelector".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from containment.lab.state import moto_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from moto.cloudtrail.models import Trail

    from containment.lab.cloudtrail.identity import Json

_GLOBAL_SOURCES = frozenset(
    {"iam.amazonaws.com", "organizations.amazonaws.com", "sts.amazonaws.com"}
)


def every_trail() -> Iterator[Trail]:
    """Yield every trail of the lab."""
    from moto.cloudtrail.models import cloudtrail_backends

    for account in list(cloudtrail_backends):
        for backend in list(cloudtrail_backends[account].values()):
            yield from list(backend.trails.values())


def wants(trail: Trail, record: Json) -> bool:
    """Tell whether *trail* delivers *record*."""
    return (
        trail.status.is_logging
        and _covers_account(trail, str(record["recipientAccountId"]))
        and _covers_region(trail, record)
        and _selected(trail, record)
    )


def _covers_account(trail: Trail, account: str) -> bool:
    if trail.account_id == account:
        return True
    return bool(trail.is_org_trail) and moto_state.in_organization(account)


def _covers_region(trail: Trail, record: Json) -> bool:
    if record["eventSource"] in _GLOBAL_SOURCES and record["awsRegion"] == "us-east-1":
        if trail.is_multi_region:
            return True
        return bool(trail.include_global_service_events) and trail.region_name == "us-east-1"
    return bool(trail.is_multi_region) or trail.region_name == record["awsRegion"]


def _selected(trail: Trail, record: Json) -> bool:
    if trail.advanced_event_selectors:
        return any(_advanced(one, record) for one in trail.advanced_event_selectors)
    if trail.event_selectors:
        return any(_basic(one, record) for one in trail.event_selectors)
    return bool(record["managementEvent"])


def _basic(selector: Mapping[str, Any], record: Json) -> bool:
    kinds = selector.get("ReadWriteType", "All")
    if kinds == "ReadOnly" and not record["readOnly"]:
        return False
    if kinds == "WriteOnly" and record["readOnly"]:
        return False
    if record["managementEvent"]:
        excluded = selector.get("ExcludeManagementEventSources") or ()
        return (
            selector.get("IncludeManagementEvents", True) is not False
            and record["eventSource"] not in excluded
        )
    arns = [str(one.get("ARN", "")) for one in record.get("resources", [])]
    for resource in selector.get("DataResources") or ():
        if resource["Type"] != _kind(record):
            continue
        for value in resource.get("Values", ()):
            # "arn:aws:s3" and "arn:aws:lambda" alone mean every object and every function.
            if any(arn.startswith(value) or arn + "/" == value for arn in arns) or value in {
                "arn:aws:s3",
                "arn:aws:lambda",
            }:
                return True
    return False


def _kind(record: Json) -> str:
    return {
        "s3.amazonaws.com": "AWS::S3::Object",
        "lambda.amazonaws.com": "AWS::Lambda::Function",
        "dynamodb.amazonaws.com": "AWS::DynamoDB::Table",
        "sqs.amazonaws.com": "AWS::SQS::Queue",
        "sns.amazonaws.com": "AWS::SNS::Topic",
    }.get(str(record["eventSource"]), "")


def _advanced(selector: Mapping[str, Any], record: Json) -> bool:
    return all(_field(one, record) for one in selector.get("FieldSelectors", ()))


def _field(selector: Mapping[str, Any], record: Json) -> bool:
    values = _values(str(selector["Field"]), record)
    for operator, test in _TESTS.items():
        operands = cast("list[str]", selector.get(operator) or [])
        if not operands:
            continue
        matched = any(test(value, one) for value in values for one in operands)
        if matched is operator.startswith("Not"):
            return False
    return True


def _values(name: str, record: Json) -> list[str]:
    if name == "resources.type":
        return [_kind(record)]
    if name == "resources.ARN":
        return [str(one.get("ARN", "")) for one in record.get("resources", [])]
    if name == "readOnly":
        return ["true" if record["readOnly"] else "false"]
    return [str(record.get(name, ""))]


_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "Equals": str.__eq__,
    "NotEquals": str.__eq__,
    "StartsWith": str.startswith,
    "NotStartsWith": str.startswith,
    "EndsWith": str.endswith,
    "NotEndsWith": str.endswith,
}

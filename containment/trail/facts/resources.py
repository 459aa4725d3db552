"""Name the resources of a call: from the record's own list, its ARNs and the usual id fields.

Source: CloudTrail User Guide, "CloudTrail record contents" (``resources``); the services' API
references for the names of ids.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containment.trail.logs.records import Event

# The field that names a thing -> the type of the thing, where no ARN is given.
_IDS = {
    "bucketname": "AWS::S3::Bucket",
    "instanceid": "AWS::EC2::Instance",
    "snapshotid": "AWS::EC2::Snapshot",
    "volumeid": "AWS::EC2::Volume",
    "imageid": "AWS::EC2::Image",
    "groupid": "AWS::EC2::SecurityGroup",
    "vpcid": "AWS::EC2::VPC",
    "subnetid": "AWS::EC2::Subnet",
    "networkinterfaceid": "AWS::EC2::NetworkInterface",
    "keyname": "AWS::EC2::KeyPair",
    "launchtemplateid": "AWS::EC2::LaunchTemplate",
    "dbinstanceidentifier": "AWS::RDS::DBInstance",
    "dbsnapshotidentifier": "AWS::RDS::DBSnapshot",
    "functionname": "AWS::Lambda::Function",
    "tablename": "AWS::DynamoDB::Table",
    "queueurl": "AWS::SQS::Queue",
    "loggroupname": "AWS::Logs::LogGroup",
    "secretid": "AWS::SecretsManager::Secret",
    "keyid": "AWS::KMS::Key",
    "username": "AWS::IAM::User",
    "rolename": "AWS::IAM::Role",
    "groupname": "AWS::IAM::Group",
    "policyname": "AWS::IAM::Policy",
    "stackname": "AWS::CloudFormation::Stack",
    "clustername": "AWS::ECS::Cluster",
    "detectorid": "AWS::GuardDuty::Detector",
    "autoscalinggroupname": "AWS::AutoScaling::AutoScalingGroup",
    "documentname": "AWS::SSM::Document",
    "trailname": "AWS::CloudTrail::Trail",
    "repositoryname": "AWS::ECR::Repository",
    "modelid": "AWS::Bedrock::Model",
    "hostedzoneid": "AWS::Route53::HostedZone",
}
_ARN = re.compile(r"arn:[\w-]*:[\w-]+:[\w-]*:[\w.-]*:.{1,1024}", re.DOTALL)
_MOST = 200  # a call that names more things than this names them wholesale


class Touched(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A resource as one call names it."""

    id: str
    type: str = ""
    account: str = ""
    tags: tuple[tuple[str, str], ...] = ()


def touched(
    event: Event,
    request: Any,
    response: Any,
    listed: Any,
) -> tuple[Touched, ...]:
    """Return each resource that the call names, once."""
    things_by_name = _listed(listed)
    for tree in (request, response):
        for name, value in _leaves(tree, 0):
            if len(things_by_name) >= _MOST:
                break
            if _ARN.fullmatch(value):
                if not name.endswith(("policyarn", "principalarn")):
                    things_by_name.setdefault(value, Touched(value))
            elif name in _IDS and value:
                things_by_name.setdefault(value, Touched(value, _IDS[name], event.account))
    bucket, key = _field(request, "bucketName"), _field(request, "key")
    if isinstance(bucket, str) and isinstance(key, str):
        name = f"arn:aws:s3:::{bucket}/{key}"
        things_by_name.setdefault(name, Touched(name, "AWS::S3::Object"))
    tags = tuple(sorted(_tags(request, 0)))[:50]
    things = things_by_name.values()
    return tuple(Touched(t.id, t.type, t.account, tags) for t in things) if tags else tuple(things)


def _listed(listed: Any) -> dict[str, Touched]:
    """Return what the record itself lists under ``resources``."""
    things_by_name: dict[str, Touched] = {}
    for item in listed if isinstance(listed, list) else []:
        if isinstance(item, dict):
            name = item.get("ARN") or item.get("arn")
            if isinstance(name, str):
                things_by_name[name] = Touched(
                    name, _text(item.get("type")), _text(item.get("accountId"))
                )
    return things_by_name


def _leaves(tree: Any, depth: int, name: str = "") -> Iterator[tuple[str, str]]:
    if depth > 12:  # noqa: PLR2004 -- deeper than any AWS request, and a bound for hostile ones
        return
    if isinstance(tree, dict):
        for key, value in tree.items():
            # The session and its keys are credentials, not resources.
            if key not in ("credentials", "assumedRoleUser", "sessionToken", "tags"):
                yield from _leaves(value, depth + 1, str(key).lower())
    elif isinstance(tree, list):
        for item in tree:
            yield from _leaves(item, depth + 1, name)
    elif isinstance(tree, str):
        yield name, tree


def _tags(tree: Any, depth: int) -> Iterator[tuple[str, str]]:
    """Return the tags, in the shapes the services use: lists of key and value, or a plain map."""
    if depth > 6 or not isinstance(tree, dict):  # noqa: PLR2004
        return
    for name, value in tree.items():
        if str(name).lower() in ("tags", "tagset", "taglist", "tagging"):
            yield from _pairs(value)
        for item in value[:50] if isinstance(value, list) else [value]:
            yield from _tags(item, depth + 1)


def _pairs(tags: Any) -> Iterator[tuple[str, str]]:
    items = tags.get("items", tags) if isinstance(tags, dict) else tags
    if isinstance(items, dict):
        yield from ((str(k), v) for k, v in items.items() if isinstance(v, str))
    for item in items if isinstance(items, list) else []:
        lowered = {str(k).lower(): v for k, v in item.items()} if isinstance(item, dict) else {}
        if isinstance(lowered.get("key"), str):
            yield lowered["key"], _text(lowered.get("value"))


def _field(tree: Any, name: str) -> Any:
    return tree.get(name) if isinstance(tree, dict) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

"""The clients that bring CloudTrail records here: S3 for log objects, LookupEvents without any."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from containment.errors import AccessError

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONFIG = Config(
    retries={"mode": "adaptive", "max_attempts": 10},
    connect_timeout=10,
    read_timeout=60,
    max_pool_connections=16,
    user_agent_extra="containment-trace",
)

_IDENTITY_REGIONS = {"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}

# What verifying by AWS's own records takes: CloudTrail's history, and the IAM Toolbox. None of them
# names a resource. Source: Service Authorization Reference; IAM Toolbox API (preview).
PERMISSIONS = frozenset(
    {
        "cloudtrail:LookupEvents",
        "ec2:DescribeRegions",
        "iam:GetRequestAuthorizationDetails",
        "iam:GetRequestAuthorizationPolicy",
    }
)


def s3_client() -> Any:
    """Return an S3 client made from the environment's credentials."""
    return boto3.Session().client("s3", config=_CONFIG)


@cache
def toolbox_client(region: str) -> Any:
    """Return a client of the IAM Toolbox, which keeps AWS's own records of refused calls.

    Source: IAM Toolbox API (preview), GetRequestAuthorizationDetails ("do not exist in this
    region": a record is where the request was denied).
    """
    return boto3.Session().client("iam-toolbox", region_name=region, config=_CONFIG)


def logs_client() -> Any:
    """Return a CloudWatch Logs client made from the environment's credentials.

    Raises:
        AccessError: no Region is configured.
    """
    try:
        return boto3.Session().client("logs", config=_CONFIG)
    except BotoCoreError as error:
        raise AccessError(
            f"CloudWatch Logs cannot be reached: {error}", remedy="set AWS_REGION and AWS_PROFILE"
        ) from error


class EngineClients(NamedTuple):
    """What a trace on Athena needs: the engine, the catalogue, and the bucket of results."""

    athena: Any
    glue: Any
    s3: Any


def engine_clients() -> EngineClients:
    """Return the clients made from the environment's credentials.

    Raises:
        AccessError: no Region is configured.
    """
    session = boto3.Session()
    try:
        made = (session.client(name, config=_CONFIG) for name in EngineClients._fields)  # type: ignore[call-overload]
        return EngineClients(*made)
    except BotoCoreError as error:
        raise AccessError(
            f"Athena cannot be reached: {error}", remedy="set AWS_REGION and AWS_PROFILE"
        ) from error


def caller_arn() -> str:
    """Return the ARN of whoever asks, who is not to be proposed for containment.

    Source: STS API reference, "GetCallerIdentity" (needs no permission).

    Raises:
        AccessError: there are no credentials, or they do not work.
    """
    try:
        return str(boto3.Session().client("sts", config=_CONFIG).get_caller_identity()["Arn"])
    except (BotoCoreError, ClientError) as error:
        raise AccessError(
            f"who is asking cannot be told: {error}", remedy="give credentials that work"
        ) from error


def cloudtrail_clients() -> Mapping[str, Any]:
    """Return a CloudTrail client for every Region that is enabled in the account.

    A Region the account's owners never enabled may be the attacker's: EnableRegion is theirs too.

    Raises:
        AccessError: the caller may not list the Regions, or there are no credentials.
    """
    session = boto3.Session()
    return {
        region: session.client("cloudtrail", region_name=region, config=_CONFIG)
        for region in enabled_regions()
    }


@cache
def identity_history(partition: str) -> Any:
    """Return a CloudTrail client of the Region in which a *partition* keeps IAM's events.

    Source: CloudTrail User Guide, "Global service events" (IAM's are delivered as of us-east-1);
    AWS GovCloud (US) and China guides, "IAM endpoints and quotas".
    """
    region = _IDENTITY_REGIONS.get(partition, "us-east-1")
    return boto3.Session().client("cloudtrail", region_name=region, config=_CONFIG)


def enabled_regions() -> list[str]:
    """Return the Regions that are enabled in the caller's account.

    Source: EC2 API reference, "DescribeRegions" (only enabled Regions unless asked otherwise).

    Raises:
        AccessError: the caller may not list the Regions, or there are no credentials.
    """
    session = boto3.Session()
    try:
        ec2 = session.client("ec2", region_name=session.region_name or "us-east-1", config=_CONFIG)
        answer = ec2.describe_regions()
    except (BotoCoreError, ClientError) as error:
        raise AccessError(
            f"the enabled Regions cannot be listed: {error}",
            remedy="use credentials with ec2:DescribeRegions and cloudtrail:LookupEvents",
        ) from error
    return [name for region in answer["Regions"] if (name := region.get("RegionName"))]

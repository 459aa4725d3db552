"""Which calls are simulated: those that a principal's own policies name, and a fixed set.

An attacker may write thousands of policies, so what is taken from them is bounded; the fixed set
always is there. Calls that AWS lets no policy deny are in neither.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from containment.facets import documents, marks
from containment.verify.account_details import policy_text, read_details

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mypy_boto3_iam import IAMClient

# What attackers with a fresh key do first, one call a service: to stay, to look, to take, to earn.
FIXED = (
    "iam:CreateAccessKey",
    "iam:CreateUser",
    "iam:GetUser",
    "iam:ListUsers",
    "iam:PutUserPolicy",
    "sts:AssumeRole",
    "sts:GetFederationToken",
    "s3:ListAllMyBuckets",
    "s3:GetObject",
    "ec2:DescribeInstances",
    "ec2:RunInstances",
    "kms:Decrypt",
    "lambda:InvokeFunction",
    "secretsmanager:GetSecretValue",
    "ssm:GetParameter",
)
# "Permissions for GetCallerIdentity"; "Comparing AWS STS credentials" (GetSessionToken).
UNDENIABLE = frozenset({"sts:getcalleridentity", "sts:getsessiontoken"})
EVERYTHING = "*"
_MOST_RESOURCES = 6
_MOST_ACTIONS = 40
_ACTION = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True, order=True)
class Canary:
    """A call that is simulated: the action, and the resource it is made on."""

    action: str
    resource: str = EVERYTHING

    def __str__(self) -> str:
        """Return it for people."""
        return self.action if self.resource == EVERYTHING else f"{self.action} on {self.resource}"


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies of one account as GetAccountAuthorizationDetails lists them.

    Attributes:
        own: the documents of each user and role by unique id, its groups' included; those of
            incidents are left out.
        managed: the documents of managed policies by ARN.
    """

    own: Mapping[str, tuple[str, ...]]
    managed: Mapping[str, str]

    def documents_of(self, unique_id: str, besides: Iterable[str] = ()) -> tuple[str, ...]:
        """Return the documents of a principal, and of the managed policies *besides*, by ARN."""
        others = [self.managed[arn] for arn in besides if arn in self.managed]
        return (*self.own.get(unique_id, ()), *others)


def read_policies(iam: IAMClient) -> Policies:
    """Return all policies of the account.

    Source: IAM API Reference, GetAccountAuthorizationDetails: it lists the customer managed
    policies, and those of AWS that are attached to somebody.

    Raises:
        AccessError: the caller may not list them.
        UnavailableError: nobody answers.
    """
    details = read_details(iam)
    groups, managed = details.groups, details.managed
    own: dict[str, tuple[str, ...]] = {}
    for word, item in details.principals:
        members = [groups[name] for name in item.get("GroupList", ()) if name in groups]
        texts = [
            *_texts(item, f"{word}PolicyList", managed),
            *(text for group in members for text in _texts(group, "GroupPolicyList", managed)),
        ]
        own[str(item[f"{word}Id"])] = tuple(texts)
    return Policies(own, managed)


def _texts(item: Mapping[str, Any], inline: str, managed: Mapping[str, str]) -> Iterator[str]:
    for policy in item.get(inline, ()):
        if marks.incident_of_policy(str(policy["PolicyName"])) is None:
            yield policy_text(policy["PolicyDocument"])
    for attached in item.get("AttachedManagedPolicies", ()):
        if str(attached["PolicyArn"]) in managed:
            yield managed[str(attached["PolicyArn"])]


def canaries(policies: Iterable[str]) -> tuple[Canary, ...]:
    """Return the calls to simulate for a principal with *policies*, the fixed set first."""
    chosen = dict.fromkeys(Canary(action) for action in FIXED)
    resources: dict[str, None] = {EVERYTHING: None}
    for canary in allowed_calls(policies):
        if canary.resource not in resources:
            if len(resources) > _MOST_RESOURCES:
                continue
            resources[canary.resource] = None
        if len(chosen) < len(FIXED) + _MOST_ACTIONS:
            chosen[canary] = None
    return tuple(chosen)


def allowed_calls(policies: Iterable[str]) -> Iterator[Canary]:
    """Yield calls that the Allow statements of *policies* name; conditions are not looked at."""
    for text in policies:
        for statement in documents.statements(documents.parse(text) or {}):
            if statement.get("Effect") != "Allow":
                continue
            resources = [_instance(str(one)) for one in _listed(statement.get("Resource", "*"))]
            for action in _actions(statement):
                yield from (Canary(action, one) for one in resources if one)


def _actions(statement: documents.Statement) -> list[str]:
    """Return the actions of *statement* that are named in full; of a pattern, the fixed ones."""
    if "NotAction" in statement:
        left_out = [str(one).lower() for one in _listed(statement["NotAction"])]
        return [name for name in FIXED if not _matches(name, left_out)]
    named = [str(one) for one in _listed(statement.get("Action", []))]
    patterns = [one.lower() for one in named if "*" in one or "?" in one]
    whole = [one for one in named if _ACTION.fullmatch(one) and one.lower() not in UNDENIABLE]
    return [*whole, *(name for name in FIXED if _matches(name, patterns))]


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name.lower(), pattern.replace("[", "[[]")) for pattern in patterns)


def _instance(resource: str) -> str:
    """Return a resource that the pattern *resource* meets; empty where nobody can tell one."""
    if resource == EVERYTHING:
        return EVERYTHING
    if "${" in resource or not resource.startswith("arn:"):
        return ""
    return resource.replace("*", "canary").replace("?", "x")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]

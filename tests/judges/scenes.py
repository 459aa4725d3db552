"""Random requests: a caller, an action on a resource, and the context beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from tests.judges.case import Case, Kind

HOME, OTHER = "111122223333", "444455556666"
# Key, what AWS calls its type, and values that a request may have.
KEYS: dict[str, tuple[str, list[str]]] = {
    "aws:RequestedRegion": ("string", ["us-east-1", "eu-west-1", "eu-central-1"]),
    "aws:PrincipalTag/team": ("string", ["red", "blue", "Red"]),
    "aws:PrincipalOrgID": ("string", ["o-exampleorg1", "o-exampleorg2"]),
    "aws:SourceVpce": ("string", ["vpce-1a2b3c4d", "vpce-5e6f7a8b"]),
    "aws:SourceIdentity": ("string", ["alice", "mallory"]),
    "aws:UserAgent": ("string", ["aws-cli/2.15", "Boto3/1.43 md/Botocore"]),
    "aws:MultiFactorAuthPresent": ("bool", ["true", "false"]),
    "aws:ViaAWSService": ("bool", ["true", "false"]),
    "aws:SourceIp": ("address", ["10.1.2.3", "203.0.113.7", "192.0.2.44", "2001:db8::5"]),
    "aws:VpcSourceIp": ("address", ["10.9.0.1", "172.16.3.4"]),
    "aws:MultiFactorAuthAge": ("number", ["30", "900", "7200"]),
    "aws:TokenIssueTime": (
        "date",
        ["2026-11-24T09:00:00Z", "2026-11-24T10:00:00Z", "2026-11-24T11:00:00Z"],
    ),
    "aws:SourceArn": (
        "arn",
        [f"arn:aws:sns:us-east-1:{HOME}:alarms", f"arn:aws:s3:::{HOME}-uploads"],
    ),
    "aws:TagKeys": ("many", ["team", "cost", "stage", "owner"]),
    "aws:PrincipalOrgPaths": ("many", ["o-exampleorg1/r-ab12/ou-1/", "o-exampleorg1/r-ab12/ou-2/"]),
    "aws:CalledVia": ("many", ["athena.amazonaws.com", "cloudformation.amazonaws.com"]),
}
# They are in every request's context.
ALWAYS = {
    "aws:CurrentTime": ("date", ["2026-11-24T10:30:00Z", "2026-11-24T18:00:00Z"]),
    "aws:EpochTime": ("epoch", ["1795516200"]),
    "aws:SecureTransport": ("bool", ["true", "true", "true", "false"]),
}
TYPES = {key: kind for key, (kind, _) in {**KEYS, **ALWAYS}.items()} | {
    "aws:PrincipalArn": "arn",
    "aws:PrincipalAccount": "string",
    "aws:PrincipalType": "string",
    "aws:userid": "string",
    "aws:username": "string",
}


@dataclass(frozen=True)
class Action:
    """An action with a resource it works on; *account* and *region* are put in."""

    name: str
    resource: str
    controlled: bool = False  # resource control policies apply to its service

    @property
    def service(self) -> str:
        return self.name.partition(":")[0]


PLAIN = (
    Action("s3:GetObject", "arn:aws:s3:::company-artifacts/builds/red/app.zip"),
    Action("s3:PutObject", "arn:aws:s3:::company-artifacts/builds/blue/app.zip"),
    Action("s3:ListBucket", "arn:aws:s3:::company-artifacts"),
    Action("dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:ACCOUNT:table/Orders"),
    Action("iam:GetUser", "arn:aws:iam::ACCOUNT:user/ci/ci-deploy"),
    Action("iam:CreateAccessKey", "arn:aws:iam::ACCOUNT:user/release-bot"),
    Action("logs:PutLogEvents", "arn:aws:logs:us-east-1:ACCOUNT:log-group:app:log-stream:web"),
    Action("iam:ListUsers", "*"),
    Action("ec2:DescribeInstances", "*"),
    Action("s3:ListAllMyBuckets", "*"),
)
WITH_RESOURCE_POLICY = (
    Action("s3:GetObject", "arn:aws:s3:::company-artifacts/builds/red/app.zip", controlled=True),
    Action("s3:ListBucket", "arn:aws:s3:::company-artifacts", controlled=True),
    Action("sqs:SendMessage", "arn:aws:sqs:us-east-1:ACCOUNT:jobs", controlled=True),
    Action("kms:Decrypt", f"arn:aws:kms:us-east-1:ACCOUNT:key/{'1234abcd-' * 3}0123", True),
    Action(
        "secretsmanager:GetSecretValue",
        "arn:aws:secretsmanager:us-east-1:ACCOUNT:secret:db-AbCdEf",
        controlled=True,
    ),
)
TRUST = (Action("sts:AssumeRole", "arn:aws:iam::ACCOUNT:role/deploy/target"),)
_NAMES = ("ci-deploy", "release-bot", "red", "Admin")


def scene(rng: Random, name: str, mix: str) -> Case:
    """Return a request without policies."""
    actions = {"resource": WITH_RESOURCE_POLICY, "trust": TRUST}.get(mix, PLAIN)
    action = rng.choice(actions)
    crossing = mix in {"resource", "trust"} and rng.random() < 0.3
    account = OTHER if crossing else HOME
    case = Case(
        name=name,
        mix=mix,
        action=action.name,
        target=action.resource.replace("ACCOUNT", account),
        target_account=account,
        kind="user",
        arn="",
        unique_id="",
    )
    kinds: dict[str, list[Kind]] = {
        "session": ["role", "role", "federated"],
        "resource": ["user", "role", "role", "federated"],
        "trust": ["user", "user", "role"],
    }
    kind = rng.choice(kinds.get(mix, ["user", "user", "role"]))
    # A KMS key policy and GetFederationToken: AWS's pages leave their meeting open.
    if kind == "federated" and action.service == "kms":
        kind = "role"
    case = _caller(rng, case, kind)
    return replace(case, context={**case.context, **_context(rng, kind)})


def _caller(rng: Random, case: Case, kind: Kind) -> Case:
    name = rng.choice(_NAMES)
    path = rng.choice(["", "", "ci/"])
    context: dict[str, str | list[str]] = {"aws:PrincipalAccount": HOME}
    if kind == "role":
        role = f"arn:aws:iam::{HOME}:role/{path}{name}"
        arn = f"arn:aws:sts::{HOME}:assumed-role/{name}/s1"
        unique_id = "AROA1111111111111111A:s1"
        context |= {"aws:PrincipalArn": role, "aws:PrincipalType": "AssumedRole"}
        issuer, issuer_id = role, unique_id.partition(":")[0]
    elif kind == "user":
        arn = f"arn:aws:iam::{HOME}:user/{path}{name}"
        unique_id = "AIDA1111111111111111A"
        context |= {"aws:PrincipalArn": arn, "aws:PrincipalType": "User", "aws:username": name}
        issuer, issuer_id = "", ""
    else:
        # The federated session carries the name that the call gave it; here, the user's own.
        arn = f"arn:aws:sts::{HOME}:federated-user/{name}"
        unique_id = f"{HOME}:{name}"
        context |= {"aws:PrincipalArn": arn, "aws:PrincipalType": "FederatedUser"}
        issuer, issuer_id = f"arn:aws:iam::{HOME}:user/{name}", "AIDA1111111111111111A"
    return replace(
        case,
        kind=kind,
        arn=arn,
        unique_id=unique_id,
        issuer=issuer,
        issuer_id=issuer_id,
        context={**context, "aws:userid": unique_id},
    )


def _context(rng: Random, kind: Kind) -> dict[str, str | list[str]]:
    context: dict[str, str | list[str]] = {
        key: rng.choice(values) for key, (_, values) in ALWAYS.items()
    }
    for key, (of_type, values) in KEYS.items():
        if key == "aws:TokenIssueTime" and kind == "user":
            continue
        if rng.random() < 0.6:
            many = rng.sample(values, rng.randint(1, len(values)))
            context[key] = many if of_type == "many" else rng.choice(values)
    return context

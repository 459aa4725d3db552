"""Whom NotPrincipal spares, and which condition keys a caller has: by the documentation's letter.

Sources: IAM User Guide, "AWS JSON policy elements: NotPrincipal" (Specifying NotPrincipal with
Deny), "AWS global condition context keys" (aws:PrincipalArn, aws:userid, aws:username), "IAM JSON
policy elements: Condition operators" (IfExists) and "AWS JSON policy elements: Principal".
"""

from __future__ import annotations

from typing import Any

from tests.lab.matrix.bench import MANAGEMENT, Bench, Keys, Probe, allow, keys_of, policy, table

_ROOT = f"arn:aws:iam::{MANAGEMENT}:root"


def _reader(bench: Bench, kind: str) -> tuple[Keys, dict[str, str]]:
    """Return a caller that may read, and every ARN and id by which a policy can name it."""
    if kind == "role session":
        name, arn = bench.role(allow("s3:*"))
        session = f"arn:aws:sts::{MANAGEMENT}:assumed-role/{name}/session"
        named = {"role": arn, "session": session}
        named["other session"] = f"{session}-2"
        return bench.assume(arn), named
    name, keys = bench.user(allow(["s3:*", "sts:GetFederationToken"]))
    named = {"user": bench.user_arn(name)}
    if kind == "user session":
        issued = bench.client("sts", keys).get_session_token()["Credentials"]
        return keys_of(issued), named
    if kind == "federated user":
        answer = bench.client("sts", keys).get_federation_token(
            Name="fed", Policy=policy(allow("s3:*"))
        )
        named["session"] = f"arn:aws:sts::{MANAGEMENT}:federated-user/fed"
        return keys_of(answer["Credentials"]), named
    return keys, named


def _denied_but_for(bench: Bench, kind: str, *spared: str) -> Probe:
    keys, named = _reader(bench, kind)
    everybody = {**named, "root": _ROOT, "account": MANAGEMENT}
    statement = {
        "Effect": "Deny",
        "NotPrincipal": {"AWS": [everybody[one] for one in spared]},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::BUCKET/*",
    }
    bucket = bench.bucket(policy_document=policy(statement))
    return lambda: bench.client("s3", keys).get_object(Bucket=bucket, Key="k")


for _kind, _rows in {
    "role session": [
        ("allow", "its session, role and account", "session", "role", "root"),
        ("allow", "its session, role and account by number", "session", "role", "account"),
        ("deny", "its role and account, not the session", "role", "root"),
        ("deny", "another session of its role", "other session", "role", "root"),
        ("deny", "its session and account, not the role", "session", "root"),
        ("deny", "its session and role, not the account", "session", "role"),
        ("deny", "its account alone", "root"),
    ],
    "user": [
        ("allow", "itself and its account", "user", "root"),
        ("deny", "itself, not its account", "user"),
        ("deny", "its account alone", "root"),
    ],
    "user session": [
        ("allow", "the user and the account", "user", "root"),
        ("deny", "the account alone", "root"),
    ],
    "federated user": [
        ("allow", "itself, the user and the account", "session", "user", "root"),
        ("deny", "the user and the account, not itself", "user", "root"),
    ],
}.items():
    table(
        f"a Deny for all but, to a {_kind}",
        _rows,
        lambda bench, *spared, kind=_kind: _denied_but_for(bench, kind, *spared),
    )


def _where(bench: Bench, kind: str, block: dict[str, Any], *, effect: str = "Allow") -> Probe:
    """Let a role session or user act under a condition: what it may do hangs on the keys it has."""
    statements = [allow("sqs:*", Condition=block)]
    if effect == "Deny":
        statements = [allow("sqs:*"), {**allow("sqs:*", Condition=block), "Effect": "Deny"}]
    if kind == "role session":
        keys = bench.assume(bench.role(*statements)[1])
    else:
        keys = bench.user(*statements)[1]
    return bench.lists_queues(keys)


_SESSION = f"arn:aws:sts::{MANAGEMENT}:assumed-role/r*/session"
_ROLE = f"arn:aws:iam::{MANAGEMENT}:role/r*"
table(
    "the keys of a role session",
    [
        ("allow", "aws:PrincipalArn is the role", {"ArnLike": {"aws:PrincipalArn": _ROLE}}),
        ("deny", "aws:PrincipalArn is no session", {"ArnLike": {"aws:PrincipalArn": _SESSION}}),
        ("allow", "aws:userid ends with its name", {"StringLike": {"aws:userid": "AROA*:session"}}),
        ("deny", "aws:userid is more than the role's", {"StringLike": {"aws:userid": "AROA*:x"}}),
        ("deny", "no aws:username is like anything", {"StringLike": {"aws:username": "*"}}),
        ("allow", "it has no aws:username", {"Null": {"aws:username": "true"}}),
    ],
    lambda bench, block: _where(bench, "role session", block),
)
table(
    "a Deny on a key that the caller does not have",
    [
        ("allow", "StringEquals", {"StringEquals": {"aws:SourceIdentity": "x"}}),
        ("deny", "StringEqualsIfExists", {"StringEqualsIfExists": {"aws:SourceIdentity": "x"}}),
        ("deny", "StringNotEquals", {"StringNotEquals": {"aws:SourceIdentity": "x"}}),
        ("deny", "NotIpAddress", {"NotIpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}}),
        ("deny", "ArnNotLike", {"ArnNotLike": {"aws:SourceArn": "arn:aws:s3:::x"}}),
        ("deny", "ArnLikeIfExists", {"ArnLikeIfExists": {"aws:SourceArn": "arn:aws:s3:::x"}}),
        ("deny", "BoolIfExists", {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}),
        ("allow", "Bool", {"Bool": {"aws:MultiFactorAuthPresent": "false"}}),
        ("deny", "ForAllValues", {"ForAllValues:StringEquals": {"aws:TagKeys": "x"}}),
        ("allow", "ForAnyValue", {"ForAnyValue:StringEquals": {"aws:TagKeys": "x"}}),
        (
            "deny",
            "ForAnyValue with IfExists",
            {"ForAnyValue:StringEqualsIfExists": {"aws:TagKeys": "x"}},
        ),
        (
            "allow",
            "ForAnyValue, negated",
            {"ForAnyValue:StringNotEquals": {"aws:TagKeys": "x"}},
        ),
    ],
    lambda bench, block: _where(bench, "user", block, effect="Deny"),
)


def _named_from_outside(bench: Bench, naming: str, *own: dict[str, Any]) -> Probe:
    """Read a bucket of the management account as a role session of the member account."""
    name, arn = bench.role(*own, iam=bench.member_iam)
    session = f"arn:aws:sts::{bench.member}:assumed-role/{name}/session"
    principal = {
        "session": session,
        "another session": f"{session}-2",
        "role": arn,
        "account": f"arn:aws:iam::{bench.member}:root",
    }[naming]
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::BUCKET/*",
    }
    bucket = bench.bucket(policy_document=policy(statement))
    keys = bench.assume(arn, bench.member_admin)
    return lambda: bench.client("s3", keys).get_object(Bucket=bucket, Key="k")


_READ = allow("s3:GetObject")
table(
    "a bucket policy that names a principal of another account",
    [
        ("allow", "the session, allowed at home", "session", _READ),
        ("deny", "the session, not allowed at home", "session"),
        ("deny", "another session", "another session", _READ),
        ("allow", "the role, allowed at home", "role", _READ),
        ("deny", "the role, not allowed at home", "role"),
        ("allow", "the account, allowed at home", "account", _READ),
        ("deny", "the account, not allowed at home", "account"),
    ],
    _named_from_outside,
)

"""Keys, queues, topics, secrets and functions: across accounts, by grants, and after a deletion."""

from __future__ import annotations

from typing import Any

from tests.lab.matrix.bench import (
    MANAGEMENT,
    Bench,
    Keys,
    Probe,
    allow,
    case,
    policy,
    refused,
    table,
    trust,
)
from tests.lab.matrix.handing_roles import zipped

_ROOT = f"arn:aws:iam::{MANAGEMENT}:root"
_OWNERS = {"Effect": "Allow", "Principal": {"AWS": _ROOT}, "Action": "kms:*", "Resource": "*"}


def grant_to(principal: Any, action: str, **more: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": action,
        "Resource": "*",
        **more,
    }


def key_with(bench: Bench, *statements: dict[str, Any], **more: Any) -> str:
    made = bench.client("kms", bench.admin).create_key(Policy=policy(_OWNERS, *statements), **more)
    return str(made["KeyMetadata"]["Arn"])


def _encrypts(bench: Bench, keys: Keys, key: str, **more: Any) -> Probe:
    return lambda: bench.client("kms", keys).encrypt(KeyId=key, Plaintext=b"x", **more)


def _grant(bench: Bench, operations: list[str], *, revoke: bool = False, **more: Any) -> Probe:
    key = key_with(bench)
    name, keys = bench.user()
    kms = bench.client("kms", bench.admin)
    made = kms.create_grant(
        KeyId=key, GranteePrincipal=bench.user_arn(name), Operations=operations, **more
    )
    if revoke:
        kms.revoke_grant(KeyId=key, GrantId=made["GrantId"])
    return _encrypts(bench, keys, key, EncryptionContext={"app": "a"})


_ONLY_A = {"Constraints": {"EncryptionContextSubset": {"app": "a"}}}
_ONLY_B = {"Constraints": {"EncryptionContextSubset": {"app": "b"}}}
_EXACT = {"Constraints": {"EncryptionContextEquals": {"app": "a", "more": "b"}}}
table(
    "a grant",
    [
        ("allow", "lets its grantee encrypt", ["Encrypt"], {}),
        ("deny", "lets its grantee do nothing else", ["Decrypt"], {}),
        ("deny", "that is revoked lets nobody", ["Encrypt"], {"revoke": True}),
        ("allow", "whose constraint holds lets its grantee", ["Encrypt"], _ONLY_A),
        ("deny", "whose constraint does not hold lets nobody", ["Encrypt"], _ONLY_B),
        ("deny", "whose context has to be equal lets nobody with less", ["Encrypt"], _EXACT),
    ],
    lambda bench, operations, more: _grant(bench, operations, **more),
)


def _granted_role(bench: Bench, *own: dict[str, Any], **more: Any) -> Probe:
    key = key_with(bench)
    _, arn = bench.role(*own, **more)
    bench.client("kms", bench.admin).create_grant(
        KeyId=key, GranteePrincipal=arn, Operations=["Encrypt"]
    )
    return _encrypts(bench, bench.assume(arn), key)


@case("allow")
def a_grant_for_a_role_is_for_its_sessions(bench: Bench) -> Probe:
    return _granted_role(bench)


@case("deny", "AccessDeniedException")
def a_grant_beats_no_denial(bench: Bench) -> Probe:
    return _granted_role(bench, {"Effect": "Deny", "Action": "kms:*", "Resource": "*"})


def _under(bench: Bench, block: dict[str, Any], **parameters: Any) -> Probe:
    name, keys = bench.user()
    key = key_with(bench, grant_to(bench.user_arn(name), "kms:Encrypt", Condition=block))
    return _encrypts(bench, keys, key, **parameters)


table(
    "a key policy under a condition on",
    [
        (
            "allow",
            "the encryption context, right",
            {"StringEquals": {"kms:EncryptionContext:app": "a"}},
            {"EncryptionContext": {"app": "a"}},
        ),
        (
            "deny",
            "the encryption context, wrong",
            {"StringEquals": {"kms:EncryptionContext:app": "a"}},
            {"EncryptionContext": {"app": "b"}},
        ),
        ("deny", "the encryption context, none", {
            "StringEquals": {"kms:EncryptionContext:app": "a"}
        }, {}),
        (
            "allow",
            "the keys of the context",
            {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["app"]}},
            {"EncryptionContext": {"app": "z"}},
        ),
        (
            "deny",
            "the service it comes through",
            {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}},
            {},
        ),
        (
            "allow",
            "the caller's account",
            {"StringEquals": {"kms:CallerAccount": MANAGEMENT}},
            {},
        ),
        (
            "deny",
            "another caller's account",
            {"StringEquals": {"kms:CallerAccount": "999999999999"}},
            {},
        ),
    ],
    lambda bench, block, parameters: _under(bench, block, **parameters),
)  # fmt: skip


def _key_across(bench: Bench, principal: str, *own: dict[str, Any]) -> Probe:
    name, keys = bench.user(*own, iam=bench.member_iam)
    named = {"user": bench.user_arn(name, bench.member), "account": bench.member}[principal]
    return _encrypts(bench, keys, key_with(bench, grant_to(named, "kms:Encrypt")))


table(
    "a key of another account",
    [
        ("allow", "is used where both sides allow", "user", allow("kms:Encrypt")),
        ("deny", "is not used on the key's policy alone", "user"),
        ("allow", "whose policy names the account", "account", allow("kms:Encrypt")),
        ("deny", "whose policy names the account, and the user may not", "account"),
    ],
    _key_across,
)


@case("deny")
def a_key_of_another_account_is_not_used_on_ones_own_policy_alone(bench: Bench) -> Probe:
    return _encrypts(bench, bench.member_admin, key_with(bench))


def _unusable(bench: Bench, how: str) -> Any:
    key = key_with(bench)
    kms = bench.client("kms", bench.admin)
    if how == "disabled":
        kms.disable_key(KeyId=key)
    else:
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    return kms.encrypt(KeyId=key, Plaintext=b"x")


refused("a key that is disabled", "DisabledException", lambda b: _unusable(b, "disabled"))
refused("a key about to go", "KMSInvalidStateException", lambda b: _unusable(b, "deletion"))


@case("allow")
def a_key_that_is_enabled_again_is_used_again(bench: Bench) -> Probe:
    key = key_with(bench)
    kms = bench.client("kms", bench.admin)
    kms.disable_key(KeyId=key)
    kms.enable_key(KeyId=key)
    return _encrypts(bench, bench.admin, key)


@case("deny")
def an_alias_is_no_resource_to_allow_encryption_on(bench: Bench) -> Probe:
    key, alias = key_with(bench), f"alias/{bench.name('a')}"
    bench.client("kms", bench.admin).create_alias(AliasName=alias, TargetKeyId=key)
    resource = f"arn:aws:kms:us-east-1:{MANAGEMENT}:{alias}"
    return _encrypts(bench, bench.user(allow("kms:Encrypt", resource))[1], alias)


@case("allow")
def a_key_is_used_by_its_alias_where_the_key_is_allowed(bench: Bench) -> Probe:
    key, alias = key_with(bench), f"alias/{bench.name('a')}"
    bench.client("kms", bench.admin).create_alias(AliasName=alias, TargetKeyId=key)
    return _encrypts(bench, bench.user(allow("kms:Encrypt", key))[1], alias)


@case("deny")
def decrypting_needs_the_permission_on_the_key_of_the_ciphertext(bench: Bench) -> Probe:
    key, other = key_with(bench), key_with(bench)
    blob = bench.client("kms", bench.admin).encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    keys = bench.user(allow("kms:Decrypt", other))[1]
    return lambda: bench.client("kms", keys).decrypt(CiphertextBlob=blob)


def _queue(bench: Bench, principal: str | None, *own: dict[str, Any], across: bool) -> Probe:
    name, keys = bench.user(*own, iam=bench.member_iam if across else None)
    account = bench.member if across else MANAGEMENT
    named = {"user": bench.user_arn(name, account), "account": account}.get(principal or "")
    sqs = bench.client("sqs", bench.admin)
    url = sqs.create_queue(QueueName=bench.name("q"))["QueueUrl"]
    if named:
        document = policy(grant_to(named, "sqs:SendMessage"))
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document})
    return lambda: bench.client("sqs", keys).send_message(QueueUrl=url, MessageBody="x")


_SEND, _PUBLISH = allow("sqs:SendMessage"), allow("sns:Publish")
table(
    "a queue of another account",
    [
        ("allow", "takes messages where both sides allow", "user", _SEND),
        ("allow", "whose policy names the account", "account", _SEND),
        ("deny", "takes none on its policy alone", "user"),
        ("deny", "takes none on the sender's policy alone", None, _SEND),
    ],
    lambda bench, principal, *own: _queue(bench, principal, *own, across=True),
)


def _topic(bench: Bench, granted: bool, *own: dict[str, Any]) -> Probe:
    name, keys = bench.user(*own, iam=bench.member_iam)
    sns = bench.client("sns", bench.admin)
    arn = sns.create_topic(Name=bench.name("t"))["TopicArn"]
    if granted:
        statement = grant_to(bench.user_arn(name, bench.member), "sns:Publish", Resource=arn)
        sns.set_topic_attributes(
            TopicArn=arn, AttributeName="Policy", AttributeValue=policy(statement)
        )
    return lambda: bench.client("sns", keys).publish(TopicArn=arn, Message="x")


table(
    "a topic of another account",
    [
        ("allow", "is published to where both sides allow", True, _PUBLISH),
        ("deny", "is not published to on its policy alone", True),
        ("deny", "is not published to on the publisher's policy alone", False, _PUBLISH),
    ],
    _topic,
)


def _secret(bench: Bench, granted: bool, *own: dict[str, Any]) -> Probe:
    name, keys = bench.user(*own, iam=bench.member_iam)
    secrets_client = bench.client("secretsmanager", bench.admin)
    arn = secrets_client.create_secret(Name=bench.name("s"), SecretString="x")["ARN"]
    if granted:
        statement = grant_to(bench.user_arn(name, bench.member), "secretsmanager:GetSecretValue")
        secrets_client.put_resource_policy(SecretId=arn, ResourcePolicy=policy(statement))
    return lambda: bench.client("secretsmanager", keys).get_secret_value(SecretId=arn)


_VALUE = allow("secretsmanager:GetSecretValue")
table(
    "a secret of another account",
    [
        ("allow", "is read where both sides allow", True, _VALUE),
        ("deny", "is not read on its policy alone", True),
        ("deny", "is not read on the reader's policy alone", False, _VALUE),
    ],
    _secret,
)


def _secret_under(bench: Bench, block: dict[str, Any], **parameters: Any) -> Probe:
    secrets_client = bench.client("secretsmanager", bench.admin)
    tags = [{"Key": "team", "Value": "red"}]
    arn = secrets_client.create_secret(Name=bench.name("s"), SecretString="x", Tags=tags)["ARN"]
    keys = bench.user(allow("secretsmanager:GetSecretValue", Condition=block))[1]
    return lambda: bench.client("secretsmanager", keys).get_secret_value(SecretId=arn, **parameters)


table(
    "a secret under a condition on",
    [
        ("allow", "its tag", {"StringEquals": {"aws:ResourceTag/team": "red"}}, {}),
        ("deny", "another tag", {"StringEquals": {"secretsmanager:ResourceTag/team": "blue"}}, {}),
        (
            "allow",
            "the stage asked for",
            {"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}},
            {"VersionStage": "AWSCURRENT"},
        ),
        (
            "deny",
            "another stage",
            {"StringEquals": {"secretsmanager:VersionStage": "AWSPREVIOUS"}},
            {"VersionStage": "AWSCURRENT"},
        ),
    ],
    lambda bench, block, parameters: _secret_under(bench, block, **parameters),
)


def _function(bench: Bench, principal: str, *own: dict[str, Any]) -> Probe:
    name, keys = bench.user(*own, iam=bench.member_iam)
    _, role = bench.role(trusting=trust({"Service": "lambda.amazonaws.com"}))
    functions, function = bench.client("lambda", bench.admin), bench.name("f")
    arn = functions.create_function(
        FunctionName=function,
        Runtime="python3.12",
        Role=role,
        Handler="a.b",
        Code={"ZipFile": zipped()},
    )["FunctionArn"]
    named = {
        "account": bench.member,
        "user": bench.user_arn(name, bench.member),
        "service": "sns.amazonaws.com",
    }[principal]
    more = {"SourceArn": f"arn:aws:sns:us-east-1:{MANAGEMENT}:t"} if principal == "service" else {}
    functions.add_permission(
        FunctionName=function,
        StatementId="s",
        Action="lambda:GetFunction",
        Principal=named,
        **more,
    )
    return lambda: bench.client("lambda", keys).get_function(FunctionName=arn)


_GET = allow("lambda:GetFunction")
table(
    "a function of another account",
    [
        ("allow", "whose policy names the account", "account", _GET),
        ("allow", "whose policy names the user", "user", _GET),
        ("deny", "whose policy names the user, who may not", "user"),
        ("deny", "whose policy is for a service's topic", "service", _GET),
    ],
    _function,
)

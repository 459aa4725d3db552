"""Temporary credentials: what they carry over, and what cuts them off."""

from __future__ import annotations

from typing import Any

from tests.lab.matrix.bench import (
    Bench,
    Keys,
    Probe,
    allow,
    calls,
    case,
    deny,
    keys_of,
    policy,
    table,
    trust,
)


@case("allow")
def a_role_session_has_the_roles_permissions(bench: Bench) -> Probe:
    return bench.lists_users(bench.assume(bench.role(allow("iam:ListUsers"))[1]))


@case("deny", "AccessDenied")
def a_role_session_loses_what_the_role_loses(bench: Bench) -> Probe:
    name, arn = bench.role(allow("iam:ListUsers"))
    keys = bench.assume(arn)
    bench.iam.delete_role_policy(RoleName=name, PolicyName="p")
    return bench.lists_users(keys)


@case("allow")
def a_role_session_outlives_a_changed_trust_policy(bench: Bench) -> Probe:
    name, arn = bench.role(allow("iam:ListUsers"))
    keys = bench.assume(arn)
    bench.iam.update_assume_role_policy(
        RoleName=name, PolicyDocument=trust({"AWS": "*"}, effect="Deny")
    )
    return bench.lists_users(keys)


@case("deny")
def a_session_of_a_deleted_role_is_refused(bench: Bench) -> Probe:
    name, arn = bench.role(allow("iam:ListUsers"))
    keys = bench.assume(arn)
    bench.iam.delete_role_policy(RoleName=name, PolicyName="p")
    bench.iam.delete_role(RoleName=name)
    return bench.lists_users(keys)


@case("deny")
def a_session_of_a_role_made_anew_under_the_name_is_refused(bench: Bench) -> Probe:
    name, arn = bench.role(allow("iam:ListUsers"))
    keys = bench.assume(arn)
    bench.iam.delete_role_policy(RoleName=name, PolicyName="p")
    bench.iam.delete_role(RoleName=name)
    bench.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"AWS": "*"}))
    bench.iam.put_role_policy(
        RoleName=name, PolicyName="p", PolicyDocument=policy(allow("iam:ListUsers"))
    )
    return bench.lists_users(keys)


def _session_token(bench: Bench, keys: Keys, **more: Any) -> Keys:
    return keys_of(bench.client("sts", keys).get_session_token(**more)["Credentials"])


def _federated(bench: Bench, keys: Keys, *statements: dict[str, Any], **more: Any) -> Keys:
    if statements:
        more["Policy"] = policy(*statements)
    more.setdefault("Name", "fed")
    return keys_of(bench.client("sts", keys).get_federation_token(**more)["Credentials"])


@case("allow")
def a_session_token_has_the_users_permissions(bench: Bench) -> Probe:
    return bench.lists_buckets(_session_token(bench, bench.user(allow("s3:*"))[1]))


@case("deny")
def a_session_token_has_no_more_than_the_user(bench: Bench) -> Probe:
    return bench.lists_queues(_session_token(bench, bench.user(allow("s3:*"))[1]))


@case("deny", "InvalidClientTokenId")
def a_session_token_without_mfa_cannot_call_iam(bench: Bench) -> Probe:
    return bench.lists_users(_session_token(bench, bench.user(allow("*"))[1]))


@case("deny", "AccessDenied")
def a_session_token_cannot_make_another(bench: Bench) -> Probe:
    keys = _session_token(bench, bench.user(allow("*"))[1])
    return calls(bench.client("sts", keys), "get_session_token")


@case("deny", "AccessDenied")
def a_session_token_cannot_federate(bench: Bench) -> Probe:
    keys = _session_token(bench, bench.user(allow("*"))[1])
    return lambda: bench.client("sts", keys).get_federation_token(Name="x")


@case("allow")
def a_session_token_can_assume_a_role(bench: Bench) -> Probe:
    _, arn = bench.role()
    keys = _session_token(bench, bench.user(allow("sts:AssumeRole"))[1])
    return lambda: bench.assume(arn, keys)


@case("allow")
def a_session_token_outlives_its_inactive_key(bench: Bench) -> Probe:
    name, keys = bench.user(allow("s3:*"))
    session = _session_token(bench, keys)
    bench.iam.update_access_key(UserName=name, AccessKeyId=keys[0], Status="Inactive")
    return bench.lists_buckets(session)


@case("deny")
def a_session_token_falls_under_a_deny_of_the_user(bench: Bench) -> Probe:
    name, keys = bench.user(allow("s3:*"))
    session = _session_token(bench, keys)
    bench.iam.put_user_policy(UserName=name, PolicyName="d", PolicyDocument=policy(deny("*")))
    return bench.lists_buckets(session)


@case("deny")
def a_session_token_of_a_deleted_user_is_refused(bench: Bench) -> Probe:
    name, keys = bench.user(allow("s3:*"))
    session = _session_token(bench, keys)
    bench.iam.delete_access_key(UserName=name, AccessKeyId=keys[0])
    bench.iam.delete_user_policy(UserName=name, PolicyName="p")
    bench.iam.delete_user(UserName=name)
    return bench.lists_buckets(session)


@case("allow")
def a_session_token_follows_a_renamed_user(bench: Bench) -> Probe:
    name, keys = bench.user(allow("s3:*"))
    session = _session_token(bench, keys)
    bench.iam.update_user(UserName=name, NewUserName=name + "-n")
    return bench.lists_buckets(session)


_FEDERATION = [allow("sts:GetFederationToken"), allow("s3:*"), allow("iam:*")]


@case("allow")
def a_federated_session_may_what_both_policies_allow(bench: Bench) -> Probe:
    keys = bench.user(*_FEDERATION)[1]
    return bench.lists_buckets(_federated(bench, keys, allow("s3:*")))


@case("deny")
def a_federated_session_may_not_what_its_policy_lacks(bench: Bench) -> Probe:
    keys = bench.user(*_FEDERATION)[1]
    return bench.lists_buckets(_federated(bench, keys, allow("sqs:*")))


@case("deny")
def a_federated_session_may_not_what_the_user_lacks(bench: Bench) -> Probe:
    keys = bench.user(*_FEDERATION)[1]
    return bench.lists_queues(_federated(bench, keys, allow("*")))


@case("deny")
def a_federated_session_without_a_policy_may_nothing(bench: Bench) -> Probe:
    return bench.lists_buckets(_federated(bench, bench.user(*_FEDERATION)[1]))


@case("deny", "InvalidClientTokenId")
def a_federated_session_cannot_call_iam(bench: Bench) -> Probe:
    keys = bench.user(*_FEDERATION)[1]
    return bench.lists_users(_federated(bench, keys, allow("*")))


@case("deny")
def a_federated_session_cannot_assume_a_role(bench: Bench) -> Probe:
    _, arn = bench.role()
    keys = bench.user(allow("*"))[1]
    session = _federated(bench, keys, allow("*"))
    return lambda: bench.assume(arn, session)


@case("allow")
def a_federated_session_may_ask_who_it_is(bench: Bench) -> Probe:
    keys = bench.user(*_FEDERATION)[1]
    return calls(bench.client("sts", _federated(bench, keys)), "get_caller_identity")


@case("deny")
def a_federated_session_falls_under_a_deny_of_the_user(bench: Bench) -> Probe:
    name, keys = bench.user(*_FEDERATION)
    session = _federated(bench, keys, allow("s3:*"))
    bench.iam.put_user_policy(UserName=name, PolicyName="d", PolicyDocument=policy(deny("*")))
    return bench.lists_buckets(session)


@case("deny", "AccessDenied")
def federating_needs_the_permission(bench: Bench) -> Probe:
    keys = bench.user(allow("s3:*"))[1]
    return lambda: _federated(bench, keys, allow("s3:*"))


@case("deny", "AccessDenied")
def federating_can_be_denied(bench: Bench) -> Probe:
    keys = bench.user(*_FEDERATION, deny("*"))[1]
    return lambda: _federated(bench, keys, allow("s3:*"))


def _limited(bench: Bench, own: list[Any], passed: list[Any]) -> Probe:
    _, arn = bench.role(*own)
    return bench.lists_users(bench.assume(arn, Policy=policy(*passed)))


table(
    "a session policy",
    [
        ("allow", "allows what both allow", [allow("*")], [allow("iam:List*")]),
        ("deny", "denies what it does not allow", [allow("*")], [allow("s3:*")]),
        ("deny", "grants nothing by itself", [allow("s3:*")], [allow("*")]),
        ("deny", "denies explicitly", [allow("*")], [allow("*"), deny("iam:*")]),
    ],
    _limited,
)


def _limited_by_arns(bench: Bench, *documents: Any) -> Probe:
    _, arn = bench.role(allow("*"))
    arns = [{"arn": bench.managed(*statements)} for statements in documents]
    return bench.lists_users(bench.assume(arn, PolicyArns=arns))


table(
    "session policies by ARN",
    [
        ("allow", "allow what one of them allows", [allow("iam:*")], [allow("s3:*")]),
        ("deny", "deny what none allows", [allow("sqs:*")], [allow("s3:*")]),
    ],
    _limited_by_arns,
)


def _assume_with(bench: Bench, **more: Any) -> Probe:
    _, arn = bench.role(MaxSessionDuration=7200)
    return lambda: bench.assume(arn, **more)


table(
    "AssumeRole",
    [
        ("error", "for a second", {"DurationSeconds": 1}),
        ("error", "for 899 seconds", {"DurationSeconds": 899}),
        ("allow", "for 900 seconds", {"DurationSeconds": 900}),
        ("allow", "for the role's maximum", {"DurationSeconds": 7200}),
        ("error", "for longer than the role's maximum", {"DurationSeconds": 7201}),
        ("error", "with a name of one character", {"RoleSessionName": "x"}),
        ("error", "with a space in the name", {"RoleSessionName": "a b"}),
        ("error", "with a name of 65 characters", {"RoleSessionName": "x" * 65}),
        ("error", "with a policy that is no JSON", {"Policy": "{"}),
        ("error", "with an external id of one character", {"ExternalId": "x"}),
    ],
    lambda bench, more: _assume_with(bench, **more),
)


def _chained(bench: Bench, seconds: int) -> Probe:
    _, first = bench.role(allow("sts:AssumeRole"))
    _, second = bench.role(MaxSessionDuration=43200)
    keys = bench.assume(first)
    return lambda: bench.assume(second, keys, DurationSeconds=seconds)


table(
    "a chained session",
    [("allow", "lives an hour", 3600), ("error", "lives no longer", 3601)],
    _chained,
)


@case("error")
def get_session_token_for_less_than_900_seconds_is_refused(bench: Bench) -> Probe:
    keys = bench.user()[1]
    return lambda: bench.client("sts", keys).get_session_token(DurationSeconds=60)


@case("deny")
def a_wrong_mfa_device_is_refused(bench: Bench) -> Probe:
    keys = bench.user()[1]
    return lambda: bench.client("sts", keys).get_session_token(
        SerialNumber="arn:aws:iam::123456789012:mfa/none", TokenCode="123456"
    )


@case("allow")
def a_session_token_with_mfa_can_call_iam(bench: Bench) -> Probe:
    name, keys = bench.user(
        allow("iam:ListUsers", Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}})
    )
    device = bench.iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
    bench.iam.enable_mfa_device(
        UserName=name,
        SerialNumber=device["SerialNumber"],
        AuthenticationCode1="123456",
        AuthenticationCode2="234567",
    )
    return bench.lists_users(
        _session_token(bench, keys, SerialNumber=device["SerialNumber"], TokenCode="345678")
    )


def _mfa_age(bench: Bench, seconds: str) -> Probe:
    block = {"NumericLessThan": {"aws:MultiFactorAuthAge": seconds}}
    name, keys = bench.user(allow("iam:ListUsers", Condition=block))
    device = bench.iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
    bench.iam.enable_mfa_device(
        UserName=name,
        SerialNumber=device["SerialNumber"],
        AuthenticationCode1="123456",
        AuthenticationCode2="234567",
    )
    serial = device["SerialNumber"]
    return bench.lists_users(_session_token(bench, keys, SerialNumber=serial, TokenCode="345678"))


table(
    "a session with MFA",
    [("allow", "is young enough", "3600"), ("deny", "is too old", "0")],
    _mfa_age,
)

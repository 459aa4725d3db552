"""What your own policies say: inline, managed, through groups; wildcards and exclusions."""

from __future__ import annotations

from typing import Any

from tests.lab.matrix.bench import (
    MANAGEMENT,
    Bench,
    Probe,
    allow,
    calls,
    case,
    deny,
    policy,
    table,
)


@case("deny", "AccessDenied")
def nothing_is_allowed_without_a_policy(bench: Bench) -> Probe:
    return bench.lists_users(bench.user()[1])


@case("allow")
def a_managed_policy_allows(bench: Bench) -> Probe:
    name, keys = bench.user()
    bench.iam.attach_user_policy(UserName=name, PolicyArn=bench.managed(allow("iam:ListUsers")))
    return bench.lists_users(keys)


@case("deny", "AccessDenied")
def a_detached_policy_no_longer_allows(bench: Bench) -> Probe:
    name, keys = bench.user()
    arn = bench.managed(allow("iam:ListUsers"))
    bench.iam.attach_user_policy(UserName=name, PolicyArn=arn)
    bench.iam.detach_user_policy(UserName=name, PolicyArn=arn)
    return bench.lists_users(keys)


@case("deny", "AccessDenied")
def a_deny_beats_every_allow(bench: Bench) -> Probe:
    return bench.lists_users(bench.user(allow("*"), deny("*"))[1])


@case("deny", "AccessDenied")
def a_deny_in_a_second_policy_beats_the_first(bench: Bench) -> Probe:
    name, keys = bench.user(allow("*"))
    bench.iam.put_user_policy(UserName=name, PolicyName="d", PolicyDocument=policy(deny("*")))
    return bench.lists_users(keys)


@case("allow")
def a_deny_that_is_taken_away_gives_access_back(bench: Bench) -> Probe:
    name, keys = bench.user(allow("iam:ListUsers"))
    bench.iam.put_user_policy(UserName=name, PolicyName="d", PolicyDocument=policy(deny("*")))
    bench.iam.delete_user_policy(UserName=name, PolicyName="d")
    return bench.lists_users(keys)


@case("allow")
def get_caller_identity_cannot_be_denied(bench: Bench) -> Probe:
    return calls(bench.client("sts", bench.user(deny("*"))[1]), "get_caller_identity")


@case("allow")
def get_session_token_cannot_be_denied(bench: Bench) -> Probe:
    return calls(bench.client("sts", bench.user(deny("*"))[1]), "get_session_token")


@case("deny", "AccessDenied")
def aws_deny_all_denies(bench: Bench) -> Probe:
    name, keys = bench.user(allow("*"))
    bench.iam.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/AWSDenyAll")
    return bench.lists_users(keys)


@case("allow")
def aws_read_only_access_lets_read(bench: Bench) -> Probe:
    name, keys = bench.user()
    bench.iam.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    return bench.lists_users(keys)


@case("deny", "AccessDenied")
def aws_read_only_access_does_not_let_write(bench: Bench) -> Probe:
    name, keys = bench.user()
    bench.iam.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    return lambda: bench.client("iam", keys).create_user(UserName=bench.name("x"))


def _quarantined(bench: Bench, name: str) -> Probe:
    user, keys = bench.user(allow("*"))
    bench.iam.attach_user_policy(UserName=user, PolicyArn=f"arn:aws:iam::aws:policy/{name}")
    return lambda: bench.client("iam", keys).create_user(UserName=bench.name("x"))


table(
    "AWS's quarantine policy keeps a leaked key from making users",
    [
        ("deny", "V2", "AWSCompromisedKeyQuarantineV2"),
        ("deny", "V3", "AWSCompromisedKeyQuarantineV3"),
    ],
    _quarantined,
)


def _through_group(bench: Bench, statements: list[Any], *, managed: bool, leave: bool) -> Probe:
    name, keys = bench.user()
    group = bench.name("g")
    bench.iam.create_group(GroupName=group)
    bench.iam.add_user_to_group(GroupName=group, UserName=name)
    if managed:
        bench.iam.attach_group_policy(GroupName=group, PolicyArn=bench.managed(*statements))
    else:
        bench.iam.put_group_policy(
            GroupName=group, PolicyName="p", PolicyDocument=policy(*statements)
        )
    if leave:
        bench.iam.remove_user_from_group(GroupName=group, UserName=name)
    return bench.lists_users(keys)


table(
    "a group's policy counts for its members",
    [
        ("allow", "inline", [allow("iam:ListUsers")], False, False),
        ("allow", "managed", [allow("iam:ListUsers")], True, False),
        ("deny", "a deny too", [allow("*"), deny("iam:*")], False, False),
        ("deny", "not after leaving", [allow("iam:ListUsers")], False, True),
    ],
    lambda bench, statements, managed, leave: _through_group(
        bench, statements, managed=managed, leave=leave
    ),
)


def _versions(bench: Bench, *, default: bool) -> Probe:
    name, keys = bench.user()
    arn = bench.managed(allow("iam:ListUsers"))
    bench.iam.attach_user_policy(UserName=name, PolicyArn=arn)
    bench.iam.create_policy_version(
        PolicyArn=arn, PolicyDocument=policy(deny("*")), SetAsDefault=default
    )
    return bench.lists_users(keys)


table(
    "only the default version of a managed policy counts",
    [("deny", "set as default", True), ("allow", "not set as default", False)],
    lambda bench, default: _versions(bench, default=default),
)


@case("allow")
def an_older_version_made_default_again_counts(bench: Bench) -> Probe:
    name, keys = bench.user()
    arn = bench.managed(allow("iam:ListUsers"))
    bench.iam.attach_user_policy(UserName=name, PolicyArn=arn)
    bench.iam.create_policy_version(
        PolicyArn=arn, PolicyDocument=policy(deny("*")), SetAsDefault=True
    )
    bench.iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    return bench.lists_users(keys)


def _action(bench: Bench, statement: dict[str, Any]) -> Probe:
    return bench.lists_users(bench.user(statement)[1])


table(
    "Action iam:ListUsers",
    [
        ("allow", "by name", allow("iam:ListUsers")),
        ("allow", "in a list", allow(["s3:GetObject", "iam:ListUsers"])),
        ("allow", "by prefix", allow("iam:List*")),
        ("allow", "by service", allow("iam:*")),
        ("allow", "by star", allow("*")),
        ("allow", "in the middle", allow("iam:*Users")),
        ("allow", "by question mark", allow("iam:ListUser?")),
        ("allow", "in any case", allow("IAM:listusers")),
        ("deny", "one character short", allow("iam:ListUser")),
        ("deny", "two question marks", allow("iam:ListUser??")),
        ("deny", "another service", allow("s3:*")),
        ("deny", "a dot is no wildcard", allow("iam:List.sers")),
        (
            "allow",
            "NotAction of another service",
            {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"},
        ),
        (
            "deny",
            "NotAction of the service",
            {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},
        ),
    ],
    _action,
)


@case("deny", "AccessDenied")
def a_deny_with_not_action_spares_what_it_names(bench: Bench) -> Probe:
    keys = bench.user(allow("*"), {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"})[1]
    return bench.lists_users(keys)


@case("allow")
def a_deny_with_not_action_lets_what_it_names_through(bench: Bench) -> Probe:
    keys = bench.user(allow("*"), {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"})[1]
    return bench.lists_buckets(keys)


_USERS = f"arn:aws:iam::{MANAGEMENT}:user/"


def _resource(bench: Bench, effect: str, element: str, text: str, path: str = "/") -> Probe:
    target = bench.name("t")
    bench.iam.create_user(UserName=target, Path=path)
    value = text.replace("TARGET", target)
    statement = {"Effect": effect, "Action": "iam:GetUser", element: value}
    statements = [statement] if effect == "Allow" else [allow("iam:*"), statement]
    return bench.gets_user(bench.user(*statements)[1], target)


table(
    "GetUser with",
    [
        ("allow", "Resource naming it", "Allow", "Resource", _USERS + "TARGET"),
        ("deny", "Resource naming another", "Allow", "Resource", _USERS + "other"),
        ("allow", "Resource by prefix", "Allow", "Resource", _USERS + "t*"),
        ("allow", "Resource by question marks", "Allow", "Resource", _USERS + "t????"),
        ("deny", "Resource without its path", "Allow", "Resource", _USERS + "TARGET", "/ci/"),
        ("allow", "Resource with its path", "Allow", "Resource", _USERS + "ci/TARGET", "/ci/"),
        ("allow", "Resource by path", "Allow", "Resource", _USERS + "ci/*", "/ci/"),
        (
            "allow",
            "Resource with a wildcard account",
            "Allow",
            "Resource",
            "arn:aws:iam::*:user/TARGET",
        ),
        (
            "deny",
            "Resource in another account",
            "Allow",
            "Resource",
            "arn:aws:iam::999999999999:user/TARGET",
        ),
        (
            "deny",
            "Resource in another partition",
            "Allow",
            "Resource",
            "arn:aws-cn:iam::*:user/TARGET",
        ),
        ("allow", "NotResource naming another", "Allow", "NotResource", _USERS + "other"),
        ("deny", "NotResource naming it", "Allow", "NotResource", _USERS + "TARGET"),
        ("deny", "a Deny on it", "Deny", "Resource", _USERS + "TARGET"),
        ("allow", "a Deny on another", "Deny", "Resource", _USERS + "other"),
        ("deny", "a Deny with NotResource of another", "Deny", "NotResource", _USERS + "other"),
        ("allow", "a Deny with NotResource of it", "Deny", "NotResource", _USERS + "TARGET"),
        (
            "allow",
            "an escaped star in the path",
            "Allow",
            "Resource",
            _USERS + "${*}/TARGET",
            "/*/",
        ),
        (
            "deny",
            "an escaped star is no wildcard",
            "Allow",
            "Resource",
            _USERS + "${*}/TARGET",
            "/ci/",
        ),
        ("allow", "an escaped question mark", "Allow", "Resource", _USERS + "${?}/TARGET", "/?/"),
        ("allow", "an escaped dollar", "Allow", "Resource", _USERS + "${$}x/TARGET", "/$x/"),
        ("allow", "quotes in the path", "Allow", "Resource", _USERS + '"x/TARGET', '/"x/'),
    ],
    _resource,
)


@case("deny", "AccessDenied")
def a_deny_with_not_resource_grants_nothing(bench: Bench) -> Probe:
    name, keys = bench.user({"Effect": "Deny", "Action": "*", "NotResource": _USERS + "other"})
    return bench.gets_user(keys, name)


def _own_name(bench: Bench, text: str, version: str, *, other: bool) -> Probe:
    name, keys = bench.user()
    target = bench.user()[0] if other else name
    bench.iam.put_user_policy(
        UserName=name,
        PolicyName="v",
        PolicyDocument=policy(allow("iam:GetUser", _USERS + text), version=version),
    )
    return bench.gets_user(keys, target)


table(
    "a policy variable",
    [
        ("allow", "is the caller's name", "${aws:username}", "2012-10-17", False),
        ("deny", "is not somebody else's name", "${aws:username}", "2012-10-17", True),
        ("deny", "that is absent matches nothing", "${aws:PrincipalTag/none}", "2012-10-17", False),
        (
            "allow",
            "has its default where absent",
            "${aws:PrincipalTag/none, 'u'}*",
            "2012-10-17",
            True,
        ),
        ("allow", "is found in any case", "${AWS:UserName}", "2012-10-17", False),
    ],
    lambda bench, text, version, other: _own_name(bench, text, version, other=other),
)


@case("allow")
def a_tag_of_the_caller_is_a_policy_variable(bench: Bench) -> Probe:
    target = bench.user()[0]
    name, keys = bench.user(Tags=[{"Key": "Buddy", "Value": target}])
    bench.iam.put_user_policy(
        UserName=name,
        PolicyName="v",
        PolicyDocument=policy(allow("iam:GetUser", _USERS + "${aws:PrincipalTag/buddy}")),
    )
    return bench.gets_user(keys, target)


@case("deny", "AccessDenied")
def wildcards_in_a_variables_value_stay_literal(bench: Bench) -> Probe:
    target = bench.user()[0]
    name, keys = bench.user(Tags=[{"Key": "x", "Value": "="}])
    bench.iam.tag_user(UserName=name, Tags=[{"Key": "x", "Value": "u"}])
    bench.iam.put_user_policy(
        UserName=name,
        PolicyName="v",
        PolicyDocument=policy(allow("iam:GetUser", _USERS + "${aws:PrincipalTag/x}")),
    )
    return bench.gets_user(keys, target)


@case("allow")
def a_role_acts_with_its_managed_policy(bench: Bench) -> Probe:
    name, arn = bench.role()
    bench.iam.attach_role_policy(RoleName=name, PolicyArn=bench.managed(allow("iam:ListUsers")))
    return bench.lists_users(bench.assume(arn))


@case("allow")
def a_renamed_user_keeps_its_keys_and_policies(bench: Bench) -> Probe:
    name, keys = bench.user(allow("iam:ListUsers"))
    bench.iam.update_user(UserName=name, NewUserName=name + "-new", NewPath="/moved/")
    return bench.lists_users(keys)


@case("deny", "AccessDenied")
def a_single_statement_may_stand_without_a_list(bench: Bench) -> Probe:
    name, keys = bench.user(allow("*"))
    document = policy(deny("iam:ListUsers"))
    single = document.replace('"Statement": [', '"Statement": ').rstrip("]}") + "}}"
    bench.iam.put_user_policy(UserName=name, PolicyName="d", PolicyDocument=single)
    return bench.lists_users(keys)

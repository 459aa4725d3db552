"""What IAM takes and refuses: names, paths, documents, tags, quotas, the order of deletions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.lab.matrix.bench import (
    MANAGEMENT,
    Bench,
    Probe,
    allow,
    case,
    deny,
    policy,
    refused,
    table,
    trust,
)

_ROOT = f"arn:aws:iam::{MANAGEMENT}:root"
Call = Callable[[Bench], Any]


def accepted(claim: str, call: Call) -> None:
    table("accepted", [("allow", claim, call)], lambda bench, do: lambda: do(bench))


def _document(document: Any) -> Call:
    text = document if isinstance(document, str) else policy(document)
    return lambda b: b.iam.put_user_policy(
        UserName=b.user()[0], PolicyName="d", PolicyDocument=text
    )


def _without(*names: str, **more: Any) -> dict[str, Any]:
    return {k: v for k, v in {**allow("iam:ListUsers"), **more}.items() if k not in names}


for _claim, _bad in (
    ("without a statement", '{"Version": "2012-10-17"}'),
    ("with an empty list of statements", '{"Version": "2012-10-17", "Statement": []}'),
    ("without an effect", _without("Effect")),
    ("without an action", _without("Action")),
    ("without a resource", _without("Resource")),
    ("with another effect", _without(Effect="Maybe")),
    ("with an effect in small letters", _without(Effect="allow")),
    ("with both Action and NotAction", _without(NotAction="s3:*")),
    ("with both Resource and NotResource", _without(NotResource="*")),
    ("with an action that has no service", _without(Action="ListUsers")),
    ("with a service of wildcards", _without(Action="i*m:ListUsers")),
    ("with an action of two colons", _without(Action="iam:List:Users")),
    ("with an element nobody knows", _without(Comment="x")),
    ("with an empty action", _without(Action="")),
    ("with a resource that is no ARN", _without(Resource="my-bucket")),
    ("with an ARN of another partition's form", _without(Resource="arn:foo:s3:::x")),
    ("with an ARN of too few parts", _without(Resource="arn:aws:s3")),
    ("with a Sid of other characters", _without(Sid="not a sid!")),
    ("with a version nobody knows", '{"Version": "2020-01-01", "Statement": []}'),
    ("with a condition that is no map", _without(Condition="StringEquals")),
    ("with a date that is none", _without(Condition={"DateLessThan": {"aws:CurrentTime": "x"}})),
    ("with a list at the top", "[]"),
    ("that is a number", "7"),
    ("with something after its end", policy(allow("*")) + "x"),
):
    refused(f"a policy {_claim}", "MalformedPolicyDocument", _document(_bad))

refused(
    "a policy with one Sid twice",
    "MalformedPolicyDocument",
    _document(policy(allow("s3:*", Sid="A"), allow("sqs:*", Sid="A"))),
)
refused("an empty policy", "ValidationError", _document(""))
accepted("a policy with one statement bare", _document(allow("s3:*")))
accepted(
    "a policy with a condition on any key",
    _document(allow("s3:*", Condition={"StringEquals": {"anything:atall": ["a", "b"]}})),
)
accepted(
    "a policy with an Id",
    _document(
        '{"Id": "x", "Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*",'
        ' "Resource": "*"}}'
    ),
)
accepted(
    "a policy with NotAction and NotResource",
    _document({"Effect": "Deny", "NotAction": "s3:*", "NotResource": "arn:aws:s3:::x"}),
)
accepted(
    "a policy with a boolean condition value",
    _document(deny("*", Condition={"Bool": {"aws:SecureTransport": False}})),
)


def _twice(bench: Bench) -> Any:
    user = bench.user()[0]
    for _ in range(2):
        bench.iam.create_login_profile(UserName=user, Password="Correct-horse-1")


def _versions(bench: Bench, number: int) -> None:
    arn = bench.managed(allow("*"))
    for _ in range(number - 1):
        bench.iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(allow("*")))


def _groups(bench: Bench, number: int) -> None:
    user = bench.user()[0]
    for _ in range(number):
        group = bench.name("g")
        bench.iam.create_group(GroupName=group)
        bench.iam.add_user_to_group(UserName=user, GroupName=group)


def _of_length(characters: int) -> str:
    head, tail = policy(allow("s3:GetObject", "arn:aws:s3:::MARK")).replace(" ", "").split("MARK")
    return head + "x" * (characters - len(head) - len(tail)) + tail


def _long(bench: Bench, characters: int) -> Any:
    return bench.iam.create_policy(
        PolicyName=bench.name("m"), PolicyDocument=_of_length(characters)
    )


def _group_inline(bench: Bench, characters: int) -> Any:
    group = bench.name("g")
    bench.iam.create_group(GroupName=group)
    return bench.iam.put_group_policy(
        GroupName=group, PolicyName="p", PolicyDocument=_of_length(characters)
    )


def _same_policy(bench: Bench) -> Any:
    name = bench.name("M")
    for one in (name, name.lower()):
        bench.iam.create_policy(PolicyName=one, PolicyDocument=policy(allow("*")))


def _not_a_member(bench: Bench) -> Any:
    group = bench.name("g")
    bench.iam.create_group(GroupName=group)
    return bench.iam.remove_user_from_group(UserName=bench.user()[0], GroupName=group)


def _profile(bench: Bench) -> tuple[str, str]:
    name, role = bench.name("ip"), bench.role()[0]
    bench.iam.create_instance_profile(InstanceProfileName=name)
    bench.iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
    return name, role


def _second_role(bench: Bench) -> Any:
    return bench.iam.add_role_to_instance_profile(
        InstanceProfileName=_profile(bench)[0], RoleName=bench.role()[0]
    )


def _in_profile(bench: Bench) -> Any:
    return bench.iam.delete_role(RoleName=_profile(bench)[1])


def _orphan(bench: Bench) -> Any:
    """Submit a trust policy again as IAM shows it after its principal is gone."""
    name, keys = bench.user()
    role, _ = bench.role(trusting=trust({"AWS": bench.user_arn(name)}))
    bench.iam.delete_access_key(UserName=name, AccessKeyId=keys[0])
    bench.iam.delete_user(UserName=name)
    shown = bench.iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    unique = shown["Statement"][0]["Principal"]["AWS"]
    assert unique.startswith("AIDA")
    return bench.iam.update_assume_role_policy(RoleName=role, PolicyDocument=trust({"AWS": unique}))


_REFUSED: list[tuple[str, str, Call]] = [
    ("a user name of 64 characters and one", "ValidationError",
     lambda b: b.iam.create_user(UserName="a" * 65)),
    ("an empty user name", "ValidationError", lambda b: b.iam.create_user(UserName="")),
    ("a role name of 65 characters", "ValidationError",
     lambda b: b.iam.create_role(
         RoleName="a" * 65, AssumeRolePolicyDocument=trust({"AWS": _ROOT}))),
    ("a group name with a star", "ValidationError", lambda b: b.iam.create_group(GroupName="a*")),
    ("a group name of 129 characters", "ValidationError",
     lambda b: b.iam.create_group(GroupName="g" * 129)),
    ("a policy name of 129 characters", "ValidationError",
     lambda b: b.iam.create_policy(PolicyName="p" * 129, PolicyDocument=policy(allow("*")))),
    ("a policy name with a slash", "ValidationError",
     lambda b: b.iam.put_user_policy(
         UserName=b.user()[0], PolicyName="a/b", PolicyDocument=policy(allow("*")))),
    ("a path that does not end in a slash", "ValidationError",
     lambda b: b.iam.create_user(UserName=b.name("p"), Path="/a")),
    ("a path of 513 characters", "ValidationError",
     lambda b: b.iam.create_user(UserName=b.name("p"), Path="/" + "a" * 511 + "/")),
    ("a tag key of 129 characters", "ValidationError",
     lambda b: b.iam.tag_user(UserName="admin", Tags=[{"Key": "k" * 129, "Value": "v"}])),
    ("an empty tag key", "ValidationError",
     lambda b: b.iam.tag_user(UserName="admin", Tags=[{"Key": "", "Value": "v"}])),
    ("a tag key of AWS's own", "InvalidInput",
     lambda b: b.iam.tag_user(UserName=b.user()[0], Tags=[{"Key": "aws:x", "Value": "v"}])),
    ("fifty-one tags at once", "ValidationError",
     lambda b: b.iam.create_user(
         UserName=b.name("t"), Tags=[{"Key": f"k{n}", "Value": ""} for n in range(51)])),
    ("a session duration of less than an hour", "ValidationError",
     lambda b: b.role(MaxSessionDuration=3599)),
    ("a session duration of more than twelve hours", "ValidationError",
     lambda b: b.role(MaxSessionDuration=43201)),
    ("a description of 1001 characters", "ValidationError",
     lambda b: b.role(Description="d" * 1001)),
    ("a boundary that is not there", "NoSuchEntity",
     lambda b: b.user(PermissionsBoundary=f"arn:aws:iam::{MANAGEMENT}:policy/none")),
    ("a boundary that is no policy's ARN", "InvalidInput",
     lambda b: b.user(PermissionsBoundary=f"arn:aws:iam::{MANAGEMENT}:user/admin/x/y")),
    ("a group that a user is to join and that is not there", "NoSuchEntity",
     lambda b: b.iam.add_user_to_group(UserName="admin", GroupName="none")),
    ("a login profile that is there already", "EntityAlreadyExists", _twice),
    ("a login profile that is not there", "NoSuchEntity",
     lambda b: b.iam.get_login_profile(UserName=b.user()[0])),
    ("a policy version that is not there", "NoSuchEntity",
     lambda b: b.iam.get_policy_version(PolicyArn=b.managed(allow("*")), VersionId="v9")),
    ("deleting the default version", "DeleteConflict",
     lambda b: b.iam.delete_policy_version(PolicyArn=b.managed(allow("*")), VersionId="v1")),
    ("a sixth version", "LimitExceeded", lambda b: _versions(b, 6)),
    ("an eleventh group", "LimitExceeded", lambda b: _groups(b, 11)),
    ("a managed policy of 6145 characters", "LimitExceeded", lambda b: _long(b, 6145)),
    ("a group's inline policies above 5120 characters", "LimitExceeded",
     lambda b: _group_inline(b, 5121)),
    ("a policy of AWS's own changed", "AccessDenied",
     lambda b: b.iam.create_policy_version(
         PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess", PolicyDocument=policy(allow("*")))),
    ("a policy under a name that is taken", "EntityAlreadyExists", _same_policy),
    ("detaching what is not attached", "NoSuchEntity",
     lambda b: b.iam.detach_user_policy(
         UserName=b.user()[0], PolicyArn="arn:aws:iam::aws:policy/AWSDenyAll")),
    ("removing who is no member", "NoSuchEntity", _not_a_member),
    ("renaming to a name that is taken", "EntityAlreadyExists",
     lambda b: b.iam.update_user(UserName=b.user()[0], NewUserName="Admin")),
    ("a key of somebody who is not there", "NoSuchEntity",
     lambda b: b.iam.create_access_key(UserName="nobody")),
    ("a second role in an instance profile", "LimitExceeded", _second_role),
    ("a role deleted while in an instance profile", "DeleteConflict", _in_profile),
    ("an instance profile deleted while it has a role", "DeleteConflict",
     lambda b: b.iam.delete_instance_profile(InstanceProfileName=_profile(b)[0])),
    ("a trust policy with a resource", "MalformedPolicyDocument",
     lambda b: b.role(trusting=policy({**allow("sts:AssumeRole"), "Principal": {"AWS": _ROOT}}))),
    ("a trust policy that is empty", "ValidationError",
     lambda b: b.iam.create_role(RoleName=b.name("r"), AssumeRolePolicyDocument="")),
    ("a trust policy for a user who was deleted", "MalformedPolicyDocument", _orphan),
    ("a password of three characters", "PasswordPolicyViolation",
     lambda b: b.iam.create_login_profile(UserName=b.user()[0], Password="abc")),
]  # fmt: skip
for _claim, _code, _call in _REFUSED:
    refused(_claim, _code, _call)


accepted("five versions", lambda b: _versions(b, 5))
accepted("ten groups", lambda b: _groups(b, 10))
accepted("a managed policy of 6144 characters", lambda b: _long(b, 6144))
accepted("a group's inline policy of 5120 characters", lambda b: _group_inline(b, 5120))


def _made_and_gone(bench: Bench, name: str, **more: Any) -> None:
    """Make a user and delete it again: its name would break the lists of another emulator."""
    try:
        bench.iam.create_user(UserName=name, **more)
    finally:
        bench.iam.delete_user(UserName=name)


accepted(
    "a path with every character there is",
    lambda b: _made_and_gone(b, b.name("p"), Path="/a!b$c&d'e(f)g*h+i,j;k=l?m/"),
)
accepted(
    "names with every character there is",
    lambda b: _made_and_gone(b, b.name("a+b=c,d.e@f_g-")),
)
accepted(
    "one policy attached twice",
    lambda b: [
        b.iam.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/AWSDenyAll")
        for name in [b.user()[0]] * 2
    ],
)


def _delete_in_order(bench: Bench, remaining: str) -> Any:
    """Take everything off a user but one thing, and delete it."""
    name, keys = bench.user(allow("s3:*"))
    iam, arn, group = bench.iam, bench.managed(allow("*")), bench.name("g")
    iam.create_group(GroupName=group)
    iam.add_user_to_group(UserName=name, GroupName=group)
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    iam.create_login_profile(UserName=name, Password="Correct-horse-1")
    made = iam.create_service_specific_credential(
        UserName=name, ServiceName="codecommit.amazonaws.com"
    )["ServiceSpecificCredential"]["ServiceSpecificCredentialId"]
    steps = {
        "inline policy": lambda: iam.delete_user_policy(UserName=name, PolicyName="p"),
        "attached policy": lambda: iam.detach_user_policy(UserName=name, PolicyArn=arn),
        "group": lambda: iam.remove_user_from_group(UserName=name, GroupName=group),
        "access key": lambda: iam.delete_access_key(UserName=name, AccessKeyId=keys[0]),
        "login profile": lambda: iam.delete_login_profile(UserName=name),
        "credential of a service": lambda: iam.delete_service_specific_credential(
            UserName=name, ServiceSpecificCredentialId=made
        ),
    }
    for what, step in steps.items():
        if what != remaining:
            step()  # type: ignore[no-untyped-call]
    return iam.delete_user(UserName=name)


for _remaining in (
    "inline policy",
    "attached policy",
    "group",
    "access key",
    "login profile",
    "credential of a service",
):
    refused(
        f"deleting a user with nothing left but its {_remaining}",
        "DeleteConflict",
        lambda b, remaining=_remaining: _delete_in_order(b, remaining),  # type: ignore[misc]
    )
accepted("deleting a user with nothing left", lambda b: _delete_in_order(b, ""))


@case("allow")
def a_tag_that_is_set_again_in_another_case_replaces_the_first(bench: Bench) -> Probe:
    name = bench.user(Tags=[{"Key": "Team", "Value": "a"}])[0]
    bench.iam.tag_user(UserName=name, Tags=[{"Key": "TEAM", "Value": "b"}])

    def probe() -> None:
        assert len(bench.iam.list_user_tags(UserName=name)["Tags"]) == 1

    return probe

"""IAM's own rules: quotas, protected roles, values it refuses, deletions it puts off."""

from __future__ import annotations

from typing import Any

from tests.lab.matrix.bench import Bench, Probe, allow, case, policy, refused, table, trust


def _filler(characters: int) -> str:
    base = policy(allow("s3:GetObject", ""))
    return policy(
        allow(
            "s3:GetObject", "arn:aws:s3:::" + "x" * (characters - len(base.replace(" ", "")) - 13)
        )
    )


def _put_user(bench: Bench, document: str, name: str = "q") -> Any:
    user = bench.user()[0]
    return bench.iam.put_user_policy(UserName=user, PolicyName=name, PolicyDocument=document)


def _put_role(bench: Bench, document: str) -> Any:
    return bench.iam.put_role_policy(
        RoleName=bench.role()[0], PolicyName="q", PolicyDocument=document
    )


table(
    "inline policies",
    [
        ("allow", "of a user up to 2048 characters", lambda b: _put_user(b, _filler(2048))),
        ("error", "of a user above 2048 characters", lambda b: _put_user(b, _filler(2049))),
        (
            "allow",
            "white space does not count",
            lambda b: _put_user(b, _filler(2048).replace(",", ",   ")),
        ),
        ("allow", "of a role up to 10240 characters", lambda b: _put_role(b, _filler(10240))),
        ("error", "of a role above 10240 characters", lambda b: _put_role(b, _filler(10241))),
    ],
    lambda bench, call: lambda: call(bench),
)


def _two_inline(bench: Bench) -> Any:
    user = bench.user()[0]
    for name in ("a", "b"):
        bench.iam.put_user_policy(UserName=user, PolicyName=name, PolicyDocument=_filler(1100))


refused("inline policies of a user count together", "LimitExceeded", _two_inline)


def _attach(bench: Bench, count: int) -> None:
    user = bench.user()[0]
    for _ in range(count):
        bench.iam.attach_user_policy(UserName=user, PolicyArn=bench.managed(allow("s3:*")))


table("attached policies", [("allow", "ten", 10)], lambda bench, n: lambda: _attach(bench, n))
refused("an eleventh attached policy", "LimitExceeded", lambda b: _attach(b, 11))


def _third_key(bench: Bench) -> None:
    user = bench.user()[0]
    for _ in range(2):
        bench.iam.create_access_key(UserName=user)


refused("a third access key", "LimitExceeded", _third_key)
refused(
    "an unknown key status",
    "ValidationError",
    lambda b: b.iam.update_access_key(UserName="admin", AccessKeyId="A" * 20, Status="Off"),
)
refused(
    "a key that is not the user's",
    "NoSuchEntity",
    lambda b: b.iam.update_access_key(
        UserName=b.user()[0], AccessKeyId="AKIA" + "Z" * 16, Status="Inactive"
    ),
)
refused("a user that is not there", "NoSuchEntity", lambda b: b.iam.get_user(UserName="nobody"))
refused("a name with a slash", "ValidationError", lambda b: b.iam.create_user(UserName="a/b"))
refused(
    "a name of 65 characters", "ValidationError", lambda b: b.iam.create_user(UserName="a" * 65)
)
refused(
    "a path without slashes",
    "ValidationError",
    lambda b: b.iam.create_user(UserName="a", Path="ci"),
)
refused(
    "the same name in another case",
    "EntityAlreadyExists",
    lambda b: b.iam.create_user(UserName="ADMIN"),
)
refused("a policy that is no JSON", "MalformedPolicyDocument", lambda b: _put_user(b, "{"))
refused(
    "an identity policy of the older version",
    "MalformedPolicyDocument",
    lambda b: _put_user(b, policy(allow("*"), version="2008-10-17")),
)
refused(
    "an operator that is not there",
    "MalformedPolicyDocument",
    lambda b: _put_user(b, policy(allow("*", Condition={"StringAlike": {"aws:username": "x"}}))),
)
refused(
    "a principal in an identity policy",
    "MalformedPolicyDocument",
    lambda b: _put_user(b, policy({**allow("*"), "Principal": "*"})),
)
refused(
    "a resource that is no ARN",
    "MalformedPolicyDocument",
    lambda b: _put_user(b, policy(allow("*", "users"))),
)
refused(
    "a tag value of 257 characters",
    "ValidationError",
    lambda b: b.iam.tag_user(UserName="admin", Tags=[{"Key": "k", "Value": "v" * 257}]),
)
refused(
    "a tag value with a quote",
    "ValidationError",
    lambda b: b.iam.tag_user(UserName="admin", Tags=[{"Key": "k", "Value": '"'}]),
)
refused(
    "two tags that differ in case",
    "InvalidInput",
    lambda b: b.iam.tag_user(
        UserName="admin", Tags=[{"Key": "k", "Value": "1"}, {"Key": "K", "Value": "2"}]
    ),
)


def _fifty_one_tags(bench: Bench) -> None:
    user = bench.user()[0]
    for start in (0, 26):
        tags = [{"Key": f"k{n}", "Value": "v"} for n in range(start, start + 26)]
        bench.iam.tag_user(UserName=user, Tags=tags)


refused("a fifty-first tag", "LimitExceeded", _fifty_one_tags)


def _service_linked(bench: Bench) -> str:
    services = {"autoscaling", "spot", "ecs"}
    for service in sorted(services):
        name = f"AWSServiceRoleFor{ {'autoscaling': 'AutoScaling'}.get(service, service) }"
        try:
            bench.iam.get_role(RoleName=name)
        except bench.iam.exceptions.NoSuchEntityException:
            made = bench.iam.create_service_linked_role(AWSServiceName=f"{service}.amazonaws.com")
            return str(made["Role"]["RoleName"])
        return name
    raise AssertionError("no service-linked role")


refused(
    "a policy on a service-linked role",
    "UnmodifiableEntity",
    lambda b: b.iam.put_role_policy(
        RoleName=_service_linked(b), PolicyName="d", PolicyDocument=policy(allow("*"))
    ),
)
refused(
    "an attachment to a service-linked role",
    "UnmodifiableEntity",
    lambda b: b.iam.attach_role_policy(
        RoleName=_service_linked(b), PolicyArn="arn:aws:iam::aws:policy/AWSDenyAll"
    ),
)
refused(
    "a new trust policy for a service-linked role",
    "UnmodifiableEntity",
    lambda b: b.iam.update_assume_role_policy(
        RoleName=_service_linked(b), PolicyDocument=trust({"AWS": "*"})
    ),
)
refused(
    "deleting a service-linked role by the ordinary call",
    "UnmodifiableEntity",
    lambda b: b.iam.delete_role(RoleName=_service_linked(b)),
)
refused(
    "deleting a user with a key",
    "DeleteConflict",
    lambda b: b.iam.delete_user(UserName=b.user()[0]),
)


def _used_as_boundary(bench: Bench) -> None:
    arn = bench.managed(allow("*"))
    bench.user(PermissionsBoundary=arn)
    bench.iam.delete_policy(PolicyArn=arn)


refused("deleting a policy in use as a boundary", "DeleteConflict", _used_as_boundary)


def _attached_policy(bench: Bench) -> None:
    arn = bench.managed(allow("*"))
    bench.iam.attach_user_policy(UserName=bench.user()[0], PolicyArn=arn)
    bench.iam.delete_policy(PolicyArn=arn)


refused("deleting an attached policy", "DeleteConflict", _attached_policy)


def _group_with_member(bench: Bench) -> None:
    group = bench.name("g")
    bench.iam.create_group(GroupName=group)
    bench.iam.add_user_to_group(GroupName=group, UserName=bench.user()[0])
    bench.iam.delete_group(GroupName=group)


refused("deleting a group with a member", "DeleteConflict", _group_with_member)
refused(
    "attaching a policy that is not there",
    "NoSuchEntity",
    lambda b: b.iam.attach_user_policy(
        UserName=b.user()[0], PolicyArn="arn:aws:iam::aws:policy/NoSuchThing"
    ),
)


def _updates_own_key(bench: Bench) -> Probe:
    _, keys = bench.user(allow("iam:UpdateAccessKey", "arn:aws:iam::*:user/${aws:username}"))
    client = bench.client("iam", keys)
    return lambda: client.update_access_key(AccessKeyId=keys[0], Status="Inactive")


case("allow")(_updates_own_key)


def _updates_foreign_key(bench: Bench) -> Probe:
    other, other_keys = bench.user()
    _, keys = bench.user(allow("iam:UpdateAccessKey", "arn:aws:iam::*:user/${aws:username}"))
    return lambda: bench.client("iam", keys).update_access_key(
        UserName=other, AccessKeyId=other_keys[0], Status="Inactive"
    )


case("deny", "AccessDenied")(_updates_foreign_key)


def _moves(bench: Bench, *resources: str) -> Probe:
    target = bench.user()[0]
    named = [text.replace("T", target) for text in resources]
    keys = bench.user(allow("iam:UpdateUser", named))[1]
    return lambda: bench.client("iam", keys).update_user(UserName=target, NewPath="/new/")


table(
    "moving a user needs the permission",
    [
        ("allow", "at both ends", "arn:aws:iam::*:user/T", "arn:aws:iam::*:user/new/T"),
        ("deny", "at the new end too", "arn:aws:iam::*:user/T"),
    ],
    _moves,
)
refused(
    "a role's name in another case",
    "EntityAlreadyExists",
    lambda b: b.iam.create_role(
        RoleName=b.role()[0].upper(), AssumeRolePolicyDocument=trust({"AWS": "*"})
    ),
)
refused(
    "an inline policy that is not there",
    "NoSuchEntity",
    lambda b: b.iam.delete_user_policy(UserName=b.user()[0], PolicyName="none"),
)
refused(
    "a policy for a role that is not there",
    "NoSuchEntity",
    lambda b: b.iam.put_role_policy(
        RoleName="nobody", PolicyName="p", PolicyDocument=policy(allow("*"))
    ),
)

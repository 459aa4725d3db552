"""Service and resource control policies: from the root down, the management account exempt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from tests.lab.matrix.bench import Bench, Keys, Probe, allow, deny, policy, table

Place = Callable[[Bench, Any], str]


def _root(_bench: Bench, organizations: Any) -> str:
    return str(organizations.list_roots()["Roots"][0]["Id"])


def _account(bench: Bench, _organizations: Any) -> str:
    return bench.member


def _unit(bench: Bench, organizations: Any) -> str:
    root = _root(bench, organizations)
    unit = organizations.create_organizational_unit(ParentId=root, Name=bench.name("ou"))
    unit_id = unit["OrganizationalUnit"]["Id"]
    parent = organizations.list_parents(ChildId=bench.member)["Parents"][0]["Id"]
    organizations.move_account(
        AccountId=bench.member, SourceParentId=parent, DestinationParentId=unit_id
    )
    return str(unit_id)


def _under(  # noqa: PLR0917 -- rows of a table are positional
    bench: Bench,
    where: Place,
    document: str,
    who: Callable[[Bench], tuple[Any, Keys]],
    probe: Callable[[Bench, Keys], Probe],
    kind: str = "SERVICE_CONTROL_POLICY",
    *,
    replace: bool = False,
    detach: bool = False,
) -> Probe:
    """Attach for the length of the probe alone: other cases share the organisation."""
    organizations = bench.client("organizations", bench.admin)
    root = _root(bench, organizations)
    try:
        organizations.enable_policy_type(RootId=root, PolicyType=kind)
    except ClientError as error:
        if "AlreadyEnabled" not in str(error):
            raise
    keys = who(bench)[1]
    attempt = probe(bench, keys)
    target = where(bench, organizations)
    created = organizations.create_policy(
        Content=document, Name=bench.name("cp"), Description="d", Type=kind
    )["Policy"]["PolicySummary"]["Id"]

    def probed() -> None:
        organizations.attach_policy(PolicyId=created, TargetId=target)
        if replace:
            organizations.detach_policy(PolicyId="p-FullAWSAccess", TargetId=target)
        if detach:
            organizations.detach_policy(PolicyId=created, TargetId=target)
        try:
            attempt()
        finally:
            if replace:
                organizations.attach_policy(PolicyId="p-FullAWSAccess", TargetId=target)
            if not detach:
                organizations.detach_policy(PolicyId=created, TargetId=target)

    return probed


def _member_user(bench: Bench) -> tuple[Any, Keys]:
    return bench.user(allow("*"), iam=bench.member_iam)


def _management_user(bench: Bench) -> tuple[Any, Keys]:
    return bench.user(allow("*"))


def _member_role(bench: Bench) -> tuple[Any, Keys]:
    name, arn = bench.role(allow("*"), iam=bench.member_iam)
    return name, bench.assume(arn, bench.member_admin)


_LISTS = Bench.lists_users
_DENY = policy(deny("iam:ListUsers"))
_ONLY_S3 = policy(allow("s3:*"))
_SPARES = policy(
    deny("*", Condition={"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/BreakGlass"}})
)

table(
    "a service control policy",
    [
        ("deny", "on the account denies a user", _account, _DENY, _member_user, _LISTS),
        ("deny", "on the account denies a role", _account, _DENY, _member_role, _LISTS),
        ("deny", "on the root denies", _root, _DENY, _member_user, _LISTS),
        ("deny", "on a unit denies", _unit, _DENY, _member_user, _LISTS),
        (
            "allow",
            "on the root spares the management account",
            _root,
            _DENY,
            _management_user,
            _LISTS,
        ),
        ("allow", "lets other calls through", _account, _DENY, _member_user, Bench.lists_buckets),
        ("deny", "with an exemption denies the others", _account, _SPARES, _member_user, _LISTS),
    ],
    _under,
)
table(
    "service control policies have to allow at every level",
    [
        ("deny", "so an allow list denies the rest", _account, _ONLY_S3, _member_user, _LISTS),
        (
            "allow",
            "and allows what it lists",
            _account,
            _ONLY_S3,
            _member_user,
            Bench.lists_buckets,
        ),
        ("deny", "on the root too", _root, _ONLY_S3, _member_user, _LISTS),
    ],
    lambda bench, *rest: _under(bench, *rest, replace=True),
)
table(
    "a detached service control policy",
    [("allow", "no longer denies", _account, _DENY, _member_user, _LISTS)],
    lambda bench, *rest: _under(bench, *rest, detach=True),
)


def _reads_member_bucket(bench: Bench, keys: Keys) -> Probe:
    bucket = bench.bucket(keys=bench.member_admin)
    return lambda: bench.client("s3", keys).get_object(Bucket=bucket, Key="k")


_RCP = policy({"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"})
table(
    "a resource control policy",
    [
        (
            "deny",
            "denies on resources of the account",
            _account,
            _RCP,
            _member_user,
            _reads_member_bucket,
            "RESOURCE_CONTROL_POLICY",
        ),
        (
            "allow",
            "leaves services alone that have none",
            _account,
            _RCP,
            _member_user,
            _LISTS,
            "RESOURCE_CONTROL_POLICY",
        ),
    ],
    _under,
)

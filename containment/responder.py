"""The policies of the responder's roles: exactly what the actions and the verbs call.

One role contains and another lifts. Whoever contains attaches AWSDenyAll and nothing else; whoever
lifts attaches what made room, and detaches AWSDenyAll alone. A permissions boundary they set and
remove only where it is AWSDenyAll. Both are denied every change of the
roles that the profile protects, their own included.
A third role, of the organisation, sets guards (:func:`guard_policy`). Whoever verifies reads AWS's
own records as well (:func:`verify_policy`).

More cannot be taken from them: the text of an inline policy and the new status of an access key
are no condition keys of IAM, so whoever holds either role **is an administrator of everybody that
the profile does not protect**. Actions, verbs and the ledger's bucket store declare their
permissions, and the tests measure that these are the ones they use.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS IAM"
(``iam:PolicyARN`` is a key of the Attach… and Detach… calls, ``iam:PermissionsBoundary`` of the
Put…PermissionsBoundary and Delete…PermissionsBoundary calls; PutUserPolicy, PutRolePolicy and
UpdateAccessKey have none for what they write).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from containment.actions import ACTIONS
from containment.aws import resolve, sign_ins, trail_source
from containment.guard.control_policies import CHANGES, READS
from containment.ledger.bucket_store import BucketStore
from containment.lifecycle import needed_rights
from containment.run import fences
from policies import Document, literal, render

if TYPE_CHECKING:
    from collections.abc import Iterable

    from containment.ledger import LedgerSettings
    from containment.profile import Profile

Duty = needed_rights.Duty
DUTIES: tuple[Duty, ...] = get_args(Duty)

# Service Authorization Reference, "Actions, resources, and condition keys for AWS IAM" and "…
# AWS STS": these name no user or role. GetAccessKeyLastUsed does, and is asked about keys whose
# user nobody knows yet, or who has none.
ON_EVERYTHING = frozenset(
    {
        "iam:GetAccessKeyLastUsed",
        "iam:GetAccountAuthorizationDetails",
        "iam:GetPolicy",
        "iam:ListPolicies",
        "iam:ListRoles",
        "iam:ListUsers",
        "iam:SimulateCustomPolicy",
        "sts:GetAccessKeyInfo",
        "sts:GetCallerIdentity",
        *sign_ins.PERMISSIONS,
    }
)

# Asked before everything else; AWS answers it to every caller, whatever their policies say.
_ALWAYS = frozenset({"sts:GetCallerIdentity"})
_ATTACH = frozenset({"iam:AttachUserPolicy", "iam:AttachRolePolicy"})
_DETACH = frozenset({"iam:DetachUserPolicy", "iam:DetachRolePolicy"})
# Their only condition key: which policy is, or is to be, the boundary.
_BOUND = frozenset(
    {
        "iam:PutUserPermissionsBoundary",
        "iam:PutRolePermissionsBoundary",
        "iam:DeleteUserPermissionsBoundary",
        "iam:DeleteRolePermissionsBoundary",
    }
)
# Which of the two may only name AWSDenyAll.
_DENY_ALL_ALONE: dict[Duty, frozenset[str]] = {"contain": _ATTACH, "lift": _DETACH}


def permissions(duty: Duty | None = None) -> frozenset[str]:
    """Return every IAM and STS action that a responder of this *duty*, or of both, calls."""
    verbs = resolve.PERMISSIONS | fences.PERMISSIONS | _ALWAYS
    declared = verbs.union(*(action.permissions for action in ACTIONS))
    return declared - needed_rights.NEVER_CALLED[duty] if duty else declared


def policy(
    account: str,
    duty: Duty,
    *,
    profile: Profile,
    partition: str = "aws",
    ledgers: Iterable[LedgerSettings] | None = None,
) -> Document:
    """Return the least policy of a responder of *duty* in *account*.

    What a ledger in a bucket needs is allowed on that bucket and prefix alone. It is called with
    the credentials in the environment, whatever role is assumed for the rest.

    Args:
        account: in which account the role is.
        duty: what it is for.
        profile: whom the role must not change, and where ledgers are kept.
        partition: of the account.
        ledgers: other places of ledgers than the profile's.
    """
    needed = permissions(duty)
    narrow = _DENY_ALL_ALONE[duty]
    return render(
        "responder",
        on_principals=sorted(needed - ON_EVERYTHING - narrow - _BOUND),
        principals=literal(
            [f"arn:{partition}:iam::{account}:user/*", f"arn:{partition}:iam::{account}:role/*"]
        ),
        with_deny_all=sorted(narrow),
        bounding=sorted(needed & _BOUND),
        deny_all=literal(f"arn:{partition}:iam::aws:policy/AWSDenyAll"),
        on_everything=sorted(needed & ON_EVERYTHING),
        protected=literal(protected(account, profile)),
        ledgers=_in_buckets(partition, [profile.ledger] if ledgers is None else ledgers),
    )


def guard_policy(account: str, *, partition: str = "aws") -> Document:
    """Return the least policy of the role that sets guards.

    Every account of the organisation can be given a service control policy by it, and none of its
    units and not its root: a mistake there would be everybody's. Source: Service Authorization
    Reference, "Actions, resources, and condition keys for AWS Organizations".

    Args:
        account: the organisation's management account; the role is there, or in a delegated
            administrator's account to which the organisation's resource policy allows the same.
        partition: of the account.
    """
    in_organization = f"arn:{partition}:organizations::{account}"
    # What is made has no ARN yet.
    making = {"organizations:CreatePolicy"}
    attachments = {name for name in CHANGES if name.endswith(("AttachPolicy", "DetachPolicy"))}
    return render(
        "responder-guard",
        reads=sorted(READS),
        making=sorted(making),
        changes=sorted(CHANGES - making),
        policies=f"{in_organization}:policy/o-*/service_control_policy/p-*",
        attachments=sorted(attachments),
        accounts=f"{in_organization}:account/o-*/*",
    )


def verify_policy() -> Document:
    """Return what verifying by AWS's own records takes, beside the policy of whoever contains."""
    return render("responder-verify", reads=sorted(trail_source.PERMISSIONS))


def protected(account: str, profile: Profile) -> list[str]:
    """Return the ARNs in *account* that neither role may change."""
    named = {one.arn for _, one in profile.protected_in(account) if one.account == account}
    return sorted(named)


def _in_buckets(partition: str, ledgers: Iterable[LedgerSettings]) -> list[dict[str, Any]]:
    """Return what the statements of each bucket and prefix are made of, each once."""
    calls_by_place: dict[tuple[str, str], frozenset[str]] = {}
    for kept in ledgers:
        if kept.in_bucket:
            called = BucketStore.on_entries | (BucketStore.to_lock if kept.object_lock else set())
            place = (kept.bucket, kept.prefix)
            calls_by_place[place] = calls_by_place.get(place, frozenset()) | called
    return [
        {
            "bucket": literal(f"arn:{partition}:s3:::{bucket}"),
            "keys": literal(f"{prefix}/*" if prefix else "*"),
            "on_entries": sorted(called),
            "on_listing": sorted(BucketStore.on_listing),
            "on_bucket": sorted(BucketStore.on_bucket),
        }
        for (bucket, prefix), called in sorted(calls_by_place.items())
    ]

"""The responder role's policy: exactly what the actions and the verbs call.

Nothing is in it by hand: actions, verbs and the ledger's bucket store declare their permissions,
and the tests measure that these are the ones they use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from containment.actions import ACTIONS
from containment.aws import resolve
from containment.ledger.bucket_store import BucketStore
from containment.run import fences
from policies import Document, literal, render

if TYPE_CHECKING:
    from collections.abc import Iterable

    from containment.ledger import LedgerSettings

# Service Authorization Reference, "Actions, resources, and condition keys for AWS IAM" and "…
# AWS STS": these name no user or role. GetAccessKeyLastUsed does, and is asked about keys whose
# user nobody knows yet, or who has none.
ON_EVERYTHING = frozenset(
    {
        "iam:GetAccessKeyLastUsed",
        "iam:GetAccountAuthorizationDetails",
        "iam:GetPolicy",
        "iam:GetPolicyVersion",
        "iam:ListUsers",
        "sts:GetAccessKeyInfo",
        "sts:GetCallerIdentity",
    }
)

# Asked before everything else; AWS answers it to every caller, whatever his policies say.
_ALWAYS = frozenset({"sts:GetCallerIdentity"})


def permissions() -> frozenset[str]:
    """Return every IAM and STS action that a responder needs to be allowed."""
    verbs = resolve.PERMISSIONS | fences.PERMISSIONS | _ALWAYS
    return verbs.union(*(action.permissions for action in ACTIONS))


def policy(
    account: str, *, partition: str = "aws", ledgers: Iterable[LedgerSettings] = ()
) -> Document:
    """Return the least policy of a responder in *account* who keeps *ledgers*.

    What a ledger in a bucket needs is allowed on that bucket and prefix alone. It is called with
    the credentials in the environment, whatever role is assumed for the rest.
    """
    needed = permissions()
    return render(
        "responder",
        on_principals=sorted(needed - ON_EVERYTHING),
        principals=literal(
            [f"arn:{partition}:iam::{account}:user/*", f"arn:{partition}:iam::{account}:role/*"]
        ),
        on_everything=sorted(needed & ON_EVERYTHING),
        ledgers=_in_buckets(partition, ledgers),
    )


def _in_buckets(partition: str, ledgers: Iterable[LedgerSettings]) -> list[dict[str, Any]]:
    """Return what the statements of each bucket and prefix are made of, each once."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for kept in ledgers:
        if kept.in_bucket:
            called = BucketStore.on_entries | (BucketStore.to_lock if kept.object_lock else set())
            place = (kept.bucket, kept.prefix)
            found[place] = found.get(place, frozenset()) | called
    return [
        {
            "bucket": literal(f"arn:{partition}:s3:::{bucket}"),
            "keys": literal(f"{prefix}/*" if prefix else "*"),
            "on_entries": sorted(called),
            "on_listing": sorted(BucketStore.on_listing),
            "on_bucket": sorted(BucketStore.on_bucket),
        }
        for (bucket, prefix), called in sorted(found.items())
    ]

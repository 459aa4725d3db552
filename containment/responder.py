"""The responder role's policy: exactly what the actions and the verbs call.

Nothing is in it by hand: actions and verbs declare their permissions, and the tests measure that
these are the ones they use.
"""

from __future__ import annotations

from containment.actions import ACTIONS
from containment.aws import resolve
from containment.run import fences
from policies import Document, literal, render

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


def policy(account: str, *, partition: str = "aws") -> Document:
    """Return the least policy of a responder in *account*."""
    needed = permissions()
    return render(
        "responder",
        on_principals=sorted(needed - ON_EVERYTHING),
        principals=literal(
            [f"arn:{partition}:iam::{account}:user/*", f"arn:{partition}:iam::{account}:role/*"]
        ),
        on_everything=sorted(needed & ON_EVERYTHING),
    )

"""Where ministack 1.5 is known not to do what the behaviour matrix has from AWS's documentation.

Patterns of case names, under the reason. A case that differs and is in none of them is news.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

KNOWN: dict[str, tuple[str, ...]] = {
    "service and resource control policies do not limit": (
        "a service control policy: *",
        "service control policies have to allow at every level: *",
        "a resource control policy: *",
    ),
    "values, quotas and policy documents are accepted unchecked": (
        "refused with *",
        "AssumeRole: *",
        "a trust policy is refused where: *",
        "inline policies: of a * above *",
        "get session token for less than 900 seconds is refused",
        "a document that names a deleted principal by id is refused",
        "a chained session: lives no longer",
    ),
    "sessions of GetSessionToken and GetFederationToken are not held to their limits": (
        "a federated session cannot *",
        "a session token *",
        "a wrong mfa device is refused",
    ),
    "the source identity of a session is not kept": (
        "a source identity stays through a chain",
        "a Deny by source identity: *",
        "the trust policy has to allow: setting a source identity*",
    ),
    "a role session is known by its own ARN alone, and outlives its role": (
        "a role session under a Deny with: *",
        "a session of a role made anew under the name is refused",
    ),
    "a principal that a trust policy names needs a policy of its own": (
        "a role trusted by name needs no policy of its own",
        "a user trusted by name needs no policy of its own",
        "a session is trusted by its own arn",
        "a trust policy with a condition on: the session name as the caller's",
    ),
    "paths are no part of an IAM ARN": (
        "GetUser with: Resource *path*",
        "a role is not found without its path",
    ),
    "variables and escapes in Resource are not resolved": (
        "GetUser with: an escaped *",
        "GetUser with: quotes in the path",
        "a policy variable: *",
        "a tag of the caller is a policy variable",
        "?updates own key",
    ),
    "wildcards in ArnLike cross colons": ("an Allow under: ArnLike aws:PrincipalArn *",),
    "context keys are missing": (
        "an Allow under: Bool aws:SecureTransport *",
        "an Allow under: Bool aws:ViaAWSService *",
        "an Allow under: ForAnyValue:StringLike aws:PrincipalOrgPaths *",
        "an Allow under: StringLike AWS:UserAgent *",
        "iam:PermissionsBoundary: *",
        "iam:PolicyARN: *",
        "a session with MFA: *",
    ),
    "SAML assertions are not read": ("*SAML*", "a saml *"),
    "iam:PassRole is not checked": ("handing a role to a service: *",),
    "NotPrincipal is not evaluated": ("a bucket policy with not principal denies the others",),
    "buckets of other accounts are out of reach": ("a bucket of another account: *",),
    "Block Public Access is on for a new bucket, as on AWS and not in the lab": (
        "a bucket policy for: everybody grants",
    ),
    "AWS managed policies are not there": (
        "AWS's quarantine policy keeps a leaked key from making users: *",
        "aws deny all denies",
    ),
    "operations are missing (UpdateUser, SetDefaultPolicyVersion)": (
        "a renamed user keeps its keys and policies",
        "a session token follows a renamed user",
        "moving a user needs the permission: *",
        "an older version made default again counts",
    ),
}


def reason(name: str) -> str:
    """Return why ministack is known to differ in the case called *name*; empty if it is not."""
    for why, patterns in KNOWN.items():
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            return why
    return ""

"""Where ministack 1.5 is known not to do what the behaviour matrix has from AWS's documentation.

Patterns of case names, under the reason. A case that differs and is in none of them is news.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

DIFFERENCES: dict[str, tuple[str, ...]] = {
    "service and resource control policies do not limit": (
        "a service control policy: *",
        "service control policies have to allow at every level: *",
        "a resource control policy*",
        "a control policy *",
        "a guard that spares break-glass roles: *",
        "whoever comes from another account: *",
        "IAM tells: what an organisation's policies say in a simulation",
    ),
    "values, quotas and policy documents are accepted unchecked": (
        "refused with *",
        "AssumeRole: *",
        "a trust policy is refused where: *",
        "inline policies: of a * above *",
        "get session token for less than 900 seconds is refused",
        "a document that names a deleted principal by id is refused",
        "a chained session: lives no longer",
        "accepted: *",
        "a transitive tag *",
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
        "a bucket's Deny and the session of a: role under ArnLike aws:PrincipalArn *",
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
        "a variable in *",
        "items of one's own: *",
        "AssumeRole where the trust policy asks for: the caller's own tag",
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
        "a user's own call, * under: *",
        "a member account's user under: *",
        "a session tag: overrides the role's",
        "listing a bucket under a condition on: a variable prefix",
        "putting an object under a Deny on: *",
        "a key policy under a condition on: *",
        "a secret under a condition on: *",
    ),
    "SAML assertions are not read": ("*SAML*", "a saml *"),
    "iam:PassRole is not checked": ("handing a role to a service: *", "* hands over a role: *"),
    "NotPrincipal is not evaluated": (
        "a bucket policy with not principal denies the others",
        "NotPrincipal of a user and the account: *",
        "a Deny for all but, to a *",
    ),
    "aws:PrincipalArn of a role session is not the role's": (
        "the keys of a role session: aws:PrincipalArn is *",
    ),
    "grants to a principal of another account are not evaluated by session and role": (
        "a bucket policy that names a principal of another account: *, allowed at home",
    ),
    "what is read back is not AWS's: dates, ids, defaults, and operations that are missing": (
        "read back: *",
    ),
    "resources of other accounts are out of reach, or within it without a grant": (
        "a bucket of another account: *",
        "a key of another account*",
        "a secret of another account: *",
        "a function of another account: *",
        "a role of another account reads a bucket that names: *",
    ),
    "policies on resources name whoever has the name": (
        "a * that names a user: lets nobody who is made anew under the name",
        "a deleted user shows as its unique id",
        "a renamed user is still the one a bucket names",
    ),
    "missing objects are told to everybody; tags and ACLs are put without permission": (
        "an object: *",
    ),
    "grants of KMS let nobody, and keys are not known by alias": (
        "a grant*",
        "an alias is no resource to allow encryption on",
        "a key is used by its alias where the key is allowed",
    ),
    "root users of members cannot be assumed": (
        "*members root *",
        "assuming a member's root: *",
        "*assume* no root",
        "the management accounts own root is not assumed",
        "*root is * assumed *",
        "no root is assumed where that is turned off",
        "a control policy can be for roots alone",
    ),
    "sessions of federated users have no more than their session policy, or nothing": (
        "a bucket policy and a federated user*",
    ),
    "reports, last uses and pages of IAM are simpler": ("IAM tells: *", "the last use of a key *"),
    "simulations look at the inline policies alone": (
        "a simulation says: *",
        "a simulation with control policies put in: *",
    ),
    "denials are not encoded, and have the status of the query protocol": (
        "an encoded denial *",
        "the status of a denial: *",
    ),
    "payload hashes and the age of URLs are not checked": (
        "a payload that is not the one hashed is refused",
        "an identity cannot be proven by a url that has expired",
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
    for why, patterns in DIFFERENCES.items():
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            return why
    return ""

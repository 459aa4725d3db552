"""S3 checks that apply even when IAM allows the call: public policies, ACLs.

Every new bucket blocks public access and enforces its owner's ownership, which does away with
ACLs. Sources: Amazon S3 User Guide, "Blocking public access to your Amazon S3 storage" (The meaning
of "public"), "Controlling ownership of objects and disabling ACLs for your bucket" and "Default
settings for new S3 buckets FAQ".
"""

from __future__ import annotations

import ipaddress
import json
from typing import TYPE_CHECKING, Any

from containment.iam_policy.policies import as_list
from containment.lab.protocol.refusal import Reason, Refusal
from containment.lab.state.buckets import OWNER_ENFORCED, bucket_owner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from containment.lab.authn.callers import Caller
    from containment.lab.protocol.operations import Operation

_OWNERS_ACL = "bucket-owner-full-control"
_PUBLIC_ACLS = frozenset({"public-read", "public-read-write", "authenticated-read"})
# A condition on one of these, with fixed values, makes a grant to everybody not public.
_NARROWING = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceip",
        "aws:sourceorgid",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "aws:vpcsourceip",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
    }
)
_BROADEST = {4: 8, 6: 32}


def check(operation: Operation, caller: Caller, _region: str) -> None:
    """Refuse a public policy where those are blocked, and an ACL where there are none.

    Raises:
        Refusal: with S3's error.
    """
    parameters = operation.parameters
    bucket = _bucket(str(parameters.get("Bucket") or ""))
    acl = str(parameters.get("ACL") or "")
    grants = any(name.startswith("Grant") for name in parameters) or "AccessControlPolicy" in (
        parameters
    )
    if operation.name == "CreateBucket":
        owned = str(parameters.get("ObjectOwnership") or OWNER_ENFORCED)
        if owned == OWNER_ENFORCED and (grants or acl not in {"", "private"}):
            raise Refusal(
                Reason.MALFORMED,
                "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
                code="InvalidBucketAclWithObjectOwnership",
                status=400,
            )
        return
    if bucket is None:
        return
    if operation.name == "PutBucketPolicy":
        _refuse_policy(str(parameters.get("Policy") or "{}"), operation, caller, bucket)
    setting = operation.name in {"PutBucketAcl", "PutObjectAcl"} or bool(acl) or grants
    if not setting:
        return
    if _ownership(bucket) == OWNER_ENFORCED and (grants or acl != _OWNERS_ACL):
        raise Refusal(
            Reason.MALFORMED,
            "The bucket does not allow ACLs",
            code="AccessControlListNotSupported",
            status=400,
        )
    if acl in _PUBLIC_ACLS and _blocks(bucket, "block_public_acls"):
        raise Refusal(
            Reason.DENIED,
            f"User: {caller.arn} is not authorized to perform: s3:{operation.name} on resource: "
            f'"arn:aws:s3:::{bucket.name}" because public access control lists (ACLs) are '
            "prevented by the BlockPublicAcls setting in S3 Block Public Access",
        )


def _refuse_policy(document: str, operation: Operation, caller: Caller, bucket: Any) -> None:
    try:
        public, elsewhere = is_public(document), _is_about_another(document, str(bucket.name))
    except (ValueError, AttributeError, TypeError, KeyError):
        return  # no policy: the service says so
    if elsewhere:
        raise Refusal(
            Reason.MALFORMED, "Policy has invalid resource", code="MalformedPolicy", status=400
        )
    if public and _blocks(bucket, "block_public_policy"):
        raise Refusal(
            Reason.DENIED,
            f"User: {caller.arn} is not authorized to perform: s3:{operation.name} on resource: "
            f'"arn:aws:s3:::{bucket.name}" because public policies are prevented by the '
            "BlockPublicPolicy setting in S3 Block Public Access.",
        )


def _is_about_another(document: str, bucket: str) -> bool:
    """Tell whether a statement names a bucket that is not the one the policy is put on."""
    for statement in as_list(json.loads(document).get("Statement", [])):
        for resource in as_list(statement.get("Resource", [])):
            name = str(resource).removeprefix("arn:aws:s3:::").partition("/")[0]
            if name != bucket and not set("*?$") & set(name):
                return True
    return False


def hides(operation: Operation, status: int) -> bool:
    """Tell whether an answer says that an object is missing, which only a lister may know.

    Source: Amazon S3 API Reference, "GetObject" and "HeadObject" (Permissions).
    """
    missing = 404
    return (
        operation.label in {"s3:GetObject", "s3:HeadObject"}
        and status == missing
        and bucket_owner(str(operation.parameters.get("Bucket"))) is not None
    )


def restricted(arn: str, document: str, caller: Caller) -> bool:
    """Tell whether a bucket with a public policy is closed to a caller of another account."""
    bucket = _bucket(arn.removeprefix("arn:aws:s3:::").partition("/")[0])
    return (
        bucket is not None
        and caller.account != bucket.account_id
        and _blocks(bucket, "restrict_public_buckets")
        and bool(document)
        and is_public(document)
    )


def is_public(document: str) -> bool:
    """Tell whether S3 calls a bucket policy public."""
    return any(
        statement.get("Effect") == "Allow"
        and _everybody(statement)
        and not _narrowed(statement.get("Condition", {}))
        for statement in as_list(json.loads(document).get("Statement", []))
    )


def _everybody(statement: Mapping[str, Any]) -> bool:
    if "NotPrincipal" in statement:
        return True
    principal = statement.get("Principal")
    return principal == "*" or (
        isinstance(principal, dict) and "*" in as_list(principal.get("AWS", []))
    )


def _narrowed(block: Mapping[str, Mapping[str, Any]]) -> bool:
    for operator, keys in block.items():
        plain = operator.lower().rpartition(":")[2]
        if plain.endswith("ifexists") or "not" in plain or plain == "null":
            continue
        for key, values in keys.items():
            if key.lower() in _NARROWING and all(
                _fixed(key.lower(), str(value)) for value in as_list(values)
            ):
                return True
    return False


def _fixed(key: str, value: str) -> bool:
    if key in {"aws:sourceip", "aws:vpcsourceip"}:
        network = ipaddress.ip_network(value, strict=False)
        return network.prefixlen >= _BROADEST[network.version]
    if key in {"aws:sourcearn", "aws:principalarn", "s3:dataaccesspointarn"}:
        account = (value.split(":") + [""] * 5)[4]
        return "*" not in value or account.isdigit()
    return "*" not in value and "?" not in value and "${" not in value


def _bucket(name: str) -> Any:
    from moto.s3.models import s3_backends

    owner = bucket_owner(name) if name else None
    return s3_backends[owner]["aws"].buckets[name] if owner is not None else None


def _blocks(bucket: Any, setting: str) -> bool:
    """Tell whether the bucket or its whole account has a setting on."""
    from moto.s3control.models import s3control_backends

    account = s3control_backends[bucket.account_id]["aws"].public_access_block
    return any(bool(getattr(one, setting, False)) for one in (bucket.public_access_block, account))


def _ownership(bucket: Any) -> str:
    rule = bucket.ownership_rule
    while isinstance(rule, dict):
        rule = next(iter(rule.values()), "")
    return str(rule or "ObjectWriter")

"""Condition keys that single services fill, from the parameters of a call and from its resource.

Source: Service Authorization Reference, the page of each service.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from containment.lab.state import moto_state

if TYPE_CHECKING:
    from containment.lab.authz.requirements import Ask
    from containment.lab.protocol.operations import Operation

Value = str | tuple[str, ...]

# What is filled below; any other key of a service's own is an error, never "absent".
FILLED = frozenset(
    {
        "iam:policyarn",
        "iam:permissionsboundary",
        "iam:passedtoservice",
        "iam:awsservicename",
        "sts:externalid",
        "sts:rolesessionname",
        "sts:sourceidentity",
        "sts:taskpolicyarn",
        "sts:transitivetagkeys",
        "s3:prefix",
        "s3:delimiter",
        "s3:max-keys",
        "s3:versionid",
        "s3:x-amz-acl",
        "s3:x-amz-copy-source",
        "s3:x-amz-storage-class",
        "s3:x-amz-server-side-encryption",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
        "s3:x-amz-content-sha256",
        "s3:resourceaccount",
        "s3:signatureversion",
        "s3:authtype",
        "s3:tlsversion",
        "s3:requestobjecttagkeys",
        "s3:object-lock-mode",
        "s3:object-lock-legal-hold",
        "s3:x-amz-object-ownership",
        "s3:x-amz-grant-read",
        "s3:x-amz-grant-write",
        "s3:x-amz-grant-read-acp",
        "s3:x-amz-grant-write-acp",
        "s3:x-amz-grant-full-control",
        "s3:x-amz-metadata-directive",
        "kms:bypasspolicylockoutsafetycheck",
        "kms:calleraccount",
        "kms:encryptionalgorithm",
        "kms:encryptioncontextkeys",
        "kms:grantconstrainttype",
        "kms:granteeprincipal",
        "kms:grantisforawsresource",
        "kms:grantoperations",
        "kms:requestalias",
        "kms:retiringprincipal",
        "kms:scheduledeletionpendingwindowindays",
        "kms:signingalgorithm",
        "kms:viaservice",
        "organizations:policytype",
        "secretsmanager:name",
        "secretsmanager:description",
        "secretsmanager:forcedeletewithoutrecovery",
        "secretsmanager:kmskeyid",
        "secretsmanager:recoverywindowindays",
        "secretsmanager:secretid",
        "secretsmanager:versionid",
        "secretsmanager:versionstage",
        "lambda:functionarn",
        "lambda:functionurlauthtype",
        "lambda:principal",
        "sns:endpoint",
        "sns:protocol",
        "dynamodb:attributes",
        "dynamodb:leadingkeys",
        "dynamodb:returnconsumedcapacity",
        "dynamodb:returnvalues",
        "dynamodb:select",
        "ec2:instancetype",
        "ec2:region",
    }
)
FAMILIES = (
    "iam:resourcetag/",
    "s3:requestobjecttag/",
    "s3:existingobjecttag/",
    "kms:encryptioncontext:",
    "secretsmanager:resourcetag/",
)


def _text(parameters: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Value]:
    return {
        key: str(parameters[name])
        for key, name in names.items()
        if parameters.get(name) is not None
    }


def _iam(operation: Operation, ask: Ask) -> dict[str, Value]:
    values = _text(
        operation.parameters,
        {
            "iam:policyarn": "PolicyArn",
            "iam:permissionsboundary": "PermissionsBoundary",
            "iam:awsservicename": "AWSServiceName",
        },
    )
    boundary = moto_state.boundary_of(ask.resource, ask.account)
    if boundary and "iam:permissionsboundary" not in values:
        values["iam:permissionsboundary"] = boundary
    return values


def _sts(operation: Operation, _ask: Ask) -> dict[str, Value]:
    values = _text(
        operation.parameters,
        {
            "sts:externalid": "ExternalId",
            "sts:rolesessionname": "RoleSessionName",
            "sts:sourceidentity": "SourceIdentity",
        },
    )
    task = (operation.parameters.get("TaskPolicyArn") or {}).get("arn")
    if task:
        values["sts:taskpolicyarn"] = str(task)
    keys = operation.parameters.get("TransitiveTagKeys")
    if keys:
        values["sts:transitivetagkeys"] = tuple(keys)
    return values


def _s3(operation: Operation, ask: Ask) -> dict[str, Value]:
    headers = operation.request.headers
    values: dict[str, Value] = {
        "s3:resourceaccount": ask.account,
        "s3:signatureversion": "AWS4-HMAC-SHA256",
        "s3:tlsversion": "1.3",
        "s3:authtype": "REST-HEADER" if "Authorization" in headers else "REST-QUERY-STRING",
    }
    if ask.resource.count("/") and operation.name not in {"CreateBucket", "ListBuckets"}:
        values |= {
            f"s3:existingobjecttag/{key.lower()}": value
            for key, value in moto_state.object_tags(ask.resource, ask.account).items()
        }
    tags = dict(parse_qsl(headers.get("x-amz-tagging", ""), keep_blank_values=True))
    if tags:
        values |= {f"s3:requestobjecttag/{key.lower()}": value for key, value in tags.items()}
        values["s3:requestobjecttagkeys"] = tuple(tags)
    for name in (
        "x-amz-acl",
        "x-amz-grant-read",
        "x-amz-grant-write",
        "x-amz-grant-read-acp",
        "x-amz-grant-write-acp",
        "x-amz-grant-full-control",
        "x-amz-object-ownership",
        "x-amz-metadata-directive",
        "x-amz-copy-source",
        "x-amz-storage-class",
        "x-amz-server-side-encryption",
        "x-amz-server-side-encryption-aws-kms-key-id",
        "x-amz-content-sha256",
    ):
        if name in headers:
            values[f"s3:{name}"] = headers[name]
    return values | _text(
        operation.parameters,
        {
            "s3:prefix": "Prefix",
            "s3:delimiter": "Delimiter",
            "s3:max-keys": "MaxKeys",
            "s3:versionid": "VersionId",
            "s3:object-lock-mode": "ObjectLockMode",
            "s3:object-lock-legal-hold": "ObjectLockLegalHoldStatus",
        },
    )


def _kms(operation: Operation, ask: Ask) -> dict[str, Value]:
    parameters = operation.parameters
    values: dict[str, Value] = {"kms:calleraccount": ask.caller or ask.account}
    context = parameters.get("EncryptionContext") or {}
    if context:
        values["kms:encryptioncontextkeys"] = tuple(context)
    values |= {f"kms:encryptioncontext:{key.lower()}": str(v) for key, v in context.items()}
    if parameters.get("Operations"):
        values["kms:grantoperations"] = tuple(parameters["Operations"])
    if operation.name == "CreateGrant":
        values["kms:grantisforawsresource"] = "false"
        for kind in parameters.get("Constraints") or {}:
            values["kms:grantconstrainttype"] = str(kind)
    alias = str(parameters.get("AliasName") or parameters.get("KeyId") or "")
    if "alias/" in alias:
        values["kms:requestalias"] = "alias/" + alias.partition("alias/")[2]
    return values | _text(
        parameters,
        {
            "kms:bypasspolicylockoutsafetycheck": "BypassPolicyLockoutSafetyCheck",
            "kms:encryptionalgorithm": "EncryptionAlgorithm",
            "kms:granteeprincipal": "GranteePrincipal",
            "kms:retiringprincipal": "RetiringPrincipal",
            "kms:scheduledeletionpendingwindowindays": "PendingWindowInDays",
            "kms:signingalgorithm": "SigningAlgorithm",
        },
    )


def _secretsmanager(operation: Operation, ask: Ask) -> dict[str, Value]:
    named = {"secretsmanager:secretid": ask.resource} if ask.resource != "*" else {}
    return named | _text(
        operation.parameters,
        {
            "secretsmanager:description": "Description",
            "secretsmanager:forcedeletewithoutrecovery": "ForceDeleteWithoutRecovery",
            "secretsmanager:kmskeyid": "KmsKeyId",
            "secretsmanager:name": "Name",
            "secretsmanager:recoverywindowindays": "RecoveryWindowInDays",
            "secretsmanager:versionid": "VersionId",
            "secretsmanager:versionstage": "VersionStage",
        },
    )


def _lambda(operation: Operation, _ask: Ask) -> dict[str, Value]:
    return _text(
        operation.parameters,
        {
            "lambda:functionarn": "FunctionName",
            "lambda:functionurlauthtype": "FunctionUrlAuthType",
            "lambda:principal": "Principal",
        },
    )


def _sns(operation: Operation, _ask: Ask) -> dict[str, Value]:
    return _text(operation.parameters, {"sns:endpoint": "Endpoint", "sns:protocol": "Protocol"})


def _ec2(operation: Operation, _ask: Ask) -> dict[str, Value]:
    region = operation.host.split(".")[1]
    return {"ec2:region": region} | _text(
        operation.parameters, {"ec2:instancetype": "InstanceType"}
    )


def _dynamodb(operation: Operation, ask: Ask) -> dict[str, Value]:
    """Fill what "Using IAM policy conditions for fine-grained access control" is about."""
    parameters = operation.parameters
    values = _text(
        parameters,
        {
            "dynamodb:returnconsumedcapacity": "ReturnConsumedCapacity",
            "dynamodb:returnvalues": "ReturnValues",
            "dynamodb:select": "Select",
        },
    )
    hash_key = moto_state.hash_key(ask.resource, ask.account)
    leading: list[str] = []
    attributes: list[str] = list(parameters.get("AttributesToGet") or ())
    items = [parameters.get("Key"), parameters.get("Item")]
    for entry in parameters.get("TransactItems") or ():
        items += [part.get("Key") or part.get("Item") for part in entry.values()]
    for item in items:
        if isinstance(item, Mapping):
            attributes += item
            if hash_key in item:
                leading += map(str, item[hash_key].values())
    condition = parameters.get("KeyConditionExpression")
    if condition:
        leading += _equal_to(hash_key, str(condition), parameters)
    projection = str(parameters.get("ProjectionExpression") or "")
    named = parameters.get("ExpressionAttributeNames") or {}
    attributes += [named.get(one.strip(), one.strip()) for one in projection.split(",") if one]
    if leading:
        values["dynamodb:leadingkeys"] = tuple(leading)
    if attributes:
        values["dynamodb:attributes"] = tuple(dict.fromkeys(attributes))
    return values


def _equal_to(hash_key: str, condition: str, parameters: Mapping[str, Any]) -> list[str]:
    """Return the values that a query's condition gives its hash key."""
    names = parameters.get("ExpressionAttributeNames") or {}
    values = parameters.get("ExpressionAttributeValues") or {}
    operands: list[str] = []
    for part in condition.replace(" and ", " AND ").split(" AND "):
        name, _, right = (side.strip(" ()") for side in part.partition("="))
        if names.get(name, name) == hash_key and right in values:
            operands += map(str, values[right].values())
    return operands


def _organizations(operation: Operation, _ask: Ask) -> dict[str, Value]:
    return _text(operation.parameters, {"organizations:policytype": "Type"})


FILLERS: Mapping[str, Callable[[Operation, Ask], dict[str, Value]]] = {
    "iam": _iam,
    "sts": _sts,
    "s3": _s3,
    "kms": _kms,
    "secretsmanager": _secretsmanager,
    "lambda": _lambda,
    "sns": _sns,
    "ec2": _ec2,
    "dynamodb": _dynamodb,
    "organizations": _organizations,
}

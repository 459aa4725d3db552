"""Actions and resources of the services whose calls do not name them one to one.

Source: Service Authorization Reference, the page of each service.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from containment.lab.state import moto_state
from containment.lab.state.buckets import bucket_owner

if TYPE_CHECKING:
    from containment.lab.authn.callers import Caller
    from containment.lab.protocol.operations import Operation

Parameters = Mapping[str, Any]

# Operations whose permission has another name. "Required permissions for Amazon S3 API operations".
_RENAMED: Mapping[str, Mapping[str, str]] = {
    "s3": {
        "ListBuckets": "ListAllMyBuckets",
        "HeadBucket": "ListBucket",
        "ListObjects": "ListBucket",
        "ListObjectsV2": "ListBucket",
        "ListObjectVersions": "ListBucketVersions",
        "ListMultipartUploads": "ListBucketMultipartUploads",
        "HeadObject": "GetObject",
        "CreateMultipartUpload": "PutObject",
        "UploadPart": "PutObject",
        "UploadPartCopy": "PutObject",
        "CompleteMultipartUpload": "PutObject",
        "CopyObject": "PutObject",
        "DeleteObjects": "DeleteObject",
        "ListParts": "ListMultipartUploadParts",
        "SelectObjectContent": "GetObject",
        "GetBucketLifecycle": "GetLifecycleConfiguration",
        "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
        "PutBucketLifecycle": "PutLifecycleConfiguration",
        "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
        "DeleteBucketLifecycle": "PutLifecycleConfiguration",
        "GetBucketEncryption": "GetEncryptionConfiguration",
        "PutBucketEncryption": "PutEncryptionConfiguration",
        "DeleteBucketEncryption": "PutEncryptionConfiguration",
        "GetBucketCors": "GetBucketCORS",
        "PutBucketCors": "PutBucketCORS",
        "DeleteBucketCors": "PutBucketCORS",
        "DeleteBucketTagging": "PutBucketTagging",
        "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
        "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
        "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
        "GetBucketNotificationConfiguration": "GetBucketNotification",
        "PutBucketNotificationConfiguration": "PutBucketNotification",
        "GetBucketReplication": "GetReplicationConfiguration",
        "PutBucketReplication": "PutReplicationConfiguration",
        "DeleteBucketReplication": "PutReplicationConfiguration",
        "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
        "PutBucketAccelerateConfiguration": "PutAccelerateConfiguration",
        "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
        "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
        "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
        "DeleteBucketLifecycleConfiguration": "PutLifecycleConfiguration",
        **{
            f"{verb}Bucket{kind}Configuration{plural}": f"{needed}{kind}Configuration"
            for kind in ("Analytics", "IntelligentTiering", "Inventory", "Metrics")
            for verb, plural, needed in (
                ("Get", "", "Get"),
                ("List", "s", "Get"),
                ("Put", "", "Put"),
                ("Delete", "", "Put"),
            )
        },
    },
    "bedrock": {"Converse": "InvokeModel", "ConverseStream": "InvokeModelWithResponseStream"},
    "lambda": {"Invoke": "InvokeFunction", "InvokeAsync": "InvokeFunction"},
    "sqs": {
        "SendMessageBatch": "SendMessage",
        "DeleteMessageBatch": "DeleteMessage",
        "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
    },
    "sns": {"PublishBatch": "Publish"},
}
_VERSIONED = {"GetObject": "GetObjectVersion", "DeleteObject": "DeleteObjectVersion"}
_TRANSACTION = {
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}


def actions_of(operation: Operation, caller: Caller) -> list[tuple[str, Parameters]]:
    """Return the actions that *operation* needs, each with the parameters it is about."""
    prefix, name, parameters = operation.service.prefix, operation.name, operation.parameters
    if prefix == "dynamodb" and name in {"BatchGetItem", "BatchWriteItem"}:
        return [(name, {"TableName": table}) for table in parameters.get("RequestItems", {})]
    if prefix == "dynamodb" and name in {"TransactGetItems", "TransactWriteItems"}:
        return [
            (_TRANSACTION[kind], {"TableName": item["TableName"]})
            for entry in parameters.get("TransactItems", [])
            for kind, item in entry.items()
            if kind in _TRANSACTION
        ]
    if prefix == "kms" and name == "ReEncrypt":
        return [
            ("ReEncryptFrom", {"KeyId": parameters.get("SourceKeyId")}),
            ("ReEncryptTo", {"KeyId": parameters.get("DestinationKeyId")}),
        ]
    if prefix == "s3" and name == "DeleteObjects":
        return [
            (
                "DeleteObjectVersion" if item.get("VersionId") else "DeleteObject",
                {"Bucket": parameters.get("Bucket"), "Key": item["Key"]},
            )
            for item in (parameters.get("Delete") or {}).get("Objects", [])
        ]
    action = _RENAMED.get(prefix, {}).get(name, name)
    actions: list[tuple[str, Parameters]] = [(action, parameters)]
    if prefix == "sts":
        actions += [(extra, parameters) for extra in _with_session(name, parameters, caller)]
    if prefix == "s3":
        if parameters.get("VersionId") and action in _VERSIONED:
            actions = [(_VERSIONED[action], parameters)]
        if name in {"CopyObject", "UploadPartCopy"}:
            actions.append(("GetObject", _copied_from(parameters)))
        actions += [(extra, parameters) for extra in _put_along(name, parameters)]
    return actions


# What is put along with an object or a bucket has a permission of its own. "Required permissions
# for Amazon S3 API operations".
_ALONG: Mapping[str, Mapping[str, str]] = {
    "object": {
        "Tagging": "PutObjectTagging",
        "ACL": "PutObjectAcl",
        "GrantFullControl": "PutObjectAcl",
        "GrantRead": "PutObjectAcl",
        "ObjectLockMode": "PutObjectRetention",
        "ObjectLockRetainUntilDate": "PutObjectRetention",
        "ObjectLockLegalHoldStatus": "PutObjectLegalHold",
    },
    "bucket": {
        "ACL": "PutBucketAcl",
        "GrantFullControl": "PutBucketAcl",
        "GrantRead": "PutBucketAcl",
        "ObjectLockEnabledForBucket": "PutBucketObjectLockConfiguration",
        "ObjectOwnership": "PutBucketOwnershipControls",
    },
    "deletion": {"BypassGovernanceRetention": "BypassGovernanceRetention"},
}
_PUTTING = {
    "PutObject": "object",
    "CopyObject": "object",
    "CreateMultipartUpload": "object",
    "CreateBucket": "bucket",
    "DeleteObject": "deletion",
    "PutObjectRetention": "deletion",
}


def _put_along(name: str, parameters: Parameters) -> list[str]:
    needed = _ALONG.get(_PUTTING.get(name, ""), {})
    return list(dict.fromkeys(needed[key] for key in needed if parameters.get(key)))


def _with_session(name: str, parameters: Parameters, caller: Caller) -> Iterator[str]:
    """Yield what passing tags and a source identity needs; a chain carries its identity along.

    Source: IAM User Guide, "Monitor and control actions taken with assumed roles" and "Pass session
    tags in AWS STS".
    """
    if not name.startswith("AssumeRole") and name != "GetFederationToken":
        return
    carried = caller.session.source_identity if caller.session is not None else ""
    if parameters.get("Tags"):
        yield "TagSession"
    if name != "GetFederationToken" and (parameters.get("SourceIdentity") or carried):
        yield "SetSourceIdentity"


def _copied_from(parameters: Parameters) -> Parameters:
    source = unquote(str(parameters.get("CopySource", ""))).lstrip("/").partition("?")[0]
    bucket, _, key = source.partition("/")
    return {"Bucket": bucket, "Key": key}


def sts(
    operation: Operation, _action: str, parameters: Parameters, caller: Caller, _region: str
) -> list[tuple[str, str]]:
    """Return the role to assume, or the federated user to be."""
    if operation.name.startswith("AssumeRole"):
        arn = str(parameters.get("RoleArn") or "")
        return [(arn, arn.split(":")[4] if arn.startswith("arn:aws:iam::") else caller.account)]
    if operation.name == "AssumeRoot":
        target = str(parameters.get("TargetPrincipal") or "")
        arn = target if target.startswith("arn:") else f"arn:aws:iam::{target}:root"
        return [(arn, caller.account)]
    if operation.name == "GetFederationToken":
        arn = f"arn:aws:sts::{caller.account}:federated-user/{parameters.get('Name', '')}"
        return [(arn, caller.account)]
    return [("*", caller.account)]


def s3(
    _operation: Operation, action: str, parameters: Parameters, caller: Caller, _region: str
) -> list[tuple[str, str]]:
    """Return the bucket or the object, and the account that owns the bucket."""
    bucket, key = parameters.get("Bucket"), parameters.get("Key")
    if not bucket:
        return [("*", caller.account)]
    # A name that somebody has is refused to whoever may make buckets, not for want of permission.
    owner = caller.account if action == "CreateBucket" else bucket_owner(bucket) or caller.account
    about_bucket = not key or action in {"ListBucket", "ListBucketMultipartUploads"}
    arn = f"arn:aws:s3:::{bucket}" + ("" if about_bucket else f"/{key}")
    return [(arn, owner)]


def sqs(
    operation: Operation, _action: str, parameters: Parameters, caller: Caller, region: str
) -> list[tuple[str, str]]:
    """Return the queue, by its URL, its name or the path the call was sent to."""
    url = str(parameters.get("QueueUrl") or "")
    parts = url.rstrip("/").split("/")
    name = parameters.get("QueueName") or (parts[-1] if url else "")
    account = str(parameters.get("QueueOwnerAWSAccountId") or "") or (
        parts[-2] if len(parts) > 1 and parts[-2].isdigit() else caller.account
    )
    if not name and operation.name == "ListQueues":
        return [("*", caller.account)]
    return [(f"arn:aws:sqs:{region}:{account}:{name}", account)]


def kms(
    _operation: Operation, action: str, parameters: Parameters, caller: Caller, region: str
) -> list[tuple[str, str]]:
    """Return the key, found by id, ARN, alias, or by the ciphertext that names it."""
    arn = kms_key_arn(parameters, caller.account, region)
    if arn is None:
        if action in {"CreateKey", "ListKeys", "ListAliases", "GenerateRandom"}:
            return [("*", caller.account)]
        stated = parameters.get("KeyId") or parameters.get("TargetKeyId") or "*"
        return [(f"arn:aws:kms:{region}:{caller.account}:key/{stated}", caller.account)]
    return [(arn, arn.split(":")[4])]


def kms_key_arn(parameters: Parameters, account: str, region: str) -> str | None:
    """Return the ARN of the key that a KMS call is about, None where there is none."""
    from moto.kms.models import kms_backends

    stated = parameters.get("KeyId") or parameters.get("TargetKeyId") or parameters.get("AliasName")
    blob = parameters.get("CiphertextBlob")
    if not stated and isinstance(blob, bytes):
        stated = blob[:36].decode("ascii", "replace")
    if not stated:
        return None
    if stated.startswith("arn:"):
        _, _, _, region, account, stated = stated.split(":", 5)
    name = stated.removeprefix("key/")
    backend = kms_backends[account][region]
    for key in backend.keys.values():
        if name in {key.id, *key.aliases}:
            return str(key.arn)
    return None


def secretsmanager(
    _operation: Operation, action: str, parameters: Parameters, caller: Caller, region: str
) -> list[tuple[str, str]]:
    """Return the secret with the suffix AWS gave it, or ``name-??????`` where there is none."""
    from moto.secretsmanager.models import secretsmanager_backends

    if action in {"ListSecrets", "GetRandomPassword", "BatchGetSecretValue"}:
        return [("*", caller.account)]
    stated = str(parameters.get("SecretId") or parameters.get("Name") or "")
    account = stated.split(":")[4] if stated.startswith("arn:") else caller.account
    for secret in secretsmanager_backends[account][region].secrets.values():
        if stated in {secret.arn, secret.name, secret.arn.rsplit("-", 1)[0]}:
            return [(secret.arn, account)]
    arn = f"arn:aws:secretsmanager:{region}:{account}:secret:{stated}"
    return [(stated if stated.startswith("arn:") else arn, account)]


def functions(
    _operation: Operation, action: str, parameters: Parameters, caller: Caller, region: str
) -> list[tuple[str, str]]:
    """Return the function, with its qualifier where one is given."""
    stated = str(parameters.get("FunctionName") or parameters.get("Resource") or "")
    if not stated or action == "ListFunctions":
        return [("*", caller.account)]
    if stated.startswith("arn:"):
        return [(stated, stated.split(":")[4])]
    name, _, qualifier = stated.rsplit(":function:", maxsplit=1)[-1].partition(":")
    qualifier = qualifier or str(parameters.get("Qualifier") or "")
    arn = f"arn:aws:lambda:{region}:{caller.account}:function:{name}"
    return [(f"{arn}:{qualifier}" if qualifier else arn, caller.account)]


def ssm(
    operation: Operation, action: str, parameters: Parameters, caller: Caller, region: str
) -> list[tuple[str, str]]:
    """Return parameters without their leading slash, or instances and the document to run."""
    head = f"arn:aws:ssm:{region}:{caller.account}"
    if action.endswith(("Parameter", "Parameters", "ParameterHistory")):
        stated = parameters.get("Names") or [parameters.get("Name") or "*"]
        names = ["*"] if operation.name == "DescribeParameters" else [str(one) for one in stated]
        arns = [f"{head}:parameter/{name.lstrip('/')}" for name in names]
    elif action == "GetParametersByPath":
        arns = [f"{head}:parameter/{str(parameters.get('Path', '')).strip('/')}"]
    elif action == "SendCommand":
        document = parameters.get("DocumentName", "")
        instances = parameters.get("InstanceIds") or ["*"]
        arns = [f"arn:aws:ssm:{region}::document/{document}"] + [
            f"arn:aws:ec2:{region}:{caller.account}:instance/{one}" for one in instances
        ]
    else:
        return []  # by the templates
    return [(arn, caller.account) for arn in arns]


def cloudtrail(
    _operation: Operation, _action: str, parameters: Parameters, caller: Caller, region: str
) -> list[tuple[str, str]]:
    """Return the trail, by name or ARN; the event history is no resource."""
    stated = str(
        parameters.get("Name") or parameters.get("TrailName") or parameters.get("ResourceId") or ""
    )
    if not stated:
        return [("*", caller.account)]
    if stated.startswith("arn:"):
        return [(stated, stated.split(":")[4])]
    return [(f"arn:aws:cloudtrail:{region}:{caller.account}:trail/{stated}", caller.account)]


def bedrock(
    operation: Operation, _action: str, parameters: Parameters, caller: Caller, region: str
) -> list[tuple[str, str]]:
    """Return the model that is invoked, by ARN or by the id of a foundation model."""
    stated = str(parameters.get("modelId") or "")
    if not stated or operation.model != "bedrock-runtime":
        return []  # by the templates
    arn = f"arn:aws:bedrock:{region}::foundation-model/{stated}"
    return [(stated if stated.startswith("arn:") else arn, caller.account)]


def organizations(
    _operation: Operation, _action: str, parameters: Parameters, caller: Caller, _region: str
) -> list[tuple[str, str]]:
    """Return the policy, account, unit or root that the ids in the call stand for."""
    state = moto_state.organization()
    entities: tuple[Any, ...] = (*state.policies, *state.accounts, *state.ou)
    arns = [
        entity.arn
        for entity in entities
        if entity.id in {v for v in parameters.values() if isinstance(v, str)}
    ]
    return [(arn, caller.account) for arn in arns or ["*"]]

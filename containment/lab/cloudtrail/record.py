"""One record: what CloudTrail writes about one authenticated call.

Source: AWS CloudTrail User Guide, "CloudTrail record contents".
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from containment.clock import isoformat
from containment.lab.authz.requirements_services import kms_key_arn
from containment.lab.cloudtrail.elements import request_parameters, response_elements
from containment.lab.cloudtrail.identity import Json, seen_from_outside, user_identity
from containment.lab.protocol.services import action_details
from containment.lab.state.buckets import bucket_owner

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from containment.lab.authn.callers import Caller
    from containment.lab.protocol.call import Call
    from containment.lab.protocol.operations import Operation

_VERSION = "1.11"
# "Global service events": recorded in us-east-1, wherever the call went.
_GLOBAL = frozenset({"iam", "organizations", "cloudfront", "route53"})
_STS_WRITES = frozenset({"GetFederationToken"})
# Lambda's event names carry the version of its API.
_LAMBDA = {
    "AddPermission": "AddPermission20150331v2",
    "CreateFunction": "CreateFunction20150331",
    "DeleteFunction": "DeleteFunction20150331",
    "GetFunction": "GetFunction20150331v2",
    "ListFunctions": "ListFunctions20150331",
    "RemovePermission": "RemovePermission20150331v2",
    "UpdateFunctionCode": "UpdateFunctionCode20150331v2",
    "UpdateFunctionConfiguration": "UpdateFunctionConfiguration20150331v2",
}
# "Logging data events": what is logged only where a selector asks for it.
_DATA: Mapping[str, tuple[str, frozenset[str]]] = {
    "s3": (
        "AWS::S3::Object",
        frozenset(
            {
                "AbortMultipartUpload",
                "CompleteMultipartUpload",
                "CopyObject",
                "CreateMultipartUpload",
                "DeleteObject",
                "DeleteObjects",
                "DeleteObjectTagging",
                "GetObject",
                "GetObjectAcl",
                "GetObjectAttributes",
                "GetObjectTagging",
                "HeadBucket",
                "HeadObject",
                "ListMultipartUploads",
                "ListObjects",
                "ListObjectsV2",
                "ListObjectVersions",
                "ListParts",
                "PutObject",
                "PutObjectAcl",
                "PutObjectTagging",
                "UploadPart",
                "UploadPartCopy",
            }
        ),
    ),
    "lambda": ("AWS::Lambda::Function", frozenset({"Invoke"})),
    "dynamodb": (
        "AWS::DynamoDB::Table",
        frozenset(
            {
                "BatchGetItem",
                "BatchWriteItem",
                "DeleteItem",
                "GetItem",
                "PutItem",
                "Query",
                "Scan",
                "TransactGetItems",
                "TransactWriteItems",
                "UpdateItem",
            }
        ),
    ),
    "sqs": (
        "AWS::SQS::Queue",
        frozenset({"SendMessage", "ReceiveMessage", "DeleteMessage", "SendMessageBatch"}),
    ),
    "sns": ("AWS::SNS::Topic", frozenset({"Publish", "PublishBatch"})),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended: an error's code and message, or an answer."""

    error_code: str = ""
    error_message: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def data_type(operation: Operation) -> str:
    """Return the resource type of a data event, empty for a management event."""
    kind, names = _DATA.get(operation.service.prefix, ("", frozenset[str]()))
    return kind if operation.name in names else ""


def read_only(operation: Operation) -> bool:
    """Tell what ``readOnly`` says. AssumeRole counts as reading, GetFederationToken does not."""
    if operation.service.prefix == "sts":
        return operation.name not in _STS_WRITES
    details = action_details(operation.service.prefix, operation.name)
    if details is not None:
        return str(details["accessLevel"]) in {"Read", "List"}
    return operation.name.startswith(("Get", "List", "Describe", "Head", "Lookup"))


def records_of(
    call: Call, operation: Operation, caller: Caller, outcome: Outcome, *, now: datetime
) -> list[Json]:
    """Return the record of a call, and its twin in the account whose role or resource it was."""
    elsewhere = _other_account(operation, caller, call.region)
    if caller.kind == "anonymous":
        elsewhere = bucket_owner(str(operation.parameters.get("Bucket", ""))) or ""
        if not elsewhere:
            return []
    own = _record(call, operation, outcome, now=now, identity=user_identity(caller))
    own["recipientAccountId"] = caller.account or elsewhere
    if caller.session is not None and caller.session.kind == "console":
        own["sessionCredentialFromConsole"] = "true"
    if not elsewhere or caller.vouched_for or caller.kind == "anonymous":
        return [own]
    if outcome.error_code:
        # The other account learns of what it granted; a refusal stays with the caller's account.
        return [own]
    twin = _record(call, operation, outcome, now=now, identity=seen_from_outside(caller))
    own["sharedEventID"] = shared = str(uuid.uuid4())
    return [own, twin | {"recipientAccountId": elsewhere, "sharedEventID": shared}]


def _record(
    call: Call, operation: Operation, outcome: Outcome, *, now: datetime, identity: Json
) -> Json:
    prefix, name = operation.service.prefix, operation.name
    kind = data_type(operation)
    denied = outcome.error_code in {"AccessDenied", "AccessDeniedException"}
    record: Json = {
        "eventVersion": _VERSION,
        "userIdentity": identity,
        "eventTime": isoformat(now),
        "eventSource": f"{_source(operation)}.amazonaws.com",
        "eventName": _LAMBDA.get(name, name) if prefix == "lambda" else _spelled_s3(prefix, name),
        "awsRegion": "us-east-1" if _source(operation) in _GLOBAL else call.region,
        "sourceIPAddress": call.source_ip,
        "userAgent": call.user_agent,
    }
    if outcome.error_code:
        record["errorCode"] = outcome.error_code
        record["errorMessage"] = outcome.error_message
    record |= {
        "requestParameters": None if denied else _parameters(operation),
        "responseElements": _response(operation, outcome),
        "requestID": call.request_id,
        "eventID": str(uuid.uuid4()),
        "readOnly": read_only(operation),
        "eventType": "AwsApiCall",
        "managementEvent": not kind,
        "eventCategory": "Data" if kind else "Management",
        "tlsDetails": {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": f"{_source(operation)}.amazonaws.com",
        },
    }
    if prefix == "sts" and name.startswith("AssumeRole") and not outcome.error_code:
        arn = str(operation.parameters.get("RoleArn", ""))
        record["resources"] = [
            {"ARN": arn, "accountId": arn.split(":")[4], "type": "AWS::IAM::Role"}
        ]
    if kind == "AWS::S3::Object":
        record["resources"] = _objects(operation)
    return record


def _source(operation: Operation) -> str:
    """Return the service that a record names; the toolbox of IAM signs as IAM does."""
    return operation.model if operation.model == "iam-toolbox" else operation.service.signing_name


def _parameters(operation: Operation) -> Json | None:
    """Return the parameters; for SAML the tags as the assertion has them, by key."""
    recorded = dict(operation.parameters)
    tags = recorded.pop("Tags", []) if operation.name == "AssumeRoleWithSAML" else []
    recorded.pop("SessionNotOnOrAfter", None)
    shown = request_parameters(operation.model, operation.name, recorded)
    if shown is not None and tags:
        shown["principalTags"] = {tag["Key"]: tag["Value"] for tag in tags}
    return shown


def _response(operation: Operation, outcome: Outcome) -> Json | None:
    made_credentials = operation.service.prefix == "sts" and operation.name != "GetCallerIdentity"
    if outcome.error_code or (read_only(operation) and not made_credentials):
        return None
    return response_elements(
        operation.model,
        operation.name,
        status=outcome.status,
        headers=outcome.headers,
        body=outcome.body,
    )


def _spelled_s3(prefix: str, name: str) -> str:
    return "ListObjects" if prefix == "s3" and name == "ListObjectsV2" else name


def _objects(operation: Operation) -> list[Json]:
    bucket, key = operation.parameters.get("Bucket"), operation.parameters.get("Key")
    resources: list[Json] = []
    if key:
        resources.append({"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::{bucket}/{key}"})
    resources.append({"type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"})
    return resources


def _other_account(operation: Operation, caller: Caller, region: str) -> str:
    """Return the account of a role, bucket or key that is not the caller's; empty if it is."""
    prefix, parameters = operation.service.prefix, operation.parameters
    account = ""
    if prefix == "sts" and operation.name.startswith("AssumeRole"):
        account = _account_in(str(parameters.get("RoleArn", "")))
    elif prefix == "s3" and parameters.get("Bucket"):
        account = bucket_owner(str(parameters["Bucket"])) or ""
    elif prefix == "kms":
        account = _account_in(kms_key_arn(parameters, caller.account, region) or "")
    return account if account != caller.account else ""


def _account_in(arn: str) -> str:
    return (arn.split(":", 5) + [""] * 5)[4]

"""What services do by themselves or for a caller, and what CloudTrail writes of it.

A call on something that KMS encrypts makes the service ask KMS, with the caller's permissions; an
instance or a function gets its role's credentials from the service that runs it. Sources: Amazon S3
User Guide, "Using server-side encryption with AWS KMS keys"; AWS Secrets Manager User Guide,
"Secret encryption and decryption"; AWS CloudTrail User Guide, "CloudTrail userIdentity element".
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.iam.utils import generate_access_key_id_from_account_id

from containment.clock import isoformat
from containment.lab.authz.requirements_services import kms_key_arn
from containment.lab.cloudtrail.elements import assumed_at
from containment.lab.cloudtrail.identity import Json, forwarded, service_identity
from containment.lab.state.buckets import bucket_owner

if TYPE_CHECKING:
    from datetime import datetime

    from containment.lab.authn.callers import Caller
    from containment.lab.authn.sessions import Session
    from containment.lab.protocol.operations import Operation

_VERSION = "1.11"


@dataclass(frozen=True, slots=True)
class KeyUse:
    """What a service asks KMS for, on behalf of the caller."""

    action: str
    key: str
    service: str
    context: dict[str, str]
    # A key that AWS manages lets everybody in the account through the service, without a policy.
    managed: bool

    @property
    def conditions(self) -> dict[str, str | tuple[str, ...]]:
        """The condition keys of the call to KMS."""
        region = self.key.split(":")[3]
        prefix = self.service.partition(".")[0]
        return {
            "aws:viaawsservice": "true",
            "kms:viaservice": f"{prefix}.{region}.amazonaws.com",
            "kms:encryptioncontextkeys": tuple(self.context),
            **{f"kms:encryptioncontext:{key.lower()}": v for key, v in self.context.items()},
        }


def key_use(operation: Operation, caller: Caller, region: str) -> KeyUse | None:
    """Return the use of a KMS key that *operation* brings with it, None where it brings none."""
    prefix = operation.service.prefix
    if prefix == "s3" and operation.name in {"GetObject", "PutObject"}:
        return _of_object(operation, caller, region)
    if prefix == "secretsmanager" and operation.name in _SECRETS:
        return _of_secret(operation, caller, region)
    return None


_SECRETS = {
    "GetSecretValue": "Decrypt",
    "PutSecretValue": "GenerateDataKey",
    "CreateSecret": "GenerateDataKey",
}


def _of_object(operation: Operation, caller: Caller, region: str) -> KeyUse | None:
    from moto.s3.models import s3_backends

    bucket, key = str(operation.parameters["Bucket"]), str(operation.parameters["Key"])
    owner = bucket_owner(bucket)
    if owner is None:
        return None
    if operation.name == "PutObject":
        encryption = operation.parameters.get("ServerSideEncryption")
        key_id = operation.parameters.get("SSEKMSKeyId")
    else:
        stored = s3_backends[owner]["aws"].buckets[bucket].keys.get(key)
        encryption, key_id = (
            getattr(stored, "encryption", None),
            getattr(stored, "kms_key_id", None),
        )
    if encryption != "aws:kms":
        return None
    return KeyUse(
        action="GenerateDataKey" if operation.name == "PutObject" else "Decrypt",
        key=_key_arn(key_id, "s3", caller.account, region),
        service="s3.amazonaws.com",
        context={"aws:s3:arn": f"arn:aws:s3:::{bucket}/{key}"},
        managed=not key_id,
    )


def _of_secret(operation: Operation, caller: Caller, region: str) -> KeyUse | None:
    from moto.secretsmanager.models import secretsmanager_backends

    stated = str(operation.parameters.get("SecretId") or operation.parameters.get("Name") or "")
    account = stated.split(":")[4] if stated.startswith("arn:") else caller.account
    secrets: Any = secretsmanager_backends[account][region].secrets
    for secret in secrets.values():
        if stated in {secret.arn, secret.name}:
            arn, key_id = secret.arn, secret.kms_key_id
            break
    else:
        arn = f"arn:aws:secretsmanager:{region}:{account}:secret:{stated}"
        key_id = operation.parameters.get("KmsKeyId")
    return KeyUse(
        action=_SECRETS[operation.name],
        key=_key_arn(key_id, "secretsmanager", account, region),
        service="secretsmanager.amazonaws.com",
        context={"SecretARN": arn},
        managed=not key_id,
    )


def _key_arn(key_id: str | None, service: str, account: str, region: str) -> str:
    if key_id:
        arn = kms_key_arn({"KeyId": key_id}, account, region)
        return arn or f"arn:aws:kms:{region}:{account}:key/{key_id}"
    managed = uuid.uuid5(uuid.NAMESPACE_DNS, f"{service}.{region}.{account}.amazonaws.com")
    return f"arn:aws:kms:{region}:{account}:key/{managed}"


def record_of(use: KeyUse, caller: Caller, *, now: datetime) -> Json:
    """Return the record of a service's call to KMS, under a key that nobody was issued."""
    key_id = generate_access_key_id_from_account_id(caller.account, prefix="ASIA")
    parameters: Json = {"encryptionContext": use.context}
    if use.action == "Decrypt":
        parameters["encryptionAlgorithm"] = "SYMMETRIC_DEFAULT"
    else:
        parameters |= {"keyId": use.key, "keySpec": "AES_256"}
    return _record(
        "kms",
        use.action,
        forwarded(caller, use.service, key_id=key_id, now=now),
        region=use.key.split(":")[3],
        account=caller.account,
        now=now,
        read_only=True,
        source=use.service,
    ) | {
        "requestParameters": parameters,
        "responseElements": None,
        "resources": [
            {"accountId": use.key.split(":")[4], "type": "AWS::KMS::Key", "ARN": use.key}
        ],
    }


def handed_out(session: Session, role_arn: str, service: str, *, region: str) -> Json:
    """Return the record of a service that takes its role's session for what it runs."""
    arn = role_arn.partition(":role/")[0].replace(":iam:", ":sts:")
    return _record(
        "sts",
        "AssumeRole",
        service_identity(service),
        region=region,
        account=session.account,
        now=session.issued,
        read_only=True,
        source=service,
    ) | {
        "requestParameters": {"roleArn": role_arn, "roleSessionName": session.name},
        "responseElements": {
            "credentials": {
                "accessKeyId": session.access_key_id,
                "expiration": assumed_at(session.expires),
            },
            "assumedRoleUser": {
                "assumedRoleId": f"{session.principal_id}:{session.name}",
                "arn": f"{arn}:assumed-role/{session.principal_name}/{session.name}",
            },
        },
        "resources": [{"ARN": role_arn, "accountId": session.account, "type": "AWS::IAM::Role"}],
        "sharedEventID": str(uuid.uuid4()),
    }


def _record(
    service: str,
    name: str,
    identity: Json,
    *,
    region: str,
    account: str,
    now: datetime,
    read_only: bool,
    source: str,
) -> Json:
    return {
        "eventVersion": _VERSION,
        "userIdentity": identity,
        "eventTime": isoformat(now),
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": source,
        "userAgent": source,
        "requestID": str(uuid.uuid4()),
        "eventID": str(uuid.uuid4()),
        "readOnly": read_only,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "eventCategory": "Management",
        "recipientAccountId": account,
    }

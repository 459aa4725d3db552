"""KMS keys that cannot be used, and grants, which let somebody use one beside its policy.

Sources: AWS KMS Developer Guide, "Key states of AWS KMS keys" and "Grants in AWS KMS".
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from containment.lab.authz.requirements_services import kms_key_arn
from containment.lab.protocol.refusal import Reason, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from containment.iam_policy.evaluate import Decision
    from containment.lab.authn.callers import Caller
    from containment.lab.authz.requirements import Ask
    from containment.lab.protocol.call import Call
    from containment.lab.protocol.operations import Operation

_USES = frozenset(
    {
        "CreateGrant",
        "Decrypt",
        "DeriveSharedSecret",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateMac",
        "ReEncrypt",
        "Sign",
        "Verify",
        "VerifyMac",
    }
)
_OUTSIDE = frozenset({"identity-based policy", "resource-based policy"})


def check(operation: Operation, caller: Caller, region: str) -> None:
    """Refuse to use a key that is disabled or about to be deleted.

    Raises:
        Refusal: with KMS's error.
    """
    if operation.name not in _USES:
        return
    key = _key(operation.parameters, caller, region)
    state = "Enabled" if key is None else str(key.key_state)
    if key is not None and state == "Disabled":
        raise Refusal(
            Reason.MALFORMED, f"{key.arn} is disabled.", code="DisabledException", status=400
        )
    if key is not None and state == "PendingDeletion":
        raise Refusal(
            Reason.MALFORMED,
            f"{key.arn} is pending deletion.",
            code="KMSInvalidStateException",
            status=400,
        )


def by_id(operation: Operation, call: Call) -> Operation:
    """Return the operation with its key named by id: moto takes an ARN for some calls alone."""
    stated = str(operation.parameters.get("KeyId") or "")
    head, _, key_id = stated.partition(":key/")
    if not key_id or not head.startswith("arn:"):
        return operation
    call.replace_body(json.dumps({**json.loads(call.body), "KeyId": key_id}).encode())
    return replace(operation, request=call.as_moto_request(operation.host))


def granted(ask: Ask, decision: Decision, parameters: Mapping[str, Any], caller: Caller) -> bool:
    """Tell whether a grant allows what neither the key policy nor the caller's own does.

    It overrides no denial and no limit: of a boundary, a session policy, a control policy.
    """
    if decision.explicit or decision.layer not in _OUTSIDE or ":key/" not in ask.resource:
        return False
    backend, key_id = _backend(ask.resource)
    name = ask.action.partition(":")[2]
    names = caller.identity.names | caller.identity.issuers
    return any(
        grant.key_id == key_id
        and grant.grantee_principal in names
        and name in grant.operations
        and _constraints_hold(grant.constraints or {}, parameters)
        for grant in _grants(backend)
    )


def _grants(backend: Any) -> list[Any]:
    return [grant for key in backend.keys.values() for grant in key.grants.values()]


def _constraints_hold(constraints: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    context = dict(parameters.get("EncryptionContext") or {})
    equals = constraints.get("EncryptionContextEquals")
    subset = constraints.get("EncryptionContextSubset") or {}
    return (equals is None or context == equals) and subset.items() <= context.items()


def _key(parameters: Mapping[str, Any], caller: Caller, region: str) -> Any:
    if "SourceKeyId" in parameters or "DestinationKeyId" in parameters:
        parameters = {"KeyId": parameters.get("SourceKeyId") or parameters["DestinationKeyId"]}
    arn = kms_key_arn(parameters, caller.account, region)
    if arn is None:
        return None
    backend, key_id = _backend(arn)
    return backend.keys.get(key_id)


def _backend(arn: str) -> tuple[Any, str]:
    from moto.kms.models import kms_backends

    _, _, _, region, account, rest = arn.split(":", 5)
    return kms_backends[account][region], rest.rpartition("/")[2]

"""Trust policies as AWS stores them: by what their principals are, not by what they are called.

A user or role is kept by its unique id and shown by its ARN for as long as it exists; once it is
gone the id is shown, and a document that holds such an id cannot be submitted again.

Source: IAM User Guide, "AWS JSON policy elements: Principal" (IAM role and user principals).
"""

from __future__ import annotations

import json
import re
from typing import Any

from moto.iam.exceptions import MalformedPolicyDocument
from moto.iam.policy_validation import IAMTrustPolicyDocumentValidator

from containment.iam_policy.conditions import UnknownOperatorError
from containment.iam_policy.policies import as_list, compile_policy
from containment.lab.services.policy_documents import check_sids
from containment.lab.state import moto_state

_ACCOUNT = re.compile(r"[0-9]{12}")
_ROOT = re.compile(r"arn:aws:iam::[0-9]{12}:root")
_ENTITY = re.compile(r"arn:aws:iam::([0-9]{12}):(user|role)(/.*)")
_SESSION = re.compile(r"arn:aws:sts::[0-9]{12}:(assumed-role|federated-user)/.+")
_SERVICE_USER = re.compile(r"arn:aws:iam::cloudfront:user/.+")
_UNIQUE_ID = re.compile(r"(AIDA|AROA)[A-Z0-9]{16,}")


def stored(document: str) -> str:
    """Return *document* as AWS keeps it: compact, account ids as root ARNs, principals by id.

    Raises:
        MalformedPolicyDocument: it is no trust policy, or names a principal that does not exist.
    """
    IAMTrustPolicyDocumentValidator(_in_new_version(document)).validate()
    check_sids(document)
    policy = json.loads(document)
    for statement in as_list(policy["Statement"]):
        if "NotPrincipal" in statement:
            raise MalformedPolicyDocument("NotPrincipal is not supported in a trust policy.")
        if "Principal" not in statement:
            raise MalformedPolicyDocument("Missing required field Principal")
    text = _with_principals(policy, _as_stored)
    try:
        compile_policy(text)
    except UnknownOperatorError as error:
        raise MalformedPolicyDocument("Syntax errors in policy.") from error
    return text


def _in_new_version(document: str) -> str:
    """Return *document* for moto's validator, which knows that identity policies have a version.

    Trust policies may be of the older version, or of none, which means the older.
    """
    try:
        policy = json.loads(document)
    except ValueError:
        return document
    if isinstance(policy, dict) and policy.get("Version", "2008-10-17") == "2008-10-17":
        return json.dumps({**policy, "Version": "2012-10-17"})
    return document


def shown(document: str) -> str:
    """Return a stored document as IAM's read calls answer it."""
    if not document:
        return document
    return _with_principals(json.loads(document), _as_shown)


def _with_principals(policy: dict[str, Any], rewrite: Any) -> str:
    for statement in as_list(policy["Statement"]):
        principals = statement["Principal"]
        if isinstance(principals, dict) and "AWS" in principals:
            values = [rewrite(value) for value in as_list(principals["AWS"])]
            principals["AWS"] = values[0] if len(values) == 1 else values
    return json.dumps(policy, separators=(",", ":"))


def _as_stored(value: str) -> str:
    if value == "*" or _ROOT.fullmatch(value) or _SESSION.fullmatch(value):
        return value
    if _ACCOUNT.fullmatch(value):
        return f"arn:aws:iam::{value}:root"
    entity = _ENTITY.fullmatch(value)
    unique_id = _id_of(*entity.groups()) if entity else ""
    if not unique_id:
        raise MalformedPolicyDocument(f'Invalid principal in policy: "AWS":"{value}"')
    return unique_id


def is_there(value: str) -> bool:
    """Tell whether the AWS principal of a policy exists; of another account any root counts."""
    if value == "*" or any(f.fullmatch(value) for f in (_ACCOUNT, _ROOT, _SESSION)):
        return True
    entity = _ENTITY.fullmatch(value)
    return bool(_id_of(*entity.groups())) if entity else _SERVICE_USER.fullmatch(value) is not None


def _as_shown(value: str) -> str:
    return (_arn_of(value) or value) if _UNIQUE_ID.fullmatch(value) else value


def _id_of(account: str, kind: str, path_and_name: str) -> str:
    state = moto_state.iam(account)
    entities = state.users.values() if kind == "user" else state.roles.values()
    for entity in entities:
        if entity.path + entity.name == path_and_name:
            return str(entity.id)
    return ""


def _arn_of(unique_id: str) -> str:
    from moto.iam.models import iam_backends

    for account in list(iam_backends):
        state = moto_state.iam(account)
        if unique_id in state.roles:
            return str(state.roles[unique_id].arn)
        for user in state.users.values():
            if user.id == unique_id:
                return str(user.arn)
    return ""

"""Principals in policies on resources: checked when they come in, kept by what they are.

A user or role that is deleted shows as its unique id from then on, and nobody who is made anew
under its name is meant. Sources: IAM User Guide, "AWS JSON policy elements: Principal"; each
service's own page on its policies, which names the error for a principal that does not exist.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from containment.iam_policy.policies import as_list
from containment.lab.protocol.refusal import Reason, Refusal
from containment.lab.services import trust

if TYPE_CHECKING:
    from containment.lab.protocol.operations import Operation

Rewrite = Callable[[str], str]

# Service -> code and message for a principal that is not there.
_REFUSALS: Mapping[str, tuple[str, str]] = {
    "s3": ("MalformedPolicy", "Invalid principal in policy"),
    "kms": (
        "MalformedPolicyDocumentException",
        "Policy contains a statement with one or more invalid principals.",
    ),
    "sqs": ("InvalidAttributeValue", "Invalid value for the parameter Policy."),
    "sns": ("InvalidParameter", "Invalid parameter: Policy Error: PrincipalNotFound"),
    "secretsmanager": (
        "MalformedPolicyDocumentException",
        "This resource policy contains an unsupported principal.",
    ),
    "lambda": (
        "InvalidParameterValueException",
        "The provided principal was invalid. Please check the principal and try again.",
    ),
}


def check(operation: Operation) -> None:
    """Refuse a policy that names a user or role who does not exist.

    Raises:
        Refusal: with the service's own error.
    """
    prefix = operation.service.prefix
    if prefix not in _REFUSALS:
        return
    for value in _named(operation):
        if not trust.is_there(value):
            code, message = _REFUSALS[prefix]
            raise Refusal(Reason.MALFORMED, message, code=code, status=400)


def _named(operation: Operation) -> Iterator[str]:
    """Yield the AWS principals that a call is about to put into a policy."""
    parameters = operation.parameters
    if operation.label == "lambda:AddPermission":
        stated = str(parameters.get("Principal", ""))
        if stated.startswith("arn:"):
            yield stated
        return
    raw = parameters.get("Attributes")
    attributes = raw if isinstance(raw, Mapping) else {}
    if parameters.get("AttributeName") == "Policy":
        attributes = {"Policy": parameters.get("AttributeValue")}
    texts = (parameters.get(_DOCUMENTS.get(operation.label, "")), attributes.get("Policy"))
    for text in texts:
        try:
            policy = json.loads(text or "{}")
        except (ValueError, TypeError):
            continue  # the service itself refuses what is no JSON
        for statement in as_list(policy.get("Statement", [])):
            yield from _aws(statement)


_DOCUMENTS = {
    "s3:PutBucketPolicy": "Policy",
    "kms:CreateKey": "Policy",
    "kms:PutKeyPolicy": "Policy",
    "secretsmanager:PutResourcePolicy": "ResourcePolicy",
}


def _aws(statement: Mapping[str, Any]) -> Iterator[str]:
    for element in ("Principal", "NotPrincipal"):
        principals = statement.get(element)
        if isinstance(principals, Mapping):
            yield from (str(value) for value in as_list(principals.get("AWS", [])))


def moved(old: str, new: str) -> None:
    """Show a principal that was called *old* as *new* in every policy: an ARN, or its unique id."""

    def rewrite(value: str) -> str:
        return new if value == old else value

    for change in (_buckets, _keys, _queues, _topics, _secrets, _functions):
        change(rewrite)


def _rewritten(document: str, rewrite: Rewrite) -> str:
    """Return *document* with other AWS principals; the very same text where none changes."""
    policy = json.loads(document)
    changed = False
    for statement in as_list(policy.get("Statement", [])):
        for element in ("Principal", "NotPrincipal"):
            principals = statement.get(element)
            if not isinstance(principals, dict) or "AWS" not in principals:
                continue
            values = as_list(principals["AWS"])
            after = [rewrite(value) for value in values]
            if after != values:
                principals["AWS"] = after[0] if len(after) == 1 else after
                changed = True
    return json.dumps(policy) if changed else document


def _buckets(rewrite: Rewrite) -> None:
    from moto.s3.models import s3_backends

    for account in list(s3_backends):
        for bucket in s3_backends[account]["aws"].buckets.values():
            policy = bucket.policy
            if policy:
                bucket.policy = _rewritten(policy.decode(), rewrite).encode()


def _keys(rewrite: Rewrite) -> None:
    from moto.kms.models import kms_backends

    for backend in _regional(kms_backends):
        for key in backend.keys.values():
            if key.policy:
                key.policy = _rewritten(key.policy, rewrite)


def _queues(rewrite: Rewrite) -> None:
    from moto.sqs.models import sqs_backends

    for backend in _regional(sqs_backends):
        for queue in backend.queues.values():
            if queue.policy:
                queue.policy = _rewritten(queue.policy, rewrite)


def _topics(rewrite: Rewrite) -> None:
    from moto.sns.models import sns_backends

    for backend in _regional(sns_backends):
        for topic in backend.topics.values():
            topic.policy = _rewritten(topic.policy, rewrite)


def _secrets(rewrite: Rewrite) -> None:
    from moto.secretsmanager.models import secretsmanager_backends

    for backend in _regional(secretsmanager_backends):
        secrets: Any = backend.secrets
        for secret in secrets.values():
            if secret.policy:
                secret.policy = _rewritten(secret.policy, rewrite)


def _functions(rewrite: Rewrite) -> None:
    from moto.awslambda.models import lambda_backends

    for backend in _regional(lambda_backends):
        for function in backend.list_functions():
            for statement in function.policy.statements:
                principal = statement.get("Principal")
                if isinstance(principal, str):
                    statement["Principal"] = rewrite(principal)
                elif isinstance(principal, dict) and "AWS" in principal:
                    principal["AWS"] = rewrite(principal["AWS"])


def _regional(backends: Any) -> Iterator[Any]:
    for account in list(backends):
        for region in list(backends[account]):
            yield backends[account][region]

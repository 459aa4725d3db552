"""Policies that live on resources: roles, buckets, keys, queues, topics, secrets, functions.

Sources: IAM User Guide, "Identity-based policies and resource-based policies"; KMS Developer Guide,
"Key policies in AWS KMS" (a key policy decides alone, and may delegate to its account).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from containment.lab.state import moto_state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from containment.lab.authz.requirements import Ask
    from containment.lab.state.facts import Facts

_NONE = ("", False)


def document_for(prefix: str, ask: Ask, facts: Facts) -> tuple[str, bool]:
    """Return the resource's policy, empty where it has none, and whether it decides alone."""
    if prefix == "sts":
        return _trust(ask, facts)
    finder = _FINDERS.get(prefix)
    if finder is None or ask.resource == "*":
        return _NONE
    return finder(ask.resource, ask.account), prefix == "kms"


def _trust(ask: Ask, facts: Facts) -> tuple[str, bool]:
    if ":role/" not in ask.resource:
        return _NONE
    role_id = moto_state.role_id(ask.account, ask.resource.rsplit("/", 1)[-1])
    role = facts(("role", ask.account, role_id))
    arn = f"arn:aws:iam::{ask.account}:role{role.get(('path',), '')}{role.get(('name',), '')}"
    return (role["trust",] if arn == ask.resource else "", True)


def _bucket(arn: str, account: str) -> str:
    from moto.s3.models import s3_backends

    name = arn.removeprefix("arn:aws:s3:::").partition("/")[0]
    bucket = s3_backends[account]["aws"].buckets.get(name)
    policy = getattr(bucket, "policy", None)
    return policy.decode() if isinstance(policy, bytes) else str(policy or "")


def _key(arn: str, account: str) -> str:
    from moto.kms.models import kms_backends

    key = kms_backends[account][arn.split(":")[3]].keys.get(arn.rsplit("/", 1)[-1])
    return str(getattr(key, "policy", "") or "")


def _queue(arn: str, account: str) -> str:
    from moto.sqs.models import sqs_backends

    _, _, _, region, _, name = arn.split(":", 5)
    queue = sqs_backends[account][region].queues.get(name)
    return _json(getattr(queue, "policy", None))


def _topic(arn: str, account: str) -> str:
    from moto.sns.models import sns_backends

    topic = sns_backends[account][arn.split(":")[3]].topics.get(arn)
    return _json(getattr(topic, "policy", None))


def _secret(arn: str, account: str) -> str:
    from moto.secretsmanager.models import secretsmanager_backends

    secrets: Any = secretsmanager_backends[account][arn.split(":")[3]].secrets
    for secret in secrets.values():
        if secret.arn == arn:
            return _json(secret.policy)
    return ""


def _function(arn: str, account: str) -> str:
    from moto.awslambda.models import lambda_backends

    parts = arn.split(":")
    for function in lambda_backends[account][parts[3]].list_functions():
        if function.function_name == parts[6]:
            statements = [_with_kind(one) for one in function.policy.statements]
            return _json({"Version": "2012-10-17", "Statement": statements}) if statements else ""
    return ""


def _with_kind(statement: Mapping[str, Any]) -> dict[str, Any]:
    """Say what kind of principal AddPermission was given: a service, an account or an ARN."""
    principal = statement.get("Principal")
    if isinstance(principal, str) and principal != "*":
        kind = "Service" if principal.endswith(".amazonaws.com") else "AWS"
        return {**statement, "Principal": {kind: principal}}
    return dict(statement)


def _json(policy: Any) -> str:
    if not policy:
        return ""
    return policy if isinstance(policy, str) else json.dumps(policy)


_FINDERS: Mapping[str, Callable[[str, str], str]] = {
    "s3": _bucket,
    "kms": _key,
    "sqs": _queue,
    "sns": _topic,
    "secretsmanager": _secret,
    "lambda": _function,
}

"""What AWS keeps of an IAM call that a policy stopped: how it was evaluated, and the documents.

The record is of the moment of the denial: it still tells when the key, the policy and the user are
gone. It comes a while after the denial, and is kept for a day. Other services' denials have none
here: which of them AWS gives an id is not documented.

Sources: IAM Toolbox API (preview) and its model in botocore; IAM User Guide, "Troubleshoot access
denied error messages with authorization ID". How long a record takes to come, AWS does not say.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import string
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from containment.iam_policy.policies import compile_policy
from containment.lab.authz.authorize import (
    SERVICE_CONTROL,
    control_levels,
    is_service_controlled,
    managed_document,
)
from containment.lab.state import moto_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from containment.iam_policy.patterns import Context
    from containment.iam_policy.policies import Policy
    from containment.lab.authn.callers import Caller
    from containment.lab.authz.requirements import Ask
    from containment.lab.state.facts import Facts

KEPT = timedelta(hours=24)
COMES_AFTER = timedelta(seconds=5)
# "Global service events": IAM denies in us-east-1, and there alone is the record.
REGION = "us-east-1"
_LETTERS = string.digits + string.ascii_lowercase
_LENGTH = 26


@dataclass(frozen=True, slots=True)
class EvaluatedPolicy:
    """One policy as it was evaluated, and what it is attached to."""

    kind: str
    uri: str
    attached_to: str
    document: str
    inline: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as the list of policies names it."""
        return {
            "type": self.kind,
            "inline": self.inline,
            "uri": self.uri,
            "attachedTo": [{"arn": self.attached_to}],
        }


@dataclass(frozen=True, slots=True)
class AuthorizationRecord:
    """One denial: whose, in which organisation, when, and how it came about."""

    account: str
    organization: str
    denied_at: datetime
    details: Mapping[str, Any]
    documents: Mapping[str, str]


@dataclass(slots=True)
class AuthorizationRecords:
    """Every record of a lab, by authorization id."""

    _by_id: dict[str, AuthorizationRecord] = field(default_factory=dict[str, AuthorizationRecord])

    def note(self, caller: Caller, ask: Ask, context: Context, facts: Facts) -> str:
        """Keep how *ask* was evaluated, and return the words that a denial's message ends with."""
        authorization_id = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
        organization = moto_state.organization().org
        policies = list(_evaluated(caller, facts))
        self._by_id[authorization_id] = AuthorizationRecord(
            account=caller.account,
            organization=organization.id
            if organization is not None and moto_state.in_organization(caller.account)
            else "",
            denied_at=moto_state.clock(),
            details=_details(caller, ask, context, policies),
            documents={one.uri: one.document for _, _, level in policies for one in level},
        )
        return (
            f". Go to https://{REGION}.console.aws.amazon.com/iam/home?region={REGION}"
            f"#/authorization-details/{authorization_id} for complete details, or call the"
            " GetRequestAuthorizationDetails API with the following authorization id:"
            f" {authorization_id}"
        )

    def find(self, authorization_id: str, caller: Caller) -> AuthorizationRecord | None:
        """Return a record that *caller* may read: one of its organisation, or of its account."""
        record = self._by_id.get(authorization_id)
        if record is None:
            return None
        age = moto_state.clock() - record.denied_at
        is_own = (
            moto_state.in_organization(caller.account)
            if record.organization
            else caller.account == record.account
        )
        return record if is_own and COMES_AFTER <= age <= KEPT else None

    def clear(self) -> None:
        """Forget them all."""
        self._by_id.clear()


# A check: its type, what tells it from others of its type, and the policies that it evaluates.
_Check = tuple[str, str, tuple[EvaluatedPolicy, ...]]
_INLINE = "inline"


def _evaluated(caller: Caller, facts: Facts) -> Iterator[_Check]:
    """Yield the checks in the order of the API: what the organisation says, then the caller's own.

    IAM's resources have no policies of their own, and no endpoint policies are in the lab.
    """
    if is_service_controlled(caller):
        yield from _control_checks(caller.account, facts)
    yield "PRINCIPAL", "", tuple(_identity_policies(caller, facts))
    boundary = caller.entity.get(("boundary",))
    if boundary:
        document = managed_document(caller.account, boundary, facts)
        yield (
            "PERMISSIONS_BOUNDARY",
            "",
            (EvaluatedPolicy("PERMISSIONS_BOUNDARY", boundary, caller.principal_arn, document),),
        )
    session = caller.session
    if session is not None and session.policies is not None:
        yield (
            "SESSION",
            "",
            tuple(
                _inline("SESSION_POLICY", caller.arn, str(number), document)
                for number, document in enumerate(session.policies)
            ),
        )


def _control_checks(account: str, facts: Facts) -> Iterator[_Check]:
    """Yield one check a level, from the root of the organisation to *account*."""
    organization = moto_state.organization()
    targets: tuple[Any, ...] = (*organization.ou, *organization.accounts)
    arns = {str(one.id): str(one.arn) for one in (*targets, *organization.policies)}
    for name, documents in control_levels(account, SERVICE_CONTROL, facts).items():
        target = arns.get(name, name)
        policies = (
            EvaluatedPolicy(SERVICE_CONTROL, arns.get(policy, policy), target, document)
            for policy, document in documents.items()
        )
        yield SERVICE_CONTROL, target, tuple(policies)


def _identity_policies(caller: Caller, facts: Facts) -> Iterator[EvaluatedPolicy]:
    owners = [(caller.principal_arn, caller.entity)]
    for entry in caller.entity:
        if entry[0] == "group":
            arn = f"arn:aws:iam::{caller.account}:group/{entry[1]}"
            owners.append((arn, facts(("group", caller.account, entry[1]))))
    kind = "IDENTITY_BASED_POLICY"
    for arn, entity in owners:
        for entry, value in entity.items():
            if entry[0] == _INLINE:
                yield _inline(kind, arn, entry[1], value)
            elif entry[0] == "attached":
                document = managed_document(caller.account, entry[1], facts)
                yield EvaluatedPolicy(kind, entry[1], arn, document)


def _inline(kind: str, attached_to: str, name: str, document: str) -> EvaluatedPolicy:
    opaque = hashlib.sha256(f"{kind} {attached_to} {name}".encode()).hexdigest()[:32]
    return EvaluatedPolicy(kind, f"{_INLINE}-{opaque}", attached_to, document, inline=True)


def _details(
    caller: Caller, ask: Ask, context: Context, checks: Sequence[_Check]
) -> dict[str, Any]:
    judged = [_judged(check, caller, ask, context) for check in checks]
    effects = {str(one["evaluatedEffect"]) for one in judged}
    own_keys = {key for key in context if key in ask.context}
    listed = {one.uri: one.as_json() for _, _, policies in checks for one in policies}
    return {
        "requestContext": {k: _value(context, k) for k in sorted(context) if k not in own_keys},
        "evaluations": [
            {
                "action": ask.action,
                "resource": ask.resource,
                "context": {key: _value(context, key) for key in sorted(own_keys)},
                "evaluatedEffect": "EXPLICIT_DENY"
                if "EXPLICIT_DENY" in effects
                else "IMPLICIT_DENY",
                "checks": judged,
            }
        ],
        "policies": list(listed.values()),
    }


def _value(context: Context, key: str) -> str | list[str]:
    value = context[key]
    return list(value) if isinstance(value, tuple) else value


def _judged(check: _Check, caller: Caller, ask: Ask, context: Context) -> dict[str, Any]:
    kind, target, policies = check
    denies = allows = False
    matched: list[dict[str, Any]] = []
    for policy in policies:
        statements = list(_matching(compile_policy(policy.document), ask, context))
        denies |= any(word == "DENY" for _, word in statements)
        allows |= any(word == "ALLOW" for _, word in statements)
        if statements:
            matched.append(
                {
                    "uri": policy.uri,
                    "matchedStatements": [
                        {"sid": sid, "evaluatedEffect": word} for sid, word in statements
                    ],
                }
            )
    allows |= kind == "PRINCIPAL" and caller.kind == "root"
    effect = "EXPLICIT_DENY" if denies else "ALLOW" if allows else "IMPLICIT_DENY"
    judged = {
        "checkType": kind,
        "evaluatedEffect": effect,
        "relevantPolicyTypes": sorted({policy.kind for policy in policies}),
        "matchedPolicies": matched,
    }
    return judged | ({"targetArn": target} if target else {})


def _matching(policy: Policy, ask: Ask, context: Context) -> Iterator[tuple[str, str]]:
    """Yield Sid and effect of each statement that matches; one without a Sid is given one."""
    for statement in (*policy.denies, *policy.allows):
        if statement.applies(ask.action, ask.resource, context):
            yield (
                statement.sid or f"statement-{statement.number + 1}",
                "ALLOW" if statement.allow else "DENY",
            )


def document_of(record: AuthorizationRecord, uri: str) -> Any:
    """Return the document that was evaluated under *uri*, None where none was."""
    text = record.documents.get(uri)
    return None if text is None else json.loads(text)

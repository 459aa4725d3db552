"""Authorise a call: gather every layer of policy, and let the pure evaluator decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from containment.iam_policy.conditions import UnknownOperatorError, UnmodelledKeyError
from containment.iam_policy.evaluate import Decision, Layers, Request, decide
from containment.iam_policy.policies import Policy, compile_policy
from containment.lab.authz import (
    kms_rules,
    resource_policies,
    s3_deletes,
    s3_rules,
)
from containment.lab.authz.context import RequestContext, of_ask, of_caller
from containment.lab.authz.denials import denial
from containment.lab.authz.requirements import Ask, asks_of
from containment.lab.protocol.refusal import Reason, Refusal
from containment.lab.protocol.services import resource_controlled, service_of
from containment.lab.state import moto_state
from containment.lab.state.buckets import bucket_owner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from containment.lab.authn.callers import Caller
    from containment.lab.protocol.call import Call
    from containment.lab.protocol.operations import Operation
    from containment.lab.state.facts import Entity, Facts

# "Permissions for GetCallerIdentity": returned even where a policy denies it. GetSessionToken
# needs no permission either ("Comparing AWS STS credentials").
UNDENIABLE = frozenset({"sts:GetCallerIdentity", "sts:GetSessionToken"})


SERVICE_CONTROL = "SERVICE_CONTROL_POLICY"


# What the root user of a bucket's owner can do whatever the bucket's policy says ("Bucket policies
# for Amazon S3", PutBucketPolicy).
_ROOTS_OWN = frozenset({"s3:DeleteBucketPolicy", "s3:GetBucketPolicy", "s3:PutBucketPolicy"})


class Records(Protocol):
    """Keeps how a denial came about, and returns the words with which its message ends."""

    def note(self, caller: Caller, ask: Ask, context: RequestContext, facts: Facts) -> str: ...


def authorize(
    operation: Operation,
    call: Call,
    caller: Caller,
    *,
    facts: Facts,
    now: datetime,
    records: Records,
) -> list[str]:
    """Let *operation* pass, or say why not; *records* keeps how a denial of IAM came about.

    Returns:
        The keys of a DeleteObjects that are denied, which does not deny the others.

    Raises:
        Refusal: a policy denies it, none allows it, or the lab cannot tell.
    """
    _limits_of_user_sessions(operation, caller)
    if operation.label in UNDENIABLE and caller.kind != "anonymous":
        return []
    base = of_caller(caller, call, now=now)
    denied: list[str] = []
    for ask in asks_of(operation, caller, call.region):
        context = of_ask(base, operation, ask, facts)
        decision = _beside_policies(
            ask, _decide(ask, context, caller, facts), operation, caller, facts
        )
        if decision.allowed:
            continue
        if operation.label != s3_deletes.LABEL:
            message = denial(caller, ask, decision, context)
            if operation.service.prefix == "iam":
                message += records.note(caller, ask, context, facts)
            raise Refusal(Reason.DENIED, message)
        denied.append(ask.resource.removeprefix("arn:aws:s3:::").partition("/")[2])
    return denied


def _beside_policies(
    ask: Ask, decision: Decision, operation: Operation, caller: Caller, facts: Facts
) -> Decision:
    """Return the decision after a key's grants and a bucket's block of public access."""
    prefix = operation.service.prefix
    if prefix == "kms" and not decision.allowed:
        if kms_rules.granted(ask, decision, operation.parameters, caller):
            return Decision(allowed=True)
    elif prefix == "s3" and decision.allowed:
        document, _ = resource_policies.document_for(prefix, ask, facts)
        if s3_rules.restricted(ask.resource, document, caller):
            return Decision(allowed=False, layer="resource-based policy")
    return decision


def may(
    caller: Caller, call: Call, action: str, resource: str, *, facts: Facts, now: datetime
) -> bool:
    """Tell whether *caller* may do what a service does on its behalf."""
    ask = _ask_of(caller, action, resource)
    context = RequestContext(of_caller(caller, call, now=now), action)
    return _decide(ask, context, caller, facts).allowed


def require(
    caller: Caller,
    call: Call,
    action: str,
    resource: str,
    *,
    facts: Facts,
    now: datetime,
    conditions: Mapping[str, str | tuple[str, ...]] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Require an additional permission for this call.

    Raises:
        Refusal: a policy denies it, or none allows it.
    """
    ask = _ask_of(caller, action, resource)
    base = of_caller(caller, call, now=now) | dict(conditions or {})
    context = RequestContext(base, action)
    decision = _decide(ask, context, caller, facts)
    if decision.allowed or kms_rules.granted(ask, decision, parameters or {}, caller):
        return
    raise Refusal(Reason.DENIED, denial(caller, ask, decision, context))


def _ask_of(caller: Caller, action: str, resource: str) -> Ask:
    owner = resource.split(":")[4]
    if resource.startswith("arn:aws:s3:::"):
        bucket = resource.removeprefix("arn:aws:s3:::").partition("/")[0]
        owner = bucket_owner(bucket) or ""
    return Ask(action, resource, owner or caller.account)


def _decide(ask: Ask, context: RequestContext, caller: Caller, facts: Facts) -> Decision:
    try:
        return decide(
            Request(
                action=ask.action,
                resource=ask.resource,
                resource_account=ask.account,
                caller=caller.identity,
                context=context,
            ),
            layers_for(caller, ask, facts),
        )
    except (UnknownOperatorError, UnmodelledKeyError) as error:
        raise Refusal(
            Reason.NOT_IN_LAB,
            f"The lab cannot evaluate {ask.action} on {ask.resource}: a policy uses {error}.",
        ) from error


def _limits_of_user_sessions(operation: Operation, caller: Caller) -> None:
    """Refuse what sessions of GetSessionToken and GetFederationToken can never do.

    Source: IAM User Guide, "Compare AWS STS credentials".
    """
    session = caller.session
    if session is None or session.kind in {"role", "console", "root"}:
        return
    prefix, name = operation.service.prefix, operation.name
    if prefix == "iam" and not (session.kind == "user" and session.mfa):
        raise Refusal(Reason.UNKNOWN_KEY)
    allowed = {"GetCallerIdentity"} | ({"AssumeRole"} if session.kind == "user" else set())
    if prefix == "sts" and name not in allowed:
        raise Refusal(
            Reason.DENIED, f"Cannot call {name} with session credentials", code="AccessDenied"
        )


def layers_for(caller: Caller, ask: Ask, facts: Facts) -> Layers:
    """Return every policy that has a say in *ask*."""
    kind = service_of(ask.action.partition(":")[0]).prefix
    document, rules = resource_policies.document_for(kind, ask, facts)
    trust = kind == "sts" and rules
    if caller.kind == "root" and caller.account == ask.account and ask.action in _ROOTS_OWN:
        document = ""
    entity = caller.entity
    boundary = entity.get(("boundary",))
    session = caller.session
    return Layers(
        identity=identity_policies(caller, facts),
        boundary=compile_policy(managed_document(caller.account, boundary, facts))
        if boundary
        else None,
        session=_session_policies(caller),
        service_control=control_policies(caller.account, SERVICE_CONTROL, facts)
        if is_service_controlled(caller)
        else (),
        resource_control=control_policies(ask.account, "RESOURCE_CONTROL_POLICY", facts)
        if kind in resource_controlled() and not _service_linked(entity)
        else (),
        resource=compile_policy(document) if document else None,
        resource_rules=rules and not (session is not None and session.kind == "federated"),
        resource_layer="role trust policy" if trust else "resource-based policy",
    )


def identity_policies(caller: Caller, facts: Facts) -> tuple[Policy, ...]:
    """Return the compiled identity policies of the user or role: own, managed, through groups."""
    if caller.kind == "root":
        return (_EVERYTHING,)
    documents = _documents(caller.account, caller.entity, facts)
    for entry in caller.entity:
        if entry[0] == "group":
            group = facts(("group", caller.account, entry[1]))
            documents += _documents(caller.account, group, facts)
    return tuple(compile_policy(document) for document in documents)


_EVERYTHING = compile_policy(
    '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'
)


def _documents(account: str, entity: Entity, facts: Facts) -> list[str]:
    documents = []
    for entry, value in entity.items():
        if entry[0] == "inline":
            documents.append(value)
        elif entry[0] == "attached":
            document = managed_document(account, entry[1], facts)
            if document:
                documents.append(document)
    return documents


_NOTHING = '{"Version": "2012-10-17", "Statement": []}'


def managed_document(account: str, arn: str, facts: Facts) -> str:
    """Return the default version of a managed policy; a policy that is gone allows nothing."""
    return facts(("policy", account, arn)).get(("document",), _NOTHING)


def _session_policies(caller: Caller) -> tuple[Policy, ...] | None:
    session = caller.session
    if session is None or session.policies is None:
        return None
    return tuple(compile_policy(document) for document in session.policies)


def _service_linked(entity: Entity) -> bool:
    return entity.get(("path",), "").startswith("/aws-service-role/")


def is_service_controlled(caller: Caller) -> bool:
    """Tell whether service control policies reach *caller* where its account is not exempt."""
    return not _service_linked(caller.entity) and not caller.vouched_for


def control_policies(account: str, kind: str, facts: Facts) -> Sequence[Sequence[Policy]]:
    """Return the control policies from the root down to *account*, one sequence a level."""
    return [
        tuple(compile_policy(document) for document in level.values())
        for level in control_levels(account, kind, facts).values()
    ]


def control_levels(account: str, kind: str, facts: Facts) -> Mapping[str, Mapping[str, str]]:
    """Return the documents of the control policies from the root down to *account*.

    They are by target and by id. The management account is exempt from both kinds.
    """
    organization = moto_state.organization()
    if organization.org is None or account == organization.org.master_account_id:
        return {}
    levels: list[tuple[str, dict[str, str]]] = []
    name, target = account, facts(("target", "", account))
    while target:
        policies = [entry[1] for entry in target if entry[0] == kind]
        documents = {
            policy: facts(("control policy", "", policy)).get(("document",), _NOTHING)
            for policy in policies
        }
        levels.append((name, documents))
        name = target.get(("parent",), "")
        target = facts(("target", "", name)) if name else {}
    return dict(reversed(levels))

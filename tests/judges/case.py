"""One question for the judges: who asks for what, under which policies; JSON both ways."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from containment.iam_policy.evaluate import Layers, Request, decide
from containment.iam_policy.policies import Policy, compile_policy
from containment.iam_policy.principals import Identity

Verdict = Literal["allow", "explicit deny", "implicit deny"]
Kind = Literal["user", "role", "federated"]
Document = dict[str, Any]

LAYERS = ("identity", "boundary", "session", "service_control", "resource_control", "resource")
# AWS attaches it to every entity once resource control policies are switched on.
EVERY_RESOURCE = (
    '{"Version": "2012-10-17", "Statement":'
    ' {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}'
)


@dataclass(frozen=True)
class Case:
    """A request and every policy that has a say in it.

    *arn* is the caller's own: of the user, of the role session or of the federated session;
    *issuer* the role or user behind a session. A layer that is None is not there.
    """

    name: str
    mix: str
    action: str
    target: str
    target_account: str
    kind: Kind
    arn: str
    unique_id: str
    issuer: str = ""
    issuer_id: str = ""
    context: dict[str, str | list[str]] = field(default_factory=dict)
    identity: list[Document] = field(default_factory=list)
    boundary: Document | None = None
    session: Document | None = None
    service_control: list[list[Document]] = field(default_factory=list)
    resource_control: list[list[Document]] = field(default_factory=list)
    resource: Document | None = None

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]

    @property
    def same_account(self) -> bool:
        return self.account == self.target_account

    def to_json(self) -> dict[str, Any]:
        """Return the case without the layers that are not there."""
        return {key: value for key, value in asdict(self).items() if value not in (None, [], "")}

    def without(self, layer: str) -> Case:
        """Return the case as if *layer* did not exist."""
        nothing: Any = None if layer in {"boundary", "session", "resource"} else []
        return replace(self, **{layer: nothing})

    def documents(self) -> list[tuple[str, Document]]:
        """Return each policy with the layer it is in."""
        documents = [("identity", one) for one in self.identity]
        for layer in ("boundary", "session", "resource"):
            one = getattr(self, layer)
            documents += [(layer, one)] if one else []
        for layer in ("service_control", "resource_control"):
            documents += [(layer, one) for level in getattr(self, layer) for one in level]
        return documents


def lab_says(case: Case) -> Verdict:
    """Return the verdict of the evaluator under test."""
    decision = decide(*compiled(case))
    if decision.allowed:
        return "allow"
    return "explicit deny" if decision.explicit else "implicit deny"


def compiled(case: Case) -> tuple[Request, Layers]:
    """Return the case as the evaluator takes it."""
    service = case.action.partition(":")[0]
    request = Request(
        action=case.action,
        resource=case.target,
        resource_account=case.target_account,
        caller=_identity(case),
        context={
            key.lower(): tuple(value) if isinstance(value, list) else value
            for key, value in case.context.items()
        },
    )
    layers = Layers(
        identity=tuple(map(_policy, case.identity)),
        boundary=_policy(case.boundary) if case.boundary else None,
        session=(_policy(case.session),) if case.session else None,
        service_control=[tuple(map(_policy, level)) for level in case.service_control],
        resource_control=[
            (compile_policy(EVERY_RESOURCE), *map(_policy, level))
            for level in case.resource_control
        ],
        resource=_policy(case.resource) if case.resource else None,
        resource_rules=service in {"sts", "kms"},
        resource_layer="role trust policy" if service == "sts" else "resource-based policy",
    )
    return request, layers


def _policy(document: Document) -> Policy:
    return compile_policy(json.dumps(document))


def _identity(case: Case) -> Identity:
    if case.kind == "user":
        return Identity(case.account, frozenset({case.arn, case.unique_id}))
    names = {case.arn, case.unique_id} if case.kind == "role" else {case.arn}
    return Identity(case.account, frozenset(names), frozenset({case.issuer, case.issuer_id}))

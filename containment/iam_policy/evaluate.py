"""The decision: which layers of policy are asked, in which order, and what each answer means.

Sources: IAM User Guide, "Policy evaluation logic", "How AWS enforcement code logic evaluates
requests to allow or deny access", "Permissions boundaries for IAM entities" and "Cross-account
policy evaluation logic".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from containment.iam_policy.principals import Closeness, Identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from containment.iam_policy.patterns import Context
    from containment.iam_policy.policies import Policy, Statement

Layer = Literal[
    "identity-based policy",
    "permissions boundary",
    "session policy",
    "service control policy",
    "resource control policy",
    "resource-based policy",
    "role trust policy",
]


@dataclass(frozen=True, slots=True)
class Request:
    """Who wants to do what to which resource, in which circumstances."""

    action: str
    resource: str
    resource_account: str
    caller: Identity
    context: Context


@dataclass(frozen=True, slots=True)
class Layers:
    """Every policy that has a say. None means the layer is not there and does not limit."""

    identity: Sequence[Policy] = ()
    boundary: Policy | None = None
    session: Sequence[Policy] | None = None
    # One sequence a level, from the root of the organisation down: each level has to allow.
    service_control: Sequence[Sequence[Policy]] = ()
    resource_control: Sequence[Sequence[Policy]] = ()
    resource: Policy | None = None
    # A trust policy or a KMS key policy decides alone: identity policies count only through it.
    resource_rules: bool = False
    resource_layer: Layer = "resource-based policy"


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer and its reason: the layer that denied, or that did not allow."""

    allowed: bool
    explicit: bool = False
    layer: Layer | None = None
    deciding: tuple[Statement, ...] = field(default=(), repr=False)


def decide(request: Request, layers: Layers) -> Decision:
    """Return the decision on one action on one resource."""
    denied = _explicit_deny(request, layers)
    if denied is not None:
        return denied
    for name, levels in (
        ("resource control policy", layers.resource_control),
        ("service control policy", layers.service_control),
    ):
        for level in levels:
            if not _allowed_by(level, request):
                return _not_allowed_by(name)  # type: ignore[arg-type]
    granted = _granted_by_resource(request, layers.resource)
    if request.caller.account != request.resource_account:
        return _cross_account(request, layers, granted)
    return _same_account(request, layers, granted)


def _same_account(request: Request, layers: Layers, granted: Closeness) -> Decision:
    if layers.resource_rules and granted is Closeness.NONE:
        return _not_allowed_by(layers.resource_layer)
    if granted >= Closeness.EVERYONE:
        # The user or session itself is named, or everybody: implicit denials elsewhere, of a
        # boundary too, do not limit it ("AWS JSON policy elements: Principal", IAM roles).
        return Decision(allowed=True)
    own = _identity_side(request, layers, granted_elsewhere=granted > Closeness.ACCOUNT)
    return own if own is not None else Decision(allowed=True)


def _cross_account(request: Request, layers: Layers, granted: Closeness) -> Decision:
    if request.caller.anonymous and granted is not Closeness.NONE:
        return Decision(allowed=True)  # there is no other side to allow
    own = _identity_side(request, layers, granted_elsewhere=False)
    if own is not None:
        return own
    if granted is Closeness.NONE:
        return _not_allowed_by(layers.resource_layer)
    return Decision(allowed=True)


def _identity_side(request: Request, layers: Layers, *, granted_elsewhere: bool) -> Decision | None:
    """Return the denial of the caller's own policies, None where they allow."""
    if not granted_elsewhere and not _allowed_by(layers.identity, request):
        return _not_allowed_by("identity-based policy")
    if layers.boundary is not None and not _allowed_by((layers.boundary,), request):
        return _not_allowed_by("permissions boundary")
    if layers.session is not None and not _allowed_by(layers.session, request):
        return _not_allowed_by("session policy")
    return None


def _explicit_deny(request: Request, layers: Layers) -> Decision | None:
    boundary = () if layers.boundary is None else (layers.boundary,)
    resource = () if layers.resource is None else (layers.resource,)
    asked: tuple[tuple[Layer, Iterable[Policy]], ...] = (
        ("resource control policy", (p for level in layers.resource_control for p in level)),
        ("service control policy", (p for level in layers.service_control for p in level)),
        (layers.resource_layer, resource),
        ("identity-based policy", layers.identity),
        ("permissions boundary", boundary),
        ("session policy", layers.session or ()),
    )
    for layer, policies in asked:
        for policy in policies:
            for statement in policy.denies:
                if statement.applies(
                    request.action, request.resource, request.context
                ) and request.caller.denied_by(
                    statement.principals, bounded=layers.boundary is not None
                ):
                    return Decision(
                        allowed=False, explicit=True, layer=layer, deciding=(statement,)
                    )
    return None


def _allowed_by(policies: Sequence[Policy], request: Request) -> bool:
    return any(
        statement.applies(request.action, request.resource, request.context)
        for policy in policies
        for statement in policy.allows
    )


def _granted_by_resource(request: Request, policy: Policy | None) -> Closeness:
    best = Closeness.NONE
    if policy is None:
        return best
    for statement in policy.allows:
        if not statement.applies(
            request.action, request.resource, request.context
        ) or not request.caller.named_by(statement.principals):
            continue
        principals = statement.principals
        closeness = (
            Closeness.EVERYONE
            if principals is not None and principals.inverted
            else request.caller.closeness(principals)
        )
        best = max(best, closeness)
    return best


def _not_allowed_by(layer: Layer) -> Decision:
    return Decision(allowed=False, layer=layer)

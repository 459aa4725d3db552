"""The classes that a Pulumi program declares: one an action, and a principal with all of its own.

None has an ``__init__`` of its own: the SDK stores a Python stack trace, machine paths included,
for each resource that is made through one, and the engine writes the whole state twice a resource.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pulumi

from containment.text import wired

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from containment.plan import PrincipalPlan


# What the stack's own outputs are made of; a resource without one has None.
EXPORTED = ("issuedBefore", "ledger", "live")


class ContainmentResource(pulumi.CustomResource):
    """A resource of this provider; *outputs* are those that other resources are given."""

    resource_type: ClassVar[str]
    outputs: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def declare(
        cls, name: str, inputs: Mapping[str, Any], opts: pulumi.ResourceOptions | None = None
    ) -> Self:
        """Declare this resource under *name* with *inputs* in the schema's camelCase."""
        props = {**dict.fromkeys((*cls.outputs, *EXPORTED)), **wired(dict(inputs))}
        return cls(cls.resource_type, name, props, opts)

    def output(self, name: str) -> pulumi.Output[Any]:
        """Return the output *name*, one of *outputs* or of `EXPORTED`."""
        value: pulumi.Output[Any] = self.__dict__[name]
        return value


@dataclass(frozen=True, slots=True)
class ContainedPrincipal:
    """A principal's resources: a snapshot, and under it what the rung asks for.

    It registers nothing itself, for the engine counts resources. Names are
    ``<account>/<user|role>/<name>``, whatever the spec calls the principal by, so that another
    order or another way to name it is no change.
    """

    snapshot: PrincipalSnapshot
    resources: Mapping[str, ContainmentResource]

    @classmethod
    def declare(cls, declared: PrincipalPlan) -> ContainedPrincipal:
        """Declare the snapshot and all that hangs on it."""
        classes = {kind.__name__: kind for kind in ContainmentResource.__subclasses__()}
        name = declared.principal.label
        protected = pulumi.ResourceOptions(protect=declared.hold)
        snapshot = PrincipalSnapshot.declare(name, declared.snapshot.inputs, protected)
        resources: dict[str, ContainmentResource] = {}
        for item in declared.declarations:
            inputs = dict(item.inputs)
            inputs |= {key: snapshot.output(source) for key, source in item.from_snapshot.items()}
            # None waits for another: the engine would skip what comes after a failure.
            opts = pulumi.ResourceOptions(parent=snapshot, protect=declared.hold)
            resources[item.resource] = classes[item.resource].declare(name, inputs, opts)
        return cls(snapshot, resources)


# What follows is written by `make docs` from containment.actions; a test holds it to them.


class PrincipalSnapshot(ContainmentResource):
    """Remember a principal as it was and see that nothing of ours is left behind."""

    resource_type = "containment:index:PrincipalSnapshot"
    outputs = (
        "accessKeys",
        "attachedPolicies",
        "capturedAt",
        "endpoint",
        "otherCredentials",
        "owners",
        "principalId",
        "snapshotId",
        "trustPolicy",
    )


class ClosedTrustPolicy(ContainmentResource):
    """Close a role's trust policy to everyone but break-glass."""

    resource_type = "containment:index:ClosedTrustPolicy"


class DenyPolicy(ContainmentResource):
    """Deny a principal everything, its older tokens, or picked sessions."""

    resource_type = "containment:index:DenyPolicy"


class InactiveCredentials(ContainmentResource):
    """Deactivate a user's credentials of every kind and keep them deactivated."""

    resource_type = "containment:index:InactiveCredentials"


class GuardPolicy(ContainmentResource):
    """Guard the account by a service control policy."""

    resource_type = "containment:index:GuardPolicy"

"""One principal and all that holds it: a snapshot, and under it what the rung asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

from containment.resources.closed_trust_policy import ClosedTrustPolicy
from containment.resources.deny_policy import DenyPolicy
from containment.resources.inactive_credentials import InactiveCredentials
from containment.resources.principal_snapshot import PrincipalSnapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from containment.plan import PrincipalPlan
    from containment.resources.base import ContainmentResource

_HELD: tuple[type[ContainmentResource], ...] = (DenyPolicy, InactiveCredentials, ClosedTrustPolicy)
_CLASSES = {held.__name__: held for held in _HELD}


@dataclass(frozen=True, slots=True)
class ContainedPrincipal:
    """A principal's resources. It registers nothing itself, for the engine counts resources.

    Names are ``<account>/<user|role>/<name>``, whatever the spec calls the principal by, so that
    another order or another way to name it is no change.
    """

    snapshot: PrincipalSnapshot
    held: Mapping[str, ContainmentResource]

    @classmethod
    def declare(cls, declared: PrincipalPlan) -> ContainedPrincipal:
        """Declare the snapshot and all that hangs on it."""
        name = declared.principal.label
        alone = pulumi.ResourceOptions(protect=declared.hold)
        snapshot = PrincipalSnapshot.declare(name, declared.snapshot.inputs, alone)
        held: dict[str, ContainmentResource] = {}
        for item in declared.held:
            inputs = dict(item.inputs)
            inputs |= {key: snapshot.output(source) for key, source in item.from_snapshot.items()}
            # None waits for another: the engine would skip what comes after a failure.
            opts = pulumi.ResourceOptions(parent=snapshot, protect=declared.hold)
            held[item.resource] = _CLASSES[item.resource].declare(name, inputs, opts)
        return cls(snapshot, held)

"""The classes that a Pulumi program declares.

None has an ``__init__`` of its own: the SDK stores a Python stack trace, machine paths included,
for each resource that is made through one, and the engine writes the whole state twice a resource.
"""

from __future__ import annotations

from containment.resources.closed_trust_policy import ClosedTrustPolicy
from containment.resources.contained_principal import ContainedPrincipal
from containment.resources.deny_policy import DenyPolicy
from containment.resources.inactive_credentials import InactiveCredentials
from containment.resources.principal_snapshot import PrincipalSnapshot

__all__ = [
    "ClosedTrustPolicy",
    "ContainedPrincipal",
    "DenyPolicy",
    "InactiveCredentials",
    "PrincipalSnapshot",
]

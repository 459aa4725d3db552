"""Follow a credential to everything that came out of it, until nothing new appears.

Five tiers, from certain to inferred:

``A_issued``         a member called, and the answer handed out a key id
``B_principal``      a user, role, password or provider that a member made, and who comes in by it
``C_service_issued`` a service gave credentials to compute that a member made
``D_forwarded``      a service acted for a member with a forwarded session of its own key id
``E_inferred``       no id links it, but principal and time do; marked with a confidence

Each round closes the certain rules first, so that what can be known is never guessed. The answer
depends on the evidence alone: not on its order, and not on what does not touch a member.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.trail.lineage import (
    creations,
    forwarded_sessions,
    indirect_credentials,
    inferences,
    sign_ins,
)
from containment.trail.lineage.lineage import Lineage

if TYPE_CHECKING:
    from containment.trail.facts.evidence import Evidence
    from containment.trail.lineage.seeds import Seed

# From certain to inferred; what one of them adds is followed from the top again.
_RULES = (
    creations.apply,
    indirect_credentials.apply,
    forwarded_sessions.apply,
    sign_ins.apply,
    inferences.apply,
    indirect_credentials.late,
)


def derive(seed: Seed, evidence: Evidence) -> Lineage:
    """Return everything that came out of *seed* according to *evidence*."""
    lineage = Lineage(seed, evidence)
    while True:
        before = len(lineage.members)
        for apply in _RULES:
            apply(lineage)
            if len(lineage.members) > before:
                break
        else:
            return lineage

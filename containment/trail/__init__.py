"""CloudTrail: what a leaked credential did, and every credential that came out of it."""

from containment.trail.answer.result import (
    Credential,
    ExternalTrust,
    Gap,
    Resource,
    Trace,
    TracedCall,
)
from containment.trail.follow import trace

__all__ = ["Credential", "ExternalTrust", "Gap", "Resource", "Trace", "TracedCall", "trace"]

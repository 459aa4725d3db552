"""CloudTrail: what a leaked credential did, and every credential that came out of it."""

from containment.trail.follow import trace
from containment.trail.result import Credential, ExternalTrust, Gap, Resource, Trace, TracedCall

__all__ = ["Credential", "ExternalTrust", "Gap", "Resource", "Trace", "TracedCall", "trace"]

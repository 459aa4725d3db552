"""The organisation's profile: what is true of the project's owner and not of one incident.

``containment.yaml`` at the project's root. It holds no secrets, only where things are and who must
never be contained. Role, ledger and region come from here alone.
"""

from containment.profile.loading import load
from containment.profile.profile import ACCOUNT, FILE, Profile, changed_since

__all__ = ["ACCOUNT", "FILE", "Profile", "changed_since", "load"]

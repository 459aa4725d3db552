"""Who holds a principal already: which incidents have left marks on it, and whether ours binds it.

A mark proves nothing, for an attacker can plant one. What binds them as well is worth nothing to
them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.facets import attachment, credentials, deny, documents, marks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from containment.aws.principal import LivePrincipal
    from containment.facets.capture import Captured


def contested(
    live: LivePrincipal, policies: Mapping[str, str], taken_over: str | None
) -> list[str]:
    """Return what carries a mark of some incident: recorded, never a reason not to contain.

    What the incident *taken_over* left is not among it, because it is being taken over.
    """

    def foreign(text: str) -> bool:
        return any(
            taken_over is None or not mark.is_of(taken_over)
            for mark in documents.marks(text, lambda _statement: True)
        )

    named = [f"inline policy {name}" for name, text in policies.items() if foreign(text)]
    tagged = [
        f"tag {key}" for key in live.tags if marks.incident_of_tag(key) not in {None, taken_over}
    ]
    trusted = ["a marked statement in the trust policy"] if foreign(live.trust_policy) else []
    return sorted([*named, *tagged, *trusted])


def is_bound(live: LivePrincipal, incident: str, policies: Mapping[str, str]) -> bool:
    """Tell whether the deny of *incident* binds everything *live* can do now."""
    policy = policies.get(marks.policy_name(incident))
    return deny.binds_everything(deny.read(policy, incident), live)


def is_held(
    live: LivePrincipal, incident: str, captured: Captured, leaked: Sequence[str], *, denied: bool
) -> bool:
    """Tell whether all that *incident* holds *live* with is there, but for a deny of its own.

    *denied* says that a deny is to be part of it, so that Inactive keys alone do not hold them.
    """
    if attachment.find(live, incident) is not None:
        return attachment.holds(live, captured.attached)
    if credentials.find(live, incident) is None or denied:
        return False
    statuses = {one.credential_id: one.status for one in captured.credentials}
    return all(statuses.get(name) == "Inactive" for name in leaked or statuses)

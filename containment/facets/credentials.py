"""A user's access keys: made Inactive under a claim, made Active again only where all agree.

A key that is Inactive keeps its id, its age and its CloudTrail history, and can be turned on
again; a deleted one cannot (IAM API Reference, UpdateAccessKey). Tokens that were minted with a
key outlive it, up to 36 hours (STS API Reference, GetSessionToken), so keys are half an answer.
What comes back is decided in :mod:`containment.facets.returning`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from containment.facets import claims
from containment.facets.marks import credentials_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from containment.aws.principal import AccessKey, LivePrincipal

Which = Literal["all", "leaked"]


def in_scope(keys: Iterable[AccessKey], which: Which, leaked: Sequence[str]) -> list[AccessKey]:
    """Return the keys that are to be Inactive: every one, or those that leaked."""
    return [key for key in keys if which == "all" or key.access_key_id in leaked]


def active(keys: Iterable[AccessKey]) -> list[AccessKey]:
    """Return the keys that still authenticate."""
    return [key for key in keys if key.status != "Inactive"]


def find(live: LivePrincipal, incident: str) -> claims.Claim | None:
    """Return the incident's claim on credentials, if there is one that can be read."""
    return claims.read(live.tags, credentials_tag(incident))


def claim(live: LivePrincipal, incident: str, new_claim: claims.Claim) -> None:
    """Write down *new_claim* before anything is changed, in as many tags as it takes."""
    key = credentials_tag(incident)
    values = new_claim.values(key)
    for name, value in values.items():
        live.tag(name, value)
    for name in claims.keys(live.tags, key):
        if name not in values:
            live.untag(name)


def drop_claim(live: LivePrincipal, incident: str) -> None:
    """Remove the claim, if it is there."""
    for name in claims.keys(live.tags, credentials_tag(incident)):
        live.untag(name)

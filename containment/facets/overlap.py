"""What other incidents hold on the same principal: each adds and removes its own.

What has an owner (a policy, a statement) needs no agreement. A key's status and an attachment of
AWSDenyAll have none, so each incident claims them by a tag, and who lifts gives them back only if
no other one claims them. A claim proves nothing of what was before, for whoever may tag the
principal can write one; that somebody claims is reason enough to leave a thing as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from containment.facets import claims, deny, marks
from containment.facets.marks import NEWEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from containment.aws.principal import LivePrincipal

KEPT = "Kept"


@dataclass(frozen=True, slots=True)
class Other:
    """Another incident on the same principal.

    Attributes:
        incident: its name, as tag and policy say it.
        claim: its claim on credentials; None where it has none, or one that cannot be read.
        claimed: whether there is a tag at all.
        binds: whether its deny holds everything, which goes with every key Inactive.
    """

    incident: str
    claim: claims.Claim | None
    claimed: bool
    binds: bool

    def holds(self, access_key_id: str) -> bool:
        """Tell whether it wants the key Inactive, or may: a claim nobody can read holds all."""
        if self.binds or (self.claimed and self.claim is None):
            return True
        said = self.claim.priors.get(access_key_id) if self.claim else None
        return said not in {None, KEPT}


def others(live: LivePrincipal, incident: str) -> tuple[Other, ...]:
    """Return every other incident that holds credentials of *live*, as *live* was read."""
    names = [name for name in live.inline_names() if _foreign(name, incident)]
    read = {name: text for name in names if (text := live.inline_text(name)) is not None}
    return among(live, incident, read)


def among(live: LivePrincipal, incident: str, policies: Mapping[str, str]) -> tuple[Other, ...]:
    """Return every other incident that holds credentials, by tags and by what was read already."""
    tags = _tags(live, incident, attachment=False)
    binding = {
        other
        for name, text in policies.items()
        if (other := _foreign(name, incident))
        and deny.binds_everything(deny.read(text, other), live)
    }
    found = [
        Other(name, claims.parse(tags.get(name)), name in tags, name in binding)
        for name in sorted(tags.keys() | binding)
    ]
    # The one that came first knows best how it was.
    return tuple(sorted(found, key=lambda item: item.claim.generation if item.claim else NEWEST))


def attachments(live: LivePrincipal, incident: str) -> dict[str, claims.Claim | None]:
    """Return the other incidents' claims of an attachment; None for one that cannot be read."""
    tags = _tags(live, incident, attachment=True)
    return {other: claims.parse(value) for other, value in sorted(tags.items())}


def _foreign(name: str, incident: str) -> str | None:
    other = marks.incident_of_policy(name)
    return other if other != incident else None


def _tags(live: LivePrincipal, incident: str, *, attachment: bool) -> Mapping[str, str]:
    key_of = marks.attachment_tag if attachment else marks.credentials_tag
    named = {marks.incident_of_tag(key) for key in live.tags} - {None, incident}
    return {
        other: live.tags[key_of(other)]
        for other in named
        if other is not None and key_of(other) in live.tags
    }

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
from containment.facets.marks import NEWEST, attachment_tag, credentials_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from containment.aws.principal import LivePrincipal

KEPT = "Kept"


def unknown(strangers: Sequence[str]) -> str:
    """Return, in words, that tags claim something for incidents of which nobody else knows."""
    more = f" and {len(strangers) - 1} more" if len(strangers) > 1 else ""
    return (
        f"and a tag of {strangers[0]}{more} claims it; no spec here and no ledger says that"
        f" {strangers[0]} holds it, and whoever may tag the principal can write such a tag"
    )


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
        prior = self.claim.priors.get(access_key_id) if self.claim else None
        return prior not in {None, KEPT}


def others(live: LivePrincipal, incident: str) -> tuple[Other, ...]:
    """Return every other incident that holds credentials of *live*, as *live* was read."""
    names = [name for name in live.inline_names() if _foreign(name, incident)]
    read = {name: text for name in names if (text := live.inline_text(name)) is not None}
    return among(live, incident, read)


def among(live: LivePrincipal, incident: str, policies: Mapping[str, str]) -> tuple[Other, ...]:
    """Return every other incident that holds credentials, by tags and by what was read already."""
    claimed = _claiming(live, incident, credentials_tag)
    binding = {
        other
        for name, text in policies.items()
        if (other := _foreign(name, incident))
        and deny.binds_everything(deny.read(text, other), live)
    }
    others = [
        Other(
            name,
            claims.read(live.tags, credentials_tag(name), whole=True),
            name in claimed,
            name in binding,
        )
        for name in sorted(claimed | binding)
    ]
    # The one that came first knows best how it was.
    return tuple(sorted(others, key=lambda item: item.claim.generation if item.claim else NEWEST))


def attachments(live: LivePrincipal, incident: str) -> dict[str, claims.Claim | None]:
    """Return the other incidents' claims of an attachment; None for one that cannot be read."""
    return {
        other: claims.read(live.tags, attachment_tag(other), whole=True)
        for other in sorted(_claiming(live, incident, attachment_tag))
    }


def _foreign(name: str, incident: str) -> str | None:
    other = marks.incident_of_policy(name)
    return other if other != incident else None


def _claiming(live: LivePrincipal, incident: str, key_of: Callable[[str], str]) -> set[str]:
    """Return the other incidents that claim something of *live* by a tag of *key_of*."""
    named = {marks.incident_of_tag(key) for key in live.tags} - {None, incident}
    return {name for name in named if name is not None and claims.keys(live.tags, key_of(name))}

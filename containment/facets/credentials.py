"""A user's credentials: made Inactive under a claim, made Active again only where all agree.

A credential that is Inactive keeps its id, its age and its CloudTrail history, and can be turned
on again; a deleted one cannot (IAM API Reference, UpdateAccessKey). Tokens that were minted with a
key outlive it, up to 36 hours (STS API Reference, GetSessionToken), so this is half an answer.
What comes back is decided in :mod:`containment.facets.credentials_lift`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from containment.aws.credentials import ACCESS_KEY, KINDS
from containment.errors import AccessError
from containment.facets import claims
from containment.facets.marks import credentials_tag

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from containment.aws.credentials import Credential, CredentialKind
    from containment.aws.principal import LivePrincipal

Which = Literal["all", "leaked"]
# Who is renamed more often than that while three calls are made is renamed all the while.
_RENAMES = 4


@dataclass(frozen=True, slots=True)
class Listing:
    """A user's credentials of every kind, and why some kind could not be read."""

    credentials: tuple[Credential, ...]
    unread: Mapping[CredentialKind, AccessError] = field(
        default_factory=dict["CredentialKind", AccessError]
    )

    def problems(self, live: LivePrincipal) -> Iterator[AccessError]:
        """Yield, for each kind that could not be read, what that means."""
        for kind, error in self.unread.items():
            what = f"{live}: whether it has a {kind.word} is not known ({error.message})"
            yield AccessError(what, remedy=error.remedy)


def listing(live: LivePrincipal, kinds: Collection[CredentialKind] = KINDS) -> Listing:
    """Return the credentials of *live* of some *kinds*, each asked for at the same time.

    A kind that the responder may not list is noted and holds up no other; without the right to
    list access keys nothing is known at all. A user who was renamed meanwhile is listed again, for
    another may have had the name, and some of what was listed be theirs.

    Raises:
        ContainmentError: a listing failed for another reason, or that of the access keys.
    """
    if live.principal.kind == "role":
        return Listing(())
    for _ in range(_RENAMES):
        name = live.principal
        listed = _listed(live, kinds)
        if live.principal == name:
            return listed
    return _listed(live, kinds)


def _listed(live: LivePrincipal, kinds: Collection[CredentialKind]) -> Listing:
    with ThreadPoolExecutor(max_workers=len(kinds)) as pool:
        asked = {kind: pool.submit(live.credentials, kind) for kind in kinds}
    listed: list[Credential] = []
    unread: dict[CredentialKind, AccessError] = {}
    for kind, answer in asked.items():
        try:
            listed += answer.result()
        except AccessError as error:
            if kind is ACCESS_KEY:
                raise
            unread[kind] = error
    return Listing(tuple(listed), unread)


def in_scope(
    credentials: Iterable[Credential], which: Which, leaked: Sequence[str]
) -> list[Credential]:
    """Return the credentials that are to be Inactive: every one, or those that leaked."""
    return [one for one in credentials if which == "all" or one.credential_id in leaked]


def working(credentials: Iterable[Credential]) -> list[Credential]:
    """Return the credentials that still authenticate."""
    return [one for one in credentials if one.works]


def suspicion(credential: Credential, leaked: Collection[str], compromised_at: str) -> str | None:
    """Return why *credential* comes back only where the incident was a mistake; None where it may.

    Args:
        credential: the credential.
        leaked: the ids of those that leaked; with none named, every one counts as leaked.
        compromised_at: T0, ISO 8601.
    """
    if not leaked or credential.credential_id in leaked:
        return "leaked and stays Inactive"
    if credential.created_at >= datetime.fromisoformat(compromised_at):
        return "was made after the compromise and stays Inactive"
    return None


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

"""A user's access keys: made Inactive under a claim, made Active again only where all agree.

A key that is Inactive keeps its id, its age and its CloudTrail history, and can be turned on
again; a deleted one cannot (IAM API Reference, UpdateAccessKey). Tokens that were minted with a
key outlive it, up to 36 hours (STS API Reference, GetSessionToken), so keys are half an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from containment.aws.consistency import eventually
from containment.errors import ConflictError, NotContainedError
from containment.facets import claims
from containment.facets.marks import credentials_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

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
    return claims.parse(live.tags.get(credentials_tag(incident)))


def claim(live: LivePrincipal, incident: str, ours: claims.Claim) -> None:
    """Write down *ours* before anything is changed."""
    live.tag(credentials_tag(incident), ours.value)


def drop_claim(live: LivePrincipal, incident: str) -> None:
    """Remove the claim, if it is there."""
    if credentials_tag(incident) in live.tags:
        live.untag(credentials_tag(incident))


@dataclass(frozen=True, slots=True)
class Return:
    """What a lift does with a user's keys: which go Active, which stay and why."""

    activate: tuple[str, ...]
    kept: tuple[str, ...]
    undecided: tuple[str, ...]


def to_return(
    *,
    keys: Sequence[AccessKey],
    known: Mapping[str, str],
    claimed: Mapping[str, str] | None,
    leaked: Sequence[str],
    compromised_at: str,
    false_positive: bool,
) -> Return:
    """Decide what happens to each key at lift. Pure.

    A key goes Active only if it was Active for the state (*known*) and for the claim alike, and,
    unless the alarm was false, did not leak, was not made at or after the compromise, and was
    there when the snapshot was taken.

    Args:
        keys: the user's keys now.
        known: status by key id when the snapshot was taken, from the state.
        claimed: status by key id that the claim on the user says; None where there is no claim.
        leaked: the leaked ids; with none named, every key counts as leaked.
        compromised_at: T0, ISO 8601.
        false_positive: True where everything comes back, leaked keys included.
    """
    since = datetime.fromisoformat(compromised_at)
    activate: list[str] = []
    kept: list[str] = []
    undecided: list[str] = []
    for key in keys:
        name = key.access_key_id
        prior = known.get(name)
        if key.status == "Active":
            kept.append(f"{name} is Active already")
        elif not false_positive and (not leaked or name in leaked):
            kept.append(f"{name} leaked and stays Inactive")
        elif not false_positive and key.created_at >= since:
            kept.append(f"{name} was made after the compromise and stays Inactive")
        elif prior is None:
            kept.append(f"{name} was not there before the containment and stays Inactive")
        elif prior != "Active":
            kept.append(f"{name} was Inactive before")
        elif claimed is None or claimed.get(name) != "Active":
            undecided.append(name)
        else:
            activate.append(name)
    gone = known.keys() - {key.access_key_id for key in keys}
    kept.extend(f"{name} was deleted meanwhile" for name in sorted(gone))
    return Return(tuple(activate), tuple(kept), tuple(undecided))


def lift(live: LivePrincipal, incident: str, decided: Return) -> list[str]:
    """Give back what *decided* says and drop the claim; return what was done, in words.

    Raises:
        ConflictError: nothing but the state says that a key was Active; nothing is changed.
        NotContainedError: a key that was made Active does not read so.
    """
    if decided.undecided:
        names = ", ".join(decided.undecided)
        raise ConflictError(
            f"{live}: the state says {names} was Active before, and the claim on the user"
            f" (tag {credentials_tag(incident)}) does not say so",
            remedy=f"decide: 'aws iam update-access-key --user-name {live.principal.name}"
            f" --access-key-id {decided.undecided[0]} --status Active' gives it back by hand,"
            " deleting the key does not; then run 'pulumi destroy' again",
        )
    for name in decided.activate:
        live.set_key_status(name, "Active")
    if not eventually(lambda: _all_active(live, decided.activate)):
        raise NotContainedError(
            f"{live}: {', '.join(decided.activate)} does not read Active after UpdateAccessKey",
            remedy="run 'pulumi destroy' again",
        )
    drop_claim(live, incident)
    return [
        *(f"{live}: {name} is Active again" for name in decided.activate),
        *(f"{live}: {reason}" for reason in decided.kept),
    ]


def _all_active(live: LivePrincipal, names: Sequence[str]) -> bool:
    status = {key.access_key_id: key.status for key in live.access_keys()}
    return all(status.get(name) == "Active" for name in names)

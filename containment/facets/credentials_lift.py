"""What a lift does with a user's access keys.

A key goes Active only where what we remember says that it was, and something else says so too: our
claim on the user, or the ledger. While another incident holds a key it stays as it is; the last
one to lift gives it back. What one lift keeps Inactive is written into the claims of the others
before ours goes, so that theirs keeps it as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Literal, get_args

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.consistency import eventually
from containment.aws.faults import explain
from containment.aws.recording import access_key
from containment.errors import LIFT, NotContainedError
from containment.facets import claims, credentials, overlap
from containment.facets.credentials import find as claim_of
from containment.facets.facet import Present, Returns, undecided
from containment.facets.marks import credentials_tag

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from containment.aws.principal import AccessKey, KeyStatus, LivePrincipal
    from containment.errors import ConflictError
    from containment.facets.decisions import FacetName
    from containment.facets.facet import Changes, Terms

NAME: str = "credentials"
WORD: FacetName = "credentials"
TURN: int = 3
IN_FORCE: str = "deactivated keys"
_Fate = Literal["activate", "shared", "undecided", "stay", "kept"]


@dataclass(frozen=True, slots=True)
class CredentialsPrior:
    """What a state or a snapshot remembers of a user's keys.

    Attributes:
        statuses: status by key id when the snapshot was taken.
        hearsay: the keys whose status nobody saw: another incident's claim said it.
        which: every key of the user was held, or the leaked ones alone.
        staying: the keys that remain claimed and as they are, while the others come back.
    """

    statuses: Mapping[str, str]
    hearsay: Collection[str] = ()
    which: credentials.Which = "all"
    staying: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Fates:
    """What a lift does with a user's keys, each id in one of these.

    Attributes:
        activate: go Active.
        shared: would, and another incident holds them; by whose name.
        undecided: nothing but the state says that they were Active, or a stranger claims them.
        strangers: the incidents that claim keys and that nobody knows of.
        stay: stay Inactive for a reason that outlives this incident.
        kept: why each of those stays as it is that is neither Active again nor undecided.
        staying: remain claimed, for the incident goes on.
    """

    activate: tuple[str, ...] = ()
    shared: Mapping[str, str] = field(default_factory=dict[str, str])
    undecided: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    stay: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    staying: frozenset[str] = frozenset()


def find(live: LivePrincipal, incident: str) -> Present:
    """Return the incident's claim on credentials."""
    return Present(claim_of(live, incident))


def decide(
    live: LivePrincipal, presence: Present, prior: CredentialsPrior, terms: Terms
) -> Returns[Fates]:
    """Return what a lift does with each key; one that only the state vouches for is a conflict."""
    del presence  # its type is not a claim's
    claim = claim_of(live, terms.incident)
    keys = [key for key in live.access_keys() if key.access_key_id not in prior.staying]
    others = (
        overlap.among(live, terms.incident, {})
        if terms.brief
        else overlap.others(live, terms.incident)
    )
    fates = fates_of(
        keys=keys,
        claimed=claim.priors if claim else None,
        prior=prior,
        terms=terms,
        others=others,
    )
    lines = (
        *(f"{name} becomes Active" for name in fates.activate),
        *(f"{name} stays Inactive for {other}" for name, other in fates.shared.items()),
        *(f"{name} asks for a decision" for name in fates.undecided),
        *fates.kept,
    )
    conflict = _undecided(live, fates, prior, terms) if fates.undecided else None
    claimed = claim.priors if claim else {}
    return Returns(
        fates,
        lines,
        lines,
        conflict,
        {access_key(name): _witnesses(name, prior, terms, claimed) for name in fates.activate},
    )


def fates_of(
    *,
    keys: Sequence[AccessKey],
    claimed: Mapping[str, str] | None,
    prior: CredentialsPrior,
    terms: Terms,
    others: Sequence[overlap.Other] = (),
) -> Fates:
    """Decide what happens to each key at lift. Pure.

    Args:
        keys: the user's keys now.
        claimed: status by key id that our claim on the user says; None where there is no claim.
        prior: what we remember.
        terms: on what the lift goes.
        others: the other incidents on the user.
    """
    fates: dict[str, dict[str, str]] = {kind: {} for kind in get_args(_Fate)}
    for key in keys:
        name = key.access_key_id
        if prior.which == "all" or name in {*terms.leaked, *(claimed or {})}:
            fate, why = _fate(key, claimed or {}, prior, terms, others)
            fates[fate][name] = why
    deleted_keys = prior.statuses.keys() - {key.access_key_id for key in keys} - {*prior.staying}
    return Fates(
        activate=tuple(fates["activate"]),
        shared=fates["shared"],
        undecided=tuple(fates["undecided"]),
        strangers=tuple(sorted({why for why in fates["undecided"].values() if why})),
        stay=tuple(fates["stay"]),
        kept=(
            *(f"{name} {why}" for name, why in {**fates["stay"], **fates["kept"]}.items()),
            *(f"{name} was deleted meanwhile" for name in sorted(deleted_keys)),
        ),
        staying=frozenset(prior.staying),
    )


def give_back(live: LivePrincipal, returns: Returns[Fates], terms: Terms) -> list[str]:
    """Give back what is to come back and drop the claim.

    Raises:
        NotContainedError: a key that was made Active or Inactive does not read so.
    """
    fates = returns.decided
    if fates is None:
        return []
    incident = terms.incident
    others = overlap.others(live, incident)
    lines = list(fates.kept)
    for other in others if fates.stay else ():
        terms.note_kept(other.incident, fates.stay)
    _tell_others(live, fates.stay, others)
    active = () if terms.spared else credentials.active(live.access_keys())
    again = {key.access_key_id for key in active}
    # Whoever turned them on again since the last look would be let in by the lift.
    _become(live, sorted(again.intersection(fates.stay)), "Inactive")
    lines += [
        f"{name} was Active and is Inactive now" for name in sorted(again.intersection(fates.stay))
    ]
    activate = list(fates.activate)
    _become(live, activate, "Active")
    _drop(live, incident, fates)
    if fates.shared:
        # The other may have gone while we looked; then neither of us has given it back.
        now = live.again()
        claimants = overlap.others(now, incident) if now else ()
        late = [key for key in fates.shared if not any(other.holds(key) for other in claimants)]
        _become(live, late if now else [], "Active")
        activate += late
        lines += [
            f"{key} stays Inactive while {other} holds it too; its lift gives it back"
            for key, other in fates.shared.items()
            if key not in late
        ]
    return [*(f"{name} is Active again" for name in activate), *lines]


def unrecorded(
    live: LivePrincipal, prior: CredentialsPrior, changed: Changes
) -> CredentialsPrior | None:
    """Return what was Active and is now, or is not because of us, as a ledger says.

    None where we made nothing Inactive that still is.
    """
    off = {key.access_key_id for key in live.access_keys() if key.status != "Active"}
    active = {name: status for name, status in prior.statuses.items() if status == "Active"}
    our_keys = {name for name in off if "Inactive" in changed.get(access_key(name), ())}
    if not our_keys & active.keys():
        return None
    kept = {name: status for name, status in active.items() if name not in off or name in our_keys}
    return CredentialsPrior(kept, frozenset(prior.hearsay) & kept.keys())


def _fate(  # noqa: PLR0911 -- one return for each reason
    key: AccessKey,
    claimed: Mapping[str, str],
    prior: CredentialsPrior,
    terms: Terms,
    others: Sequence[overlap.Other],
) -> tuple[_Fate, str]:
    """Return what becomes of *key*, and why it stays or who else holds it."""
    name = key.access_key_id
    was_never_ours = terms.false_positive and name not in prior.statuses
    if key.status == "Active" and was_never_ours:
        return "kept", "is Active already"
    if reason := _stays(key, claimed, prior, terms):
        return "stay", reason
    if key.status == "Active":
        return "kept", "is Active already"
    if prior.statuses[name] != "Active":
        return "kept", "was Inactive before"
    if shared_fate := _held_by_others(
        [other.incident for other in others if other.holds(name)], terms
    ):
        return shared_fate
    if _recorded(name, prior, terms) == "Inactive":
        return "kept", "was Inactive before, by the ledger"
    if _witnesses(name, prior, terms, claimed) - {"state"}:
        return "activate", ""
    if terms.decisions.get(WORD) == "keep-theirs":
        return "stay", "stays Inactive, as was decided"
    return "undecided", ""


def _held_by_others(holders: Sequence[str], terms: Terms) -> tuple[_Fate, str] | None:
    """Return what becomes of a key that *holders* claim; None where it may come back."""
    known_holder = terms.known_of(holders)
    if known_holder is not None:
        return "shared", known_holder
    decision = terms.decisions.get(WORD)
    if not holders or decision == "force-ours":
        return None
    return ("shared" if decision == "keep-theirs" else "undecided"), holders[0]


def _stays(
    key: AccessKey, claimed: Mapping[str, str], prior: CredentialsPrior, terms: Terms
) -> str | None:
    """Return why *key* stays Inactive whoever says that it was Active, if it does."""
    name = key.access_key_id
    if not terms.false_positive and (not terms.leaked or name in terms.leaked):
        return "leaked and stays Inactive"
    if not terms.false_positive and key.created_at >= datetime.fromisoformat(terms.compromised_at):
        return "was made after the compromise and stays Inactive"
    if name not in prior.statuses:
        return "was not there before the containment and stays Inactive"
    if claimed.get(name) == overlap.KEPT or name in terms.history.kept:
        return "was kept Inactive by the lift of another incident and stays so"
    return None


def _recorded(name: str, prior: CredentialsPrior, terms: Terms) -> str | None:
    """Return what the ledger says that the key was; what it says of hearsay was seen too late."""
    return None if name in prior.hearsay else terms.history.before.get(access_key(name))


def _witnesses(
    name: str, prior: CredentialsPrior, terms: Terms, claimed: Mapping[str, str]
) -> frozenset[str]:
    """Return who says that the key was Active."""
    says = {
        "state": prior.statuses.get(name) == "Active",
        "ledger": _recorded(name, prior, terms) == "Active",
        "claim": name not in prior.hearsay and claimed.get(name) == "Active",
        "decision": terms.decisions.get(WORD) == "force-ours",
    }
    return frozenset(who for who, so in says.items() if so)


def _undecided(
    live: LivePrincipal, fates: Fates, prior: CredentialsPrior, terms: Terms
) -> ConflictError:
    """Return what is said where nothing bears out that a key was Active, or a stranger holds it."""
    tag, names = credentials_tag(terms.incident), fates.undecided
    why = (
        "nobody but a claim that anyone who may tag the user can write says so"
        if set(names) & set(prior.hearsay)
        else f"the claim on the user (tag {tag}) does not say so"
    )
    if fates.strangers:
        why = overlap.unknown(fates.strangers).removeprefix("and ")
    return undecided(
        live,
        terms.incident,
        WORD,
        f"the state says {', '.join(names)} was Active before, and {why}",
        force_ours="makes it Active again",
        keep_theirs="leaves it Inactive",
    )


def _tell_others(live: LivePrincipal, stay: Sequence[str], others: Sequence[overlap.Other]) -> None:
    """Write what stays Inactive into the claims of the *others*, before ours goes.

    Raises:
        ContainmentError: that cannot be done, so a lift of theirs could bring it back.
    """
    for other in others:
        named = [key for key in stay if other.claim is not None and other.holds(key)]
        if other.claim is None or not named:
            continue
        words = {**other.claim.priors, **dict.fromkeys(named, overlap.KEPT)}
        new_claim = claims.Claim(other.claim.snapshot_id, other.claim.generation, words)
        try:
            credentials.claim(live, other.incident, new_claim)
        except (ClientError, BotoCoreError) as error:
            raise explain(f"telling {other.incident} what stays Inactive", error) from error
        if not eventually(partial(_claims, live, other.incident, new_claim)):
            raise NotContainedError(
                f"{live}: {other.incident} was told that {', '.join(named)} stays Inactive, and"
                " its claim does not read so",
                remedy=f"run '{LIFT}' again",
            )


def _claims(live: LivePrincipal, incident: str, expected: claims.Claim) -> bool:
    now = live.again()
    live_claim = credentials.find(now, incident) if now else None
    # Gone is as good: who has no claim left gives nothing back without asking.
    return live_claim is None or live_claim.priors == expected.priors


def _become(live: LivePrincipal, names: Sequence[str], status: KeyStatus) -> None:
    for name in names:
        live.set_key_status(name, status)
    if names and not eventually(lambda: _all_read(live, names, status)):
        raise NotContainedError(
            f"{live}: {', '.join(names)} does not read {status} after UpdateAccessKey",
            remedy=f"run '{LIFT}' again",
        )


def _all_read(live: LivePrincipal, names: Sequence[str], expected: KeyStatus) -> bool:
    status = {key.access_key_id: key.status for key in live.access_keys()}
    return all(status.get(name) == expected for name in names)


def _drop(live: LivePrincipal, incident: str, fates: Fates) -> None:
    """Drop the claim, but for the keys that stay claimed."""
    own_claim = claim_of(live, incident)
    rest = {
        name: was
        for name, was in (own_claim.priors if own_claim else {}).items()
        if name in fates.staying
    }
    if own_claim is None or not fates.staying:
        credentials.drop_claim(live, incident)
        return
    credentials.claim(
        live, incident, claims.Claim(own_claim.snapshot_id, own_claim.generation, rest)
    )

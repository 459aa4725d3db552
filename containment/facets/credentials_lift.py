"""What a lift does with a user's credentials: access keys and every other kind with a status.

One goes Active only where what we remember says that it was, and something else says so too: our
claim on the user, or the ledger. While another incident holds one it stays as it is; the last
one to lift gives it back. What one lift keeps Inactive is written into the claims of the others
before ours goes, so that theirs keeps it as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Literal, get_args

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.consistency import eventually
from containment.aws.faults import explain
from containment.errors import LIFT, NotContainedError
from containment.facets import claims, credentials, overlap
from containment.facets.credentials import find as claim_of
from containment.facets.facet import Present, Returns, undecided
from containment.facets.marks import credentials_tag
from containment.facets.write import Write

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from containment.aws.credentials import Credential, Status
    from containment.aws.principal import LivePrincipal
    from containment.errors import ConflictError
    from containment.facets.decisions import FacetName
    from containment.facets.facet import Changes, Terms

NAME: str = "credentials"
WORD: FacetName = "credentials"
TURN: int = 3
IN_FORCE: str = "deactivated credentials"
_Fate = Literal["activate", "shared", "undecided", "suspected", "stay", "kept"]


def _clear(_credential_id: str) -> bool:
    """Take every credential for one that did not leak."""
    return True


@dataclass(frozen=True, slots=True)
class CredentialsPrior:
    """What a state or a snapshot remembers of a user's credentials.

    Attributes:
        statuses: status by credential id when the snapshot was taken.
        hearsay: those whose status nobody saw: another incident's claim said it.
        which: every credential of the user was held, or the leaked ones alone.
        staying: those that remain claimed and as they are, while the others come back.
        kinds: the words for the kinds of which there were some.
    """

    statuses: Mapping[str, str]
    hearsay: Collection[str] = ()
    which: credentials.Which = "all"
    staying: Collection[str] = ()
    kinds: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Fates:
    """What a lift does with a user's credentials, each id in one of these.

    Attributes:
        activate: go Active.
        shared: would, and another incident holds them; by whose name.
        undecided: nothing but the state says that they were Active, or a stranger claims them.
        strangers: the incidents that claim some and that nobody knows of.
        suspected: were Active, and nothing but the state says that they did not leak.
        stay: stay Inactive for a reason that outlives this incident.
        kept: why each of those stays as it is that is neither Active again nor undecided.
        staying: remain claimed, for the incident goes on.
        told_to_keep: our claim, and no ledger, says that another incident's lift kept those.
    """

    activate: tuple[str, ...] = ()
    shared: Mapping[str, str] = field(default_factory=dict[str, str])
    undecided: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    suspected: tuple[str, ...] = ()
    stay: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    staying: frozenset[str] = frozenset()
    told_to_keep: frozenset[str] = frozenset()


def find(live: LivePrincipal, incident: str) -> Present:
    """Return the incident's claim on credentials."""
    return Present(claim_of(live, incident))


def decide(
    live: LivePrincipal, presence: Present, prior: CredentialsPrior, terms: Terms
) -> Returns[Fates]:
    """Return what a lift does with each credential; one only the state vouches for is a conflict.

    Raises:
        AccessError: credentials of a kind that the principal had cannot be listed.
    """
    del presence  # its type is not a claim's
    claim = claim_of(live, terms.incident)
    listing = credentials.listing(live)
    for kind, error in listing.unread.items():
        if kind.word in prior.kinds:
            raise error
    here = [one for one in listing.credentials if one.credential_id not in prior.staying]
    others = (
        overlap.among(live, terms.incident, {})
        if terms.brief
        else overlap.others(live, terms.incident)
    )
    fates = fates_of(
        here=here,
        claimed=claim.priors if claim else None,
        prior=prior,
        terms=terms,
        others=others,
        is_cleared=partial(_is_cleared, live, claim, terms),
    )
    stays = (
        *(f"{name} stays Inactive for {other}" for name, other in fates.shared.items()),
        *(f"{name} asks for a decision" for name in (*fates.undecided, *fates.suspected)),
        *fates.kept,
    )
    lines = (*(f"{name} becomes Active" for name in fates.activate), *stays)
    conflict = _conflict(live, fates, prior, terms)
    claimed = claim.priors if claim else {}
    widens = {
        one.facet: _witnesses(one, prior, terms, claimed)
        for one in here
        if one.credential_id in fates.activate
    }
    return Returns(
        fates,
        lines,
        announced=lines,
        stays=stays,
        writes=_writes(here, fates, terms),
        conflict=conflict,
        widens=widens,
    )


def _writes(here: Sequence[Credential], fates: Fates, terms: Terms) -> tuple[Write, ...]:
    """Return which status is written: those that come back, and those turned on since."""
    stopped = () if terms.spared else credentials.working(here)
    return (
        *(
            Write(one.facet, one.status, "Active")
            for one in here
            if one.credential_id in fates.activate
        ),
        *(
            Write(one.facet, one.status, "Inactive", reason="it was turned on meanwhile")
            for one in stopped
            if one.credential_id in fates.stay
        ),
    )


def fates_of(
    *,
    here: Sequence[Credential],
    claimed: Mapping[str, str] | None,
    prior: CredentialsPrior,
    terms: Terms,
    others: Sequence[overlap.Other] = (),
    is_cleared: Callable[[str], bool] = _clear,
) -> Fates:
    """Decide what happens to each credential at lift. Pure.

    Args:
        here: the user's credentials now.
        claimed: status by id that our claim on the user says; None where there is no claim.
        prior: what we remember.
        terms: on what the lift goes.
        others: the other incidents on the user.
        is_cleared: tells whether more than the state says of one, by its id, that it did not leak.
    """
    fates: dict[str, dict[str, str]] = {kind: {} for kind in get_args(_Fate)}
    for one in here:
        name = one.credential_id
        if prior.which == "all" or name in {*terms.leaked, *(claimed or {})}:
            fate, why = _fate(one, claimed or {}, prior, terms, others)
            if fate == "activate" and not is_cleared(name):
                fate, why = _uncleared(terms)
            fates[fate][name] = why
    deleted = prior.statuses.keys() - {one.credential_id for one in here} - {*prior.staying}
    return Fates(
        activate=tuple(fates["activate"]),
        shared=fates["shared"],
        undecided=tuple(fates["undecided"]),
        strangers=tuple(sorted({why for why in fates["undecided"].values() if why})),
        suspected=tuple(fates["suspected"]),
        stay=tuple(fates["stay"]),
        kept=(
            *(f"{name} {why}" for name, why in {**fates["stay"], **fates["kept"]}.items()),
            *(f"{name} was deleted meanwhile" for name in sorted(deleted)),
        ),
        staying=frozenset(prior.staying),
        told_to_keep=frozenset(
            name for name, status in (claimed or {}).items() if status == overlap.KEPT
        ),
    )


def give_back(live: LivePrincipal, returns: Returns[Fates], terms: Terms) -> list[str]:
    """Give back what is to come back and drop the claim.

    Raises:
        NotContainedError: one that was made Active or Inactive does not read so.
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
    here = {one.credential_id: one for one in credentials.listing(live).credentials}
    works = () if terms.spared else credentials.working(here.values())
    again = sorted({one.credential_id for one in works}.intersection(fates.stay))
    # Whoever turned them on again since the last look would be let in by the lift.
    _become(live, [here[name] for name in again], "Inactive")
    lines += [f"{name} was Active and is Inactive now" for name in again]
    activate = list(fates.activate)
    _become(live, [here[name] for name in activate if name in here], "Active")
    _drop(live, incident, fates)
    if fates.shared:
        # The other may have gone while we looked; then neither of us has given it back.
        now = live.again()
        claimants = overlap.others(now, incident) if now else ()
        late = [key for key in fates.shared if not any(other.holds(key) for other in claimants)]
        _become(live, [here[name] for name in late if name in here] if now else [], "Active")
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
    listed = credentials.listing(live).credentials
    off = {one.credential_id: one.facet for one in listed if one.status != "Active"}
    active = {name: status for name, status in prior.statuses.items() if status == "Active"}
    our_keys = {name for name, facet in off.items() if "Inactive" in changed.get(facet, ())}
    if not our_keys & active.keys():
        return None
    kept = {name: status for name, status in active.items() if name not in off or name in our_keys}
    return CredentialsPrior(kept, frozenset(prior.hearsay) & kept.keys(), kinds=prior.kinds)


def _fate(  # noqa: PLR0911 -- one return for each reason
    one: Credential,
    claimed: Mapping[str, str],
    prior: CredentialsPrior,
    terms: Terms,
    others: Sequence[overlap.Other],
) -> tuple[_Fate, str]:
    """Return what becomes of *one*, and why it stays or who else holds it."""
    name = one.credential_id
    was_never_ours = terms.false_positive and name not in prior.statuses
    if one.status == "Expired":
        return "kept", "has expired, and nobody can give that back"
    if one.status == "Active" and was_never_ours:
        return "kept", "is Active already"
    if reason := _stays(one, prior, terms):
        return "stay", reason
    if one.status == "Active":
        return "kept", "is Active already"
    if prior.statuses[name] != "Active":
        return "kept", "was Inactive before"
    if shared_fate := _held_by_others(
        [other.incident for other in others if other.holds(name)], terms
    ):
        return shared_fate
    if _recorded(one, prior, terms) == "Inactive":
        return "kept", "was Inactive before, by the ledger"
    if _witnesses(one, prior, terms, claimed) - {"state"}:
        return "activate", ""
    if terms.decisions.get(WORD) == "keep-theirs":
        return "stay", "stays Inactive, as was decided"
    return "undecided", ""


def _held_by_others(holders: Sequence[str], terms: Terms) -> tuple[_Fate, str] | None:
    """Return what becomes of a credential that *holders* claim; None where it may come back."""
    known_holder = terms.known_of(holders)
    if known_holder is not None:
        return "shared", known_holder
    decision = terms.decisions.get(WORD)
    if not holders or decision == "force-ours":
        return None
    return ("shared" if decision == "keep-theirs" else "undecided"), holders[0]


def _stays(one: Credential, prior: CredentialsPrior, terms: Terms) -> str | None:
    """Return why *one* stays Inactive whoever says that it was Active, if it does."""
    name = one.credential_id
    suspicion = credentials.suspicion(one, terms.leaked, terms.compromised_at)
    if suspicion is not None and not terms.false_positive:
        return suspicion
    if suspicion is not None and terms.keeps_leaked:
        return f"{suspicion}, and nobody has reviewed this lift"
    if name not in prior.statuses:
        return "was not there before the containment and stays Inactive"
    if name in terms.history.kept:
        return "was kept Inactive by the lift of another incident and stays so"
    return None


def _recorded(one: Credential, prior: CredentialsPrior, terms: Terms) -> str | None:
    """Return what the ledger says that *one* was; what it says of hearsay was seen too late."""
    return None if one.credential_id in prior.hearsay else terms.history.before.get(one.facet)


def _witnesses(
    one: Credential, prior: CredentialsPrior, terms: Terms, claimed: Mapping[str, str]
) -> frozenset[str]:
    """Return who says that *one* was Active."""
    name = one.credential_id
    says = {
        "state": prior.statuses.get(name) == "Active",
        "ledger": claimed.get(name) != overlap.KEPT and _recorded(one, prior, terms) == "Active",
        "claim": name not in prior.hearsay and claimed.get(name) == "Active",
        "decision": terms.decisions.get(WORD) == "force-ours",
    }
    return frozenset(who for who, so in says.items() if so)


def _is_cleared(
    live: LivePrincipal, claim: claims.Claim | None, terms: Terms, credential_id: str
) -> bool:
    """Tell whether more than the state says of a credential that it did not leak.

    That is the spec, where it names the user; or our claim, which says what leaked of those whom
    the spec does not name any more.
    """
    if terms.false_positive:
        return True
    by_claim = claim is not None and bool(claim.suspect) and credential_id in claim.priors
    if by_claim and claim is not None and credential_id not in claim.suspect:
        return True
    return terms.names(live.principal)


def _uncleared(terms: Terms) -> tuple[_Fate, str]:
    """Return what becomes of one of which the state alone says that it did not leak."""
    decision = terms.decisions.get(WORD)
    if decision == "keep-theirs":
        return "stay", "stays Inactive, as was decided"
    return ("activate" if decision == "force-ours" else "suspected"), ""


def _conflict(
    live: LivePrincipal, fates: Fates, prior: CredentialsPrior, terms: Terms
) -> ConflictError | None:
    """Return why somebody has to decide about credentials, if somebody has to."""
    if fates.undecided:
        return _undecided(live, fates, prior, terms)
    if not fates.suspected:
        return None
    return undecided(
        live,
        terms.incident,
        WORD,
        f"the state says that {', '.join(fates.suspected)} did not leak; the spec does not name"
        f" the user, and the claim on it (tag {credentials_tag(terms.incident)}) does not say so",
        force_ours="makes it Active again",
        keep_theirs="leaves it Inactive",
    )


def _undecided(
    live: LivePrincipal, fates: Fates, prior: CredentialsPrior, terms: Terms
) -> ConflictError:
    """Return what is said where nothing bears out that one was Active, or a stranger holds it."""
    tag, names = credentials_tag(terms.incident), fates.undecided
    why = (
        "nobody but a claim that anyone who may tag the user can write says so"
        if set(names) & set(prior.hearsay)
        else f"the claim on the user (tag {tag}) does not say so"
    )
    if key_ids := sorted(fates.told_to_keep.intersection(names)):
        why = (
            f"the claim on the user (tag {tag}) says that the lift of another incident kept"
            f" {', '.join(key_ids)} Inactive, of which the ledger knows nothing"
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
        new_claim = replace(other.claim, priors=words)
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


def _become(live: LivePrincipal, switched: Sequence[Credential], status: Status) -> None:
    for one in switched:
        live.set_status(one, status)
    if switched and not eventually(lambda: _all_read(live, switched, status)):
        names = ", ".join(one.credential_id for one in switched)
        calls = " and ".join(dict.fromkeys(one.kind.update for one in switched))
        raise NotContainedError(
            f"{live}: {names} does not read {status} after {calls}",
            remedy=f"run '{LIFT}' again",
        )


def _all_read(live: LivePrincipal, switched: Sequence[Credential], status: Status) -> bool:
    """Tell whether all *switched* read *status*; what has expired meanwhile reads neither."""
    kinds = dict.fromkeys(one.kind for one in switched)
    now = {one.credential_id: one.status for kind in kinds for one in live.credentials(kind)}
    return all(now.get(one.credential_id) in {status, "Expired"} for one in switched)


def _drop(live: LivePrincipal, incident: str, fates: Fates) -> None:
    """Drop the claim, but for the credentials that stay claimed."""
    own_claim = claim_of(live, incident)
    rest = {
        name: was
        for name, was in (own_claim.priors if own_claim else {}).items()
        if name in fates.staying
    }
    if own_claim is None or not fates.staying:
        credentials.drop_claim(live, incident)
        return
    credentials.claim(live, incident, replace(own_claim, priors=rest))

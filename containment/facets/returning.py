"""Which of a user's keys a lift makes Active again, and the making.

A key goes Active only where what we remember says that it was, and something else says so too: our
claim on the user, or the ledger. While another incident holds a key it stays as it is; the last
one to lift gives it back. What one lift keeps Inactive is written into the claims of the others
before ours goes, so that theirs keeps it as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Literal, get_args

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.consistency import eventually
from containment.aws.faults import explain
from containment.errors import ConflictError, NotContainedError
from containment.facets import claims, credentials, overlap
from containment.facets.decisions import way_out
from containment.facets.marks import credentials_tag

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from containment.aws.principal import AccessKey, KeyStatus, LivePrincipal
    from containment.facets.decisions import Word

Tell = Callable[[str, Sequence[str]], None]
_Fate = Literal["activate", "shared", "undecided", "stay", "kept"]


@dataclass(frozen=True, slots=True)
class Terms:
    """On what a lift of keys goes.

    Attributes:
        known: status by key id when the snapshot was taken, from the state.
        hearsay: the keys whose status in *known* nobody saw: another incident's claim said it.
        remembered: status by key id before containment, from an intact ledger.
        leaked: the leaked ids; with none named, every key counts as leaked.
        compromised_at: T0, ISO 8601.
        false_positive: True where everything comes back, leaked keys included.
        which: every key of the user was held, or the leaked ones alone.
        decision: what somebody decided where state and claim do not agree.
    """

    known: Mapping[str, str]
    leaked: Sequence[str]
    compromised_at: str
    false_positive: bool
    hearsay: Collection[str] = ()
    remembered: Mapping[str, str] = field(default_factory=dict[str, str])
    which: credentials.Which = "all"
    decision: Word | None = None


@dataclass(frozen=True, slots=True)
class Return:
    """What a lift does with a user's keys, each id in one of these.

    Attributes:
        activate: go Active.
        shared: would, and another incident holds them; by whose name.
        undecided: nothing but the state says that they were Active.
        stay: stay Inactive for a reason that outlives this incident.
        kept: why each of those stays as it is that is neither Active again nor undecided.
    """

    activate: tuple[str, ...] = ()
    shared: Mapping[str, str] = field(default_factory=dict[str, str])
    undecided: tuple[str, ...] = ()
    stay: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def to_return(
    *,
    keys: Sequence[AccessKey],
    claimed: Mapping[str, str] | None,
    terms: Terms,
    others: Sequence[overlap.Other] = (),
) -> Return:
    """Decide what happens to each key at lift. Pure.

    Args:
        keys: the user's keys now.
        claimed: status by key id that our claim on the user says; None where there is no claim.
        terms: what we remember, and on what terms the lift goes.
        others: the other incidents on the user.
    """
    fates: dict[str, dict[str, str]] = {kind: {} for kind in get_args(_Fate)}
    for key in keys:
        name = key.access_key_id
        if terms.which == "all" or name in {*terms.leaked, *(claimed or {})}:
            fate, why = _fate(key, claimed or {}, terms, others)
            fates[fate][name] = why
    gone = terms.known.keys() - {key.access_key_id for key in keys}
    return Return(
        activate=tuple(fates["activate"]),
        shared=fates["shared"],
        undecided=tuple(fates["undecided"]),
        stay=tuple(fates["stay"]),
        kept=(
            *(f"{name} {why}" for name, why in {**fates["stay"], **fates["kept"]}.items()),
            *(f"{name} was deleted meanwhile" for name in sorted(gone)),
        ),
    )


def _fate(  # noqa: PLR0911 -- one return for each reason
    key: AccessKey, claimed: Mapping[str, str], terms: Terms, others: Sequence[overlap.Other]
) -> tuple[_Fate, str]:
    """Return what becomes of *key*, and why it stays or who else holds it."""
    name = key.access_key_id
    theirs = terms.false_positive and name not in terms.known
    if key.status == "Active" and theirs:
        return "kept", "is Active already"
    if reason := _stays(key, terms, claimed):
        return "stay", reason
    if key.status == "Active":
        return "kept", "is Active already"
    if terms.known[name] != "Active":
        return "kept", "was Inactive before"
    if holder := next((other for other in others if other.holds(name)), None):
        return "shared", holder.incident
    if terms.remembered.get(name) == "Inactive":
        return "kept", "was Inactive before, by the ledger"
    if _borne_out(name, terms, claimed) or terms.decision == "force-ours":
        return "activate", ""
    if terms.decision == "keep-theirs":
        return "stay", "stays Inactive, as was decided"
    return "undecided", ""


def _stays(key: AccessKey, terms: Terms, claimed: Mapping[str, str]) -> str | None:
    """Return why *key* stays Inactive whoever says that it was Active, if it does."""
    name = key.access_key_id
    if not terms.false_positive and (not terms.leaked or name in terms.leaked):
        return "leaked and stays Inactive"
    if not terms.false_positive and key.created_at >= datetime.fromisoformat(terms.compromised_at):
        return "was made after the compromise and stays Inactive"
    if name not in terms.known:
        return "was not there before the containment and stays Inactive"
    if overlap.KEPT in {claimed.get(name), terms.remembered.get(name)}:
        return "was kept Inactive by the lift of another incident and stays so"
    return None


def _borne_out(name: str, terms: Terms, claimed: Mapping[str, str]) -> bool:
    """Tell whether something besides the state says that the key was Active."""
    if terms.remembered.get(name) == "Active":
        return True
    return name not in terms.hearsay and claimed.get(name) == "Active"


def lift(
    live: LivePrincipal,
    incident: str,
    terms: Terms,
    tell: Tell,
    *,
    staying: Collection[str] = (),
) -> list[str]:
    """Give back what is to come back and drop the claim; return what was done, in words.

    Keys *staying* remain claimed and as they are: the others come back before the incident does.
    *tell* notes what stays Inactive in another incident's record.

    Raises:
        ConflictError: nothing but the state says that a key was Active; nothing is changed.
        NotContainedError: a key that was made Active or Inactive does not read so.
    """
    ours = credentials.find(live, incident)
    others = overlap.others(live, incident)
    keys = [key for key in live.access_keys() if key.access_key_id not in staying]
    claimed = ours.priors if ours else None
    decided = to_return(keys=keys, claimed=claimed, terms=terms, others=others)
    if decided.undecided:
        raise undecided(live, incident, decided.undecided, terms)
    done = [f"{live}: {reason}" for reason in decided.kept]
    for other in others if decided.stay else ():
        tell(other.incident, decided.stay)
    _tell_others(live, decided.stay, others)
    again = {key.access_key_id for key in credentials.active(keys)}.intersection(decided.stay)
    # Whoever turned them on again since the last look would be let in by the lift.
    _become(live, sorted(again), "Inactive")
    done += [f"{live}: {name} was Active and is Inactive now" for name in sorted(again)]
    activate = list(decided.activate)
    _become(live, activate, "Active")
    _drop(live, incident, ours, staying)
    if decided.shared:
        # The other may have gone while we looked; then neither of us has given it back.
        now = live.again()
        left = overlap.others(now, incident) if now else ()
        late = [key for key in decided.shared if not any(other.holds(key) for other in left)]
        _become(live, late if now else [], "Active")
        activate += late
        done += [
            f"{live}: {key} stays Inactive while {other} holds it too; its lift gives it back"
            for key, other in decided.shared.items()
            if key not in late
        ]
    return [*(f"{live}: {name} is Active again" for name in activate), *done]


def undecided(
    live: LivePrincipal, incident: str, names: Sequence[str], terms: Terms
) -> ConflictError:
    """Return what is said where nothing bears out that a key was Active."""
    listed = ", ".join(names)
    heard = set(names) & set(terms.hearsay)
    why = (
        "nobody but a claim that anyone who may tag the user can write says so"
        if heard
        else f"the claim on the user (tag {credentials_tag(incident)}) does not say so"
    )
    return ConflictError(
        f"{live}: the state says {listed} was Active before, and {why}",
        remedy=way_out(
            incident,
            "credentials",
            live.principal,
            ours="makes it Active again",
            theirs="leaves it Inactive",
        ),
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
        told = claims.Claim(other.claim.snapshot_id, other.claim.generation, words)
        try:
            credentials.claim(live, other.incident, told)
        except (ClientError, BotoCoreError) as error:
            raise explain(f"telling {other.incident} what stays Inactive", error) from error
        if not eventually(partial(_claims, live, other.incident, told)):
            raise NotContainedError(
                f"{live}: {other.incident} was told that {', '.join(named)} stays Inactive, and"
                " its claim does not read so",
                remedy="run 'pulumi destroy' again",
            )


def _claims(live: LivePrincipal, incident: str, told: claims.Claim) -> bool:
    now = live.again()
    found = credentials.find(now, incident) if now else None
    # Gone is as good: who has no claim left gives nothing back without asking.
    return found is None or found.priors == told.priors


def _become(live: LivePrincipal, names: Sequence[str], status: KeyStatus) -> None:
    for name in names:
        live.set_key_status(name, status)
    if names and not eventually(lambda: _all_read(live, names, status)):
        raise NotContainedError(
            f"{live}: {', '.join(names)} does not read {status} after UpdateAccessKey",
            remedy="run 'pulumi destroy' again",
        )


def _all_read(live: LivePrincipal, names: Sequence[str], wanted: KeyStatus) -> bool:
    status = {key.access_key_id: key.status for key in live.access_keys()}
    return all(status.get(name) == wanted for name in names)


def _drop(
    live: LivePrincipal, incident: str, ours: claims.Claim | None, staying: Collection[str]
) -> None:
    if not staying or ours is None:
        credentials.drop_claim(live, incident)
        return
    rest = {name: said for name, said in ours.priors.items() if name in staying}
    credentials.claim(live, incident, claims.Claim(ours.snapshot_id, ours.generation, rest))

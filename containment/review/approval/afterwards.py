"""A review of what was done already: opened by an emergency, closed by somebody else's signature.

The signature is of the ledger up to its end, so of all that was done by then. Who applied it has
signed nothing and is known by the ARN that called AWS: its session's name, which is a person's
where people sign in by a directory, may be no name of whoever reviews, and the review is made with
credentials of another session.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from containment.clock import isoformat, moment_of
from containment.errors import NotFoundError, RefusedError
from containment.ledger.chain import Chain, Head
from containment.lifecycle.oversight import EMERGENCY, REVIEWED, Emergency, Verb, unreviewed
from containment.review.approval.bound import digest_of
from containment.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime, timedelta

    from containment.ledger.chain import Entry
    from containment.ledger.journal import Journal
    from containment.review.approval.signers import Signers

NAMESPACE = "containment-review"
"""What a signature of a review of what was done already is for."""

_LONGEST_REASON = 500
_BOT = "[bot]"


@dataclass(frozen=True, slots=True)
class DoneAlready:
    """What an incident's ledger says was done, for whoever reviews it afterwards.

    Attributes:
        incident: whose ledger.
        head: its end, which a review of it is of.
        emergencies: those that nobody has reviewed.
        changes: principal, what was changed of it and how that ended, since the last review.
        operators: who made them, by ARN.
    """

    incident: str
    head: Head
    emergencies: tuple[Emergency, ...]
    changes: tuple[tuple[str, str, str], ...]
    operators: frozenset[str]

    @property
    def numbers(self) -> tuple[int, ...]:
        """The entries of the emergencies that a review of it closes."""
        return tuple(one.number for one in self.emergencies)


def declare(
    journal: Journal,
    verb: Verb,
    reason: str,
    operator: str,
    *,
    now: datetime,
    within: timedelta,
    spec: str,
) -> int | None:
    """Put on record that *verb* goes before its review; return the entry's number.

    None where the record cannot be written, which keeps nobody from containing; a lift has to be.

    Raises:
        RefusedError: a lift cannot be put on record.
    """
    entry = {
        "verb": verb,
        "reason": plain(reason)[:_LONGEST_REASON],
        "operator": operator,
        "due_at": isoformat(now + within),
        "spec": spec,
    }
    return journal.write(EMERGENCY, entry, required=verb == "lift")


def done_already(journal: Journal, incident: str) -> DoneAlready:
    """Return what the ledger says was done for *incident* and is to be reviewed.

    Raises:
        RefusedError: the ledger is no evidence of anything.
        NotFoundError: nothing was done.
    """
    inspection, chain = journal.read()
    if inspection.verdict != "intact":
        raise RefusedError(
            f"what was done cannot be told: {inspection.why or inspection.verdict}",
            remedy="see docs/ledger.md; a copy of the ledger is reviewed as well",
        )
    emergencies = unreviewed(chain.entries)
    since = _since_review(chain.entries)
    changes = tuple(_changes(since))
    if not emergencies and not changes:
        raise NotFoundError(
            f"the ledger has nothing of {incident} that was not reviewed",
            remedy=f"see 'containment status {incident}'",
        )
    operators = {str(entry.get("operator")) for entry in since if entry.get("operator")}
    operators |= {one.operator for one in emergencies}
    return DoneAlready(incident, chain.head, emergencies, changes, frozenset(operators))


def sign_off(
    journal: Journal,
    record: DoneAlready,
    signers: Signers,
    sign: Callable[[bytes], str],
    *,
    caller: str,
    bots: Sequence[str],
    now: datetime,
) -> str:
    """Put on record that somebody has reviewed what *record* says was done; return who.

    Raises:
        RefusedError: they applied it themselves, are a bot or nobody who may sign; or it cannot be
            written.
    """
    reviewed_at = isoformat(now)
    payload = _payload(record.incident, record.head, record.numbers, reviewed_at)
    signature = sign(payload)
    person = signers.signer(payload, signature, NAMESPACE)
    if person is None:
        raise RefusedError(
            "the key is of nobody in allowed_signers", remedy="sign with a key that is listed there"
        )
    if person in bots or person.endswith(_BOT):
        raise RefusedError(
            f"{plain(person)} is no person", remedy="have it reviewed by somebody who is"
        )
    names = {name for name, one in signers.person_by_name.items() if one == person}
    session_names = {operator.rpartition("/")[2] for operator in record.operators}
    if names & session_names or caller in record.operators:
        raise RefusedError(
            f"{plain(person)} reviews what {plain(caller)} or a session of that name applied",
            remedy="have it reviewed by somebody else, with credentials of their own",
        )
    entry = {
        "of": list(record.numbers),
        "head": {"length": record.head.length, "sha256": record.head.sha256},
        "reviewed_at": reviewed_at,
        "reviewed_by": person,
        "signature": signature,
        "operator": caller,
    }
    journal.write(REVIEWED, entry, required=True)
    return person


def without_forged(chain: Chain, incident: str, signers: Signers | None) -> tuple[Entry, ...]:
    """Return the entries of *chain* less the reviews that nobody in *signers* has signed."""
    return tuple(
        entry
        for entry in chain.entries
        if entry.get("kind") != REVIEWED or _is_signed(entry, chain, incident, signers)
    )


def _is_signed(entry: Entry, chain: Chain, incident: str, signers: Signers | None) -> bool:
    stated: Any = entry.get("head")
    try:
        head = Head(int(stated["length"]), str(stated["sha256"]))
        numbers = tuple(int(one) for one in entry["of"])
        reviewed_at = str(entry["reviewed_at"])
        signature = str(entry["signature"])
    except (KeyError, TypeError, ValueError):
        return False
    if signers is None or moment_of(reviewed_at) is None:
        return False
    if not 0 <= head.length < int(entry["n"]) or chain.heads[head.length] != head:
        return False
    payload = _payload(incident, head, numbers, reviewed_at)
    return signers.signer(payload, signature, NAMESPACE) == entry.get("reviewed_by")


def _payload(incident: str, head: Head, numbers: Sequence[int], reviewed_at: str) -> bytes:
    document = [incident, head.length, head.sha256, list(numbers), reviewed_at]
    return f"{NAMESPACE} {digest_of(document)} {reviewed_at}\n".encode()


def _since_review(entries: Iterable[Entry]) -> list[Entry]:
    since: list[Entry] = []
    for entry in entries:
        since.append(entry)
        if entry.get("kind") == REVIEWED:
            since = []
    return since


def _changes(entries: Sequence[Entry]) -> list[tuple[str, str, str]]:
    outcomes = {entry.get("of"): entry for entry in entries if entry.get("kind") == "outcome"}
    rows = [
        (
            str(entry.get("principal")),
            f"{entry.get('operation')} {entry.get('facet')}",
            str(outcomes.get(entry.get("n"), {}).get("result", "unknown")),
        )
        for entry in entries
        if entry.get("kind") == "intent"
    ]
    return list(dict.fromkeys(rows))

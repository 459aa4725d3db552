"""What one record contributes to the lineage: who called, what was handed out, to whom.

Facts are local to their record. That is why one pass over the logs, in any order, collects them
all; the lineage is then followed on the facts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from containment.trail import targets
from containment.trail.issuance import ISSUERS, Issued, issued_keys
from containment.trail.principals import label, session_name, unique_id
from containment.trail.records import Event, Identity, loose

if TYPE_CHECKING:
    from collections.abc import Iterator


class Caller(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Who called, as the record says it."""

    key: str = ""
    arn: str = ""
    principal_id: str = ""
    account: str = ""
    type: str = ""
    created: str = ""
    invoked_by: str = ""
    mfa: bool = False
    issuer_arn: str = ""

    @property
    def label(self) -> str:
        """The user or role behind the call."""
        return label(self.arn) if self.arn else ""


class Use(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A key and a principal that appear together in a file, with one record as the witness."""

    caller: Caller
    event_id: str
    time: str
    console: bool
    all_invoked: bool


class Fact(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A successful call that makes, changes or hands out an identity."""

    event_id: str
    shared_id: str
    time: str
    name: str
    source: str
    region: str
    account: str
    caller: Caller
    issued: tuple[Issued, ...] = ()
    target: targets.Target = targets.Target()


class FileFacts(msgspec.Struct, array_like=True, gc=False):
    """All that a file contributes."""

    facts: list[Fact]
    uses: list[Use]
    records: int
    first: str
    last: str
    places: list[tuple[str, str]]


_INTERESTING = ISSUERS | targets.NAMES
_NOBODY = Identity()


def caller_of(event: Event) -> Caller:
    """Return the caller of *event*; a record without identity has a caller without names."""
    who = event.user_identity or _NOBODY
    return Caller(
        key=who.access_key_id or "",
        arn=who.arn or "",
        principal_id=who.principal_id or "",
        account=who.account_id or "",
        type=who.type or "",
        created=who.created,
        invoked_by=who.invoked_by or "",
        mfa=who.mfa,
        issuer_arn=who.issuer_arn,
    )


def extract(events: list[Event]) -> FileFacts:
    """Collect the facts of one file's *events*."""
    witness: dict[tuple[str | None, str | None], Event] = {}
    direct: set[tuple[str | None, str | None]] = set()
    facts: list[Fact] = []
    times: list[str] = []
    places: set[tuple[str | None, str | None]] = set()
    interesting = _INTERESTING
    for event in events:
        who = event.user_identity
        if who is not None:
            pair = (who.access_key_id, who.arn)
            witness[pair] = event
            if who.invoked_by is None:
                direct.add(pair)
        name = event.event_name
        if name in interesting or (event.response_elements is not None and _hands_out(event)):
            fact = fact_of(event)
            if fact is not None:
                facts.append(fact)
        times.append(event.event_time or event.time)
        places.add((event.recipient_account_id, event.region))
    uses = [
        Use(caller_of(event), event.event_id or "", event.time, event.console, pair not in direct)
        for pair, event in witness.items()
        if pair != (None, None)
    ]
    known = [time for time in times if time]
    return FileFacts(
        facts=facts,
        uses=uses,
        records=len(events),
        first=min(known, default=""),
        last=max(known, default=""),
        places=sorted({(account or "", region or "") for account, region in places}),
    )


def _hands_out(event: Event) -> bool:
    raw = event.response_elements
    return len(memoryview(raw)) > 64 and b'"accessKeyId"' in bytes(raw)  # noqa: PLR2004


def failed(event: Event, response: Any) -> bool:  # noqa: ANN401
    """Tell whether the call was refused or went wrong."""
    if event.error_code:
        return True
    if not isinstance(response, dict):
        return False
    if response.get("ConsoleLogin") == "Failure" or response.get("SwitchRole") == "Failure":
        return True
    return bool(response.get("errorCode") or response.get("__type"))


def fact_of(event: Event) -> Fact | None:
    """Return the fact in *event*; None if it failed or says nothing about identities."""
    if event.error_code:
        return None
    response = loose(event.response_elements)
    if failed(event, response):
        return None
    name = event.event_name or ""
    issued = issued_keys(name, response)
    if name not in _INTERESTING and not issued:
        return None
    return Fact(
        event_id=event.event_id or "",
        shared_id=event.shared_event_id or "",
        time=event.time,
        name=name,
        source=event.event_source or "",
        region=event.region or "",
        account=event.account,
        caller=caller_of(event),
        issued=issued,
        target=targets.target_of(event, name, response),
    )


def use_tokens(use: Use) -> Iterator[str]:
    """Every name under which a use can be looked up."""
    caller = use.caller
    yield from caller_tokens(caller)


def caller_tokens(caller: Caller) -> Iterator[str]:
    """Every name under which a caller can be looked up."""
    if caller.key:
        yield caller.key
    if caller.arn:
        yield caller.arn
        yield caller.label
        name = session_name(caller.arn)
        if name:
            yield f"session:{name}"
    if caller.principal_id:
        yield caller.principal_id
        yield unique_id(caller.principal_id)


def fact_tokens(fact: Fact) -> Iterator[str]:
    """Every name under which a fact can be looked up."""
    yield from caller_tokens(fact.caller)
    if fact.shared_id:
        yield fact.shared_id
    for issued in fact.issued:
        yield issued.key
        if issued.arn:
            yield issued.arn
    yield from fact.target.tokens()

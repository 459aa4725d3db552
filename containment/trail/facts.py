"""What one record contributes to the lineage: who called, what was handed out, to whom.

Facts are local to their record. That is why one pass over the logs, in any order, collects them
all; the lineage is then followed on the facts.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from containment.trail import targets
from containment.trail.issuance import ISSUERS, Issued, is_key_id, issued_keys
from containment.trail.principals import label, session_name, unique_id
from containment.trail.records import Record, identity_of, loose, normal_time

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

    @property
    def label(self) -> str:
        """The user or role behind the call."""
        return label(self.arn) if self.arn else ""


class Use(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An identity that appears in a file, from its first record there to its last."""

    caller: Caller
    event_id: str  # of the first
    time: str  # of the last
    console: bool
    first: str = ""

    @property
    def forwarded(self) -> bool:
        """Whether a service made the call for the caller."""
        return bool(self.caller.invoked_by)


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


@lru_cache(maxsize=1024)
def _caller(raw: bytes) -> Caller:
    who = identity_of(raw)
    return Caller(
        who.access_key_id or "",
        who.arn or "",
        who.principal_id or "",
        who.account_id or "",
        who.type or "",
        who.created,
        who.invoked_by or "",
    )


def caller_of(event: Record) -> Caller:
    """Return the caller of *event*; a record without identity has a caller without names."""
    return _caller(bytes(event.raw_identity))


def extract(events: list[Record], place: tuple[str, str] | None = None) -> FileFacts:
    """Collect the facts of one file's *events*; *place* is its account and Region where known.

    This runs over every record there is, in one loop: a record is then touched once, while the
    processor still has it at hand.
    """
    # First and last moment of each identity as it was logged, with the first record.
    spans: dict[bytes, list[Any]] = {}
    relevant: list[Record] = []
    times: list[str | None] = []
    remember, relevance, interesting = times.append, _relevance, _INTERESTING
    for event in events:
        raw, when = bytes(event.raw_identity), event.event_time
        remember(when)
        when = when or event.timestamp or ""
        span = spans.get(raw)
        if span is None:
            spans[raw] = [when, when, event]
        elif when <= span[0]:
            if when < span[0] or (event.event_id or "") < (span[2].event_id or ""):
                span[0], span[2] = when, event
        elif when > span[1]:
            span[1] = when
        if relevance[event.event_name]:
            relevant.append(event)
    first, last = _span(events, times)
    return FileFacts(
        facts=[
            fact
            for event in relevant
            if (event.event_name in interesting or _KEY in bytes(event.response_elements))
            and (fact := fact_of(event))
        ],
        uses=[
            Use(
                caller,
                event.event_id or "",
                normal_time(last_use),
                event.console,
                normal_time(first_use),
            )
            for raw, (first_use, last_use, event) in spans.items()
            if (caller := _caller(raw)).key or caller.arn
        ],
        records=len(events),
        first=first,
        last=last,
        places=[place] if place else sorted({(e.account, e.region or "") for e in events}),
    )


_KEY = b'"accessKeyId"'


class _Relevance(dict[str, bool]):
    """API name -> whether to look at its records; decided once for each name."""

    def __missing__(self, name: str) -> bool:
        known = name in ISSUERS or name in targets.NAMES
        found = known or not _READS.match(name)
        if len(self) < _MOST_NAMES:
            self[name] = found
        return found


# Reads answer with nothing that CloudTrail keeps, but for those that hand out a credential; of
# all other calls, an unknown one may do so too.
_READS = re.compile(r"(?!.*(?:Credential|Token|Session|Secret|Key))(?:List|Describe|Head|Get)[A-Z]")
_MOST_NAMES = 50_000  # far more than AWS has; a bound for hostile logs
_relevance = _Relevance()


def _span(events: list[Record], times: list[str | None]) -> tuple[str, str]:
    known = [time for time in times if time]
    if len(known) < len(events):  # an export without eventTime
        known = [time for event in events if (time := event.time)]
    return (normal_time(min(known)), normal_time(max(known))) if known else ("", "")


def failed(event: Record, response: Any) -> bool:
    """Tell whether the call was refused or went wrong."""
    if event.error_code:
        return True
    if not isinstance(response, dict):
        return False
    if response.get("ConsoleLogin") == "Failure" or response.get("SwitchRole") == "Failure":
        return True
    return bool(response.get("errorCode") or response.get("__type"))


def fact_of(event: Record) -> Fact | None:
    """Return the fact in *event*; None if it failed or says nothing about identities."""
    name = event.event_name
    if name in targets.ASSUMES and (fact := _assumed(event)):
        return fact
    if event.error_code:
        return None
    response = loose(event.response_elements)
    if failed(event, response):
        return None
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


class _Credentials(msgspec.Struct, rename="camel", gc=False):
    access_key_id: str
    expiration: str = ""


class _AssumedUser(msgspec.Struct, rename="camel", gc=False):
    arn: str = ""
    assumed_role_id: str = ""


class _Assumed(msgspec.Struct, rename="camel", gc=False):
    credentials: _Credentials
    assumed_role_user: _AssumedUser


class _Asked(msgspec.Struct, rename="camel", gc=False):
    role_arn: str
    role_session_name: str


_assumed_answer = msgspec.json.Decoder(_Assumed)
_assume_request = msgspec.json.Decoder(_Asked)


def _assumed(event: Record) -> Fact | None:
    """The commonest fact by far, read with its exact shape; None if it has any other."""
    if event.error_code or event.event_name != "AssumeRole":
        return None
    try:
        answer = _assumed_answer.decode(event.response_elements)
        asked = _assume_request.decode(event.request_parameters)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    given, user = answer.credentials, answer.assumed_role_user
    if not is_key_id(given.access_key_id):
        return None
    return Fact(
        event.event_id or "",
        event.shared_event_id or "",
        event.time,
        event.event_name,
        event.event_source or "",
        event.region or "",
        event.account,
        caller_of(event),
        (Issued(given.access_key_id, user.arn, user.assumed_role_id, "", given.expiration),),
        targets.Target(
            role=label(asked.role_arn), role_arn=asked.role_arn, session=asked.role_session_name
        ),
    )


def use_tokens(use: Use) -> Iterator[str]:
    """Every name under which a use can be looked up."""
    caller = use.caller
    yield from caller_tokens(caller)


def caller_tokens(caller: Caller) -> Iterator[str]:
    """Every name under which a caller can be looked up."""
    if caller.key:
        yield caller.key
    arn = caller.arn
    if arn:
        yield arn
        yield label(arn)
        name = session_name(arn)
        if name:
            yield "session:" + name
    elif caller.principal_id:  # a visitor in another account's trail has no other name
        yield caller.principal_id
        yield unique_id(caller.principal_id)


def fact_tokens(fact: Fact) -> Iterator[str]:
    """Every name under which a fact can be looked up."""
    yield from caller_tokens(fact.caller)
    if fact.shared_id:
        yield fact.shared_id
    for issued in fact.issued:
        yield issued.key
    yield from fact.target.tokens()

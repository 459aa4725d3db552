"""Gather the facts of one log file from its records.

This runs over every record there is. A record is touched once, and what is kept of it holds on to
none of the file's bytes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from containment.trail.facts import targets
from containment.trail.facts.fact import Caller, Fact, FileFacts, Use, caller_in, failed
from containment.trail.facts.issuance import ISSUERS, Issued, is_key_id, issued_keys
from containment.trail.facts.principals import label
from containment.trail.logs.records import (
    UNREADABLE_TIME,
    Record,
    identity_fault_shown,
    is_odd_account,
    loose,
    names_odd_key,
    part_fault,
    part_shown,
)
from containment.trail.logs.tallies import Tallies
from containment.trail.logs.times import time_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_INTERESTING = ISSUERS | targets.NAMES
# An identity as it was logged: its first and last moment, its first record's id, whether that was
# of a console session, and the caller.
_Span = list[Any]


def extract(events: Sequence[Record], place: tuple[str, str] | None = None) -> FileFacts:
    """Return the facts of *events*; *place* is their account and Region where known."""
    gathered = Gathering(place)
    gathered.add(events)
    return gathered.facts()


class Gathering:
    """The facts of one file, from as many lists of its records as it is read in."""

    def __init__(self, place: tuple[str, str] | None = None) -> None:
        self._spans: dict[bytes, _Span] = {}
        self._callers: dict[bytes, Caller] = {}
        self._facts: list[Fact] = []
        self._places: set[tuple[str, str]] = {place} if place else set()
        self._placed = place is not None
        self._records = 0
        self.omissions = Tallies()
        # Requests and answers that may hold what matters, in a form that cannot be read.
        self.unread = Tallies()

    def add(self, events: Sequence[Record]) -> None:
        """Take in *events*; those that name nobody are counted and left out."""
        spans, relevance = self._spans, _relevance
        relevant: list[Record] = []
        for event in events:
            raw = bytes(event.raw_identity)
            when = event.event_time
            span = spans.get(raw)
            if span is None:
                caller = self._caller(raw)
                if _is_odd(caller):
                    fault, shown = identity_fault_shown(raw)
                    if fault:
                        self.omissions.count(fault, shown or event.event_name)
                        continue
                spans[raw] = [when, when, event.event_id or "", event.console, caller]
            elif when <= span[0]:
                if when < span[0] or (event.event_id or "") < span[2]:
                    span[0], span[2], span[3] = when, event.event_id or "", event.console
            elif when > span[1]:
                span[1] = when
            if relevance[event.event_name]:
                relevant.append(event)
        self._records += len(events)
        self._look_at(relevant)
        if not self._placed:
            self._places.update((event.account, event.region or "") for event in events)

    def _look_at(self, relevant: list[Record]) -> None:
        for event in relevant:
            if event.event_name in _INTERESTING or _may_hand_out(event.response_elements):
                for part in (event.request_parameters, event.response_elements):
                    if part_fault(part):
                        self.unread.count(part_fault(part), part_shown(loose(part)))
                fact = fact_of(event, self._caller(bytes(event.raw_identity)))
                if fact is not None:
                    self._facts.append(fact)

    def _caller(self, raw: bytes) -> Caller:
        caller = self._callers.get(raw)
        if caller is None:
            caller = self._callers[raw] = caller_in(raw)
        return caller

    def facts(self) -> FileFacts:
        """Return what has been gathered."""
        spans = self._spans
        return FileFacts(
            facts=self._facts,
            uses=[
                Use(
                    caller,
                    event_id,
                    time := time_text(last),
                    console,
                    time if first is last else time_text(first),
                )
                for first, last, event_id, console, caller in spans.values()
                if caller.key or caller.arn
            ],
            records=self._records - self.omissions.total,
            first=time_text(min(span[0] for span in spans.values())) if spans else "",
            last=time_text(max(span[1] for span in spans.values())) if spans else "",
            places=sorted(self._places),
        )


def _is_odd(caller: Caller) -> bool:
    """Tell whether it must be looked at closely if anything can be concluded from *caller*."""
    if caller.key:
        odd = names_odd_key(caller.key) or (caller.arn and not caller.arn.startswith("arn:"))
    else:
        odd = not caller.arn.startswith("arn:")
    return bool(odd) or caller.created == UNREADABLE_TIME or is_odd_account(caller.account)


_NULL = 4  # letters of an answer that is none


class _Relevance(dict[str, bool]):
    """API name -> whether its records can be facts; decided once for each name."""

    def __missing__(self, name: str) -> bool:
        is_relevant = name in _INTERESTING or not _READS.match(name)
        if len(self) < _MOST_NAMES:
            self[name] = is_relevant
        return is_relevant


# CloudTrail keeps no answer of a call that changes nothing ("CloudTrail record contents",
# responseElements), but for those that hand out a credential; of all other calls, an unknown one
# may do so too.
_READS = re.compile(r"(?!.*(?:Credential|Token|Session|Secret|Key))(?:List|Describe|Head|Get)[A-Z]")
_MOST_NAMES = 50_000  # far more than AWS has; a bound for hostile logs
_relevance = _Relevance()


def _may_hand_out(answer: msgspec.Raw) -> bool:
    """Tell whether *answer* can hold an ``accessKeyId``, also one spelt with escapes.

    Looking for one letter first is ten times faster than looking for the word.
    """
    if len(answer) <= _NULL:
        return False
    text = bytes(answer)
    return (b"K" in text and b"accessKeyId" in text) or (b"\\" in text and b"\\u" in text)


def fact_of(event: Record, caller: Caller) -> Fact | None:
    """Return the fact in *event*; None if it failed or says nothing about identities."""
    name = event.event_name
    if event.error:
        return None
    if name == "AssumeRole" and (fact := _assumed(event, caller)):
        return fact
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
        caller=caller,
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


def _assumed(event: Record, caller: Caller) -> Fact | None:
    """Return the fact of an AssumeRole in its usual shape, the commonest; None otherwise."""
    try:
        answer = _assumed_answer.decode(event.response_elements)
        asked = _assume_request.decode(event.request_parameters)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    credentials, user = answer.credentials, answer.assumed_role_user
    if not is_key_id(credentials.access_key_id):
        return None
    return Fact(
        event.event_id or "",
        event.shared_event_id or "",
        event.time,
        event.event_name,
        event.event_source or "",
        event.region or "",
        event.account,
        caller,
        (
            Issued(
                credentials.access_key_id,
                user.arn,
                user.assumed_role_id,
                "",
                credentials.expiration,
            ),
        ),
        targets.Target(
            role=label(asked.role_arn), role_arn=asked.role_arn, session=asked.role_session_name
        ),
    )

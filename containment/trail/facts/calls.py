"""Read a call in full: what the trace reports of each record of a member."""

from __future__ import annotations

import hashlib
import json
from typing import Literal

import msgspec

from containment.trail.facts.classes import CallClass, classify
from containment.trail.facts.evidence import Moment
from containment.trail.facts.fact import Caller, caller_of, failed
from containment.trail.facts.resources import Touched, touched
from containment.trail.logs.records import Event, loose


class Call(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One record of a member, or of a principal close to one."""

    event_id: str
    time: str
    name: str
    source: str
    region: str
    account: str
    caller: Caller
    klass: CallClass
    outcome: Literal["success", "failure"]
    error: str
    source_ip: str
    user_agent: str
    shared_id: str
    file: int
    digest: str
    resources: tuple[Touched, ...] = ()
    names: frozenset[str] = frozenset()
    mfa: bool = False
    issuer_arn: str = ""

    def moment(self) -> Moment:
        """Return the call as far as it matters for who caused what."""
        return Moment(self.time, self.event_id, self.name, self.caller, self.names, self.mfa)


def call_of(event: Event, file: int) -> Call:
    """Return *event* as a call found in file number *file*."""
    request, response = loose(event.request_parameters), loose(event.response_elements)
    listed = loose(event.resources)
    wrong = failed(event, response)
    name, source = event.event_name, event.event_source or ""
    who = event.who
    things = touched(event, request, response, listed)
    return Call(
        event_id=event.event_id or "",
        time=event.time,
        name=name,
        source=source,
        region=event.region or "",
        account=event.account,
        caller=caller_of(event),
        klass=classify(source, name, event.read_only, request),
        outcome="failure" if wrong else "success",
        error=event.error,
        source_ip=event.source_ip or "",
        user_agent=event.user_agent or "",
        shared_id=event.shared_event_id or "",
        file=file,
        digest=_digest(event, request, response),
        resources=things,
        names=frozenset(thing.id for thing in things),
        mfa=who.second_factor,
        issuer_arn=who.issuer_arn,
    )


def _digest(event: Event, request: object, response: object) -> str:
    """Return a digest of the content: redacted sets reuse ids, so an id alone is no record.

    What is empty and what is missing, a number and its text count as the same: exports differ so.
    """
    parts = [
        event.event_id,
        event.time,
        event.event_name,
        event.event_source,
        event.region,
        event.source_ip,
        event.error,
        event.request_id,
        event.recipient_account_id,
        event.who.access_key_id,
        event.who.arn,
        request,
        response,
    ]
    canonical = json.dumps([_canonical(part) for part in parts], sort_keys=True).encode(
        "utf-8", "backslashreplace"
    )
    return hashlib.blake2b(canonical, digest_size=12).hexdigest()


def _canonical(value: object) -> object:
    if isinstance(value, dict):
        pairs = ((name, _canonical(inner)) for name, inner in value.items())
        return {name: inner for name, inner in pairs if inner is not None} or None
    if isinstance(value, list):
        return [_canonical(inner) for inner in value] or None
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None or value == "" else str(value)

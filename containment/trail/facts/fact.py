"""What one record contributes to the lineage: the caller, and what was handed out.

Facts are local to their record. That is why one pass over the logs, in any order, collects them
all; the lineage is then followed on the facts.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from containment.trail.facts import targets
from containment.trail.facts.issuance import Issued  # noqa: TC001 -- msgspec reads it at run time
from containment.trail.facts.principals import label, names_of, unique_id
from containment.trail.logs.records import Record, read_identity


class Caller(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The caller, as the record names it."""

    key: str = ""
    arn: str = ""
    principal_id: str = ""
    account: str = ""
    type: str = ""
    created: str = ""
    invoked_by: str = ""
    credential: str = ""  # id of a bearer token or the like; may stand beside a key
    sign_in: str = ""  # ARN of the sign-in session

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


def caller_in(raw: bytes) -> Caller:
    """Return the caller that *raw*, a userIdentity, names."""
    who = read_identity(raw)
    context = who.session_context
    return Caller(
        who.access_key_id or "",
        who.arn or "",
        who.principal_id or "",
        who.account_id or "",
        who.type or "",
        who.created if context else "",
        who.invoked_by or "",
        who.credential_id or "",
        (context.sign_in_session_arn or "") if context else "",
    )


_caller = lru_cache(maxsize=1024)(caller_in)


def caller_of(event: Record) -> Caller:
    """Return the caller of *event*; a record without identity has a caller without names."""
    return _caller(bytes(event.raw_identity))


def failed(event: Record, response: Any) -> bool:
    """Tell whether the call was refused or went wrong."""
    if event.error:
        return True
    if not isinstance(response, dict):
        return False
    if response.get("ConsoleLogin") == "Failure" or response.get("SwitchRole") == "Failure":
        return True
    return bool(response.get("errorCode") or response.get("__type"))


def caller_tokens(caller: Caller) -> list[str]:
    """Return every name under which a caller can be looked up."""
    tokens = [name for name in (caller.key, caller.credential, caller.sign_in) if name]
    arn, principal_id = caller.arn, caller.principal_id
    if arn:
        tokens += names_of(arn)
    elif principal_id:  # a visitor in another account's trail has no other name
        tokens.append(principal_id)
    if principal_id:
        tokens.append(unique_id(principal_id))
    return tokens


def fact_tokens(fact: Fact) -> list[str]:
    """Return every name under which a fact can be looked up, except those of its caller."""
    tokens = [issued.key for issued in fact.issued]
    if fact.shared_id:
        tokens.append(fact.shared_id)
    tokens += fact.target.tokens()
    return tokens

"""Add what a trace derived to the record beside the spec, which a lift reads."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from containment import descendants
from containment.clock import isoformat
from containment.descendants import Descendant, Record, Traced
from containment.files import replacing
from containment.identities import is_access_key_id
from containment.trail.facts.principals import federated_name, session_name
from containment.trail.outputs.propose import holders

if TYPE_CHECKING:
    from pathlib import Path

    from containment.trail.answer.result import Credential, Trace

# STS API reference: GetSessionToken and GetFederationToken last up to 36 hours, AssumeRole and its
# kin up to 12.
_OF_A_ROLE, _OF_A_USER = timedelta(hours=12), timedelta(hours=36)
_SESSIONS = ("access_key", "forwarded_session_key")


def remember(trace: Trace, spec: Path) -> Path:
    """Add *trace* to the record beside *spec*; what was found or swept before stays in it.

    Raises:
        SpecError: there is a record that cannot be read.
        UnavailableError: it cannot be written.
    """
    path = descendants.path_beside(spec)
    before = descendants.load(path) or Record(spec.stem)
    after = before.with_new(record_of(trace, spec.stem))
    if after != before:
        with replacing(path) as draft:
            draft.write_text(descendants.dumps(after), "utf-8")
    return path


def record_of(trace: Trace, incident: str) -> Record:
    """Return what *trace* found as a record of *incident*."""
    until = max((report.last for report in trace.files), default="")
    return Record(
        incident,
        (Traced(trace.seed, trace.since, until),),
        tuple(
            _descendant(credential, holder.label)
            for holder in holders(trace)
            for credential in holder.credentials
            if credential.tier != "seed"
        )
        + tuple(_descendant(one, "") for one in trace.credentials if not one.owner),
    )


def _descendant(credential: Credential, holder: str) -> Descendant:
    return Descendant(
        id=_text(credential.id),
        kind=credential.kind,
        tier=credential.tier,
        principal=_text(holder),
        session=_text(
            session_name(credential.for_principal) or federated_name(credential.for_principal)
        ),
        issued_at=credential.issued_at,
        ends=_ends(credential),
        event_id=_text(next(iter(credential.link_event_ids), "")),
        confidence=credential.confidence,
    )


def _ends(credential: Credential) -> str:
    """Return when it ends by itself at the latest: as AWS says, else the longest AWS allows."""
    if credential.kind not in _SESSIONS or is_access_key_id(credential.id):
        return ""
    if credential.expires:
        return credential.expires
    try:
        began = datetime.fromisoformat(credential.issued_at)
    except ValueError:
        return ""
    return isoformat(began + (_OF_A_ROLE if "/role/" in credential.owner else _OF_A_USER))


def _text(value: str) -> str:
    """Return *value* with lone surrogates escaped: legal in a log, and no text elsewhere."""
    return value.encode("utf-8", "backslashreplace").decode()

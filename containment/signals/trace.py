"""Read the answer of ``containment trace --json``: a report for each credential it ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.signals.fields import documents, member, moment, text
from containment.signals.signal import CredentialKind, Report, make_report

if TYPE_CHECKING:
    from containment.signals.fields import Document

SOURCE = "trace"
_KINDS = {"login_profile": CredentialKind.PASSWORD}


def read(node: Document) -> list[Report] | None:
    """Return the reports of an answer; None where *node* is none."""
    seed = text(node, "seed")
    if not seed or not isinstance(member(node, "credentials"), list):
        return None
    return [
        make_report(
            SOURCE,
            identity=f"{seed} {text(one, 'id')}",
            title=f"{text(one, 'kind')} {text(one, 'id')} came out of {seed}",
            kind=_KINDS.get(text(one, "kind"), CredentialKind.UNKNOWN),
            key_id=text(one, "id"),
            principal=text(one, "owner_arn"),
            resource=text(one, "id"),
            first_seen=moment(member(one, "issued_at")) or moment(member(one, "first_seen")),
        )
        for one in documents(node, "credentials")
    ]

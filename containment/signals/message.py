"""Make a report of what a person says, named or anonymous."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.errors import SpecError
from containment.record.secrets import holds_secret
from containment.signals.signal import CredentialKind, Report, make_report

if TYPE_CHECKING:
    from datetime import datetime

SOURCE = "message"


def make_message(
    text: str, *, subject: str, resource: str = "", first_seen: datetime | None
) -> Report:
    """Return the report that *text* is; *subject* is a key id, an ARN or a unique id, or empty.

    Raises:
        SpecError: the text is empty or holds a secret.
    """
    if not text.strip():
        raise SpecError("the message says nothing", remedy="write it in a sentence")
    if holds_secret(text):
        raise SpecError(
            "the message holds what looks like a secret, and a record is kept for years",
            remedy="name the access key id or the place instead, and clear the shell's history",
        )
    return make_report(
        SOURCE,
        identity="",
        title=text,
        kind=CredentialKind.UNKNOWN,
        key_id=subject,
        principal=subject,
        resource=resource,
        first_seen=first_seen,
    )

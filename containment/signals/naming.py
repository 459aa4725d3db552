"""Say whom an incident is to be opened on, by what was reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.errors import SpecError
from containment.identities import is_temporary_key_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from containment.signals.signal import Report, SignalSubject

_MOST_SHOWN = 5
_ADD = "add the file with 'containment signal add'"


def named_in(reports: Iterable[Report], name: str) -> str:
    """Return the one key id, ARN or unique id that *reports*, read from *name*, are about.

    Raises:
        SpecError: they name nobody, or several.
    """
    subjects = [report.subject for report in reports if report.subject.is_resolved]
    named = list(dict.fromkeys(map(_name, subjects)))
    if not named:
        raise SpecError(
            f"{name} reports a leak and names nobody",
            remedy=f"find whom it is about, open that key id or ARN, and {_ADD}",
        )
    if len(named) > 1:
        listed = ", ".join(named[:_MOST_SHOWN])
        raise SpecError(
            f"{name} names {len(named)}, and an incident begins with one: {listed}",
            remedy=f"open one of them, and {_ADD}",
        )
    return named[0]


def _name(subject: SignalSubject) -> str:
    # Nobody can say whose a session's key is: its principal is opened where the report has it.
    if subject.principal and is_temporary_key_id(subject.key_id):
        return subject.principal
    return subject.key_id or subject.principal

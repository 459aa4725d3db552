"""What a run wrote, out of what was recorded of each change: AWS is not read for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.aws import recording
from containment.diff.model import Change, text_diff

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from containment.diff.model import Sign
    from containment.messages import MadeChange

_ABSENT = (None, recording.DETACHED)
_DOCUMENTS = (recording.inline_policy(""), recording.TRUST)
_CLAIM = recording.tag("")


def written(made: Iterable[MadeChange]) -> dict[str, tuple[Change, ...]]:
    """Return by principal's ARN what was changed on it, in the order in which it was written.

    What was written several times is one change, from how it was to how it is. The tags by which we
    claim what we change are left out, for they change no access.
    """
    grouped: dict[str, dict[str, list[MadeChange]]] = {}
    for change in made:
        if not change.subject.startswith(_CLAIM):
            grouped.setdefault(change.principal, {}).setdefault(change.subject, []).append(change)
    changes = {
        principal: tuple(_merged(steps) for steps in subjects.values() if _is_change(steps))
        for principal, subjects in grouped.items()
    }
    return {principal: items for principal, items in changes.items() if items}


def _is_change(steps: Sequence[MadeChange]) -> bool:
    first, last = steps[0], steps[-1]
    return not (first.read and last.certain and first.before == last.after)


def _merged(steps: Sequence[MadeChange]) -> Change:
    first, last = steps[0], steps[-1]
    sign: Sign = "~"
    if last.after in _ABSENT:
        sign = "-"
    elif first.read and first.before in _ABSENT:
        sign = "+"
    reasons = [
        *(["what was there before was not read"] if not first.read else []),
        *(["AWS's answer was lost, so it may not be there"] if not last.certain else []),
    ]
    reason = "; ".join(reasons)
    if first.subject.startswith(_DOCUMENTS):
        lines = text_diff(first.before, last.after)
        return Change(sign, first.subject, lines=lines, reason=reason)
    before = _words(first.before) if first.read else "unknown"
    return Change(sign, first.subject, f"{before} -> {_words(last.after)}", reason=reason)


def _words(value: str | None) -> str:
    return "none" if value is None or value in _ABSENT else value

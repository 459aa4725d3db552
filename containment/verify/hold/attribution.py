"""Who of those who are new was made by the incident's own credentials, as CloudTrail tells it.

IAM says when somebody was made, and not by whom. CloudTrail does, minutes later: what a trace of
the leaked keys and of the contained roles is sure of counts, and nothing that it only infers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from containment.clock import moment_of

if TYPE_CHECKING:
    from containment.guard.newcomers import Newcomer
    from containment.trail import Trace

_SURE = frozenset({"certain", "high"})
_PRINCIPALS = frozenset({"iam_user", "iam_role"})
# A name may be made anew by somebody else: IAM's date and the record's are of one call.
_SAME_CALL = timedelta(seconds=5)


@dataclass
class Attribution:
    """Remembers what traces found to be made by the incident's credentials."""

    _keys: set[str] = field(default_factory=set[str])
    _principals: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def take(self, trace: Trace) -> None:
        """Remember what *trace* is sure of."""
        for one in trace.credentials:
            if one.confidence not in _SURE:
                continue
            if one.kind in _PRINCIPALS:
                self._principals.add((one.for_principal.lower(), one.issued_at))
            elif one.kind == "access_key":
                self._keys.add(one.id)

    def is_of_the_set(self, newcomer: Newcomer) -> bool:
        """Tell whether a trace found that the incident's credentials made *newcomer*."""
        if newcomer.access_key_id:
            return newcomer.access_key_id in self._keys
        arn = newcomer.arn.lower()
        moments = [moment_of(issued) for name, issued in tuple(self._principals) if name == arn]
        return any(
            moment is not None and abs(newcomer.made_at - moment) <= _SAME_CALL
            for moment in moments
        )

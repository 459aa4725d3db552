"""Claims: tags on the principal that say what a facet without an owner was before we changed it.

A key's status and an attachment of AWSDenyAll carry no mark of whoever made them so, so the
incident that changed one writes down beside it what it found. The value holds words of the form
``<what>=<prior>`` and ends with the snapshot and the generation: within IAM's 256 characters and
its tag alphabet ("Tags for IAM and AWS STS resources").
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from containment.facets.marks import NEWEST

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 256


@dataclass(frozen=True, slots=True)
class Claim:
    """What one incident found, by the name of the thing: ``{"AKIA…": "Active"}``."""

    snapshot_id: str
    generation: int
    priors: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def value(self) -> str:
        """The tag's value."""
        words = [f"{what}={prior}" for what, prior in sorted(self.priors.items())]
        return " ".join([*words, f"s={self.snapshot_id}", f"g={self.generation}"])


def parse(value: str | None) -> Claim | None:
    """Return the claim in a tag's *value*, or None where it is missing or was made unreadable."""
    pairs = (word.partition("=") for word in (value or "").split())
    words = {what: prior for what, _, prior in pairs}
    snapshot_id, generation = words.pop("s", ""), words.pop("g", "")
    if not snapshot_id or not generation.isdecimal() or int(generation) > NEWEST:
        return None
    return Claim(snapshot_id, int(generation), words)

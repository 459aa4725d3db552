"""What is tried: a row of the kill matrix, or a storm of faults; and how it came out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from tools.reliability.blow import Blow

# With "ahead" it is "containment up", which contains before it starts the engine.
Verb = Literal["up", "repair", "replace", "destroy", "up ahead", "repair ahead"]
After = Literal[
    "up",
    "destroy",
    "refresh",
    "cancel",
    "containment up",
    "containment lift",
    "cancel at once",
    "destroy at once",
    "refused destroy at once",
    "refused up at once",
]

_AHEAD = {
    "nobody": "a run beside one before its engine",
    "engine": "a crash while the engine catches up",
}


@dataclass(frozen=True, slots=True)
class Trial:
    """A row of the matrix; without a blow it is the clean run that the others are held to."""

    scene: str
    verb: Verb
    blow: Blow | None
    after: After

    @property
    def kind(self) -> str:
        """What is tried, for the table."""
        if self.blow is None:
            return "undisturbed"
        if self.verb.endswith("ahead"):
            return _AHEAD.get(self.blow.who, "a crash before the engine")
        if self.blow.who == "nobody":
            at_once = "a run that lives, cancelled or lifted"
            return at_once if self.blow.how == "nothing" else "the state cannot be written"
        if self.blow.fate == "late":
            return "an orphan's call arrives 2 s late"
        if self.verb in {"repair", "replace"}:
            return f"a crash during a {self.verb}"
        return "a process gets a signal" if self.blow.fate == "passes" else "a crash at a call"

    @property
    def name(self) -> str:
        """The row's name, by which it can be picked."""
        return f"{self.scene}: {self.verb}, {self.blow or 'undisturbed'}, then {self.after}"


@dataclass(frozen=True, slots=True)
class Storm:
    """An ``up`` and a ``destroy`` while a fifth of all calls fails, as *seed* decides."""

    scene: str
    seed: int

    @property
    def kind(self) -> str:
        """What is tried, for the table."""
        return "a fifth of all calls fails"

    @property
    def name(self) -> str:
        """The row's name."""
        return f"{self.scene}: up and destroy with a fifth of all calls failing, seed {self.seed}"

    def faults(self, principal: str, tried: int) -> list[dict[str, Any]]:
        """Return the lab's rules; a further try is a moment later and meets others."""
        seed = self.seed * 1000 + tried * 10
        return [
            *(
                {"kind": kind, "principal": principal, "probability": 0.05, "seed": seed + number}
                for number, kind in enumerate(("throttle", "error", "lose", "drop"))
            ),
            {"kind": "lag", "seconds": 2.0},
        ]


@dataclass
class Result:
    """How a trial ended, and what proves it."""

    name: str
    outcome: str
    evidence: str = ""
    lost: str = ""
    seconds: float = 0.0

    @property
    def right(self) -> bool:
        """True where nothing was lost."""
        return not self.lost

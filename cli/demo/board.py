"""What the demo claims, beside what it saw: every cell of its tables, and every sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from containment.spec import Disposition


class Phase(StrEnum):
    """The moments at which everybody is asked to work; the columns of a table."""

    BEFORE = "before"
    CONTAINED = "contained"
    AFTER_T = "after T"
    LIFTED = "lifted"


class Who(StrEnum):
    """Whose credentials a row is about; the groups of a table."""

    ATTACKER = "attacker"
    BYSTANDER = "bystander"
    OWNER = "owner"


YES, NO, UNASKED = True, False, None
_ALWAYS = (YES, YES, YES, YES)


@dataclass(frozen=True, slots=True)
class Row:
    """One credential, and whether it should work in each phase (None: not asked)."""

    who: Who
    credential: str
    expected: tuple[bool | None, ...]


def rows(disposition: Disposition) -> tuple[Row, ...]:
    """Return what a containment that is lifted as *disposition* is expected to do to everybody."""
    back = disposition is Disposition.FALSE_POSITIVE
    stolen = (YES, NO, NO, back)
    attacker = (
        "leaked key",
        "second key",
        "session",
        "federated session",
        "role session",
        "another role session",
    )
    return (
        *(Row(Who.ATTACKER, name, stolen) for name in attacker),
        Row(Who.BYSTANDER, "alice, her key", _ALWAYS),
        Row(Who.BYSTANDER, "release-bot, its key", _ALWAYS),
        Row(Who.BYSTANDER, "app, the workload's session", _ALWAYS),
        Row(Who.BYSTANDER, "reporting, a running session", _ALWAYS),
        # Revoking cannot tell the attacker's session from an honest one: its holder signs in anew.
        Row(Who.OWNER, "deploy, release-bot's old session", (YES, NO, NO, back)),
        Row(Who.OWNER, "deploy, a new session", (YES, NO, YES, YES)),
        *(
            []
            if back
            else [Row(Who.OWNER, "ci-deploy, a rotated key", (UNASKED, UNASKED, UNASKED, YES))]
        ),
    )


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement, what was expected and what was observed."""

    claim: str
    expected: str
    observed: str

    @property
    def holds(self) -> bool:
        """True where what was observed is what was expected."""
        return self.expected == self.observed

    def as_json(self) -> dict[str, object]:
        """Return it as the demo's JSON document has it."""
        return {
            "claim": self.claim,
            "expected": self.expected,
            "seen": self.observed,
            "holds": self.holds,
        }


def word(answer: bool | None) -> str:  # noqa: FBT001 -- an answer is all there is to say
    """Return how an answer is shown."""
    return {True: "ALLOWED", False: "DENIED", None: "-"}[answer]


@dataclass
class Board:
    """The claims of one run."""

    rows: tuple[Row, ...]
    sentences: list[Claim] = field(default_factory=list[Claim])
    _observed: dict[tuple[str, Phase], bool] = field(default_factory=dict[tuple[str, Phase], bool])

    def see(self, phase: Phase, answers: dict[str, bool]) -> None:
        """Write down who could work in *phase*, by credential."""
        self._observed.update({(name, phase): answer for name, answer in answers.items()})

    def say(self, claim: str, *, expected: object, observed: object) -> Claim:
        """Write down a claim, whether it holds or not."""
        self.sentences.append(Claim(claim, str(expected), str(observed)))
        return self.sentences[-1]

    def asked(self, who: Who, phase: Phase) -> list[Row]:
        """Return the rows of *who* that are asked in *phase*."""
        index = list(Phase).index(phase)
        return [row for row in self.rows if row.who is who and row.expected[index] is not UNASKED]

    def count(self, who: Who, phase: Phase) -> tuple[int, int]:
        """Return how many credentials of *who* work in *phase*, and how many there are."""
        asked = self.asked(who, phase)
        return sum(self._observed.get((row.credential, phase), False) for row in asked), len(asked)

    def differing(self, other: Board) -> list[Row]:
        """Return the rows of which *other* expects something else, those it does not have too."""
        return [row for row in self.rows if row not in other.rows]

    def cell(self, row: Row, phase: Phase) -> Claim:
        """Return what was expected of *row* in *phase* and what was observed."""
        expected = row.expected[list(Phase).index(phase)]
        observed = self._observed.get((row.credential, phase))
        return Claim(f"{row.who}: {row.credential}, {phase}", word(expected), word(observed))

    def claims(self) -> list[Claim]:
        """Return everything that was claimed."""
        cells = [self.cell(row, phase) for row in self.rows for phase in Phase]
        return [cell for cell in cells if cell.expected != word(UNASKED)] + self.sentences

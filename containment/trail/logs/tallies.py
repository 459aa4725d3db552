"""How many things were left out or assumed while reading, by reason and with an example."""

from __future__ import annotations

from dataclasses import dataclass

_LONGEST = 60  # characters of an example; it is a log's text


@dataclass(slots=True)
class Tally:
    """How many things there were of a kind, and one of them as it was written."""

    count: int = 0
    example: str = ""


class Tallies(dict[str, Tally]):
    """Tallies by their reason."""

    def count(self, reason: str, example: object = "", number: int = 1) -> None:
        """Count *number* more of *reason*; the first example is kept."""
        tally = self.setdefault(reason, Tally())
        tally.count += number
        tally.example = tally.example or str(example)[:_LONGEST]

    def add(self, other: Tallies) -> None:
        """Take in what *other* counted."""
        for reason, tally in other.items():
            self.count(reason, tally.example, tally.count)

    def text(self) -> str:
        """Return each reason with its example, as one line."""
        return "; ".join(f"{reason}, such as {tally.example!r}" for reason, tally in self.items())

    @property
    def total(self) -> int:
        """The number of all things counted."""
        return sum(tally.count for tally in self.values())

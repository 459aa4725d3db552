"""What is wrong with a spec or a profile, said so that it can be mended.

Text out of a spec is hostile until proven otherwise: it is only ever shown through :func:`shown`,
so that a file cannot move the reader's cursor, colour the terminal or turn the line around.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from containment.errors import SpecError
from containment.text import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Location = tuple[str | int, ...]

_LONGEST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; *location* is the field's place in the document, outermost first.

    *beside* is another place in the document, which it does not go together with.
    """

    what: str
    expected: str
    mend: str
    location: Location = ()
    beside: Location = ()

    def inside(self, outer: Location) -> Problem:
        """Return the same problem as seen from the document that holds *outer*."""
        beside = (*outer, *self.beside) if self.beside else ()
        return Problem(self.what, self.expected, self.mend, (*outer, *self.location), beside)

    @property
    def field(self) -> str:
        """The place as a reader writes it: ``targets[0].rung``; empty for the whole file."""
        text = ""
        for part in self.location:
            text += f"[{part}]" if isinstance(part, int) else f".{plain(part)}"
        return text.removeprefix(".")

    @property
    def sentence(self) -> str:
        """Where it is, what it is and what was expected; the mend is told after it."""
        return self.sentence_with({})

    def sentence_with(self, lines: Mapping[Location, int]) -> str:
        """Return the sentence, with the line of what it does not go together with."""
        place = f"{self.field}: " if self.location else ""
        beside = f" (line {line_of(self.beside, lines)})" if self.beside and lines else ""
        expected = f"; expected {self.expected}" if self.expected else ""
        return f"{place}{self.what}{beside}{expected}"


class WrongError(ValueError):
    """Raised by a check of one value; holds every problem that the check found."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(f"{problem.what} ({problem.mend})" for problem in problems))
        self.problems = problems

    def as_spec_error(self) -> SpecError:
        """Return the first problem as an error of its own, for a value that is in no file."""
        problem = self.problems[0]
        what = problem.what if problem.what.startswith("'") else f"this {problem.what}"
        return SpecError(f"{what}; expected {problem.expected}", remedy=problem.mend)


class SpecProblemsError(SpecError):
    """Everything that is wrong with one file, at once."""

    def __init__(
        self,
        path: Path,
        problems: Sequence[Problem],
        lines: Mapping[Location, int],
        *,
        check: str = "containment check {file}",
    ) -> None:
        self.path = path
        located = [(line_of(problem.location, lines), problem) for problem in problems]
        # A reader works from the top of the file down.
        self.located_problems = tuple(sorted(located, key=lambda pair: pair[0]))
        name = plain(str(path))
        texts = [
            f"{name}:{line}: {problem.sentence_with(lines)}"
            for line, problem in self.located_problems
        ]
        if len(texts) == 1:
            super().__init__(texts[0], remedy=f"mend: {self.located_problems[0][1].mend}")
            return
        rows = [
            f"  {text}; mend: {problem.mend}"
            for text, (_, problem) in zip(texts, self.located_problems, strict=True)
        ]
        super().__init__(
            f"{name} has {len(texts)} errors:",
            rows=[*rows, "nothing has been changed"],
            remedy=f"mend these and run '{check.replace('{file}', name)}'",
        )


def line_of(place: Location, lines: Mapping[Location, int]) -> int:
    """Return the line of *at*, or of the nearest thing around it that is in the file."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def shown(value: object) -> str:
    """Return *value* as a message quotes it: escaped, one line, never long."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, tuple | list):
        return "a list"
    text = plain(str(value))
    if len(text) > _LONGEST_SHOWN:
        text = text[:_LONGEST_SHOWN] + "…"
    return f"'{text}'" if isinstance(value, str) else text

"""What is wrong with a spec, said so that it can be mended: field, found, expected, mend.

Text out of a spec is hostile until proven otherwise: it is only ever shown through :func:`shown`,
so that a file cannot move the reader's cursor, colour the terminal or turn the line around.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from containment.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Location = tuple[str | int, ...]

_LONGEST_SHOWN = 100
# Cc controls, Cs lone surrogates, Zl and Zp line ends; the rest are bidirectional controls, which
# let a reviewer read another name than the machine does.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BIDIRECTIONAL = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; *at* is the field's place in the document, outermost first."""

    what: str
    expected: str
    mend: str
    at: Location = ()

    def inside(self, outer: Location) -> Problem:
        """Return the same problem as seen from the document that holds *outer*."""
        return Problem(self.what, self.expected, self.mend, (*outer, *self.at))

    @property
    def field(self) -> str:
        """The place as a reader writes it: ``targets[0].rung``; empty for the whole file."""
        text = ""
        for part in self.at:
            text += f"[{part}]" if isinstance(part, int) else f".{safe(part)}"
        return text.removeprefix(".")


class Wrong(ValueError):  # noqa: N818 -- never leaves this package: it carries problems to the loader
    """Raised by a field's own check; holds every problem that the check found."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(f"{problem.what} ({problem.mend})" for problem in problems))
        self.problems = problems


class SpecProblemsError(SpecError):
    """Everything that is wrong with one file, at once."""

    def __init__(
        self, path: Path, problems: Sequence[Problem], lines: Mapping[Location, int]
    ) -> None:
        self.path = path
        found = [(line_of(problem.at, lines), problem) for problem in problems]
        # A reader works from the top of the file down.
        self.found = tuple(sorted(found, key=lambda pair: pair[0]))
        name = safe(str(path))
        texts = [f"{name}:{line}: {_sentence(problem)}" for line, problem in self.found]
        if len(texts) == 1:
            super().__init__(texts[0], remedy=f"mend: {self.found[0][1].mend}")
            return
        rows = [
            f"  {text}; mend: {problem.mend}"
            for text, (_, problem) in zip(texts, self.found, strict=True)
        ]
        super().__init__(
            "\n".join([f"{name} has {len(texts)} errors:", *rows, "nothing has been changed"]),
            remedy=f"mend these and run 'containment check {name}'",
        )


def line_of(at: Location, lines: Mapping[Location, int]) -> int:
    """Return the line of *at*, or of the nearest thing around it that is in the file."""
    while at and at not in lines:
        at = at[:-1]
    return lines.get(at, 1)


def is_plain(text: str) -> bool:
    """Tell whether *text* is one line that a terminal shows as it is."""
    return not any(_is_unsafe(character) for character in text)


def safe(text: str) -> str:
    """Return *text* with everything escaped that would act on a terminal instead of showing."""
    if is_plain(text):
        return text
    return "".join(
        character.encode("unicode_escape").decode("ascii") if _is_unsafe(character) else character
        for character in text
    )


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
    text = safe(str(value))
    if len(text) > _LONGEST_SHOWN:
        text = text[:_LONGEST_SHOWN] + "…"
    return f"'{text}'" if isinstance(value, str) else text


def _is_unsafe(character: str) -> bool:
    return character in _BIDIRECTIONAL or unicodedata.category(character) in _UNSAFE_CATEGORIES


def _sentence(problem: Problem) -> str:
    place = f"{problem.field}: " if problem.at else ""
    expected = f"; expected {problem.expected}" if problem.expected else ""
    return f"{place}{problem.what}{expected}"

"""Text from outside, made fit to stand in a message or a spec: one line, no control characters."""

from __future__ import annotations

from containment.spec.problems import shown
from containment.text import plain


def quoted(text: str) -> str:
    """Return *text* in quotes, escaped and shortened."""
    return shown(text)


def one_line(text: str, longest: int) -> str:
    """Return *text* as one line of at most *longest* characters."""
    joined = plain(" ".join(text.split()))
    return joined if len(joined) <= longest else joined[: longest - 1] + "…"

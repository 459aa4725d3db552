"""Log text made harmless: everything in a log may have been written by the attacker."""

from __future__ import annotations

import unicodedata

# Letters that move the cursor, reorder the line or cannot be seen: control, format (bidirectional
# marks, zero width), surrogates, private use, line and paragraph separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def plain(value: object) -> str:
    """Return *value* as one line of visible characters; the others are shown as escapes."""
    text = value if isinstance(value, str) else str(value)
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(char) for char in text)


def counted(number: int, word: str) -> str:
    """Return *number* and *word*, which is regular, in its grammatical number."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def fitted(line: str, width: int) -> str:
    """Cut *line* to *width* cells of a terminal, a wide letter counted twice; 0 leaves it whole."""
    if not width or len(line) * 2 <= width:
        return line
    cells = 0
    for at, char in enumerate(line):
        cells += 2 if unicodedata.east_asian_width(char) in "WF" else 1
        if cells > width:
            return _cut(line[:at], width)
    return line


def _cut(line: str, width: int) -> str:
    while line and sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line) >= width:
        line = line[:-1]
    return f"{line}…"


def _shown(char: str) -> str:
    if unicodedata.category(char) not in _UNSEEN:
        return char
    number = ord(char)
    if number < 0x100:  # noqa: PLR2004
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"  # noqa: PLR2004

r"""Text from outside, made harmless for each place that shows or stores it. Pure.

Whatever stands in an account, a log, a state, a ledger or a finding may have been chosen by an
attacker: an IAM path holds any printable ASCII, a policy document any Latin-1 (C1 controls too), a
log anything at all. Before such text reaches a reader it goes through one of these:

=====================  ==========================================================================
`plain`                terminals, logs, CI logs, messages to the Pulumi engine, comments in YAML
`paragraph`            the same, where the text may have lines of its own
`csv_cell`             a cell of a table that a spreadsheet opens
`html`, `markdown`     pages
`as_json`              a JSON document on a terminal or in a CI log
`yaml_quoted`          a scalar of a YAML document there, or in a file that is read as one
`wired`, `unwired`     the values of a resource that the engine keeps and shows, exactly reversible
`breaks_engine`        what somebody else wrote into a state
=====================  ==========================================================================

What acts on a reader is shown as an escape (``\x1b``): controls, line ends, marks that turn the
reading direction or cannot be seen, blanks other than the space, piled-up accents. So is markup:

* The Pulumi engine reads ``<{%…%}>`` as a colour wherever it shows text in colour, panics at one
  that it does not know and drops what follows an open one. Source: Pulumi v3.259,
  ``sdk/go/common/diag/colors``.
* CI systems act on lines of a log. Sources: GitHub, "Workflow commands" (``::error::`` at the start
  of a line) and actions/runner ``ActionCommand.cs`` (``##[error]`` anywhere in it); Azure DevOps,
  "Logging commands" (``##vso[…]``); TeamCity, "Service messages" (``##teamcity[…]``).
"""

from __future__ import annotations

import html as html_entities
import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

# Not in the categories that str.isprintable() knows, and yet never seen. Source: Unicode 15,
# DerivedCoreProperties.txt, Default_Ignorable_Code_Point; U+2800 is a pattern without dots.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# Colours of the engine and commands of CI systems: the character to escape, and what makes it one.
_MARKUP = re.compile(r"(?<=<)\{|\{(?=%)|(?<=#)#(?=\w*\[)|\A(\s*):(?=:)", re.ASCII)
_MOST_ACCENTS = 2
# Excel, LibreOffice and Google Sheets run a cell that begins so; the wide forms are what a Japanese
# or Chinese keyboard makes of them. Source: OWASP, "CSV Injection".
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_WIRED = "escaped:"
_LITERAL = re.compile(r"[\\<{%#\u0000-\u001f\u007f-\U0010ffff]")
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")


def is_plain(text: str) -> bool:
    """Tell whether *text* is one line that every reader shows as it is."""
    return plain(text) == text


def plain(value: object) -> str:
    """Return *value* as one line of visible characters; what would act is shown as an escape."""
    text = value if isinstance(value, str) else str(value)
    if text.isascii() and text.isprintable():
        if "{" not in text and "##" not in text and not text.lstrip().startswith("::"):
            return text
    else:
        text = "".join(_visible(text))
    return _MARKUP.sub(lambda match: (match[1] or "") + _escaped(match[0][-1]), text)


def paragraph(value: object) -> str:
    """Return *value* with its lines kept, each of them `plain`.

    For text whose lines are ours: an attacker's value goes through `plain` before it gets in.
    """
    return "\n".join(plain(line) for line in str(value).split("\n"))


def csv_cell(value: object) -> str:
    """Return *value* for a cell: `plain`, and never run as a formula."""
    text = plain(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def html(value: object) -> str:
    """Return *value* as the text of an HTML element or of a quoted attribute."""
    return html_entities.escape(plain(value), quote=True)


def markdown(value: object) -> str:
    """Return *value* as a code span of Markdown: no markup, link, mention or cell comes of it.

    Source: CommonMark 0.31, "Code spans"; GitHub Flavored Markdown, "Tables" (a ``|`` ends a cell
    even in a code span, so it is shown as an escape).
    """
    text = plain(value).replace("|", "\\x7c")
    if not text.strip():
        return ""
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{fence} {text} {fence}" if "`" in text else f"`{text}`"


def as_json(value: object, *, indent: int | None = None) -> str:
    """Return *value* as JSON in printable ASCII that no CI system reads a command in."""
    text = json.dumps(value, indent=indent, ensure_ascii=True, default=str)
    # Both stand in strings alone: "##" begins a command of a CI system anywhere in a line.
    return text.replace("\x7f", "\\u007f").replace("##", "#\\u0023")


def yaml_quoted(value: object) -> str:
    r"""Return *value* as a double-quoted scalar of YAML, `plain`, which reads as what it was given.

    What `plain` shows as an escape (``\x1b``, ``\u202e``, ``\n``) is one in YAML as well. Source:
    YAML 1.2.2, 5.7, "Escaped Characters".
    """
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain(text)}"'


def counted(number: int, word: str) -> str:
    """Return *number* and *word*, which is regular, in its grammatical number."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def fitted(line: str, width: int) -> str:
    """Cut *line* to *width* cells of a terminal, a wide letter counted twice; 0 leaves it whole."""
    if not width or len(line) * 2 <= width:
        return line
    cells = 0
    for position, char in enumerate(line):
        cells += _cells(char)
        if cells > width:
            return _cut(line[:position], width)
    return line


def wired(value: Any, *, reserved: Collection[str] = ()) -> Any:
    """Return *value* for the engine to keep and show; `unwired` gives it back unchanged.

    A string that would act where the engine shows it, or that it would take apart as JSON or YAML
    and so find such text in, is written as ``escaped:`` and the text with escapes; every other one
    stays as it is, unless it is *reserved*. Lists and maps are gone through, names too.

    Source: Pulumi v3.259,
    ``pkg/backend/display/object_diff.go`` (``decodeValue``).
    """
    if isinstance(value, str):
        as_it_is = value not in reserved and _shown_as_is(value)
        return value if as_it_is else _WIRED + _LITERAL.sub(_literal, value)
    if isinstance(value, dict):
        return {
            wired(name, reserved=reserved): wired(item, reserved=reserved)
            for name, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [wired(item, reserved=reserved) for item in value]
    return value


def unwired(value: Any) -> Any:
    """Return what `wired` was given."""
    if isinstance(value, str):
        escaped = value.startswith(_WIRED)
        return _ESCAPE.sub(_character, value.removeprefix(_WIRED)) if escaped else value
    if isinstance(value, dict):
        return {unwired(name): unwired(item) for name, item in value.items()}
    if isinstance(value, list):
        return [unwired(item) for item in value]
    return value


def breaks_engine(value: object) -> bool:
    """Tell whether *value*, kept in a state, would break off a run of the engine that shows it.

    What `wired` wrote never does; what somebody wrote into a state may.
    """
    if isinstance(value, dict):
        return any(breaks_engine(name) or breaks_engine(item) for name, item in value.items())
    if isinstance(value, list):
        return any(map(breaks_engine, value))
    if not isinstance(value, str):
        return False
    if "<{%" in value:
        return True
    document = _document(value)
    if document is not None:
        return breaks_engine(document)
    return "\n" in value or "\r" in value  # which the engine reads as YAML, with YAML's escapes


def _document(text: str) -> dict[str, Any] | list[Any] | None:
    """Return the JSON object or list that *text* is and the engine takes apart, or None."""
    try:
        document: Any = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, (dict, list)) else None


def _shown_as_is(text: str) -> bool:
    if text.startswith(_WIRED):
        return False
    document = _document(text)
    if document is None:
        return is_plain(text)  # one line, which the engine does not read as YAML
    return is_plain(re.sub(r"[\n\r\t]", " ", text)) and all(map(_shown_as_is, _strings(document)))


def _strings(document: object) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        for name, item in document.items():
            yield name
            yield from _strings(item)
    elif isinstance(document, list):
        for item in document:
            yield from _strings(item)


def _no_constant(name: str) -> None:
    raise ValueError(name)  # NaN and its kin are Python's, not JSON's


def _visible(text: str) -> list[str]:
    shown: list[str] = []
    accents = 0
    for char in text:
        accents = accents + 1 if unicodedata.category(char) in {"Mn", "Me"} else 0
        unseen = not char.isprintable() or _UNSEEN.match(char) or accents > _MOST_ACCENTS
        shown.append(_escaped(char) if unseen or (accents and not shown) else char)
    return shown


def _escaped(char: str) -> str:
    if char in "{#:":
        return f"\\x{ord(char):02x}"
    return char.encode("unicode_escape").decode("ascii")


def _cells(char: str) -> int:
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _cut(line: str, width: int) -> str:
    while line and sum(map(_cells, line)) >= width:
        line = line[:-1]
    return f"{line}…"


def _literal(match: re.Match[str]) -> str:
    number = ord(match[0])
    if number < 0x100:  # noqa: PLR2004 -- as the escape has digits
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"  # noqa: PLR2004


def _character(match: re.Match[str]) -> str:
    number = int(match[1] or match[2] or match[3], 16)
    return chr(number) if number <= 0x10FFFF else match[0]  # noqa: PLR2004 -- Unicode ends there

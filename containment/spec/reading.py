"""Reads the bytes of a spec or a profile into plain values that still know their lines.

The file may have been written by anybody, so only the part of YAML 1.2 that they need is read:
one document of mappings, lists and scalars. Anchors and aliases (a few lines of which expand to
gigabytes), tags, duplicate fields and second documents are refused, not interpreted. A plain
scalar is null, true or false, a number, or text, by the core schema of YAML 1.2 (section 10.3.2);
nothing else turns into something by its looks: ``no`` is text and a date is text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)
from ruamel.yaml.reader import ReaderError

from containment.spec.problems import Location, Problem, WrongError, shown
from containment.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 1024 * 1024
# A spec of fifty targets has some five hundred nodes, four deep.
_MAX_NODES = 20_000
_MAX_DEPTH = 12

# YAML 1.2.2, section 10.3.2, "Tag Resolution" of the core schema.
_NULL = re.compile(r"|~|null|Null|NULL")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,30}|[0-9]{1,30}(\.[0-9]{0,30})?)([eE][-+]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Words:
    """What a kind of file is called in its errors.

    Attributes:
        noun: what the file is, with its article: ``an incident spec``.
        short: the same, shorter: ``a spec``.
        begin: how to write one, where there is nothing in the file.
        fields: how to write one, where the file holds something that has no fields.
        one: what belongs into a file of its own.
        check: the command that names every error; ``{file}`` stands for the file.
    """

    noun: str
    short: str
    begin: str
    fields: str
    one: str
    check: str


@dataclass(slots=True)
class Document:
    """The values of one file, the line each of them is on, and what of it could not be taken."""

    values: object = None
    lines: dict[Location, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


@lru_cache(maxsize=4)
def read_document(content: bytes, words: Words) -> Document:
    """Return the one document in *content*; whatever is wrong with it is in its *problems*.

    It is read once and changed by nobody: a lift asks for its spec several times a resource.
    """
    document = Document()
    text = ""
    try:
        text = _decoded(content, words)
        reader = _Reader(document, words, YAML(typ="safe", pure=True).parse(text))
        document.values = reader.document()
    except WrongError as error:
        document.problems.extend(error.problems)
    except MarkedYAMLError as error:
        begun, ended = error.context_mark, error.problem_mark or error.context_mark
        why = str(error.problem or error.context or "it cannot be parsed")
        if begun and ended and begun.line != ended.line:
            why += f", in what begins on line {begun.line + 1}"
        _stopped(document, ended.line + 1 if ended else 1, why)
    except ReaderError as error:
        _stopped(document, text.count("\n", 0, error.position) + 1, "it holds a control character")
    except (YAMLError, ValueError, OverflowError) as error:
        # The scanner hands \U escapes and numbers in directives to chr() and int() unchecked.
        _stopped(document, 1, str(error))
    return document


def _decoded(content: bytes, words: Words) -> str:
    if len(content) > MAX_BYTES:
        raise WrongError(
            Problem(
                f"the file is larger than {MAX_BYTES // 1024} KiB",
                f"{words.noun}, which is a few KiB",
                "see that this is the file you mean",
            )
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise WrongError(
            Problem(
                f"the file is not text: byte {error.start} is not UTF-8",
                "a YAML file in UTF-8",
                "see that this is the file you mean, and save it as UTF-8",
            )
        ) from error


def _stopped(document: Document, line: int, why: str) -> None:
    """Record that nothing after *line* could be read."""
    document.values = None
    document.lines[()] = line
    document.problems.append(
        Problem(
            f"the file is not YAML: {plain(why.splitlines()[0] if why else 'unreadable')}",
            "'field: value' lines, indented by spaces",
            "look at this line and the one above it; text with ': ' or '#' in it needs quotes",
        )
    )


class _Reader:
    """Builds values out of parser events; a hand's depth of recursion, bounded."""

    def __init__(self, document: Document, words: Words, events: Iterator[Event]) -> None:
        self._document = document
        self._words = words
        self._events = events
        self._nodes = 0

    def document(self) -> object:
        self._skip(StreamStartEvent)
        event = next(self._events)
        if isinstance(event, StreamEndEvent):
            raise WrongError(Problem("the file is empty", self._words.noun, self._words.begin))
        values = self._value(next(self._events), ())
        if values is None:
            raise WrongError(Problem("the file holds nothing", self._words.noun, self._words.begin))
        self._skip(DocumentEndEvent)
        event = next(self._events)
        if isinstance(event, DocumentStartEvent):
            self._document.lines[()] = _line(event)
            raise WrongError(
                Problem(
                    "a second document begins here",
                    self._words.one,
                    "remove the '---' line, or move what follows to a file of its own",
                )
            )
        return values

    def _skip(self, kind: type[Event]) -> None:
        event = next(self._events)
        if not isinstance(event, kind):  # pragma: no cover -- the parser's own grammar
            raise TypeError(f"{event} where {kind} belongs")

    def _value(self, event: Event, place: Location) -> object:
        self._nodes += 1
        self._document.lines.setdefault(place, _line(event))
        if self._nodes > _MAX_NODES or len(place) > _MAX_DEPTH:
            self._document.lines = {(): _line(event)}
            raise WrongError(
                Problem(
                    f"the file holds far more than {self._words.noun} does, or nests far deeper",
                    f"{self._words.noun}, which is a few KiB",
                    "see that this is the file you mean",
                )
            )
        if isinstance(event, NodeEvent) and event.anchor is not None:
            kind, sign = ("alias", "*") if isinstance(event, AliasEvent) else ("anchor", "&")
            self._refuse(
                place,
                f"has the {kind} {shown(sign + str(event.anchor))}",
                "a plain value",
                "write the value out where it is used",
            )
        if isinstance(event, ScalarEvent):
            return self._scalar(event, place)
        if isinstance(event, SequenceStartEvent):
            self._tagless(event, place)
            return tuple(self._items(place))
        if isinstance(event, MappingStartEvent):
            self._tagless(event, place)
            return self._mapping(place)
        return None  # an alias, which has just been refused

    def _items(self, place: Location) -> Iterator[object]:
        index = 0
        while not isinstance(event := next(self._events), SequenceEndEvent):
            yield self._value(event, (*place, index))
            index += 1

    def _mapping(self, place: Location) -> dict[str, object]:
        values: dict[str, object] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            name = self._value(event, (*place, "?"))
            self._document.lines.pop((*place, "?"), None)
            line = _line(event)
            if not isinstance(name, str):
                self._document.lines.setdefault((*place, shown(name)), line)
                name = shown(name)
                self._refuse(
                    (*place, name),
                    "is not the name of a field",
                    "'field: value'",
                    "write a field's name, then ': ', then its value",
                )
            here = (*place, name)
            if name in values:
                first = self._document.lines[here]
                self._document.lines[here] = line
                self._refuse(
                    here,
                    f"is here twice, first on line {first}",
                    "each field once",
                    "keep one of them",
                )
            self._document.lines[here] = line
            values[name] = self._value(next(self._events), here)
        return values

    def _scalar(self, event: ScalarEvent, place: Location) -> object:
        self._tagless(event, place)
        text = str(event.value)
        return _resolved(text) if not event.style else text

    def _tagless(self, event: NodeEvent, place: Location) -> None:
        if (tag := getattr(event, "tag", None)) is not None:
            self._refuse(
                place,
                f"has the tag {shown(str(tag))}",
                "a plain value",
                "remove the tag; put text that looks like a number in quotes",
            )

    def _refuse(self, place: Location, what: str, expected: str, mend: str) -> None:
        self._document.problems.append(Problem(what, expected, mend, place))


def _resolved(text: str) -> object:
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _line(event: Event) -> int:
    mark = getattr(event, "start_mark", None)
    return 1 if mark is None else int(mark.line) + 1

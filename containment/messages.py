"""What the provider and the program say during one run of the engine, as data beside the engine.

The engine passes on text alone, and an attacker may choose parts of that text. So a verb that runs
the engine makes an empty file that only its own user can open and names it in the environment; the
processes that the engine starts add a line of JSON for all that they say, errors with their kind.
Nobody reads a kind, a severity or a call out of prose. Where no file is named (``pulumi up``), or
it cannot be written, containing goes on and nothing is added.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from containment.errors import ContainmentError, kind_of, kinds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VARIABLE = "CONTAINMENT_MESSAGES"
# Set for what a command starts, once the command has said that its AWS is an emulation.
ANNOUNCED = "CONTAINMENT_ANNOUNCED"

_CHANGE = "change"

Call = Literal["", "Program", "Configure", "Check", "Create", "Read", "Update", "Delete", "Invoke"]


@dataclass(frozen=True, slots=True)
class Message:
    """One thing said at the resource *urn* (empty: at the stack) while the engine made *call*.

    *kind* is the name of an error's class, and empty for what is no error; *remedy* its next step.
    *preview* is true where nothing was to be changed by the call; a check never changes anything.
    """

    text: str
    urn: str = ""
    call: str = ""
    severity: str = "info"
    kind: str = ""
    remedy: str = ""
    preview: bool = False

    @property
    def is_error(self) -> bool:
        """True for what a call ended with, instead of an answer."""
        return bool(self.kind)

    @property
    def changed_nothing(self) -> bool:
        """True where the call could not have changed anything."""
        return self.preview or self.call in {"Program", "Configure", "Check", "Read", "Invoke"}

    def error(self) -> ContainmentError:
        """Return the error that was raised, as one of the class it had."""
        first, *rows = self.text.split("\n")
        return kinds()[self.kind](first, remedy=self.remedy, rows=rows)


def of_error(
    error: ContainmentError, *, urn: str = "", call: Call = "", preview: bool = False
) -> Message:
    """Return *error*, raised in *call*, as a message."""
    kind = kind_of(error).__name__
    return Message(error.message, urn, call, "error", kind, error.remedy, preview)


@dataclass(frozen=True, slots=True)
class MadeChange:
    """One change of AWS that was sent: what was on *principal*, an ARN, and what is there now.

    *subject* is what was changed, such as ``inline policy NAME``. *before* says nothing unless it
    was *read*; None is nothing. Where the change is not *certain*, AWS's answer was lost.
    """

    principal: str
    subject: str
    before: str | None
    after: str | None
    read: bool = True
    certain: bool = True


@dataclass(frozen=True, slots=True)
class MessageFile:
    """The file that the messages of one run are added to, or nothing."""

    path: Path | None = None

    @classmethod
    def named_in(cls, environ: Mapping[str, str]) -> MessageFile:
        """Return the file that *environ* names; it is there already, or nothing is added."""
        name = environ.get(VARIABLE)
        return cls(Path(name) if name else None)

    @classmethod
    def make(cls, folder: Path) -> MessageFile:
        """Make an empty file in *folder*, for its owner alone."""
        path = folder / "messages.jsonl"
        path.touch(mode=0o600, exist_ok=False)
        return cls(path)

    def add(self, message: Message) -> None:
        """Add *message*; several processes and threads may do so at once."""
        self._append(asdict(message))

    def add_change(self, change: MadeChange) -> None:
        """Add *change*, as `add` does."""
        self._append({_CHANGE: asdict(change)})

    def _append(self, value: Mapping[str, Any]) -> None:
        if self.path is None:
            return
        line = json.dumps(value, ensure_ascii=True).encode() + b"\n"
        try:
            # Never made here and no link followed: a stale or forged name does no harm.
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)
        except OSError:
            return

    def read(self) -> tuple[Message, ...]:
        """Return the messages in the order in which they came, each once."""
        return tuple(dict.fromkeys(_parsed(self._values())))

    def changes(self) -> tuple[MadeChange, ...]:
        """Return the changes that were made, in their order."""
        values = [value[_CHANGE] for value in self._values() if value.keys() == {_CHANGE}]
        return tuple(MadeChange(**value) for value in values)

    def _values(self) -> Iterable[dict[str, Any]]:
        try:
            lines = self.path.read_text("utf-8").splitlines() if self.path is not None else []
        except OSError:
            return
        for line in lines:
            try:
                value: Any = json.loads(line)
            except ValueError:
                continue  # cut off by a kill
            if isinstance(value, dict):
                yield value


def _parsed(values: Iterable[dict[str, Any]]) -> Iterable[Message]:
    for value in values:
        try:
            message = Message(**value)
        except TypeError:
            continue  # a change
        if not message.kind or message.kind in kinds():
            yield message

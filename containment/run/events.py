"""What the engine says of a run: its event log, one JSON document a line.

Source: Pulumi's ``apitype.EngineEvent``, as written by ``--event-log``. A log that breaks off (the
engine was killed) is read as far as it goes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_COLOUR = re.compile(r"<\{%.*?%\}>|\x1b\[[0-9;]*m")
_SHOWN = {"info", "info#err", "warning", "error"}
_CANCELLED = re.compile(r"(preview|update|destroy|refresh|import|deletion)\w* canceled")


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """Something said at a resource, or at the stack where *urn* is empty."""

    severity: str
    message: str
    urn: str = ""

    @property
    def where(self) -> str:
        """The resource's word and name, for people."""
        return f"{kind_of(self.urn)} {name_of(self.urn)}" if self.urn else ""


@dataclass(frozen=True, slots=True)
class Step:
    """What was done, or would be, to one resource of ours."""

    op: str
    urn: str
    changed: tuple[str, ...] = ()
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Events:
    """One run of the engine in the order in which it happened."""

    diagnostics: tuple[Diagnostic, ...] = ()
    steps: tuple[Step, ...] = ()
    is_preview: bool | None = None
    summary: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def errors(self) -> list[Diagnostic]:
        """What failed: resources first, the stack's own sentence last."""
        errors = [item for item in self.diagnostics if item.severity == "error"]
        return sorted(errors, key=lambda item: not is_ours(item.urn))

    @property
    def cancelled(self) -> bool:
        """True where somebody asked the engine to stop."""
        return any(_CANCELLED.search(item.message) for item in self.errors)


def read(lines: Iterable[str]) -> Events:
    """Return what an event log says."""
    diagnostics: list[Diagnostic] = []
    steps: list[Step] = []
    is_preview: bool | None = None
    summary: dict[str, int] = {}
    for event in _events(lines):
        if (body := event.get("diagnosticEvent")) is not None:
            diagnostics.extend(_diagnostic(body))
        elif (body := event.get("resOutputsEvent")) is not None:
            steps.extend(_step(body["metadata"], failed=False))
        elif (body := event.get("resOpFailedEvent")) is not None:
            steps.extend(_step(body["metadata"], failed=True))
        elif (body := event.get("summaryEvent")) is not None:
            is_preview = bool(body.get("isPreview"))
            summary = {str(op): int(count) for op, count in body["resourceChanges"].items()}
    # The same sentence comes once for the progress line and once for the summary.
    unique = tuple(dict.fromkeys(diagnostics))
    return Events(unique, tuple(steps), is_preview, summary)


def plain(text: str) -> str:
    """Return *text* without the engine's markup."""
    return _COLOUR.sub("", text).strip()


def is_ours(urn: str) -> bool:
    """Tell whether *urn* names one of our resources."""
    return _type_of(urn).startswith("containment:index:")


def kind_of(urn: str) -> str:
    """Return the word for the resource's class, such as ``DenyPolicy``."""
    return _type_of(urn).rpartition(":")[2]


def name_of(urn: str) -> str:
    """Return the resource's name; ours hold the account, the kind and the principal."""
    return urn.split("::", 3)[-1]


def _type_of(urn: str) -> str:
    parts = urn.split("::", 3)
    return parts[2].rpartition("$")[2] if len(parts) > 3 else ""  # noqa: PLR2004 -- urn:…::…::type::name


def _events(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event


def _diagnostic(body: Mapping[str, Any]) -> Iterator[Diagnostic]:
    severity = str(body.get("severity", ""))
    message = plain(str(body.get("message", "")))
    if severity in _SHOWN and message:
        yield Diagnostic(severity.removesuffix("#err"), message, str(body.get("urn", "")))


def _step(metadata: Mapping[str, Any], *, failed: bool) -> Iterator[Step]:
    urn = str(metadata["urn"])
    if is_ours(urn):
        changed = tuple(sorted(metadata.get("detailedDiff") or metadata.get("diffs") or ()))
        yield Step(str(metadata["op"]), urn, changed, failed)

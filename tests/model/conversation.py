"""Provider conversations in a form that two runs share: no ids, times, ports, secrets or luck.

A conversation is a list of phases. A phase holds what was said to the provider itself, in order,
and what was said about each resource, in order; which of two resources was faster is luck.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from tests.model.provider import CallError, GoneError

Values = dict[str, Any]
# What a machine or a moment decides, and what the engine says about itself alone.
_DROPPED = {
    "resourceStatusAddress",
    "resourceStatusToken",
    "engineAddress",
    "rootDirectory",
    "programDirectory",
    "mapperTarget",
    "loaderTarget",
    "resolverTarget",
    "randomSeed",
}
_OWN = {"Handshake", "GetPluginInfo", "CheckConfig", "DiffConfig", "Configure", "Cancel"}
_PATTERNS = (
    (re.compile(r"http://(?:127\.0\.0\.1|localhost):\d+"), "<endpoint>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "<time>"),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\b[0-9a-f]{8}-lab0-4000-8000-[0-9a-f]{12}\b"), "<request>"),
)
_KEPT = {"04da6b54-80e4-46f7-96ec-b56ff0331ba9"}  # the engine's word for "not known yet"
_NUMBERED = (
    ("key", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")),
    ("principal", re.compile(r"\b(?:AIDA|AROA)[A-Z0-9]{17}\b")),
)
_KNOWN_TIMES = {"2026-11-01T00:00:00Z"}


@dataclass(frozen=True)
class Call:
    """One call: *answer* is the response, an error's text, or None where none came."""

    method: str
    request: Values
    answer: Any

    @property
    def about(self) -> str:
        """The resource it is about; empty where it is about the provider."""
        return "" if self.method in _OWN else str(self.request.get("urn", ""))


def of_engine(log: Path) -> list[Call]:
    """Return the provider's part of a log that ``PULUMI_DEBUG_GRPC`` asked for."""
    begun: list[Values] = []
    for line in log.read_text(encoding="utf-8").splitlines():
        document = json.loads(line)
        name = document["method"].rpartition("/")[2]
        if "/pulumirpc.ResourceProvider/" not in document["method"]:
            continue
        request = document.get("request") or {}
        if document["progress"] == "request_started":
            begun.append({"name": name, "request": request, "answer": None})
            continue
        call = next(
            each
            for each in begun
            if each["answer"] is None and (each["name"], each["request"]) == (name, request)
        )
        errors = document.get("errors")
        call["answer"] = _error(errors) if errors else document.get("response") or {}
    return [Call(each["name"], each["request"], each["answer"]) for each in begun]


def of_model(phases: Iterable[Iterable[Any]]) -> list[Call]:
    """Return what the stand-in said, and heard."""
    return [
        Call(method, _values(request), _heard(answer))
        for phase in phases
        for method, request, answer in phase
    ]


def normal(calls: Iterable[Call], names: dict[str, str]) -> list[Values]:
    """Return *calls* in the form that two runs share.

    *names* holds what random ids are called, and goes from one command to the next.
    """
    phases: list[list[Call]] = []
    cancelled = True
    for call in calls:
        if cancelled and call.method != "Cancel":
            phases.append([])
        cancelled = call.method == "Cancel"
        phases[-1].append(call)
    return [_phase(phase, names) for phase in phases]


def document(commands: Iterable[Values]) -> str:
    """Return *commands* as a file that shows a change of one call as one changed line."""
    lines = ["["]
    for command in commands:
        lines.append(
            f' {{"command": "{command["command"]}", "ok": {_line(command["ok"])}, "phases": ['
        )
        for phase in command["phases"]:
            lines.append('  {"provider": [')
            lines += _lines(phase["provider"])
            lines.append('  ], "resources": {')
            for number, (urn, calls) in enumerate(phase["resources"].items()):
                lines.append(f"   {',' if number else ''}{_line(urn)}: [")
                lines += _lines(calls)
                lines.append("   ]")
            lines.append("  }},")
        lines[-1] = lines[-1].rstrip(",")
        lines.append(" ]},")
    lines[-1] = lines[-1].rstrip(",")
    return "\n".join([*lines, "]\n"])


def _lines(calls: list[Any]) -> list[str]:
    lines = [f"    {_line(call)}," for call in calls]
    return [*lines[:-1], lines[-1].rstrip(",")] if lines else []


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _phase(calls: list[Call], names: dict[str, str]) -> Values:
    about: dict[str, list[Any]] = {}
    for call in calls:
        about.setdefault(call.about, []).append(call)
    phases = {
        urn.partition("::containment::")[2]: [_comparable(call, names) for call in about[urn]]
        for urn in sorted(about)
    }
    return {"provider": phases.pop("", []), "resources": phases}


def _comparable(call: Call, names: dict[str, str]) -> list[Any]:
    request = {name: value for name, value in call.request.items() if name not in _DROPPED}
    if call.method == "Cancel":
        return ["Cancel"]
    if call.method == "Handshake":
        request = {}
    answer = call.answer
    if call.method == "GetPluginInfo":
        answer = "<version>"
    return [call.method, _plain(request, names), _plain(answer, names)]


def _plain(value: Any, names: dict[str, str], field: str = "") -> Any:
    if isinstance(value, Mapping):
        plain = {name: _plain(value[name], names, name) for name in sorted(value)}
        return "<ledger>" if field == "ledger" else plain
    if isinstance(value, list):
        return [_plain(item, names, field) for item in value]
    if field == "generation" and isinstance(value, int | float):
        return "<generation>"
    if field == "snapshotId" and value not in _KEPT:
        return _name("snapshot", str(value), names)
    if isinstance(value, str):
        return _text(value, names)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _text(text: str, names: dict[str, str]) -> str:
    if text in _KEPT | _KNOWN_TIMES:
        return text
    for pattern, word in _PATTERNS:
        text = pattern.sub(word, text)
    for kind, pattern in _NUMBERED:
        text = pattern.sub(lambda match, kind=kind: _name(kind, match[0], names), text)  # type: ignore[misc]
    for literal, word in names.items():
        text = text.replace(literal, word)
    return text


def _name(kind: str, value: str, names: dict[str, str]) -> str:
    if value not in names:
        number = 1 + sum(word.startswith(f"<{kind} ") for word in names.values())
        names[value] = f"<{kind} {number}>"
    return names[value]


def _values(message: Message | None) -> Values:
    values: Values = MessageToDict(message) if message is not None else {}
    return values


def _heard(answer: Any) -> Any:
    if isinstance(answer, GoneError):
        return {"error": "<gone>"}
    if isinstance(answer, CallError):
        return {"error": f"{answer.code}: {answer}"}
    return None if answer is None else _values(answer)


def _error(errors: list[str]) -> Values:
    text = "; ".join(errors)
    match = re.fullmatch(r"rpc error: code = (\w+) desc = (.*)", text, re.DOTALL)
    if match is None:
        return {"error": text}
    code, message = match.groups()
    if "error reading from server" in message or "connection" in message:
        return {"error": "<gone>"}
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", code).upper()
    return {"error": f"{name}: {message}"}

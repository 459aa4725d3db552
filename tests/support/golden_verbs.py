"""The verbs over a fake engine that answers with what the actions did on the lab, in every form."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from cli.main import run
from containment.messages import MadeChange, Message, of_error
from containment.provider import codec
from containment.run import events
from containment.run.engine import Answer, Engine
from containment.run.result import Run
from tests.support.fake_engine import PROVIDER, STACK, FakeEngine, summary, urn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import pytest

    from containment.errors import ContainmentError
    from containment.run.state import StackState

_CALLS = {"create": "Create", "update": "Update", "delete": "Delete"}


class Verbs:
    """``containment`` in this process, at a terminal or in a pipe, in the project at *root*."""

    def __init__(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.engine = FakeEngine.install(root)
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        monkeypatch.chdir(root)
        monkeypatch.setenv("PATH", str(self.engine.program.parent), prepend=":")
        monkeypatch.setenv("PULUMI_HOME", str(root / "home"))
        monkeypatch.setenv("PULUMI_BACKEND_URL", (root / "state").as_uri())
        self._state = root / "state" / ".pulumi" / "stacks" / "containment" / f"{STACK}.json"
        self._state.parent.mkdir(parents=True)
        monkeypatch.setattr(Engine, "ask", self._ask)
        monkeypatch.setattr(Engine, "run", self._run)
        self.remember(None)
        self.engine.answer("preview", events=[summary(preview=True)])

    def remember(self, before: StackState | None) -> None:
        """Make *before* what the state holds."""
        rows = [_row(item) for item in before.resources] if before else []
        self.engine.exports(*rows)
        self._state.write_text(json.dumps({"version": 3, "deployment": {"resources": rows}}))

    def runs(
        self,
        verb: str,
        operation: str,
        after: StackState,
        made: Iterable[MadeChange],
        words: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Answer *verb* of the engine with the *operation* on each resource of *after*."""
        names = [_urn(item) for item in after.resources]
        steps = [
            {"resOutputsEvent": {"metadata": {"op": operation, "urn": name}}} for name in names
        ]
        self.engine.answer(
            verb,
            events=[*steps, summary(preview=False, **{operation: len(names)})],
            changes=made,
            messages=[
                Message(text, names[0], _CALLS[operation], severity) for severity, text in words
            ],
        )

    def refuses(self, verb: str, error: ContainmentError) -> None:
        """Answer *verb* of the engine with *error*, which a check ended with."""
        message = of_error(error, call="Check", preview=verb == "preview")
        self.engine.answer(verb, code=255, messages=[message])

    def forms(self, name: str, *arguments: str) -> Iterator[tuple[str, str]]:
        """Yield name and text of each form in which a verb answers *arguments*."""
        for width in (80, 200):
            yield f"{name}.{width}.txt", self._at_terminal(width, arguments)
        formats = [arguments[0] == "preview", "--preview" in arguments]
        for form, end in (("markdown", "md"), ("html", "html")) if any(formats) else ():
            yield f"{name}.{end}", self._ran((*arguments, "--format", form)).out
        document = self._ran((*arguments, "--json")).out
        yield f"{name}.json", document

    def _answer(self, arguments: tuple[str, ...]) -> dict[str, Any]:
        answers, words = self.engine.answers, " ".join(arguments)
        answer: dict[str, Any] = answers[max(filter(words.startswith, answers), key=len)]
        return answer

    def _ask(self, *arguments: str) -> Answer:
        answer = self._answer(arguments)
        return Answer(answer["code"], answer["out"], answer["err"])

    def _run(self, *arguments: str, **_relays: Any) -> Run:
        answer = self._answer(arguments)
        messages = [one for one in answer["messages"] if "change" not in one]
        made = [one["change"] for one in answer["messages"] if "change" in one]
        return Run(
            answer["code"],
            events.read(map(json.dumps, answer["events"])),
            answer["err"],
            messages=tuple(Message(**one) for one in messages),
            changes=tuple(MadeChange(**one) for one in made),
        )

    def _at_terminal(self, width: int, arguments: tuple[str, ...]) -> str:
        with self._monkeypatch.context() as patch:
            patch.setenv("TERM", "dumb")  # without colours
            patch.setenv("COLUMNS", str(width))
            patch.setattr("sys.stdout.isatty", lambda: True)
            ran = self._ran(arguments)
        shown = f"$ containment {' '.join(arguments)}\n{ran.out}"
        if ran.err:
            shown += f"--- standard error\n{ran.err}"
        return f"{shown}--- exit code {ran.code}\n"

    def _ran(self, arguments: tuple[str, ...]) -> Ran:
        self._capsys.readouterr()
        code = run(list(arguments))
        captured = self._capsys.readouterr()
        return Ran(code, captured.out, captured.err)


class Ran:
    """How a verb ended, and what it printed."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err


def _urn(item: Any) -> str:
    kind, snapshot = (f"containment:index:{word}" for word in (item.resource, "PrincipalSnapshot"))
    target = item.state.target
    label = f"{target.account}/{target.kind}/{target.name}"
    return urn(kind, label, parent="" if kind == snapshot else snapshot)


def _row(item: Any) -> dict[str, Any]:
    return {
        "urn": _urn(item),
        "type": f"containment:index:{item.resource}",
        "custom": True,
        "provider": PROVIDER,
        "inputs": {},
        "outputs": codec.dump(item.state),
    }


_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_PORT = re.compile(r"(127\.0\.0\.1):\d+")
_LOG = re.compile(r"\S+/(containment-[\w-]+)-\w+\.log")
_NAMED = re.compile(r"(?P<start>AKIA|ASIA|Containment[A-Z2-7]{12})[A-Z0-9a-z]{12,19}")


class Steady:
    """Gives times, ports, Sids and keys a name of the same length, the same in every run."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        for pattern, name in (
            (_TIME, "2026-11-24T12:00:00Z"),
            (_PORT, r"\1:55555"),
            (_LOG, r"/tmp/\1-0.log"),  # noqa: S108 -- no file
        ):
            text = pattern.sub(name, text)
        return _NAMED.sub(self._name, text)

    def _name(self, match: re.Match[str]) -> str:
        end = f"EXAMPLE{len(self._names) + 1}".rjust(len(match[0]) - len(match["start"]), "0")
        return self._names.setdefault(match[0], match["start"] + end)

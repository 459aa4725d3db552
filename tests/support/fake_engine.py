"""A ``pulumi`` that answers what a test wrote down, and writes down what it was asked."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from containment.engine import layout
from containment.errors import ContainmentError
from containment.messages import Call, MadeChange, Message, of_error

STACK = "inc-2026-0042"
USER = "arn:aws:iam::111122223333:user/ci/ci-deploy"
ROLE = "arn:aws:iam::111122223333:role/deploy"
_SNAPSHOT = "containment:index:PrincipalSnapshot"
PROVIDER = (
    f"urn:pulumi:{STACK}::containment::pulumi:providers:containment::default_0_1_0::"
    "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
)

_PROGRAM = """\
#!{python} -IS
import json, os, sys, time
here = {here!r}
arguments = sys.argv[1:]
if arguments == ["version"]:
    sys.exit(print("v3.259.0"))
with open(here + "/asked.jsonl", "a") as file:
    file.write(json.dumps(arguments) + "\\n")
answers = json.load(open(here + "/answers.json"))
words = " ".join(arguments)
known = [key for key in answers if words.startswith(key)]
answer = answers[max(known, key=len)] if known else None
if answer is None:
    sys.exit("error: the fake engine was not told how to answer: " + words)
for option in arguments:
    if option.startswith("--event-log=") and answer.get("events"):
        with open(option.partition("=")[2], "w") as file:
            file.write("".join(json.dumps(event) + "\\n" for event in answer["events"]))
if answer.get("messages"):
    with open(os.environ["CONTAINMENT_MESSAGES"], "a") as file:
        file.write("".join(json.dumps(message) + "\\n" for message in answer["messages"]))
sys.stdout.write(answer.get("out", ""))
sys.stdout.flush()
sys.stderr.write(answer.get("err", ""))
sys.exit(answer.get("code", 0))
"""


@dataclass
class FakeEngine:
    """A ``pulumi`` in the folder ``engine`` of a project, which has to be on PATH."""

    project: Path

    @classmethod
    def install(cls, project: Path) -> FakeEngine:
        """Put a fake in *project*, which knows a stack that was never applied."""
        layout.lay_out(project)
        program = project / "engine" / "pulumi"
        program.parent.mkdir(parents=True)
        program.write_text(_PROGRAM.format(python=sys.executable, here=str(program.parent)))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        fake = cls(project)
        fake.answers = {}
        fake.answer("stack ls", out=json.dumps([{"name": STACK, "current": True}]))
        fake.answer("whoami", out=json.dumps({"url": (project / "state").as_uri()}))
        fake.answer("stack init")
        fake.exports()
        return fake

    @property
    def program(self) -> Path:
        """The executable itself."""
        return self.project / "engine" / "pulumi"

    @property
    def answers(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self._file.read_text())
        return document

    @answers.setter
    def answers(self, answers: dict[str, Any]) -> None:
        self._file.write_text(json.dumps(answers))

    @property
    def _file(self) -> Path:
        return self.project / "engine" / "answers.json"

    @property
    def asked(self) -> list[list[str]]:
        """The arguments of every call, in order."""
        file = self.project / "engine" / "asked.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def ran(self, command: str) -> list[str] | None:
        """Return the arguments of the call of *command*, or None if it was never called."""
        return next((asked for asked in self.asked if asked[0] == command), None)

    def answer(
        self,
        command: str,
        *,
        out: str = "",
        err: str = "",
        code: int = 0,
        events: list[dict[str, Any]] | None = None,
        messages: Iterable[Message] = (),
        changes: Iterable[MadeChange] = (),
    ) -> None:
        """Answer every call that begins with *command*; the longest such answer counts."""
        canned_answer = {
            "out": out,
            "err": err,
            "code": code,
            "events": events or [],
            "messages": [
                *(asdict(message) for message in messages),
                *({"change": asdict(change)} for change in changes),
            ],
        }
        self.answers = {**self.answers, command: canned_answer}

    def exports(self, *resources: dict[str, Any], pending: Any = None) -> None:
        """Make these the resources of the stack's state."""
        deployment = {"resources": list(resources), "pending_operations": pending}
        self.answer("stack export", out=json.dumps({"version": 3, "deployment": deployment}))


def urn(resource: str, name: str, *, parent: str = "") -> str:
    """Return the engine's name of one of our resources."""
    kind = f"{parent}${resource}" if parent else resource
    return f"urn:pulumi:{STACK}::containment::{kind}::{name}"


def snapshot(principal: str = USER, **outputs: Any) -> dict[str, Any]:
    """Return a snapshot as a state has it."""
    kind, _, name = principal.rpartition(":")[2].partition("/")
    label = f"111122223333/{kind}/{name.rpartition('/')[2]}"
    inputs = {
        "incident": STACK,
        "principal": principal,
        "endpoint": "",
        "lift": {
            "spec": f"stacks/{STACK}.yaml",
            "disposition": "suspected",
            "compromisedAt": "2026-01-23T21:14:00Z",
            "leaked": ["AKIAIOSFODNN7EXAMPLE"] if kind == "user" else [],
        },
        "onDestroy": "whatever is left is lifted, or it fails",
    }
    return {
        "urn": urn(_SNAPSHOT, label),
        "type": _SNAPSHOT,
        "custom": True,
        "provider": PROVIDER,
        "inputs": inputs,
        "outputs": {**inputs, "principalId": "AIDAEXAMPLE", "snapshotId": "s" * 10, **outputs},
    }


def deny(principal: str = ROLE, **outputs: Any) -> dict[str, Any]:
    """Return a deny as a state has it."""
    made = snapshot(principal)
    label = made["urn"].rpartition("::")[2]
    inputs = {**made["inputs"], "principalId": "AROAEXAMPLE", "snapshotId": "s" * 10}
    inputs |= {"scope": "issued-before", "onDestroy": "the deny becomes a fence"}
    return {
        "urn": urn("containment:index:DenyPolicy", label, parent=_SNAPSHOT),
        "type": "containment:index:DenyPolicy",
        "custom": True,
        "provider": PROVIDER,
        "inputs": inputs,
        "outputs": {
            **inputs,
            "generation": 7,
            "live": "applied",
            "placement": "inline",
            "issuedBefore": "2026-11-24T12:00:00Z",
            **outputs,
        },
    }


def diagnostic(message: str, *, severity: str = "error", urn: str = "") -> dict[str, Any]:
    """Return a diagnostic as the event log has it, colours included."""
    return {
        "diagnosticEvent": {
            "urn": urn,
            "prefix": "<{%fg 1%}>error: <{%reset%}>",
            "message": f"<{{%reset%}}>{message}<{{%reset%}}>\n",
            "severity": severity,
        }
    }


def raised(error: ContainmentError, *, urn: str = "", call: Call = "Create") -> Message:
    """Return *error* as the provider hands it to the verb, beside the engine."""
    return of_error(error, urn=urn, call=call)


def summary(*, preview: bool = False, **changes: int) -> dict[str, Any]:
    """Return the event that ends a run well."""
    return {"summaryEvent": {"isPreview": preview, "resourceChanges": changes}}

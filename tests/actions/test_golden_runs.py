"""What runs on the lab show is as reviewed: each text is made of what the actions really did.

``make golden`` writes the files anew; look at the difference before it is committed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli import differences
from containment.diff import (
    IncidentDiff,
    as_document,
    as_html,
    as_lines,
    as_markdown,
    as_written,
    changes_as_rows,
    written,
)
from containment.messages import MadeChange
from containment.profile import Profile
from containment.run.state import Recorded, StackState
from containment.spec import load
from tests.support.applied import Applied
from tests.support.project import spec
from tests.support.workbench import INCIDENT, Bench

pytestmark = pytest.mark.lab

LEAKED = "AKIAIOSFODNN7EXAMPLE"
GOLDEN = Path(__file__).parent / "golden"


class Story:
    """The demo's incident on *bench*: a user whose key leaked, and a role that the key assumed."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.made: list[MadeChange] = []
        bench.context = replace(bench.context, made=self._note)
        bench.leaked = (bench.lab.world.leaked.access_key_id,)

    def spec(self, role_rung: str = "revoke-sessions", *more: str) -> str:
        world = self.bench.lab.world
        key = world.leaked.access_key_id
        targets = (
            f"user: '{world.ci_user}'\n    leaked: [{key}]",
            f"role: '{world.deploy_role}'\n    rung: {role_rung}",
            *more,
        )
        return spec("\n  - ".join(targets))

    def up(self, text: str) -> StackState:
        """Contain by the actions, as the engine would have them do it."""
        applied = Applied.up(self.bench, text)
        return StackState(
            tuple(Recorded("", type(action), state) for action, state in applied.states)
        )

    def raised(self, before: StackState) -> None:
        """Deny the role everything, which was denied its older sessions."""
        (deny,) = [
            item
            for item in before.resources_of(self.bench.lab.world.deploy_role)
            if item.resource == "DenyPolicy"
        ]
        action: Any = self.bench.deny_action()
        values = {name: getattr(deny.state, name) for name in action.inputs_type.model_fields}
        inputs = action.inputs_type.model_validate(values | {"scope": "all", "cohort": ()})
        action.update(deny.state, inputs, preview=False)

    def preview(self, text: str, before: StackState | None = None) -> IncidentDiff:
        path = self.bench.directory / "stacks" / f"{INCIDENT}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return differences.of_up(self._incident, load(path), before or StackState())

    def preview_of_lift(self, before: StackState) -> IncidentDiff:
        return differences.of_lift(self._incident, before)

    def wrote(self) -> dict[str, Any]:
        changes, self.made = written(self.made), []
        return {arn: tuple(items) for arn, items in changes.items()}

    @property
    def _incident(self) -> Any:
        context = self.bench.context
        workplace = SimpleNamespace(
            clients=lambda: context.clients,
            caller=lambda: context.caller,
            context=lambda _account, reading: context if reading else None,
            settings=SimpleNamespace(profile=Profile()),
        )
        return SimpleNamespace(stack=INCIDENT, workplace=workplace)

    def _note(self, change: Any, _outcome: Any) -> None:
        self.made.append(
            MadeChange(
                change.principal, change.facet, change.before, change.after, read=change.read
            )
        )


_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_NAMED = re.compile(r"(?P<start>AKIA|ASIA|Containment[A-Z2-7]{12})[A-Z0-9a-z]{12,19}")


class Steady:
    """Gives times, Sids and keys a name of the same length, the same in every run."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def __call__(self, value: Any) -> Any:
        if isinstance(value, str):
            return _NAMED.sub(self._name, _TIME.sub("2026-11-24T12:00:00Z", value))
        if isinstance(value, tuple):
            return tuple(self(item) for item in value)
        if isinstance(value, dict):
            return {self(key): self(item) for key, item in value.items()}
        if is_dataclass(value) and not isinstance(value, type):
            kept = {field.name: self(getattr(value, field.name)) for field in fields(value)}
            return type(value)(**kept)
        return value

    def _name(self, match: re.Match[str]) -> str:
        end = f"EXAMPLE{len(self._names) + 1}".rjust(len(match[0]) - len(match["start"]), "0")
        return self._names.setdefault(match[0], match["start"] + end)


def renderings(name: str, diff: IncidentDiff) -> Iterator[tuple[str, str]]:
    for width in (80, 200):
        yield f"{name}.{width}.txt", _text(as_lines(diff, width))
    yield f"{name}.md", as_markdown(diff)
    yield f"{name}.json", json.dumps(as_document(diff), indent=1) + "\n"
    yield f"{name}.html", as_html(diff)


def renderings_of_written(name: str, changes: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for width in (80, 200):
        yield f"{name}.{width}.txt", _text(as_written(changes, width))
    rows = {arn: changes_as_rows(items) for arn, items in changes.items()}
    yield f"{name}.json", json.dumps(rows, indent=1) + "\n"


def _text(lines: Any) -> str:
    return "".join(f"{line.text}\n" for line in lines)


def texts(bench: Bench) -> Iterator[tuple[str, str]]:
    """Yield name and text of each golden file, as one story goes."""
    story, steady = Story(bench), Steady()
    shown: Callable[..., Iterator[tuple[str, str]]] = partial(_shown, steady, renderings)
    wrote = partial(_shown, steady, renderings_of_written)
    world = bench.lab.world

    yield from shown("preview", story.preview(story.spec()))
    missing = world.ci_user.replace("ci-deploy", "never-was")
    refusal = story.preview(story.spec("revoke-sessions", f"user: '{missing}'"))
    yield from shown("preview-refusal", refusal)

    state = story.up(story.spec())
    yield from wrote("up", story.wrote())
    yield from shown("lift", story.preview_of_lift(state))

    yield from shown("preview-rung", story.preview(story.spec("deny-all"), state))
    story.raised(state)
    yield from wrote("up-rung", story.wrote())

    # Whose keys come back at a lift, unless somebody took away the claim on them.
    other = story.up(spec(f"user: '{world.release_user}'\n    leaked: [{LEAKED}]"))
    user = world.release_user.rpartition("/")[2]
    bench.admin().untag_user(UserName=user, TagKeys=[f"containment:{INCIDENT}"])
    yield from shown("lift-conflict", story.preview_of_lift(other))


def _shown(steady: Steady, render: Callable[..., Any], name: str, value: Any) -> Any:
    return render(name, steady(value))


def test_what_a_run_shows_is_as_reviewed(bench: Bench) -> None:
    made = dict(texts(bench))

    if os.environ.get("GOLDEN") == "new":
        for name, text in made.items():
            (GOLDEN / name).write_text(text, encoding="utf-8")
    for name, text in made.items():
        assert (GOLDEN / name).read_text(encoding="utf-8") == text, "look, then 'make golden'"
    assert {path.name for path in GOLDEN.iterdir()} == made.keys()

"""What the verbs print of runs is as reviewed; it is made of what the actions did on the lab.

``make golden`` writes the files anew; look at the difference before it is committed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from containment.aws.recording import Change, Outcome, made_change
from containment.errors import ContainmentError
from containment.messages import MadeChange
from containment.plan import plan
from containment.run.state import Recorded, StackState
from containment.spec import load
from tests.support.applied import Applied
from tests.support.fake_engine import summary
from tests.support.golden_verbs import Steady, Verbs
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
        bench.context = replace(
            bench.context,
            made=self._note,
        )
        bench.leaked = (bench.lab.world.leaked.access_key_id,)

    def _note(self, change: Change, outcome: Outcome) -> None:
        self.made.append(made_change(change, outcome))

    def spec(self, role_rung: str = "revoke-sessions", *more: str) -> str:
        world = self.bench.lab.world
        key = world.leaked.access_key_id
        targets = (
            f"user: '{world.ci_user}'\n    leaked: [{key}]",
            f"role: '{world.deploy_role}'\n    rung: {role_rung}",
            *more,
        )
        return spec("\n  - ".join(targets))

    def write(self, text: str) -> None:
        """Make *text* the incident's spec."""
        Applied(self.bench).write(text)

    def refusal(self) -> ContainmentError:
        """Return why a check refuses the spec."""
        spec_file = f"stacks/{INCIDENT}.yaml"
        refusals: list[ContainmentError] = []
        for item in plan(load(self.bench.directory / spec_file), spec_file=spec_file):
            action: Any = self.bench.snapshot_action()
            inputs = action.checked(action.inputs_type.model_validate(item.snapshot.inputs))
            refusals += [failure.error for failure in action.check(inputs, None)]
        return refusals[0]

    def up(self, text: str) -> StackState:
        """Contain by the actions, as the engine would have them do it."""
        applied = Applied.up(self.bench, text)
        return StackState(
            tuple(Recorded("", type(action), state) for action, state in applied.states)
        )

    def raised(self, before: StackState) -> StackState:
        """Deny the role everything, which was denied its older sessions."""

        def update(item: Recorded) -> Recorded:
            if item.resource != "DenyPolicy" or ":role/" not in item.state.principal:
                return item
            action: Any = self.bench.deny_action()
            values = {name: getattr(item.state, name) for name in action.inputs_type.model_fields}
            inputs = action.inputs_type.model_validate(values | {"scope": "all", "cohort": ()})
            return replace(item, state=action.update(item.state, inputs, preview=False))

        return StackState(tuple(map(update, before.resources)))

    def lift(self, before: StackState) -> list[tuple[str, str]]:
        """Lift by the actions, snapshots last; return what they say."""
        self.bench.messages.clear()
        for item in sorted(before.resources, key=lambda one: one.resource == "PrincipalSnapshot"):
            item.action(self.bench.context).delete(item.state)
        return list(self.bench.messages)

    def took(self) -> list[MadeChange]:
        """Return what was changed since this was last asked."""
        made, self.made = self.made, []
        return made


def texts(story: Story, verbs: Verbs) -> Iterator[tuple[str, str]]:
    """Yield name and text of each golden file, as one story goes."""
    world = story.bench.lab.world

    story.write(story.spec())
    yield from verbs.forms("preview", "preview")

    # Who contains does not contain themselves.
    refused = story.spec("revoke-sessions", f"role: '{world.responder_role}'")
    story.write(refused)
    error = story.refusal()
    verbs.refuses("preview", error)
    yield from verbs.forms("preview-refusal", "preview")
    verbs.refuses("up", error)
    yield from verbs.forms("up-refusal", "up")
    verbs.engine.answer("preview", events=[summary(preview=True)])

    state = story.up(story.spec())
    verbs.remember(state)
    verbs.runs("up", "create", state, story.took())
    yield from verbs.forms("up", "up")
    yield from verbs.forms("lift-preview", "lift", "--preview")

    story.write(story.spec("deny-all"))
    yield from verbs.forms("preview-rung", "preview")
    raised = story.raised(state)
    verbs.remember(raised)
    verbs.runs("up", "update", raised, story.took())
    yield from verbs.forms("up-rung", "up")
    yield from verbs.forms("lift-unasked", "lift")
    words = story.lift(raised)
    verbs.runs("destroy", "delete", raised, story.took(), words)
    yield from verbs.forms("lift", "lift", "--yes")

    # Whose keys come back at a lift, unless somebody took away the claim on them.
    other = story.up(spec(f"user: '{world.release_user}'\n    leaked: [{LEAKED}]"))
    user = world.release_user.rpartition("/")[2]
    story.bench.admin().untag_user(UserName=user, TagKeys=[f"containment:{INCIDENT}"])
    verbs.remember(other)
    yield from verbs.forms("lift-conflict", "lift", "--preview")


def test_what_a_run_shows_is_as_reviewed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steady = Steady()
    made = {
        name: steady(text)
        for name, text in texts(Story(bench), Verbs(bench.directory, monkeypatch, capsys))
    }

    if os.environ.get("GOLDEN") == "new":
        for path in GOLDEN.iterdir():
            path.unlink()
        for name, text in made.items():
            (GOLDEN / name).write_text(text, encoding="utf-8")
    for name, text in made.items():
        assert (GOLDEN / name).read_text(encoding="utf-8") == text, "look, then 'make golden'"
    assert {path.name for path in GOLDEN.iterdir()} == made.keys()

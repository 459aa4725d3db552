"""A review never names less than what is done then: random specs, accounts and states.

What is done is read off the account, before and after the stand-in for the engine applied the spec,
so that no list of the program's own is believed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import pytest
from google.protobuf.json_format import MessageToDict

from containment.actions import ACTIONS
from containment.aws import recording
from containment.diff import IncidentDiff, building
from containment.facets import marks
from containment.identities import parse_principal
from containment.lifecycle import workplace as workplaces
from containment.lifecycle.workplace import Workplace
from containment.run import preview, state
from containment.spec import load
from tests.model import account
from tests.model.cast import APP, BOT, CI, DEPLOY, FIRST, PATHS, RUNGS
from tests.model.cloud import Cloud, OneByOne, simulated
from tests.model.conductor import Conductor
from tests.model.engine import Engine
from tests.support.project import spec

pytestmark = pytest.mark.lab

SEEDS = int(os.environ.get("REVIEW_SEEDS", "2"))
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
NAMES = {
    "inline": recording.inline_policy,
    "attached": recording.attachment,
    "key": "access key {}".format,
    "trust": f"{recording.TRUST}".format,
    "boundary": f"{recording.BOUNDARY}".format,
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with simulated() as made:
        yield made


class World:
    """One company, an attacker in it, and a stack whose spec changes."""

    def __init__(self, cloud: Cloud, folder: Path, seed: int) -> None:
        self.luck = Random(seed)  # noqa: S311 -- luck that can be repeated
        self.cloud, self.folder = cloud, folder
        cloud.reset()
        conductor = Conductor(cloud.clock)
        conductor.seed(seed)
        cloud.sleeper = conductor
        (folder / "stacks").mkdir(parents=True)
        self.engine = Engine(cloud, conductor, folder, FIRST)
        self.iam = cloud.client("iam", cloud.world.admin)

    def change_spec(self) -> None:
        chosen = [one for one in (CI, BOT, DEPLOY, APP) if self.luck.random() < 0.6] or [CI]
        targets = [self._target(one, self.luck.choice(RUNGS[one])) for one in chosen]
        text = spec(*targets, disposition=self.luck.choice(["suspected", "confirmed"]))
        (self.folder / "stacks" / f"{FIRST}.yaml").write_text(text)

    def _target(self, name: str, rung: str) -> str:
        arn = f"arn:aws:iam::{account.ACCOUNT}:{PATHS[name]}"
        kind, _, short = name.partition("/")
        more = f"\n    rung: {rung}"
        if kind == "user":
            more += f"\n    leaked: [{next(iter(account.keys(short)))}]"
        if rung == "session":
            more += f"\n    sessions: [{{name: {self.luck.choice(['one', 'two'])}}}]"
        return f"{kind}: {arn}{more}"

    def meddle(self) -> None:
        for name in (CI, BOT, DEPLOY, APP):
            kind, _, short = name.partition("/")
            word = kind.capitalize()
            who = {f"{word}Name": short}
            what = self.luck.choice(["strip", "key", "open", "fill", "attach", "", ""])
            if what == "strip":
                listed = getattr(self.iam, f"list_{kind}_policies")(**who)["PolicyNames"]
                for policy in listed:
                    getattr(self.iam, f"delete_{kind}_policy")(**who, PolicyName=policy)
            elif what == "key" and kind == "user" and len(account.keys(short)) < 2:
                self.iam.create_access_key(**who)
            elif what == "open" and kind == "user":
                for key in account.keys(short):
                    self.iam.update_access_key(**who, AccessKeyId=key, Status="Active")
            elif what == "attach":
                getattr(self.iam, f"attach_{kind}_policy")(**who, PolicyArn=READ_ONLY)
            elif what == "fill":
                size = 1_900 if kind == "user" else 10_050
                listed = getattr(self.iam, f"list_{kind}_policies")(**who)["PolicyNames"]
                if listed:
                    continue
                text = '{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"%s"'
                text = (text % ("x:" + "y" * (size - 100))) + ',"Resource":"*"}}'
                getattr(self.iam, f"put_{kind}_policy")(
                    **who, PolicyName="room", PolicyDocument=text
                )

    def applied(self) -> state.StackState:
        rows = [
            {
                "urn": item.urn,
                "type": item.type,
                "inputs": MessageToDict(item.inputs),
                "outputs": MessageToDict(item.outputs),
            }
            for item in self.engine.state.resources
            if not item.deleting
        ]
        return state.parse({"deployment": {"resources": rows}})

    def review(self, *, lift: bool) -> IncidentDiff:
        desk = Workplace(self.folder, ACTIONS, FIRST, patient=False)
        before = self.cloud.mutations
        with (
            mock.patch.object(workplaces, "connect", return_value=self.cloud.responder),
            mock.patch.object(preview, "ThreadPoolExecutor", OneByOne),
            mock.patch.object(building, "ThreadPoolExecutor", OneByOne),
        ):
            if lift:
                diff = preview.of_lift(FIRST, self.applied(), desk)
            else:
                asked = load(self.folder / "stacks" / f"{FIRST}.yaml")
                diff = preview.of_up(FIRST, asked, self.applied(), desk)
        assert self.cloud.mutations == before
        return diff


def look() -> dict[str, dict[Any, str]]:
    return {name: dict(account.entity(name)) for name in account.names()}


def changes_since(before: dict[str, dict[Any, str]]) -> set[tuple[str, str]]:
    """Return whom and what was changed since *before*; the tags by which we claim aside."""
    after = look()
    changed: set[tuple[str, str]] = set()
    for name in before.keys() | after.keys():
        old, new = before.get(name, {}), after.get(name, {})
        for entry in old.keys() | new.keys():
            is_claim = entry[0] == "tag" and marks.incident_of_tag(entry[1]) is not None
            if old.get(entry) != new.get(entry) and not is_claim:
                changed.add((name, NAMES[entry[0]](*entry[1:])))
    return changed


def not_named(diff: IncidentDiff, changed: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return what of *changed* the review says nothing of."""
    named: dict[str, list[str]] = {}
    for item in diff.principals:
        principal = parse_principal(item.principal)
        subjects = named.setdefault(f"{principal.kind}/{principal.name}", [])
        for change in item.changes:
            subjects.append(change.subject)
    return {(name, subject) for name, subject in changed if subject not in named.get(name, ())}


# In the seventh, whom the spec takes out had kept the deny of another one young.
@pytest.mark.parametrize("seed", [*range(SEEDS), 7])
def test_a_review_names_all_that_is_done(cloud: Cloud, tmp_path: Path, seed: int) -> None:
    world = World(cloud, tmp_path, seed)
    named = 0
    for _ in range(3):
        world.meddle()
        world.change_spec()
        diff, before = world.review(lift=False), look()
        world.engine.up(preview=False)
        changed = changes_since(before)
        named += len(changed)
        assert not_named(diff, changed) == set(), diff
    diff, before = world.review(lift=True), look()
    world.engine.destroy(preview=False)
    assert not_named(diff, changes_since(before)) == set()
    assert named


def test_what_a_review_leaves_out_is_noticed(cloud: Cloud, tmp_path: Path) -> None:
    world = World(cloud, tmp_path, 1)
    world.change_spec()
    before = look()
    world.engine.up(preview=False)

    assert not_named(IncidentDiff(FIRST), changes_since(before)) == changes_since(before) != set()

"""Containing before the engine: on record first, gone on with after a crash, given back exactly."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from containment.actions import ACTIONS
from containment.aws.cancellation import is_mutating
from containment.errors import ContainmentError
from containment.lab.scenario import inventory
from containment.lab.testing import Lab
from containment.lifecycle.snapshot import KeyOwner
from containment.lifecycle.workplace import Settings, Workplace
from containment.run import before_engine, locks
from containment.run.direct import Applied
from containment.run.state import Pending, Recorded, StackState
from containment.spec import load
from tests.support.project import STACK, spec
from tests.support.workbench import can_list

pytestmark = pytest.mark.lab
FILE = f"stacks/{STACK}.yaml"
BY_WORD = {action.resource: action for action in ACTIONS}


class Dead(BaseException):
    """The process was killed here."""


class Responder:
    """Somebody who runs ``containment up`` on a project, and may be killed at a call."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.folder = lab, folder
        self.lines: list[str] = []
        self.changes: list[str] = []
        self.dies_at: tuple[str, str] | None = None
        self.requests_before: dict[str, int] = {}
        (folder / "stacks").mkdir()
        world = lab.world
        user = f"{{user: '{world.ci_user}', leaked: [{world.leaked.access_key_id}]}}"
        role = f"{{role: '{world.deploy_role}', rung: close-trust}}"
        text = spec(user, role, disposition="false-positive")
        (folder / FILE).write_text(text, encoding="utf-8")

    def place(self) -> Workplace:
        """Return a new process's workplace."""
        return Workplace(
            self.folder,
            ACTIONS,
            STACK,
            Settings.resolve(self.folder, {}, ""),
            cancelled=Event(),
            patient=False,
            connected=self._watch,
        )

    def contain(self, stack_state: StackState | None = None) -> tuple[Applied, ...]:
        """Run it, up to the engine."""
        return before_engine.contain(
            load(self.folder / FILE),
            self.place(),
            stack_state or StackState(),
            spec_file=FILE,
            say=lambda _severity, text: self.lines.append(text),
        )

    def lift(self, results: Sequence[Applied]) -> None:
        """Lift what *results* hold, the snapshots last, as a destroy of the stack does."""
        place = self.place()
        for item in sorted(results, key=lambda one: one.resource == "PrincipalSnapshot"):
            context = place.context(item.state.target.account, lifting=True)
            BY_WORD[item.resource](context).delete(item.state)

    def _watch(self, clients: Any) -> None:
        clients.iam.meta.events.register("before-send.iam", self._sending)
        clients.iam.meta.events.register("after-call.iam", self._answered)

    def _sending(self, event_name: str, **_: object) -> None:
        operation = event_name.rpartition(".")[2]
        if self.dies_at == ("before", operation):
            raise Dead
        if is_mutating(operation):
            self.changes.append(operation)
            self.requests_before.setdefault(operation, self.lab.status()["requests"])

    def _answered(self, event_name: str, **_: object) -> None:
        if self.dies_at == ("after", event_name.rpartition(".")[2]):
            raise Dead


@pytest.fixture
def responder(lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Responder:
    for name, value in lab.world.responder.env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", lab.endpoint)
    return Responder(lab, tmp_path)


def remembered(results: Sequence[Applied]) -> StackState:
    """Return the state of an engine that took *results* over."""
    return StackState(
        tuple(Recorded("urn", BY_WORD[item.resource], item.state) for item in results)
    )


def ids(results: Sequence[Applied]) -> dict[str, str]:
    """Return the id of each snapshot, by principal."""
    return {
        item.principal: item.state.snapshot_id
        for item in results
        if item.resource == "PrincipalSnapshot"
    }


def test_everybody_is_contained_and_on_record_before_that(responder: Responder) -> None:
    lab = responder.lab
    assert can_list(lab, lab.world.leaked)

    results = responder.contain()

    assert [item.error for item in results] == [None] * 6
    assert not can_list(lab, lab.world.leaked)
    assert can_list(lab, lab.world.bystander)
    lines = (responder.folder / f"ledger/{STACK}.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    for unique_id in {entry["unique_id"] for entry in entries if "unique_id" in entry}:
        own = [entry for entry in entries if entry.get("unique_id") == unique_id]
        assert (own[0]["kind"], own[0]["ahead"]) == ("snapshot", True)


def test_the_first_deny_is_among_the_first_fourteen_calls_whatever_runs_side_by_side(
    responder: Responder,
) -> None:
    user = f"{{user: '{responder.lab.world.ci_user}'}}"
    (responder.folder / FILE).write_text(spec(user), encoding="utf-8")
    begun = responder.lab.status()["requests"]

    results = responder.contain()

    assert [item.error for item in results] == [None] * 3
    assert responder.changes[0] == "PutUserPolicy"
    assert responder.requests_before["PutUserPolicy"] - begun + 1 <= 14


def test_a_ledger_that_cannot_be_written_leaves_all_to_the_engine(responder: Responder) -> None:
    (responder.folder / "ledger").write_text("no folder")

    results = responder.contain()

    assert responder.changes == []
    assert {str(item.error).partition(",")[0] for item in results} == {
        "user ci-deploy is not on record",
        "role deploy is not on record",
    }
    assert before_engine.to_hand_over(results, StackState()) == []


def test_what_may_not_be_contained_is_left_to_the_engine_to_refuse(responder: Responder) -> None:
    own = spec(f"{{role: '{responder.lab.world.responder_role}', rung: revoke-sessions}}")
    (responder.folder / FILE).write_text(own)

    assert responder.contain() == ()
    assert responder.changes == []


@pytest.mark.parametrize(
    ("point", "operation"),
    [
        ("before", "PutUserPolicy"),  # on record, and nothing else
        ("after", "PutUserPolicy"),
        ("after", "TagUser"),
        ("after", "UpdateAssumeRolePolicy"),
    ],
)
def test_a_run_that_dies_is_gone_on_with_and_a_lift_gives_all_back(
    responder: Responder, point: str, operation: str
) -> None:
    iam = responder.lab.client("iam", responder.lab.world.admin)
    before = inventory.take(iam)
    responder.dies_at = (point, operation)
    with pytest.raises(Dead):
        responder.contain()
    responder.dies_at = None
    marked = inventory.take(iam) != before

    results = responder.contain()

    assert [item.error for item in results] == [None] * 6
    assert not can_list(responder.lab, responder.lab.world.leaked)
    if marked:
        assert "that one is gone on with" in " ".join(responder.lines)
    responder.lift(results)
    assert inventory.take(iam) == before
    assert can_list(responder.lab, responder.lab.world.leaked)


def test_what_the_state_holds_and_live_shows_is_not_written_again(responder: Responder) -> None:
    results = responder.contain()
    responder.changes.clear()

    again = responder.contain(remembered(results))

    assert responder.changes == []
    assert before_engine.to_hand_over(again, remembered(results)) == []


def test_what_was_undone_is_put_back_under_the_snapshot_of_the_state(responder: Responder) -> None:
    iam = responder.lab.client("iam", responder.lab.world.admin)
    before = inventory.take(iam)
    results = responder.contain()
    iam.delete_user_policy(UserName="ci-deploy", PolicyName=f"containment-{STACK}")
    stack_state = remembered(results)

    again = responder.contain(stack_state)

    assert ids(again) == ids(results)
    (put_back,) = before_engine.to_hand_over(again, stack_state)
    assert put_back[0] == "DenyPolicy"
    assert not can_list(responder.lab, responder.lab.world.leaked)
    taken_over = {(item.resource, item.principal): item for item in (*results, *again)}
    responder.lift(list(taken_over.values()))
    assert inventory.take(iam) == before


def test_a_lowered_rung_is_left_to_the_engine(responder: Responder) -> None:
    stack_state = remembered(responder.contain())
    responder.changes.clear()
    text = (responder.folder / FILE).read_text()
    (responder.folder / FILE).write_text(text.replace("rung: close-trust", "rung: revoke-sessions"))

    again = responder.contain(stack_state)

    assert responder.changes == []
    assert before_engine.to_hand_over(again, stack_state) == []


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    def wait(_seconds: float) -> None:
        """Wait not at all."""

    monkeypatch.setattr("botocore.endpoint.time.sleep", wait)
    return wait


@pytest.mark.usefixtures("unhurried")
def test_a_third_of_all_calls_throttled_ends_contained(responder: Responder) -> None:
    lab = responder.lab
    rule = {"kind": "throttle", "principal": lab.world.responder_role, "probability": 0.3}
    lab.faults({**rule, "seed": 7})

    results = responder.contain()

    hits = lab.status()["faults"][0]["hits"]
    lab.faults()
    assert hits > 5
    assert [item.error for item in results] == [None] * 6
    assert not can_list(lab, lab.world.leaked)


def test_the_lock_of_a_stack_in_s3_is_taken_beside_its_state(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in lab.world.admin.env().items():
        monkeypatch.setenv(name, value)
    lab.client("s3", lab.world.admin).create_bucket(Bucket="incident-states")
    backend = f"s3://incident-states?endpoint={lab.endpoint}&s3ForcePathStyle=true&region=us-east-1"

    with locks.taken(backend, STACK) as is_taken:
        (stack_lock,) = locks.read_locks(backend, STACK)
        assert is_taken
        assert stack_lock.holder != "elsewhere"

    assert list(locks.read_locks(backend, STACK)) == []


def test_the_state_may_be_written_once_where_all_was_done_and_is_on_record(
    responder: Responder,
) -> None:
    results = responder.contain()
    assert before_engine.is_whole(results, StackState())

    snapshot, *others = results
    led_to = (KeyOwner(principal="arn:aws:iam::111122223333:user/other", leaked=("A",)),)
    owned = replace(snapshot, state=snapshot.state.model_copy(update={"owners": led_to}))
    guarded = replace(
        snapshot,
        state=snapshot.state.model_copy(update={"uses": (*snapshot.state.uses, "GuardPolicy")}),
    )
    failed = replace(others[-1], error=ContainmentError("no", remedy="wait"))
    for some in (
        (),
        others,
        results[:-1],
        (owned, *others),
        (guarded, *others),
        (snapshot, *others[:-1], failed),
    ):
        assert not before_engine.is_whole(some, StackState())
    assert not before_engine.is_whole(results, remembered(results[:1]))
    pending = StackState(pending=(Pending("creating", "urn"),))
    assert not before_engine.is_whole(results, pending)

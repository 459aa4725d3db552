"""Holding an incident: what is stripped is written again, and a lift beside it is never undone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest

from containment.actions import ACTIONS, ACTIONS_BY_RESOURCE
from containment.lab.scenario import inventory
from containment.lab.testing import Lab
from containment.lifecycle.workplace import Settings, Workplace
from containment.run import before_engine
from containment.run.state import Pending, Recorded, StackState
from containment.spec import load
from containment.verify.hold.events import Event
from containment.verify.hold.holding import Hold
from tests.support.project import STACK, spec
from tests.support.workbench import can_list, session_of

pytestmark = pytest.mark.lab
FILE = f"stacks/{STACK}.yaml"
POLICY = f"containment-{STACK}"


@dataclass
class Stack:
    """A stack in memory, whose lock somebody else may hold."""

    state: StackState = field(default_factory=StackState)
    is_free: bool = True

    def read(self) -> StackState:
        return self.state

    @contextmanager
    def taken(self) -> Generator[bool]:
        yield self.is_free


class Incident:
    """A user and two roles, contained, and what an attacker does to them."""

    def __init__(self, lab: Lab, folder: Path, disposition: str = "suspected") -> None:
        self.lab, self.folder, self.stack = lab, folder, Stack()
        self.user, self.role = lab.world.ci_user, lab.world.deploy_role
        (folder / "stacks").mkdir()
        self.write(disposition)
        self.before = inventory.take(self.iam)
        place = self.place()
        results = before_engine.contain(
            load(folder / FILE),
            place,
            StackState(),
            spec_file=FILE,
            say=lambda _severity, _text: None,
        )
        assert [one.error for one in results] == [None] * len(results)
        self.stack.state = StackState(
            tuple(Recorded("urn", ACTIONS_BY_RESOURCE[one.resource], one.state) for one in results)
        )
        self.hold = Hold(folder / FILE, place, self.stack)

    @property
    def iam(self) -> Any:
        return self.lab.client("iam", self.lab.world.admin)

    def write(self, disposition: str = "suspected", *more: str) -> None:
        world = self.lab.world
        targets = [
            f"{{user: '{self.user}', leaked: [{world.leaked.access_key_id}]}}",
            f"{{role: '{self.role}'}}",
            f"{{role: '{world.app_role}'}}",
            *more,
        ]
        (self.folder / FILE).write_text(spec(*targets, disposition=disposition), encoding="utf-8")

    def place(self) -> Workplace:
        return Workplace(self.folder, ACTIONS, STACK, Settings(), cancelled=Flag(), patient=False)

    def strip_user(self) -> None:
        self.iam.delete_user_policy(UserName="ci-deploy", PolicyName=POLICY)

    def strip_role(self) -> None:
        self.iam.delete_role_policy(RoleName="deploy", PolicyName=POLICY)

    def switch_on(self) -> None:
        self.iam.update_access_key(
            UserName="ci-deploy",
            AccessKeyId=self.lab.world.leaked.access_key_id,
            Status="Active",
        )

    def revoked_at(self, role: str) -> str:
        policy = self.iam.get_role_policy(RoleName=role, PolicyName=POLICY)["PolicyDocument"]
        text = policy if isinstance(policy, str) else json.dumps(policy)
        return str(json.loads(text)["Statement"][0]["Condition"]["DateLessThan"][
            "aws:TokenIssueTime"
        ])  # fmt: skip

    def destroy(self) -> list[str]:
        """Lift everything as `pulumi destroy` does: it reads, and runs no program."""
        lines: list[str] = []
        place = self.place()
        context = place.context(
            self.lab.world.account, lambda _severity, text: lines.append(text), lifting=True
        )
        read = [
            (ACTIONS_BY_RESOURCE[one.resource](context), one.state)
            for one in self.stack.state.resources
        ]
        live = [(action, action.read(state)) for action, state in read]
        for action, state in sorted(live, key=lambda one: one[0].resource == "PrincipalSnapshot"):
            action.delete(state)
        self.stack.state = StackState()
        return lines


@pytest.fixture
def incident(direct_lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Incident:
    act_as_responder(direct_lab, monkeypatch)
    return Incident(direct_lab, tmp_path)


def act_as_responder(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in lab.world.responder.env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", lab.endpoint)


def kinds(events: list[Event]) -> Counter[str]:
    return Counter(one.kind for one in events)


def test_what_stands_is_looked_at_and_not_written(incident: Incident) -> None:
    mutations = incident.lab.status()["mutations"]

    assert incident.hold.begin() == []
    assert incident.hold.look() == []
    assert incident.hold.look_at_sign_ins() == []

    assert incident.lab.status()["mutations"] == mutations


def test_a_stripped_deny_is_in_force_again_and_counted_and_on_record(incident: Incident) -> None:
    lab, hold = incident.lab, incident.hold
    hold.begin()
    session = session_of(lab, lab.world.bystander, lab.world.bystander_role)
    written = len(incident.place().ledger().journal_of(STACK).read()[1].entries)
    incident.strip_user()
    incident.switch_on()
    new = incident.iam.create_access_key(UserName="ci-deploy")["AccessKey"]["AccessKeyId"]
    assert can_list(lab, lab.world.leaked)

    first = hold.look()

    assert kinds(first) == {"reasserted": 2, "guard": 1}
    assert not can_list(lab, lab.world.leaked)
    statuses = incident.iam.list_access_keys(UserName="ci-deploy")["AccessKeyMetadata"]
    assert {key["Status"] for key in statuses} == {"Inactive"}
    assert any(new in one.what for one in first)
    advice = next(one for one in first if one.kind == "guard")
    assert "only a guard" in advice.what
    assert f"containment up {STACK} --yes" in advice.step
    assert hold.look() == []
    assert can_list(lab, session)  # the bystander's
    incident.strip_user()
    assert [(one.kind, one.count) for one in hold.look()] == [("reasserted", 2)]
    assert len(incident.place().ledger().journal_of(STACK).read()[1].entries) > written + 4


def test_a_role_that_was_open_has_all_of_its_cohort_revoked_again(incident: Incident) -> None:
    lab, hold = incident.lab, incident.hold
    hold.begin()
    before = incident.revoked_at("app")
    lab.advance(600)
    incident.strip_role()

    events = hold.look()

    assert kinds(events) == {"reasserted": 1}
    assert incident.revoked_at("app") > before
    assert incident.revoked_at("deploy") > before
    assert hold.look() == []


@pytest.mark.parametrize("disposition", ["suspected", "confirmed", "false-positive"])
def test_a_destroy_after_holding_lifts_what_was_written_again_without_an_up(
    direct_lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, disposition: str
) -> None:
    act_as_responder(direct_lab, monkeypatch)
    incident = Incident(direct_lab, tmp_path, disposition)
    lab, hold = incident.lab, incident.hold
    hold.begin()
    lab.advance(600)
    incident.strip_user()
    incident.strip_role()
    incident.switch_on()
    hold.look()
    token = session_of(lab, lab.world.bystander, lab.world.bystander_role)

    lines = incident.destroy()

    assert "superseded" not in "\n".join(lines)
    assert can_list(lab, token)
    if disposition == "false-positive":
        assert inventory.changes(incident.before, inventory.take(incident.iam)) == []
        assert can_list(lab, lab.world.leaked)
    else:
        assert not can_list(lab, lab.world.leaked)
        text = json.dumps(incident.iam.get_user_policy(UserName="ci-deploy", PolicyName=POLICY))
        assert "aws:CurrentTime" in text  # a fence, with its own end
        lab.advance(40 * 3600)
        fresh = session_of(lab, lab.world.release_key, incident.role)
        assert can_list(lab, fresh)


def test_a_late_write_after_the_look_of_a_lift_is_left_alone(incident: Incident) -> None:
    hold = incident.hold
    hold.begin()
    deny = next(one for one in incident.stack.state.resources if one.resource == "DenyPolicy")
    lines: list[str] = []
    context = incident.place().context(
        incident.lab.world.account, lambda _severity, text: lines.append(text), lifting=True
    )
    action: Any = ACTIONS_BY_RESOURCE["DenyPolicy"](context)
    looked_at = action.read(deny.state)
    incident.strip_user()
    hold.look()

    action.delete(looked_at)

    assert "superseded" in "\n".join(lines)
    assert incident.iam.get_user_policy(UserName="ci-deploy", PolicyName=POLICY)


def test_nothing_is_written_while_somebody_else_changes_the_stack(incident: Incident) -> None:
    hold = incident.hold
    hold.begin()
    incident.stack.is_free = False
    incident.strip_user()
    mutations = incident.lab.status()["mutations"]

    assert kinds([*hold.look(), *hold.look()]) == {"waiting": 1}
    assert incident.lab.status()["mutations"] == mutations

    incident.stack.is_free = True
    assert kinds(hold.look()) == {"reasserted": 1}


def test_a_lift_beside_it_is_not_undone_and_ends_it(incident: Incident) -> None:
    hold = incident.hold
    hold.begin()
    incident.destroy()
    mutations = incident.lab.status()["mutations"]

    assert kinds(hold.look()) == {"ended": 1}

    assert hold.is_over
    assert incident.lab.status()["mutations"] == mutations


def test_a_lift_that_was_cut_off_is_not_undone(incident: Incident) -> None:
    hold = incident.hold
    hold.begin()
    incident.stack.state = replace(
        incident.stack.state, pending=(Pending("deleting", "urn:pulumi:a::b::c:index:D::e"),)
    )
    incident.strip_user()

    assert kinds([*hold.look(), *hold.look()]) == {"waiting": 1}
    with pytest.raises(incident.iam.exceptions.NoSuchEntityException):
        incident.iam.get_user_policy(UserName="ci-deploy", PolicyName=POLICY)

    incident.stack.state = replace(incident.stack.state, pending=())
    assert kinds(hold.look()) == {"reasserted": 1}


def test_a_spec_that_asks_otherwise_is_for_an_up(incident: Incident) -> None:
    hold = incident.hold
    hold.begin()
    text = (incident.folder / FILE).read_text("utf-8")
    (incident.folder / FILE).write_text(
        text.replace(f"'{incident.role}'", f"'{incident.role}', rung: deny-all"), "utf-8"
    )
    incident.strip_role()
    mutations = incident.lab.status()["mutations"]

    events = hold.look()

    assert kinds(events) == {"problem": 1}
    assert f"containment up {STACK}" in events[0].step
    assert incident.lab.status()["mutations"] == mutations


@pytest.mark.parametrize("what", ["principal_id", "snapshot_id", "incident", "endpoint"])
def test_an_edited_state_makes_it_do_nothing_to_anybody_else(incident: Incident, what: str) -> None:
    alice = incident.iam.get_user(UserName="alice")["User"]["UserId"]
    other = {
        "principal_id": alice,
        "snapshot_id": "aaaaaaaaaa",
        "incident": "inc-2026-0001",
        "endpoint": "https://iam.amazonaws.com",
    }[what]
    edited = tuple(
        replace(one, state=one.state.model_copy(update={what: other}))
        if one.state.principal == incident.user
        else one
        for one in incident.stack.state.resources
    )
    incident.stack.state = replace(incident.stack.state, resources=edited)
    before = inventory.take(incident.iam)

    for events in (incident.hold.begin(), incident.hold.look(), incident.hold.look()):
        assert "reasserted" not in kinds(events) or what == "snapshot_id"

    after = inventory.take(incident.iam)
    changed = inventory.changes(before, after)
    assert not any("alice" in line for line in map(str, changed)), changed
    assert incident.iam.list_user_policies(UserName="alice")["PolicyNames"] == ["reader"]


def test_an_edited_ledger_changes_nothing_of_it(incident: Incident) -> None:
    hold = incident.hold
    hold.begin()
    [file] = incident.folder.rglob("*.jsonl")
    file.write_text(file.read_text("utf-8").replace("ci-deploy", "alice"), "utf-8")
    incident.strip_user()

    assert kinds(hold.look())["reasserted"] == 1
    assert incident.iam.list_user_policies(UserName="alice")["PolicyNames"] == ["reader"]

"""Holding that is cut off at any of its writes, or told to stop: what comes next puts it right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from containment.aws.cancellation import is_mutating
from containment.lab.scenario import inventory
from containment.lab.testing import Lab
from containment.run import before_engine
from containment.spec import load
from containment.verify.hold.holding import Hold
from tests.support.workbench import can_list
from tests.verify.test_hold import FILE, Incident, act_as_responder, kinds

pytestmark = pytest.mark.lab


class CutOffError(BaseException):
    """The process is gone."""


class Blow:
    """Cuts holding off at one of its writes, before AWS has it or after."""

    def __init__(self, number: int, *, after: bool) -> None:
        self._remaining, self._after, self.fell_on = number, after, ""

    def strike(self, hold: Hold) -> None:
        word = "after-call" if self._after else "before-call"
        hold.iam.meta.events.register(f"{word}.iam", self._see)

    def _see(self, event_name: str, **_: Any) -> None:
        operation = event_name.rpartition(".")[2]
        if not is_mutating(operation):
            return
        self._remaining -= 1
        if self._remaining == 0:
            self.fell_on = operation
            raise CutOffError


def undo_all(incident: Incident) -> None:
    """Take off what an attacker takes off, whatever of it is there."""
    iam = incident.iam
    for undo in (incident.strip_user, incident.strip_role):
        try:
            undo()
        except iam.exceptions.NoSuchEntityException:
            continue
    incident.switch_on()
    tags = iam.list_user_tags(UserName="ci-deploy")["Tags"]
    own = [one["Key"] for one in tags if one["Key"].startswith("containment")]
    if own:
        iam.untag_user(UserName="ci-deploy", TagKeys=own)


def mutations(incident: Incident) -> int:
    """Return how many changes the lab has carried out."""
    return int(incident.lab.status()["mutations"]["total"])


def held_again(incident: Incident) -> Hold:
    """Return another process that holds the same incident."""
    return Hold(incident.folder / FILE, incident.place(), incident.stack)


@pytest.mark.parametrize("after", [False, True], ids=["before AWS has it", "the answer lost"])
def test_a_crash_at_any_write_is_put_right_by_the_next_hold_or_up_and_a_lift_gives_all_back(
    direct_lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, after: bool
) -> None:
    act_as_responder(direct_lab, monkeypatch)
    incident, struck = Incident(direct_lab, tmp_path, "false-positive"), list[str]()
    lab = incident.lab
    for number in range(1, 20):
        undo_all(incident)
        assert can_list(lab, lab.world.leaked)
        hold, blow = held_again(incident), Blow(number, after=after)
        hold.begin()
        blow.strike(hold)
        try:
            hold.look()
        except CutOffError:
            struck.append(blow.fell_on)
        if number % 2:
            again = held_again(incident)
            again.begin()
            again.look()
        else:
            before_engine.contain(
                load(incident.folder / FILE),
                incident.place(),
                incident.stack.state,
                spec_file=FILE,
                say=lambda _severity, _text: None,
            )
        assert not can_list(lab, lab.world.leaked), number
        last = held_again(incident)
        last.begin()
        assert last.look() == [], number
        if not blow.fell_on:
            break

    assert {"PutUserPolicy", "PutRolePolicy", "UpdateAccessKey", "TagUser"} <= set(struck)
    incident.destroy()
    assert inventory.changes(incident.before, inventory.take(incident.iam)) == []


def test_ctrl_c_lets_the_change_in_flight_end_and_begins_none(
    direct_lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    act_as_responder(direct_lab, monkeypatch)
    incident = Incident(direct_lab, tmp_path, "false-positive")
    hold, cancelled = incident.hold, incident.hold.workplace.cancelled
    assert cancelled is not None
    hold.begin()
    undo_all(incident)
    written = mutations(incident)

    def stop(event_name: str, **_: Any) -> None:
        if is_mutating(event_name.rpartition(".")[2]):
            cancelled.set()

    hold.iam.meta.events.register("after-call.iam", stop)

    events = hold.look()

    assert mutations(incident) == written + 1
    assert "problem" in kinds(events)
    again = held_again(incident)
    again.begin()
    again.look()
    assert not can_list(incident.lab, incident.lab.world.leaked)
    incident.destroy()
    assert inventory.changes(incident.before, inventory.take(incident.iam)) == []

"""``containment hold`` beside the real engine: a destroy takes the lock, and nothing is undone."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from queue import Empty, Queue
from subprocess import Popen
from typing import Any

import pytest

from containment.lab.scenario import inventory
from containment.lab.testing import Lab
from tests.support.project import STACK, Project, spec
from tests.support.workbench import can_list

pytestmark = pytest.mark.engine
POLICY = f"containment-{STACK}"
# A loaded machine is slow; nothing here is about how long anything takes.
_LONG_S = 90.0


class Holding:
    """A `containment hold --json` that runs, and what it says."""

    def __init__(self, process: Popen[str]) -> None:
        self.process = process
        self.rows: list[dict[str, Any]] = []
        self._lines: Queue[str] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def until(self, event: str) -> dict[str, Any]:
        """Return the next row of *event*."""
        while True:
            try:
                row: dict[str, Any] = json.loads(self._lines.get(timeout=_LONG_S))
            except Empty:
                pytest.fail(f"no {event} came; before it came {self.rows}")
            self.rows.append(row)
            if row["event"] == event:
                return row


@contextmanager
def holding(project: Project, *options: str) -> Generator[Holding]:
    process = project.start_verb("hold", "--json", *options)
    try:
        yield Holding(process)
    finally:
        process.kill()
        process.communicate()


def test_what_is_stripped_is_written_again_until_a_destroy_which_is_not_undone(
    project: Project, lab: Lab
) -> None:
    world, iam = lab.world, lab.client("iam", lab.world.admin)
    before = inventory.take(iam)
    user = f"{{user: '{world.ci_user}', leaked: [{world.leaked.access_key_id}]}}"
    project.spec(spec(user, f"{{role: '{world.deploy_role}'}}", disposition="false-positive"))
    project.up()
    with holding(project, "--extend") as hold:
        iam.delete_user_policy(UserName="ci-deploy", PolicyName=POLICY)
        assert hold.until("reasserted")["subject"] == world.ci_user
        made = iam.create_user(UserName="backdoor")["User"]["Arn"]
        assert hold.until("proposed")["subject"] == made
        # By whom it was made IAM does not say: it may be the company's own.
        assert iam.list_user_policies(UserName="backdoor")["PolicyNames"] == []
        project.up()  # beside it
        iam.delete_role_policy(RoleName="deploy", PolicyName=POLICY)
        hold.until("reasserted")

        destroyed = project.destroy()

        assert "superseded" not in destroyed
        hold.until("ended")
        summary = hold.until("summary")
        assert hold.process.wait(_LONG_S) == 4
    assert summary["emulated"] is True
    assert {row["principal"] for row in summary["undone"]} == {world.ci_user, world.deploy_role}
    iam.delete_user(UserName="backdoor")
    assert inventory.changes(before, inventory.take(iam)) == []
    assert can_list(lab, world.leaked)


def test_ctrl_c_ends_it_with_its_sum_and_a_destroy_needs_no_up(project: Project, lab: Lab) -> None:
    world, iam = lab.world, lab.client("iam", lab.world.admin)
    user = f"{{user: '{world.ci_user}', leaked: [{world.leaked.access_key_id}]}}"
    project.spec(spec(user, f"{{role: '{world.deploy_role}'}}", disposition="confirmed"))
    project.up()
    with holding(project) as hold:
        iam.delete_role_policy(RoleName="deploy", PolicyName=POLICY)
        hold.until("reasserted")
        hold.process.send_signal(signal.SIGINT)
        summary = hold.until("summary")
        assert hold.process.wait(_LONG_S) == 4
    assert summary["stopped"] is True
    assert "error" not in summary

    destroyed = project.destroy()

    assert "superseded" not in destroyed
    fence = json.dumps(iam.get_role_policy(RoleName="deploy", PolicyName=POLICY))
    assert "aws:CurrentTime" in fence
    assert not can_list(lab, world.leaked)

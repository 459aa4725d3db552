"""What the verbs that change something by themselves put on record, and how they stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from containment.lab.scenario import inventory
from tests.cli.conftest import Command, containment
from tests.ledger.conftest import Kept
from tests.support.project import STACK, spec
from tests.support.relay import Passing, relay
from tests.support.workbench import Bench, can_list

__all__ = ["containment"]
pytestmark = pytest.mark.lab


def taken(bench: Bench) -> Any:
    return inventory.take(bench.admin())


def contain(bench: Bench, kept: Kept, disposition: str) -> tuple[Any, Any]:
    """Contain the user in a project that has no engine; return snapshot and deny."""
    world = bench.lab.world
    (kept.folder / "Pulumi.yaml").write_text("name: containment\n")
    (kept.folder / "stacks").mkdir()
    (kept.folder / "stacks" / f"{STACK}.yaml").write_text(
        spec(
            f"{{user: '{world.ci_user}', leaked: [{world.leaked.access_key_id}]}}",
            disposition=disposition,
        )
    )
    bench.disposition, bench.leaked = disposition, (world.leaked.access_key_id,)
    user = bench.snapshot(world.ci_user)
    deny = bench.deny_action().create(bench.deny_inputs(user), preview=False)
    bench.keys_action().create(bench.keys_inputs(user), preview=False)
    return user, deny


def test_a_sweep_records_the_fence_that_it_removes(
    bench: Bench, kept: Kept, containment: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, deny = contain(bench, kept, "suspected")
    bench.deny_action().delete(deny)
    monkeypatch.chdir(kept.folder)
    for name, value in bench.lab.world.admin.env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    bench.lab.advance(38 * 3600)

    ran = containment("sweep", "--yes")

    assert ran.code == 0, ran.err
    intent, outcome = kept.entries()[-2:]
    assert (intent["kind"], intent["operation"], intent["after"]) == (
        "intent",
        "DeleteUserPolicy",
        None,
    )
    assert intent["facet"] == f"inline policy containment-{STACK}"
    assert "aws:CurrentTime" in intent["before"]
    assert intent["operator"].endswith(":user/admin/arranger")
    assert (outcome["of"], outcome["result"]) == (intent["n"], "done")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_restore_that_is_stopped_finishes_its_change_and_the_next_one_goes_on(
    bench: Bench, kept: Kept, number: signal.Signals
) -> None:
    before = taken(bench)
    contain(bench, kept, "false-positive")
    running: list[subprocess.Popen[str]] = []

    def strike(passing: Passing) -> bool:
        if passing.operation == "DeleteUserPolicy":
            os.kill(running[0].pid, number)
        return True

    with relay(bench.lab.endpoint, arriving=strike) as endpoint:
        # The stack was applied at the relay's address, as far as the ledger says.
        text = kept.file.read_text().replace(bench.lab.endpoint, endpoint)
        rewritten(kept, text)
        running.append(start(kept.folder, endpoint))
        _, output = running[0].communicate(timeout=60)
        assert running[0].returncode == 130
        assert "stopped; 1 of 1 principals" in output
        assert not can_list(bench.lab, bench.lab.world.leaked)
        last = [entry for entry in kept.entries() if entry["kind"] == "outcome"][-1]
        assert last["result"] in {"done", "not sent"}
        deleted = [entry for entry in kept.entries() if entry.get("after", "") is None]
        results = {
            entry.get("of"): entry["result"] for entry in kept.entries() if "result" in entry
        }
        assert [results[entry["n"]] for entry in deleted] == ["done"]
        again = start(kept.folder, endpoint)
        again.communicate(timeout=60)

    assert again.returncode == 0
    assert inventory.changes(before, taken(bench)) == []


def rewritten(kept: Kept, text: str) -> None:
    """Write the entries in *text* as a ledger of their own."""

    kept.file.unlink()
    journal = kept.ledger().journal_of(STACK)
    for line in text.splitlines():
        entry = json.loads(line)
        what = {name: entry[name] for name in entry if name not in {"n", "prev", "kind"}}
        journal.write(entry["kind"], what, required=True)


def start(folder: Path, endpoint: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            str(Path(sys.executable).parent / "containment"),
            "restore",
            "--from-ledger",
            "--incident",
            STACK,
            "--yes",
        ],
        cwd=folder,
        env={**os.environ, "AWS_ENDPOINT_URL": endpoint},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

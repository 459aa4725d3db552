"""The ledger beside the real engine: a state that was lost, runs that were killed, files cut."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from containment.lab.scenario import inventory
from containment.lab.testing import Lab
from containment.ledger import chain
from containment.ledger.entries import without_outcome
from containment.ledger.file_store import FileStore
from tests.support.project import STACK, Project, spec
from tests.support.relay import Passing, relay
from tests.support.workbench import can_list
from tools.reliability.blow import PROGRAMS, child_of

pytestmark = pytest.mark.engine

RESTORE = ("restore", "--from-ledger", "--incident", STACK, "--yes")


def taken(lab: Lab) -> Any:
    return inventory.take(lab.client("iam", lab.world.admin))


def targets(lab: Lab, disposition: str = "false-positive", rung: str = "deny-all") -> str:
    world = lab.world
    return spec(
        f"{{user: '{world.ci_user}', leaked: [{world.leaked.access_key_id}], rung: {rung}}}",
        f"{{role: '{world.deploy_role}', rung: close-trust}}",
        disposition=disposition,
    )


def file_of(project: Project) -> Path:
    return project.folder / "ledger" / f"{STACK}.jsonl"


def read(project: Project) -> chain.Chain:
    return chain.read(FileStore(file_of(project)).lines() or ())


def state_folder(project: Project) -> Path:
    return project.folder.parent / "state"


def lose_state(project: Project) -> Path:
    """Move the whole backend away, and leave an empty one; return where it is now."""
    kept = project.folder.parent / "lost"
    state_folder(project).rename(kept)
    state_folder(project).mkdir()
    return kept


def profile(project: Project, *lines: str) -> None:
    text = "\n".join(["ledger:", *(f"  {line}" for line in lines)])
    (project.folder / "containment.yaml").write_text(f"{text}\n")


def test_a_lift_without_its_state_names_the_restore_and_a_state_found_again_destroys_cleanly(
    project: Project, lab: Lab
) -> None:
    before = taken(lab)
    project.spec(targets(lab))
    project.up()
    assert not can_list(lab, lab.world.leaked)
    contained_facts = taken(lab)
    kept = lose_state(project)
    command = f"containment restore --from-ledger --incident {STACK}"

    lost = project.verb("lift", STACK, "--yes")
    project.ok("stack", "init", STACK)
    empty = project.verb("lift", STACK, "--yes")

    assert (lost.code, empty.code) == (3, 3)
    assert f"'{command}'" in lost.err
    assert f"'{command}'" in empty.err
    assert inventory.changes(contained_facts, taken(lab)) == []

    ran = project.verb(*command.split()[1:], "--yes")

    assert ran.code == 0, ran.err
    assert inventory.changes(before, taken(lab)) == []
    assert can_list(lab, lab.world.leaked)
    assert read(project).broken is None
    again = project.verb("lift", STACK, "--yes")
    assert again.code == 0
    assert "nothing to lift" in again.out
    shutil.rmtree(state_folder(project))
    kept.rename(state_folder(project))

    project.destroy()

    assert project.resources() == []
    assert inventory.changes(before, taken(lab)) == []
    assert project.verb(*RESTORE).out.count("there is nothing to give back") == 1


def test_a_confirmed_leak_stays_inactive_and_fenced_after_a_restore_and_a_late_destroy(
    project: Project, lab: Lab
) -> None:
    before = taken(lab)
    project.spec(targets(lab, "confirmed"))
    project.up()
    kept = lose_state(project)

    ran = project.verb(*RESTORE)

    assert ran.code == 0, ran.err
    changed = {change.fact: str(change.after) for change in inventory.changes(before, taken(lab))}
    policy = f"containment-{STACK}, PolicyDocument"
    key = f"user ci-deploy, access key {lab.world.leaked.access_key_id}"
    assert set(changed) == {
        key,
        f"user ci-deploy, UserPolicyList {policy}",
        f"role deploy, RolePolicyList {policy}",
    }
    assert changed.pop(key) == "Inactive"
    assert all("aws:CurrentTime" in document for document in changed.values())
    assert not can_list(lab, lab.world.leaked)
    shutil.rmtree(state_folder(project))
    kept.rename(state_folder(project))
    restored = taken(lab)
    project.destroy()
    assert project.resources() == []
    assert inventory.changes(restored, taken(lab)) == []


def test_beside_a_state_that_holds_something_a_restore_is_refused(
    project: Project, lab: Lab
) -> None:
    project.spec(targets(lab))
    project.up()
    before = taken(lab)

    refused = project.verb(*RESTORE)

    assert refused.code == 7
    assert f"run 'containment lift {STACK}'" in refused.err
    assert inventory.changes(before, taken(lab)) == []
    assert project.verb(*RESTORE, "--force").code == 0
    assert can_list(lab, lab.world.leaked)
    project.destroy()


# Every call of every scene, before and after: make reliability.
@pytest.mark.parametrize(("when", "operation"), [("after", "PutUserPolicy")])
def test_a_provider_killed_around_a_change_leaves_its_intent_and_a_restore_that_ends_right(
    project: Project, lab: Lab, operation: str, when: str
) -> None:
    before = taken(lab)
    project.spec(targets(lab))
    struck, running = Event(), list[Any]()

    def strike(passing: Passing) -> bool:
        if passing.operation != operation or struck.is_set():
            return True
        struck.set()
        provider = child_of(running[0].pid, *PROGRAMS["provider"])
        assert provider is not None
        os.kill(provider, signal.SIGKILL)
        return False

    hook = {"arriving" if when == "before" else "answered": strike}
    with relay(lab.endpoint, **hook) as endpoint:
        project.environ["AWS_ENDPOINT_URL"] = endpoint
        running.append(project.start("up", "--yes", "--skip-preview"))
        running[0].communicate(timeout=60)
        assert struck.is_set()
        open_entries = without_outcome(read(project).entries)
        lose_state(project)
        ran = project.verb(*RESTORE)

    assert [entry["operation"] for entry in open_entries if entry["operation"] == operation]
    assert ran.code == 0, ran.err
    assert inventory.changes(before, taken(lab)) == []
    assert without_outcome(read(project).entries) == []
    assert read(project).broken is None


def test_a_cut_tail_is_named_on_up_and_status_and_stops_no_lift(project: Project, lab: Lab) -> None:
    before = taken(lab)
    project.spec(targets(lab))
    project.up()
    project.up()
    shown, head = project.verb("status", STACK), read(project).head
    assert f"ledger/{STACK}.jsonl  intact, {head.length} entries, head {head.sha256[:12]}" in (
        shown.out
    )
    lines = file_of(project).read_bytes().splitlines(keepends=True)
    file_of(project).write_bytes(b"".join(lines[:-2]))

    output = project.ok("up", "--yes", "--skip-preview")

    assert f"it has {len(lines) - 2} entries and had {len(lines)}: 2 were cut off its end" in output
    document = json.loads(project.verb("status", STACK, "--json").out)
    assert document["ledger"]["verdict"] == "cut"
    assert any("2 were cut off its end" in matter["what"] for matter in document["matters"])
    project.destroy()
    assert inventory.changes(before, taken(lab)) == []


def test_a_forged_entry_is_named_and_is_no_evidence_for_a_stripped_claim(
    project: Project, lab: Lab
) -> None:
    project.spec(targets(lab))
    project.up()
    iam = lab.client("iam", lab.world.admin)
    iam.untag_user(UserName="ci-deploy", TagKeys=[f"containment:{STACK}"])
    honest = file_of(project).read_bytes()
    file_of(project).write_bytes(
        honest.replace(b'"severity"', b'"x"').replace(b"Active", b"Aktiv", 1)
    )

    run_result = project.run("destroy", "--yes", "--skip-preview")

    assert run_result.exit_code != 0
    assert "was changed, or" in run_result.output
    assert not can_list(lab, lab.world.leaked)
    file_of(project).write_bytes(honest)
    # An honest file beside the state is one source with it: a person has to decide.
    assert project.run("destroy", "--yes", "--skip-preview").exit_code != 0
    decided = project.run(
        "destroy", "--yes", "--skip-preview", CONTAINMENT_DECISIONS="force-ours=credentials"
    )
    assert decided.exit_code == 0, decided.output
    assert can_list(lab, lab.world.leaked)


def test_on_another_machine_the_missing_ledger_is_said_and_the_lift_goes_on(
    project: Project, lab: Lab
) -> None:
    before = taken(lab)
    project.spec(targets(lab))
    project.up()
    shutil.rmtree(file_of(project).parent)

    output = project.destroy()

    _, _, diagnostics = output.partition("Diagnostics:")
    assert diagnostics.count("is on the machine that wrote it, or was deleted") == 1
    assert inventory.changes(before, taken(lab)) == []
    assert [entry["kind"] for entry in read(project).entries][:1] == ["continued"]


def test_a_ledger_that_cannot_be_written_contains_and_refuses_to_lift(
    project: Project, lab: Lab
) -> None:
    before = taken(lab)
    (project.folder / "ledger").write_text("in the way")
    project.spec(targets(lab, rung="key-only"))  # no keys that wait for their deny to be lifted

    output = project.up()

    assert "containing goes on without a record" in output
    assert not can_list(lab, lab.world.leaked)
    contained_facts = taken(lab)
    refused = project.verb("lift", STACK, "--yes")
    assert refused.code == 7
    assert "so the lift is not made" in refused.err
    assert inventory.changes(contained_facts, taken(lab)) == []
    (project.folder / "ledger").unlink()
    assert project.verb("lift", STACK, "--yes").code == 0
    assert inventory.changes(before, taken(lab)) == []


def test_what_cannot_be_adopted_is_told_how_the_ledger_gives_it_back(
    project: Project, lab: Lab
) -> None:
    project.spec(targets(lab))
    project.up()
    lose_state(project)
    iam = lab.client("iam", lab.world.admin)
    planted = {"Key": f"containment:{STACK}", "Value": "s=" + "d" * 10 + " g=1"}
    iam.tag_user(UserName="ci-deploy", Tags=[planted])

    refused = project.verb("adopt", STACK)

    assert refused.code == 5
    assert "marks of more than one snapshot" in refused.err
    assert f"'containment restore --from-ledger --incident {STACK}'" in refused.err


def test_a_ledger_in_a_bucket_survives_the_loss_of_the_state_and_the_machine(
    project: Project, lab: Lab
) -> None:
    s3 = lab.client("s3", lab.world.admin)
    s3.create_bucket(Bucket="evidence-ledger", ObjectLockEnabledForBucket=True)
    project.environ |= lab.world.admin.env()
    project.environ.pop("AWS_SESSION_TOKEN", None)
    profile(
        project,
        "place: s3://evidence-ledger/ir",
        "object_lock: GOVERNANCE",
        "retention_days: 30",
    )
    before = taken(lab)
    project.spec(targets(lab))
    project.up()
    assert not (project.folder / "ledger").exists()
    lose_state(project)
    (project.folder / "containment.yaml").unlink()

    ran = project.verb(
        "restore", "--from-ledger", "s3://evidence-ledger/ir", "--incident", STACK, "--yes"
    )

    assert ran.code == 0, ran.err
    assert inventory.changes(before, taken(lab)) == []
    key = f"ir/{STACK}/00000001.json"
    assert s3.head_object(Bucket="evidence-ledger", Key=key)["ObjectLockMode"] == "GOVERNANCE"


def test_a_bucket_that_nobody_answers_for_stops_no_containment(project: Project, lab: Lab) -> None:
    profile(project, "place: s3://evidence-ledger/ir")
    project.environ["AWS_ENDPOINT_URL_S3"] = "http://127.0.0.1:9"
    project.spec(targets(lab, rung="key-only"))  # no keys that wait for their deny to be lifted

    output = project.up()

    assert "s3://evidence-ledger/ir" in output
    assert "containing goes on without a record" in output
    assert not can_list(lab, lab.world.leaked)
    assert project.run("destroy", "--yes", "--skip-preview").exit_code != 0
    assert not can_list(lab, lab.world.leaked)

"""``containment restore``: principals come back by the ledger alone; nothing but ours goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from project import STACK, spec
from workbench import Bench, can_list, inline

from containment.actions.principal_snapshot import Inputs as SnapshotInputs
from containment.lab import picture
from containment.lab.testing import Lab
from tests.cli.conftest import Command, containment
from tests.ledger.conftest import Kept

__all__ = ["containment"]
pytestmark = pytest.mark.lab

AGAIN = ("restore", "--from-ledger", "--incident", STACK)


@pytest.fixture(autouse=True)
def folder(bench: Bench, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's folder, without an engine in it; *bench* has signed in already."""
    del bench
    (kept.folder / "Pulumi.yaml").write_text("name: containment\n")
    (kept.folder / "stacks").mkdir()
    monkeypatch.chdir(kept.folder)
    return kept.folder


def taken(lab: Lab) -> Any:
    return picture.take(lab.client("iam", lab.world.admin))


def contain(bench: Bench, *, disposition: str = "false-positive") -> tuple[Any, Any, Any]:
    """Contain the user as ``up`` would, and write the spec that says so; return the states."""
    world = bench.lab.world
    bench.disposition = disposition
    bench.leaked = (world.leaked.access_key_id,)
    (bench.directory / "stacks" / f"{STACK}.yaml").write_text(
        spec(
            f"{{user: '{world.ci_user}', leaked: [{bench.leaked[0]}]}}",
            disposition=disposition,
        )
    )
    user = bench.snapshot(world.ci_user)
    deny = bench.deny_action().create(bench.deny_inputs(user), preview=False)
    keys = bench.keys_action().create(bench.keys_inputs(user), preview=False)
    return user, deny, keys


def close_trust(bench: Bench) -> Any:
    world, bench.leaked = bench.lab.world, ()
    role = bench.snapshot(world.deploy_role)
    bench.trust_action().create(bench.trust_inputs(role), preview=False)
    deny = bench.deny_inputs(role, "issued-before", closed_but_for=())
    bench.deny_action().create(deny, preview=False)
    return role


def strip_claim(bench: Bench) -> None:
    bench.admin().untag_user(UserName="ci-deploy", TagKeys=[f"containment:{STACK}"])


def test_everything_is_as_it_was_after_a_false_alarm(
    bench: Bench, kept: Kept, containment: Command
) -> None:
    before = taken(bench.lab)
    contain(bench)
    close_trust(bench)
    assert not can_list(bench.lab, bench.lab.world.leaked)

    ran = containment(*AGAIN, "--yes")

    assert ran.code == 0, ran.err
    assert picture.changes(before, taken(bench.lab)) == []
    assert can_list(bench.lab, bench.lab.world.leaked)
    assert kept.kinds()[-1] == "release"
    assert kept.kinds().count("release") == 2


@pytest.mark.parametrize("disposition", ["suspected", "confirmed"])
def test_what_leaked_stays_inactive_and_a_fence_remains(
    bench: Bench, kept: Kept, containment: Command, disposition: str
) -> None:
    before = taken(bench.lab)
    key = bench.lab.world.leaked.access_key_id
    contain(bench, disposition=disposition)

    ran = containment(*AGAIN, "--yes")

    assert ran.code == 0, ran.err
    changed = {change.fact: change.after for change in picture.changes(before, taken(bench.lab))}
    fence = f"user ci-deploy, UserPolicyList containment-{STACK}, PolicyDocument"
    assert set(changed) == {f"user ci-deploy, access key {key}", fence}
    assert changed[f"user ci-deploy, access key {key}"] == "Inactive"
    assert "aws:CurrentTime" in str(changed[fence])
    assert f"{key} leaked and stays Inactive" in ran.out
    assert kept.kinds()[-1] == "release"


def test_nothing_is_changed_before_it_is_agreed_to(
    bench: Bench, kept: Kept, containment: Command
) -> None:
    contain(bench)
    before, lines = taken(bench.lab), kept.lines()

    ran = containment(*AGAIN)

    assert ran.code == 7
    assert f"{bench.lab.world.leaked.access_key_id} becomes Active" in ran.out
    assert "add --yes" in ran.err
    assert picture.changes(before, taken(bench.lab)) == []
    assert kept.lines() == lines


def test_a_second_restore_finds_nothing_left(
    bench: Bench, kept: Kept, containment: Command
) -> None:
    contain(bench)
    assert containment(*AGAIN, "--yes").code == 0
    lines = kept.lines()

    ran = containment(*AGAIN, "--yes")

    assert ran.code == 0
    assert "there is nothing to give back" in ran.out
    assert kept.lines() == lines


def test_a_key_whose_claim_was_stripped_asks_for_a_decision_and_all_else_comes_back(
    bench: Bench, kept: Kept, containment: Command
) -> None:
    key = bench.lab.world.leaked.access_key_id
    contain(bench)
    strip_claim(bench)

    ran = containment(*AGAIN, "--yes")

    assert ran.code == 5
    assert f"{AGAIN[0]} {AGAIN[1]} --incident {STACK} --force-ours credentials@" in ran.err
    assert not can_list(bench.lab, bench.lab.world.leaked)
    assert inline(bench, bench.lab.world.ci_user) is None
    assert "release" not in kept.kinds()
    again = containment(*AGAIN, "--yes", "--force-ours", "credentials")
    assert again.code == 0, again.err
    keys = bench.admin().list_access_keys(UserName="ci-deploy")["AccessKeyMetadata"]
    assert [(item["AccessKeyId"], item["Status"]) for item in keys] == [(key, "Active")]
    assert kept.kinds()[-1] == "release"
    assert [entry["decision"] for entry in kept.entries() if entry["kind"] == "decision"] == [
        "force-ours"
    ]


def test_a_key_whose_claim_says_otherwise_asks_for_a_decision(
    bench: Bench, containment: Command
) -> None:
    user, _, _ = contain(bench)
    key = bench.lab.world.leaked.access_key_id
    bench.admin().tag_user(
        UserName="ci-deploy",
        Tags=[
            {
                "Key": f"containment:{STACK}",
                "Value": f"{key}=Inactive s={user.snapshot_id} g=99",
            }
        ],
    )

    assert containment(*AGAIN, "--yes").code == 5
    assert not can_list(bench.lab, bench.lab.world.leaked)


def test_a_ledger_that_says_active_of_a_key_switches_none_on_by_itself(
    bench: Bench, kept: Kept, containment: Command
) -> None:
    """Whoever may write the file writes a whole one: the chain holds, and the claim does not."""
    iam, key = bench.admin(), bench.lab.world.leaked.access_key_id
    iam.update_access_key(UserName="ci-deploy", AccessKeyId=key, Status="Inactive")
    contain(bench)
    forged = kept.ledger().of(STACK)
    entries = kept.entries()
    kept.file.unlink()
    for entry in entries:
        what = {name: value for name, value in entry.items() if name not in {"n", "prev", "kind"}}
        text = json.dumps(what).replace('"status": "Inactive"', '"status": "Active"')
        forged.write(entry["kind"], json.loads(text), required=True)
    assert forged.inspect().verdict == "intact"

    assert containment(*AGAIN, "--yes").code == 5
    assert not can_list(bench.lab, bench.lab.world.leaked)


def fill_inline(bench: Bench) -> None:
    """Leave no room for a deny in the user's inline policies."""
    iam = bench.admin()
    used = iam.get_user_policy(UserName="ci-deploy", PolicyName="pipeline")["PolicyDocument"]
    allow = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/"}
    fill = {"Version": "2012-10-17", "Statement": [allow]}
    room = 2_048 - 40 - sum(len(json.dumps(item, separators=(",", ":"))) for item in (used, fill))
    allow["Resource"] += "x" * room
    iam.put_user_policy(UserName="ci-deploy", PolicyName="fill", PolicyDocument=json.dumps(fill))


def test_awsdenyall_is_detached_and_a_late_lift_by_the_state_changes_nothing(
    bench: Bench, containment: Command
) -> None:
    fill_inline(bench)
    before = taken(bench.lab)
    user, deny, keys = contain(bench)
    assert deny.placement == "AWSDenyAll"

    ran = containment(*AGAIN, "--yes")

    assert ran.code == 0, ran.err
    assert picture.changes(before, taken(bench.lab)) == []
    bench.deny_action().delete(deny)
    bench.keys_action().delete(keys)
    bench.snapshot_action().delete(user)
    assert picture.changes(before, taken(bench.lab)) == []


def test_awsdenyall_whose_claim_was_stripped_asks_for_a_decision(
    bench: Bench, containment: Command
) -> None:
    world = bench.lab.world
    fill_inline(bench)
    before = taken(bench.lab)
    contain(bench)
    bench.admin().untag_user(UserName="ci-deploy", TagKeys=[f"containment:{STACK}/AWSDenyAll"])

    ran = containment(*AGAIN, "--yes")

    assert ran.code == 5
    assert "--force-ours attachment@" in ran.err
    assert not can_list(bench.lab, world.leaked)
    assert containment(*AGAIN, "--yes", "--force-ours", "attachment").code == 0
    assert can_list(bench.lab, world.leaked)
    assert picture.changes(before, taken(bench.lab)) == []


def test_a_broken_ledger_is_refused_and_the_entry_named(
    bench: Bench, kept: Kept, containment: Command
) -> None:
    contain(bench)
    kept.file.write_text(kept.file.read_text().replace('"Active"', '"Inactive"', 1))
    before = taken(bench.lab)

    ran = containment(*AGAIN, "--yes")

    assert ran.code == 5
    assert "line 1 was changed, or 2 put there" in ran.err
    assert "containment adopt" in ran.err
    assert picture.changes(before, taken(bench.lab)) == []


def test_a_ledger_that_goes_on_for_another_says_that_it_does_not_know_all(
    bench: Bench, kept: Kept, containment: Command
) -> None:
    contain(bench)
    remembered = kept.ledger().of(STACK).remember()
    assert remembered is not None
    kept.file.unlink()
    journal = kept.ledger().of(STACK)
    journal.expect(remembered)
    journal.write("decision", {}, required=True)

    ran = containment(*AGAIN, "--yes")

    assert ran.code == 0
    assert "it goes on for the one of 7 entries" in ran.err
    assert "what that one says is not known here" in ran.err
    assert not can_list(bench.lab, bench.lab.world.leaked)


def test_a_missing_ledger_is_said_with_a_way_out(containment: Command) -> None:
    ran = containment(*AGAIN, "--yes")

    assert ran.code == 3
    assert f"there is no ledger at ledger/{STACK}.jsonl" in ran.err


def test_the_terms_are_those_of_the_spec(bench: Bench, containment: Command) -> None:
    contain(bench)
    file = bench.directory / "stacks" / f"{STACK}.yaml"
    file.write_text(file.read_text().replace("false-positive", "confirmed"))

    ran = containment(*AGAIN, "--yes")

    assert ran.code == 5
    assert "the file says disposition confirmed" in ran.err
    assert not can_list(bench.lab, bench.lab.world.leaked)


def test_the_terms_are_those_that_were_applied_last(
    bench: Bench, kept: Kept, containment: Command
) -> None:
    before = taken(bench.lab)
    user, _, _ = contain(bench, disposition="suspected")
    file = bench.directory / "stacks" / f"{STACK}.yaml"
    file.write_text(file.read_text().replace("suspected", "false-positive"))
    refused = containment(*AGAIN, "--yes")
    bench.disposition = "false-positive"
    inputs = SnapshotInputs(**bench.common(user.principal), endpoint=user.endpoint)
    bench.snapshot_action().update(user, inputs, preview=True)
    assert "terms" not in kept.kinds()
    bench.snapshot_action().update(user, inputs, preview=False)

    ran = containment(*AGAIN, "--yes")

    assert refused.code == 5
    assert "write it there as it was applied" in refused.err
    assert ran.code == 0, ran.err
    assert kept.kinds().count("terms") == 1
    assert picture.changes(before, taken(bench.lab)) == []


def test_it_is_told_as_one_document(bench: Bench, kept: Kept, containment: Command) -> None:
    contain(bench)

    ran = containment(*AGAIN, "--yes", "--json")

    assert ran.code == 0
    (row,) = ran.json["principals"]
    assert (row["principal"], row["result"], row["error"]) == (
        bench.lab.world.ci_user,
        "given back",
        None,
    )
    assert ran.json["emulated"] is True
    assert ran.json["ledger"]["verdict"] == "intact"
    assert ran.json["ledger"]["length"] == len(kept.lines())


@pytest.mark.parametrize("place", ["elsewhere", f"elsewhere/{STACK}.jsonl"])
def test_a_ledger_may_be_named_by_its_folder_or_file(
    bench: Bench, kept: Kept, containment: Command, place: str
) -> None:
    contain(bench)
    kept.file.parent.rename(kept.folder / "elsewhere")

    ran = containment("restore", "--from-ledger", place, "--yes")

    assert ran.code == 0, ran.err
    assert can_list(bench.lab, bench.lab.world.leaked)


def test_several_ledgers_ask_which(kept: Kept, containment: Command) -> None:
    (kept.folder / "ledger").mkdir()
    for name in ("a", "b"):
        (kept.folder / "ledger" / f"{name}.jsonl").touch()

    ran = containment("restore", "--from-ledger")

    assert ran.code == 3
    assert "several ledgers are in ledger (a, b); name it with '--incident'" in ran.err


def test_a_user_who_is_gone_is_put_on_record_and_nothing_else_happens(
    bench: Bench, kept: Kept, containment: Command
) -> None:
    contain(bench)
    iam = bench.admin()
    for key in iam.list_access_keys(UserName="ci-deploy")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName="ci-deploy", AccessKeyId=key["AccessKeyId"])
    for policy in iam.list_user_policies(UserName="ci-deploy")["PolicyNames"]:
        iam.delete_user_policy(UserName="ci-deploy", PolicyName=policy)
    iam.delete_user(UserName="ci-deploy")
    iam.create_user(UserName="ci-deploy", Path="/ci/")
    before = taken(bench.lab)

    ran = containment(*AGAIN, "--yes")

    assert ran.code == 0
    assert "is gone" in ran.out
    assert picture.changes(before, taken(bench.lab)) == []
    assert kept.kinds()[-1] == "release"


def test_what_others_put_there_meanwhile_stays(bench: Bench, containment: Command) -> None:
    contain(bench)
    role = close_trust(bench)
    iam = bench.admin()
    iam.tag_user(UserName="ci-deploy", Tags=[{"Key": "owner", "Value": "somebody"}])
    before = json.loads(role.trust_policy)
    now = iam.get_role(RoleName="deploy")["Role"]["AssumeRolePolicyDocument"]
    theirs = {**before["Statement"][0], "Sid": "Theirs"}
    now["Statement"].append(theirs)
    iam.update_assume_role_policy(RoleName="deploy", PolicyDocument=json.dumps(now))

    assert containment(*AGAIN, "--yes").code == 0

    left = iam.get_role(RoleName="deploy")["Role"]["AssumeRolePolicyDocument"]
    assert [item.get("Sid") for item in left["Statement"]] == [None, "Theirs"]
    tags = iam.list_user_tags(UserName="ci-deploy")["Tags"]
    assert {"Key": "owner", "Value": "somebody"} in tags


def test_a_stop_in_between_is_told_and_the_next_run_goes_on(
    bench: Bench, kept: Kept, containment: Command
) -> None:
    before = taken(bench.lab)
    contain(bench)
    bench.lab.faults({"kind": "error", "operation": "UpdateAccessKey", "count": 99})

    first = containment(*AGAIN, "--yes")

    assert first.code == 9
    assert "release" not in kept.kinds()
    bench.lab.faults()
    assert containment(*AGAIN, "--yes").code == 0
    assert picture.changes(before, taken(bench.lab)) == []


def test_a_ledger_that_cannot_be_read_gives_nothing_back(
    bench: Bench, kept: Kept, containment: Command
) -> None:
    contain(bench)
    before = taken(bench.lab)
    kept.file.unlink()
    kept.file.mkdir()

    ran = containment(*AGAIN, "--yes")

    assert ran.code == 5
    assert "cannot be read" in ran.err
    assert picture.changes(before, taken(bench.lab)) == []

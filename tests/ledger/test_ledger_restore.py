"""``containment restore``: principals come back by the ledger alone; nothing but ours goes."""

from __future__ import annotations

import json

import pytest

from containment.lab.scenario import inventory
from containment.lifecycle.snapshot import SnapshotInputs
from tests.cli.conftest import Command, containment
from tests.ledger.conftest import Kept
from tests.support.project import STACK
from tests.support.restoring import AGAIN, close_trust, contain, taken
from tests.support.workbench import Bench, can_list

__all__ = ["containment"]
pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("folder")]


def test_everything_is_as_it_was_after_a_false_alarm(
    bench: Bench, kept: Kept, containment: Command
) -> None:
    before = taken(bench.lab)
    contain(bench)
    close_trust(bench)
    assert not can_list(bench.lab, bench.lab.world.leaked)

    ran = containment(*AGAIN, "--yes")

    assert ran.code == 0, ran.err
    assert inventory.changes(before, taken(bench.lab)) == []
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
    changed = {change.fact: change.after for change in inventory.changes(before, taken(bench.lab))}
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
    assert inventory.changes(before, taken(bench.lab)) == []
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
    assert inventory.changes(before, taken(bench.lab)) == []


def test_a_ledger_that_goes_on_for_another_says_that_it_does_not_know_all(
    bench: Bench, kept: Kept, containment: Command
) -> None:
    contain(bench)
    remembered = kept.ledger().journal_of(STACK).remember()
    assert remembered is not None
    kept.file.unlink()
    journal = kept.ledger().journal_of(STACK)
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
    assert inventory.changes(before, taken(bench.lab)) == []


def test_a_restore_prints_one_json_document(bench: Bench, kept: Kept, containment: Command) -> None:
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
    assert inventory.changes(before, taken(bench.lab)) == []
    assert kept.kinds()[-1] == "release"


def test_a_restore_keeps_what_others_changed_meanwhile(bench: Bench, containment: Command) -> None:
    contain(bench)
    role = close_trust(bench)
    iam = bench.admin()
    iam.tag_user(UserName="ci-deploy", Tags=[{"Key": "owner", "Value": "somebody"}])
    before = json.loads(role.trust_policy)
    now = iam.get_role(RoleName="deploy")["Role"]["AssumeRolePolicyDocument"]
    others_statement = {**before["Statement"][0], "Sid": "Theirs"}
    now["Statement"].append(others_statement)
    iam.update_assume_role_policy(RoleName="deploy", PolicyDocument=json.dumps(now))

    assert containment(*AGAIN, "--yes").code == 0

    remaining_policy = iam.get_role(RoleName="deploy")["Role"]["AssumeRolePolicyDocument"]
    assert [item.get("Sid") for item in remaining_policy["Statement"]] == [None, "Theirs"]
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
    assert inventory.changes(before, taken(bench.lab)) == []


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
    assert inventory.changes(before, taken(bench.lab)) == []

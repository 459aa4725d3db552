"""``containment restore`` where a claim is stripped or says otherwise: somebody has to decide."""

from __future__ import annotations

import json

import pytest

from containment.lab.scenario import inventory
from tests.cli.conftest import Command, containment
from tests.ledger.conftest import Kept
from tests.support.project import STACK
from tests.support.restoring import AGAIN, contain, strip_claim, taken
from tests.support.workbench import Bench, can_list, inline

__all__ = ["containment"]
pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("folder")]


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
    forged = kept.ledger().journal_of(STACK)
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
    assert inventory.changes(before, taken(bench.lab)) == []
    bench.deny_action().delete(deny)
    bench.keys_action().delete(keys)
    bench.snapshot_action().delete(user)
    assert inventory.changes(before, taken(bench.lab)) == []


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
    assert inventory.changes(before, taken(bench.lab)) == []

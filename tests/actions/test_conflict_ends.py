"""Where a conflict ends: what a decision may do and what not, and what no conflict stops."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from containment.errors import ConflictError, NotFoundError
from containment.facets import documents
from containment.lab.scenario import inventory
from tests.support import meddling as they
from tests.support.meddling import OWN_POLICY, READ_ONLY
from tests.support.party import Party, keep_ledgers
from tests.support.workbench import INCIDENT, Bench, can_list

pytestmark = pytest.mark.lab


def take(bench: Bench) -> inventory.Inventory:
    return inventory.take(bench.admin())


@pytest.mark.parametrize("moment", ["after the snapshot", "before the lift"])
def test_a_principal_made_again_under_the_name_is_neither_contained_nor_lifted_in_its_stead(
    bench: Bench, moment: str
) -> None:
    party = Party(bench, INCIDENT, bench.lab.world.release_user, disposition="false-positive")
    if moment == "before the lift":
        party.up()
    else:
        bench.incident, bench.disposition = INCIDENT, "false-positive"
        party.states["snapshot"] = bench.snapshot(party.principal)
    recreate(bench)
    made = take(bench)

    if moment == "before the lift":
        party.down()
    else:
        with pytest.raises(NotFoundError, match="a snapshot of its own"):
            party.up()

    assert inventory.changes(made, take(bench)) == []


@pytest.mark.parametrize(
    ("kept", "decision", "outcome"),
    [
        (True, "force-ours=trust", "ours"),
        (False, "force-ours=trust", "refused"),
        (False, "keep-theirs=trust", "theirs"),
    ],
)
def test_a_trust_policy_from_memory_needs_a_ledger_that_holds_the_same(
    bench: Bench, decision: str, outcome: str, *, kept: bool
) -> None:
    if kept:
        keep_ledgers(bench)
    role = bench.lab.world.deploy_role
    party = Party(bench, INCIDENT, role, disposition="false-positive", closed=True, scope=None)
    party.up()
    prior = party.states["snapshot"].trust_policy
    they.trust_rewritten(bench)
    changed_policy = they.trust(bench)

    if outcome == "refused":
        with pytest.raises(ConflictError, match="no ledger holds the first") as caught:
            party.down(decision)
        assert "--keep-theirs trust@111122223333/role/deploy" in str(caught.value)
        assert prior in str(caught.value)
    else:
        party.down(decision)

    assert documents.equal(they.trust(bench), prior if outcome == "ours" else changed_policy)


def test_a_trust_policy_that_state_and_ledger_tell_differently_is_not_written(bench: Bench) -> None:
    keep_ledgers(bench)
    role = bench.lab.world.deploy_role
    party = Party(bench, INCIDENT, role, disposition="false-positive", closed=True, scope=None)
    party.up()
    they.trust_rewritten(bench)
    changed_policy = they.trust(bench)
    forged = party.states["snapshot"].trust_policy.replace("sts:AssumeRole", "sts:*")
    party.states["trust"] = party.states["trust"].model_copy(update={"trust_policy": forged})

    with pytest.raises(ConflictError, match="no ledger holds the first"):
        party.down("force-ours=trust")

    assert documents.equal(they.trust(bench), changed_policy)


def test_what_made_room_and_finds_none_is_named_and_left_out_by_decision(bench: Bench) -> None:
    they.fill(bench)
    room = fill_attachments(bench)
    party = Party(bench, INCIDENT, bench.lab.world.release_user, disposition="false-positive")
    party.up()
    (lost_arn,) = party.states["deny"].swapped
    they.the_room_taken(bench)

    with pytest.raises(ConflictError, match="none to come back") as caught:
        party.down()
    assert lost_arn in str(caught.value)
    party.down("keep-theirs=attachment")

    assert attached(bench) == sorted({*room, READ_ONLY} - {lost_arn})


def test_a_second_swap_forgets_nothing_of_the_first(bench: Bench) -> None:
    they.fill(bench)
    room = fill_attachments(bench)
    party = Party(bench, INCIDENT, bench.lab.world.release_user, disposition="false-positive")
    party.up()
    they.the_room_taken(bench)

    party.up()

    assert len(party.states["deny"].swapped) == 2
    assert set(party.states["deny"].swapped) <= set(room)
    bench.admin().detach_user_policy(UserName="release-bot", PolicyArn=READ_ONLY)
    party.down()
    assert attached(bench) == room


def test_what_others_wrote_into_our_policy_never_stops_the_containing(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    bench.admin().put_user_policy(
        UserName="release-bot", PolicyName=OWN_POLICY, PolicyDocument=they.policy(they.ALLOW)
    )
    answers = [malformed()]
    events: Any = bench.context.clients.iam.meta.events
    events.register("before-call.iam.PutUserPolicy", lambda **_: answers.pop() if answers else None)
    party = Party(bench, INCIDENT, world.release_user, scope="all")

    party.up()

    assert not can_list(lab, world.release_key)
    assert "it is written without that; it was" in bench.words()
    assert "sqs:ListQueues" in bench.words()


def malformed() -> tuple[SimpleNamespace, dict[str, Any]]:
    """Return an answer of AWS that refuses a policy document."""
    error = {"Code": "MalformedPolicyDocument", "Message": "Syntax errors in policy."}
    return SimpleNamespace(status_code=400), {
        "Error": error,
        "ResponseMetadata": {"HTTPStatusCode": 400, "HTTPHeaders": {}},
    }


def recreate(bench: Bench) -> None:
    iam = bench.admin()
    for key in iam.list_access_keys(UserName="release-bot")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName="release-bot", AccessKeyId=key["AccessKeyId"])
    for policy in iam.list_user_policies(UserName="release-bot")["PolicyNames"]:
        iam.delete_user_policy(UserName="release-bot", PolicyName=policy)
    iam.delete_user(UserName="release-bot")
    iam.create_user(UserName="release-bot")


def fill_attachments(bench: Bench) -> list[str]:
    iam = bench.admin()
    arns: list[str] = []
    for number in range(10):
        made = iam.create_policy(PolicyName=f"m{number}", PolicyDocument=they.policy(they.ALLOW))
        arns.append(made["Policy"]["Arn"])
        iam.attach_user_policy(UserName="release-bot", PolicyArn=arns[-1])
    return sorted(arns)


def attached(bench: Bench) -> list[str]:
    policies = bench.admin().list_attached_user_policies(UserName="release-bot")["AttachedPolicies"]
    return sorted(item["PolicyArn"] for item in policies)

"""Two incidents on a user without room: AWSDenyAll, and what made room for it."""

from __future__ import annotations

import json

import pytest

from containment.errors import ConflictError
from containment.lab.scenario import inventory
from tests.support.overlap import A, B, go, lifted, named, parties, tag, tags, take
from tests.support.party import Party, keep_ledgers
from tests.support.workbench import Bench, can_list

pytestmark = pytest.mark.lab

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll"


def full(bench: Bench, *, swapping: bool) -> None:
    """Leave no room for an inline deny and, *swapping*, none for an attachment."""
    iam = bench.admin()
    release_policy = iam.get_user_policy(UserName="release-bot", PolicyName="release")[
        "PolicyDocument"
    ]
    used = len(json.dumps(release_policy, separators=(",", ":")))
    document = padded(2_048 - used - 40)
    iam.put_user_policy(UserName="release-bot", PolicyName="fill", PolicyDocument=document)
    for number in range(10 if swapping else 0):
        made = iam.create_policy(PolicyName=f"m{number}", PolicyDocument=padded(120))["Policy"]
        iam.attach_user_policy(UserName="release-bot", PolicyArn=made["Arn"])


def padded(size: int) -> str:
    statement = {"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}
    empty = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return empty.replace("ListQueues", "x" * (size - len(empty)))


def attached(bench: Bench) -> list[str]:
    policies = bench.admin().list_attached_user_policies(UserName="release-bot")["AttachedPolicies"]
    return sorted(item["PolicyArn"] for item in policies)


@named
def test_aws_deny_all_attached_by_two_goes_with_the_last(
    bench: Bench, order: tuple[str, ...]
) -> None:
    lab, world = bench.lab, bench.lab.world
    keep_ledgers(bench)
    full(bench, swapping=False)
    before = take(bench)

    go(
        parties(bench, world.release_user, disposition="false-positive"),
        order,
        lambda: not can_list(lab, world.release_key),
    )

    assert inventory.changes(before, take(bench)) == []


def test_what_made_room_comes_back_only_once_nobody_else_needs_the_room(bench: Bench) -> None:
    world = bench.lab.world
    keep_ledgers(bench)
    full(bench, swapping=True)
    before = take(bench)
    party_of = parties(bench, world.release_user, disposition="false-positive")
    party_of["a"].up()
    party_of["b"].up()

    with pytest.raises(ConflictError, match=f"lift {B} first"):
        party_of["a"].down()
    assert DENY_ALL in attached(bench)
    party_of["b"].down()
    party_of["a"].down()

    assert inventory.changes(before, take(bench)) == []


@pytest.mark.parametrize(
    ("decision", "remaining"), [("force-ours", []), ("keep-theirs", [DENY_ALL])]
)
def test_without_a_ledger_the_last_one_asks_whose_aws_deny_all_it_is(
    bench: Bench, decision: str, remaining: list[str]
) -> None:
    world = bench.lab.world
    full(bench, swapping=False)
    party_of = parties(bench, world.release_user, disposition="false-positive")
    party_of["a"].up()
    party_of["b"].up()
    party_of["a"].down()

    with pytest.raises(ConflictError, match="nobody here saw"):
        party_of["b"].down()
    assert attached(bench) == [DENY_ALL]
    party_of["b"].down(f"{decision}=attachment force-ours=credentials")

    assert attached(bench) == remaining


@pytest.mark.parametrize("kept", [False, True], ids=["no ledger", "ledger"])
def test_a_forged_claim_of_an_attachment_detaches_and_attaches_nothing(
    bench: Bench, *, kept: bool
) -> None:
    world = bench.lab.world
    if kept:
        keep_ledgers(bench)
    full(bench, swapping=False)
    bench.admin().attach_user_policy(UserName="release-bot", PolicyArn=DENY_ALL)
    forged = f"AWSDenyAll=detached swapped={ADMINISTRATOR} s=zzzzzzzzzz g=1"
    tag(bench, "release-bot", "containment:inc-1999-0001/AWSDenyAll", forged)
    party = Party(bench, A, world.release_user, disposition="false-positive")

    party.up()
    lifted(party)
    bench.admin().untag_user(
        UserName="release-bot", TagKeys=["containment:inc-1999-0001/AWSDenyAll"]
    )
    lifted(party)

    assert attached(bench) == [DENY_ALL]


def test_a_claim_of_ours_that_names_another_policy_attaches_nothing(bench: Bench) -> None:
    world = bench.lab.world
    full(bench, swapping=True)
    party = Party(bench, A, world.release_user, disposition="false-positive")
    party.up()
    key = f"containment:{A}/AWSDenyAll"
    (room,) = party.states["deny"].swapped
    tag(bench, "release-bot", key, tags(bench, "release-bot")[key].replace(room, ADMINISTRATOR))
    bench.admin().detach_user_policy(UserName="release-bot", PolicyArn=DENY_ALL)

    party.up()  # the deny is missing, so it is attached again, under the forged claim

    assert party.states["deny"].swapped == (room,)
    party.down()
    assert ADMINISTRATOR not in attached(bench)
    assert room in attached(bench)

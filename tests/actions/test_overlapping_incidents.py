"""Two and three incidents on one principal, in every order: each adds and removes its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from party import Party, keep_ledgers, older_key
from workbench import Bench, can_list, session_of

from containment.errors import ConflictError
from containment.facets import claims, documents
from containment.lab import picture
from containment.ledger.ledger import unkept

pytestmark = pytest.mark.lab

A, B, C = "inc-2026-0042", "inc-2026-0043", "inc-2026-0044"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll"


def orders(*names: str) -> list[tuple[str, ...]]:
    """Return every order of ups and downs in which each goes up before it goes down."""
    steps = [name + way for name in names for way in "+-"]
    return [
        order
        for order in permutations(steps)
        if all(order.index(name + "+") < order.index(name + "-") for name in names)
    ]


PAIRS = orders("a", "b")
# All go up, in their order, and come down in each; and some that cross.
TRIPLES = [("a+", "b+", "c+", *(name + "-" for name in down)) for down in permutations("abc")] + [
    ("a+", "b+", "a-", "c+", "b-", "c-"),
    ("a+", "b+", "b-", "c+", "a-", "c-"),
    ("a+", "b+", "a-", "a+", "b-", "a-"),
]
named = pytest.mark.parametrize("order", PAIRS, ids=" ".join)


def parties(bench: Bench, principal: str, **each: Any) -> dict[str, Party]:
    return {
        "a": Party(bench, A, principal, **each),
        "b": Party(bench, B, principal, **each),
        "c": Party(bench, C, principal, **each),
    }


def take(bench: Bench) -> picture.Picture:
    return picture.take(bench.admin())


def go(of: dict[str, Party], order: tuple[str, ...], held: Callable[[], bool]) -> None:
    up: set[str] = set()
    for step in order:
        take_step(of, step)
        up ^= {step[0]}
        assert held() == bool(up)


def take_step(of: dict[str, Party], step: str) -> None:
    party = of[step[0]]
    party.up() if step[1] == "+" else party.down()


def statuses(bench: Bench, user: str) -> dict[str, str]:
    keys = bench.admin().list_access_keys(UserName=user)["AccessKeyMetadata"]
    return {key["AccessKeyId"]: key["Status"] for key in keys}


def tag(bench: Bench, user: str, key: str, value: str) -> None:
    bench.admin().tag_user(UserName=user, Tags=[{"Key": key, "Value": value}])


def tags(bench: Bench, user: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in bench.admin().list_user_tags(UserName=user)["Tags"]}


@pytest.mark.parametrize("order", [*PAIRS, *TRIPLES], ids=" ".join)
def test_a_user_comes_back_exactly_after_the_last_false_alarm(
    bench: Bench, order: tuple[str, ...]
) -> None:
    lab, world = bench.lab, bench.lab.world
    keep_ledgers(bench)
    before = take(bench)

    go(
        parties(bench, world.release_user, disposition="false-positive"),
        order,
        lambda: not can_list(lab, world.release_key),
    )

    assert picture.changes(before, take(bench)) == []


@pytest.mark.parametrize("order", [*PAIRS, *TRIPLES[:6]], ids=" ".join)
def test_a_role_comes_back_after_the_last_of_those_that_closed_it(
    bench: Bench, order: tuple[str, ...]
) -> None:
    lab, world = bench.lab, bench.lab.world
    keep_ledgers(bench)
    before = take(bench)

    def closed() -> bool:
        try:
            session_of(lab, world.leaked, world.deploy_role)
        except lab.client("sts", world.leaked).exceptions.ClientError:
            return True
        return False

    of = parties(
        bench, world.deploy_role, closed=True, scope="issued-before", disposition="false-positive"
    )
    go(of, order, closed)

    assert picture.changes(before, take(bench)) == []


def test_without_a_ledger_a_trust_policy_comes_back_as_what_it_said(bench: Bench) -> None:
    before = bench.admin().get_role(RoleName="deploy")["Role"]["AssumeRolePolicyDocument"]
    of = parties(
        bench,
        bench.lab.world.deploy_role,
        closed=True,
        scope="issued-before",
        disposition="false-positive",
    )

    for step in ("a+", "b+", "a-", "b-"):
        take_step(of, step)

    after = bench.admin().get_role(RoleName="deploy")["Role"]["AssumeRolePolicyDocument"]
    assert documents.equal(before, after)


@named
def test_a_key_that_leaked_for_one_stays_inactive_whoever_lifts_last(
    bench: Bench, order: tuple[str, ...]
) -> None:
    world = bench.lab.world
    keep_ledgers(bench)
    other, leaked = two_keys(bench)
    of = parties(bench, world.ci_user, disposition="false-positive")
    of["a"] = Party(bench, A, world.ci_user, (leaked,), "confirmed")

    for step in order:
        take_step(of, step)

    assert statuses(bench, "ci-deploy") == {leaked: "Inactive", other: "Active"}
    assert tags(bench, "ci-deploy") == {"team": "platform", "service": "ci"}


@pytest.mark.parametrize("stripped", [False, True])
def test_what_one_lift_kept_is_kept_by_the_next_even_if_its_claim_is_stripped(
    bench: Bench, *, stripped: bool
) -> None:
    world = bench.lab.world
    keep_ledgers(bench)
    other, leaked = two_keys(bench)
    first = Party(bench, A, world.ci_user, disposition="false-positive")
    second = Party(bench, B, world.ci_user, (leaked,), "confirmed")
    first.up()
    second.up()
    second.down()
    assert claims.parse(tags(bench, "ci-deploy")[f"containment:{A}"]).priors[leaked] == "Kept"  # type: ignore[union-attr]
    if stripped:
        bench.admin().untag_user(UserName="ci-deploy", TagKeys=[f"containment:{A}"])

    first.down()

    assert statuses(bench, "ci-deploy") == {leaked: "Inactive", other: "Active"}


def test_without_a_ledger_the_last_one_asks_what_only_a_claim_said(bench: Bench) -> None:
    world = bench.lab.world
    before = statuses(bench, "release-bot")
    of = parties(bench, world.release_user, disposition="false-positive")
    of["a"].up()
    of["b"].up()
    of["a"].down()
    (heard,) = [key for key in of["b"].states["snapshot"].access_keys if key.said_by]
    assert (heard.status, heard.said_by) == ("Active", A)

    with pytest.raises(ConflictError, match="anyone who may tag") as told:
        of["b"].down()
    assert f"containment lift {B} --force-ours credentials@111122223333/user/release-bot" in str(
        told.value
    )
    assert set(statuses(bench, "release-bot").values()) == {"Inactive"}

    of["b"].down("force-ours=credentials@111122223333/user/release-bot")

    assert statuses(bench, "release-bot") == before


def test_without_a_ledger_the_one_that_saw_for_itself_asks_nothing(bench: Bench) -> None:
    world = bench.lab.world
    before = take(bench)
    of = parties(bench, world.release_user, disposition="false-positive")

    for step in ("a+", "b+", "b-", "a-"):
        take_step(of, step)

    assert picture.changes(before, take(bench)) == []


FORGED = {
    "older, under another incident": "{inactive}=Active s=zzzzzzzzzz g=1",
    "newest, under another incident": "{inactive}=Active s=zzzzzzzzzz g=101559956668415",
    "unreadable": "x",
}


@pytest.mark.parametrize("kept", [False, True], ids=["no ledger", "ledger"])
@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
def test_a_forged_claim_stops_no_containing_and_activates_nothing(
    bench: Bench, forged: str, *, kept: bool
) -> None:
    lab, world = bench.lab, bench.lab.world
    if kept:
        keep_ledgers(bench)
    inactive = world.release_inactive_key_id
    tag(bench, "release-bot", "containment:inc-1999-0001", forged.format(inactive=inactive))
    party = Party(bench, A, world.release_user, disposition="false-positive")

    party.up()

    assert not can_list(lab, world.release_key)
    lifted(party)
    bench.admin().untag_user(UserName="release-bot", TagKeys=["containment:inc-1999-0001"])
    lifted(party)
    assert statuses(bench, "release-bot")[inactive] == "Inactive"


def lifted(party: Party) -> bool:
    try:
        party.down()
    except ConflictError:
        return False
    return True


def test_the_claim_of_a_real_incident_rewritten_by_a_thief_activates_nothing(bench: Bench) -> None:
    world = bench.lab.world
    first = Party(bench, A, world.release_user, disposition="false-positive")
    second = Party(bench, B, world.release_user, disposition="false-positive")
    first.up()
    key = f"containment:{A}"
    tag(bench, "release-bot", key, tags(bench, "release-bot")[key].replace("Inactive", "Active"))

    second.up()
    first.down()

    assert not lifted(second)
    assert set(statuses(bench, "release-bot").values()) == {"Inactive"}


@pytest.mark.parametrize("which", ["ours", "the other's"])
def test_a_claim_that_is_stripped_in_between_activates_nothing_too_early(
    bench: Bench, which: str
) -> None:
    lab, world = bench.lab, bench.lab.world
    keep_ledgers(bench)
    before = statuses(bench, "release-bot")
    of = parties(bench, world.release_user, disposition="false-positive")
    of["a"].up()
    of["b"].up()
    gone = A if which == "ours" else B
    bench.admin().untag_user(UserName="release-bot", TagKeys=[f"containment:{gone}"])

    of["a"].down()

    assert set(statuses(bench, "release-bot").values()) == {"Inactive"}  # b's deny still binds
    assert not can_list(lab, world.release_key)
    of["b"].down()
    assert statuses(bench, "release-bot") == before


def test_an_incident_that_holds_one_key_does_not_hold_the_other(bench: Bench) -> None:
    world = bench.lab.world
    keep_ledgers(bench)
    other, leaked = two_keys(bench)
    low = Party(bench, B, world.ci_user, (leaked,), which="leaked", scope=None)
    high = Party(bench, A, world.ci_user, (leaked,))
    low.up()
    high.up()

    high.down()
    assert statuses(bench, "ci-deploy") == {leaked: "Inactive", other: "Active"}

    low.down()
    assert statuses(bench, "ci-deploy") == {leaked: "Inactive", other: "Active"}


def test_lowering_a_rung_gives_back_nothing_that_another_incident_holds(bench: Bench) -> None:
    world = bench.lab.world
    keep_ledgers(bench)
    other, leaked = two_keys(bench)
    first = Party(bench, A, world.ci_user, (leaked,))
    second = Party(bench, B, world.ci_user, (leaked,))
    first.up()
    second.up()
    bench.incident, bench.leaked = A, (leaked,)
    bench.deny_action().delete(first.states.pop("deny"))
    first.which, first.scope = "leaked", None

    first.up()

    assert statuses(bench, "ci-deploy") == {leaked: "Inactive", other: "Inactive"}
    second.down()
    assert statuses(bench, "ci-deploy") == {leaked: "Inactive", other: "Active"}


def two_keys(bench: Bench) -> tuple[str, str]:
    """Return the ids of a second key of ci-deploy, from before the compromise, and the leaked."""
    return older_key(bench, "ci-deploy"), bench.lab.world.leaked.access_key_id


def full(bench: Bench, *, swapping: bool) -> None:
    """Leave no room for an inline deny and, *swapping*, none for an attachment."""
    iam = bench.admin()
    there = iam.get_user_policy(UserName="release-bot", PolicyName="release")["PolicyDocument"]
    used = len(json.dumps(there, separators=(",", ":")))
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
    found = bench.admin().list_attached_user_policies(UserName="release-bot")["AttachedPolicies"]
    return sorted(item["PolicyArn"] for item in found)


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

    assert picture.changes(before, take(bench)) == []


def test_what_made_room_comes_back_only_once_nobody_else_needs_the_room(bench: Bench) -> None:
    world = bench.lab.world
    keep_ledgers(bench)
    full(bench, swapping=True)
    before = take(bench)
    of = parties(bench, world.release_user, disposition="false-positive")
    of["a"].up()
    of["b"].up()

    with pytest.raises(ConflictError, match=f"lift {B} first"):
        of["a"].down()
    assert DENY_ALL in attached(bench)
    of["b"].down()
    of["a"].down()

    assert picture.changes(before, take(bench)) == []


@pytest.mark.parametrize(("decision", "left"), [("force-ours", []), ("keep-theirs", [DENY_ALL])])
def test_without_a_ledger_the_last_one_asks_whose_aws_deny_all_it_is(
    bench: Bench, decision: str, left: list[str]
) -> None:
    world = bench.lab.world
    full(bench, swapping=False)
    of = parties(bench, world.release_user, disposition="false-positive")
    of["a"].up()
    of["b"].up()
    of["a"].down()

    with pytest.raises(ConflictError, match="nobody here saw"):
        of["b"].down()
    assert attached(bench) == [DENY_ALL]
    of["b"].down(f"{decision}=attachment force-ours=credentials")

    assert attached(bench) == left


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


def test_each_incident_leaves_its_own_fence(bench: Bench) -> None:
    world = bench.lab.world
    of = parties(bench, world.ci_user)
    for name in "ab":
        of[name].up()
    for name in "ab":
        of[name].down()

    names = bench.admin().list_user_policies(UserName="ci-deploy")["PolicyNames"]

    assert [name for name in names if name.startswith("containment-")] == [
        f"containment-{A}",
        f"containment-{B}",
    ]


def test_a_ledger_that_is_broken_is_no_evidence(bench: Bench) -> None:
    world = bench.lab.world
    keep_ledgers(bench)
    of = parties(bench, world.release_user, disposition="false-positive")
    of["a"].up()
    file = bench.directory / "ledger" / f"{A}.jsonl"
    file.write_text(file.read_text().replace("Inactive", "Active"))
    keep_ledgers(bench)

    of["b"].up()

    assert [key.said_by for key in of["b"].states["snapshot"].access_keys if key.said_by] == [A]
    bench.context = replace(bench.context, ledger=unkept())

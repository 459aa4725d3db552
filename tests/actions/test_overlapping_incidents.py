"""Two and three incidents on one principal, in every order: each adds and removes its own."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from containment.errors import ConflictError
from containment.facets import claims, documents
from containment.lab.scenario import inventory
from containment.ledger.ledger import unkept
from tests.support.overlap import (
    PAIRS,
    A,
    B,
    go,
    lifted,
    named,
    parties,
    tag,
    tags,
    take,
    take_step,
)
from tests.support.party import Party, keep_ledgers, older_key
from tests.support.workbench import Bench, can_list, session_of

pytestmark = pytest.mark.lab


# All go up, in their order, and come down in each; and some that cross.
TRIPLES = [("a+", "b+", "c+", *(name + "-" for name in down)) for down in permutations("abc")] + [
    ("a+", "b+", "a-", "c+", "b-", "c-"),
    ("a+", "b+", "b-", "c+", "a-", "c-"),
    ("a+", "b+", "a-", "a+", "b-", "a-"),
]


def statuses(bench: Bench, user: str) -> dict[str, str]:
    keys = bench.admin().list_access_keys(UserName=user)["AccessKeyMetadata"]
    return {key["AccessKeyId"]: key["Status"] for key in keys}


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

    assert inventory.changes(before, take(bench)) == []


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

    party_of = parties(
        bench, world.deploy_role, closed=True, scope="issued-before", disposition="false-positive"
    )
    go(party_of, order, closed)

    assert inventory.changes(before, take(bench)) == []


def test_without_a_ledger_a_trust_policy_comes_back_as_what_it_said(bench: Bench) -> None:
    before = bench.admin().get_role(RoleName="deploy")["Role"]["AssumeRolePolicyDocument"]
    party_of = parties(
        bench,
        bench.lab.world.deploy_role,
        closed=True,
        scope="issued-before",
        disposition="false-positive",
    )

    for step in ("a+", "b+", "a-", "b-"):
        take_step(party_of, step)

    after = bench.admin().get_role(RoleName="deploy")["Role"]["AssumeRolePolicyDocument"]
    assert documents.equal(before, after)


@named
def test_a_key_that_leaked_for_one_stays_inactive_whoever_lifts_last(
    bench: Bench, order: tuple[str, ...]
) -> None:
    world = bench.lab.world
    keep_ledgers(bench)
    other, leaked = two_keys(bench)
    party_of = parties(bench, world.ci_user, disposition="false-positive")
    party_of["a"] = Party(bench, A, world.ci_user, (leaked,), "confirmed")

    for step in order:
        take_step(party_of, step)

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
        # A ledger in a folder and the state are one source: no second one for a stripped claim.
        with pytest.raises(ConflictError, match=f"says? {other} was Active before"):
            first.down()
        assert set(statuses(bench, "ci-deploy").values()) == {"Inactive"}

    first.down("force-ours=credentials" if stripped else "")

    assert statuses(bench, "ci-deploy") == {leaked: "Inactive", other: "Active"}


def test_without_a_ledger_the_last_one_asks_what_only_a_claim_said(bench: Bench) -> None:
    world = bench.lab.world
    before = statuses(bench, "release-bot")
    party_of = parties(bench, world.release_user, disposition="false-positive")
    party_of["a"].up()
    party_of["b"].up()
    party_of["a"].down()
    (heard,) = [key for key in party_of["b"].states["snapshot"].access_keys if key.said_by]
    assert (heard.status, heard.said_by) == ("Active", A)

    with pytest.raises(ConflictError, match="anyone who may tag") as caught:
        party_of["b"].down()
    assert f"containment lift {B} --force-ours credentials@111122223333/user/release-bot" in str(
        caught.value
    )
    assert set(statuses(bench, "release-bot").values()) == {"Inactive"}

    party_of["b"].down("force-ours=credentials@111122223333/user/release-bot")

    assert statuses(bench, "release-bot") == before


def test_without_a_ledger_the_one_that_saw_for_itself_asks_nothing(bench: Bench) -> None:
    world = bench.lab.world
    before = take(bench)
    party_of = parties(bench, world.release_user, disposition="false-positive")

    for step in ("a+", "b+", "b-", "a-"):
        take_step(party_of, step)

    assert inventory.changes(before, take(bench)) == []


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


def test_the_claim_of_a_real_incident_rewritten_by_an_attacker_activates_nothing(
    bench: Bench,
) -> None:
    world = bench.lab.world
    first = Party(bench, A, world.release_user, disposition="false-positive")
    second = Party(bench, B, world.release_user, disposition="false-positive")
    first.up()
    key = f"containment:{A}"
    tag(bench, "release-bot", key, tags(bench, "release-bot")[key].replace("=I", "=A"))

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
    party_of = parties(bench, world.release_user, disposition="false-positive")
    party_of["a"].up()
    party_of["b"].up()
    stripped_incident = A if which == "ours" else B
    bench.admin().untag_user(UserName="release-bot", TagKeys=[f"containment:{stripped_incident}"])

    party_of["a"].down()

    assert set(statuses(bench, "release-bot").values()) == {"Inactive"}  # b's deny still binds
    assert not can_list(lab, world.release_key)
    if which == "the other's":
        # A ledger in a folder and the state are one source: no second one for a stripped claim.
        with pytest.raises(ConflictError, match="does not say so"):
            party_of["b"].down()
        assert set(statuses(bench, "release-bot").values()) == {"Inactive"}
        assert not can_list(lab, world.release_key)
    party_of["b"].down("force-ours=credentials" if which == "the other's" else "")
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


def test_each_incident_leaves_its_own_fence(bench: Bench) -> None:
    world = bench.lab.world
    party_of = parties(bench, world.ci_user)
    for name in "ab":
        party_of[name].up()
    for name in "ab":
        party_of[name].down()

    names = bench.admin().list_user_policies(UserName="ci-deploy")["PolicyNames"]

    assert [name for name in names if name.startswith("containment-")] == [
        f"containment-{A}",
        f"containment-{B}",
    ]


def test_a_ledger_that_is_broken_is_no_evidence(bench: Bench) -> None:
    world = bench.lab.world
    keep_ledgers(bench)
    party_of = parties(bench, world.release_user, disposition="false-positive")
    party_of["a"].up()
    file = bench.directory / "ledger" / f"{A}.jsonl"
    file.write_text(file.read_text().replace("Inactive", "Active"))
    keep_ledgers(bench)

    party_of["b"].up()

    assert [key.said_by for key in party_of["b"].states["snapshot"].access_keys if key.said_by] == [
        A
    ]
    bench.context = replace(bench.context, ledger=unkept())

"""A claim that was stripped is put back where state and a locked ledger agree on what it said."""

from __future__ import annotations

from typing import Any

import pytest

from containment.errors import ConflictError
from containment.lab.scenario import inventory
from containment.ledger.file_store import FileStore
from tests.ledger.conftest import Kept
from tests.support.workbench import INCIDENT, Bench, can_list, write_spec

pytestmark = pytest.mark.lab

TAG = f"containment:{INCIDENT}"


def contain_user(bench: Bench) -> tuple[Any, Any]:
    """Hold the keys of release-bot, one Active and one not, and strip the claim."""
    bench.disposition = "false-positive"
    arn = bench.lab.world.release_user
    write_spec(bench, arn)
    inputs = bench.keys_inputs(bench.snapshot(arn))
    state = bench.keys_action().create(inputs, preview=False)
    bench.admin().untag_user(UserName="release-bot", TagKeys=[TAG])
    return inputs, state


def claim(bench: Bench) -> str | None:
    tags = bench.admin().list_user_tags(UserName="release-bot")["Tags"]
    return {tag["Key"]: tag["Value"] for tag in tags}.get(TAG)


def up(bench: Bench, state: Any, inputs: Any) -> Any:
    live_state = bench.keys_action().read(state)
    assert live_state is not None
    return bench.keys_action().update(live_state, inputs, preview=False)


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the ledger where nobody can take an entry out, as in a bucket with object lock."""
    monkeypatch.setattr(FileStore, "locked", lambda _self: True)


def test_a_ledger_in_a_file_is_one_source_with_the_state_and_puts_no_claim_back(
    bench: Bench,
) -> None:
    inputs, state = contain_user(bench)

    up(bench, state, inputs)

    assert claim(bench) is None
    assert "the lift will ask for a decision" in bench.words()
    with pytest.raises(ConflictError, match="--force-ours credentials@"):
        bench.keys_action().delete(state)
    assert not can_list(bench.lab, bench.lab.world.release_key)


@pytest.mark.usefixtures("locked")
def test_up_writes_a_stripped_claim_again_and_the_lift_asks_no_decision(
    bench: Bench, kept: Kept
) -> None:
    world = bench.lab.world
    before = inventory.take(bench.admin())
    inputs, state = contain_user(bench)
    bench.calls.clear()

    after = up(bench, state, inputs)

    assert "the claim on its credentials is gone; 'pulumi up' writes it again" in bench.words()
    assert bench.writes == ["iam:TagUser"]
    claim_text = claim(bench) or ""
    assert f"{world.release_key.access_key_id}=A" in claim_text
    assert f"{world.release_inactive_key_id}=I" in claim_text
    assert not can_list(bench.lab, world.release_key)
    kept.file.unlink()
    bench.keys_action().delete(after)
    assert inventory.changes(before, inventory.take(bench.admin())) == []


@pytest.mark.usefixtures("locked")
def test_a_key_that_the_attacker_reactivated_is_inactive_again_and_claimed_as_before(
    bench: Bench,
) -> None:
    world = bench.lab.world
    inputs, state = contain_user(bench)
    for name in (world.release_key.access_key_id, world.release_inactive_key_id):
        bench.admin().update_access_key(UserName="release-bot", AccessKeyId=name, Status="Active")

    up(bench, state, inputs)

    assert f"{world.release_inactive_key_id}=I" in (claim(bench) or "")
    assert not can_list(bench.lab, world.release_key)


@pytest.mark.usefixtures("locked")
def test_a_preview_writes_no_claim(bench: Bench) -> None:
    inputs, state = contain_user(bench)
    live_state = bench.keys_action().read(state)
    assert live_state is not None
    assert live_state.live == "altered"

    bench.keys_action().update(live_state, inputs, preview=True)

    assert claim(bench) is None


@pytest.mark.usefixtures("locked")
def test_neither_the_state_alone_nor_one_that_differs_from_the_ledger_makes_a_claim(
    bench: Bench, kept: Kept
) -> None:
    inputs, state = contain_user(bench)
    forged = tuple(key.model_copy(update={"status": "Active"}) for key in state.access_keys)
    more = {"access_keys": forged}

    up(bench, state.model_copy(update=more), inputs.model_copy(update=more))
    kept.file.unlink()
    up(bench, state, inputs)

    assert claim(bench) is None
    assert "the lift will ask for a decision" in bench.words()
    with pytest.raises(ConflictError, match="--force-ours credentials@"):
        bench.keys_action().delete(state)

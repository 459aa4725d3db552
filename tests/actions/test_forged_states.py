"""A state that somebody edited: a lift refuses or ignores it, and nothing of it reaches AWS."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from containment.errors import ConflictError, NotFoundError, RefusedError
from containment.facets import documents
from containment.lab.scenario import inventory
from containment.lifecycle.wire import AccessKeyStatus
from tests.support import meddling as they
from tests.support.party import Party, keep_ledgers
from tests.support.workbench import INCIDENT, Bench

pytestmark = pytest.mark.lab

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
OPEN = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"},
        ],
    }
)
kept = pytest.mark.parametrize("kept", [False, True], ids=["no ledger", "ledger"])


@dataclass(frozen=True)
class Forgery:
    """What is written into the states of a stack, and what the lift makes of it."""

    state_names: str
    change: Callable[[Bench], dict[str, Any]]
    ends: str = "as if it were not there"
    says: str = ""


def status(bench: Bench, key_status: str) -> tuple[AccessKeyStatus, ...]:
    world = bench.lab.world
    ids = (world.release_key.access_key_id, world.release_inactive_key_id)
    return tuple(AccessKeyStatus(access_key_id=name, status=key_status) for name in ids)


def lift(bench: Bench, **terms: Any) -> dict[str, Any]:
    return {"lift": bench.lift().model_copy(update=terms)}


USER = {
    "all keys were Active": Forgery(
        "keys snapshot",
        lambda bench: {"access_keys": status(bench, "Active")},
        "refused",
        "was Active before",
    ),
    "a key was seen by nobody": Forgery(
        "keys snapshot",
        lambda bench: {
            "access_keys": tuple(
                key.model_copy(update={"status": "Active", "said_by": "inc-x"})
                for key in status(bench, "Active")
            )
        },
        "refused",
        "anyone who may tag",
    ),
    "a key of another user": Forgery(
        "keys snapshot",
        lambda bench: {
            "access_keys": (
                *status(bench, "Inactive")[1:],
                AccessKeyStatus(
                    access_key_id=bench.lab.world.release_key.access_key_id, status="Active"
                ),
                AccessKeyStatus(access_key_id="AKIAIOSFODNN7EXAMPLE", status="Active"),
            )
        },
    ),
    "a false alarm": Forgery(
        "deny keys snapshot",
        lambda bench: lift(bench, disposition="false-positive"),
        "refused",
        "the file says disposition suspected",
    ),
    "nothing leaked": Forgery(
        "deny keys snapshot",
        lambda bench: lift(bench, leaked=("AKIAIOSFODNN7EXAMPLE",)),
        "refused",
        "the file says leaked",
    ),
    "compromised later": Forgery(
        "deny keys snapshot",
        lambda bench: lift(bench, compromised_at="2026-11-20T00:00:00Z"),
        "refused",
        "the file says compromised_at",
    ),
    "another unique id": Forgery(
        "deny keys snapshot", lambda _: {"principal_id": "AIDAOTHER"}, "gone"
    ),
    "another account": Forgery(
        "deny",
        lambda _: {"principal": "arn:aws:iam::999999999999:user/release-bot"},
        "refused",
        "is in account 999999999999",
    ),
    "another place": Forgery(
        "deny", lambda _: {"endpoint": "https://iam.amazonaws.com"}, "refused", "was applied at"
    ),
    "an attachment that made room": Forgery(
        "deny",
        lambda _: {
            "swapped": (ADMINISTRATOR,),
            "attached_policies": (ADMINISTRATOR,),
            "placement": "AWSDenyAll",
        },
        "refused",
        "is gone, and the state says",
    ),
    "attachments that were there": Forgery(
        "deny snapshot", lambda _: {"attached_policies": (ADMINISTRATOR, they.DENY_ALL)}
    ),
    "an older generation": Forgery("deny keys", lambda _: {"generation": 1}, "gone"),
    "another snapshot": Forgery(
        "deny",
        lambda _: {"snapshot_id": "0000000000", "generation": 1},
        "refused",
        "not this stack",
    ),
    "a revocation in the far future": Forgery(
        "deny",
        lambda _: {"issued_before": "2999-01-01T00:00:00Z", "scope": "issued-before"},
        "refused",
        "the state says that its deny is of tokens issued before a moment",
    ),
}


def forged(bench: Bench, party: Party, forgery: Forgery) -> None:
    update = forgery.change(bench)
    for name in forgery.state_names.split():
        state = party.states[name]
        own_fields = {
            field: value for field, value in update.items() if field in type(state).model_fields
        }
        party.states[name] = state.model_copy(update=own_fields)


@kept
@pytest.mark.parametrize("forgery", USER.values(), ids=USER.keys())
def test_a_user_is_lifted_by_what_is_true_or_not_at_all(
    bench: Bench, forgery: Forgery, *, kept: bool
) -> None:
    if kept:
        keep_ledgers(bench)
    world = bench.lab.world
    party = Party(bench, INCIDENT, world.release_user, (world.leaked.access_key_id,))
    for key in (world.release_key.access_key_id, world.release_inactive_key_id):
        they.aged(bench, key)
    before = facts(bench)
    party.up()
    forged(bench, party, forgery)

    refusal_text = refusal(party)

    after = facts(bench)
    wrong = [
        item for item in inventory.changes(before, after) if item.after not in {"Inactive", None}
    ]
    assert wrong == []
    if forgery.ends == "refused" and not kept:
        assert refusal_text
    if forgery.ends == "as if it were not there":
        assert not refusal_text
    # With a ledger the truth is known, so nobody has to be asked.
    assert forgery.says in refusal_text or (kept and not refusal_text)
    inactive = f"user release-bot, access key {world.release_inactive_key_id}"
    assert after[inactive] == "Inactive"
    user_facts = {
        fact: value for fact, value in after.items() if fact.startswith("user release-bot")
    }
    assert ADMINISTRATOR not in str(user_facts)


def refusal(party: Party, decision: str = "") -> str:
    """Lift, and return what was said against it; nothing where it went through."""
    try:
        party.down(decision)
    except (ConflictError, NotFoundError, RefusedError) as error:
        return str(error)
    return ""


def facts(bench: Bench) -> dict[str, str]:
    """Return the account's facts but for our own artefacts and what AWS lists by itself."""
    return {
        fact: value
        for fact, value in inventory.take(bench.admin()).items()
        if "containment" not in fact
        and value != "none"
        and not fact.startswith("policy arn:aws:iam::aws")
    }


TRUSTS = {
    "another document": lambda _: {"trust_policy": OPEN},
    "one that says the same in other bytes": lambda state: {
        "trust_policy": json.dumps(json.loads(state.trust_policy), indent=3)
    },
    "none": lambda _: {"trust_policy": ""},
    "not JSON": lambda _: {"trust_policy": "x"},
    "no break-glass": lambda _: {"break_glass": ("arn:aws:iam::111122223333:user/eve",)},
}


@pytest.mark.parametrize("decision", ["", "force-ours=trust", "keep-theirs=trust"])
@pytest.mark.parametrize("change", TRUSTS.values(), ids=TRUSTS.keys())
def test_no_trust_policy_of_a_state_is_written(
    bench: Bench, change: Callable[[Any], dict[str, Any]], decision: str
) -> None:
    before = they.trust(bench)
    role = bench.lab.world.deploy_role
    party = Party(bench, INCIDENT, role, closed=True, scope=None)
    party.up()
    for name in ("trust", "snapshot"):
        state = party.states[name]
        own_fields = {
            field: value
            for field, value in change(party.states["snapshot"]).items()
            if field in type(state).model_fields
        }
        party.states[name] = state.model_copy(update=own_fields)

    refusal_text = refusal(party, decision)

    if refusal_text:
        assert decision == "force-ours=trust"
        assert "no ledger holds the first" in refusal_text
    else:
        assert documents.equal(they.trust(bench), before)
    assert "*" not in str(they.trust(bench)["Statement"][0]["Principal"])

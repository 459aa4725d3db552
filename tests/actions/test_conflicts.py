"""What others change meanwhile: theirs stays, ours goes, what we took comes back, or we ask.

One table: the change, the moment at which it is made, and what a lift after a false alarm leaves.
The account is compared fact by fact with what it would be if it had never been contained.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from containment.errors import ConflictError
from containment.facets import documents
from containment.lab.scenario import inventory
from tests.support import meddling as they
from tests.support.meddling import DENY_ALL, OWN_POLICY
from tests.support.party import Party
from tests.support.workbench import INCIDENT, Bench, can_list

if TYPE_CHECKING:
    from tests.support.meddling import Change

pytestmark = pytest.mark.lab

SNAPSHOT, LIFT, REPAIR = "after the snapshot", "before the lift", "before a repair"
FORCE, KEEP = "force-ours", "keep-theirs"


@dataclass(frozen=True)
class Row:
    """One line: *asks* is said where a decision is needed, *leaves* is what differs in the end.

    A value in *leaves* is what the fact reads, None for a fact that is gone.
    """

    change: Change
    moment: str
    asks: str = ""
    decision: str = ""
    leaves: dict[str, str | None] = field(default_factory=dict)

    def __str__(self) -> str:
        decided = f", {self.decision}" if self.decision else ""
        return f"{self.change.__name__} {self.moment}{decided}".replace("_", " ")


def both(change: Change, **more: object) -> list[Row]:
    return [Row(change, moment, **more) for moment in (SNAPSHOT, LIFT, REPAIR)]  # type: ignore[arg-type]


ACTIVE_KEY, OTHER_KEY, NEW_KEY = "the active key", "the inactive key", "the new key"
OUR_POLICY = f"user release-bot, UserPolicyList {OWN_POLICY}, PolicyDocument"
TRUST = "role deploy, AssumeRolePolicyDocument"
ATTACHED = "user release-bot, AttachedManagedPolicies AWSDenyAll, PolicyArn"

USERS = [
    *both(they.another_policy),
    *both(they.their_policy_edited),
    *both(they.their_policy_deleted),
    *both(they.quarantined),
    *both(they.boundary_set),
    *both(they.their_tag_removed),
    *both(they.mark_of_another_incident),
    *both(they.moved),
    *both(they.key_deleted, leaves={OTHER_KEY: None}),
    Row(they.key_added, SNAPSHOT, leaves={OTHER_KEY: None, NEW_KEY: "Inactive"}),
    Row(they.key_added, LIFT, leaves={OTHER_KEY: None, NEW_KEY: "Active"}),
    Row(they.key_added, REPAIR, leaves={OTHER_KEY: None, NEW_KEY: "Inactive"}),
    Row(they.key_activated, LIFT),
    Row(they.key_activated, REPAIR),
    Row(they.key_deactivated, SNAPSHOT, "does not say so"),
    Row(
        they.key_deactivated,
        SNAPSHOT,
        "does not say so",
        f"{FORCE}=credentials",
        {ACTIVE_KEY: "Active"},
    ),
    Row(they.key_deactivated, SNAPSHOT, "does not say so", f"{KEEP}=credentials"),
    Row(they.our_policy_deleted, LIFT),
    Row(they.our_policy_deleted, REPAIR),
    Row(they.our_policy_weakened, LIFT),
    Row(they.our_policy_weakened, REPAIR),
    Row(they.our_policy_added_to, LIFT, leaves={OUR_POLICY: they.policy(they.ALLOW)}),
    Row(they.our_policy_added_to, REPAIR, leaves={OUR_POLICY: they.policy(they.ALLOW)}),
    Row(they.our_policy_added_to, LIFT, decision=f"{FORCE}=deny"),
    Row(they.our_policy_signed_by_nobody, LIFT, "nobody can tell whose"),
    Row(they.our_policy_signed_by_nobody, REPAIR, "nobody can tell whose"),
    Row(they.our_policy_signed_by_nobody, LIFT, "nobody can tell", f"{FORCE}=deny"),
    Row(they.our_policy_signed_by_nobody, REPAIR, "nobody can tell", f"{FORCE}=deny"),
    Row(
        they.our_policy_signed_by_nobody,
        LIFT,
        "nobody can tell",
        f"{KEEP}=deny@111122223333/user/release-bot",
        {
            OUR_POLICY: they.policy(
                {"Sid": "Quarantine", "Effect": "Deny", "Action": "*", "Resource": "*"}
            )
        },
    ),
    Row(they.our_policy_marked_newer, LIFT, "a snapshot that is not this"),
    Row(they.our_policy_marked_newer, LIFT, "a snapshot that is not this", f"{FORCE}=deny"),
    Row(
        they.our_policy_marked_newer,
        LIFT,
        "a snapshot that is not this",
        f"{KEEP}=deny",
        {
            OUR_POLICY: they.policy(
                {"Sid": they.STRANGE, "Effect": "Deny", "Action": "*", "Resource": "*"}
            )
        },
    ),
    Row(they.our_claim_removed, LIFT, "does not say so"),
    Row(they.our_claim_removed, REPAIR, "does not say so"),
    Row(they.our_claim_removed, LIFT, "does not say so", f"{FORCE}=credentials"),
    Row(they.our_claim_unreadable, LIFT, "does not say so", f"{FORCE}=credentials"),
    Row(they.our_claim_says_inactive, LIFT, "does not say so", f"{FORCE}=credentials"),
    Row(they.our_claim_says_active, LIFT),
    Row(they.our_claim_says_active, REPAIR),
    Row(they.our_claim_of_another_snapshot, LIFT, "a snapshot that is not this"),
    Row(
        they.our_claim_of_another_snapshot,
        LIFT,
        "a snapshot that is not this",
        f"{FORCE}=credentials",
    ),
]
ROLES = [
    *both(they.role_boundary_set),
    *both(they.role_tagged),
    *both(they.trust_rewritten),
    *both(they.trust_added_to),
    Row(they.our_statement_edited, LIFT, "nobody can tell whose", f"{FORCE}=trust"),
    Row(they.our_statement_edited, REPAIR, "nobody can tell whose"),
    Row(they.our_statement_signed_by_nobody, LIFT, "nobody can tell whose"),
    Row(they.our_statement_signed_by_nobody, REPAIR, "nobody can tell whose"),
    Row(they.our_statement_signed_by_nobody, LIFT, "nobody can tell", f"{FORCE}=trust"),
    Row(they.our_statement_signed_by_nobody, LIFT, "nobody can tell", f"{KEEP}=trust"),
    Row(they.our_statement_marked_newer, LIFT, "a snapshot that is not this"),
    Row(they.our_statement_marked_newer, LIFT, "a snapshot that is not this", f"{FORCE}=trust"),
]
FULL = [
    *both(they.quarantined),
    Row(they.deny_all_detached, LIFT),
    Row(they.deny_all_detached, REPAIR),
    Row(they.deny_all_attached, SNAPSHOT, "nobody here saw by whom"),
    Row(
        they.deny_all_attached, SNAPSHOT, "nobody here saw", f"{FORCE}=attachment", {ATTACHED: None}
    ),
    Row(they.deny_all_attached, SNAPSHOT, "nobody here saw", f"{KEEP}=attachment"),
    Row(they.attachment_claim_removed, LIFT, "is gone, and the state says"),
    Row(they.attachment_claim_removed, LIFT, "is gone", f"{FORCE}=attachment"),
    Row(they.attachment_claim_removed, LIFT, "is gone", f"{KEEP}=attachment", {ATTACHED: DENY_ALL}),
    Row(they.attachment_claim_names_more, LIFT, "the state says AWSDenyAll was detached"),
    Row(they.attachment_claim_names_more, LIFT, "the state says", f"{FORCE}=attachment"),
    Row(they.attachment_claim_names_more, REPAIR, "the state says AWSDenyAll was detached"),
]


def rows(table: list[Row]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", table, ids=str)


def take(bench: Bench) -> dict[str, str]:
    """Return the account's facts, documents as what they say and keys by what they are."""
    world = bench.lab.world
    named = {
        world.release_key.access_key_id: ACTIVE_KEY,
        world.release_inactive_key_id: OTHER_KEY,
    }
    account_facts: dict[str, str] = {}
    for fact, value in inventory.take(bench.admin()).items():
        # Whether AWS lists a policy of its own depends on who uses it, and a list that is empty is
        # a fact beside its entries.
        if value == "none" or fact.startswith("policy arn:aws:iam::aws:policy/"):
            continue
        if "access key" in fact and "made" not in fact and "release-bot" in fact:
            account_facts[named.get(fact.rpartition(" ")[2], NEW_KEY)] = value
        elif "access key" not in fact:
            account_facts[fact] = documents.canonical(value) if "Document" in fact else value
    return account_facts


def run(bench: Bench, party: Party, row: Row) -> dict[str, str]:
    """Contain, meddle and return what the account should be like in the end."""
    before = take(bench)
    if row.moment == SNAPSHOT:
        bench.incident, bench.disposition = party.incident, party.disposition
        party.states["snapshot"] = bench.snapshot(party.principal)
        row.change(bench)
        meant = take(bench)
        party.up()
    else:
        party.up()
        contained = take(bench)
        row.change(bench)
        others_changes = inventory.changes(contained, take(bench))
        meant = dict(before)
        for change in others_changes:
            foreign = OWN_POLICY not in change.fact and "containment:" not in change.fact
            if foreign and "key" not in change.fact and "AWSDenyAll" not in change.fact:
                meant.pop(change.fact, None)
                meant |= {change.fact: change.after} if change.after is not None else {}
        if row.moment == REPAIR:
            party.up()
    for fact, value in row.leaves.items():
        meant.pop(fact, None)
        meant |= {} if value is None else {fact: value}
    return {
        fact: documents.canonical(value) if "Document" in fact and value.startswith("{") else value
        for fact, value in meant.items()
    }


def lift(bench: Bench, party: Party, row: Row) -> bool:
    """Lift, asserting that it asks first where it has to; return whether it was lifted."""
    if row.asks:
        with pytest.raises(ConflictError, match=row.asks) as caught:
            party.down()
        assert f"containment lift {INCIDENT} --" in str(caught.value)
        assert not can_list(bench.lab, bench.lab.world.release_key) or party.closed
        if not row.decision:
            return False
    party.down(row.decision)
    return True


@rows(USERS)
def test_each_conflict_on_a_user_ends_as_its_row_says(bench: Bench, row: Row) -> None:
    party = Party(bench, INCIDENT, bench.lab.world.release_user, disposition="false-positive")
    meant = run(bench, party, row)

    if lift(bench, party, row):
        assert inventory.changes(meant, take(bench)) == []


@rows(ROLES)
def test_each_conflict_on_a_role_ends_as_its_row_says(bench: Bench, row: Row) -> None:
    party = Party(
        bench,
        INCIDENT,
        bench.lab.world.deploy_role,
        disposition="false-positive",
        closed=True,
        scope="issued-before",
    )
    meant = run(bench, party, row)
    if row.decision == f"{KEEP}=trust":
        meant[TRUST] = documents.canonical(they.trust(bench))
    elif row.change in {
        they.our_statement_edited,
        they.our_statement_signed_by_nobody,
        they.our_statement_marked_newer,
    }:
        meant[TRUST] = documents.canonical(party.states["snapshot"].trust_policy)
    elif row.change is they.trust_added_to and row.moment != SNAPSHOT:
        others_policy = documents.parse(party.states["snapshot"].trust_policy) or {}
        added = {**others_policy, "Statement": [*others_policy["Statement"], they.trusted(bench)]}
        meant[TRUST] = documents.canonical(added)

    if lift(bench, party, row):
        assert inventory.changes(meant, take(bench)) == []


@rows(FULL)
def test_each_conflict_on_a_user_without_room_ends_as_its_row_says(bench: Bench, row: Row) -> None:
    they.fill(bench)
    party = Party(bench, INCIDENT, bench.lab.world.release_user, disposition="false-positive")
    meant = run(bench, party, row)
    assert party.states["deny"].placement == "AWSDenyAll"

    if lift(bench, party, row):
        assert inventory.changes(meant, take(bench)) == []

"""After the lift: the account beside the account from before the containment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.demo.company import ROLE, USER
from containment.facets import deny
from containment.lab.scenario import inventory
from containment.spec import Disposition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cli.demo.board import Board
    from cli.demo.screen import Screen


def compare(
    before: inventory.Inventory,
    after: inventory.Inventory,
    *,
    expected: Mapping[str, str],
    incident: str,
    board: Board,
    screen: Screen,
) -> list[str]:
    """Claim that exactly the *expected* facts differ, show each, and return them in words."""
    differences = inventory.changes(before, after)
    claim = board.say(
        "facts of the account that differ from before the containment",
        expected=sorted(expected),
        observed=[change.fact for change in differences],
    )
    if not differences:
        screen.claim(
            claim,
            f"compared with the account before `pulumi up`: identical, {len(before)} facts,"
            f" SHA-256 {inventory.digest(after)[:16]}",
        )
        return []
    screen.claim(
        claim,
        f"compared with the account before `pulumi up`: {len(differences)} of {len(before)} facts"
        " differ, no others may:",
    )
    for change in differences:
        why = expected.get(change.fact, "NOT EXPECTED")
        screen.under(f"{change.fact.partition(', ')[0]}: {_change(change, why, incident, board)}")
    return [str(change) for change in differences]


def left_behind(
    disposition: Disposition, incident: str, key_ids: Mapping[str, str]
) -> dict[str, str]:
    """Return the facts that a lift as *disposition* leaves different, and why."""
    if disposition is Disposition.FALSE_POSITIVE:
        return {}
    fence = f"List containment-{incident}, PolicyDocument"
    return {
        f"user {USER}, access key {key_ids['leaked key']}": "the leaked key",
        f"user {USER}, access key {key_ids['second key']}": "the attacker made it",
        f"user {USER}, UserPolicy{fence}": "the fence",
        f"role {ROLE}, RolePolicy{fence}": "the fence",
    }


def _change(change: inventory.Change, why: str, incident: str, board: Board) -> str:
    if not change.fact.endswith("PolicyDocument"):
        board.say(
            change.fact, expected=("Active", "Inactive"), observed=(change.before, change.after)
        )
        key = change.fact.rpartition(" ")[2]
        return f"{key} {change.before} -> {change.after}, {why}"
    fence = deny.read(change.after, incident)
    board.say(f"{change.fact} is a fence", expected=True, observed=fence.is_fence)
    return f"{why}: denies tokens issued before {fence.issued_before}, ends {fence.until}"

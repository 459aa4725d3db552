"""The words around a diff, which every rendering uses alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment import text
from containment.identities import parse_principal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containment.diff.model import IncidentDiff, PrincipalDiff, Sign, Verb

SIGNS: dict[Verb, Sign] = {
    "contain": "+",
    "raise": "~",
    "lower": "~",
    "repair": "~",
    "lift": "-",
    "keep": " ",
    "refuse": "!",
}


def heading(item: PrincipalDiff) -> str:
    """Return kind, path and name of the principal, and how its rung changes."""
    principal = parse_principal(item.principal)
    name = f"{principal.kind} {principal.path.lstrip('/')}{principal.name}"
    return f"{name}   {transition(item)}".rstrip()


def transition(item: PrincipalDiff) -> str:
    """Return how the rung changes, such as ``revoke-sessions -> deny-all``."""
    if item.rung_before and item.rung != item.rung_before:
        return f"{item.rung_before} -> {item.rung or 'lifted'}"
    words = {"repair": " (repaired)", "keep": " (unchanged)", "refuse": " (refused)"}
    return f"{item.rung or ''}{words.get(item.verb, '')}"


def notes(item: PrincipalDiff) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what follows for the principal: a label and its lines, empty ones left out."""
    for label, texts in (
        ("held by", item.held_by),
        ("used by", item.used_by),
        *_replayed(item),
        ("stays open", item.stays_open),
        ("a lift returns", item.comes_back),
        ("a lift keeps", item.stays_away),
        ("conflict", item.conflicts),
        ("not analysed", item.unread),
    ):
        if texts:
            yield label, texts


def _replayed(item: PrincipalDiff) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what records say: what would have been refused, of whom, and what is not known."""
    replayed = item.replayed
    if replayed is None:
        return
    if replayed.until:
        span = f"from {replayed.since} to {replayed.until}, by CloudTrail"
        yield "called by", (f"{text.counted(replayed.callers, 'different caller')} {span}",)
    refused = tuple(map(str, replayed.collateral))
    if not refused and replayed.until:
        refused = ("no recorded call of others",)
    yield "would refuse", refused
    yield "attacker's own", tuple(map(str, replayed.attackers))
    yield "comes anew", replayed.passing
    yield "not recorded", replayed.notes


def head(diff: IncidentDiff) -> Iterator[tuple[str, str]]:
    """Yield label and value of what holds for the whole run, empty ones left out."""
    for label, value in (
        ("title", diff.title),
        ("disposition", diff.disposition),
        ("account", diff.account),
        ("caller", diff.caller),
    ):
        if value:
            yield label, value

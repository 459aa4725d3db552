"""Incidents that hold one principal, and the orders in which they go up and come down."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest

from containment.errors import ConflictError
from containment.lab.scenario import inventory
from tests.support.party import Party
from tests.support.workbench import Bench

A, B, C = "inc-2026-0042", "inc-2026-0043", "inc-2026-0044"


def orders(*names: str) -> list[tuple[str, ...]]:
    """Return every order of ups and downs in which each goes up before it goes down."""
    steps = [name + way for name in names for way in "+-"]
    return [
        order
        for order in permutations(steps)
        if all(order.index(name + "+") < order.index(name + "-") for name in names)
    ]


PAIRS = orders("a", "b")
named = pytest.mark.parametrize("order", PAIRS, ids=" ".join)


def parties(bench: Bench, principal: str, **each: Any) -> dict[str, Party]:
    return {
        "a": Party(bench, A, principal, **each),
        "b": Party(bench, B, principal, **each),
        "c": Party(bench, C, principal, **each),
    }


def take(bench: Bench) -> inventory.Inventory:
    return inventory.take(bench.admin())


def go(
    party_of: dict[str, Party], order: tuple[str, ...], is_contained: Callable[[], bool]
) -> None:
    up: set[str] = set()
    for step in order:
        take_step(party_of, step)
        up ^= {step[0]}
        assert is_contained() == bool(up)


def take_step(party_of: dict[str, Party], step: str) -> None:
    party = party_of[step[0]]
    party.up() if step[1] == "+" else party.down()


def tag(bench: Bench, user: str, key: str, value: str) -> None:
    bench.admin().tag_user(UserName=user, Tags=[{"Key": key, "Value": value}])


def tags(bench: Bench, user: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in bench.admin().list_user_tags(UserName=user)["Tags"]}


def lifted(party: Party) -> bool:
    try:
        party.down()
    except ConflictError:
        return False
    return True

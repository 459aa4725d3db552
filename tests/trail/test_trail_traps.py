"""Captures of real records with one trap each, and with all of them at once in a crowd."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

from containment.trail import Trace, trace
from tests.support.trail_composite import Composite, Truth
from tests.support.trail_traps import TRAPS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.plain


def credentials_of(answer: Trace) -> dict[str, tuple[str, str, str, int]]:
    return {c.id: (c.kind, c.tier, c.parent, c.event_count) for c in answer.credentials}


def check(answer: Trace, truth: Truth) -> None:
    assert credentials_of(answer) == truth.members
    assert {(t.role, t.principal) for t in answer.external_trust} == truth.trusts
    callers = {traced.credential for traced in answer.calls}
    assert not truth.bystanders & (callers | set(credentials_of(answer)))


def deliver(scene: Composite, folder: Path, seed: int) -> Path:
    """Shuffle the records over several files and give some of them twice."""
    dice = random.Random(seed)  # noqa: S311 -- a test's dice
    records = scene.records + dice.choices(scene.records, k=len(scene.records) // 5)
    dice.shuffle(records)
    for number in range(7):
        part = {"Records": records[number::7]}
        (folder / f"{number}.json").write_text(json.dumps(part), "utf-8")
    return folder


@pytest.mark.parametrize("plant", TRAPS, ids=lambda plant: plant.__name__)
def test_a_capture_with(plant: Callable[[Composite], None], tmp_path: Path) -> None:
    scene = Composite()
    plant(scene)
    scene.noise(200, random.Random(plant.__name__))  # noqa: S311 -- a test's dice

    logs = deliver(scene, tmp_path, 1)

    check(trace(scene.leaked, since=scene.since, logs=[logs], workers=1), scene.truth)


def every_trap(noise: int) -> Composite:
    """Return one capture with all plantings, each under names of its own, in a crowd."""
    whole = Composite()
    for number, plant in enumerate(TRAPS):
        scene = Composite(f"t{number:02}")
        plant(scene)
        for record in scene.records:  # ids of records and requests are the scene's own count
            record["eventID"] = f"{number:02}-{record['eventID']}"
            if "sharedEventID" in record:
                record["sharedEventID"] = f"{number:02}-{record['sharedEventID']}"
        whole.records += scene.records
        whole.truth.members |= scene.truth.members
        whole.truth.bystanders |= scene.truth.bystanders
        whole.truth.trusts |= scene.truth.trusts
    whole.noise(noise, random.Random(5))  # noqa: S311 -- a test's dice
    return whole


@pytest.mark.parametrize("in_memory", [True, False], ids=["held in memory", "looked up by name"])
def test_a_capture_of_thousands_with_every_trap_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, in_memory: bool
) -> None:
    whole = every_trap(4000)
    if not in_memory:
        monkeypatch.setattr("containment.trail.facts.store._SMALL", -1)

    logs = deliver(whole, tmp_path, 2)

    check(trace(whole.leaked, since=whole.since, logs=[logs], workers=1), whole.truth)


def test_from_every_key_found_the_trace_finds_its_part_and_nobody_elses(tmp_path: Path) -> None:
    whole = every_trap(100)
    logs = deliver(whole, tmp_path, 3)
    members = whole.truth.members

    for key, (kind, _, _, events) in members.items():
        if kind not in ("access_key", "forwarded_session_key"):
            continue
        answer = trace(key, since=whole.since, logs=[logs], workers=1)
        got = {credential.id for credential in answer.credentials}
        children = {name for name, (_, _, parent, _) in members.items() if parent == key}
        assert children <= got <= members.keys() | {whole.leaked}
        assert answer.origin.event_count == events

"""The engine's stand-in says to the provider what the real engine said, and hears the same.

``python -m tools.record_conversations`` records those anew that differ.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.model.cloud import Cloud
from tests.model.rehearsal import rehearse
from tests.model.scenarios import SCENARIOS

pytestmark = pytest.mark.lab

RECORDED = Path(__file__).parent / "conversations"


def recorded(name: str) -> str:
    return (RECORDED / f"{name}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_the_stand_in_makes_the_same_calls_as_the_engine(
    cloud: Cloud, tmp_path: Path, name: str
) -> None:
    assert rehearse(cloud, tmp_path, name).splitlines() == recorded(name).splitlines()


def test_what_a_seed_decides_is_told_from_what_the_engine_decides(
    cloud: Cloud, tmp_path: Path
) -> None:
    for seed in range(4):
        cloud.reset()
        conversation = rehearse(cloud, tmp_path / str(seed), "first_up_and_unchanged", seed)

        assert conversation == recorded("first_up_and_unchanged")


def test_at_least_ten_conversations_are_kept_and_none_is_left_over() -> None:
    kept = {file.stem for file in RECORDED.glob("*.json")}

    assert kept == set(SCENARIOS)
    assert len(kept) >= 10


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_no_conversation_holds_a_secret_or_a_machine(cloud: Cloud, name: str) -> None:
    text = recorded(name)

    for secret in cloud.world.secrets():
        assert secret not in text
    for word in ("127.0.0.1", "/home", "project/", "AKIA", "AIDA", "AROA", "randomSeed"):
        assert word not in text


def test_every_way_to_call_the_provider_is_in_some_conversation() -> None:
    methods: set[Any] = set()
    for name in SCENARIOS:
        for command in json.loads(recorded(name)):
            for phase in command["phases"]:
                calls = [*phase["provider"], *(c for cs in phase["resources"].values() for c in cs)]
                methods |= {call[0] for call in calls}

    assert methods == {
        *("Handshake", "GetPluginInfo", "CheckConfig", "DiffConfig", "Configure", "Cancel"),
        *("Check", "Diff", "Create", "Read", "Update", "Delete"),
    }

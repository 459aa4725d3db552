"""The lineages of real captures, as established by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from containment.trail import trace

pytestmark = pytest.mark.plain

SAMPLES = Path(__file__).parent / "samples"
TRUTHS = sorted((SAMPLES / "truth").glob("*.json"))
FIELDS = (
    "kind",
    "tier",
    "parent",
    "link_event_ids",
    "event_count",
    "event_names",
    "issued_by",
    "issued_at",
    "for_principal",
)


@pytest.mark.parametrize("path", TRUTHS, ids=lambda path: path.stem)
def test_the_lineage_of_a_real_capture_is_exact(path: Path) -> None:
    truth = json.loads(path.read_text())
    logs = SAMPLES / truth["data"].replace("detonation-logs/", "")

    answer = trace(truth["seed_access_key_id"], since=truth["leak_time"], logs=[logs], workers=1)

    expected = {item["id"]: {name: item[name] for name in FIELDS} for item in truth["derived"]}
    got = {
        credential.id: {
            name: list(value) if isinstance(value := getattr(credential, name), tuple) else value
            for name in FIELDS
        }
        for credential in answer.credentials
    }
    assert got == expected
    assert answer.origin.event_count == truth["seed_event_count"]
    assert answer.origin.event_names == truth["seed_event_names"]
    assert answer.origin.errors == truth["seed_errors"]
    assert answer.records == truth["records_unique"]
    assert not {item["id"] for item in truth["must_not_include"]} & set(got)

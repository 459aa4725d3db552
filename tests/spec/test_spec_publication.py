"""The JSON Schema and the reference page are what the models say, and agree with the loader."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from containment.spec import IncidentSpec
from containment.spec.publication import PAGE_FILE, SCHEMA_FILE, page, schema
from containment.spec.vocabulary import Cause, Disposition, Rung
from tests.spec.conftest import GOOD
from tests.spec.test_spec_writing import specs

pytestmark = pytest.mark.plain

ROOT = Path(__file__).parents[2]
STALE = "run 'python -m containment.spec.publication' and commit what it writes"


@cache
def validator() -> Draft202012Validator:
    document: dict[str, Any] = json.loads(schema())
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document)


def test_the_committed_schema_is_current() -> None:
    assert (ROOT / SCHEMA_FILE).read_text(encoding="utf-8") == schema(), STALE


def test_the_committed_reference_page_is_current() -> None:
    assert (ROOT / PAGE_FILE).read_text(encoding="utf-8") == page(), STALE


def test_the_page_names_every_field_and_every_word() -> None:
    text = page()

    for word in (*IncidentSpec.model_fields, *Rung, *Disposition):
        assert f"`{word}`" in text


@given(spec=specs())
@settings(max_examples=60)
def test_the_schema_takes_whatever_the_loader_takes(spec: IncidentSpec) -> None:
    document = spec.model_dump(mode="json", exclude_defaults=True)

    assert list(validator().iter_errors(document)) == []


def test_the_schema_shows_an_editor_the_usual_slips() -> None:
    good: dict[str, Any] = {
        "incident": "inc-2026-0042",
        "title": "x",
        "compromised_at": "2026-11-23T21:14:00Z",
        "compromised_at_source": "x",
        "cause": str(Cause.UNKNOWN),
        "owner": "x",
        "review_by": "2026-11-25T09:00:00Z",
        "targets": [{"role": "arn:aws:iam::111122223333:role/app"}],
    }
    slips: list[dict[str, Any]] = [
        {"ownr": "x"},
        {"incident": "INC 1"},
        {"disposition": "maybe"},
        {"targets": []},
        {"targets": [{"role": "app"}]},
        {"targets": [{"role": "arn:aws:iam::111122223333:role/app", "rung": "key-only"}]},
        {"targets": [{"rung": "deny-all"}]},
        {"targets": [{"access_key": "ASIAIOSFODNN7EXAMPLE"}]},
        {"break_glass": ["arn:aws:iam::111122223333:role/*"]},
        {"limits": {"principals": 0}},
    ]

    assert validator().is_valid(good)
    for slip in slips:
        assert not validator().is_valid(good | slip), slip


def test_the_page_shows_an_example_that_loads(tmp_path: Path) -> None:
    from containment.spec import load  # noqa: PLC0415
    from tests.spec.conftest import now  # noqa: PLC0415

    example = page().partition("```yaml\n")[2].partition("```")[0]
    path = tmp_path / "inc-2026-0042.yaml"
    path.write_text(example)

    assert example.partition("\n")[2].startswith(GOOD)
    assert len(load(path, now=now).targets) == 2

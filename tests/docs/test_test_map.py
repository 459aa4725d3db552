"""The map from modules to tests: every module is on it, and what it names is there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.plain

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tests.md"
ROW = re.compile(r"^## (.+)$|^\| `(.+?\.py)` \| (.*) \|$", re.MULTILINE)


def test_every_module_is_held_by_a_test_and_on_the_map() -> None:
    spec = importlib.util.spec_from_file_location("test_map", ROOT / "tools" / "test_map.py")
    assert spec is not None
    assert spec.loader is not None
    test_map = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(test_map)

    text, without = test_map.page()

    assert without == []
    assert rows(PAGE.read_text(encoding="utf-8")).keys() == rows(text).keys(), "run 'make docs'"


def test_every_test_on_the_map_is_there() -> None:
    shown = rows(PAGE.read_text(encoding="utf-8")).values()
    tests = {test for cell in shown for test in re.findall(r"`([\w/]+\.py)`", cell)}

    assert len(tests) > 100
    assert [test for test in tests if not (ROOT / "tests" / test).is_file()] == []


def rows(text: str) -> dict[str, str]:
    """Return what the page says of each module."""
    folder, tests_by_module = "", dict[str, str]()
    for package, file, tests in ROW.findall(text):
        folder = package or folder
        if file:
            tests_by_module[f"{folder}/{file}"] = tests
    return tests_by_module

"""The architecture page: current, names every package, and sends readers to files that exist."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.plain

ROOT = Path(__file__).resolve().parents[2]
PATH = re.compile(r"`((?:containment|cli|policies)/[\w./]*|__main__\.py)`")


@pytest.fixture(scope="module")
def architecture() -> ModuleType:
    spec = importlib.util.spec_from_file_location("architecture", ROOT / "tools/architecture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_and_the_lists_are_current(architecture: ModuleType) -> None:
    for path, text in architecture.files().items():
        assert path.read_text(encoding="utf-8") == text, "run 'make docs' and commit what it writes"


def test_every_package_is_on_the_page(architecture: ModuleType) -> None:
    page = architecture.PAGE.read_text(encoding="utf-8")
    packages = [path.parent.name for path in (ROOT / "containment").glob("*/__init__.py")]

    assert len(packages) > 10
    assert [name for name in packages if f"`containment.{name}`" not in page] == []


def test_every_file_that_the_page_names_exists(architecture: ModuleType) -> None:
    paths = PATH.findall(architecture.PAGE.read_text(encoding="utf-8"))

    assert len(paths) > 20
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_rows_put_importers_above_what_they_import(architecture: ModuleType) -> None:
    arrows = {"a": {"b", "c"}, "b": {"c"}, "c": set(), "d": {"c"}}

    assert architecture.rows(arrows) == [["a"], ["b", "d"], ["c"]]
    assert architecture.reduced(arrows) == {"a": {"b"}, "b": {"c"}, "c": set(), "d": {"c"}}


def test_a_circle_of_imports_is_named(architecture: ModuleType) -> None:
    with pytest.raises(ValueError, match="a -> b -> a"):
        architecture.rows({"a": {"b"}, "b": {"a"}})

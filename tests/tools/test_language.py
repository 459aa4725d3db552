"""The rules about words find what breaks them, and nothing else."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.plain

ROOT = Path(__file__).parents[2]


@pytest.fixture
def language(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The program, for a project in a folder of the test's own."""
    spec = importlib.util.spec_from_file_location("language", ROOT / "tools/language.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return module


def write(folder: Path, path: str, text: str) -> None:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("containment/a.py", "found = 1\n"),
        ("containment/a.py", "def _told(): ...\n"),
        ("containment/a.py", "def read(given): ...\n"),
        ("containment/a.py", "def read(live):\n    live.seen = 1\n"),
        ("containment/a.py", "class Held: ...\n"),
        ("tests/standing.py", ""),
        ("docs/a.md", f"What the {'th'}ief did.\n"),
        ("tests/a.py", f"def test_what_{'h'}e_did(): ...\n"),
        ("tests/a.py", f"def test_what_a_{'th'}ief_did(): ...\n"),
        ("tests/a.py", f"# What {'a a'}ttacker did.\n"),
        ("tests/a.py", "def test_it_ends(): ...\n"),
    ],
)
def test_a_name_or_a_word_that_breaks_a_rule_is_named_with_its_place(
    language: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    path: str,
    text: str,
) -> None:
    write(tmp_path, path, text)

    assert language.main([]) == 1
    assert capsys.readouterr().out.startswith(f"{path}:")


def test_a_class_name_in_two_modules_of_a_package_is_named_with_both(
    language: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("run/a", "run/b", "diff/a"):
        write(tmp_path, f"containment/{module}.py", "class Prior: ...\n")

    assert language.main([]) == 1
    assert capsys.readouterr().out == "containment/run: class Prior stands in a.py, b.py\n"


def test_nouns_and_what_is_stored_under_its_name_pass(
    language: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "containment/a.py", "live_deny = 1\n\ndef read_claim(user): ...\n")
    write(tmp_path, "containment/actions/inactive_credentials.py", "held: int\n")
    write(tmp_path, "README.md", "What the attacker did.\n")

    assert language.main([]) == 0
    assert capsys.readouterr().out == ""

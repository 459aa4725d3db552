"""A report's folder can be held to its manifest, by us and by anybody."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from containment.errors import ConflictError, NotFoundError, SpecError
from containment.incident_report import check_folder, write_folder

pytestmark = pytest.mark.plain

FILES = {"report.md": b"# Report\n", "evidence/ledger.jsonl": b"{}\n"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_folder(tmp_path / "report", FILES)
    return tmp_path / "report"


def test_the_manifest_is_one_that_sha256sum_reads(folder: Path) -> None:
    lines = (folder / "SHA256SUMS").read_text().splitlines()

    assert lines == [
        f"{hashlib.sha256(content).hexdigest()}  {name}" for name, content in sorted(FILES.items())
    ]
    assert check_folder(folder)[0] == 2


def test_the_hash_that_is_told_is_that_of_the_manifest(tmp_path: Path) -> None:
    digest = write_folder(tmp_path / "report", FILES)

    manifest = (tmp_path / "report" / "SHA256SUMS").read_bytes()
    assert digest == hashlib.sha256(manifest).hexdigest()
    assert check_folder(tmp_path / "report") == (2, digest)


def altered(folder: Path) -> None:
    (folder / "report.md").write_bytes(b"# Report.\n")


def missing(folder: Path) -> None:
    (folder / "evidence" / "ledger.jsonl").unlink()


def more(folder: Path) -> None:
    (folder / "evidence" / "verdict.json").write_bytes(b"{}")


def linked(folder: Path) -> None:
    (folder / "report.md").rename(folder.parent / "elsewhere")
    (folder / "report.md").symlink_to(folder.parent / "elsewhere")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (altered, "report.md was altered"),
        (missing, "evidence/ledger.jsonl is missing"),
        (more, "evidence/verdict.json is not in it"),
        (linked, "report.md is missing"),
    ],
)
def test_what_is_not_as_it_was_written_is_named(folder: Path, change: object, words: str) -> None:
    assert callable(change)
    change(folder)

    with pytest.raises(ConflictError, match=words):
        check_folder(folder)


@pytest.mark.parametrize("text", ["", "nonsense\n", f"{'0' * 64}  ../../etc/passwd\n"])
def test_a_manifest_that_is_none_is_refused(folder: Path, text: str) -> None:
    (folder / "SHA256SUMS").write_text(text)

    with pytest.raises(ConflictError, match="is no manifest"):
        check_folder(folder)


def test_without_a_manifest_there_is_nothing_to_check(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="has no SHA256SUMS"):
        check_folder(tmp_path)


def test_a_report_is_never_written_over_another(folder: Path) -> None:
    before = (folder / "SHA256SUMS").read_bytes()

    with pytest.raises(SpecError, match="is not empty"):
        write_folder(folder, {"report.md": b"other"})

    assert (folder / "SHA256SUMS").read_bytes() == before

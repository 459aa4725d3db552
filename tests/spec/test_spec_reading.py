"""What a spec file may hold as YAML: the plain part of it, and nothing that expands or pretends."""

from __future__ import annotations

from pathlib import Path

import pytest

from containment.errors import NotFoundError, SpecError
from containment.spec import SpecProblemsError, load
from containment.spec.reading import MAX_BYTES

pytestmark = pytest.mark.plain

HEAD = "incident: inc-2026-0042\n"
BOMB = HEAD + "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\ntargets: *c\n"

HOSTILE = {
    "empty": (b"", 1, "the file is empty"),
    "only a comment": (b"# nothing\n\n", 1, "the file is empty"),
    "only a document mark": (b"---\n", 2, "the file holds nothing"),
    "null": (b"null\n", 1, "the file holds nothing"),
    "a list": (b"- user: x\n", 1, "the file holds a list"),
    "a word": (b"release everybody\n", 1, "the file holds 'release everybody'"),
    "a number": (b"42\n", 1, "the file holds 42"),
    "NUL bytes": (b"\x00\x00\x00", 1, "control character"),
    "a control character": (b"incident: inc\x07\n", 1, "control character"),
    "an executable": (b"\x7fELF\x02\x01\xff\xfe", 1, "is not UTF-8"),
    "UTF-16": ("incident: x".encode("utf-16"), 1, "is not UTF-8"),
    "compressed": (b"\x1f\x8b\x08\x00abc\xff", 1, "is not UTF-8"),
    "too large": (b"#" * (MAX_BYTES + 1), 1, "larger than 1024 KiB"),
    "a duplicate field": (b"title: a\ntitle: b\n", 2, "is here twice, first on line 1"),
    "an anchor": (b"title: &a x\n", 1, "has the anchor '&a'"),
    "an anchor bomb": (BOMB.encode(), 2, "has the anchor '&a'"),
    "an alias to nothing": (b"title: *gone\n", 1, "has the alias '*gone'"),
    "a merge key": (b"base: &b {title: x}\n<<: *b\n", 2, "has the alias '*b'"),
    "a tag": (b"title: !!python/object/apply:os.system [id]\n", 1, "has the tag"),
    "a second document": (b"title: a\n---\ntitle: b\n", 2, "a second document begins here"),
    "a tab for indentation": (b"targets:\n\t- x\n", 2, "the file is not YAML"),
    "an open quote": (b"title: 'x\nowner: y\n", 3, "in what begins on line 1"),
    "an open bracket": (b"targets: [a, b\n", 2, "the file is not YAML"),
    "a colon in text": (b"title: key: leaked\n", 1, "the file is not YAML"),
    "an escape out of Unicode": (b'title: "\\UFFFFFFFF"\n', 1, "the file is not YAML"),
    "half a surrogate": (b'title: "\\ud800"\n', 1, "half of a character"),
    "a number as a field": (b"1: x\n", 1, "is not the name of a field"),
    "nothing as a field": (b"~: x\n", 1, "is not the name of a field"),
    "a list as a field": (b"? [a, b]\n: x\n", 1, "is not the name of a field"),
    "a field without a value": (b"? incident\n", 1, "expected text"),
    "deep brackets": (b"a: " + b"[" * 5000, 1, "nests far deeper"),
    "deep braces": (b"{" * 5000, 1, "nests far deeper"),
    "deep blocks": (b"\n".join(b" " * i + b"a:" for i in range(200)), 13, "nests far deeper"),
    "a very long list": (
        b"targets:\n" + b"- a\n" * 30_000,
        19_999,
        "more than an incident spec",
    ),
    "a wrong directive": (b"%YAML 9.9\n---\ntitle: x\n", 1, ""),
}


@pytest.mark.parametrize(("content", "line", "says"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_with_its_line_and_never_a_traceback(
    content: bytes, line: int, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "inc-2026-0042.yaml"
    path.write_bytes(content)

    with pytest.raises(SpecProblemsError) as caught:
        load(path)

    assert f"inc-2026-0042.yaml:{line}: " in str(caught.value)
    assert says in str(caught.value)


def test_a_missing_file_names_the_command_that_writes_one(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="containment open"):
        load(tmp_path / "inc-2026-0042.yaml")


def test_a_directory_is_not_a_spec(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="is not a file"):
        load(tmp_path)


def test_a_device_that_never_ends_is_not_read() -> None:
    with pytest.raises(SpecError, match="is not a file"):
        load(Path("/dev/zero"))


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        load(Path("a\x00b.yaml"))


def test_a_byte_order_mark_is_no_reason_to_refuse(tmp_path: Path) -> None:
    path = tmp_path / "inc-2026-0042.yaml"
    path.write_bytes(b"\xef\xbb\xbfincident: inc-2026-0042\n")

    with pytest.raises(SpecProblemsError) as caught:
        load(path)

    assert [p.field for _, p in caught.value.located_problems if "missing" not in p.what] == []


def test_windows_line_ends_keep_the_line_numbers(tmp_path: Path) -> None:
    path = tmp_path / "inc-2026-0042.yaml"
    path.write_bytes(b"incident: inc-2026-0042\r\ntitle: x\r\nownr: y\r\n")

    with pytest.raises(SpecProblemsError, match=r"inc-2026-0042\.yaml:3: ownr"):
        load(path)

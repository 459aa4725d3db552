"""What others put in a file's place, links and pipes and devices, is neither read nor written."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from cli.reviewing import write_text
from containment import descendants
from containment.engine.layout import ForeignProjectError
from containment.engine.ownership import require_stack_settings
from containment.errors import ContainmentError, UnavailableError
from containment.files import NoRegularFileError, read, replacing
from containment.review.change import of_project
from containment.run.project import Project
from containment.spec import load
from tests.spec.conftest import GOOD
from tests.support.project import STACK

pytestmark = pytest.mark.plain

SECRET = "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def _link(place: Path, other: Path) -> None:
    place.symlink_to(other)


def _link_to_nothing(place: Path, _other: Path) -> None:
    place.symlink_to(place.with_name("gone"))


def _pipe(place: Path, _other: Path) -> None:
    os.mkfifo(place)


def _device(place: Path, _other: Path) -> None:
    place.symlink_to("/dev/zero")


def _folder(place: Path, _other: Path) -> None:
    place.mkdir()


PLANTED: dict[str, Callable[[Path, Path], None]] = {
    "a link": _link,
    "a link to nothing": _link_to_nothing,
    "a pipe": _pipe,
    "a link to a device": _device,
    "a folder": _folder,
}
each_planted = pytest.mark.parametrize("planted", PLANTED)


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A file of the responder's that is none of a project's business."""
    file = tmp_path / "credentials"
    file.write_text(SECRET, encoding="utf-8")
    return file


@each_planted
def test_nothing_but_a_file_is_read(tmp_path: Path, other: Path, planted: str) -> None:
    PLANTED[planted](tmp_path / "planted", other)

    with pytest.raises(NoRegularFileError):
        read(tmp_path / "planted", 100)

    assert read(other, 5) == SECRET[:5].encode()


def test_nothing_is_read_behind_a_folder_that_is_a_link(tmp_path: Path, other: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project/stacks").symlink_to(tmp_path)

    with pytest.raises(NoRegularFileError):
        read(tmp_path / "project/stacks" / other.name, 100, within=tmp_path / "project")


@each_planted
def test_nothing_is_written_over_what_is_no_file(tmp_path: Path, other: Path, planted: str) -> None:
    place = tmp_path / "planted"
    PLANTED[planted](place, other)
    kind = place.lstat().st_mode

    with pytest.raises(UnavailableError, match="nothing is written there"), replacing(place) as to:
        to.write_text("ours")

    assert place.lstat().st_mode == kind
    assert other.read_text() == SECRET
    assert sorted(tmp_path.iterdir()) == sorted([place, other])


def test_nothing_is_written_behind_a_folder_of_the_checkout_that_is_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, checkout = tmp_path / "home", tmp_path / "checkout"
    home.mkdir()
    checkout.mkdir()
    (checkout / "out").symlink_to(home)
    monkeypatch.chdir(checkout)

    with pytest.raises(UnavailableError, match="behind, a link"), replacing(Path("out/x")) as to:
        to.write_text("ours")

    assert list(home.iterdir()) == []
    with replacing(Path("made/x")) as to:
        to.write_text("ours")
    assert Path("made/x").read_text() == "ours"


def readers(root: Path) -> dict[str, Callable[[], object]]:
    """Return what reads each kind of file that a project holds."""
    return {
        f"{STACK}.yaml": partial(load, root / "stacks" / f"{STACK}.yaml", stack=STACK),
        f"Pulumi.{STACK}.yaml": partial(require_stack_settings, root, STACK),
        f"Pulumi.{STACK}.json": partial(require_stack_settings, root, STACK),
        f"{STACK}.descendants.json": partial(
            descendants.load, descendants.path_beside(root / "stacks" / f"{STACK}.yaml")
        ),
    }


@each_planted
@pytest.mark.parametrize("name", list(readers(Path())))
def test_no_file_of_a_project_is_another_one(
    tmp_path: Path, other: Path, planted: str, name: str
) -> None:
    (tmp_path / "stacks").mkdir()
    PLANTED[planted](tmp_path / "stacks" / name, other)

    with pytest.raises(ContainmentError) as caught:
        readers(tmp_path)[name]()

    assert "is not a file" in str(caught.value) or "a link" in str(caught.value)
    assert "wJalr" not in str(caught.value)


@pytest.mark.parametrize("name", list(readers(Path())))
def test_the_folder_of_specs_is_the_projects_own(tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / name).write_text(GOOD, encoding="utf-8")
    (tmp_path / "stacks").symlink_to(elsewhere)

    with pytest.raises(ContainmentError, match="a link"):
        readers(tmp_path)[name]()


def test_the_settings_that_a_verb_reads_are_a_file(tmp_path: Path, other: Path) -> None:
    (tmp_path / "stacks").mkdir()
    place = tmp_path / "stacks" / f"Pulumi.{STACK}.yaml"
    assert Project(tmp_path).settings(STACK) == {}
    place.write_text("config: {'containment:role': x}", encoding="utf-8")
    assert Project(tmp_path).settings(STACK) == {"role": "x"}
    place.unlink()
    place.symlink_to(other)

    with pytest.raises(ContainmentError, match="a link") as caught:
        Project(tmp_path).settings(STACK)
    with pytest.raises(ForeignProjectError):
        require_stack_settings(tmp_path, STACK)
    assert "wJalr" not in str(caught.value)


def test_a_review_shows_nothing_of_what_a_spec_leads_to(tmp_path: Path, other: Path) -> None:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / f"{STACK}.yaml").symlink_to(other)

    (change,) = of_project(tmp_path, [STACK]).specs

    assert change.after is None
    assert change.problem == "is, or is behind, a link"


def test_a_comment_is_written_over_no_other_file(tmp_path: Path, other: Path) -> None:
    (tmp_path / "comment.md").symlink_to(other)

    with pytest.raises(UnavailableError, match="a link"):
        write_text(tmp_path / "comment.md", "ours")

    assert other.read_text() == SECRET
    write_text(tmp_path / "new.md", "ours")
    assert (tmp_path / "new.md").read_text() == "ours"

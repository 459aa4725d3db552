"""A change is read out of git as data: specs, everything else, and nothing that git would run."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from containment.errors import NotFoundError, SpecError, UnavailableError
from containment.review.change import WORKING_TREE, ProposedChange, between, of_project
from containment.review.revisions import Repository, open_repository

pytestmark = pytest.mark.process

SPEC = "incident: inc-1\n"


@dataclass
class Checkout:
    """A repository of git in a test's folder, whose project is in a folder of it."""

    top: Path
    project: Path

    @classmethod
    def make(cls, top: Path, prefix: str = "security") -> Checkout:
        made = cls(top, top / prefix)
        (made.project / "stacks").mkdir(parents=True)
        made.git("init", "-q", "-b", "main")
        made.write("containment.yaml", "guard_required: true\n")
        made.write("stacks/inc-old.yaml", SPEC)
        made.write("stacks/inc-gone.yaml", SPEC)
        made.commit("base")
        return made

    def git(self, *arguments: str) -> str:
        author = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        process = subprocess.run(
            ["git", *author, *arguments], cwd=self.top, capture_output=True, text=True, check=True
        )
        return process.stdout.strip()

    def write(self, name: str, text: str) -> None:
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def commit(self, message: str) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    @property
    def repository(self) -> Repository:
        return open_repository(self.project, os.environ)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout.make(tmp_path / "checkout")


def proposed(checkout: Checkout, head: str | None = "HEAD") -> ProposedChange:
    return between(checkout.repository, "main", head)


def test_specs_are_told_from_everything_else_and_the_profile_is_the_base_s(
    checkout: Checkout,
) -> None:
    checkout.git("checkout", "-q", "-b", "change")
    checkout.write("stacks/inc-old.yaml", f"{SPEC}title: x\n")
    checkout.write("stacks/inc-new.yaml", SPEC)
    (checkout.project / "stacks/inc-gone.yaml").unlink()
    checkout.write("containment.yaml", "guard_required: false\n")
    checkout.write("stacks/Pulumi.inc-old.yaml", "config: {}\n")
    checkout.write("stacks/inc-old.descendants.json", "{}\n")
    checkout.write("__main__.py", "print()\n")
    checkout.write('stacks/odd \t\n"ü`.yaml', SPEC)
    (checkout.top / "stacks").mkdir()
    (checkout.top / "stacks/inc-top.yaml").write_text(SPEC)
    checkout.commit("change")

    change = proposed(checkout)

    assert [(one.stack, one.kind) for one in change.specs] == [
        ("inc-gone", "deleted"),
        ("inc-new", "new"),
        ("inc-old", "changed"),
    ]
    assert change.specs[2].after == f"{SPEC}title: x\n".encode()
    assert set(change.others) == {
        "security/__main__.py",
        "security/containment.yaml",
        "security/stacks/Pulumi.inc-old.yaml",
        "security/stacks/inc-old.descendants.json",
        'security/stacks/odd \t\n"ü`.yaml',
        "stacks/inc-top.yaml",
    }
    assert change.files == {"containment.yaml": b"guard_required: true\n"}


def test_the_working_tree_counts_where_no_head_is_named_also_what_git_ignores(
    checkout: Checkout,
) -> None:
    checkout.write(".gitignore", "*.yaml\n")
    checkout.commit("ignored")
    checkout.write("stacks/inc-new.yaml", SPEC)
    checkout.write("stacks/inc-old.yaml", f"{SPEC}title: y\n")
    os.utime(checkout.project / "stacks/inc-gone.yaml", (1, 1))

    change = proposed(checkout, None)

    assert change.head == WORKING_TREE
    assert [(one.stack, one.kind) for one in change.specs] == [
        ("inc-new", "new"),
        ("inc-old", "changed"),
    ]


@pytest.mark.parametrize("bit", ["--assume-unchanged", "--skip-worktree"])
def test_a_file_that_git_is_told_not_to_look_at_counts_as_it_is(
    checkout: Checkout, bit: str
) -> None:
    (checkout.project / "tool").write_text("same")
    (checkout.project / "tool").chmod(0o755)
    checkout.commit("tool")
    listed = ("security/stacks/inc-old.yaml", "security/containment.yaml", "security/tool")
    checkout.git("update-index", bit, *listed)
    unchanged = proposed(checkout, None)
    assert (unchanged.specs, unchanged.others) == ((), ())

    checkout.write("stacks/inc-old.yaml", f"{SPEC}title: edited\n")
    checkout.write("containment.yaml", "guard_required: false\n")
    change = proposed(checkout, None)

    assert [(one.stack, one.kind, one.after) for one in change.specs] == [
        ("inc-old", "changed", f"{SPEC}title: edited\n".encode())
    ]
    assert change.others == ("security/containment.yaml",)
    (checkout.project / "stacks/inc-old.yaml").unlink()
    kinds = [one.kind for one in proposed(checkout, None).specs]
    assert kinds == (["deleted"] if bit == "--assume-unchanged" else [])


def test_a_tag_of_the_base_s_name_is_not_taken_for_the_base(checkout: Checkout) -> None:
    checkout.git("tag", "main")

    with pytest.raises(SpecError, match="more than one branch or tag"):
        proposed(checkout)

    assert between(checkout.repository, "refs/heads/main", "HEAD").base


def test_a_spec_that_nobody_named_is_told(checkout: Checkout) -> None:
    checkout.git("checkout", "-q", "-b", "change")
    checkout.write("stacks/inc-new.yaml", SPEC)
    (checkout.project / "stacks/inc-gone.yaml").unlink()
    checkout.commit("change")

    change = between(checkout.repository, "main", "HEAD", ["inc-new"])

    assert [one.stack for one in change.specs] == ["inc-new"]
    assert change.left_out == ("stacks/inc-gone.yaml",)


def test_what_the_base_changed_meanwhile_is_no_part_of_the_change(checkout: Checkout) -> None:
    checkout.git("checkout", "-q", "-b", "change")
    checkout.write("stacks/inc-new.yaml", SPEC)
    checkout.write("stacks/inc-old.yaml", f"{SPEC}title: ours\n")
    checkout.commit("change")
    checkout.git("checkout", "-q", "main")
    checkout.write("stacks/inc-later.yaml", SPEC)
    checkout.write("stacks/inc-old.yaml", f"{SPEC}title: theirs\n")
    checkout.commit("base goes on")

    change = proposed(checkout, "change")

    assert [one.stack for one in change.specs] == ["inc-new", "inc-old"]
    assert change.specs[1].after is None
    assert "rebase" in change.specs[1].problem


def test_a_link_is_no_spec_and_is_not_followed(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    link = checkout.project / "stacks/inc-link.yaml"
    link.symlink_to(tmp_path / "secret")

    in_tree = proposed(checkout, None).specs
    checkout.git("checkout", "-q", "-b", "change")
    checkout.commit("link")
    in_commit = proposed(checkout).specs

    for (one,) in (in_tree, in_commit):
        assert (one.stack, one.after) == ("inc-link", None)
        assert one.problem
        assert "secret" not in one.problem


def test_a_pipe_in_place_of_a_spec_is_told_and_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "stacks").mkdir()
    os.mkfifo(tmp_path / "stacks" / "inc-pipe.yaml")

    (change,) = of_project(tmp_path, ["inc-pipe"]).specs

    assert (change.after, change.problem) == (None, "is not a file")


@pytest.mark.parametrize("revision", ["--output=/tmp/x", "-h", "", "a\nb"])
def test_an_option_is_no_revision(checkout: Checkout, revision: str) -> None:
    with pytest.raises(SpecError, match="no revision"):
        between(checkout.repository, revision, "HEAD")


def test_what_is_not_there_or_has_no_common_past_is_said(checkout: Checkout) -> None:
    with pytest.raises(NotFoundError, match="no commit 'nowhere'"):
        between(checkout.repository, "nowhere", "HEAD")
    checkout.git("checkout", "-q", "--orphan", "other")
    checkout.commit("other")
    with pytest.raises(NotFoundError, match="no commit in common"):
        between(checkout.repository, "main", "other")
    with pytest.raises(NotFoundError, match="does not touch"):
        between(checkout.repository, "main", "main", ["inc-old"])
    with pytest.raises(NotFoundError, match="no spec"):
        of_project(checkout.project, ["../containment"])


def test_nothing_that_a_repository_names_is_run(checkout: Checkout, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\ncat\n")
    trap.chmod(0o755)
    for name in (
        *("core.fsmonitor", "diff.external", "diff.evil.textconv", "diff.evil.command"),
        *("core.pager", "pager.diff"),
    ):
        checkout.git("config", name, str(trap))
    checkout.git("config", "core.hooksPath", str(tmp_path))
    checkout.write(".gitattributes", "*.yaml diff=evil\n")
    checkout.commit("attributes")
    (tmp_path / "ran").unlink(missing_ok=True)
    checkout.write("stacks/inc-old.yaml", f"{SPEC}title: z\n")
    own_git = checkout.project / "git"
    own_git.write_text(trap.read_text())
    own_git.chmod(0o755)

    path = f"{checkout.project}:.:{os.environ['PATH']}"
    repository = open_repository(checkout.project, {**os.environ, "PATH": path})
    change = between(repository, "main", None)

    assert [one.stack for one in change.specs] == ["inc-old"]
    assert not (tmp_path / "ran").exists()
    with pytest.raises(UnavailableError, match="no git"):
        open_repository(checkout.project, {"PATH": str(checkout.project)})

"""What a change holds, read out of git as data: nothing that the change brings is run.

Only plumbing with fixed arguments is used, and none of what a repository may have git run for it:
hooks, file system monitors, external diffs and text conversions are off, objects that are not here
are not fetched, and replacements of objects do not count. Paths come with ``-z``, as bytes.

Sources: git(1), "ENVIRONMENT VARIABLES"; git-diff-tree(1), "RAW OUTPUT FORMAT"; git-config(1),
``core.fsmonitor``, ``core.hooksPath``; gitrevisions(7).
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from containment.errors import NotFoundError, SpecError, UnavailableError
from containment.text import plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_SAFE = (
    *("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}"),
    *("-c", f"core.attributesFile={os.devnull}", "-c", "protocol.allow=never"),
)
_ENVIRON = {
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_PAGER": "cat",
    "LC_ALL": "C",
}
_KEPT = ("PATH", "HOME", "XDG_CONFIG_HOME")
_RAW = ("-r", "-z", "--raw", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv")
_LONGEST_REVISION = 200
_PATIENCE_S = 60
_MOST_COMMITS = 1_000
REGULAR = frozenset({"100644", "100755"})


@dataclass(frozen=True, slots=True)
class Content:
    """A file as a revision or the working tree has it; *mode* is git's."""

    mode: str
    data: bytes

    @property
    def is_regular(self) -> bool:
        """True for a file, and neither a link nor a submodule."""
        return self.mode in REGULAR


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a tree, not read yet; *object_id* is empty for a file of the working tree."""

    path: str
    mode: str
    object_id: str = ""


@dataclass(frozen=True, slots=True)
class ChangedPath:
    """A path that two revisions do not have alike, from the top of the repository."""

    path: str
    before: Entry | None
    after: Entry | None


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of git; *prefix* is where the project stands in it, empty for its top."""

    git: str
    top: Path
    prefix: str
    environ: Mapping[str, str]

    def commit(self, revision: str) -> str:
        """Return the id of the commit that *revision* names.

        Raises:
            SpecError: it is an option, or no revision.
            NotFoundError: there is no such commit here.
        """
        shown = plain(revision)[:_LONGEST_REVISION]
        if not revision or revision.startswith("-") or not revision.isprintable():
            raise SpecError(
                f"'{shown}' is no revision of git", remedy="write a branch, a tag or a commit's id"
            )
        if len(self._refs(revision)) > 1:
            raise SpecError(
                f"'{shown}' is the name of more than one branch or tag, and whoever may push tags"
                " could choose the base by that",
                remedy=f"write it whole, such as refs/remotes/{shown}, or write a commit's id",
            )
        answer = self._ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^0")
        if answer is None:
            raise NotFoundError(
                f"there is no commit '{shown}' in {self.top}",
                remedy="fetch it first; in CI, check out with the whole history (fetch-depth: 0)",
            )
        return answer.decode("ascii").strip()

    def _refs(self, revision: str) -> list[str]:
        """Return the references that *revision* may be short for ("gitrevisions", refname)."""
        places = ("refs/", "refs/tags/", "refs/heads/", "refs/remotes/")
        listed = self._ask("for-each-ref", "--format=%(refname)") or b""
        references = set(listed.decode("utf-8", "surrogateescape").splitlines())
        return [f"{place}{revision}" for place in places if f"{place}{revision}" in references]

    def parting(self, base: str, head: str) -> str:
        """Return the commit at which *head* parted from *base*.

        Raises:
            NotFoundError: there is none in what is here, or more than one.
        """
        answer = self._ask("merge-base", "--all", base, head) or b""
        commits = answer.decode("ascii").split()
        if len(commits) == 1:
            return commits[0]
        what = "no commit in common" if not commits else f"{len(commits)} points where they part"
        raise NotFoundError(
            f"{base[:12]} and {head[:12]} have {what}, so nobody can tell what the change holds",
            remedy="fetch the whole history (fetch-depth: 0), or rebase the change on its base",
        )

    def between(self, before: str, after: str | None) -> tuple[ChangedPath, ...]:
        """Return what differs between two commits; the working tree where *after* is None."""
        if after is not None:
            return tuple(
                _changed(self._must("diff-tree", *_RAW, "--ignore-submodules=none", before, after))
            )
        listed = self._must("diff-index", *_RAW[1:], "--ignore-submodules=dirty", before)
        changed = [item for item in _changed(listed) if self._differs(item)]
        changed += self._hidden(before, {item.path for item in changed})
        changed_paths = {item.path for item in changed}
        untracked = {
            *self._names("--others", "--exclude-standard"),
            # A spec counts wherever git ignores it: what is in the folder is applied.
            *self._names("--others", "--", f"{self.prefix}stacks"),
        }
        changed += [
            ChangedPath(path, None, Entry(path, self._mode(path)))
            for path in sorted(untracked - changed_paths)
        ]
        return tuple(changed)

    def commits_between(self, base: str, head: str) -> tuple[str, ...]:
        """Return the commits that *head* has and *base* has not, the newest first.

        Raises:
            NotFoundError: they are too many to look at.
        """
        limit = f"--max-count={_MOST_COMMITS + 1}"
        listed = self._must("rev-list", limit, "--end-of-options", head, f"^{base}")
        commits = tuple(listed.decode("ascii").split())
        if len(commits) > _MOST_COMMITS:
            raise NotFoundError(
                f"there are more than {_MOST_COMMITS} commits in the change, which nobody reviewed",
                remedy="make several changes of it",
            )
        return commits

    def commit_object(self, commit: str) -> bytes:
        """Return *commit* as git keeps it, with the signature in its head."""
        return self._must("cat-file", "commit", commit)

    def holds(self, commit: str, other: str) -> bool:
        """Tell whether *other* is *commit*, came before it, or has the same content."""
        if self._ask("merge-base", "--is-ancestor", other, commit) is not None:
            return True
        trees = [self._must("rev-parse", "--verify", f"{one}^{{tree}}") for one in (commit, other)]
        return trees[0] == trees[1]

    def entry(self, commit: str, path: str) -> Entry | None:
        """Return what *commit* has at *path*, from the top; None where it has nothing."""
        listed = self._must("ls-tree", "-z", "--full-tree", commit, "--", path)
        for row in filter(None, listed.split(b"\0")):
            head, _, name = row.partition(b"\t")
            mode, kind, object_id = head.decode("ascii").split()
            if os.fsdecode(name) == path and kind == "blob":
                return Entry(path, mode, object_id)
        return None

    def names_in(self, commit: str, folder: str) -> list[str]:
        """Return the names of what *commit* has in *folder*, which ends in a slash."""
        listed = self._ask("ls-tree", "-z", "--full-tree", "--name-only", commit, "--", folder)
        paths = (os.fsdecode(name) for name in (listed or b"").split(b"\0") if name)
        return [path.removeprefix(folder) for path in paths]

    def read(self, entry: Entry, limit: int) -> Content:
        """Return the content of *entry*; no more than *limit* + 1 bytes of it.

        Raises:
            UnavailableError: it cannot be read.
        """
        if not entry.object_id:
            return Content(entry.mode, self._on_disk(entry.path, limit))
        size = int(self._must("cat-file", "-s", entry.object_id))
        if size > limit:
            return Content(entry.mode, b"\0" * (limit + 1))
        return Content(entry.mode, self._must("cat-file", "blob", entry.object_id))

    def _differs(self, item: ChangedPath) -> bool:
        """Tell whether the content differs, and not only the times that git remembers of it."""
        if item.before is None or item.after is None or item.after.object_id:
            return True
        if item.before.mode != item.after.mode or item.before.mode not in REGULAR:
            return True
        try:
            size = (self.top / item.path).lstat().st_size
        except OSError:
            return True
        if int(self._must("cat-file", "-s", item.before.object_id)) != size:
            return True
        before = self._must("cat-file", "blob", item.before.object_id)
        return before != self._on_disk(item.path, size)

    def _hidden(self, before: str, known_paths: Collection[str]) -> Iterator[ChangedPath]:
        """Yield what differs in files that git was told not to look at.

        A file that a sparse checkout left out is on no disk and not changed. Source: git-ls-files,
        "-v" (a lower-case tag is assume-unchanged) and "-t" (``S`` is skip-worktree).
        """
        listed = self._must("ls-files", "-z", "--full-name", "-v")
        rows = (os.fsdecode(row).partition(" ") for row in listed.split(b"\0") if row)
        tagged = {path: tag for tag, _, path in rows if tag.islower() or tag.upper() == "S"}
        unlooked = [path for path in sorted(tagged) if path not in known_paths]
        entries = self._entries(before) if unlooked else {}
        for path in unlooked:
            mode = self._mode(path)
            if mode == "000000" and not os.path.lexists(self.top / path):
                if tagged[path].upper() != "S":
                    yield ChangedPath(path, entries.get(path), None)
                continue
            was = entries.get(path)
            if was is not None and {was.mode, mode} <= REGULAR:
                mode = was.mode  # whether it may be run says nothing of what it holds
            item = ChangedPath(path, was, Entry(path, mode))
            if self._differs(item):
                yield item

    def _entries(self, commit: str) -> dict[str, Entry]:
        """Return all files that *commit* has, by path."""
        entries: dict[str, Entry] = {}
        for row in filter(
            None, self._must("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")
        ):
            head, _, name = row.partition(b"\t")
            mode, _, object_id = head.decode("ascii").split()
            path = os.fsdecode(name)
            entries[path] = Entry(path, mode, object_id)
        return entries

    def _names(self, *options: str) -> Iterator[str]:
        listed = self._must("ls-files", "-z", "--full-name", *options)
        yield from (os.fsdecode(name) for name in listed.split(b"\0") if name)

    def _mode(self, path: str) -> str:
        try:
            kind = (self.top / path).lstat().st_mode
        except OSError:
            return "000000"
        return "120000" if stat.S_ISLNK(kind) else "100644" if stat.S_ISREG(kind) else "000000"

    def _on_disk(self, path: str, limit: int) -> bytes:
        try:
            file = os.open(self.top / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(file, "rb") as opened:
                return opened.read(limit + 1)
        except OSError as error:
            raise UnavailableError(
                f"{plain(path)} cannot be read: {error.strerror or error}",
                remedy="see its owner and mode",
            ) from error

    def _must(self, *arguments: str) -> bytes:
        answer = self._ask(*arguments)
        if answer is None:
            raise UnavailableError(
                f"git {arguments[0]} failed in {self.top}",
                remedy="run 'git fsck'; in CI, check out with the whole history (fetch-depth: 0)",
            )
        return answer

    def _ask(self, *arguments: str) -> bytes | None:
        return _run(self.git, self.top, self.environ, *arguments)


def open_repository(project: Path, environ: Mapping[str, str]) -> Repository:
    """Return the repository that *project* is in.

    Raises:
        UnavailableError: git is not on PATH.
        NotFoundError: there is no repository around *project*.
    """
    root = project.resolve()
    git = find_program("git", root, environ.get("PATH", os.defpath))
    kept = {name: environ[name] for name in _KEPT if name in environ}
    made = {**kept, **_ENVIRON}
    answer = _run(git, root, made, "rev-parse", "--show-toplevel", "--show-prefix")
    if answer is None:
        raise NotFoundError(
            f"{root} is in no repository of git that you own",
            remedy="run it in a checkout, or name the incidents to review",
        )
    top, prefix = os.fsdecode(answer).split("\n")[:2]
    return Repository(git, Path(top), prefix, made)


def find_program(name: str, root: Path, path: str) -> str:
    """Return *name* as an absolute PATH outside the checkout has it: a change brings no program.

    Raises:
        UnavailableError: there is none.
    """
    top = next((one for one in (root, *root.parents) if (one / ".git").exists()), root)
    places = [
        place
        for place in path.split(os.pathsep)
        if place and Path(place).is_absolute() and not Path(place).resolve().is_relative_to(top)
    ]
    program = shutil.which(name, path=os.pathsep.join(places)) if places else None
    if program is None or Path(program).resolve().is_relative_to(top):
        raise UnavailableError(f"there is no {name} on PATH", remedy=f"install {name}")
    return program


def _run(git: str, folder: Path, environ: Mapping[str, str], *arguments: str) -> bytes | None:
    try:
        process = subprocess.run(  # noqa: S603 -- git, with arguments of ours
            [git, "--no-pager", *_SAFE, *arguments],
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_PATIENCE_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(
            f"git {arguments[0]} gave no answer", remedy="run it again; see 'git fsck'"
        ) from error
    return process.stdout if process.returncode == 0 else None


def _changed(listed: bytes) -> Iterator[ChangedPath]:
    """Yield the rows of raw output: ``:mode mode id id status NUL path NUL``."""
    parts = listed.split(b"\0")
    for head, name in zip(parts[0::2], parts[1::2], strict=False):
        modes = head.decode("ascii").removeprefix(":").split()
        path = os.fsdecode(name)
        ids = ["" if set(one) == {"0"} else one for one in modes[2:4]]
        before = Entry(path, modes[0], ids[0]) if set(modes[0]) != {"0"} else None
        after = Entry(path, modes[1], ids[1]) if set(modes[1]) != {"0"} else None
        yield ChangedPath(path, before, after)

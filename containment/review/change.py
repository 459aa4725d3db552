"""What a change proposes: the specs in it, and everything else, which nobody here runs or reads.

Profile, program, policies and what a lift is held up by are those of the base: a change contributes
``stacks/<incident>.yaml`` and nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from containment import files as disk
from containment.errors import ContainmentError, NotFoundError, SpecError
from containment.profile import FILE
from containment.spec.reading import MAX_BYTES
from containment.text import plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from containment.review.revisions import ChangedPath, Content, Entry, Repository

Kind = Literal["new", "changed", "deleted", "named"]
"""What a change does to a spec; ``named`` where no revisions are compared."""

WORKING_TREE = "working tree"
_FOLDER = "stacks/"
_SPEC = re.compile(r"stacks/([a-z0-9][a-z0-9-]{2,39})\.yaml")
# What a lift reads beside its spec; its content at the base counts.
_BESIDE = ".descendants.json"


@dataclass(frozen=True, slots=True)
class SpecChange:
    """One spec that a change touches.

    Attributes:
        stack: the incident.
        kind: what the change does to it.
        before: its content at the base; None where it has none.
        after: its content in the change; None where it is deleted.
        problem: why its content cannot be taken for a spec at all; empty where it can.
    """

    stack: str
    kind: Kind
    before: bytes | None = None
    after: bytes | None = None
    problem: str = ""

    @property
    def file(self) -> str:
        """Its path in the project."""
        return f"{_FOLDER}{self.stack}.yaml"


@dataclass(frozen=True, slots=True)
class ProposedChange:
    """A change as a whole.

    Attributes:
        base: the commit whose profile counts; empty where no revisions are compared.
        head: the commit that holds the change, or the working tree.
        specs: the specs in it, by name.
        others: every other path in it, which needs a review of code first.
        files: path and content of what counts from the base besides specs, by path in the project.
        incidents: the incidents that have a spec at the base.
        left_out: the specs in it that nobody asked about, by path.
    """

    base: str
    head: str
    specs: tuple[SpecChange, ...]
    others: tuple[str, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    incidents: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def between(
    repository: Repository, base: str, head: str | None, names: Sequence[str] = ()
) -> ProposedChange:
    """Return what the change from *base* to *head* proposes; to the working tree without *head*.

    Only the specs of *names* are returned, where any are given; all else in the change still is.

    Raises:
        SpecError: a revision is none.
        NotFoundError: a commit, or one of *names*, is not in the change.
        UnavailableError: git cannot read what is there.
    """
    base_id = repository.commit(base)
    head_id = repository.commit(head) if head is not None else None
    parted = repository.parting(base_id, head_id or repository.commit("HEAD"))
    moved = {item.path for item in repository.between(parted, base_id)} if parted != base_id else ()
    specs: list[SpecChange] = []
    others: list[str] = []
    for item in repository.between(parted, head_id):
        match = _SPEC.fullmatch(item.path.removeprefix(repository.prefix))
        if match is None or not item.path.startswith(repository.prefix):
            others.append(item.path)
        else:
            specs.append(_spec_change(repository, item, match[1], moved))
    chosen = _chosen(specs, names)
    return ProposedChange(
        base_id,
        head_id or WORKING_TREE,
        tuple(sorted(chosen, key=lambda one: one.stack)),
        tuple(sorted(others)),
        dict(_of_base(repository, base_id, chosen)),
        tuple(_incidents(repository.names_in(base_id, f"{repository.prefix}{_FOLDER}"))),
        tuple(sorted(one.file for one in specs if one not in chosen)),
    )


def of_project(root: Path, names: Sequence[str]) -> ProposedChange:
    """Return what applying the specs of *names* in *root* proposes, as they are there.

    Raises:
        NotFoundError: one of *names* has no spec there.
    """
    specs: list[SpecChange] = []
    for stack in dict.fromkeys(names):
        path = root / _FOLDER / f"{stack}.yaml"
        if not _SPEC.fullmatch(f"{_FOLDER}{stack}.yaml") or not path.exists():
            raise NotFoundError(
                f"there is no spec {_FOLDER}{plain(stack)}.yaml in {root}",
                remedy="name one that is there; one that was deleted is found by --base",
            )
        specs.append(_in_folder(stack, path))
    files = {
        name: (root / name).read_bytes()
        for name in _counting(one.stack for one in specs)
        if (root / name).is_file()
    }
    incidents = tuple(_incidents(path.name for path in (root / _FOLDER).iterdir()))
    return ProposedChange("", WORKING_TREE, tuple(specs), files=files, incidents=incidents)


def _in_folder(stack: str, path: Path) -> SpecChange:
    """Return the spec at *path*; to open what is no file, such as a pipe, might never end."""
    try:
        after = disk.read(path, MAX_BYTES + 1, within=path.parent.parent)
        return SpecChange(stack, "named", after=after)
    except disk.NoRegularFileError as error:
        return SpecChange(stack, "named", problem=str(error.strerror))
    except OSError as error:
        return SpecChange(stack, "named", problem=f"cannot be read: {error.strerror or error}")


def _spec_change(
    repository: Repository, item: ChangedPath, stack: str, moved: Collection[str]
) -> SpecChange:
    before = repository.read(item.before, MAX_BYTES) if item.before else None
    kind: Kind = "deleted" if item.after is None else "new" if before is None else "changed"
    kept = before.data if before is not None and before.is_regular else None
    after: Content | None = None
    try:
        after = repository.read(item.after, MAX_BYTES) if item.after else None
    except ContainmentError as error:
        return SpecChange(stack, kind, kept, None, error.message)
    problem = ""
    if after is not None and not after.is_regular:
        problem = f"is no file but of git's mode {after.mode}: a link may lead to anything"
    elif item.path in moved:
        problem = "was changed on the base as well, so what a merge holds is not known: rebase"
    data = after.data if after is not None and not problem else None
    return SpecChange(stack, kind, kept, data, problem)


def _chosen(specs: Sequence[SpecChange], names: Sequence[str]) -> list[SpecChange]:
    if not names:
        return list(specs)
    by_name = {one.stack: one for one in specs}
    for name in names:
        if name not in by_name:
            raise NotFoundError(
                f"the change does not touch the spec of '{plain(name)}'",
                remedy="name one that it touches, or leave the names out",
            )
    return [by_name[name] for name in dict.fromkeys(names)]


def _incidents(names: Iterable[str]) -> Iterator[str]:
    matches = (_SPEC.fullmatch(f"{_FOLDER}{name}") for name in names)
    yield from (match[1] for match in matches if match)


def _counting(stacks: Iterable[str]) -> list[str]:
    """Return the paths of what counts for *stacks* besides their specs."""
    names = [FILE]
    for stack in stacks:
        names += [f"{_FOLDER}{stack}{_BESIDE}", f"{_FOLDER}Pulumi.{stack}.yaml"]
    return names


def _of_base(
    repository: Repository, base: str, specs: Sequence[SpecChange]
) -> list[tuple[str, bytes]]:
    files: list[tuple[str, bytes]] = []
    for name in _counting(one.stack for one in specs):
        entry: Entry | None = repository.entry(base, f"{repository.prefix}{name}")
        if entry is None:
            continue
        content = repository.read(entry, MAX_BYTES)
        if not content.is_regular:
            raise SpecError(
                f"{name} at the base is no file but of git's mode {content.mode}",
                remedy="put a file there",
            )
        files.append((name, content.data))
    return files

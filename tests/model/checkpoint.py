"""A stack's state as the engine keeps it: what is written when, and what is forgotten.

The rules are those of the engine's snapshot manager (``pkg/backend/snapshot.go``, version 3.259):
a pending operation is written before the provider is called and the outcome after it; what a plain
error ended is not written; interrupted creates are carried along for good, interrupted updates and
deletes until the next run.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from google.protobuf.struct_pb2 import Struct


@dataclass(eq=False)
class Resource:
    """One resource.

    *refresh* is set where the provider asked to be read before an update, which an error never
    does; *deleting* on what a replacement has to delete yet.
    """

    urn: str
    type: str
    name: str
    parent: str | None
    inputs: Struct
    outputs: Struct
    id: str = ""
    init_errors: tuple[str, ...] = ()
    refresh: bool = False
    taint: bool = False
    protect: bool = False
    deleting: bool = False


@dataclass(frozen=True)
class Pending:
    """An operation that was begun; *resource* holds its inputs."""

    operation: str
    resource: Resource


@dataclass(frozen=True)
class Checkpoint:
    """A whole state. *provider* tells whether the default provider is in it."""

    resources: tuple[Resource, ...] = ()
    pending: tuple[Pending, ...] = ()
    provider: bool = False

    def live(self, urn: str) -> Resource | None:
        """Return the resource *urn*, not one that is only waiting to be deleted."""
        matching = (item for item in self.resources if item.urn == urn and not item.deleting)
        return next(matching, None)

    def copy(self) -> Checkpoint:
        """Return this state with resources of its own."""
        return replace(self, resources=tuple(replace(item) for item in self.resources))


@dataclass
class Backend:
    """Where the state lies; *written* are all that it ever was, the oldest first."""

    state: Checkpoint = field(default_factory=Checkpoint)
    written: list[Checkpoint] = field(default_factory=list)

    def write(self, state: Checkpoint) -> None:
        """Replace the state."""
        self.written.append(self.state)
        self.state = state.copy()


@dataclass
class Snapshots:
    """What one run has done so far, merged with what was there before."""

    backend: Backend
    base: Checkpoint
    news: list[Resource] = field(default_factory=list)
    ended: set[int] = field(default_factory=set)
    begun: list[Pending] = field(default_factory=list)
    provider: bool = False

    def begin(self, operation: str, resource: Resource) -> Pending:
        """Note that *operation* begins, durably."""
        pending = Pending(operation, resource)
        self.begun.append(pending)
        self.save()
        return pending

    def end(
        self, pending: Pending, *, new: Resource | None = None, removed: Resource | None = None
    ) -> None:
        """Note how it ended: *new* takes the place of *gone*; neither where it failed."""
        self.begun.remove(pending)
        self.same(new, removed)
        self.save()

    def same(self, new: Resource | None, removed: Resource | None) -> None:
        """Take *new* in place of *gone*, in memory."""
        if removed is not None:
            self.ended.add(id(removed))
        if new is not None:
            self.news.append(new)

    def save(self) -> None:
        """Write everything."""
        resources = [item for item in self.news if id(item) not in self.ended]
        resources += [item for item in self.base.resources if id(item) not in self.ended]
        creating = [item for item in self.base.pending if item.operation == "creating"]
        self.backend.write(
            Checkpoint(
                tuple(resources),
                (*self.begun, *creating),
                provider=self.provider,
            )
        )

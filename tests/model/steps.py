"""The steps of a run, with what the state remembers of each: begun before, ended after."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2

from tests.model.checkpoint import Pending, Resource, Snapshots
from tests.model.conductor import Dead
from tests.model.program import Registration
from tests.model.provider import CallError, Provider

if TYPE_CHECKING:
    from tests.model.engine import Engine

Diffs = provider_pb2.DiffResponse
_HANDSHAKE = provider_pb2.ProviderHandshakeRequest()
_PROVIDER_ID = "49369c8d-7391-404d-953f-ba0b702d73bc"


@dataclass(frozen=True)
class Options:
    """What a phase is asked to do."""

    dry: bool = False
    program: bool = True
    deletes: bool = True
    refresh_all: bool = False
    replace: frozenset[str] = frozenset()
    target: frozenset[str] = frozenset()
    continue_on_error: bool = True

    def as_preview(self) -> Options:
        return replace(self, dry=True)


class Steps:
    """Creates, updates and deletes, and the checkpoints around each."""

    def __init__(self, engine: Engine, options: Options) -> None:
        self.engine, self.options = engine, options
        self.base = engine.state.copy()
        self.snapshots = Snapshots(engine.backend, self.base, provider=self.base.provider)
        self.calling: dict[int, Provider] = {}
        self.errors: list[str] = []
        self.log: list[tuple[str, Any, Any]] = []
        self._failed: set[str] = set()
        self._serving: Provider | None = None

    @property
    def _stopped(self) -> bool:
        failed = bool(self._failed) and not self.options.continue_on_error
        return failed or self.engine.interrupted

    def _call(self, method: str, request: Any) -> Any:
        provider = self._serving
        if provider is None:
            raise AssertionError("no provider was started")
        task = self.engine.conductor.current
        entry: list[Any] = [method, request, None]
        self.log.append(entry)  # type: ignore[arg-type]
        self.calling[id(task)] = provider
        try:
            entry[2] = provider.call(method, request)
        except CallError as error:
            entry[2] = error
            if not self.engine.is_dead:
                raise
        finally:
            self.calling.pop(id(task), None)
        if self.engine.is_dead:
            entry[2] = None  # nobody was there to hear it
            raise Dead
        return entry[2]

    def _error(self, urn: str, message: str) -> None:
        self._failed.add(urn)
        self.errors.append(message)

    # Refresh

    def _begin(self, operation: str, resource: Resource) -> Pending:
        self.engine.moment(f"checkpoint:{operation}:{_short(resource)}:unwritten")
        pending = self.snapshots.begin(operation, resource)
        self.engine.moment(f"checkpoint:{operation}:{_short(resource)}:begun")
        return pending

    def _end(self, pending: Pending, **changes: Resource | None) -> None:
        label = f"checkpoint:{pending.operation}:{_short(pending.resource)}"
        self.engine.moment(f"{label}:answered")
        self.snapshots.end(pending, **changes)
        self.engine.moment(f"{label}:ended")

    def _create(self, item: Registration, inputs: Struct, old: Resource | None) -> Struct | None:
        if self._stopped:
            return None
        new = Resource(item.urn, item.type, item.name, item.parent, inputs, Struct())
        request = provider_pb2.CreateRequest(
            urn=item.urn,
            name=item.name,
            type=item.type,
            properties=inputs,
            preview=self.options.dry,
        )
        pending = None if self.options.dry else self._begin("creating", new)
        try:
            answer = self._call("Create", request)
        except CallError as error:
            self._error(item.urn, str(error))
            if pending is not None:
                self._end(pending, new=_kept(new, error))
            return None
        new.id, new.outputs = answer.id, answer.properties
        new.refresh = answer.refresh_before_update
        if old is not None:
            old.deleting = True
        if pending is not None:
            self._end(pending, new=new)
        return new.outputs

    def _update(self, old: Resource, inputs: Struct) -> Struct | None:
        if self._stopped:
            return None
        new = replace(old, inputs=inputs, init_errors=())
        request = provider_pb2.UpdateRequest(
            id=old.id,
            urn=old.urn,
            name=old.name,
            type=old.type,
            olds=old.outputs,
            old_inputs=old.inputs,
            news=inputs,
            preview=self.options.dry,
        )
        pending = None if self.options.dry else self._begin("updating", new)
        try:
            answer = self._call("Update", request)
        except CallError as error:
            self._error(old.urn, str(error))
            if pending is not None:
                kept = _kept(replace(new, inputs=old.inputs), error)
                self._end(pending, new=kept, removed=old if kept is not None else None)
            return None
        new.outputs, new.refresh = answer.properties, answer.refresh_before_update
        if pending is not None:
            self._end(pending, new=new, removed=old)
        return new.outputs

    def _delete(self, old: Resource) -> None:
        if self._stopped:
            return
        pending = self._begin("deleting", old)
        request = provider_pb2.DeleteRequest(
            id=old.id,
            urn=old.urn,
            name=old.name,
            type=old.type,
            properties=old.outputs,
            old_inputs=old.inputs,
        )
        try:
            self._call("Delete", request)
        except CallError as error:
            self._error(old.urn, str(error))
            self._end(pending)
            return
        self._end(pending, removed=old)


def _kept(resource: Resource, error: CallError) -> Resource | None:
    """Return what the state keeps of a step that failed: nothing, unless the provider said so."""
    if error.kept is None:
        return None
    resource.id = error.kept.id
    resource.outputs = error.kept.properties
    resource.init_errors, resource.refresh = tuple(error.kept.reasons), False
    return resource


def _short(resource: Resource) -> str:
    return f"{resource.type.rpartition(':')[2]}:{resource.name.rpartition('/')[2]}"

"""One phase of a command: refresh what asks for it, run the program, delete what is no more."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2
from pulumi.runtime.rpc import UNKNOWN

from containment.errors import ContainmentError
from tests.model.checkpoint import Resource
from tests.model.conductor import Dead
from tests.model.program import PROJECT, Registration, registrations
from tests.model.provider import CallError, Provider
from tests.model.steps import Options, Steps

if TYPE_CHECKING:
    from tests.model.engine import Engine

Diffs = provider_pb2.DiffResponse
_HANDSHAKE = provider_pb2.ProviderHandshakeRequest()
_PROVIDER_ID = "49369c8d-7391-404d-953f-ba0b702d73bc"


class Run(Steps):
    """One phase."""

    def __init__(self, engine: Engine, options: Options) -> None:
        super().__init__(engine, options)
        self.providers: list[Provider] = []
        self._registered: set[str] = set()
        self._bailed = False

    @property
    def messages(self) -> list[str]:
        """What providers told the engine."""
        return [message for each in self.providers for _, _, message in each.voice.heard]

    def go(self) -> bool:
        """Do it; tell whether all went well."""
        engine = self.engine
        engine.conversations.append(self.log)
        try:
            self._go()
        finally:
            if not engine.is_dead:
                self._close()
        return not self.errors

    def take_over(self, urn: str, name: str, resource_id: str) -> None:
        """Import one snapshot."""
        self.engine.conversations.append(self.log)
        self._start(is_configured=self.base.provider)
        if not self.base.provider:
            self._configure()
        self._all([lambda: self._import(urn, name, resource_id)])
        self._close()

    def _close(self) -> None:
        for each in self.providers:
            self.log.append(("Cancel", None, None))
            each.cancel()
            each.close()

    def _go(self) -> None:
        options = self.options
        refreshed = [
            item
            for item in self.base.resources
            if (options.refresh_all or item.refresh) and self._targeted(item.urn)
        ]
        if refreshed:
            self._start(is_configured=True)
            self._all([lambda item=item: self._read(item) for item in refreshed])  # type: ignore[misc]
            if self.errors:
                self._save_last()
                return
        if options.program:
            self._run_program()
        if options.deletes and not self._bailed and not self._stopped:
            self._delete_all()
        self._save_last()

    def _targeted(self, urn: str) -> bool:
        return not self.options.target or urn in self.options.target

    def _save_last(self) -> None:
        if not self.options.dry:
            self.engine.moment("checkpoint:last")
            self.snapshots.save()

    # Providers

    def _start(self, *, is_configured: bool) -> Provider:
        """Start a provider process; one that the state knows is configured at once."""
        engine = self.engine
        provider = Provider(
            engine.cloud,
            engine.conductor,
            engine.directory,
            struck=lambda who, what, when: engine.moment(f"call:{what}:{when}", who),
        )
        self.providers.append(provider)
        self._serving, before = provider, self._serving
        self._call("Handshake", _HANDSHAKE)
        self._call("GetPluginInfo", Empty())
        if is_configured:
            self._configure()
        if before is not None:
            self._serving = before
        return provider

    @property
    def _provider(self) -> dict[str, Any]:
        kind = f"pulumi:providers:{PROJECT}"
        urn = f"urn:pulumi:{self.engine.stack}::{PROJECT}::{kind}::default"
        return {"urn": urn, "name": "default", "type": kind}

    def _configure(self) -> None:
        is_known = not self.options.dry or self.base.provider
        request = provider_pb2.ConfigureRequest(
            args=Struct(),
            acceptSecrets=True,
            acceptResources=True,
            sends_old_inputs=True,
            sends_old_inputs_to_delete=True,
            id=_PROVIDER_ID if is_known else UNKNOWN,
            **self._provider,
        )
        self._call("Configure", request)

    def _register_provider(self) -> None:
        before = self._serving
        fresh = self._start(is_configured=False)
        self._serving = fresh
        check = provider_pb2.CheckRequest(olds=Struct(), news=Struct(), **self._provider)
        self._call("CheckConfig", check)
        if self.base.provider:
            diff = provider_pb2.DiffRequest(
                olds=Struct(), news=Struct(), old_inputs=Struct(), **self._provider
            )
            self._call("DiffConfig", diff)
        if before is not None:
            self._serving = before
        else:
            self._configure()
        self.snapshots.provider = True
        if not self.options.dry and not self.base.provider:
            self.snapshots.save()

    def _all(self, works: list[Callable[[], None]]) -> None:
        """Run *works* side by side, and whatever they add."""
        for work in works:
            self.engine.conductor.add(work)
        self.engine.conductor.run()
        if self.engine.is_dead:
            raise Dead
        self.engine.conductor.clear()

    def _read(self, old: Resource) -> None:
        if self.engine.interrupted:
            return
        try:
            answer = self._call(
                "Read",
                provider_pb2.ReadRequest(
                    id=old.id,
                    urn=old.urn,
                    name=old.name,
                    type=old.type,
                    properties=old.outputs,
                    inputs=old.inputs,
                ),
            )
            if not answer.id:
                self._forget(old)
                return
            request = provider_pb2.DiffRequest(
                id=answer.id,
                urn=old.urn,
                name=old.name,
                type=old.type,
                olds=answer.properties,
                old_inputs=answer.inputs,
                news=old.inputs,
            )
            self._call("Diff", request)
        except CallError as error:
            self._error(old.urn, str(error))
            return
        old.outputs, old.inputs, old.init_errors = answer.properties, answer.inputs, ()
        old.refresh = answer.refresh_before_update

    def _forget(self, resource: Resource) -> None:
        rest = tuple(item for item in self.base.resources if item is not resource)
        self.base = self.snapshots.base = replace(self.base, resources=rest)

    # Program

    def _run_program(self) -> None:
        self._register_provider()
        try:
            declared = list(registrations(self.engine.directory, self.engine.stack))
        except ContainmentError as error:
            self._bail(str(error))
            return
        self._all(
            [
                lambda items=items: self._register(items[0], items[1:], None)  # type: ignore[misc]
                for items in declared
            ]
        )

    def _register(
        self, item: Registration, children: tuple[Registration, ...], parent: Struct | None
    ) -> None:
        if self._bailed or self._stopped:
            return
        outputs = self._one(item, parent)
        for child in children:
            self.engine.conductor.add(
                lambda child=child: self._register(child, (), outputs)  # type: ignore[misc]
            )

    def _one(self, item: Registration, parent: Struct | None) -> Struct | None:
        """Register one resource; return its outputs, None where there are none."""
        old = self.base.live(item.urn)
        if not self._targeted(item.urn):
            self._registered.add(item.urn)
            return old.outputs if old is not None else None
        replacing = old is not None and (item.urn in self.options.replace or old.taint)
        inputs = self._checked(item, parent, None if replacing else old)
        if inputs is None:
            return None
        self._registered.add(item.urn)
        if item.parent in self._failed:
            self._failed.add(item.urn)
            return None
        if old is None or replacing:
            return self._create(item, inputs, old)
        return self._diffed(item, inputs, parent, old)

    def _diffed(
        self, item: Registration, inputs: Struct, parent: Struct | None, old: Resource
    ) -> Struct | None:
        request = provider_pb2.DiffRequest(
            id=old.id,
            urn=old.urn,
            name=old.name,
            type=old.type,
            olds=old.outputs,
            old_inputs=old.inputs,
            news=inputs,
        )
        try:
            diff = self._call("Diff", request)
        except CallError as error:
            self._bail(str(error))
            return None
        if diff.replaces:
            again = self._checked(item, parent, None)
            return self._create(item, again, old) if again is not None else None
        if diff.changes == Diffs.DIFF_SOME or old.init_errors:
            return self._update(old, inputs)
        self.snapshots.same(replace(old, inputs=inputs), old)
        return old.outputs

    def _checked(
        self, item: Registration, parent: Struct | None, old: Resource | None
    ) -> Struct | None:
        request = provider_pb2.CheckRequest(
            urn=item.urn,
            name=item.name,
            type=item.type,
            news=item.news(parent),
            olds=old.inputs if old is not None else Struct(),
            randomSeed=secrets.token_bytes(32),
        )
        try:
            answer = self._call("Check", request)
        except CallError as error:
            self._bail(str(error))
            return None
        if answer.failures:
            self._bail(*(failure.reason for failure in answer.failures))
            return None
        inputs: Struct = answer.inputs
        return inputs

    def _bail(self, *reasons: str) -> None:
        """Begin nothing more, whatever continue-on-error says."""
        self.errors.extend(reasons)
        self._bailed = True

    def _delete_all(self) -> None:
        going = [
            item
            for item in self.base.resources
            if (item.deleting or item.urn not in self._registered) and self._targeted(item.urn)
        ]
        protected = [item for item in going if item.protect and not item.deleting]
        if protected:
            self.errors.extend(f"{item.urn} is protected" for item in protected)
            return
        parents = {item.urn for item in going if not item.deleting}
        remaining = [
            item
            for item in self.base.resources
            if item not in going and item.parent in parents and item.urn not in self._registered
        ]
        if remaining:
            self.errors.append(
                f"{remaining[0].parent} will be destroyed but {remaining[0].urn} depends on it"
            )
            return
        if self.options.dry or not going:
            self._drop_provider()
            return
        if self._serving is None:
            self._start(is_configured=True)
        for children in (True, False):
            chain = [
                item
                for item in going
                if (item.parent is not None) is children and not self._blocked(item)
            ]
            self._all([lambda item=item: self._delete(item) for item in chain])  # type: ignore[misc]
            if self._stopped:
                return
        self._drop_provider()

    def _drop_provider(self) -> None:
        if not self.options.program and not self.options.dry and not self.errors:
            rest = [i for i in self.snapshots.base.resources if id(i) not in self.snapshots.ended]
            self.snapshots.provider = bool(rest)

    def _blocked(self, item: Resource) -> bool:
        """Tell whether something that failed hangs on *item*."""
        return any(
            failed.parent == item.urn and failed.urn in self._failed
            for failed in (*self.base.resources, *self.snapshots.news)
        )

    def _import(self, urn: str, name: str, resource_id: str) -> None:
        kind = urn.split("::")[2]
        try:
            read = self._call(
                "Read", provider_pb2.ReadRequest(id=resource_id, urn=urn, name=name, type=kind)
            )
            check = self._call(
                "Check",
                provider_pb2.CheckRequest(
                    urn=urn,
                    name=name,
                    type=kind,
                    olds=read.inputs,
                    news=read.inputs,
                    randomSeed=secrets.token_bytes(32),
                ),
            )
        except CallError as error:
            self.errors.append(str(error))
            return
        if check.failures:
            self.errors.extend(failure.reason for failure in check.failures)
            return
        new = Resource(urn, kind, name, None, check.inputs, read.properties, read.id)
        new.refresh = read.refresh_before_update
        pending = self._begin("importing", new)
        self.snapshots.provider = True
        self._end(pending, new=new)


__all__ = ["Options", "Run"]

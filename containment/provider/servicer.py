"""The engine's calls, one thin method each: decode, act, encode, say errors in one line.

A failure that certainly changed nothing is a plain error, and the engine forgets the resource.
One whose outcome is not certain is ``ErrorResourceInitFailed``: the resource stays in the state, so
that the next ``up`` repairs and a ``destroy`` lifts it. A read never fails, since one failing read
stops a whole ``up`` or ``destroy``.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2
from pydantic import BaseModel, ValidationError

from containment.actions import ACTIONS
from containment.aws.resolve import resolve_access_key
from containment.errors import (
    LIFT,
    ConflictError,
    NotContainedError,
)
from containment.lifecycle.action import Failure
from containment.lifecycle.snapshot import RESOURCE
from containment.messages import of_error
from containment.provider import codec, schema
from containment.provider.reported_call import (
    ReportedCall,
    as_containment_error,
    input_failures,
    one_line,
    resource_id,
    resource_name,
)
from containment.provider.settings_servicer import SettingsServicer
from containment.text import paragraph, plain, unwired

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.actions import Action
    from containment.lifecycle.context import Context
    from containment.lifecycle.wire import Inputs
    from containment.messages import Call
    from containment.provider.deployment import Deployment
    from containment.provider.stack_lock import StackLock

Made = TypeVar("Made")

_RESOURCES = {f"containment:index:{action.resource}": action for action in ACTIONS}


class Servicer(SettingsServicer):
    """Serves the engine over the actions; with *alone*, one run of a stack at a time."""

    def __init__(self, deployment: Deployment, stack_lock: StackLock | None = None) -> None:
        self._deployment = deployment
        self._stack_lock = stack_lock
        self._lacking_announced: set[str] = set()

    def Handshake(self, request: Any, context: Any) -> Any:
        del context
        self._attach(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse()

    def Attach(self, request: Any, context: Any) -> Any:
        del context
        self._deployment.cancelled.clear()
        self._attach(request.address)
        return Empty()

    def GetSchema(self, request: Any, context: Any) -> Any:
        del request, context
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema.package()))

    def Configure(self, request: Any, context: Any) -> Any:
        values, _ = codec.decode(request.args)
        with self._reporting(context, "Configure"):
            self._deployment.configure(values, request.urn)
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:
        del context
        action_type = _RESOURCES[request.type]
        news, unknown = codec.decode(request.news)
        olds, _ = codec.decode(request.olds)
        try:
            inputs = action_type.inputs_type.model_validate(news)
        except ValidationError as error:
            # A failed check stops everybody, so what a failed snapshot could not hand on is let
            # through here, and stops this one principal in Create.
            failures = input_failures(error, unknown | from_snapshot(action_type))
            return self._checked(request.urn, request.news, failures)
        old = codec.readable(action_type.inputs_type, olds) if olds else None
        self._deployment.declared.add(inputs.principal)
        try:
            action = action_type(self._context(request.urn, inputs, "Check", reading=True))
            inputs = action.checked(inputs)
            failures = action.check(inputs, old)
            self._deployment.ask_before_change(inputs.principal, partial(action.lacking, inputs))
        except Exception as error:  # noqa: BLE001 -- each of them is one finding of this check
            failures = [
                Failure("principal", as_containment_error(error, "looking before anything changes"))
            ]
        return self._checked(request.urn, codec.encode(codec.dump(inputs), unknown), failures)

    def Diff(self, request: Any, context: Any) -> Any:
        del context
        action_type = _RESOURCES[request.type]
        news, unknown = codec.decode(request.news)
        olds, _ = codec.decode(request.olds)
        old_inputs, _ = codec.decode(request.old_inputs)
        old = codec.readable(action_type.inputs_type, old_inputs)
        state = codec.readable(action_type.state_type, olds)
        if old is None or state is None:  # 'Update' makes it anew
            return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_SOME)
        action = action_type.__new__(action_type)  # a diff asks nobody
        difference = action.diff(
            old,
            state,
            codec.remembered(action_type.inputs_type, {**olds_of(old_inputs, unknown), **news}),
        )
        wired = [codec.wire_name(action_type.state_type, name) for name in difference.changed]
        replaced = [codec.wire_name(action_type.state_type, name) for name in difference.replaces]
        kinds = provider_pb2.PropertyDiff
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME
            if wired
            else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=wired,
            replaces=replaced,
            hasDetailedDiff=bool(wired),
            detailedDiff={
                name: kinds(
                    kind=kinds.UPDATE_REPLACE if name in replaced else kinds.UPDATE,
                    inputDiff=name != "live",
                )
                for name in wired
            },
        )

    def Create(self, request: Any, context: Any) -> Any:
        action_type = _RESOURCES[request.type]
        values, unknown = codec.decode(request.properties)
        with self._reporting(context, "Create", request.urn, preview=request.preview) as reported:
            principal = str(values.get("principal"))
            done_ahead = None if request.preview else self._done_ahead(action_type, values)
            if done_ahead is None:
                self._require_allowed(request.urn, principal, "Create", preview=request.preview)
            if from_snapshot(action_type) & missing(action_type.inputs_type, values):
                consequence = NotContainedError(
                    f"the snapshot of {principal} failed, and nothing is done without it",
                    remedy="see the snapshot's own error, then run 'pulumi up' again",
                )
                consequence.counts_as = self._deployment.failed.get(resource_name(request.urn))
                raise consequence
            inputs = action_type.inputs_type.model_validate(values)
            if not request.preview:
                self._wait_for_others(request.urn, inputs, lifting=False)
            place = self._context(request.urn, inputs, "Create", reading=request.preview)
            if not request.preview:
                self._deployment.require_admitted(place)
            action = action_type(place)
            make = (
                partial(action.create, inputs, preview=request.preview)
                if done_ahead is None
                else partial(_take_over, action, done_ahead, inputs)
            )
            state = reported.making(inputs, make)
            return provider_pb2.CreateResponse(
                id="" if request.preview else resource_id(inputs),
                properties=self._outputs(action_type, state, unknown, preview=request.preview),
                refresh_before_update=True,
            )

    def Read(self, request: Any, context: Any) -> Any:
        action_type = _RESOURCES[request.type]
        values, _ = codec.decode(request.properties)
        if not values:
            return self._import(request, context)
        state = codec.readable(action_type.state_type, values)
        if state is None:
            return self._as_it_was(request)
        self._deployment.contained_arns.add(state.principal)
        repaired = self._deployment.handover.state(action_type, state.principal)
        if repaired is not None and _snapshot_of(repaired) == _snapshot_of(state):
            state = repaired
        try:
            live_state = action_type(self._context(request.urn, state, "Read", reading=True)).read(
                state
            )
        except Exception as error:  # noqa: BLE001 -- one failing read would stop the whole run
            self._deployment.engine.say(
                "warning",
                f"cannot see {state.principal} now: {one_line(error)}",
                request.urn,
                "Read",
            )
            live_state = state.model_copy(update={"live": "unknown"})
        if live_state is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=request.id,
            properties=codec.encode(codec.dump(live_state)),
            inputs=request.inputs,
            refresh_before_update=True,
        )

    def Update(self, request: Any, context: Any) -> Any:
        action_type = _RESOURCES[request.type]
        olds, _ = codec.decode(request.olds)
        values, unknown = codec.decode(request.news)
        with self._reporting(context, "Update", request.urn, preview=request.preview) as reported:
            inputs = action_type.inputs_type.model_validate(values)
            state = codec.readable(action_type.state_type, olds)
            self._require_allowed(request.urn, inputs.principal, "Update", preview=request.preview)
            if not request.preview:
                self._wait_for_others(request.urn, inputs, lifting=False)
            place = self._context(request.urn, inputs, "Update", reading=request.preview)
            if not request.preview:
                self._deployment.require_admitted(place)
            action = action_type(place)
            make = (
                partial(action.create, inputs, preview=request.preview)
                if state is None
                else partial(action.update, state, inputs, preview=request.preview)
            )
            new = reported.making(inputs, make)
            return provider_pb2.UpdateResponse(
                properties=self._outputs(action_type, new, unknown, preview=request.preview),
                refresh_before_update=True,
            )

    def Delete(self, request: Any, context: Any) -> Any:
        action_type = _RESOURCES[request.type]
        values, _ = codec.decode(request.properties)
        with self._reporting(context, "Delete", request.urn):
            state = codec.remembered(action_type.state_type, values)
            self._deployment.require_known(state.principal)
            self._wait_for_others(request.urn, state, lifting=True)
            action_type(self._context(request.urn, state, "Delete")).delete(state)
        return Empty()

    def Invoke(self, request: Any, context: Any) -> Any:
        values, _ = codec.decode(request.args)
        if request.tok != "containment:index:resolveAccessKey":
            context.abort(grpc.StatusCode.NOT_FOUND, f"containment has no function {request.tok}")
        with self._reporting(context, "Invoke"):
            key = str(values.get("accessKeyId", ""))
            place = self._deployment.context("", account=None, incident=None)
            owner = resolve_access_key(place.clients.iam, place.clients.sts, key)
            answer = {"principal": owner.principal.arn, "account": owner.principal.account}
            response = provider_pb2.InvokeResponse()
            getattr(response, "return").CopyFrom(codec.encode(answer))
            return response

    def Cancel(self, request: Any, context: Any) -> Any:
        del request, context
        self._deployment.cancelled.set()
        return Empty()

    def _as_it_was(self, request: Any) -> Any:
        """Answer what was asked of a state that cannot be read: containing goes on without it.

        Were it answered as gone, a destroy would forget it and give nothing back.
        """
        self._deployment.engine.say(
            "warning",
            "its state has values of other types than this version writes: an 'up' contains it"
            " anew, and nothing is given back by it",
            request.urn,
            "Read",
        )
        return provider_pb2.ReadResponse(
            id=request.id,
            properties=request.properties,
            inputs=request.inputs,
            refresh_before_update=True,
        )

    def _import(self, request: Any, context: Any) -> Any:
        action_type = _RESOURCES[request.type]
        with self._reporting(context, "Read", request.urn):
            incident, _, arn = unwired(request.id).partition("/")
            place = self._deployment.context(request.urn, account=None, incident=incident)
            state = action_type(place).adopt(incident, arn)
            inputs = action_type.inputs_type.model_validate(
                {name: getattr(state, name) for name in action_type.inputs_type.model_fields}
            )
            return provider_pb2.ReadResponse(
                id=request.id,
                properties=codec.encode(codec.dump(state)),
                inputs=codec.encode(codec.dump(inputs)),
                refresh_before_update=True,
            )

    def _wait_for_others(self, urn: str, inputs: Inputs, *, lifting: bool) -> None:
        """Wait for another run of this stack to end; contain without its leave, but never lift."""
        if self._stack_lock is None:
            return
        say = self._deployment.engine.say
        other = self._stack_lock.holder(
            f"{urn.partition('::')[0]} {inputs.endpoint}",
            wait=lambda words: say("warning", words, urn),
            cancelled=self._deployment.cancelled,
        )
        if other is None:
            return
        if lifting:
            raise ConflictError(
                f"process {other} still changes this stack, and could contain again after a lift",
                remedy=f"see 'ps -p {other}'; once it has ended, run '{LIFT}' again",
            )
        say("warning", f"process {other} still changes this stack; containing all the same", urn)

    def _done_ahead(
        self, action_type: type[Action[Any, Any]], values: dict[str, Any]
    ) -> Inputs | None:
        """Return what was done already of the resource that has just these *values* as inputs."""
        state: Inputs | None = self._deployment.handover.state(
            action_type, str(values.get("principal"))
        )
        if state is None:
            return None
        inputs = action_type.inputs_type.model_validate(values)
        names = action_type.inputs_type.model_fields.keys() - action_type.silent
        same = all(getattr(state, name) == getattr(inputs, name) for name in names)
        return state if same else None

    def _attach(self, engine_address: str) -> None:
        self._deployment.attach(engine_address)

    def _context(self, urn: str, inputs: Inputs, call: Call, *, reading: bool = False) -> Context:
        return self._deployment.context(
            urn,
            account=inputs.target.account,
            incident=inputs.incident,
            call=call,
            lifting=call == "Delete",
            reading=reading,
        )

    def _reporting(
        self, context: Any, call: Call, urn: str = "", *, preview: bool = False
    ) -> ReportedCall:
        return ReportedCall(context, self._deployment, call, urn, preview)

    def _require_allowed(self, urn: str, principal: str, call: Call, *, preview: bool) -> None:
        """Refuse a change that lacks every right; in a preview only say so."""
        if not preview:
            self._deployment.require_allowed(principal)
        elif principal not in self._lacking_announced:
            self._lacking_announced.add(principal)
            error = self._deployment.lacking(principal)
            if error is not None:
                self._deployment.engine.say("warning", str(error), urn, call)

    def _checked(self, urn: str, inputs: Any, failures: Sequence[Failure]) -> Any:
        for failure in failures:
            self._deployment.messages.add(of_error(failure.error, urn=urn, call="Check"))
        return provider_pb2.CheckResponse(
            inputs=inputs,
            failures=[
                provider_pb2.CheckFailure(
                    property=plain(failure.field), reason=paragraph(failure.error)
                )
                for failure in failures
            ],
        )

    def _outputs(
        self,
        action_type: type[Action[Any, Any]],
        state: Any,
        unknown: frozenset[str],
        *,
        preview: bool,
    ) -> Any:
        later = set(unknown)
        if preview:
            later |= {
                codec.wire_name(action_type.state_type, name)
                for name in action_type.computed
                if getattr(state, name) is None
            }
        return codec.encode(codec.dump(state), later)


def _take_over(action: Action[Any, Any], state: Inputs, inputs: Inputs) -> Any:
    """Return *state* where live is just so, and write nothing; else make it so."""
    action.gate.require_containable(inputs)
    if action.resource == RESOURCE:
        return state if action.stands(state) else action.create(inputs, preview=False)
    return action.repair(state, inputs) or state


def _snapshot_of(state: Inputs) -> str | None:
    return getattr(state, "snapshot_id", None)


def from_snapshot(action: type[Action[Any, Any]]) -> set[str]:
    """Return the names of what *action* is given by its snapshot."""
    fields = action.inputs_type.model_fields
    return {
        codec.wire_name(action.inputs_type, name)
        for name in action.snapshot_inputs()
        if name in fields
    }


def missing(model: type[BaseModel], values: dict[str, Any]) -> set[str]:
    """Return the names of the required inputs that *values* lacks."""
    required = {
        codec.wire_name(model, name)
        for name, field in model.model_fields.items()
        if field.is_required()
    }
    return required - values.keys()


def olds_of(old_inputs: dict[str, Any], unknown: frozenset[str]) -> dict[str, Any]:
    """Return the old values of inputs that are not known yet, so that they count as unchanged."""
    return {name: old_inputs[name] for name in unknown if name in old_inputs}

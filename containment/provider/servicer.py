"""The engine's calls, one thin method each: decode, act, encode, say errors in one line.

A failure that certainly changed nothing is a plain error, and the engine forgets the resource.
One whose outcome is not certain is ``ErrorResourceInitFailed``: the resource stays in the state, so
that the next ``up`` repairs and a ``destroy`` lifts it. A read never fails, since one failing read
stops a whole ``up`` or ``destroy``.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
from botocore.exceptions import BotoCoreError, ClientError
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc
from pydantic import BaseModel, ValidationError

from containment.actions import ACTIONS
from containment.aws.cancellation import CancelledError
from containment.aws.faults import explain
from containment.aws.resolve import resolve_access_key
from containment.errors import ConflictError, ContainmentError, NotContainedError
from containment.ledger import places
from containment.lifecycle.action import UnfinishedError
from containment.provider import codec, schema
from containment.provider.engine import Engine
from containment.provider.failures import InitFailed
from containment.text import paragraph, plain, unwired, wired

if TYPE_CHECKING:
    from containment.actions import Action
    from containment.lifecycle.context import Context
    from containment.lifecycle.wire import Inputs
    from containment.provider.alone import Alone
    from containment.provider.deployment import Deployment

_SETTINGS = {"region", "role", places.PLACE, places.LOCK, places.DAYS}
_ENGINE_SETTINGS = {"version", "pluginDownloadURL"}
_RESOURCES = {f"containment:index:{action.resource}": action for action in ACTIONS}


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """Serves the engine over the actions; with *alone*, one run of a stack at a time."""

    def __init__(self, deployment: Deployment, alone: Alone | None = None) -> None:
        self._deployment = deployment
        self._alone = alone

    def Handshake(self, request: Any, context: Any) -> Any:
        del context
        self._attach(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse()

    def Attach(self, request: Any, context: Any) -> Any:
        del context
        self._deployment.cancelled.clear()
        self._attach(request.address)
        return Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        del request, context
        return plugin_pb2.PluginInfo(version=version("containment"))

    def GetSchema(self, request: Any, context: Any) -> Any:
        del request, context
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema.package()))

    def CheckConfig(self, request: Any, context: Any) -> Any:
        del context
        news, _ = codec.decode(request.news)
        unknown = sorted(news.keys() - _SETTINGS - _ENGINE_SETTINGS)
        failures = [
            provider_pb2.CheckFailure(
                property=name,
                reason=f"is no setting here; there are {', '.join(sorted(_SETTINGS))}",
            )
            for name in unknown
        ]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        del context
        # Never a replace: it would replace every snapshot, and so forget how things were.
        some = codec.decode(request.olds) != codec.decode(request.news)
        changes = (
            provider_pb2.DiffResponse.DIFF_SOME if some else provider_pb2.DiffResponse.DIFF_NONE
        )
        return provider_pb2.DiffResponse(changes=changes)

    def Configure(self, request: Any, context: Any) -> Any:
        values, _ = codec.decode(request.args)
        with _Told(context):
            self._deployment.configure(values)
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
            failures = _failures(error, unknown | from_snapshot(action_type))
            return provider_pb2.CheckResponse(inputs=request.news, failures=failures)
        old = codec.remembered(action_type.inputs_type, olds) if olds else None
        self._deployment.declared.add(inputs.principal)
        try:
            action = action_type(self._context(request.urn, inputs))
            inputs = action.checked(inputs)
            found = [
                provider_pb2.CheckFailure(property=failure.field, reason=paragraph(failure.reason))
                for failure in action.check(inputs, old)
            ]
        except ContainmentError as error:
            found = [provider_pb2.CheckFailure(property="principal", reason=paragraph(error))]
        except (ClientError, BotoCoreError) as error:
            reason = paragraph(explain("looking before anything changes", error))
            found = [provider_pb2.CheckFailure(property="principal", reason=reason)]
        return provider_pb2.CheckResponse(
            inputs=codec.encode(codec.dump(inputs), unknown), failures=found
        )

    def Diff(self, request: Any, context: Any) -> Any:
        del context
        action_type = _RESOURCES[request.type]
        news, unknown = codec.decode(request.news)
        olds, _ = codec.decode(request.olds)
        old_inputs, _ = codec.decode(request.old_inputs)
        action = action_type.__new__(action_type)  # a diff asks nobody
        difference = action.diff(
            codec.remembered(action_type.inputs_type, old_inputs),
            codec.remembered(action_type.state_type, olds),
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
        with _Told(context):
            if from_snapshot(action_type) & missing(action_type.inputs_type, values):
                raise NotContainedError(
                    f"the snapshot of {values.get('principal')} failed, and nothing is done"
                    " without it",
                    remedy="see the snapshot's own error, then run 'pulumi up' again",
                )
            inputs = action_type.inputs_type.model_validate(values)
            if not request.preview:
                self._wait_for_others(request.urn, inputs, lifting=False)
            action = action_type(self._context(request.urn, inputs))
            state = self._made(
                context, inputs, lambda: action.create(inputs, preview=request.preview)
            )
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
        state = codec.remembered(action_type.state_type, values)
        self._deployment.held.add(state.principal)
        try:
            seen = action_type(self._context(request.urn, state)).read(state)
        except Exception as error:  # noqa: BLE001 -- one failing read would stop the whole run
            self._deployment.engine.say(
                "warning", f"cannot see {state.principal} now: {_one_line(error)}", request.urn
            )
            seen = state.model_copy(update={"live": "unknown"})
        if seen is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=request.id,
            properties=codec.encode(codec.dump(seen)),
            inputs=request.inputs,
            refresh_before_update=True,
        )

    def Update(self, request: Any, context: Any) -> Any:
        action_type = _RESOURCES[request.type]
        olds, _ = codec.decode(request.olds)
        values, unknown = codec.decode(request.news)
        with _Told(context):
            inputs = action_type.inputs_type.model_validate(values)
            state = codec.remembered(action_type.state_type, olds)
            if not request.preview:
                self._wait_for_others(request.urn, inputs, lifting=False)
            action = action_type(self._context(request.urn, inputs))
            new = self._made(
                context, inputs, lambda: action.update(state, inputs, preview=request.preview)
            )
            return provider_pb2.UpdateResponse(
                properties=self._outputs(action_type, new, unknown, preview=request.preview),
                refresh_before_update=True,
            )

    def Delete(self, request: Any, context: Any) -> Any:
        action_type = _RESOURCES[request.type]
        values, _ = codec.decode(request.properties)
        with _Told(context):
            state = codec.remembered(action_type.state_type, values)
            self._deployment.require_known(state.principal)
            self._wait_for_others(request.urn, state, lifting=True)
            action_type(self._context(request.urn, state, lifting=True)).delete(state)
        return Empty()

    def Invoke(self, request: Any, context: Any) -> Any:
        values, _ = codec.decode(request.args)
        if request.tok != "containment:index:resolveAccessKey":
            context.abort(grpc.StatusCode.NOT_FOUND, f"containment has no function {request.tok}")
        with _Told(context):
            key = str(values.get("accessKeyId", ""))
            place = self._deployment.context("", account=None, incident=None)
            found = resolve_access_key(place.clients.iam, place.clients.sts, key)
            answer = {"principal": found.principal.arn, "account": found.principal.account}
            response = provider_pb2.InvokeResponse()
            getattr(response, "return").CopyFrom(codec.encode(answer))
            return response

    def Cancel(self, request: Any, context: Any) -> Any:
        del request, context
        self._deployment.cancelled.set()
        return Empty()

    def _import(self, request: Any, context: Any) -> Any:
        action_type = _RESOURCES[request.type]
        with _Told(context):
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
        if self._alone is None:
            return
        say = self._deployment.engine.say
        other = self._alone.holder(
            f"{urn.partition('::')[0]} {inputs.endpoint}",
            wait=lambda words: say("warning", words, urn),
            cancelled=self._deployment.cancelled,
        )
        if other is None:
            return
        if lifting:
            raise ConflictError(
                f"process {other} still changes this stack, and could contain again after a lift",
                remedy=f"see 'ps -p {other}'; once it has ended, run 'pulumi destroy' again",
            )
        say("warning", f"process {other} still changes this stack; containing all the same", urn)

    def _attach(self, engine_address: str) -> None:
        self._deployment.engine = Engine(engine_address)

    def _context(self, urn: str, inputs: Inputs, *, lifting: bool = False) -> Context:
        return self._deployment.context(
            urn, account=inputs.target.account, incident=inputs.incident, lifting=lifting
        )

    def _made(self, context: Any, inputs: Inputs, make: Any) -> Any:
        try:
            return make()
        except UnfinishedError as error:
            InitFailed(resource_id(inputs), error).abort(context)

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


class _Told:
    """Ends a call with one line for the operator where an error of ours or AWS's is raised."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def __enter__(self) -> None: ...

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, CancelledError):
            self._abort(grpc.StatusCode.ABORTED, error)
        if isinstance(error, (ClientError, BotoCoreError)):
            self._abort(grpc.StatusCode.FAILED_PRECONDITION, explain("changing IAM", error))
        if isinstance(error, (ContainmentError, ValidationError)):
            self._abort(grpc.StatusCode.FAILED_PRECONDITION, error)

    def _abort(self, status: grpc.StatusCode, error: BaseException) -> NoReturn:
        self._context.abort(
            status, _one_line(error) if isinstance(error, ValidationError) else paragraph(error)
        )
        raise AssertionError  # abort always raises; this tells the type checkers


def resource_id(inputs: Inputs) -> str:
    """Return the id of a resource: the incident and the principal it holds."""
    found: str = wired(f"{inputs.incident}/{inputs.principal}")
    return found


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


def _one_line(error: BaseException) -> str:
    return plain(" ".join(str(error).split())) or type(error).__name__


def _failures(error: ValidationError, unknown: frozenset[str]) -> list[Any]:
    return [
        provider_pb2.CheckFailure(
            property=plain(".".join(str(part) for part in found["loc"])), reason=plain(found["msg"])
        )
        for found in error.errors()
        if str(found["loc"][0]) not in unknown
    ]

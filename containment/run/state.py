"""What a stack's state remembers: our resources, and what an interrupted run left open."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from containment.actions import ACTIONS_BY_RESOURCE
from containment.engine import ownership, stored_state
from containment.errors import ConflictError, ContainmentError, NotFoundError
from containment.run import events
from containment.text import unwired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from containment.actions import Action
    from containment.ledger import Ledger
    from containment.lifecycle.wire import Inputs
    from containment.run.engine import Engine


@dataclass(frozen=True, slots=True)
class Recorded:
    """One of our resources as the state has it; *unfinished* says why it is not as declared."""

    urn: str
    action: type[Action[Any, Any]]
    state: Inputs
    unfinished: tuple[str, ...] = ()

    @property
    def resource(self) -> str:
        """The word for its class."""
        return self.action.resource

    @property
    def live(self) -> str:
        """What the last look at AWS showed."""
        return str(getattr(self.state, "live", "applied"))

    @property
    def issued_before(self) -> str | None:
        """The revocation time T, where it has one."""
        moment = getattr(self.state, "issued_before", None)
        return str(moment) if moment else None


@dataclass(frozen=True, slots=True)
class Pending:
    """An operation that was begun and whose end nobody wrote down."""

    operation: str
    urn: str

    @property
    def where(self) -> str:
        """The resource's word and name, for people."""
        return f"{events.kind_of(self.urn)} {events.name_of(self.urn)}"

    def explain(self, stack: str) -> tuple[str, str]:
        """Return what it means and the next step, in words."""
        what = (
            f"a run was cut off while {self.operation} {self.where}: AWS may or may not have the"
            " change"
        )
        if self.operation == "creating":
            # The engine repeats a create by itself, never lifts one, and keeps the entry for ever.
            return what, (
                f"run 'containment up {stack}', which repeats it safely and then has the engine"
                f" forget the entry, or 'containment lift {stack}', which finds what is there"
            )
        return what, f"run 'containment up {stack}' or 'containment lift {stack}' again"


@dataclass(frozen=True, slots=True)
class StackState:
    """Everything the state says that concerns us."""

    resources: tuple[Recorded, ...] = ()
    pending: tuple[Pending, ...] = ()

    def resources_of(self, principal: str) -> list[Recorded]:
        """Return the resources that hold *principal*."""
        return [item for item in self.resources if item.state.principal == principal]

    @property
    def principals(self) -> list[str]:
        """The principals that are held, by ARN, in the order of the state."""
        return list(dict.fromkeys(item.state.principal for item in self.resources))


def load(engine: Engine, stack: str) -> StackState | None:
    """Return the state of *stack*, or None if there is none; one file is read without the engine.

    Raises:
        ForeignStateError: a resource in it cannot be read by this version.
        ContainmentError: what the engine's complaint means.
    """
    deployment = _kept_in_one_file(engine, stack)
    if deployment is None:
        deployment = _exported(engine, stack)
    return None if deployment is None else parse({"deployment": deployment})


def exists(engine: Engine, stack: str) -> bool:
    """Tell whether the backend has a state of *stack*.

    Raises:
        ContainmentError: what the engine's complaint means.
    """
    return _kept_in_one_file(engine, stack) is not None or stack in engine.stacks()[0]


def _kept_in_one_file(engine: Engine, stack: str) -> Mapping[str, Any] | None:
    """Return what the one file of the state of *stack* holds: to start the engine takes time.

    None where the engine has to be asked: there is no such file, or it cannot be read here.
    """
    try:
        written = ownership.kept_in_files(engine.root, engine.environ, stack)
        return (
            (stored_state.deployment_of(written[0]) or {})
            if written is not None and len(written) == 1
            else None
        )
    except (ContainmentError, stored_state.UnreadableStateError):
        return None


def _exported(engine: Engine, stack: str) -> Mapping[str, Any] | None:
    try:
        exported = engine.document(
            "stack", "export", "--stack", stack, doing=f"reading the state of {stack}", stack=stack
        )
    except NotFoundError:
        return None
    deployment: Mapping[str, Any] = exported.get("deployment") or {}
    return deployment


def read(engine: Engine, stack: str) -> StackState | None:
    """Return the state of *stack*, without starting the engine where it is kept in files.

    None where nobody can tell what it says.
    """
    try:
        written = ownership.kept_in_files(engine.root, engine.environ, stack)
        if written is None:
            return load(engine, stack) or StackState()
        if not written:
            return StackState()
        if len(written) > 1:
            return None  # the engine knows which of them counts
        return parse({"deployment": stored_state.deployment_of(written[0])})
    except (ContainmentError, stored_state.UnreadableStateError):
        return None


def look_up(
    root: Path, environ: Mapping[str, str], stack: str, engine: Callable[[], Engine]
) -> StackState | None:
    """Return the state of *stack*, or None if there is none; files are read without the engine.

    Raises:
        ForeignStateError: it holds what is not ours, or cannot be read.
        ConflictError: it is kept in several forms.
        ContainmentError: what the engine's complaint means.
    """
    deployment = look_up_deployment(root, environ, stack, engine)
    return None if deployment is None else parse({"deployment": deployment})


def digest(deployment: Mapping[str, Any] | None) -> str:
    """Return by what a state is told from the one before and the one after it.

    Empty where it holds nothing: a stack that was made and never applied is as good as none.
    """
    if not deployment or not (deployment.get("resources") or deployment.get("pending_operations")):
        return ""
    return sha256(json.dumps(deployment, sort_keys=True).encode()).hexdigest()


def look_up_deployment(
    root: Path, environ: Mapping[str, str], stack: str, engine: Callable[[], Engine]
) -> Mapping[str, Any] | None:
    """Return what the state of *stack* holds, or None if there is none.

    Args:
        root: the project.
        environ: what the engine would be run with.
        stack: whose state it is.
        engine: opens the engine, which is asked where the state is not kept in files.

    Raises:
        ForeignStateError: it holds what is not ours, or cannot be read.
        ConflictError: it is kept in several forms.
        ContainmentError: what the engine's complaint means.
    """
    try:
        written = ownership.kept_in_files(root, environ, stack)
        if written is None:
            opened = engine()
            ownership.require_own_state(opened.program, root, opened.environ, stack)
            return _exported(opened, stack)
        if len(written) > 1:
            raise ConflictError(
                f"the state of {stack} is kept in {len(written)} forms",
                remedy="keep the one that counts, and move the others away",
            )
        ownership.require_own_contents(root, environ, stack, written)
        return (stored_state.deployment_of(written[0]) or {}) if written else None
    except stored_state.UnreadableStateError as error:
        raise ownership.unreadable(stack, error) from None


def expect_ledger(state: StackState | None, ledger: Ledger) -> None:
    """Hold each incident's *ledger* to what the snapshots of *state* remember of it."""
    for item in state.resources if state else ():
        head = getattr(item.state, "ledger", None)
        if head is not None:
            ledger.journal_of(item.state.incident).expect(head.remembered)


def parse(exported: Mapping[str, Any]) -> StackState:
    """Return what an exported deployment says."""
    deployment = exported.get("deployment") or {}
    pending = [
        Pending(str(item["type"]), str(item["resource"]["urn"]))
        for item in deployment.get("pending_operations") or ()
    ]
    return StackState(tuple(_recorded(deployment.get("resources") or ())), tuple(pending))


def _recorded(resources: Any) -> Iterator[Recorded]:
    for item in resources:
        urn = str(item["urn"])
        action = ACTIONS_BY_RESOURCE.get(events.kind_of(urn)) if events.is_ours(urn) else None
        if action is None or item.get("delete"):
            continue
        yield Recorded(urn, action, _state(urn, action, item), tuple(item.get("initErrors") or ()))


def _state(urn: str, action: type[Action[Any, Any]], item: Mapping[str, Any]) -> Inputs:
    fields = action.state_type.model_fields
    field_names = {field.alias or name for name, field in fields.items()}
    values = unwired({**(item.get("inputs") or {}), **(item.get("outputs") or {})})
    try:
        state: Inputs = action.state_type.model_validate(
            {name: value for name, value in values.items() if name in field_names}
        )
    except ValidationError as error:
        where = f"{events.kind_of(urn)} {events.name_of(urn)}"
        names = ", ".join(sorted({str(one["loc"][0]) for one in error.errors()}))
        why = f"{where} has another {names} than this version writes: another did, or an editor"
        stack = urn.split("::", 1)[0].rpartition(":")[2]
        raise ownership.unreadable(stack, stored_state.UnreadableStateError(why)) from error
    return state

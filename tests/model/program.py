"""What the stack program registers, taken from the plan that the program itself is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from containment.plan import Declaration, plan
from containment.profile import load as load_profile
from containment.resources import PrincipalSnapshot
from containment.spec import load

PROJECT = "containment"
_PREFIX = "containment:index:"


@dataclass(frozen=True)
class Registration:
    """One resource that a program registers.

    *from_parent* are inputs that are outputs of the parent, by input name.
    """

    urn: str
    type: str
    name: str
    parent: str | None
    inputs: Mapping[str, Any]
    from_parent: Mapping[str, str]

    def news(self, parent: Struct | None) -> Struct:
        """Return the inputs as the SDK sends them, once the parent's outputs are there."""
        outputs: dict[str, Any] = MessageToDict(parent) if parent is not None else {}
        given_values = {name: outputs.get(source) for name, source in self.from_parent.items()}
        values = {**self.inputs, **given_values}
        news = Struct()
        news.update({name: value for name, value in values.items() if value is not None})
        return news


def urn_of(stack: str, kind: str, name: str, parent: str | None = None) -> str:
    """Return the engine's name of a resource of ours."""
    qualified = f"{_PREFIX}{parent}${_PREFIX}{kind}" if parent else f"{_PREFIX}{kind}"
    return f"urn:pulumi:{stack}::{PROJECT}::{qualified}::{name}"


def registrations(directory: Path, stack: str) -> Iterator[tuple[Registration, ...]]:
    """Yield what the program of *stack* registers, a principal at a time, its snapshot first.

    Raises:
        ContainmentError: the spec cannot be read, as the program says.
    """
    path = Path("stacks") / f"{stack}.yaml"
    spec = load(directory / path, stack=stack)
    for principal in plan(spec, spec_file=str(path), profile=load_profile(directory)):
        name = principal.principal.label
        snapshot = _registration(stack, name, principal.snapshot, None)
        children = [
            _registration(stack, name, declared, PrincipalSnapshot.__name__)
            for declared in principal.declarations
        ]
        yield (snapshot, *children)


def _registration(stack: str, name: str, declared: Declaration, parent: str | None) -> Registration:
    return Registration(
        urn=urn_of(stack, declared.resource, name, parent),
        type=_PREFIX + declared.resource,
        name=name,
        parent=urn_of(stack, parent, name) if parent else None,
        inputs=declared.inputs,
        from_parent=dict(declared.from_snapshot),
    )

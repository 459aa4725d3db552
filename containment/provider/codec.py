"""Values on the wire: protobuf structs, the engine's unknowns, and the actions' models.

We ask the engine for plain values in the handshake (no secrets, no outputs, no resources), so one
sentinel is left: the string that stands for a value which only an apply will know. Source: Pulumi
provider protocol, ``provider.proto`` ("Unknown values").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pydantic import ValidationError

from containment.text import unwired, wired

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import BaseModel

# As pulumi.runtime.rpc has them, which would load the whole SDK: a value that only an apply will
# know, and the key of an object that is a secret, an asset or the like.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_SIGNS = (UNKNOWN, "4dabf18193072939515e22adb298388d")
Values = dict[str, Any]
Model = TypeVar("Model", bound="BaseModel")


def decode(struct: Struct) -> tuple[Values, frozenset[str]]:
    """Return the known values of *struct*, and the names of those that hold an unknown."""
    values: Values = MessageToDict(struct)
    unknown = frozenset(name for name, value in values.items() if _holds_unknown(value))
    known_values = {name: value for name, value in values.items() if name not in unknown}
    return unwired(known_values), unknown


def encode(values: Mapping[str, Any], unknown: Iterable[str] = ()) -> Struct:
    """Return *values* as a struct in which the *unknown* names are marked as such.

    An attacker chooses paths, policies and tags: what would act where the engine shows it is
    escaped, and so is its own sign for an unknown or a special value, at which it would refuse the
    whole resource. `decode` undoes both.
    """
    struct = Struct()
    struct.update({**wired(values, reserved=_SIGNS), **dict.fromkeys(unknown, UNKNOWN)})
    return struct


def dump(model: BaseModel) -> Values:
    """Return *model* as camelCase values; what is None is left out of the state."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def wire_name(model: type[BaseModel], name: str) -> str:
    """Return the camelCase name of a model's field."""
    return model.model_fields[name].alias or name


def remembered(model: type[Model], values: Mapping[str, Any]) -> Model:
    """Return *values* of a state as *model*; fields that another release added are let be."""
    field_names = {wire_name(model, name) for name in model.model_fields}
    return model.model_validate(
        {name: value for name, value in values.items() if name in field_names}
    )


def readable(model: type[Model], values: Mapping[str, Any]) -> Model | None:
    """Return *values* of a state as *model*; None where they are not of the types that it has."""
    try:
        return remembered(model, values)
    except ValidationError:
        return None


def _holds_unknown(value: object) -> bool:
    if isinstance(value, dict):
        return any(_holds_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(_holds_unknown(item) for item in value)
    return value == UNKNOWN

"""The provider's schema, made from the actions' own models.

Source: Pulumi documentation, "Package schema".
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from containment.actions import ACTIONS
from containment.ledger.places import DAYS, LOCK, PLACE
from containment.profile import FILE

if TYPE_CHECKING:
    from pydantic import BaseModel

    from containment.actions import Action

Values = dict[str, Any]


def package() -> Values:
    """Return the package schema."""
    return {
        "name": "containment",
        "version": version("containment"),
        "description": "Leaked cloud credentials, contained as code",
        "license": "Apache-2.0",
        "config": {
            "variables": {
                name: {
                    "type": kind,
                    "description": f"Decides nothing: {FILE} does. Where the two differ, nothing is"
                    " given back.",
                }
                for name, kind in (
                    ("region", "string"),
                    ("role", "string"),
                    (PLACE, "string"),
                    (LOCK, "string"),
                    (DAYS, "integer"),
                )
            }
        },
        "types": {token: shape for action in ACTIONS for token, shape in _types(action)},
        "resources": {
            f"containment:index:{action.resource}": _resource(action) for action in ACTIONS
        },
        "functions": {
            "containment:index:resolveAccessKey": {
                "description": "Find the user that an access key id belongs to.",
                "inputs": {
                    "properties": {"accessKeyId": {"type": "string"}},
                    "required": ["accessKeyId"],
                },
                "outputs": {
                    "properties": {"principal": {"type": "string"}, "account": {"type": "string"}}
                },
            }
        },
    }


def _resource(action: type[Action[Any, Any]]) -> Values:
    inputs, state = _shape(action.inputs_type), _shape(action.state_type)
    return {
        "description": action.__doc__,
        "inputProperties": _properties(action, inputs),
        "requiredInputs": sorted(inputs.get("required", [])),
        "properties": _properties(action, state),
    }


def _types(action: type[Action[Any, Any]]) -> list[tuple[str, Values]]:
    return [
        (
            _token(action, name),
            {"type": "object", "properties": _properties(action, shape)},
        )
        for name, shape in _shape(action.state_type).get("$defs", {}).items()
        if shape.get("type") == "object"
    ]


def _shape(model: type[BaseModel]) -> Values:
    return model.model_json_schema(by_alias=True)


def _properties(action: type[Action[Any, Any]], shape: Values) -> Values:
    return {
        name: _type(action, property_) for name, property_ in shape.get("properties", {}).items()
    }


def _type(action: type[Action[Any, Any]], property_: Values) -> Values:
    if "$ref" in property_:
        return {"$ref": f"#/types/{_token(action, property_['$ref'].rpartition('/')[2])}"}
    for option in property_.get("anyOf", []):
        if option.get("type") != "null":
            return _type(action, option)
    kind = property_.get("type", "string")
    if kind == "array":
        return {"type": "array", "items": _type(action, property_.get("items", {}))}
    if kind == "object":
        return {"type": "object", "additionalProperties": {"type": "string"}}
    return {"type": kind}


def _token(action: type[Action[Any, Any]], name: str) -> str:
    return f"containment:index:{action.resource}{name}"

"""Hold the values of a file to a model, and translate what the model says against them.

Spec and profile are both read this way: each has a model, and words for what the file is.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from containment import files
from containment.errors import SpecError
from containment.spec.problems import Location, Problem, WrongError, shown
from containment.spec.reading import MAX_BYTES
from containment.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails

    from containment.spec.reading import Document, Words

Model = TypeVar("Model", bound=BaseModel)

_SPECS = "stacks"
_EXPECTED = {
    "string_type": ("text", "put the value in quotes"),
    "string_unicode": ("text", "remove the half of a character that is in it"),
    "bool_type": ("true or false", "write true or false, without quotes"),
    "int_type": ("a whole number", "write the number alone, without quotes"),
    "tuple_type": ("a list", "write each entry on a line of its own, beginning with '- '"),
    "model_type": ("fields of its own", "write 'field: value' lines, indented under the name"),
}


def content(path: Path, kind: str) -> bytes:
    """Return the bytes of *path*, which is a *kind* (``the incident's YAML file``).

    Raises:
        FileNotFoundError: there is none.
        SpecError: it is no file, is a link or behind one, or cannot be read.
    """
    name = plain(str(path))
    # The folder of specs is a project's own as well; where others are, their user says.
    within = path.parent.parent if path.parent.name == _SPECS else None
    try:
        return files.read(path, MAX_BYTES + 1, within=within)
    except FileNotFoundError:
        raise
    except files.NoRegularFileError as error:
        remedy = f"name {kind}, or put a file there: what a link leads to is reviewed by nobody"
        raise SpecError(f"{name} {error.strerror}", remedy=remedy) from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SpecError(
            f"{name} cannot be read: {plain(why)}", remedy="see its owner, mode and place"
        ) from error


def validated(
    document: Document, model: type[Model], words: Words, context: Mapping[str, Any]
) -> tuple[Model | None, list[Problem]]:
    """Return the values of *document* as a *model*, or what is wrong with them."""
    if document.values is None:
        return None, []
    if not isinstance(document.values, dict):
        what = f"the file holds {shown(document.values)}"
        return None, [Problem(what, f"the fields of {words.noun}", words.fields)]
    try:
        return model.model_validate(document.values, context=dict(context)), []
    except ValidationError as error:
        problems = problems_of(error, model, words)
        # What could not be read is told once, not again as a value of the wrong kind.
        unread = [problem.location for problem in document.problems]
        return None, [
            p for p in problems if not any(p.location[: len(place)] == place for place in unread)
        ]


def problems_of(error: ValidationError, model: type[BaseModel], words: Words) -> list[Problem]:
    """Return what *error* says about a *model*, in our words."""
    return [problem for detail in error.errors() for problem in _problems(detail, model, words)]


def _problems(detail: ErrorDetails, model: type[BaseModel], words: Words) -> Iterator[Problem]:
    """Translate one of pydantic's errors into ours."""
    place: Location = detail["loc"]
    context = detail.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, WrongError):
        for problem in cause.problems:
            yield problem.inside(place)
        return
    kind, value = detail["type"], detail["input"]
    if kind == "default_factory_not_called" or (kind == "too_short" and value):
        return  # what the field is made from is wrong, and that is told already
    if kind == "extra_forbidden":
        yield _unknown(place, model, words)
    elif kind == "missing":
        field = _model_at(place[:-1], model).model_fields[str(place[-1])]
        example = (field.examples or ["…"])[0]
        text = example if isinstance(example, str) else "…"
        yield Problem("is missing", field.description or "", f"add '{place[-1]}: {text}'", place)
    elif kind in {"enum", "literal_error"}:
        expected = str(context["expected"]).replace("'", "").replace(", ", " | ")
        expected = expected.replace(" or ", " | ")
        yield Problem(f"is {shown(value)}", expected, _nearest(value, expected.split(" | ")), place)
    elif kind == "too_short":
        yield Problem(
            "is an empty list",
            "at least one principal",
            "name whom to contain; to lift a containment, run 'pulumi destroy'",
            place,
        )
    elif kind in _EXPECTED:
        expected, mend = _EXPECTED[kind]
        yield Problem(f"is {shown(value)}", expected, mend, place)
    else:
        yield Problem(f"is {shown(value)}", plain(detail["msg"]).lower(), "change the value", place)


def _unknown(place: Location, model: type[BaseModel], words: Words) -> Problem:
    fields = list(_model_at(place[:-1], model).model_fields)
    return Problem(
        f"is not a field of {words.short}" if len(place) == 1 else "is not a field here",
        ", ".join(fields),
        _nearest(place[-1], fields, otherwise="remove it"),
        place,
    )


def _nearest(value: object, words: list[str], otherwise: str = "write one of these") -> str:
    near = difflib.get_close_matches(str(value)[:60].lower(), words, n=1)
    return f"write '{near[0]}'" if near else otherwise


def _model_at(place: Location, model: type[BaseModel]) -> type[BaseModel]:
    """Return the model whose fields are at *at* of a *model*."""
    for part in place:
        field = model.model_fields.get(part) if isinstance(part, str) else None
        model = (_model_in(field.annotation) if field is not None else None) or model
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that a field's *annotation* holds: alone, or in a list, or optional."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inside = (_model_in(part) for part in get_args(annotation))
    return next((model for model in inside if model is not None), None)

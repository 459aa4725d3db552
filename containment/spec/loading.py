"""From a file to a spec, or to one error that names everything wrong with it."""

from __future__ import annotations

import difflib
import stat
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from containment.clock import Clock, utc_now
from containment.errors import NotFoundError, SpecError
from containment.spec.between import across
from containment.spec.incident import Guard, IncidentSpec, Limits
from containment.spec.naming import break_glass_arn
from containment.spec.problems import (
    Location,
    Problem,
    SpecProblemsError,
    WrongError,
    shown,
)
from containment.spec.reading import MAX_BYTES, Document, read_document
from containment.spec.target import Session, Target
from containment.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic_core import ErrorDetails

_EXPECTED = {
    "string_type": ("text", "put the value in quotes"),
    "string_unicode": ("text", "remove the half of a character that is in it"),
    "bool_type": ("true or false", "write true or false, without quotes"),
    "int_type": ("a whole number", "write the number alone, without quotes"),
    "tuple_type": ("a list", "write each entry on a line of its own, beginning with '- '"),
    "model_type": ("fields of its own", "write 'field: value' lines, indented under the name"),
}


def load(path: Path, *, stack: str | None = None, now: Clock = utc_now) -> IncidentSpec:
    """Return the spec in *path*, which has to belong to *stack* if one is given.

    Raises:
        NotFoundError: there is no such file.
        SpecError: the file cannot be read, or is not a spec; every reason is in it.
    """
    name = plain(str(path))
    document = read_document(_content(path, name))
    names = [path.stem, *([stack] if stack is not None else [])]
    spec, problems = _validated(document, now)
    problems += document.problems
    if isinstance(document.values, dict):
        problems += _misnamed(document.values.get("incident"), names, path)
    if spec is None or problems:
        raise SpecProblemsError(path, problems, document.lines)
    return spec


def problems_of(error: ValidationError) -> list[Problem]:
    """Return what *error* says about a spec, in our words."""
    return [problem for detail in error.errors() for problem in _problems(detail)]


def _content(path: Path, name: str) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise SpecError(f"{name} is not a file", remedy="name the incident's YAML file")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFoundError(
            f"{name} does not exist, so nobody can tell whom this incident contains",
            remedy="write it with 'containment open', or select the stack whose spec you mean",
        ) from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SpecError(
            f"{name} cannot be read: {plain(why)}", remedy="see its owner, mode and place"
        ) from error


def _validated(document: Document, now: Clock) -> tuple[IncidentSpec | None, list[Problem]]:
    if document.values is None:
        return None, []
    if not isinstance(document.values, dict):
        what = f"the file holds {shown(document.values)}"
        mend = "write 'field: value' lines, or begin with 'containment open'"
        return None, [Problem(what, "the fields of an incident spec", mend)]
    try:
        return IncidentSpec.model_validate(document.values, context={"now": now()}), []
    except ValidationError as error:
        found = problems_of(error)
        # What could not be read is told once, not again as a value of the wrong kind.
        unread = [problem.at for problem in document.problems]
        found = [p for p in found if not any(p.at[: len(at)] == at for at in unread)]
        return None, found + list(_between_valid_parts(document.values, found))


def _between_valid_parts(values: dict[str, Any], found: list[Problem]) -> Iterator[Problem]:
    """Yield what is wrong between the targets that are right in themselves.

    The model checks this only once every part of it is valid, and a reader wants all at once.
    """
    if not any(problem.at for problem in found) or not isinstance(values.get("targets"), tuple):
        return
    targets: list[tuple[int, Target]] = []
    for index, raw in enumerate(values["targets"]):
        try:
            targets.append((index, Target.model_validate(raw)))
        except ValidationError:
            continue
    break_glass: list[str] = []
    named = values.get("break_glass")
    for arn in named if isinstance(named, tuple) else ():
        try:
            break_glass.append(break_glass_arn(str(arn)))
        except WrongError:
            continue
    try:
        limits = TypeAdapter(Limits).validate_python(values.get("limits", {}))
    except ValidationError:
        limits = Limits()
    already = set(found)
    for problem in across(targets, break_glass, limits.principals):
        if problem not in already:
            yield problem


def _misnamed(incident: object, names: list[str], path: Path) -> Iterator[Problem]:
    if path.suffix != ".yaml":
        yield Problem(
            f"the file is named {shown(path.name)}",
            "a name that ends in .yaml",
            "rename it: a stack finds its spec by <incident>.yaml",
        )
    if not isinstance(incident, str):
        return
    for kind, name in zip(("file", "stack"), names, strict=False):
        if name != incident:
            yield Problem(
                f"is {shown(incident)}, and the {kind} is {shown(name)}",
                "incident, file and stack named the same",
                f"write 'incident: {plain(name)}', or "
                + ("rename the file" if kind == "file" else "select the stack of this incident"),
                ("incident",),
            )


def _problems(detail: ErrorDetails) -> Iterator[Problem]:
    """Translate one of pydantic's errors into ours."""
    at: Location = detail["loc"]
    context = detail.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, WrongError):
        for problem in cause.problems:
            yield problem.inside(at)
        return
    kind, value = detail["type"], detail["input"]
    if kind == "default_factory_not_called" or (kind == "too_short" and value):
        return  # what the field is made from is wrong, and that is told already
    if kind == "extra_forbidden":
        yield _unknown(at)
    elif kind == "missing":
        field = _model_at(at[:-1]).model_fields[str(at[-1])]
        example = (field.examples or ["…"])[0]
        text = example if isinstance(example, str) else "…"
        yield Problem("is missing", field.description or "", f"add '{at[-1]}: {text}'", at)
    elif kind == "enum":
        words = str(context["expected"]).replace("'", "").replace(", ", " | ")
        words = words.replace(" or ", " | ")
        yield Problem(f"is {shown(value)}", words, _nearest(value, words.split(" | ")), at)
    elif kind == "too_short":
        yield Problem(
            "is an empty list",
            "at least one principal",
            "name whom to contain; to lift a containment, run 'pulumi destroy'",
            at,
        )
    elif kind in _EXPECTED:
        expected, mend = _EXPECTED[kind]
        yield Problem(f"is {shown(value)}", expected, mend, at)
    else:
        yield Problem(f"is {shown(value)}", plain(detail["msg"]).lower(), "change the value", at)


def _unknown(at: Location) -> Problem:
    fields = list(_model_at(at[:-1]).model_fields)
    return Problem(
        "is not a field of a spec" if len(at) == 1 else "is not a field here",
        ", ".join(fields),
        _nearest(at[-1], fields, otherwise="remove it"),
        at,
    )


def _nearest(value: object, words: list[str], otherwise: str = "write one of these") -> str:
    near = difflib.get_close_matches(str(value)[:60].lower(), words, n=1)
    return f"write '{near[0]}'" if near else otherwise


def _model_at(at: Location) -> type[BaseModel]:
    """Return the model whose fields are at *at*."""
    nested: dict[Location, type[BaseModel]] = {
        ("targets",): Target,
        ("targets", "sessions"): Session,
        ("guard",): Guard,
        ("limits",): Limits,
    }
    return nested.get(tuple(part for part in at if isinstance(part, str)), IncidentSpec)

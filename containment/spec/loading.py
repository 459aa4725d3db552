"""From a file to a spec, or to one error that names everything wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from containment.clock import Clock, utc_now
from containment.errors import NotFoundError
from containment.spec.between import across
from containment.spec.incident import IncidentSpec, Limits
from containment.spec.naming import break_glass_arn
from containment.spec.problems import Problem, SpecProblemsError, WrongError, shown
from containment.spec.reading import Words, read_document
from containment.spec.target import Target
from containment.spec.validation import content, problems_of, validated
from containment.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORDS = Words(
    noun="an incident spec",
    short="a spec",
    begin="write it with 'containment open'; to lift a containment, run 'pulumi destroy'",
    fields="write 'field: value' lines, or begin with 'containment open'",
    one="one incident a file",
    check="containment check {file}",
)


def load(path: Path, *, stack: str | None = None, now: Clock = utc_now) -> IncidentSpec:
    """Return the spec in *path*, which has to belong to *stack* if one is given.

    Raises:
        NotFoundError: there is no such file.
        SpecError: the file cannot be read, or is not a spec; every reason is in it.
    """
    try:
        document = read_document(content(path, "the incident's YAML file"), WORDS)
    except FileNotFoundError as error:
        raise NotFoundError(
            f"{plain(str(path))} does not exist, so nobody can tell whom this incident contains",
            remedy="write it with 'containment open', or select the stack whose spec you mean",
        ) from error
    names = [path.stem, *([stack] if stack is not None else [])]
    spec, problems = validated(document, IncidentSpec, WORDS, {"now": now()})
    if isinstance(document.values, dict):
        if spec is None:
            problems += list(_between_valid_parts(document.values, problems))
        problems += document.problems
        problems += _misnamed(document.values.get("incident"), names, path)
    else:
        problems += document.problems
    if spec is None or problems:
        raise SpecProblemsError(path, problems, document.lines)
    return spec


def spec_problems(error: ValidationError) -> list[Problem]:
    """Return what *error* says about a spec, in our words."""
    return problems_of(error, IncidentSpec, WORDS)


def _between_valid_parts(values: dict[str, Any], problems: list[Problem]) -> Iterator[Problem]:
    """Yield what is wrong between the targets that are right in themselves.

    The model checks this only once every part of it is valid, and a reader wants all at once.
    """
    if not any(problem.location for problem in problems) or not isinstance(
        values.get("targets"), tuple
    ):
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
    already = set(problems)
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

"""Every policy document the product writes, and the one way to one.

A template gets values as data: they are JSON-encoded where they stand, so that no name, path or
ARN (IAM allows ``*``, ``?``, ``${`` and quotes in paths) can leave its string or become a
wildcard or a policy variable.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from containment.errors import ContainmentError

if TYPE_CHECKING:
    from jinja2 import Environment

Document = dict[str, Any]

_TEMPLATES = Path(__file__).parent / "templates"


class TemplateError(ContainmentError):
    """A template was given other values than the ones it names: a defect of ours."""


def render(template: str, **values: object) -> Document:
    """Return the policy document that ``templates/<template>.json.j2`` makes of *values*.

    Raises:
        TemplateError: there is no such template, or it takes other values than those given.
    """
    variables = _variables(template)
    if variables != values.keys():
        raise TemplateError(
            f"template {template} takes {sorted(variables)} and was given {sorted(values)}",
            remedy="pass exactly those names",
        )
    document: Document = json.loads(
        _environment().get_template(f"{template}.json.j2").render(values)
    )
    return document


def names() -> list[str]:
    """Return the names of all templates."""
    return sorted(path.name.removesuffix(".json.j2") for path in _TEMPLATES.glob("*.json.j2"))


def text(document: Document) -> str:
    """Return *document* as the compact JSON text that is sent to AWS.

    IAM counts a policy's size without white space ("IAM and AWS STS quotas").
    """
    return json.dumps(document, separators=(",", ":"))


@cache
def _environment() -> Environment:
    # The stack program only plans: it knows the templates' users and renders none.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 -- the output is JSON, and every value goes through a filter
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {"json": json.dumps, "literal": literal}
    environment.filters.update(filters)
    return environment


@cache
def _variables(template: str) -> frozenset[str]:
    if template not in names():
        raise TemplateError(
            f"there is no template {template}", remedy=f"the templates are {', '.join(names())}"
        )
    from jinja2 import meta  # noqa: PLC0415 -- as above

    source = (_TEMPLATES / f"{template}.json.j2").read_text(encoding="utf-8")
    return frozenset(meta.find_undeclared_variables(_environment().parse(source)))


def literal(value: str | list[str]) -> str | list[str]:
    """Return *value* so that IAM reads it as itself and not as policy variables.

    Source: IAM User Guide, "IAM policy elements: Variables and tags", special characters: ``${$}``,
    ``${*}`` and ``${?}`` stand for the three characters that mean something.
    """
    if isinstance(value, list):
        return [item.replace("$", "${$}") for item in value]
    return value.replace("$", "${$}")

"""What is made from the actions' classes: their reference pages, and their Pulumi classes.

``python -m containment.catalogue`` writes them; a test holds the committed files to this.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from containment.actions import ACTIONS
from containment.provider import schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from containment.actions import Action

FOLDER = Path("docs/actions")
RESOURCES = Path("containment/resources.py")
_WRITTEN = "# What follows is written by `make docs` from containment.actions;"
_TYPE_PREFIX = "#/types/containment:index:"

_ABOUT_INPUTS = (
    "`ContainedPrincipal` sets them from the spec and the snapshot; nobody writes them by hand."
    " A change of one in bold is a replacement: the new one is made before the old one goes."
)
_INDEX = """\
# Actions

An action is one thing that contains: a state that a principal is held in. A spec's rung decides
which of them a principal gets; they are Pulumi resources, so `pulumi preview` shows them,
`pulumi up` makes them and `pulumi destroy` takes them away again.

| action | what it does | what survives it |
|---|---|---|
"""


def pages() -> dict[Path, str]:
    """Return the text of every page by its path in the project."""
    described = schema.package()["resources"]
    texts = {FOLDER / "index.md": _index()}
    for action in ACTIONS:
        resource = described[_token(action)]
        texts[FOLDER / f"{_word(action)}.md"] = _page(action, resource)
    return texts


def resource_classes(source: str) -> str:
    """Return *source*, the text of the file of Pulumi classes, with one for each action."""
    by_hand, marker, written = source.partition(_WRITTEN)
    rest_of_comment = written.partition("\n")[0]
    snapshot, *others = ACTIONS
    # The program itself takes the owners of leaked keys.
    handed_on = {"owners", *(name for action in others for name in action.snapshot_inputs())}
    classes = [_class(snapshot, handed_on), *(_class(action) for action in others)]
    return f"{by_hand}{marker}{rest_of_comment}\n\n\n" + "\n\n".join(classes)


def write() -> None:
    """Write every page, and the classes."""
    source = RESOURCES.read_text(encoding="utf-8")
    for path, text in {**pages(), RESOURCES: resource_classes(source)}.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _word(action: type[Action[Any, Any]]) -> str:
    return action.__module__.rpartition(".")[2]


def _class(action: type[Action[Any, Any]], outputs: Iterable[str] = ()) -> str:
    lines = [
        f"class {action.resource}(ContainmentResource):",
        f'    """{action.summary}."""',
        "",
        f'    resource_type = "{_token(action)}"',
    ]
    named = sorted(_camel(frozenset(outputs)))
    if named:
        lines += ["    outputs = (", *(f'        "{name}",' for name in named), "    )"]
    return "\n".join(lines) + "\n"


def _token(action: type[Action[Any, Any]]) -> str:
    return f"containment:index:{action.resource}"


def _index() -> str:
    rows = "".join(
        f"| [{action.resource}]({_word(action)}.md) | {action.summary} | {action.survives} |\n"
        for action in ACTIONS
    )
    tree = "\n".join(_word(action) for action in ACTIONS)
    return f"{_INDEX}{rows}\n```{{toctree}}\n:hidden:\n\n{tree}\n```\n"


def _page(action: type[Action[Any, Any]], resource: Mapping[str, Any]) -> str:
    docstring = inspect.getdoc(inspect.getmodule(action)) or ""
    inputs = resource["inputProperties"]
    outputs = {
        name: property_ for name, property_ in resource["properties"].items() if name not in inputs
    }
    permissions = "\n".join(f"- `{name}`" for name in sorted(action.permissions))
    parts = [
        f"# {action.resource}",
        docstring,
        "## Permissions",
        "The responder needs these for it, and no others:",
        permissions,
        "## Inputs",
        _ABOUT_INPUTS,
        _table(inputs, required=resource["requiredInputs"], identity=_camel(action.identity)),
        "## Outputs",
        "What the stack remembers besides the inputs. Those in italics are known after an apply.",
        _table(outputs, computed=_camel(action.computed)),
    ]
    return "\n\n".join(parts) + "\n"


def _table(
    properties: Mapping[str, Any],
    *,
    required: list[str] | None = None,
    identity: frozenset[str] = frozenset(),
    computed: frozenset[str] = frozenset(),
) -> str:
    rows = ["| name | type |", "|---|---|"]
    for name, property_ in properties.items():
        mark = "**" if name in identity else "*" if name in computed else ""
        optional = "" if required is None or name in required else ", optional"
        rows.append(f"| {mark}`{name}`{mark} | {_type(property_)}{optional} |")
    return "\n".join(rows)


def _type(property_: Mapping[str, Any]) -> str:
    if "$ref" in property_:
        return str(property_["$ref"]).removeprefix(_TYPE_PREFIX)
    if property_["type"] == "array":
        return f"list of {_type(property_['items'])}"
    if property_["type"] == "object":
        return "map of string"
    return str(property_["type"])


def _camel(names: frozenset[str]) -> frozenset[str]:
    def camel(name: str) -> str:
        first, *rest = name.split("_")
        return first + "".join(word.capitalize() for word in rest)

    return frozenset(camel(name) for name in names)


if __name__ == "__main__":
    write()

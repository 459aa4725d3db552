"""Which project, which stack: the folder with our Pulumi.yaml, and the incident that is meant."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from containment.engine import layout
from containment.errors import NotFoundError, SpecError
from containment.spec import IncidentSpec, load
from containment.spec.validation import content

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME = layout.NAME
_SETTINGS = "Pulumi."


@dataclass(frozen=True, slots=True)
class Project:
    """The folder that holds the program and the specs."""

    root: Path

    @property
    def incidents(self) -> list[str]:
        """The incidents that have a spec here, by name."""
        return sorted(
            path.stem
            for path in (self.root / "stacks").glob("*.yaml")
            if not path.name.startswith(_SETTINGS)  # the engine's settings of a stack
        )

    @property
    def configured(self) -> list[str]:
        """The stacks that have settings here, by name."""
        paths = (self.root / "stacks").glob(f"{_SETTINGS}*.yaml")
        return sorted(path.stem.removeprefix(_SETTINGS) for path in paths)

    def spec(self, stack: str) -> IncidentSpec:
        """Return the spec of *stack*.

        Raises:
            NotFoundError: there is none; names those that are there.
            SpecError: it cannot be used.
        """
        if not (self.root / "stacks" / f"{stack}.yaml").exists():
            raise NotFoundError(
                f"there is no spec stacks/{stack}.yaml in {self.root} ({_listed(self.incidents)})",
                remedy="write it with 'containment open', or name another stack",
            )
        return load(self.root / "stacks" / f"{stack}.yaml", stack=stack)

    def settings(self, stack: str) -> Mapping[str, str]:
        """Return the provider's settings in the stack's configuration file, if there are any."""
        path = self.root / "stacks" / f"{_SETTINGS}{stack}.yaml"
        try:
            document: Any = YAML(typ="safe").load(content(path, "the stack's settings"))
        except FileNotFoundError:
            return {}
        except (YAMLError, ValueError) as error:
            raise SpecError(
                f"stacks/Pulumi.{stack}.yaml cannot be read", remedy="mend the file"
            ) from error
        config = document.get("config") if isinstance(document, dict) else None
        values = cast("dict[str, Any]", config) if isinstance(config, dict) else {}
        prefix = f"{NAME}:"
        return {
            key.removeprefix(prefix): str(value)
            for key, value in values.items()
            if key.startswith(prefix) and isinstance(value, (str, int))
        }


def find(start: Path) -> Project:
    """Return the project that *start* is in.

    Raises:
        NotFoundError: no folder from *start* upwards holds our Pulumi.yaml.
    """
    return Project(layout.find(start))


def specs_folder(start: Path) -> Path:
    """Return where specs are kept for whoever stands in *start*: ``stacks`` of its project."""
    try:
        return Path(os.path.relpath(find(start).root / "stacks", start))
    except NotFoundError:
        return Path("stacks")


def choose(named: str | None, incidents: Sequence[str], selected: str | None) -> str:
    """Return the stack that is meant: the one named, the only one, or the one selected.

    Raises:
        NotFoundError: there is none, or nobody says which.
    """
    if named:
        # People complete file names; the stack is called like the file without its ending.
        return named.rpartition("/")[2].removesuffix(".yaml")
    if len(incidents) == 1:
        return incidents[0]
    if selected in incidents:
        return str(selected)
    if not incidents and selected:
        return selected  # a stack may outlive its spec
    if not incidents:
        raise NotFoundError(
            "there is no spec in stacks/", remedy="write one with 'containment open'"
        )
    raise NotFoundError(
        f"several incidents are here and none is selected ({_listed(incidents)})",
        remedy="name one, or select it with 'pulumi stack select'",
    )


def _listed(incidents: Sequence[str]) -> str:
    return "there are: " + ", ".join(incidents) if incidents else "there are none"

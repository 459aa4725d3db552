"""Lay a project out in a folder: what the engine needs, a place for specs, a profile to fill in."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from containment import profile
from containment.engine import layout
from containment.errors import RefusedError, UnavailableError
from containment.profile import publication as profile_publication
from containment.spec import publication as spec_publication

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_IGNORE = ".gitignore"


@dataclass(frozen=True, slots=True)
class Laid:
    """What was written into a folder, and what was there already and stays, by name."""

    written: tuple[str, ...]
    kept: tuple[str, ...]


def lay_out(
    folder: Path, *, renew: bool = False, pipelines: Mapping[str, str] = MappingProxyType({})
) -> Laid:
    """Make *folder* a project; what is there already stays as it is.

    Args:
        folder: made where it is not there.
        renew: write Pulumi.yaml and ``__main__.py`` anew where they are not as this version has
            them; what an organisation added to Pulumi.yaml goes with that.
        pipelines: the files of a forge's pipelines, by their place in *folder*.

    Raises:
        RefusedError: the folder is another project's, or its files would start other programs.
        UnavailableError: it cannot be written.
    """
    own_files = {"Pulumi.yaml": layout.project_file(), "__main__.py": layout.PROGRAM}
    others = {
        profile.FILE: profile_publication.template(),
        str(profile_publication.SCHEMA_FILE): profile_publication.schema(),
        str(spec_publication.SCHEMA_FILE): spec_publication.schema(),
        **pipelines,
    }
    if layout.above(folder) == folder:
        if not layout.is_ours(folder):
            raise RefusedError(f"{folder} holds another project", remedy="choose an empty folder")
        if not renew:
            layout.require_own(folder)
    written: list[str] = []
    kept: list[str] = []
    try:
        (folder / "stacks").mkdir(parents=True, exist_ok=True)
        for name, text in {**own_files, **others}.items():
            path = folder / name
            if path.exists() and (name in others or not renew):
                kept.append(name)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            layout.put(path, text, mode=0o644)
            written.append(name)
        (written if _ignore(folder / _IGNORE) else kept).append(_IGNORE)
    except OSError as error:
        raise UnavailableError(
            f"{folder} cannot be written ({error.strerror or error})",
            remedy="choose a folder of your own",
        ) from error
    layout.lay_tools(folder)
    return Laid(tuple(written), tuple(kept))


def _ignore(path: Path) -> bool:
    """Have git ignore what is this machine's alone; tell whether that had to be written."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    missing = [line for line in layout.IGNORED if line not in text.splitlines()]
    if not missing:
        return False
    start = text if not text or text.endswith("\n") else f"{text}\n"
    layout.put(path, start + "".join(f"{line}\n" for line in missing), mode=0o644)
    return True

"""Verdicts are kept beside the spec, with AWS's own records, which AWS keeps for a day.

What is kept is for people and for the report. No verdict is ever taken from it: whoever can write
the folder could otherwise write "contained, verified".
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from containment.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SUFFIX = ".evidence"
_LARGEST = 16 * 1024 * 1024


def folder_beside(spec: Path) -> Path:
    """Return the folder of what is kept of the incident of *spec*."""
    return spec.with_suffix(_SUFFIX)


def keep(spec: Path, document: Mapping[str, Any]) -> Path:
    """Write *document*, a verdict with its ``verified_at``, and return the file.

    Raises:
        SpecError: the folder cannot be written.
    """
    moment = str(document["verified_at"]).replace(":", "")
    path = folder_beside(spec) / f"verdict-{moment}.json"
    content = json.dumps(document, indent=2, sort_keys=True) + "\n"
    try:
        path.parent.mkdir(exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
    except OSError as error:
        raise SpecError(
            f"the verdict cannot be kept in {path}: {error.strerror}",
            remedy="make the folder writable, and run it again",
        ) from error
    return path


def load(spec: Path) -> list[dict[str, Any]]:
    """Return the verdicts kept beside *spec*, the oldest first.

    Raises:
        SpecError: one of them cannot be read.
    """
    return [_read(path) for path in sorted(folder_beside(spec).glob("verdict-*.json"))]


def _read(path: Path) -> dict[str, Any]:
    why = "it holds no verdict"
    try:
        if not path.is_symlink() and path.stat().st_size <= _LARGEST:
            document = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(document, dict) and "verdict" in document:
                return document
    except (OSError, ValueError, RecursionError) as error:
        why = str(error)
    raise SpecError(
        f"{path} cannot be read: {why}",
        remedy="take it out of the folder: 'containment verify' writes another",
    )

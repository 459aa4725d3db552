"""A report's folder: its pages, its evidence, and the SHA-256 of each file.

The manifest is one that ``sha256sum -c SHA256SUMS`` reads, so that whoever gets the folder can hold
it to the manifest without us. It shows that nothing in the folder changed since, not who wrote it:
whoever can write the folder can write another manifest. Keep its own hash where they cannot.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from containment.errors import ConflictError, NotFoundError, SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping

MANIFEST = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9._/-]+)")
_SHOWN = 5


def write_folder(folder: Path, files: Mapping[str, bytes]) -> str:
    """Write *files*, by their path in *folder*, with a manifest; return the manifest's SHA-256.

    Raises:
        SpecError: something is there already, or it cannot be written.
    """
    manifest = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n"
        for name, content in sorted(files.items())
    ).encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_used = any(folder.iterdir())
        for name, content in ({} if is_used else {**files, MANIFEST: manifest}).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
    except OSError as error:
        raise SpecError(
            f"the report cannot be written to {folder}: {error.strerror}",
            remedy="name a folder that can be written",
        ) from error
    if is_used:
        raise SpecError(
            f"{folder} is not empty, and a report is never written over another",
            remedy="name a folder that is not there",
        )
    return hashlib.sha256(manifest).hexdigest()


def check_folder(folder: Path) -> tuple[int, str]:
    """Hold a report's folder to its manifest; return how many files hold, and the manifest's hash.

    Raises:
        NotFoundError: there is no manifest.
        ConflictError: a file is missing, altered or not in the manifest; or the manifest is none.
    """
    try:
        manifest = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise NotFoundError(
            f"{folder} has no {MANIFEST}: {error.strerror}",
            remedy="name the folder that 'containment report --out' wrote",
        ) from error
    expected = _read(manifest)
    problems = [
        problem for name, digest in expected.items() if (problem := _problem(folder, name, digest))
    ]
    present = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if not path.is_dir() or path.is_symlink()
    }
    problems += [f"{name} is not in it" for name in sorted(present - {*expected, MANIFEST})]
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise ConflictError(
            f"{folder} is not what {MANIFEST} says: {'; '.join(problems[:_SHOWN])}{more}",
            remedy="take it for altered, and get it again from where it was kept",
        )
    return len(expected), hashlib.sha256(manifest).hexdigest()


def _read(manifest: bytes) -> dict[str, str]:
    expected: dict[str, str] = {}
    for line in manifest.decode("ascii", "replace").splitlines():
        match = _LINE.fullmatch(line)
        if match is None or ".." in PurePosixPath(match[2]).parts or match[2].startswith("/"):
            expected = {}
            break
        expected[match[2]] = match[1]
    if not expected:
        raise ConflictError(
            f"{MANIFEST} is no manifest", remedy="get the report again from where it was kept"
        )
    return expected


def _problem(folder: Path, name: str, digest: str) -> str:
    path = folder / name
    if path.is_symlink() or not path.is_file():
        return f"{name} is missing"
    try:
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"{name} cannot be read: {error.strerror}"
    return "" if actual == digest else f"{name} was altered"

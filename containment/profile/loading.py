"""Find a project's profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.profile.profile import FILE, Profile

if TYPE_CHECKING:
    from pathlib import Path


def load(directory: Path) -> Profile:
    """Return the profile of the project in *directory*; the defaults where it has none.

    Raises:
        SpecError: the file cannot be read, or is no profile; every reason is in it.
    """
    path = directory / FILE
    if not path.exists() and not path.is_symlink():  # a link is told of, and no missing file
        return Profile()
    # Reading YAML costs a fifth of a second, which a project without a profile need not wait for.
    from containment.profile.reading import read  # noqa: PLC0415

    return read(path)

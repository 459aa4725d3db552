"""The pipelines that a project may have: review a change, apply what was approved, watch for drift.

Sources: GitHub Docs, "Security hardening for GitHub Actions" and "Reusing workflows" (a called
workflow is that of the reference that is named); GitLab Docs, "OpenID Connect in AWS".
"""

from __future__ import annotations

import re
from importlib import resources
from typing import Literal, get_args

from containment.errors import SpecError
from containment.text import plain

Forge = Literal["github", "gitlab"]
FORGES: tuple[Forge, ...] = get_args(Forge)

_FOLDER = "pipelines"
_PLACES: dict[Forge, dict[str, str]] = {
    "github": {
        f"{name}.yml": f".github/workflows/{name}.yml"
        for name in (
            "containment-review",
            "containment-review-job",
            "containment-apply",
            "containment-drift",
        )
    },
    "gitlab": {"gitlab-ci.yml": ".gitlab-ci.yml"},
}
# GitHub Docs, "Naming a repository" and "Dealing with special characters in branch and tag names".
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")


def pipeline_files(forge: Forge, *, repository: str = "", branch: str = "main") -> dict[str, str]:
    """Return the files of a *forge*'s pipelines, by their place in the repository.

    Args:
        forge: where they run.
        repository: OWNER/NAME on GitHub, whose protected branch holds the job that is trusted.
        branch: the protected branch.

    Raises:
        SpecError: one of the names is none.
    """
    if forge == "github" and not _REPOSITORY.fullmatch(repository):
        raise SpecError(
            f"'{plain(repository)}' is no repository of GitHub",
            remedy="name it with --repository OWNER/NAME: its protected branch holds the job that"
            " the role trusts",
        )
    if not _BRANCH.fullmatch(branch):
        raise SpecError(f"'{plain(branch)}' is no branch", remedy="name it with --branch")
    folder = resources.files("containment.run") / _FOLDER
    return {
        place: (folder / name)
        .read_text(encoding="utf-8")
        .replace("@REPOSITORY@", repository)
        .replace("@BRANCH@", branch)
        for name, place in _PLACES[forge].items()
    }

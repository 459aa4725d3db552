"""No secret reaches state, plans, logs or output."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from containment.lab.testing import Lab
from tests.support.project import Project, spec

pytestmark = pytest.mark.engine

CANARY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def secrets_in(secrets: frozenset[str], folder: Path, *texts: str) -> set[str]:
    """Return what of *secrets* stands in a file under *folder*, packed or plain, or in *texts*."""
    contents = list(texts)
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            packed = data[:2] == b"\x1f\x8b"
            contents.append((gzip.decompress(data) if packed else data).decode("utf-8", "replace"))
    return {secret for secret in secrets if any(secret in content for content in contents)}


def test_no_secret_is_anywhere_and_a_planted_one_is_found(
    project: Project, lab: Lab, tmp_path: Path
) -> None:
    user = f"{{user: '{lab.world.ci_user}', leaked: [{lab.world.leaked.access_key_id}]}}"
    project.spec(spec(user, f"role: '{lab.world.deploy_role}'"))
    logs = tmp_path / "logs"
    logs.mkdir()
    plan = tmp_path / "plan.json"

    output = [
        project.ok("preview", "--diff", "--save-plan", str(plan)),
        project.run("up", "--yes", "--skip-preview", "-v=9", TMPDIR=str(logs)).output,
        project.ok("stack", "export"),
        project.ok("refresh", "--yes"),
        project.ok("destroy", "--yes"),
    ]

    # The engine keeps logs of its own, packed and encrypted with the stack's passphrase.
    kept = sorted((tmp_path / "home" / "logs").glob("*.log"))
    output += [project.ok("logs", "decrypt", str(log)) for log in kept]

    assert plan.exists()
    assert len(kept) >= 5
    assert any("DenyPolicy" in text for text in output[5:])
    assert any(logs.iterdir())
    assert secrets_in(lab.world.secrets(), tmp_path, *output) == set()
    (tmp_path / "state" / "canary.gz").write_bytes(gzip.compress(CANARY.encode()))
    assert secrets_in(frozenset({CANARY}), tmp_path) == {CANARY}

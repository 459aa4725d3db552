"""A state that names what is not ours starts nothing, lifts nothing, and stops no containment."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from containment.engine import versions
from containment.engine.settings import settings
from containment.lab.scenario import inventory
from containment.lab.testing import Lab
from tests.support.project import STACK, Project, spec
from tests.support.workbench import can_list

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.engine

PREFIX = f"urn:pulumi:{STACK}::containment::"
PROVIDER = f"{PREFIX}pulumi:providers:pulumi-python::default"
STRANGE = [
    {
        "urn": PROVIDER,
        "custom": True,
        "id": "0b2a3f4c-0000-4000-8000-000000000000",
        "type": "pulumi:providers:pulumi-python",
    },
    {
        "urn": f"{PREFIX}pulumi-python:dynamic:Resource::x",
        "custom": True,
        "id": "x",
        "type": "pulumi-python:dynamic:Resource",
        "inputs": {"__provider": "a pickle"},
        "outputs": {"__provider": "a pickle"},
        "provider": f"{PROVIDER}::0b2a3f4c-0000-4000-8000-000000000000",
        "refreshBeforeUpdate": True,
    },
]
PLUGIN = "#!/bin/sh\ntouch '{marker}'\nexit 1\n"


def state_of(project: Project) -> Path:
    """Return the file that the engine keeps the stack's state in."""
    folder = project.folder.parent / "state" / ".pulumi" / "stacks" / "containment"
    packed = folder / f"{STACK}.json.gz"
    return packed if packed.exists() else folder / f"{STACK}.json"


def edit(project: Project, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what the state in files says."""
    file = state_of(project)
    checkpoint = json.loads(gzip.decompress(file.read_bytes()))
    change(checkpoint["checkpoint"]["latest"])
    file.write_bytes(gzip.compress(json.dumps(checkpoint).encode()))


def plugin(project: Project, folder: Path) -> tuple[Path, str]:
    """Put a plugin where official ones are: on PATH and among the installed; return its marker."""
    marker = folder / "started"
    installed = folder / "home" / "plugins" / "resource-pulumi-python-v3.259.0"
    on_path = folder / "programs"
    for place in (installed, on_path):
        place.mkdir(parents=True)
        program = place / "pulumi-resource-pulumi-python"
        program.write_text(PLUGIN.format(marker=marker))
        program.chmod(0o755)
    return marker, f"{on_path}:{project.environ['PATH']}"


def test_a_state_that_names_another_provider_starts_nothing_and_stops_no_containment(
    project: Project, lab: Lab, tmp_path: Path
) -> None:
    world = lab.world
    before = inventory.take(lab.client("iam", world.admin))
    target = f"{{user: '{world.ci_user}', leaked: [{world.leaked.access_key_id}]}}"
    project.spec(spec(target, disposition="false-positive"))
    project.up()
    file = state_of(project)
    clean = file.read_bytes()
    edit(project, lambda latest: latest["resources"].extend(STRANGE))
    marker, path = plugin(project, tmp_path)

    for command in (("destroy", "--yes"), ("preview",), ("refresh", "--yes"), ("up", "--yes")):
        ran = project.run(*command, PATH=path)
        assert ran.exit_code == 7, ran.output
        assert "pulumi-python" in ran.output
        assert "containment up" in ran.output
    lift = project.verb("lift", STACK, "--yes", PATH=path)
    assert lift.code == 7
    assert "pulumi-python" in lift.output
    # Somebody writes it between the check and the run: the engine finds no such provider.
    engine = versions.current(project.environ["PATH"])
    assert engine is not None
    raced = subprocess.run(
        [engine.path, "destroy", "--yes", "--non-interactive"],
        cwd=project.folder,
        env=settings({**project.environ, "PATH": path}).environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert raced.returncode != 0
    assert not marker.exists()
    assert not can_list(lab, world.leaked)

    # The attacker takes the deny off and makes the key Active; containing repairs it all the same.
    iam = lab.client("iam", world.admin)
    user = world.ci_user.rpartition("/")[2]
    iam.delete_user_policy(UserName=user, PolicyName=f"containment-{STACK}")
    iam.update_access_key(UserName=user, AccessKeyId=world.leaked.access_key_id, Status="Active")
    assert can_list(lab, world.leaked)
    up = project.verb("up", STACK, "--yes", PATH=path)
    assert up.code == 5, up.output
    assert "without the engine" in up.output
    assert not can_list(lab, world.leaked)
    assert can_list(lab, world.bystander)
    assert not marker.exists()

    # The state is put back from a backup, and the lift gives back what was there.
    file.write_bytes(clean)
    project.up()
    project.destroy()
    assert inventory.changes(before, inventory.take(lab.client("iam", world.admin))) == []
    assert can_list(lab, world.leaked)


def test_a_backup_beside_the_state_is_not_read_and_an_older_state_lets_nobody_go(
    project: Project, lab: Lab, tmp_path: Path
) -> None:
    """The engine keeps ``.bak`` beside a state; whoever writes there may put it in its place."""
    world = lab.world
    before = inventory.take(lab.client("iam", world.admin))
    target = f"{{user: '{world.ci_user}', leaked: [{world.leaked.access_key_id}]}}"
    project.spec(spec(target, disposition="false-positive"))
    file = state_of(project)
    empty = file.read_bytes()
    project.up()
    marker, path = plugin(project, tmp_path)
    clean = file.read_bytes()
    edit(project, lambda latest: latest["resources"].extend(STRANGE))
    file.rename(file.with_name(f"{file.name}.bak"))
    file.write_bytes(clean)

    assert project.run("preview", PATH=path).exit_code == 0
    assert not marker.exists()

    file.write_bytes(empty)
    assert project.run("destroy", "--yes", "--skip-preview", PATH=path).exit_code == 0
    assert not can_list(lab, world.leaked)
    refused = project.run("up", "--yes", "--skip-preview", PATH=path)
    assert refused.exit_code != 0
    assert "under another snapshot" in refused.output
    assert "containment adopt" in refused.output
    assert not can_list(lab, world.leaked)
    assert not marker.exists()

    # As an engine leaves it that is killed in between: it writes these in place.
    attributes = file.with_name(f"{file.name}.attrs")
    attributes.write_bytes(b"")
    file.write_bytes(clean)
    assert "failed to load" not in project.run("cancel", "--yes").output
    assert not attributes.exists()
    project.destroy()
    assert inventory.changes(before, inventory.take(lab.client("iam", world.admin))) == []
    assert can_list(lab, world.leaked)


def test_a_state_that_cannot_be_read_stops_no_containment(project: Project, lab: Lab) -> None:
    world = lab.world
    project.spec(spec(f"{{user: '{world.ci_user}'}}", disposition="false-positive"))
    state_of(project).write_bytes(b"half a state")

    ran = project.verb("up", STACK, "--json")

    assert ran.code == 5, ran.output
    assert ran.json["engine"] is False
    assert ran.json["error"]["kind"] == "ConflictError"
    assert not can_list(lab, world.leaked)


def test_no_program_that_a_folder_brings_is_run(project: Project, lab: Lab, tmp_path: Path) -> None:
    marker = tmp_path / "started"
    touch = f"#!/bin/sh\ntouch '{marker}'\nexit 1\n"
    project.spec(spec(f"{{user: '{lab.world.ci_user}'}}"))
    for name in (".venv/bin/pulumi", ".containment/bin/pulumi", "pulumi"):
        program = project.folder / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(touch)
        program.chmod(0o755)
    for name in ("containment", "ruamel", "boto3", "json"):
        (project.folder / f"{name}.py").write_text(f"open({str(marker)!r}, 'w')\n")
    provider = project.folder / ".containment" / "bin" / "pulumi-resource-containment"
    provider.write_text(touch)
    settings_of_git = project.folder / ".git"
    subprocess.run(["git", "init", "-q", project.folder], check=True)
    monitor = tmp_path / "monitor"
    monitor.write_text(touch)
    monitor.chmod(0o755)
    subprocess.run(
        ["git", "config", "--file", settings_of_git / "config", "core.fsmonitor", str(monitor)],
        check=True,
    )
    commit = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q"]
    subprocess.run(
        [*commit, "--allow-empty", "-m", "x"], cwd=project.folder, check=True, env={**os.environ}
    )
    marker.unlink(missing_ok=True)  # git itself has asked the monitor

    for changed in ("__main__.py", "Pulumi.yaml", "Pulumi.json"):
        file = project.folder / changed
        kept = file.read_text() if file.exists() else None
        file.write_text((kept or "name: containment\nruntime: python\n") + "# changed\nmain: x\n")
        ran = project.verb("preview", STACK)
        assert ran.code == 7, ran.output
        assert changed in ran.output
        if kept is None:
            ran = project.verb("up", STACK)
            assert ran.code == 5, ran.output
            assert "without the engine" in ran.output
            assert not can_list(lab, lab.world.leaked)
        if kept is None:
            file.unlink()
        else:
            file.write_text(kept)
    ran = project.verb("preview", STACK)

    # The engine ran, and says what the containment without it left to do.
    assert ran.code == 5, ran.output
    assert "already contained" in ran.output
    assert not marker.exists()

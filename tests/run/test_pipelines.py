"""The pipelines that ``init --ci`` writes: what they may do, and their own commands, run here."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from cli.main import run
from containment.errors import SpecError
from containment.lab.testing import Lab
from containment.run.pipeline_files import FORGES, pipeline_files
from tests.review.test_approval import Desk, keys
from tests.review.test_revisions import Checkout
from tests.support.project import STACK, Project

__all__ = ["keys"]

PINNED = re.compile(r"[a-z-]+/[a-z-]+@[0-9a-f]{40}")
TRUSTED = "example/security/.github/workflows/containment-review-job.yml@main"
WORKFLOWS = ".github/workflows/containment-{}.yml"
# They need a network, and a registry; all else of a job is run as it stands.
ELSEWHERE = ("pip install", "containment init", "python3 -m venv")


def github() -> dict[str, Any]:
    """Return GitHub's workflows as a runner reads them, by their last word."""
    files = pipeline_files("github", repository="example/security")
    parsed = {name: YAML(typ="safe").load(text) for name, text in files.items()}
    assert all(name.startswith(".github/workflows/containment-") for name in parsed)
    return {name.removesuffix(".yml").rpartition("-")[2]: one for name, one in parsed.items()}


@pytest.mark.plain
def test_every_job_has_the_least_permissions_and_only_what_is_pinned() -> None:
    workflows = github()
    assert set(workflows) == {"review", "job", "apply", "drift"}
    for workflow in workflows.values():
        assert workflow["permissions"] == {}
        for job in workflow["jobs"].values():
            assert job["permissions"].pop("pull-requests", "write") == "write"
            assert job["permissions"] == {"contents": "read", "id-token": "write"}
            for step in job.get("steps", ()):
                assert "run" in step or PINNED.fullmatch(step["uses"]), step
                # A text of the change never becomes a part of a script.
                assert "${{" not in step.get("run", ""), step
                if "checkout" in step.get("uses", ""):
                    assert step["with"]["persist-credentials"] is False


@pytest.mark.plain
def test_a_change_runs_the_job_of_the_protected_branch_and_the_roles_are_apart() -> None:
    workflows = github()
    assert workflows["review"]["jobs"]["review"]["uses"] == TRUSTED
    assert set(workflows["job"]["on"]) == {"workflow_call"}
    roles = {
        name: [
            step["with"]["role-to-assume"]
            for job in workflow["jobs"].values()
            for step in job.get("steps", ())
            if "role-to-assume" in step.get("with", {})
        ]
        for name, workflow in workflows.items()
    }
    look, write = "${{ vars.CONTAINMENT_REVIEW_ROLE }}", "${{ vars.CONTAINMENT_APPLY_ROLE }}"
    assert roles == {"review": [], "job": [look], "apply": [write], "drift": [look]}
    assert workflows["apply"]["jobs"]["apply"]["environment"] == "containment-apply"
    assert set(workflows["apply"]["on"]) == {"push"}
    jobs = YAML(typ="safe").load(pipeline_files("gitlab")[".gitlab-ci.yml"])
    for job, role in (("apply", "APPLY"), ("review", "REVIEW"), ("drift", "REVIEW")):
        variables = jobs[f"containment {job}"]["variables"]
        assert variables == {"AWS_ROLE_ARN": f"$CONTAINMENT_{role}_ROLE"}


@pytest.mark.plain
@pytest.mark.parametrize(
    "names",
    [
        {"repository": ""},
        {"repository": "x"},
        {"repository": "a/b@main\n  evil: yes"},
        {"repository": "a/b", "branch": "main]\nx: [y"},
        {"repository": "a/b", "branch": "-x"},
    ],
)
def test_a_name_that_is_none_is_refused(names: dict[str, str]) -> None:
    with pytest.raises(SpecError):
        pipeline_files("github", **names)


@pytest.mark.plain
@pytest.mark.parametrize("forge", FORGES)
def test_init_writes_them_and_never_over_what_is_there(
    forge: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["init", str(tmp_path), "--no-engine", "--ci", forge, "--repository", "a/b", "--json"]
    assert run(words) == 0
    written = json.loads(capsys.readouterr().out)["written"]
    places = [name for name in written if ".yml" in name]
    assert places == list(pipeline_files(forge, repository="a/b"))  # type: ignore[arg-type]
    (tmp_path / places[0]).write_text("ours")
    assert run(words) == 0
    assert json.loads(capsys.readouterr().out)["written"] == []
    assert (tmp_path / places[0]).read_text() == "ours"


@pytest.mark.engine
def test_the_commands_of_the_pipelines_review_apply_and_find_drift(
    project: Project, lab: Lab, keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(Checkout(project.folder, project.folder), keys, capsys, tmp_path, lab)
    desk.begin()
    head = desk.propose()
    remote, folder, temp = tmp_path / "remote.git", tmp_path / "runner", tmp_path / "temp"
    desk.checkout.git("clone", "-q", "--bare", str(project.folder), str(remote))
    desk.checkout.git("clone", "-q", str(remote), str(folder))
    runner = Checkout(folder, folder)
    temp.mkdir()
    environ = {"RUNNER_TEMP": str(temp), "CI_PROJECT_DIR": str(tmp_path / "gitlab")}
    base = runner.git("rev-parse", "origin/main")

    runner.git("checkout", "-q", base)
    look = step("job", "Review"), {"BASE": base, "HEAD": head}
    reviewed = script(project, folder, look[0], {**environ, **look[1]})
    assert reviewed.returncode == 0, reviewed.stdout
    assert (temp / "comment.md").read_text().startswith("<!-- containment review -->")
    assert "to contain" in (temp / "review.html").read_text()
    merge_request = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": base, "CI_COMMIT_SHA": head}
    merge_review = script(
        project, folder, gitlab("containment review"), {**environ, **merge_request}
    )
    assert merge_review.returncode == 0, merge_review.stdout
    assert "to contain" in (folder / "review" / "comment.md").read_text()

    approval = project.verb(
        *("review", "--base", "main", "--head", "change", "--approve"),
        *(str(tmp_path / "approval.json"), "--sign-with", str(keys / "bob"), "--yes"),
    )
    assert approval.code == 0, approval.output
    desk.merge("one")
    desk.checkout.git("push", "-q", str(remote), "main")
    runner.git("checkout", "-q", "main")
    runner.git("pull", "-q")
    pushed = {"BEFORE": base, "RECEIPT_KEY": (keys / "pipeline").read_text()}
    (folder / ".containment-approvals").mkdir()
    before = lab.status()["mutations"]
    refused = script(project, folder, step("apply", "Apply"), {**environ, **pushed})
    assert refused.returncode == 3, refused.stdout
    assert lab.status()["mutations"] == before
    (temp / "receipts").rmdir()
    copied = folder / ".containment-approvals" / f"{head}.json"
    copied.write_bytes((tmp_path / "approval.json").read_bytes())
    applied = script(project, folder, step("apply", "Apply"), {**environ, **pushed})
    assert applied.returncode == 0, applied.stdout
    assert json.loads((temp / "receipts" / f"{STACK}.json").read_text())["unnamed"] == []
    assert not (temp / "receipt_key").exists()
    secret = (keys / "pipeline").read_text().splitlines()[1]
    assert secret not in applied.stdout + refused.stdout

    calm = script(project, folder, step("drift", "Drift"), environ)
    assert calm.returncode == 0, calm.stdout
    admin = lab.client("iam", lab.world.admin)
    admin.delete_role_policy(RoleName="deploy", PolicyName=f"containment-{STACK}")
    undone = script(project, folder, gitlab("containment drift"), environ)
    assert undone.returncode == 4, undone.stdout
    assert f"{lab.world.deploy_role} is tampered with" in undone.stdout


def step(workflow: str, name: str) -> str:
    """Return the script of the step *name* of GitHub's *workflow*."""
    steps = [one for job in github()[workflow]["jobs"].values() for one in job["steps"]]
    (text,) = [one["run"] for one in steps if one.get("name") == name]
    return str(text)


def gitlab(job: str) -> str:
    """Return the script of GitLab's *job*, but for what needs a registry."""
    lines = YAML(typ="safe").load(pipeline_files("gitlab")[".gitlab-ci.yml"])[job]["script"]
    kept = [line for line in lines if not line.startswith(ELSEWHERE)]
    assert len(kept) < len(lines)
    return "set -eo pipefail\n" + "\n".join(kept)


def script(
    project: Project, folder: Path, text: str, environ: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run *text* as a runner does."""
    return subprocess.run(
        ["bash", "-e", "-c", text],
        cwd=folder,
        env={**project.environ, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )

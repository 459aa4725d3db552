"""An approved change is applied in another checkout by the real engine: once, and no more of it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from containment.lab.testing import Lab
from containment.review.approval import read_signers
from containment.review.approval.receipt import NAMESPACE, payload_of
from tests.review.test_approval import BOB, SPEC, Desk, keys
from tests.review.test_review_verb import current
from tests.review.test_revisions import Checkout
from tests.support.project import STACK, Project, VerbRun

__all__ = ["keys"]

pytestmark = pytest.mark.engine


def approve(project: Project, keys: Path, file: Path) -> VerbRun:
    return project.verb(
        *("review", "--base", "main", "--head", "change", "--approve", str(file)),
        *("--sign-with", str(keys / "bob"), "--yes"),
    )


def up(project: Project, keys: Path, file: Path, base: str) -> VerbRun:
    return project.verb(
        *("up", STACK, "--approved", str(file), "--base", base),
        *("--receipt", str(file.with_suffix(".receipt"))),
        *("--sign-with", str(keys / "pipeline")),
    )


def receipt(file: Path, keys: Path) -> Any:
    """Return the receipt, once its signature has been verified."""
    document = json.loads(file.with_suffix(".receipt").read_text())
    signers = read_signers(f"ci {(keys / 'pipeline.pub').read_text()}", keys, os.environ)
    assert signers.signer(payload_of(document), document["signature"], NAMESPACE) == "ci"
    forged = {**document, "unnamed": [{"principal": "x", "what": "y"}]}
    assert signers.signer(payload_of(forged), document["signature"], NAMESPACE) is None
    return document


def test_an_approval_is_applied_elsewhere_once_and_void_for_a_lift_once_live_has_changed(
    project: Project, lab: Lab, keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    role, user = lab.world.deploy_role, lab.world.release_user
    desk = Desk(Checkout(project.folder, project.folder), keys, capsys, tmp_path, lab)
    desk.begin()
    desk.propose()
    first = tmp_path / "first.json"
    approved = approve(project, keys, first)
    assert approved.code == 0, approved.output
    desk.merge("one")
    remote, folder = tmp_path / "remote.git", tmp_path / "clone"
    desk.checkout.git("clone", "-q", "--bare", str(project.folder), str(remote))
    desk.checkout.git("clone", "-q", str(remote), str(folder))
    clone = replace(project, folder=folder)

    applied = up(clone, keys, first, "origin/before-one")

    assert applied.code == 0, applied.output
    paper = receipt(first, keys)
    assert (paper["ended"], paper["unnamed"], paper["void"]) == ("applied, not verified", [], [])
    assert {row["principal"] for row in paper["made"]} == {role}
    (entry,) = [one for one in ledger(clone) if one["kind"] == "approval"]
    assert (entry["plan"], entry["approved_by"]) == (paper["plan"], [BOB])
    assert (entry["actions"], entry["state"]) == (["contain"], "")
    again = up(clone, keys, first, "origin/before-one")
    assert (again.code, "is not what was approved" in again.output) == (7, True), again.output

    desk.checkout.git("checkout", "-q", "-B", "change", "main")
    desk.checkout.write(SPEC, current(f"user: {user}"))
    desk.commit("lift one, contain another", "alice")
    second = tmp_path / "second.json"
    approved = approve(project, keys, second)
    assert approved.code == 0, approved.output
    principals = json.loads(second.read_text())["plan"]["incidents"][0]["principals"]
    assert {one["principal"]: one["actions"] for one in principals} == {
        role: ["lift"],
        user: ["contain"],
    }
    desk.merge("two")
    desk.checkout.git("push", "-q", "--all", str(remote))
    Checkout(folder, folder).git("pull", "-q", "origin")
    admin = lab.client("iam", lab.world.admin)
    deny = f"containment-{STACK}"
    admin.delete_role_policy(RoleName="deploy", PolicyName=deny)

    partly = up(clone, keys, second, "origin/before-two")

    assert partly.code == 5, partly.output
    assert f"lift {role}: what is live of it has changed" in partly.output
    paper = receipt(second, keys)
    assert {row["principal"] for row in paper["made"]} == {user}
    assert (paper["unnamed"], len(paper["void"])) == ([], 1)
    assert deny in admin.list_user_policies(UserName="release-bot")["PolicyNames"]
    assert deny not in admin.list_role_policies(RoleName="deploy")["PolicyNames"]


def ledger(project: Project) -> list[Any]:
    """Return the entries of the stack's ledger."""
    file = project.folder / "ledger" / f"{STACK}.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()]

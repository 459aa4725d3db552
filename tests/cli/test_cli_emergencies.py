"""An emergency: contained at once, on record, listed until somebody else has signed a review."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from containment.lab.scenario.world import Credentials
from containment.lab.testing import Lab
from containment.ledger import chain
from containment.review.approval import read_signers
from containment.review.approval.afterwards import without_forged
from tests.cli.conftest import GOOD, Command
from tests.support.fake_engine import STACK, USER, FakeEngine, deny, snapshot

pytestmark = pytest.mark.lab

BOB = "bob@example.com"


@pytest.fixture
def keys(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the SSH keys of bob, who may sign, a bot, the admin and a stranger."""
    folder = tmp_path_factory.mktemp("keys")
    lines: list[str] = []
    for name, listed in (
        ("bob", BOB),
        ("bot", "renovate[bot]"),
        ("responder", "oncall@example.com,responder"),
        ("stranger", ""),
    ):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", folder / name],
            check=True,
        )
        if listed:
            lines.append(f"{listed} {(folder / f'{name}.pub').read_text().strip()}\n")
    (project / "allowed_signers").write_text("".join(lines))
    return folder


@dataclass(frozen=True)
class Backend:
    """A backend with one stack, and the engine that tells of it."""

    engine: FakeEngine

    def holds(self, *rows: dict[str, Any]) -> None:
        """Make these the resources of the stack's state."""
        folder = self.engine.project / "state" / ".pulumi" / "stacks" / "containment"
        folder.mkdir(parents=True, exist_ok=True)
        document = {"version": 3, "deployment": {"resources": rows}}
        (folder / f"{STACK}.json").write_text(json.dumps(document))
        self.engine.exports(*rows)


@pytest.fixture
def backend(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """Return the backend of the environment, whose stack was never applied."""
    monkeypatch.setenv("PULUMI_BACKEND_URL", (engine.project / "state").as_uri())
    made = Backend(engine)
    made.holds()
    return made


def review(containment: Command, key: Path, *more: str) -> Any:
    return containment("review", STACK, "--applied", "--sign-with", key, "--yes", *more)


def ledger_of(project: Path) -> list[bytes]:
    return (project / "ledger" / f"{STACK}.jsonl").read_bytes().splitlines()


def sign_in(monkeypatch: pytest.MonkeyPatch, credentials: Credentials) -> None:
    """Make these the credentials of the environment."""
    for name, value in credentials.env().items():
        monkeypatch.setenv(name, value)


def test_what_an_emergency_applied_is_listed_until_somebody_else_signs_a_review(
    containment: Command,
    backend: Backend,
    served: Lab,
    keys: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = backend.engine
    project = engine.project
    iam = served.client("iam", served.world.admin)
    (project / "containment.yaml").write_text("review: {required: all, within_hours: 4}\n")
    policy = f"containment-{STACK}"
    before = iam.list_user_policies(UserName="ci-deploy")["PolicyNames"]

    refused = containment("up", "--yes")
    assert (refused.code, "containment up --emergency REASON" in refused.err) == (7, True)
    assert iam.list_user_policies(UserName="ci-deploy")["PolicyNames"] == before
    assert containment("up", "--emergency", "  ").code == 2

    contained = containment("up", "--emergency", "the key is used now\u202e")

    assert contained.code == 0, contained.err
    assert policy in iam.list_user_policies(UserName="ci-deploy")["PolicyNames"]
    assert "NOT reviewed" in contained.out or not contained.out.count("applied")
    (entry, *_) = map(json.loads, ledger_of(project))
    assert (entry["kind"], entry["verb"], entry["n"]) == ("emergency", "up", 1)
    assert "\u202e" not in entry["reason"]
    user_id = iam.get_user(UserName="ci-deploy")["User"]["UserId"]
    backend.holds(snapshot(USER, principalId=user_id), deny(USER, principalId=user_id))
    listed = containment("status", "--json").json["not_reviewed"]
    assert [(one["entry"], one["verb"], one["overdue"]) for one in listed] == [(1, "up", False)]
    assert "not reviewed: up in an emergency" in containment("status").out

    refused = containment("lift", "--yes")
    assert (refused.code, "review: {required: …}" in refused.err) == (7, True), refused.err
    assert engine.ran("destroy") is None

    same = review(containment, keys / "bob")
    assert (same.code, "have it reviewed by somebody else" in same.err) == (7, True), same.err
    sign_in(monkeypatch, served.world.responder)
    for key, words in (("bot", "is no person"), ("stranger", "nobody in allowed_signers")):
        ran = review(containment, keys / key)
        assert (ran.code, words in ran.err) == (7, True), ran.err
    assert not any(json.loads(line)["kind"] == "reviewed" for line in ledger_of(project))

    ran = review(containment, keys / "bob", "--json")

    assert ran.code == 0, ran.err
    assert (ran.json["reviewed_by"], len(ran.json["emergencies"])) == (BOB, 1)
    assert containment("status", "--json").json["not_reviewed"] == []
    assert review(containment, keys / "bob").code == 3  # nothing is left to review
    lifted = containment("lift", "--yes")
    assert lifted.code == 0, lifted.err
    assert engine.ran("destroy") is not None

    read = chain.read(ledger_of(project))
    signers = read_signers((project / "allowed_signers").read_text(), project, os.environ)
    assert without_forged(read, STACK, signers) == read.entries
    assert len(without_forged(read, "inc-2026-0043", signers)) == len(read.entries) - 1
    assert len(without_forged(read, STACK, None)) == len(read.entries) - 1
    # What is signed is the ledger, its end and the emergencies.
    (signed,) = [one for one in read.entries if one["kind"] == "reviewed"]
    for name, value in (
        ("of", []),
        ("head", {"length": 0, "sha256": "0" * 64}),
        ("reviewed_at", "2026-01-01T00:00:00Z"),
        ("reviewed_by", "carol@example.com"),
        ("signature", "none"),
    ):
        before_value, signed[name] = signed[name], value
        assert len(without_forged(read, STACK, signers)) == len(read.entries) - 1, name
        signed[name] = before_value


def test_a_reviewer_whose_name_is_that_of_the_session_that_applied_it_signs_nothing(
    containment: Command,
    backend: Backend,
    served: Lab,
    keys: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    del backend
    sign_in(monkeypatch, served.world.responder)
    assert containment("up", "--emergency", "now").code == 0
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    sign_in(monkeypatch, served.world.admin)

    ran = review(containment, keys / "responder")

    assert (ran.code, "a session of that name applied" in ran.err) == (7, True), ran.err


def test_an_emergency_lifts_a_false_positive_alone_and_stays_open(
    containment: Command, backend: Backend, served: Lab, keys: Path
) -> None:
    del keys
    engine = backend.engine
    project = engine.project
    (project / "containment.yaml").write_text("review: {required: lift}\n")
    user_id = served.client("iam", served.world.admin).get_user(UserName="ci-deploy")["User"][
        "UserId"
    ]
    backend.holds(snapshot(USER, principalId=user_id))
    refused = containment("lift", "--yes", "--emergency", "a test of ours")
    assert (refused.code, "was not applied as one" in refused.err) == (7, True), refused.err
    assert not (project / "ledger").exists()

    terms = {"spec": f"stacks/{STACK}.yaml", "disposition": "false-positive"}
    lift = {**snapshot(USER)["inputs"]["lift"], **terms}
    backend.holds(snapshot(USER, principalId=user_id, lift=lift))
    (project / "stacks" / f"{STACK}.yaml").write_text(GOOD + "disposition: false-positive\n")
    lifted = containment("lift", "--yes", "--emergency", "a test of ours", "--json")

    assert lifted.code == 0, lifted.err
    assert [one["verb"] for one in lifted.json["not_reviewed"]] == ["lift"]
    assert [one["verb"] for one in containment("status", "--json").json["not_reviewed"]] == ["lift"]
    assert engine.ran("destroy") is not None

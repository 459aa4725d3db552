"""An approval holds for what was approved: everything that it binds, changed, is refused by ``up``.

Nothing reaches the engine's ``up`` here; ``test_approved_up`` plays it to its end.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import cli.reviewing
from cli.main import run
from containment.engine import layout
from containment.errors import SpecError
from containment.lab.testing import Lab
from containment.review.approval import bound, read_signers
from tests.review.test_review_verb import current
from tests.review.test_revisions import Checkout
from tests.support.project import BIN, STACK

pytestmark = pytest.mark.lab

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
SPEC = f"stacks/{STACK}.yaml"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of SSH keys: two of alice, and one each of bob, carol, a bot and so on."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("alice", "alice2", "bob", "carol", "bot", "pipeline", "stranger"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", folder / name],
            check=True,
        )
    return folder


def allowed(keys: Path) -> str:
    rows = {
        f"{ALICE},alice-login": "alice",
        ALICE: "alice2",
        f"{BOB},bob-login": "bob",
        CAROL: "carol",
        "renovate[bot]": "bot",
    }
    lines = [f"{names} {(keys / f'{key}.pub').read_text().strip()}" for names, key in rows.items()]
    return "# who may sign\n" + "\n".join(lines) + "\n"


@dataclass
class Desk:
    """A checkout in which alice proposes a containment, and what is run there."""

    checkout: Checkout
    keys: Path
    capsys: pytest.CaptureFixture[str]
    tmp: Path
    lab: Lab

    @property
    def file(self) -> Path:
        return self.tmp / "approval.json"

    def begin(self) -> None:
        """Make the folder a repository whose main branch has a profile and the signers."""
        layout.lay_out(self.checkout.project)
        self.checkout.git("init", "-q", "-b", "main")
        self.checkout.write(".gitignore", ".containment\nledger\n")
        self.checkout.write("containment.yaml", "review: {approvals: 1}\n")
        self.checkout.write("allowed_signers", allowed(self.keys))
        self.checkout.commit("base")

    def merge(self, number: str) -> None:
        """Merge the change, as a forge does; a branch keeps what the base was before it."""
        self.checkout.git("branch", f"before-{number}", "main")
        self.checkout.git("checkout", "-q", "main")
        self.checkout.git("merge", "-q", "--no-ff", "change", "-m", f"merge {number}")

    def propose(self, signed_by: str | None = "alice") -> str:
        self.checkout.git("checkout", "-q", "-B", "change", "main")
        self.checkout.write(SPEC, current(f"role: {self.lab.world.deploy_role}"))
        return self.commit("contain", signed_by)

    def commit(self, message: str, signed_by: str | None) -> str:
        self.checkout.git("add", "-A")
        signing = (
            ("-c", "gpg.format=ssh", "-c", f"user.signingkey={self.keys / signed_by}")
            if signed_by
            else ()
        )
        flag = "-S" if signed_by else "--no-gpg-sign"
        self.checkout.git(*signing, "commit", "-q", "--allow-empty", flag, "-m", message)
        return self.checkout.git("rev-parse", "HEAD")

    def verb(self, *arguments: str) -> tuple[int, str]:
        self.capsys.readouterr()
        code = run(arguments)
        captured = self.capsys.readouterr()
        return code, captured.out + captured.err

    def approve(self, key: str = "bob", *more: str) -> tuple[int, str]:
        return self.verb(
            *("review", "--base", "main", "--head", "change", "--approve", str(self.file)),
            *("--sign-with", str(self.keys / key), "--yes", *more),
        )

    def up(self, *more: str, base: str = "main") -> tuple[int, str]:
        return self.verb(
            *("up", STACK, "--approved", str(self.file), "--base", base),
            *("--receipt", str(self.tmp / "receipt.json")),
            *("--sign-with", str(self.keys / "pipeline"), *more),
        )

    def document(self) -> Any:
        return json.loads(self.file.read_text())

    def rewrite(self, change: Callable[[Any], None]) -> None:
        document = self.document()
        change(document)
        self.file.write_text(json.dumps(document))


@pytest.fixture
def desk(
    keys: Path,
    direct_lab: Lab,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Desk:
    checkout = Checkout(tmp_path / "checkout", tmp_path / "checkout" / "security")
    (checkout.project / "stacks").mkdir(parents=True)
    for name, value in direct_lab.world.responder.env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", direct_lab.endpoint)
    monkeypatch.setenv("PATH", str(BIN), prepend=":")
    (tmp_path / "state").mkdir()
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path / 'state'}")
    monkeypatch.chdir(checkout.project)
    made = Desk(checkout, keys, capsys, tmp_path, direct_lab)
    made.begin()
    made.propose()
    return made


@pytest.fixture
def approved(desk: Desk) -> Desk:
    code, out = desk.approve()
    assert (code, out.splitlines()[-1].startswith(f"approved by {BOB} until ")) == (0, True), out
    desk.merge("one")
    return desk


def state_changes(desk: Desk) -> None:
    folder = desk.tmp / "state" / ".pulumi" / "stacks" / "containment"
    folder.mkdir(parents=True)
    urn = f"urn:pulumi:{STACK}::containment::pulumi:pulumi:Stack::containment-{STACK}"
    resource = {"urn": urn, "custom": False, "type": "pulumi:pulumi:Stack"}
    deployment = {"manifest": {}, "resources": [resource]}
    checkpoint = {"stack": STACK, "latest": deployment}
    (folder / f"{STACK}.json").write_text(json.dumps({"version": 3, "checkpoint": checkpoint}))


def spec_changes(desk: Desk) -> None:
    desk.checkout.write(SPEC, current(f"role: {desk.lab.world.deploy_role}\n    rung: deny-all"))


def hidden_spec_changes(desk: Desk) -> None:
    desk.checkout.git("update-index", "--assume-unchanged", f"security/{SPEC}")
    spec_changes(desk)


def descendants_change(desk: Desk) -> None:
    desk.checkout.write(f"stacks/{STACK}.descendants.json", "{}\n")


def profile_changes(desk: Desk) -> None:
    desk.checkout.write("containment.yaml", "review: {approvals: 1}\nguard_required: false\n")


def program_changes(desk: Desk) -> None:
    path = desk.checkout.project / "Pulumi.yaml"
    path.write_text(path.read_text() + "author: another\n")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (state_changes, "the state of the stack is not what was approved"),
        (spec_changes, f"{SPEC} in the folder is not what was approved"),
        (hidden_spec_changes, f"{SPEC} in the folder is not what was approved"),
        (descendants_change, ".descendants.json in the folder is not what was approved"),
        (profile_changes, "containment.yaml in the folder is not what was approved"),
        (program_changes, "the program (Pulumi.yaml, __main__.py) is not what was approved"),
    ],
)
def test_what_was_bound_and_has_changed_is_refused(
    approved: Desk, change: Callable[[Desk], None], words: str
) -> None:
    before = approved.lab.status()["mutations"]
    change(approved)

    code, out = approved.up(base="before-one")

    assert (code, words in out) == (7, True), out
    assert approved.lab.status()["mutations"] == before


def test_another_commit_of_the_same_spec_is_refused(approved: Desk) -> None:
    approved.checkout.git("checkout", "-q", "-b", "other", "before-one")
    approved.checkout.write("README", "more\n")
    approved.checkout.write(SPEC, current(f"role: {approved.lab.world.deploy_role}"))
    approved.commit("contain, anew", "alice")

    code, out = approved.up(base="before-one")

    assert (code, "is not what is checked out here" in out) == (7, True), out


def test_another_provider_is_refused(approved: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bound, "provider_digest", lambda: "0.0.0 another")

    code, out = approved.up(base="before-one")

    assert (code, "the provider (containment itself) is not what was approved" in out) == (7, True)


def test_another_account_is_refused(approved: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def another(_review: object) -> str:
        return "999988887777"

    monkeypatch.setattr(bound, "_account", another)

    code, out = approved.up(base="before-one")

    assert (code, "the account is not what was approved" in out) == (7, True), out


PRINCIPAL = ("plan", "incidents", 0, "principals", 0)
EDITS: dict[tuple[str | int, ...], object] = {
    ("plan", "expires_at"): "2999-01-01T00:00:00Z",
    ("plan", "planned_at"): "2020-01-01T00:00:00Z",
    ("plan", "commit"): "0" * 40,
    ("plan", "program"): "0" * 64,
    ("plan", "provider"): "0.0.0 another",
    ("plan", "profile"): "0" * 64,
    ("plan", "account"): "999988887777",
    ("plan", "incidents", 0, "spec"): "0" * 64,
    ("plan", "incidents", 0, "state"): "0" * 64,
    (*PRINCIPAL, "live"): "0" * 64,
    (*PRINCIPAL, "written"): "0" * 64,
    (*PRINCIPAL, "actions"): ["contain", "lift"],
    (*PRINCIPAL, "rung"): "deny-all",
    (*PRINCIPAL, "calls"): [],
    ("signed", 0, "approved_at"): "2026-01-01T00:00:00Z",
    ("signed",): [],
}


def test_a_record_that_was_edited_anywhere_is_refused(approved: Desk) -> None:
    text = approved.file.read_text()
    for path, value in EDITS.items():
        document: Any = json.loads(text)
        part = document
        for name in path[:-1]:
            part = part[name]
        assert part[path[-1]] != value, path
        part[path[-1]] = value
        approved.file.write_text(json.dumps(document))

        code, out = approved.up(base="before-one")

        assert code in {3, 7}, (path, out)
    assert not (approved.tmp / "receipt.json").exists()


def test_a_file_that_is_no_record_is_one_clear_error(approved: Desk) -> None:
    for text in ("", "{}", "[]", "\0", '{"version": 2, "plan": {}, "signed": []}', "[" * 100_000):
        approved.file.write_text(text)

        code, out = approved.up(base="before-one")

        assert (code, "is no record of an approval" in out) == (2, True), out


def test_a_plan_made_after_the_approval_is_refused(
    approved: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = approved.document()["signed"]
    approved.file.unlink()
    later = datetime.now(UTC) + timedelta(hours=2)
    monkeypatch.setattr(cli.reviewing, "utc_now", lambda: later)
    approved.checkout.git("checkout", "-q", "change")
    code, out = approved.verb(
        *("review", "--base", "before-one", "--head", "change", "--approve", str(approved.file)),
        *("--sign-with", str(approved.keys / "bob"), "--yes"),
    )
    assert code == 0, out
    approved.rewrite(lambda document: document.__setitem__("signed", old))

    code, out = approved.up(base="before-one")

    assert (code, "its plan was made after it was approved" in out) == (7, True), out


def test_an_approval_expires(approved: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    later = datetime.now(UTC) + timedelta(hours=25)
    monkeypatch.setattr(cli.reviewing, "utc_now", lambda: later)

    code, out = approved.up(base="before-one")

    assert (code, "it expired at" in out) == (7, True), out


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("alice", f"{ALICE} made a part of the change and approves it as well"),
        ("alice2", f"{ALICE} made a part of the change and approves it as well"),
        ("bot", "renovate[bot] is no person"),
        ("stranger", "is not signed by anybody whom the base's allowed_signers lets approve"),
    ],
)
def test_neither_its_author_nor_a_bot_nor_a_stranger_approves(
    desk: Desk, key: str, words: str
) -> None:
    code, out = desk.approve(key)

    assert (code, words in out) == (7, True), out
    assert not desk.file.exists()


def test_who_added_a_commit_is_an_author_whatever_git_says_of_it(desk: Desk) -> None:
    desk.checkout.git("config", "user.name", "alice")
    desk.commit("more", "bob")

    code, out = desk.approve("bob")

    assert (code, f"{BOB} made a part of the change" in out) == (7, True), out


def test_who_pushed_what_nobody_signed_is_its_author(desk: Desk) -> None:
    desk.propose(signed_by=None)

    code, out = desk.approve("bob")
    assert (code, "its author cannot be told from its approver" in out) == (7, True), out
    code, out = desk.approve("bob", "--pushed-by", "bob-login")
    assert (code, f"{BOB} made a part of the change" in out) == (7, True), out
    code, out = desk.approve("bob", "--pushed-by", "mallory")
    assert (code, "who 'mallory' is, who pushed it, is not known" in out) == (7, True), out
    code, out = desk.approve("bob", "--pushed-by", "alice-login")
    assert code == 0, out
    # Whoever approves may have lied about that; who applies it says it again.
    code, out = desk.up()
    assert (code, "its author cannot be told from its approver" in out) == (7, True), out
    code, out = desk.up("--pushed-by", "bob-login")
    assert (code, f"{BOB} made a part of the change" in out) == (7, True), out


def test_two_persons_are_counted_and_not_two_signatures(desk: Desk) -> None:
    desk.checkout.git("checkout", "-q", "main")
    desk.checkout.write("containment.yaml", "review: {approvals: 2}\n")
    desk.checkout.commit("two persons")
    desk.propose()
    assert desk.approve("bob")[0] == desk.approve("bob")[0] == 0
    assert len(desk.document()["signed"]) == 2

    code, out = desk.up()
    assert (code, "1 person approved it, and the profile asks for 2" in out) == (7, True), out
    code, out = desk.approve("carol")
    assert (code, f"approved by {BOB}, {CAROL} until" in out) == (0, True), out


def test_signers_and_profile_of_the_change_count_for_nothing(desk: Desk) -> None:
    signers = allowed(desk.keys) + f"mallory {(desk.keys / 'stranger.pub').read_text()}"
    desk.checkout.write("allowed_signers", signers)
    desk.commit("signers", "alice")

    code, out = desk.approve("stranger")

    assert (code, "specs-alone" in out) == (7, True), out


def test_a_base_that_its_author_chose_is_refused(approved: Desk) -> None:
    """The approval names a base in the branch itself, where alice's commit is no change."""
    approved.checkout.git("checkout", "-q", "-b", "long", "change")
    approved.checkout.write(
        SPEC, current(f"role: {approved.lab.world.deploy_role}") + "hold: true\n"
    )
    approved.commit("hold", "carol")
    approved.file.unlink()
    code, out = approved.verb(
        *("review", "--base", "change", "--head", "long", "--approve", str(approved.file)),
        *("--sign-with", str(approved.keys / "alice"), "--yes"),
    )
    assert code == 0, out

    code, out = approved.up(base="before-one")

    assert (code, "is not in the history of before-one" in out) == (7, True), out


def test_a_change_that_is_refused_cannot_be_approved(desk: Desk) -> None:
    desk.checkout.write("Makefile", "all:\n")
    desk.commit("more", "alice")

    code, out = desk.approve()

    assert (code, "there is nothing to approve" in out) == (7, True), out


def test_an_approval_is_added_to_the_same_plan_alone(desk: Desk) -> None:
    assert desk.approve()[0] == 0
    spec_changes(desk)
    desk.commit("more", "alice")

    code, out = desk.approve("carol")

    assert (code, "is not what the review shows now: commit, incidents" in out) == (5, True), out


def test_signers_that_may_be_several_people_are_refused(keys: Path) -> None:
    key = (keys / "bob.pub").read_text().strip()
    for line in (f"*@x {key}", f"ca@x cert-authority {key}", "x ssh-ed25519", f'"a b" {key}'):
        with pytest.raises(SpecError, match="line 1 of allowed_signers cannot be used"):
            read_signers(f"{line}\n", keys, os.environ)


def test_one_key_of_several_names_and_one_name_of_several_keys_are_one_person(keys: Path) -> None:
    rows = {"a,b": "alice", "b,c": "bob", "d": "bob", "e": "carol"}
    text = "\n".join(f"{who} {(keys / f'{key}.pub').read_text()}" for who, key in rows.items())

    signers = read_signers(text, keys, os.environ)

    assert {signers.person_by_name[name] for name in "abcd"} == {"a"}
    assert sorted(signers.person_by_key.values()) == ["a", "a", "e"]


def test_a_key_that_signs_for_git_alone_approves_nothing(desk: Desk) -> None:
    desk.checkout.git("checkout", "-q", "main")
    key = (desk.keys / "bob.pub").read_text().strip()
    desk.checkout.write("allowed_signers", f'{BOB} namespaces="git" {key}\n')
    desk.checkout.commit("signers")
    desk.propose()

    code, out = desk.approve("bob", "--pushed-by", BOB)

    assert (code, "lets approve" in out) == (7, True), out


@pytest.mark.parametrize("missing", ["--base", "--receipt", "--sign-with"])
def test_an_approved_up_names_all_that_it_takes(approved: Desk, missing: str) -> None:
    named = {
        "--base": "before-one",
        "--receipt": str(approved.tmp / "r"),
        "--sign-with": str(approved.keys / "bob"),
    }
    del named[missing]
    words = [word for pair in named.items() for word in pair]

    code, out = approved.verb("up", STACK, "--approved", str(approved.file), *words)

    assert (code, "go together" in out) == (2, True), out

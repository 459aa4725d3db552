"""What the command that started the engine did already: taken over where live shows it, or not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from containment.actions import ACTIONS
from containment.lab.testing import Lab
from containment.lifecycle.handover import VARIABLE, Handover, hand_over
from containment.lifecycle.wire import Inputs, Lift
from containment.lifecycle.workplace import Settings, Workplace
from containment.plan import plan
from containment.run import before_engine
from containment.run.direct import Applied
from containment.run.state import StackState
from containment.spec import load
from tests.support.project import STACK, spec
from tests.support.sign_ins import PASSWORD, can_refresh, sign_in
from tests.support.wire import Plugin, plugin, values
from tests.support.workbench import can_list

pytestmark = pytest.mark.wire
FILE = f"stacks/{STACK}.yaml"
Started = Callable[[dict[str, str]], AbstractContextManager[Plugin]]


@pytest.fixture
def environ(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    named = {
        **lab.world.responder.env(),
        "AWS_ENDPOINT_URL": lab.endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": "/nonexistent",
    }
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    return named


@pytest.fixture
def results(lab: Lab, environ: dict[str, str], tmp_path: Path) -> tuple[Applied, ...]:
    """Contain a user before any engine, in the project at the test's folder."""
    del environ
    (tmp_path / "stacks").mkdir()
    user = f"{{user: '{lab.world.ci_user}', leaked: [{lab.world.leaked.access_key_id}]}}"
    (tmp_path / FILE).write_text(spec(user), encoding="utf-8")
    place = Workplace(
        tmp_path, ACTIONS, STACK, Settings.resolve(tmp_path, {}, ""), cancelled=Event()
    )
    return before_engine.contain(
        load(tmp_path / FILE), place, StackState(), spec_file=FILE, say=lambda *_: None
    )


@contextmanager
def handed(
    environ: dict[str, str], folder: Path, results: tuple[Applied, ...]
) -> Iterator[tuple[Plugin, Path]]:
    """Start a provider to which *results* are handed over; yield the file as well."""
    (folder / "handed").mkdir()
    named = hand_over(folder / "handed", [(item.resource, item.state) for item in results])
    with plugin({**environ, **named}, folder) as running:
        yield running, folder / "handed" / "handover.json"


def engine_up(running: Plugin, folder: Path) -> dict[str, dict[str, Any]]:
    """Check and create what the spec declares, as the engine does; return the outputs."""
    (principal,) = plan(load(folder / FILE), spec_file=FILE)
    outputs: dict[str, dict[str, Any]] = {}
    snapshot: dict[str, Any] = {}
    for item in (principal.snapshot, *principal.declarations):
        outputs_named = {
            name: output for name, output in item.from_snapshot.items() if output in snapshot
        }
        wired = {
            **item.inputs,
            **{name: snapshot[output] for name, output in outputs_named.items()},
        }
        inputs = values(running.check(item.resource, wired).inputs)
        outputs[item.resource] = values(running.create(item.resource, inputs).properties)
        snapshot = outputs["PrincipalSnapshot"]
    return outputs


def test_a_containment_that_was_handed_over_is_not_written_again(
    lab: Lab, environ: dict[str, str], tmp_path: Path, results: tuple[Applied, ...]
) -> None:
    assert not can_list(lab, lab.world.leaked)
    before = lab.status()["mutations"]["total"]

    with handed(environ, tmp_path, results) as (running, _):
        outputs = engine_up(running, tmp_path)

    assert lab.status()["mutations"]["total"] == before
    by_word = {item.resource: item.state for item in results}
    assert outputs["PrincipalSnapshot"]["snapshotId"] == by_word["PrincipalSnapshot"].snapshot_id
    for word in ("DenyPolicy", "InactiveCredentials"):
        assert outputs[word]["generation"] == by_word[word].generation
        assert outputs[word]["live"] == "applied"
    # Seen by this command, so it is no hearsay.
    (key,) = outputs["PrincipalSnapshot"]["accessKeys"]
    assert (key["status"], key.get("saidBy")) == ("Active", None)


def test_a_sign_in_session_is_revoked_and_the_deny_is_not_written_again(
    lab: Lab, environ: dict[str, str], tmp_path: Path, results: tuple[Applied, ...]
) -> None:
    iam = lab.client("iam", lab.world.admin)
    iam.create_login_profile(UserName="ci-deploy", Password=PASSWORD)
    token = sign_in(lab, client="CLI")
    before = lab.status()["mutations"]["total"]

    with handed(environ, tmp_path, results) as (running, _):
        outputs = engine_up(running, tmp_path)

    assert not can_refresh(lab, token)
    by_word = {item.resource: item.state for item in results}
    assert outputs["DenyPolicy"]["generation"] == by_word["DenyPolicy"].generation
    assert outputs["DenyPolicy"]["live"] == "applied"
    assert lab.status()["mutations"]["total"] == before + 1


def test_what_was_stripped_meanwhile_is_written_again(
    lab: Lab, environ: dict[str, str], tmp_path: Path, results: tuple[Applied, ...]
) -> None:
    iam = lab.client("iam", lab.world.admin)
    iam.delete_user_policy(UserName="ci-deploy", PolicyName=f"containment-{STACK}")

    with handed(environ, tmp_path, results) as (running, _):
        outputs = engine_up(running, tmp_path)

    by_word = {item.resource: item.state for item in results}
    assert outputs["DenyPolicy"]["snapshotId"] == by_word["PrincipalSnapshot"].snapshot_id
    assert outputs["DenyPolicy"]["generation"] > by_word["DenyPolicy"].generation
    assert iam.list_user_policies(UserName="ci-deploy")["PolicyNames"] == [
        f"containment-{STACK}",
        "pipeline",
    ]


def test_an_engine_after_a_run_that_died_goes_on_with_its_snapshot(
    environ: dict[str, str], tmp_path: Path, results: tuple[Applied, ...]
) -> None:
    with plugin(environ, tmp_path) as running:
        outputs = engine_up(running, tmp_path)

    by_word = {item.resource: item.state for item in results}
    assert outputs["PrincipalSnapshot"]["snapshotId"] == by_word["PrincipalSnapshot"].snapshot_id
    (key,) = outputs["PrincipalSnapshot"]["accessKeys"]
    assert key["status"] == "Active"


@pytest.mark.parametrize("forgery", ["altered", "readable", "linked", "named by another hash"])
def test_a_file_that_is_not_that_command_s_is_not_believed(tmp_path: Path, forgery: str) -> None:
    lift = Lift(spec=FILE, disposition="suspected", compromised_at="2026-11-01T00:00:00Z")
    state = Inputs(incident=STACK, principal="arn:aws:iam::111122223333:user/a", lift=lift)
    named = hand_over(tmp_path, [("DenyPolicy", state)])
    assert Handover.named_in(named).states.keys() == {("DenyPolicy", state.principal)}
    path = tmp_path / "handover.json"
    digest, _, _ = named[VARIABLE].partition(" ")
    if forgery == "altered":
        path.write_bytes(path.read_bytes().replace(b"user/a", b"user/b"))
    elif forgery == "readable":
        path.chmod(0o640)
    elif forgery == "linked":
        os.link(path, tmp_path / "other")
    else:
        digest = "0" * 64

    assert Handover.named_in({VARIABLE: f"{digest} {path}"}) == Handover()
    assert path.stat().st_mode & 0o777 == (0o640 if forgery == "readable" else 0o600)

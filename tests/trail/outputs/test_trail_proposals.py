"""What the trace proposes to contain, how far, and what of the spec stays as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.verbs.trace import trace as trace_verb
from containment import descendants
from containment.errors import NotFoundError, SpecError
from containment.trail import trace
from containment.trail.outputs.into_spec import add_to_spec
from containment.trail.outputs.remember import record_of, remember
from tests.support.trail_composite import OTHER, Composite
from tests.support.trail_proposing import IAM, SPEC, open_trust, propose
from tests.support.trail_scene import session_answer

pytestmark = pytest.mark.plain


@pytest.fixture
def scene() -> Composite:
    return Composite()


def test_what_the_attacker_made_is_denied_everything(scene: Composite, tmp_path: Path) -> None:
    scene.make_user(scene.leaked, scene.user, "helper", 20)
    key = scene.access_key(scene.leaked, scene.user, "helper", 21)
    scene.make_role(scene.leaked, scene.user, "back", 23)

    proposed = propose(scene, tmp_path)

    assert (proposed.rung("user/helper"), proposed.rung("role/back")) == ("deny-all", "deny-all")
    assert proposed.targets[f"{IAM}user/helper"].leaked == (key,)
    assert f"CreateRole by {scene.leaked} at {scene.time_at(23)}, event" in proposed.line(
        "role/back"
    )


def test_an_existing_user_loses_the_key_that_was_made_for_them_and_no_other(
    scene: Composite, tmp_path: Path
) -> None:
    alice = scene.person("alice")
    scene.call("AKIAALICESOWN0000000", alice, "ListUsers", 1)
    key = scene.access_key(scene.leaked, scene.user, "alice", 22)
    minted = scene.key()
    answer = {"credentials": {"accessKeyId": minted, "sessionToken": "x", "expiration": "e"}}
    scene.call(key, alice, "GetSessionToken", 23, source="sts.amazonaws.com", response=answer)

    proposed = propose(scene, tmp_path)

    assert proposed.rung("user/alice") == "key-only"
    assert proposed.targets[f"{IAM}user/alice"].leaked == (key,)
    assert f"{minted} minted with it may live 36 hours on" in proposed.line("user/alice", "rung")


def test_a_password_is_stopped_by_the_only_rung_that_does_and_the_cost_is_said(
    scene: Composite, tmp_path: Path
) -> None:
    scene.call(scene.leaked, scene.user, "UpdateLoginProfile", 24, request={"userName": "bob"})

    proposed = propose(scene, tmp_path)

    assert proposed.rung("user/bob") == "deny-all"
    assert "stops the rightful owner too" in proposed.line("user/bob", "rung")


def test_a_role_that_was_only_assumed_has_its_sessions_revoked(
    scene: Composite, tmp_path: Path
) -> None:
    key, arn = scene.assume(scene.leaked, scene.user, "app", 10)
    issuer = {"type": "Role", "arn": f"{IAM}role/team/app", "accountId": scene.account}
    record = scene.call(key, arn, "ListUsers", 11, created=10)
    record["userIdentity"]["sessionContext"]["sessionIssuer"] |= issuer

    proposed = propose(scene, tmp_path)

    assert proposed.rung("role/team/app") == "revoke-sessions"


def test_compute_of_the_attacker_loses_its_sessions_by_name_and_others_of_the_role_keep_theirs(
    scene: Composite, tmp_path: Path
) -> None:
    machine = "i-0aaaaaaaaaaaaaaaa"
    answer = {"instancesSet": {"items": [{"instanceId": machine}]}}
    scene.call(
        scene.leaked, scene.user, "RunInstances", 1, source="ec2.amazonaws.com", response=answer
    )
    scene.instance(machine, "web", 2)

    proposed = propose(scene, tmp_path)

    target = proposed.targets[f"{IAM}role/web"]
    assert (str(target.rung), [session.mark for session in target.sessions]) == (
        "session",
        [("name", machine)],
    )
    assert "stop the compute" in proposed.line("role/web", "rung")


def test_a_trust_opened_to_the_outside_is_closed_and_the_statement_named(
    scene: Composite, tmp_path: Path
) -> None:
    open_trust(scene, "data", f"arn:aws:iam::{OTHER}:root", 10)
    open_trust(scene, "inner", f"arn:aws:iam::{scene.account}:root", 11)

    proposed = propose(scene, tmp_path)

    assert (proposed.rung("role/data"), proposed.rung("role/inner")) == (
        "close-trust",
        "revoke-sessions",
    )
    assert f"trusts arn:aws:iam::{OTHER}:root" in proposed.line("role/data", "rung")
    assert "lower it to revoke-sessions" in proposed.line("role/data", "rung")
    assert "restore the statement by hand" in proposed.line("role/inner", "rung")


def test_responder_pipeline_and_break_glass_are_listed_and_never_proposed(
    scene: Composite, tmp_path: Path
) -> None:
    for number, role in enumerate(("BreakGlass", "responder", "pipeline")):
        scene.assume(scene.leaked, scene.user, role, 25 + number)
        open_trust(scene, role, "*", 30 + number)
    session = f"arn:aws:sts::{scene.account}:assumed-role/responder/me"

    proposed = propose(scene, tmp_path, responders=[session, f"{IAM}role/pipeline"])

    assert len(proposed.proposals.protected) == 3
    assert proposed.proposals.targets == ()
    assert proposed.text == SPEC


def test_what_the_spec_cannot_hold_is_listed_for_a_decision(
    scene: Composite, tmp_path: Path
) -> None:
    scene.assume(scene.leaked, scene.user, "AWSReservedSSO_Admin_1a2b", 10)
    scene.assume(scene.leaked, scene.user, "far", 11, account=OTHER)

    proposed = propose(scene, tmp_path)

    assert proposed.proposals.targets == ()
    assert any("only its own service" in line for line in proposed.proposals.decide)
    assert any(f"account {OTHER}: write an incident" in line for line in proposed.proposals.decide)


def test_a_federated_session_goes_with_the_user_who_asked_for_it(
    scene: Composite, tmp_path: Path
) -> None:
    arn = f"arn:aws:sts::{scene.account}:federated-user/ops"
    answer = {"credentials": session_answer(scene.key(), "1", "r", "s")["credentials"]}
    answer["federatedUser"] = {"arn": arn, "federatedUserId": f"{scene.account}:ops"}
    scene.call(
        scene.leaked, scene.user, "GetFederationToken", 5, request={"name": "ops"}, response=answer
    )

    proposed = propose(scene, tmp_path)

    assert (proposed.proposals.targets, proposed.proposals.decide) == ((), ())


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (None, NotFoundError),
        ("targets: [", SpecError),
        ("- a list", SpecError),
        ("a: b", SpecError),
        ("targets: none", SpecError),
    ],
)
def test_a_spec_that_cannot_be_used_is_one_clear_error(
    scene: Composite, tmp_path: Path, content: str | None, error: type[Exception]
) -> None:
    scene.call(scene.leaked, scene.user, "ListUsers", 1)
    answer = trace(scene.leaked, since=scene.since, logs=[scene.write(tmp_path)], workers=1)
    spec = tmp_path / "spec.yaml"
    if content is not None:
        spec.write_text(content)

    with pytest.raises(error):
        add_to_spec(answer, spec)


def test_the_verb_says_what_it_added_what_is_left_to_decide_and_what_did_not_fit(
    scene: Composite, tmp_path: Path
) -> None:
    for number in range(3):
        scene.make_user(scene.leaked, scene.user, f"made{number}", 10 + number)
    scene.assume(scene.leaked, scene.user, "far", 11, account=OTHER)
    scene.assume(scene.leaked, scene.user, "me", 12)
    logs = scene.write(tmp_path)
    path = tmp_path / "inc-2026-0042.yaml"
    path.write_text(SPEC.replace("20}", "2}"), "utf-8")
    asked: list[Any] = [scene.leaked, "--since", scene.since, "--logs", logs, "--propose", path]

    result = CliRunner().invoke(
        trace_verb, [*map(str, asked), "--no-index", "--responder", f"{IAM}role/me"]
    )

    assert result.exit_code == 0, result.output
    assert "PROPOSED in" in result.output
    assert f"{IAM}user/made0  deny-all" in result.output
    assert "BEYOND THE LIMIT of the spec (2)" in result.output
    assert "FOR A DECISION" in result.output
    assert "NEVER PROPOSED" in result.output


def test_what_was_found_is_kept_beside_the_spec_for_the_lift(
    scene: Composite, tmp_path: Path
) -> None:
    scene.make_user(scene.leaked, scene.user, "helper", 1)
    key = scene.access_key(scene.leaked, scene.user, "helper", 2)
    session, _ = scene.assume(scene.leaked, scene.user, "app", 3)
    token, arn = scene.key(), f"arn:aws:sts::{scene.account}:federated-user/ops"
    answer: dict[str, Any] = {"credentials": {"accessKeyId": token, "sessionToken": "x"}}
    answer["federatedUser"] = {"arn": arn, "federatedUserId": f"{scene.account}:ops"}
    scene.call(scene.leaked, scene.user, "GetFederationToken", 4, response=answer)
    proposed = propose(scene, tmp_path)
    again = trace(scene.leaked, since=scene.since, logs=[tmp_path / "log.json"], workers=1)

    path = remember(again, proposed.path)
    first = path.read_text("utf-8")
    remember(again, proposed.path)

    record = descendants.load(path)
    assert record is not None
    assert path.read_text("utf-8") == first
    account = scene.account
    assert {(d.id, d.principal, d.session, d.ends) for d in record.descendants} == {
        (f"{IAM}user/helper", f"{account}/user/helper", "", ""),
        (key, f"{account}/user/helper", "", ""),
        (session, f"{account}/role/app", "s3", "2026-11-24T21:14:00Z"),
        (token, f"{account}/user/ci-deploy", "ops", "2026-11-25T09:14:04Z"),
    }
    assert record.traces[0].until == scene.time_at(4)


def test_a_hostile_name_in_the_record_is_text(scene: Composite, tmp_path: Path) -> None:
    user = scene.make_user(scene.leaked, scene.user, "helper", 1)
    named = scene.records[-1]["responseElements"]["user"]
    named["arn"] = user + "\x1b]0;x\x07\ud800"
    answer = trace(scene.leaked, since=scene.since, logs=[scene.write(tmp_path)], workers=1)

    assert descendants.dumps(record_of(answer, "inc-1")).isascii()


def test_capitals_neither_hide_break_glass_nor_name_a_target_twice(
    scene: Composite, tmp_path: Path
) -> None:
    scene.assume(scene.leaked, scene.user, "bReAkGlAsS", 1)
    scene.call(scene.leaked, scene.user, "UpdateLoginProfile", 2, request={"userName": "CI-Deploy"})

    proposed = propose(scene, tmp_path)

    assert len(proposed.proposals.protected) == 1
    assert proposed.proposals.targets == ()

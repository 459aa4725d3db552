"""The guard: denies by a control policy from outside the account, proved, watched, lifted last."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal

import pytest
from botocore.exceptions import ClientError

from containment import descendants, responder
from containment.actions import ACTIONS
from containment.actions.guard_policy import GuardPolicy, GuardState
from containment.descendants import Descendant, Record
from containment.errors import ConflictError, ContainmentError
from containment.facets.marks import incident_hash
from containment.guard import document, proof, removal
from containment.guard.control_policies import CHANGES, READS
from containment.lab.scenario.world import Credentials
from containment.lab.testing import Lab
from containment.lifecycle.action import UnfinishedError
from containment.lifecycle.snapshot import SnapshotInputs
from containment.lifecycle.workplace import Settings, Workplace
from containment.profile import Profile
from containment.run import direct
from containment.spec import load
from tests.lab.matrix.bench import allow, deny, policy
from tests.support.guard_scene import LAG_S, Scene, guarded_scene
from tests.support.workbench import Bench, allowed, can_list, minted, session_of

SNAPSHOT = set(SnapshotInputs.model_fields)


@pytest.fixture
def scene(lab: Lab, bench_for: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch) -> Scene:
    return guarded_scene(lab, bench_for(), monkeypatch)


@pytest.mark.lab
def test_freeze_stops_identity_changes_and_the_incident_and_lets_workloads_run(
    scene: Scene,
) -> None:
    lab, world = scene.lab, scene.lab.world
    break_glass = session_of(lab, world.admin, world.break_glass_role)
    assert scene.make_user(world.admin, "before")
    assert can_list(lab, world.release_key)

    state = scene.set("freeze")

    assert (state.live, state.settled) == ("applied", True)
    assert not scene.make_user(world.admin)
    assert not can_list(lab, world.release_key)
    assert not can_list(lab, minted(lab, world.release_key))
    assert can_list(lab, world.bystander)
    assert can_list(lab, session_of(lab, world.bystander, world.bystander_role))
    assert scene.make_user(break_glass, "rescued")
    assert not allowed(
        lab.client("sts", world.admin).assume_role,
        RoleArn=world.break_glass_role,
        RoleSessionName="attacker",
    )

    scene.action.delete(state)

    assert scene.attached() == ["FullAWSAccess"]
    assert scene.make_user(world.admin, "after")
    assert can_list(lab, world.release_key)


@pytest.mark.lab
def test_quarantine_stops_everybody_but_the_exempt_and_those_who_come_in_as_them(
    scene: Scene,
) -> None:
    lab, world = scene.lab, scene.lab.world
    break_glass = session_of(lab, world.admin, world.break_glass_role)
    assert can_list(lab, world.bystander)

    state = scene.set("quarantine")

    assert not can_list(lab, world.bystander)
    assert not can_list(lab, world.app_session)
    assert not can_list(lab, world.release_key)
    assert not allowed(
        lab.client("sts", world.bystander).assume_role,
        RoleArn=world.bystander_role,
        RoleSessionName="work",
    )
    assert can_list(lab, break_glass)
    session_of(lab, world.responder_user_key, world.responder_role)

    scene.action.delete(state)

    assert can_list(lab, world.bystander)
    assert can_list(lab, world.release_key)


@pytest.mark.lab
@pytest.mark.parametrize("mode", ["freeze", "quarantine"])
def test_nobody_who_runs_containment_is_locked_out(
    scene: Scene, mode: Literal["freeze", "quarantine"], bench_for: Callable[..., Bench]
) -> None:
    lab, world, iam = scene.lab, scene.lab.world, scene.lab.client("iam", scene.lab.world.admin)
    trust = json.loads(
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
        f'"Principal":{{"AWS":"{world.responder_user}"}}}}]}}'
    )
    pipeline = iam.create_role(
        RoleName="pipeline", Path="/ci/", AssumeRolePolicyDocument=json.dumps(trust)
    )["Role"]["Arn"]
    iam.attach_role_policy(
        RoleName="pipeline", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    )
    lab.advance(60)
    scene.bench.context = replace(
        scene.bench.context, profile=Profile(guard_lag_s=LAG_S, pipeline=(pipeline,))
    )
    sessions = {
        "the responder": world.responder,
        "the pipeline": session_of(lab, world.responder_user_key, pipeline),
        "break-glass": session_of(lab, world.admin, world.break_glass_role),
    }
    state = scene.set(mode)

    for credentials in sessions.values():
        assert allowed(lab.client("iam", credentials).list_users)
        assert allowed(lab.client("iam", credentials).get_user, UserName="release-bot")
    session_of(lab, world.responder_user_key, world.responder_role)
    session_of(lab, world.responder_user_key, pipeline)
    scene.action.delete(bench_for_lift(scene, bench_for, state))
    assert scene.attached() == ["FullAWSAccess"]


@pytest.mark.lab
def test_nobody_of_the_incident_takes_up_an_exempt_role_that_was_made_to_trust_them(
    scene: Scene,
) -> None:
    lab, world = scene.lab, scene.lab.world
    trusted = [world.bystander_user, world.responder_user]
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": trusted}}
        ],
    }
    lab.client("iam", world.admin).update_assume_role_policy(
        RoleName=world.break_glass_role.rpartition("/")[2], PolicyDocument=json.dumps(trust)
    )

    def takes_up(by: Credentials) -> bool:
        sts = lab.client("sts", by)
        return allowed(sts.assume_role, RoleArn=world.break_glass_role, RoleSessionName="emergency")

    assert takes_up(world.bystander)

    # At a rung under which the guard itself denies them nothing by their id.
    scene.set("freeze", targets=(scene.taken.principal, world.bystander_user))
    lab.advance(LAG_S)

    assert not takes_up(world.bystander)
    assert can_list(lab, world.bystander)
    assert takes_up(world.responder_user_key)


def bench_for_lift(scene: Scene, bench_for: Callable[..., Bench], state: GuardState) -> GuardState:
    """Come in anew under the guard, as whoever lifts does."""
    again = session_of(
        scene.lab, scene.lab.world.responder_user_key, scene.lab.world.responder_role
    )
    fresh = bench_for(again)
    scene.bench.context = replace(
        scene.bench.context, clients=fresh.context.clients, who=fresh.context.who
    )
    return state


@pytest.mark.lab
def test_without_rights_in_the_organisation_it_is_said_and_where_required_not_contained(
    scene: Scene,
) -> None:
    world = scene.lab.world
    scene.bench.context = replace(
        scene.bench.context, organizations=lambda: scene.lab.client("organizations", world.admin)
    )

    state = scene.set("freeze")

    assert state.live == "missing"
    assert "is not set, and an attacker with IAM rights" in scene.bench.words()
    assert scene.action.diff(scene.inputs("freeze"), state, scene.inputs("freeze")).changed
    assert scene.action.read(state) == state
    scene.action.delete(state)

    with pytest.raises(UnfinishedError, match="not contained: the required guard"):
        scene.set("freeze", required=True)


@pytest.mark.lab
def test_a_guard_that_would_lock_the_responder_out_is_not_attached(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = document.document

    def blind(terms: document.Terms, mark: Any) -> Any:
        return written(replace(terms, exempt=(terms.exempt[0],)), mark)

    monkeypatch.setattr("containment.guard.document.document", blind)

    with pytest.raises(UnfinishedError, match="does what it must not"):
        scene.set("quarantine")

    assert scene.attached() == ["FullAWSAccess"]


@pytest.mark.lab
def test_a_policy_on_a_level_above_that_locks_the_responder_out_is_told_apart(
    scene: Scene,
) -> None:
    root = scene.organizations.list_roots()["Roots"][0]["Id"]
    made = scene.organizations.create_policy(
        Content=policy(deny("iam:PutUserPolicy")),
        Description="d",
        Name="posture",
        Type="SERVICE_CONTROL_POLICY",
    )["Policy"]["PolicySummary"]["Id"]
    scene.organizations.attach_policy(PolicyId=made, TargetId=root)

    state = scene.set("freeze")

    assert state.live == "applied"
    assert "by control policies that stand already" in scene.bench.words()


@pytest.mark.lab
@pytest.mark.parametrize("operation", ["CreatePolicy", "AttachPolicy"])
def test_an_answer_that_was_lost_is_unverified_and_the_next_run_looks(
    scene: Scene, operation: str
) -> None:
    scene.lab.faults({"kind": "lose", "operation": operation, "count": 1})

    first = scene.set("freeze")
    scene.lab.faults()

    assert first.live == "unverified"
    live_state = scene.action.read(first)
    again = scene.action.update(live_state, scene.inputs("freeze"), preview=False)
    assert again.live == "applied"
    assert scene.attached() == ["FullAWSAccess", f"containment-{scene.bench.incident}"]


def federated(scene: Scene, name: str) -> Credentials:
    """Return a session that the release user gave to *name*."""
    sts = scene.lab.client("sts", scene.lab.world.release_key)
    issued = sts.get_federation_token(Name=name, Policy=policy(allow("s3:*")))["Credentials"]
    return Credentials(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])


def record_of(
    scene: Scene, *sessions: str, swept: str = "", ends: str = "2099-01-01T00:00:00Z"
) -> str:
    """Return what a trace writes down of federated sessions of the release user."""
    rows = tuple(
        Descendant(
            id=f"ASIA{number}",
            kind="access_key",
            tier="derived",
            principal=f"{scene.lab.world.account}/user/release-bot",
            session=name,
            issued_at="2026-11-20T00:00:00Z",
            ends=ends,
            event_id="",
            confidence="certain",
            swept=swept,
        )
        for number, name in enumerate(sessions)
    )
    return descendants.dumps(Record(scene.bench.incident, (), rows))


@pytest.mark.lab
def test_federated_sessions_are_denied_by_the_names_that_a_trace_found(scene: Scene) -> None:
    lab = scene.lab
    record = scene.bench.directory / "stacks" / f"{scene.bench.incident}.descendants.json"
    lab.client("iam", lab.world.admin).put_user_policy(
        UserName="release-bot",
        PolicyName="federates",
        PolicyDocument=policy(allow("sts:GetFederationToken")),
    )
    eve, honest = federated(scene, "eve"), federated(scene, "backup")
    # At a rung under which the guard denies the user nothing.
    inputs = scene.inputs("freeze").model_copy(update={"denied": ()})
    state = scene.action.create(inputs, preview=False)
    assert can_list(lab, eve)

    record.write_text(record_of(scene, "eve", "*", "${aws:username}", "x"), encoding="utf-8")
    stale = scene.action.read(state)
    again = scene.action.update(stale, inputs, preview=False)

    assert stale.live == "stale"
    assert f"federated sessions {lab.world.account}:eve, which" in scene.bench.words()
    assert again.live == scene.action.read(again).live == "applied"
    assert not can_list(lab, eve)
    assert can_list(lab, honest)
    assert can_list(lab, lab.world.release_key)
    scene.action.delete(again)
    assert can_list(lab, eve)


@pytest.mark.lab
@pytest.mark.parametrize("text", ["{", "swept", "ended", "without a zone"])
def test_a_record_that_is_broken_swept_or_ended_denies_no_federated_session(
    scene: Scene, text: str
) -> None:
    contents = {
        "{": "{",
        "swept": record_of(scene, "eve", swept="key deleted"),
        "ended": record_of(scene, "eve", ends="2020-01-01T00:00:00Z"),
        "without a zone": record_of(scene, "eve", ends="2099-01-01T00:00:00"),
    }
    record = scene.bench.directory / "stacks" / f"{scene.bench.incident}.descendants.json"
    record.write_text(contents[text], encoding="utf-8")

    state = scene.set("freeze")

    assert state.live == scene.action.read(state).live == "applied"
    assert ("denies no federated session" in scene.bench.words()) is (
        text in {"{", "without a zone"}
    )
    answer = scene.organizations.describe_policy(PolicyId=state.policy_id)
    content = answer["Policy"]["Content"]
    denied = document.denied_in(content, incident_hash(scene.bench.incident))
    assert scene.taken.principal_id in denied
    assert not any(one.endswith(":eve") for one in denied)


@pytest.mark.lab
def test_a_preview_names_a_new_guard_and_another_mode_and_nothing_where_it_is_so(
    scene: Scene,
) -> None:
    action, user = scene.action, scene.bench.context.locate(scene.inputs("freeze"), None)
    assert user is not None
    subject = f"service control policy containment-{scene.bench.incident}"
    attached = f"attached to account {scene.lab.world.account}"

    (new,) = action.writes(scene.inputs("freeze"), user)
    scene.set("freeze")
    (other_mode,) = action.writes(scene.inputs("quarantine"), user)

    assert (new.subject, new.before, new.after) == (subject, None, f"freeze, {attached}")
    assert (other_mode.subject, other_mode.before, other_mode.after) == (
        subject,
        f"freeze, {attached}",
        f"quarantine, {attached}",
    )
    assert action.writes(scene.inputs("freeze"), user) == []


@pytest.mark.lab
def test_a_guard_that_was_taken_off_or_edited_is_seen_and_put_back(scene: Scene) -> None:
    state = scene.set("freeze")
    assert state.policy_id is not None

    scene.organizations.update_policy(PolicyId=state.policy_id, Content=policy(allow("*")))
    altered = scene.action.read(state)
    assert altered.live == "altered"
    with pytest.raises(ConflictError, match="another text"):
        scene.action.delete(altered)
    again = scene.action.update(altered, scene.inputs("freeze"), preview=False)
    assert not scene.make_user(scene.lab.world.admin)

    scene.organizations.detach_policy(PolicyId=again.policy_id, TargetId=scene.lab.world.account)
    missing_state = scene.action.read(again)
    assert missing_state.live == "missing"
    scene.action.update(missing_state, scene.inputs("freeze"), preview=False)
    assert not scene.make_user(scene.lab.world.admin)


@pytest.mark.lab
def test_a_guard_is_lifted_last_and_a_newer_guard_stays(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "_LIFT_WAIT_S", 0.0)
    bench = scene.bench
    deny_state = bench.deny_action().create(bench.deny_inputs(scene.taken), preview=False)
    state = scene.set("freeze")

    with pytest.raises(ConflictError, match="still in force"):
        scene.action.delete(state)
    older = state.model_copy(update={"generation": 1})
    bench.deny_action().delete(deny_state)
    scene.action.delete(older)
    assert "superseded" in bench.words()
    assert len(scene.attached()) == 2

    scene.action.delete(state)
    assert scene.attached() == ["FullAWSAccess"]


@pytest.mark.lab
@pytest.mark.parametrize("attached", [True, False], ids=["attached", "attached to nothing"])
def test_a_guard_that_the_engine_forgot_goes_with_the_snapshot(
    scene: Scene, attached: bool
) -> None:
    state = scene.set("freeze")
    if not attached:  # as where a run was cut off between the two calls
        scene.organizations.detach_policy(
            PolicyId=state.policy_id, TargetId=scene.lab.world.account
        )

    scene.bench.snapshot_action().delete(scene.taken)

    assert scene.attached() == ["FullAWSAccess"]
    made = scene.organizations.list_policies(Filter="SERVICE_CONTROL_POLICY")["Policies"]
    assert [one["Name"] for one in made] == ["FullAWSAccess"]


@pytest.mark.lab
def test_two_guards_exempt_each_others_people(
    scene: Scene, bench_for: Callable[..., Bench]
) -> None:
    lab, world = scene.lab, scene.lab.world
    first = scene.set("freeze")
    profile = Profile(guard_lag_s=LAG_S, pipeline=(world.bystander_role,))
    other = scene.another(bench_for(), "inc-2026-0043", world.bystander_user)
    other.bench.context = replace(other.bench.context, profile=profile)

    state = other.set("freeze")

    assert state.live == "applied"
    stale = scene.action.read(first)
    assert stale.live == "stale"
    assert f"does not exempt {world.bystander_role}" in scene.bench.words()
    again = scene.action.update(stale, scene.inputs("freeze"), preview=False)
    assert again.live == scene.action.read(again).live == other.action.read(state).live == "applied"
    assert len(scene.attached()) == 3
    assert allowed(lab.client("iam", world.responder).get_user, UserName="alice")
    assert not scene.make_user(world.admin)


def nothing(*_: object, **__: object) -> None:
    """Do nothing, whatever is asked."""


def the_state(_action: GuardPolicy, _policies: object, state: GuardState, _: object) -> GuardState:
    """Return *state* as it is: nobody is looked for."""
    return state


@pytest.mark.lab
def test_the_guard_roles_policy_is_enough_and_every_action_of_it_is_needed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, world = scene.lab, scene.lab.world
    iam = lab.client("iam", world.management_admin)
    iam.create_user(UserName="guard-setter")
    made = iam.create_access_key(UserName="guard-setter")["AccessKey"]
    keys = Credentials(made["AccessKeyId"], made["SecretAccessKey"])
    whole = responder.guard_policy(world.management_account)

    def permit(without: str = "") -> None:
        statements = [
            {**one, "Action": [a for a in one["Action"] if a != without] or ["sqs:SendMessage"]}
            for one in whole["Statement"]
        ]
        iam.put_user_policy(
            UserName="guard-setter",
            PolicyName="guard",
            PolicyDocument=json.dumps({**whole, "Statement": statements}),
        )

    def clear() -> None:
        policies = scene.organizations.list_policies(Filter="SERVICE_CONTROL_POLICY")["Policies"]
        for one in policies:
            if one["Name"].startswith("containment-"):
                with suppress(ClientError):
                    scene.organizations.detach_policy(PolicyId=one["Id"], TargetId=world.account)
                scene.organizations.delete_policy(PolicyId=one["Id"])

    def life() -> bool:
        """Set, see, rewrite and take off a guard; tell whether all of that could be done."""
        try:
            state = scene.set("freeze")
            if state.live != "applied" or scene.action.read(state).live != "applied":
                return False
            state = scene.action.update(state, scene.inputs("quarantine"), preview=False)
            scene.action.delete(state)
        except ContainmentError:
            return False
        return state.live == "applied" and scene.attached() == ["FullAWSAccess"]

    # What the account's own calls need is another role's.
    monkeypatch.setattr(proof, "require", nothing)
    monkeypatch.setattr(GuardPolicy, "_look_for_late", the_state)
    organizations = lab.client("organizations", keys)
    scene.bench.context = replace(scene.bench.context, organizations=lambda: organizations)
    permit()
    assert life()
    for action in sorted(READS | CHANGES):
        permit(without=action)
        assert not life(), f"{action} is not needed"
        clear()
    root = scene.organizations.list_roots()["Roots"][0]["Id"]
    permit()
    own_policy = organizations.create_policy(
        Name="mine",
        Description="d",
        Content=policy(deny("s3:*")),
        Type="SERVICE_CONTROL_POLICY",
    )["Policy"]["PolicySummary"]["Id"]
    assert not allowed(organizations.attach_policy, PolicyId=own_policy, TargetId=root)
    assert allowed(organizations.attach_policy, PolicyId=own_policy, TargetId=world.account)


@pytest.mark.lab
def test_a_responder_who_may_not_simulate_it_contains_all_the_same(scene: Scene) -> None:
    iam = scene.lab.client("iam", scene.lab.world.admin)
    iam.put_role_policy(
        RoleName="ContainmentResponder",
        PolicyName="less",
        PolicyDocument=policy(deny("iam:SimulateCustomPolicy")),
    )
    snapshot = scene.bench.snapshot_action()

    refused = snapshot.check(SnapshotInputs(**scene.taken.model_dump(include=SNAPSHOT)), None)
    state = scene.set("freeze")

    assert refused == []
    assert state.live == "missing"
    assert "iam:SimulateCustomPolicy" in scene.bench.words()


@pytest.mark.lab
def test_a_new_key_is_denied_of_an_exempt_one_named_and_who_was_there_before_is_named_alone(
    scene: Scene,
) -> None:
    lab, world = scene.lab, scene.lab.world
    iam = lab.client("iam", world.admin)
    iam.create_user(UserName="older")
    iam.create_user(UserName="rescuer")
    iam.create_user(UserName="planted")
    lab.advance(60)
    context = scene.bench.context
    profile = Profile(
        guard_lag_s=LAG_S, break_glass=(f"arn:aws:iam::{world.account}:user/rescuer",)
    )
    caller = replace(context.caller, answered_at=lab.now())
    scene.bench.context = replace(context, profile=profile, who=lambda: caller)
    iam.create_access_key(UserName="rescuer")
    iam.create_access_key(UserName="planted")

    state = scene.set("freeze")

    words = scene.bench.words()
    assert "user/rescuer (access key AKIA" in words
    assert "EXEMPT" in words
    assert "user/older" in words
    (late,) = state.late
    assert late.principal.endswith("user/planted")
    assert late.access_key_id


@pytest.mark.lab
@pytest.mark.parametrize(("ago_s", "count"), [(60, 1), (3600, 0)])
def test_who_was_made_since_the_denies_of_a_moment_ago_is_denied_and_of_an_hour_ago_named(
    scene: Scene, ago_s: int, count: int
) -> None:
    lab = scene.lab
    lab.client("iam", lab.world.admin).create_user(UserName="meanwhile")
    lab.advance(ago_s)
    caller = replace(scene.bench.context.caller, answered_at=lab.now())
    scene.bench.context = replace(scene.bench.context, who=lambda: caller)

    state = scene.set("freeze", captured_at=scene.taken.captured_at)

    assert len(state.late) == count
    assert "user/meanwhile" in scene.bench.words()


@pytest.mark.lab
def test_without_the_engine_the_profile_requires_a_guard_as_well(scene: Scene) -> None:
    bench = scene.bench
    settings = Settings(profile=Profile(guard_required=True))
    workplace = Workplace(bench.directory, ACTIONS, bench.incident, settings)
    spec_file = f"stacks/{bench.incident}.yaml"
    spec = load(bench.directory / spec_file)

    results = direct.contain(spec, workplace, spec_file=spec_file, say=nothing)

    assert {one.resource for one in results if one.error} == {"GuardPolicy"}
    assert "not contained: the required guard" in str(direct.failure(results))
    assert not can_list(scene.lab, scene.lab.world.release_key)

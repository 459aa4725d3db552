"""No rung locks out whoever runs containment, whether they are named or somebody else is.

The guard's modes are tried in ``test_guard_policy``, on the same roles.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from containment.actions import ACTIONS, ACTIONS_BY_RESOURCE
from containment.errors import RefusedError
from containment.facets import marks
from containment.lab.scenario import inventory
from containment.lab.scenario.world import Credentials
from containment.lifecycle.workplace import Settings, Workplace
from containment.plan import plan
from containment.profile import Profile
from containment.run import direct
from containment.spec import load
from containment.spec.vocabulary import Rung, rungs_of
from tests.support.workbench import Bench, allowed, can_list, session_of, write_spec

pytestmark = pytest.mark.lab

_NAMED = "    sessions: [{name: work}]\n"
_ROLE_RUNGS = [Rung(word) for word in rungs_of("role")]
_USER_RUNGS = [Rung(word) for word in rungs_of("user")]
_ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


@pytest.fixture
def pipeline(bench: Bench) -> str:
    """Make the role of a pipeline, which the responder's user may take up."""
    world, iam = bench.lab.world, bench.admin()
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": world.responder_user},
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = iam.create_role(RoleName="pipeline", Path="/ci/", AssumeRolePolicyDocument=trust)
    iam.attach_role_policy(
        RoleName="pipeline", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    )
    return str(made["Role"]["Arn"])


def _ignore(_severity: str, _message: str) -> None:
    """Say nothing."""


def _profile(bench: Bench, pipeline: str) -> Profile:
    return Profile(pipeline=(pipeline,), break_glass=(bench.lab.world.break_glass_role,))


def _sessions(bench: Bench, pipeline: str) -> list[Credentials]:
    lab, world = bench.lab, bench.lab.world
    return [
        world.responder,
        session_of(lab, world.responder_user_key, world.responder_role),
        session_of(lab, world.responder_user_key, pipeline),
        session_of(lab, world.admin, world.break_glass_role),
    ]


def _works(bench: Bench, credentials: Credentials) -> bool:
    return allowed(bench.lab.client("iam", credentials).list_users)


@pytest.mark.parametrize("who", ["the responder", "the pipeline", "break-glass"])
def test_who_runs_containment_is_refused_at_every_rung_and_nothing_is_written(
    bench: Bench, pipeline: str, who: str
) -> None:
    world = bench.lab.world
    roles = {
        "the responder": world.responder_role,
        "the pipeline": pipeline,
        "break-glass": world.break_glass_role,
    }
    sessions = _sessions(bench, pipeline)
    profile, before = _profile(bench, pipeline), inventory.take(bench.admin())
    bench.context = replace(bench.context, profile=profile)
    file = bench.directory / "stacks" / f"{bench.incident}.yaml"
    live = bench.admin().get_role(RoleName=roles[who].rpartition("/")[2])["Role"]
    for rung in _ROLE_RUNGS:
        write_spec(bench, roles[who], str(rung))
        if rung is Rung.SESSION:
            file.write_text(file.read_text(encoding="utf-8") + _NAMED, encoding="utf-8")
        spec, spec_file = load(file), f"stacks/{bench.incident}.yaml"
        workplace = Workplace(bench.directory, ACTIONS, bench.incident, Settings(profile=profile))
        with pytest.raises(RefusedError):
            direct.contain(spec, workplace, spec_file=spec_file, say=_ignore)
        # Nor where a state says that its snapshot was taken: each action asks again.
        (declared,) = plan(spec, spec_file=spec_file, profile=profile)
        for item in declared.declarations:
            action = ACTIONS_BY_RESOURCE[item.resource](bench.context)
            taken = {
                "principalId": live["RoleId"],
                "snapshotId": marks.new_snapshot_id(),
                "endpoint": bench.context.clients.endpoint,
                "trustPolicy": json.dumps(live["AssumeRolePolicyDocument"]),
                "attachedPolicies": [],
            }
            fields = {one.alias or name for name, one in action.inputs_type.model_fields.items()}
            values = {name: value for name, value in taken.items() if name in fields}
            inputs = action.inputs_type.model_validate({**values, **item.inputs})
            with pytest.raises(RefusedError):
                action.create(inputs, preview=False)

    assert inventory.changes(before, inventory.take(bench.admin())) == []
    assert all(_works(bench, one) for one in sessions)


@pytest.mark.parametrize("rung", _ROLE_RUNGS)
def test_who_runs_containment_works_on_while_another_role_is_held(
    bench: Bench, pipeline: str, rung: Rung
) -> None:
    world, profile = bench.lab.world, _profile(bench, pipeline)
    sessions = _sessions(bench, pipeline)
    write_spec(bench, world.deploy_role, str(rung))
    file = bench.directory / "stacks" / f"{bench.incident}.yaml"
    if rung is Rung.SESSION:
        file.write_text(file.read_text(encoding="utf-8") + _NAMED, encoding="utf-8")
    workplace = Workplace(bench.directory, ACTIONS, bench.incident, Settings(profile=profile))

    results = direct.contain(
        load(file), workplace, spec_file=f"stacks/{bench.incident}.yaml", say=_ignore
    )

    assert direct.failure(results) is None
    assert all(_works(bench, one) for one in (*sessions, *_sessions(bench, pipeline)))


def _spec_of_user(bench: Bench, arn: str, rung: Rung, key: str) -> Path:
    """Write a spec that holds the user *arn* at *rung*; *key* leaked."""
    bench.leaked = (key,) if rung is Rung.KEY_ONLY else ()
    write_spec(bench, arn, str(rung))
    file = bench.directory / "stacks" / f"{bench.incident}.yaml"
    if rung is Rung.SESSION:
        file.write_text(file.read_text(encoding="utf-8") + _NAMED, encoding="utf-8")
    return file


def _user(bench: Bench, name: str) -> tuple[str, Credentials]:
    """Make a user of the company who may do everything; return the ARN and a key."""
    iam = bench.admin()
    arn = iam.create_user(UserName=name, Path="/ops/")["User"]["Arn"]
    iam.attach_user_policy(UserName=name, PolicyArn=_ADMINISTRATOR)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return str(arn), Credentials(key["AccessKeyId"], key["SecretAccessKey"])


@pytest.mark.parametrize("who", ["the responder", "its session", "the pipeline", "break-glass"])
def test_a_user_who_runs_containment_is_refused_at_every_rung_and_nothing_is_written(
    bench: Bench, bench_for: Callable[..., Bench], who: str
) -> None:
    lab, world, iam = bench.lab, bench.lab.world, bench.admin()
    iam.attach_user_policy(
        UserName=world.responder_user.rpartition("/")[2], PolicyArn=_ADMINISTRATOR
    )
    (pipeline, pipeline_key), (rescuer, rescuer_key) = _user(bench, "ci"), _user(bench, "rescuer")
    user_by_part = {
        "the responder": (world.responder_user, world.responder_user_key),
        "its session": (world.responder_user, world.responder_user_key),
        "the pipeline": (pipeline, pipeline_key),
        "break-glass": (rescuer, rescuer_key),
    }
    arn, own_key = user_by_part[who]
    role = world.responder_role if who == "its session" else None
    profile = Profile(pipeline=(pipeline,), break_glass=(rescuer,), role=role)
    bench = bench_for(world.responder_user_key)
    before = inventory.take(bench.admin())
    unique_id = iam.get_user(UserName=arn.rpartition("/")[2])["User"]["UserId"]
    for rung in _USER_RUNGS:
        file = _spec_of_user(bench, arn, rung, own_key.access_key_id)
        spec, spec_file = load(file), f"stacks/{bench.incident}.yaml"
        workplace = Workplace(bench.directory, ACTIONS, bench.incident, Settings(profile=profile))
        with pytest.raises(RefusedError):
            direct.contain(spec, workplace, spec_file=spec_file, say=_ignore)
        # Nor where a state says that its snapshot was taken: each action asks again.
        context = workplace.context(world.account)
        (declared,) = plan(spec, spec_file=spec_file, profile=profile)
        assert declared.declarations
        for item in declared.declarations:
            action = ACTIONS_BY_RESOURCE[item.resource](context)
            taken = {
                "principalId": unique_id,
                "snapshotId": marks.new_snapshot_id(),
                "endpoint": context.clients.endpoint,
                "attachedPolicies": [],
                "accessKeys": [{"accessKeyId": own_key.access_key_id, "status": "Active"}],
            }
            fields = {one.alias or name for name, one in action.inputs_type.model_fields.items()}
            values = {name: value for name, value in taken.items() if name in fields}
            inputs = action.inputs_type.model_validate({**values, **item.inputs})
            with pytest.raises(RefusedError):
                action.create(inputs, preview=False)

    assert inventory.changes(before, inventory.take(bench.admin())) == []
    assert all(_works(bench, key) for _, key in user_by_part.values())
    assert _works(bench, session_of(lab, world.responder_user_key, world.responder_role))


@pytest.mark.parametrize("rung", _USER_RUNGS)
def test_who_runs_containment_works_on_while_another_user_is_held(
    bench: Bench, pipeline: str, rung: Rung
) -> None:
    world, profile = bench.lab.world, _profile(bench, pipeline)
    sessions = _sessions(bench, pipeline)
    rescuer, key = _user(bench, "rescuer")
    profile = replace(profile, break_glass=(*profile.break_glass, rescuer))
    file = _spec_of_user(bench, world.ci_user, rung, world.leaked.access_key_id)
    workplace = Workplace(bench.directory, ACTIONS, bench.incident, Settings(profile=profile))
    assert can_list(bench.lab, world.leaked)

    results = direct.contain(
        load(file), workplace, spec_file=f"stacks/{bench.incident}.yaml", say=_ignore
    )

    assert direct.failure(results) is None
    # At rung "session" the key is nobody's that is named.
    assert can_list(bench.lab, world.leaked) is (rung is Rung.SESSION)
    assert all(_works(bench, one) for one in (*sessions, *_sessions(bench, pipeline), key))

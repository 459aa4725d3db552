"""No rung locks out whoever runs containment, whether they are named or somebody else is.

The guard's modes are tried in ``test_guard_policy``, on the same roles.
"""

from __future__ import annotations

import json
from dataclasses import replace

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
from tests.support.workbench import Bench, allowed, session_of, write_spec

pytestmark = pytest.mark.lab

_NAMED = "    sessions: [{name: work}]\n"
_ROLE_RUNGS = [Rung(word) for word in rungs_of("role")]


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

"""Who can undo and who can become: as the lab lets them, before a containment and after it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from containment.actions import ACTIONS
from containment.lab.scenario.world import Credentials
from containment.lab.testing import Lab
from containment.lifecycle.workplace import Workplace
from containment.spec import load
from containment.verify.access_sets import AccessSets, Power, look_at_access, without_ours
from containment.verify.members import members_of
from tests.support.workbench import INCIDENT, allowed
from tests.verify.conftest import Contain, Scene

pytestmark = pytest.mark.lab


def sets_of(scene: Scene) -> dict[str, AccessSets]:
    directory = scene.bench.directory
    spec = load(directory / "stacks" / f"{INCIDENT}.yaml")
    workplace = Workplace(directory, ACTIONS, INCIDENT)
    sets = look_at_access(members_of(scene.state, spec), workplace)
    return {one.principal.rpartition("/")[2]: one for one in sets}


def names(powers: tuple[Power, ...]) -> set[str]:
    return {one.holder.rpartition("/")[2] for one in powers}


def holders_of_keys(lab: Lab) -> dict[str, Credentials]:
    world = lab.world
    return {
        "ci-deploy": world.leaked,
        "release-bot": world.release_key,
        "alice": world.bystander,
        "workload-runner": world.runner,
        "arranger": world.admin,
    }


def entering(lab: Lab) -> set[str]:
    """Return which users can take up the deploy role, by trying."""
    role = lab.world.deploy_role
    return {
        name
        for name, made in holders_of_keys(lab).items()
        if allowed(lab.client("sts", made).assume_role, RoleArn=role, RoleSessionName="work")
    }


def minting(lab: Lab) -> set[str]:
    """Return which users can make a key of the leaked user, by trying; it is deleted again."""
    able: set[str] = set()
    admin = lab.client("iam", lab.world.admin)
    for name, made in holders_of_keys(lab).items():
        before = {one["AccessKeyId"] for one in _keys(admin)}
        if allowed(lab.client("iam", made).create_access_key, UserName="ci-deploy"):
            able.add(name)
        for one in _keys(admin):
            if one["AccessKeyId"] not in before:
                admin.delete_access_key(UserName="ci-deploy", AccessKeyId=one["AccessKeyId"])
    return able


def _keys(iam: object) -> list[dict[str, str]]:
    listed: list[dict[str, str]] = iam.list_access_keys(  # type: ignore[attr-defined]
        UserName="ci-deploy"
    )["AccessKeyMetadata"]
    return listed


def test_the_sets_are_who_the_account_lets_before_and_after(contain: Contain, lab: Lab) -> None:
    entered, minted = entering(lab), minting(lab)
    world = lab.world
    scene = contain(f"user: {world.ci_user}", f"role: {world.deploy_role}\n    rung: close-trust")
    sets = sets_of(scene)
    users = set(holders_of_keys(lab))
    user, role = sets["ci-deploy"], sets["deploy"]

    assert entered == {"ci-deploy", "release-bot"}
    assert names(role.become_before) & users - {"arranger"} == entered
    assert names(role.become) & users == entering(lab) | {"arranger"}
    assert minted == {"ci-deploy", "arranger"}
    assert names(user.become_before) & users == minted
    assert names(user.become) & users == minting(lab) == {"arranger"}
    # Whoever may write IAM can take it off; the responder can, and the contained cannot.
    assert {"arranger", "ContainmentResponder", "BreakGlass"} <= names(user.undo)
    assert "ci-deploy" not in names(user.undo)
    arranger = next(one for one in user.undo if one.holder.endswith("arranger"))
    assert arranger.actions[0] == "iam:DeleteUserPolicy"
    assert arranger.is_sure
    assert allowed(
        lab.client("iam", world.admin).delete_user_policy,
        UserName="ci-deploy",
        PolicyName=f"containment-{INCIDENT}",
    )


def test_a_control_policy_on_the_account_counts_and_its_absence_is_a_note(
    contain: Contain, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = lab.world
    scene = contain(f"user: {world.ci_user}")
    assert sets_of(scene)["ci-deploy"].notes == (
        "the control policies of the account, so the sets may be too large",
    )
    text = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Deny",
                "Action": "iam:*",
                "Resource": "*",
                "Condition": {"StringNotEquals": {"aws:PrincipalArn": world.responder_role}},
            },
        }
    )
    organizations = lab.client("organizations", world.management_admin)
    policy = organizations.create_policy(
        Content=text, Description="", Name="freeze", Type="SERVICE_CONTROL_POLICY"
    )["Policy"]["PolicySummary"]["Id"]
    organizations.attach_policy(PolicyId=policy, TargetId=world.account)

    def connected(_workplace: Workplace) -> Any:
        return organizations

    monkeypatch.setattr(Workplace, "organizations", connected)
    sets = sets_of(scene)["ci-deploy"]
    assert sets.notes == ()
    assert names(sets.undo) == {"ContainmentResponder"}
    assert not allowed(
        lab.client("iam", world.admin).delete_user_policy, UserName="ci-deploy", PolicyName="x"
    )


def test_a_condition_that_depends_on_the_request_leaves_its_holder_in_the_set(
    contain: Contain, lab: Lab
) -> None:
    iam = lab.client("iam", lab.world.admin)
    statement = {
        "Effect": "Allow",
        "Action": "iam:DeleteUserPolicy",
        "Resource": "*",
        "Condition": {"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}},
    }
    text = json.dumps({"Version": "2012-10-17", "Statement": statement})
    iam.put_user_policy(UserName="alice", PolicyName="office", PolicyDocument=text)
    sets = sets_of(contain(f"user: {lab.world.ci_user}"))["ci-deploy"]
    (alice,) = [one for one in sets.undo if one.holder.endswith("/alice")]
    assert str(alice).endswith("(iam:DeleteUserPolicy; perhaps)")


def test_who_may_not_read_the_account_is_told_so_and_nobody_is_named(
    contain: Contain, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = contain(f"user: {lab.world.ci_user}")
    for name, value in lab.world.bystander.env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    sets = sets_of(scene)["ci-deploy"]
    assert (sets.undo, sets.become) == ((), ())
    ((label, text),) = sets.lines()
    assert label == "not looked at"
    assert "reading the policies of the account" in text


def test_only_statements_of_ours_are_left_out_of_before() -> None:
    foreign = {"Sid": "Containment", "Effect": "Deny", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [foreign]})
    assert json.loads(without_ours(document)) == json.loads(document)

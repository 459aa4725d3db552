"""Enforcement lags behind what reads show, for every kind of state, in both models."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, get_args

import pytest

from containment.lab.state import facts
from tests.lab.lag_settings import (
    EVERY,
    Scene,
    Setting,
    api_key_status,
    attached_to_a_group,
    attachment,
    boundary,
    boundary_of_a_role,
    control_policy_attachment,
    control_policy_content,
    group_membership,
    group_policy,
    inline_policy,
    key_deletion,
    key_status,
    managed_version,
    move_to_another_unit,
    older_version,
    rename,
    resource_control_attachment,
    resource_control_content,
    role_deletion,
    role_policy,
    trust_policy,
    user_deletion,
)
from tests.lab.matrix.bench import allow, deny, policy

if TYPE_CHECKING:
    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab
# Minutes on the lab's clock: a slow machine takes none of them.
SECONDS = 400.0
RESPONDER = "arn:aws:iam::*:user/admin/*"


def named(setting: Setting) -> str:
    return setting.__name__.replace("_", " ")


@pytest.mark.parametrize("setting", EVERY, ids=named)
def test_the_old_decision_holds_until_the_lag_has_passed(lab: Lab, setting: Setting) -> None:
    scene = Scene(lab)
    probe, change = setting(scene)
    lab.faults({"kind": "lag", "seconds": SECONDS})
    assert probe()

    change(scene)

    assert probe(), "the change was enforced at once"
    lab.advance(SECONDS / 2)
    assert probe(), "the change was enforced too early"
    lab.advance(SECONDS)
    assert not probe(), "the change is still not enforced"


@pytest.mark.parametrize("setting", EVERY, ids=named)
def test_with_the_responders_lag_alone_others_are_enforced_at_once(
    lab: Lab, setting: Setting
) -> None:
    scene = Scene(lab)
    probe, change = setting(scene)
    lab.faults({"kind": "lag", "seconds": SECONDS, "principal": "arn:aws:iam::*:role/Nobody"})

    change(scene)

    assert not probe()


@pytest.mark.parametrize("setting", EVERY, ids=named)
def test_the_responders_own_changes_lag(lab: Lab, setting: Setting) -> None:
    scene = Scene(lab)
    probe, change = setting(scene)
    lab.faults({"kind": "lag", "seconds": SECONDS, "principal": RESPONDER})

    change(scene)

    assert probe()
    lab.advance(SECONDS)
    assert not probe()


@pytest.mark.parametrize(
    ("scope", "setting", "lags"),
    [
        ("iam", inline_policy, True),
        ("scp", inline_policy, False),
        ("iam", control_policy_attachment, False),
        ("scp", control_policy_attachment, True),
        ("iam", resource_control_attachment, False),
        ("scp", resource_control_attachment, True),
    ],
)
def test_iam_and_control_policies_lag_apart(
    lab: Lab, scope: str, setting: Setting, *, lags: bool
) -> None:
    scene = Scene(lab)
    probe, change = setting(scene)
    lab.faults({"kind": "lag", "seconds": SECONDS, "scope": scope})

    change(scene)

    assert probe() is lags


def test_reads_are_current(lab: Lab) -> None:
    scene = Scene(lab)
    scene.victim()
    lab.faults({"kind": "lag", "seconds": SECONDS})

    scene.iam.put_user_policy(UserName="victim", PolicyName="d", PolicyDocument=policy(deny("*")))

    assert scene.iam.list_user_policies(UserName="victim")["PolicyNames"] == ["d", "p"]


def test_a_new_key_works_only_once_it_has_spread(lab: Lab) -> None:
    scene = Scene(lab)
    scene.victim()
    lab.faults({"kind": "lag", "seconds": SECONDS})

    keys = scene.key()

    assert not scene.may(keys)
    lab.advance(SECONDS)
    assert scene.may(keys)


def test_two_changes_lag_each_from_its_own_moment(lab: Lab) -> None:
    scene = Scene(lab)
    keys = scene.victim()
    lab.faults({"kind": "lag", "seconds": SECONDS})
    scene.iam.put_user_policy(UserName="victim", PolicyName="d", PolicyDocument=policy(deny("*")))
    lab.advance(200)
    scene.iam.delete_user_policy(UserName="victim", PolicyName="d")
    assert scene.may(keys)

    lab.advance(250)
    assert not scene.may(keys), "the first change is enforced, the second is not yet"

    lab.advance(200)
    assert scene.may(keys)


def test_a_strip_by_the_attacker_beats_a_deny_that_still_lags(lab: Lab) -> None:
    scene = Scene(lab)
    keys = scene.victim()
    lab.faults({"kind": "lag", "seconds": SECONDS, "principal": RESPONDER})
    scene.iam.put_user_policy(UserName="victim", PolicyName="d", PolicyDocument=policy(deny("*")))

    lab.client("iam", keys).delete_user_policy(UserName="victim", PolicyName="d")

    lab.advance(SECONDS * 2)
    assert scene.may(keys)


def test_whose_change_it_was_is_never_mistaken_under_load(lab: Lab) -> None:
    """Everybody writes at once; the responder's denials lag, all others hold at once."""
    scene = Scene(lab)
    scene.victim()
    names = [f"v{number}" for number in range(16)]
    for name in names:
        scene.iam.create_user(UserName=name)
    helper = lab.world.bystander
    scene.iam.put_user_policy(
        UserName="alice", PolicyName="all", PolicyDocument=policy(allow("iam:*"))
    )
    lab.faults({"kind": "lag", "seconds": SECONDS, "principal": RESPONDER})

    def write(name: str) -> None:
        who = lab.world.admin if int(name[1:]) % 2 else helper
        lab.client("iam", who).put_user_policy(
            UserName=name, PolicyName="p", PolicyDocument=policy(allow("iam:ListUsers"))
        )

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, names))

    observed = lab.enforced()
    for name in names:
        entity = observed(("user", lab.world.account, name))
        by_responder = bool(int(name[1:]) % 2)
        assert (("inline", "p") in entity) is not by_responder, name
    lab.advance(SECONDS)
    for name in names:
        assert ("inline", "p") in observed(("user", lab.world.account, name))


def test_every_kind_of_state_that_decisions_read_has_its_setting() -> None:
    """Decisions read entities alone; each kind of entity is changed by a setting above."""
    changed = {
        "key": {key_status, key_deletion},
        "credential": {api_key_status},
        "user": {user_deletion, inline_policy, attachment, boundary, group_membership, rename},
        "role": {role_deletion, role_policy, boundary_of_a_role, trust_policy},
        "group": {group_policy, attached_to_a_group},
        "policy": {managed_version, older_version},
        "target": {control_policy_attachment, move_to_another_unit, resource_control_attachment},
        "control policy": {control_policy_content, resource_control_content},
    }

    assert changed.keys() == set(get_args(facts.Kind))
    assert set().union(*changed.values()) <= set(EVERY)

"""What an attacker or a wrong command does to a containment: nothing that lasts."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import pytest

from containment.lab.scenario import inventory
from containment.lab.scenario.world import Credentials
from containment.lab.testing import Lab
from tests.support.project import STACK, Project, spec
from tests.support.workbench import can_list, session_of

pytestmark = pytest.mark.engine

ALLOW_ALL = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}


def taken(lab: Lab) -> Any:
    return inventory.take(lab.client("iam", lab.world.admin))


def user(lab: Lab) -> str:
    return f"{{user: '{lab.world.ci_user}', leaked: [{lab.world.leaked.access_key_id}]}}"


@contextmanager
def watched(lab: Lab, credentials: Credentials) -> Generator[list[bool]]:
    """Use *credentials* again and again; yield what each use gave."""
    stop, lines = Event(), []

    def use() -> None:
        while not stop.wait(0.02):
            lines.append(can_list(lab, credentials))

    thread = Thread(target=use)
    thread.start()
    try:
        yield lines
    finally:
        stop.set()
        thread.join()


def test_a_stripped_deny_and_a_new_key_are_seen_repaired_and_said(
    project: Project, lab: Lab
) -> None:
    project.spec(spec(user(lab)))
    project.up()
    iam = lab.client("iam", lab.world.admin)
    iam.delete_user_policy(UserName="ci-deploy", PolicyName=f"containment-{STACK}")
    made = iam.create_access_key(UserName="ci-deploy")["AccessKey"]
    attacker = Credentials(made["AccessKeyId"], made["SecretAccessKey"])
    assert can_list(lab, attacker)

    output = project.ok("up", "--yes")

    assert "the deny is missing" in output
    assert made["AccessKeyId"] in output
    assert "2 updated" in output
    assert not can_list(lab, attacker)


def test_a_replacement_never_releases_and_that_of_a_snapshot_is_refused(
    project: Project, lab: Lab
) -> None:
    project.spec(spec(user(lab), disposition="false-positive"))
    project.up()
    urns = {item["type"].rpartition(":")[2]: item["urn"] for item in project.resources()}
    replace = ("up", "--yes", "--skip-preview", "--replace")

    for resource in ("DenyPolicy", "InactiveCredentials"):
        with watched(lab, lab.world.leaked) as uses:
            output = project.ok(*replace, urns[resource])
        assert "1 replaced" in output
        assert len(uses) > 10
        assert not any(uses)
    with watched(lab, lab.world.leaked) as uses:
        refused = project.run(*replace, urns["PrincipalSnapshot"])

    assert refused.exit_code != 0
    assert "containment adopt" in refused.output
    assert not any(uses)
    project.destroy()
    assert can_list(lab, lab.world.leaked)


def test_a_user_made_again_under_the_name_is_contained_with_a_snapshot_of_its_own(
    project: Project, lab: Lab
) -> None:
    project.spec(spec(user(lab)))
    project.up()
    iam = lab.client("iam", lab.world.admin)
    for key in iam.list_access_keys(UserName="ci-deploy")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName="ci-deploy", AccessKeyId=key["AccessKeyId"])
    for policy in iam.list_user_policies(UserName="ci-deploy")["PolicyNames"]:
        iam.delete_user_policy(UserName="ci-deploy", PolicyName=policy)
    iam.delete_user(UserName="ci-deploy")
    iam.create_user(UserName="ci-deploy", Path="/ci/")
    iam.put_user_policy(
        UserName="ci-deploy",
        PolicyName="p",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
            }
        ),
    )
    made = iam.create_access_key(UserName="ci-deploy")["AccessKey"]
    attacker = Credentials(made["AccessKeyId"], made["SecretAccessKey"])
    assert can_list(lab, attacker)

    project.up()

    assert not can_list(lab, attacker)


def test_a_stack_of_the_lab_is_refused_with_credentials_for_aws(project: Project, lab: Lab) -> None:
    project.spec(spec(user(lab)))
    project.up()
    before = taken(lab)
    del project.environ["AWS_ENDPOINT_URL"]
    project.environ |= {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_SESSION_TOKEN": "",
    }

    up = project.run("up", "--yes", "--skip-preview")
    destroy = project.run("destroy", "--yes", "--skip-preview")

    for refused in (up, destroy):
        assert refused.exit_code != 0
        assert f"this stack was applied at {lab.endpoint}" in refused.output
    assert inventory.changes(before, taken(lab)) == []
    assert len(project.resources()) >= 4


def test_tags_and_names_that_the_engine_would_read_do_not_keep_a_principal_from_being_contained(
    project: Project, lab: Lab
) -> None:
    unknown, signature = "04da6b54-80e4-46f7-96ec-b56ff0331ba9", "4dabf18193072939515e22adb298388d"
    iam = lab.client("iam", lab.world.admin)
    iam.tag_user(
        UserName="ci-deploy",
        Tags=[{"Key": "a", "Value": unknown}, {"Key": signature, "Value": "x"}],
    )
    iam.put_user_policy(
        UserName="ci-deploy",
        PolicyName=unknown,
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [ALLOW_ALL]}),
    )
    project.spec(spec(user(lab)))
    assert can_list(lab, lab.world.leaked)

    project.up()

    assert not can_list(lab, lab.world.leaked)
    assert "unchanged" in project.up()


def test_neither_who_is_missing_nor_a_trust_policy_that_cannot_be_closed_saves_anybody(
    project: Project, lab: Lab
) -> None:
    world = lab.world
    iam = lab.client("iam", world.admin)
    attacker = session_of(lab, world.leaked, world.deploy_role)
    iam.create_user(UserName="leaver")
    trusted = iam.get_role(RoleName="deploy")["Role"]["AssumeRolePolicyDocument"]
    trusted["Statement"].append(
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111122223333:user/leaver"},
            "Action": "sts:AssumeRole",
        }
    )
    iam.update_assume_role_policy(RoleName="deploy", PolicyDocument=json.dumps(trusted))
    iam.delete_user(UserName="leaver")
    role = f"{{role: '{world.deploy_role}', rung: close-trust}}"
    project.spec(spec("user: arn:aws:iam::111122223333:user/nobody", user(lab), role))
    assert can_list(lab, attacker)

    run_result = project.run("up", "--yes", "--skip-preview")

    assert run_result.exit_code != 0
    assert "user/nobody does not exist" in run_result.output
    assert "use rung deny-all" in run_result.output
    assert not can_list(lab, attacker)
    assert not can_list(lab, world.leaked)


def test_an_access_key_stands_for_its_user_whom_no_new_name_releases(
    project: Project, lab: Lab
) -> None:
    iam = lab.client("iam", lab.world.admin)
    project.spec(spec(f"access_key: {lab.world.leaked.access_key_id}"))
    output = project.up()
    assert f"user: {lab.world.ci_user}" in output  # the line to pin
    assert not can_list(lab, lab.world.leaked)
    names = {resource["urn"].rpartition("::")[2] for resource in project.resources()}
    assert "111122223333/user/ci-deploy" in names
    iam.update_user(UserName="ci-deploy", NewUserName="innocent")

    run_result = project.run("up", "--yes", "--skip-preview")

    assert run_result.exit_code != 0
    assert f"write 'user: {lab.world.ci_user}'" in run_result.output
    deny = iam.get_user_policy(UserName="innocent", PolicyName=f"containment-{STACK}")
    assert "Condition" not in deny["PolicyDocument"]["Statement"][0]
    project.spec(spec(user(lab)))
    project.up()
    project.destroy()

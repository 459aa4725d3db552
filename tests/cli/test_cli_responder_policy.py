"""The responder's policy is the least that the program needs, and nothing is in it by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cli.main import run
from containment.actions import ACTIONS
from containment.aws import resolve
from containment.lab.services import action_details
from containment.responder import ON_EVERYTHING, permissions, policy
from containment.run import fences

pytestmark = pytest.mark.plain


def actions(sid: str) -> set[str]:
    (statement,) = [each for each in policy("111122223333")["Statement"] if each["Sid"] == sid]
    return set(statement["Action"])


def resource_types(action: str) -> set[str]:
    """Return what the service authorization reference lets *action* be limited to."""
    details: Any = action_details(*action.split(":"))
    assert details is not None, f"{action} is no action of AWS"
    return {kind["name"] for kind in details["resourceTypes"]}


def test_it_allows_what_the_actions_and_the_verbs_declare_and_nothing_else() -> None:
    declared = set(resolve.PERMISSIONS | fences.PERMISSIONS | {"sts:GetCallerIdentity"})
    declared.update(*(action.permissions for action in ACTIONS))

    assert actions("ContainPrincipals") | actions("FindThem") == declared == permissions()
    assert not actions("ContainPrincipals") & actions("FindThem")


def test_it_makes_and_deletes_no_principal_and_no_key_and_passes_no_role() -> None:
    allowed = {name.partition(":")[2] for name in permissions()}

    assert not [name for name in allowed if name.startswith(("Create", "Add", "Pass", "Change"))]
    assert {name for name in allowed if name.startswith("Delete")} == {
        "DeleteRolePolicy",
        "DeleteUserPolicy",
    }


@pytest.mark.parametrize("action", sorted(permissions() - ON_EVERYTHING))
def test_what_can_be_limited_to_users_and_roles_is(action: str) -> None:
    assert resource_types(action) & {"user", "role"}


@pytest.mark.parametrize("action", sorted(ON_EVERYTHING - {"iam:GetAccessKeyLastUsed"}))
def test_what_is_allowed_on_everything_names_no_principal(action: str) -> None:
    assert not resource_types(action) & {"user", "role"}
    assert action in permissions()


def test_it_is_printed_for_the_account_that_is_named_and_aws_is_not_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = run(["responder-policy", "--account", "111122223333"])

    (contain, _) = json.loads(capsys.readouterr().out)["Statement"]
    assert code == 0
    assert contain["Resource"] == [
        "arn:aws:iam::111122223333:user/*",
        "arn:aws:iam::111122223333:role/*",
    ]


@pytest.mark.parametrize("account", ["*", "11112222333", "111122223333:user/x"])
def test_what_is_no_account_is_refused(account: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["responder-policy", "--account", account]) == 2
    assert capsys.readouterr().err == (
        f"error: {account!r} is not a 12-digit account id; write it like 111122223333\n"
    )

"""``containment drift``: held, tampered with and by whom, gone, made anew; and its exit codes."""

from __future__ import annotations

from typing import Any

import pytest

from containment.lab.testing import Lab
from tests.cli.conftest import Command
from tests.cli.test_cli_status_held_now import applied, spec_of
from tests.support.fake_engine import STACK, USER, FakeEngine

pytestmark = pytest.mark.lab

DENY = f"containment-{STACK}"


@pytest.fixture
def served(lab: Lab) -> Lab:
    """A company of the test's own, for what is done there."""
    return lab


@pytest.fixture
def iam(engine: FakeEngine, served: Lab) -> Any:
    """The administrator's IAM, once the incident is applied to ci-deploy."""
    made = served.client("iam", served.world.admin)
    spec_of(engine, f"- user: {USER}")
    user_id = made.get_user(UserName="ci-deploy")["User"]["UserId"]
    engine.exports(*applied(made, served, user_id))
    return made


def test_what_is_held_is_held_and_who_stripped_it_is_named(
    containment: Command, iam: Any, served: Lab
) -> None:
    first_look = containment("drift", STACK, "--json")
    assert (first_look.code, first_look.json["exit_code"]) == (0, 0)
    (row,) = first_look.json["stacks"][0]["principals"]
    assert (row["principal"], row["condition"], row["changed_by"]) == (USER, "held", [])

    served.advance(60)
    iam.delete_user_policy(UserName="ci-deploy", PolicyName=DENY)
    early = containment("drift", STACK, "--json")
    (row,) = early.json["stacks"][0]["principals"]
    assert (early.code, row["condition"]) == (4, "tampered with")
    assert "DeleteUserPolicy" not in [deed["event"] for deed in row["changed_by"]]

    served.advance(1200)
    iam.tag_user(UserName="ci-deploy", Tags=[{"Key": "ManagedBy", "Value": "terraform"}])
    late = containment("drift", STACK, "--json")
    (row,) = late.json["stacks"][0]["principals"]
    deed = row["changed_by"][0]
    assert (late.code, deed["event"]) == (4, "DeleteUserPolicy")
    assert deed["credential"] == served.world.admin.access_key_id
    assert row["managed_by"] == [{"program": "Terraform", "tag": "ManagedBy = terraform"}]
    shown = containment("drift", STACK)
    assert shown.code == 4
    assert f"{USER} is tampered with" in shown.out
    assert "DeleteUserPolicy by arn:aws:iam::111122223333:" in shown.out
    assert (
        "managed by Terraform (tag ManagedBy = terraform): its next apply may undo it" in shown.out
    )
    assert f"run 'containment up {STACK}' at once" in shown.out


def test_who_is_made_anew_is_not_held_and_who_is_gone_needs_nothing(
    containment: Command, iam: Any
) -> None:
    iam.update_user(UserName="ci-deploy", NewUserName="ci-deploy-2")
    iam.create_user(UserName="ci-deploy", Path="/ci/")
    made_anew = containment("drift", STACK, "--json")
    (row,) = made_anew.json["stacks"][0]["principals"]
    assert (made_anew.code, row["condition"]) == (4, "made anew")

    iam.delete_user(UserName="ci-deploy")
    iam.delete_user_policy(UserName="ci-deploy-2", PolicyName=DENY)
    stripped = containment("drift", STACK, "--json")
    (row,) = stripped.json["stacks"][0]["principals"]
    assert (stripped.code, row["condition"]) == (4, "tampered with")
    assert any("DenyPolicy" in line for line in row["what"])


def test_nothing_applied_is_no_drift_and_a_stack_that_cannot_be_looked_at_hides_no_other(
    containment: Command, engine: FakeEngine, iam: Any
) -> None:
    assert iam.get_user(UserName="ci-deploy")
    both = containment("drift", STACK, "inc-nowhere", "--json")
    assert both.code == 0
    assert [one["applied"] for one in both.json["stacks"]] == [True, True]

    engine.answer("stack export --stack inc-broken", code=1, err="error: it is gone")
    broken = containment("drift", "inc-broken", STACK, "--json")
    first, second = broken.json["stacks"]
    assert broken.code == first["errors"][0]["exit_code"] != 0
    assert [row["condition"] for row in second["principals"]] == ["held"]

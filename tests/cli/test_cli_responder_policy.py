"""The responders' policies are the least that the program needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from cli.main import run
from containment.actions import ACTIONS
from containment.aws import resolve
from containment.lab.protocol.services import action_details
from containment.ledger import LedgerSettings
from containment.profile import Profile
from containment.responder import DUTIES, ON_EVERYTHING, Duty, permissions, policy
from containment.run import fences

BOUNDARIES = {"DeleteRolePermissionsBoundary", "DeleteUserPermissionsBoundary"}
pytestmark = pytest.mark.plain


ACCOUNT = "111122223333"
PROFILE = Profile(
    role="arn:aws:iam::{account}:role/ir/Contain",
    lift_role="arn:aws:iam::{account}:role/ir/Lift",
    pipeline=("arn:aws:iam::444455556666:role/ci",),
    break_glass=("arn:aws:iam::{account}:user/glass",),
)


def statements(duty: Duty) -> dict[str, Any]:
    return {each["Sid"]: each for each in policy(ACCOUNT, duty, profile=PROFILE)["Statement"]}


def allowed(duty: Duty) -> set[str]:
    allow_statements = [each for each in statements(duty).values() if each["Effect"] == "Allow"]
    return {action for each in allow_statements for action in each["Action"]}


def resource_types(action: str) -> set[str]:
    """Return what the service authorization reference lets *action* be limited to."""
    service, _, operation = action.partition(":")
    details: Any = action_details(service, operation)
    if details is None:  # newer than the reference
        model = botocore.session.get_session().get_service_model(service)
        assert operation in model.operation_names, f"{action} is no action of AWS"
        return set()
    return {kind["name"] for kind in details["resourceTypes"]}


def test_both_responder_policies_allow_what_actions_and_verbs_declare_and_nothing_else() -> None:
    declared = set(resolve.PERMISSIONS | fences.PERMISSIONS | {"sts:GetCallerIdentity"})
    declared.update(*(action.permissions for action in ACTIONS))

    assert allowed("contain") | allowed("lift") == declared == permissions()
    assert {duty: allowed(duty) for duty in DUTIES} == {duty: permissions(duty) for duty in DUTIES}


def test_containing_attaches_awsdenyall_alone_and_lifting_detaches_it_alone() -> None:
    narrow = {duty: statements(duty)["NameDenyAllAlone"] for duty in DUTIES}

    assert narrow["contain"]["Action"] == ["iam:AttachRolePolicy", "iam:AttachUserPolicy"]
    assert narrow["lift"]["Action"] == ["iam:DetachRolePolicy", "iam:DetachUserPolicy"]
    for statement in narrow.values():
        assert statement["Condition"] == {
            "ArnEquals": {"iam:PolicyARN": "arn:aws:iam::aws:policy/AWSDenyAll"}
        }


@pytest.mark.parametrize("duty", DUTIES)
def test_no_responder_policy_changes_whom_the_profile_protects_in_the_account(duty: Duty) -> None:
    denied = statements(duty)["LeaveAlone"]

    assert denied["Effect"] == "Deny"
    assert denied["NotAction"] == ["iam:Get*", "iam:List*", "iam:SimulatePrincipalPolicy"]
    assert denied["Resource"] == [
        f"arn:aws:iam::{ACCOUNT}:role/ir/Contain",
        f"arn:aws:iam::{ACCOUNT}:role/ir/Lift",
        f"arn:aws:iam::{ACCOUNT}:user/glass",
    ]


@pytest.mark.parametrize("duty", DUTIES)
def test_no_responder_policy_makes_or_deletes_a_principal_or_a_key_or_passes_a_role(
    duty: Duty,
) -> None:
    names = {name.partition(":")[2] for name in permissions(duty)}

    assert not [name for name in names if name.startswith(("Create", "Add", "Pass", "Change"))]
    assert {name for name in names if name.startswith(("Delete", "Untag"))} == (
        BOUNDARIES | {"DeleteRolePolicy", "DeleteUserPolicy", "UntagRole", "UntagUser"}
        if duty == "lift"
        else BOUNDARIES
    )


@pytest.mark.parametrize("duty", DUTIES)
def test_a_boundary_is_set_and_removed_only_where_it_is_awsdenyall(duty: Duty) -> None:
    bound = statements(duty)["BoundByDenyAllAlone"]

    assert {name for name in allowed(duty) if name.endswith("PermissionsBoundary")} == set(
        bound["Action"]
    )
    assert bound["Condition"] == {
        "ArnEquals": {"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AWSDenyAll"}
    }


@pytest.mark.parametrize("action", sorted(permissions() - ON_EVERYTHING))
def test_what_can_be_limited_to_users_and_roles_is(action: str) -> None:
    assert resource_types(action) & {"user", "role"}


@pytest.mark.parametrize("action", sorted(ON_EVERYTHING - {"iam:GetAccessKeyLastUsed"}))
def test_what_is_allowed_on_everything_names_no_principal(action: str) -> None:
    assert not resource_types(action) & {"user", "role"}
    assert action in permissions()


def test_the_policy_is_printed_for_the_named_account_and_aws_is_not_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = run(["responder-policy", "contain", "--account", ACCOUNT])

    printed = capsys.readouterr()
    (narrow, bounding, change, _) = json.loads(printed.out)["Statement"]
    assert code == 0
    assert "names nobody in 111122223333 to protect" in printed.err
    for statement in (narrow, bounding, change):
        assert statement["Resource"] == [
            "arn:aws:iam::111122223333:user/*",
            "arn:aws:iam::111122223333:role/*",
        ]


@pytest.mark.parametrize("account", ["*", "11112222333", "111122223333:user/x"])
def test_what_is_no_account_is_refused(account: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["responder-policy", "lift", "--account", account]) == 2
    assert capsys.readouterr().err == (
        f"error: {account!r} is not a 12-digit account id; write it like 111122223333\n"
    )


def test_a_ledger_in_a_file_adds_nothing() -> None:
    in_file = policy(ACCOUNT, "lift", profile=PROFILE, ledgers=[LedgerSettings()])

    assert in_file == policy(ACCOUNT, "lift", profile=PROFILE)


def profile(folder: Path, *lines: str) -> None:
    (folder / "Pulumi.yaml").write_text("name: containment\n")
    (folder / "containment.yaml").write_text("\n".join(["ledger:", *lines]) + "\n")


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert run(["responder-policy", "lift", "--account", ACCOUNT]) == 0
    document = json.loads(capsys.readouterr().out)
    return {each.pop("Sid"): each for each in document["Statement"]}


def test_a_bucket_in_the_profile_adds_what_a_ledger_there_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    profile(tmp_path, "  place: ledger")
    none = printed(capsys)
    profile(tmp_path, "  place: s3://evidence/ir")
    one = printed(capsys)
    profile(tmp_path, "  place: s3://other", "  object_lock: GOVERNANCE", "  retention_days: 30")
    locked = printed(capsys)

    assert one.keys() - none.keys() == {"KeepLedger1", "ListLedger1", "SeeLedgersLock1"}
    assert one["KeepLedger1"] == {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"],
        "Resource": "arn:aws:s3:::evidence/ir/*",
    }
    assert one["ListLedger1"]["Condition"] == {"StringLike": {"s3:prefix": "ir/*"}}
    assert one["SeeLedgersLock1"]["Resource"] == "arn:aws:s3:::evidence"
    assert locked["KeepLedger1"]["Resource"] == "arn:aws:s3:::other/*"
    assert "s3:PutObjectRetention" in locked["KeepLedger1"]["Action"]


def test_a_profile_that_cannot_be_read_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    profile(tmp_path, "  place: ftp://x")
    monkeypatch.chdir(tmp_path)

    assert run(["responder-policy", "lift", "--account", ACCOUNT]) == 2
    assert "containment.yaml:2: ledger.place" in capsys.readouterr().err

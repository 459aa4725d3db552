"""The responder's policy is the least that the program needs, and nothing is in it by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.main import run
from containment.actions import ACTIONS
from containment.aws import resolve
from containment.lab.protocol.services import action_details
from containment.ledger import LedgerSettings
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


def test_a_ledger_in_a_file_adds_nothing() -> None:
    assert policy("111122223333", ledgers=[LedgerSettings()]) == policy("111122223333")


def profile(folder: Path, *lines: str) -> None:
    (folder / "Pulumi.yaml").write_text("name: containment\n")
    (folder / "containment.yaml").write_text("\n".join(["ledger:", *lines]) + "\n")


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert run(["responder-policy", "--account", "111122223333"]) == 0
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

    assert run(["responder-policy", "--account", "111122223333"]) == 2
    assert "containment.yaml:2: ledger.place" in capsys.readouterr().err

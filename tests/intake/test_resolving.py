"""Whose key it is, asked of the emulated AWS with no more than the declared permissions."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from containment.aws.resolve import (
    PERMISSIONS,
    Resolved,
    resolve_access_key,
    resolve_principal,
    resolve_unique_id,
)
from containment.errors import (
    AccessError,
    NotFoundError,
    RefusedError,
    SpecError,
    UnavailableError,
)
from containment.lab.scenario.world import Credentials
from containment.lab.testing import Lab

pytestmark = pytest.mark.lab

UNKNOWN = "AKIAIOSFODNN7EXAMPLE"


class Reader:
    """Somebody who may do exactly what is declared, and a note of all they called."""

    def __init__(self, lab: Lab, credentials: Credentials) -> None:
        self.iam = lab.client("iam", credentials)
        self.sts = lab.client("sts", credentials)
        self.called: set[str] = set()
        for service, client in (("iam", self.iam), ("sts", self.sts)):
            client.meta.events.register(f"before-call.{service}", self._note(service))

    def _note(self, service: str) -> Callable[..., None]:
        def note(model: Any, **_: object) -> None:
            self.called.add(f"{service}:{model.name}")

        return note

    def key(self, key_id: str) -> Resolved:
        return resolve_access_key(self.iam, self.sts, key_id)

    def principal(self, arn: str) -> Resolved:
        return resolve_principal(self.iam, self.sts, arn)


def reader_of(lab: Lab, actions: list[str]) -> Reader:
    iam = lab.client("iam", lab.world.admin)
    iam.create_user(UserName="reader")
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}],
    }
    iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    return Reader(lab, Credentials(key["AccessKeyId"], key["SecretAccessKey"]))


@pytest.fixture
def reader(lab: Lab) -> Reader:
    return reader_of(lab, sorted(PERMISSIONS))


def test_a_key_gives_its_user_with_path_unique_id_and_every_key(lab: Lab, reader: Reader) -> None:
    resolved = reader.key(lab.world.release_key.access_key_id)

    assert resolved.principal.arn == lab.world.release_user
    assert resolved.principal.path == "/ci/"
    assert resolved.unique_id.startswith("AIDA")
    assert {key.credential_id: key.status for key in resolved.keys} == {
        lab.world.release_key.access_key_id: "Active",
        lab.world.release_inactive_key_id: "Inactive",
    }
    assert resolved.key is not None
    assert resolved.key.credential_id == lab.world.release_key.access_key_id


def test_an_inactive_key_is_found_as_well(lab: Lab, reader: Reader) -> None:
    resolved = reader.key(lab.world.release_inactive_key_id)

    assert resolved.key is not None
    assert resolved.key.status == "Inactive"


def test_a_principal_is_given_the_path_that_iam_knows_it_by(lab: Lab, reader: Reader) -> None:
    resolved = reader.principal(f"arn:aws:iam::{lab.world.account}:user/wrong/path/ci-deploy")

    assert resolved.principal.arn == lab.world.ci_user


def test_a_role_is_found_with_its_unique_id_and_has_no_keys(lab: Lab, reader: Reader) -> None:
    resolved = reader.principal(lab.world.deploy_role)

    assert resolved.principal.arn == lab.world.deploy_role
    assert resolved.unique_id.startswith("AROA")
    assert resolved.keys == ()


def test_a_key_that_nobody_has_is_not_found_here(reader: Reader) -> None:
    with pytest.raises((NotFoundError, AccessError), match=UNKNOWN):
        reader.key(UNKNOWN)


def test_a_key_of_another_account_names_that_account(lab: Lab, reader: Reader) -> None:
    with pytest.raises(NotFoundError, match=f"belongs to account {lab.world.management_account}"):
        reader.key(lab.world.management_admin.access_key_id)


def test_a_key_of_a_namesake_in_another_account_is_not_the_callers_user(
    lab: Lab, reader: Reader
) -> None:
    other = lab.client("iam", lab.world.management_admin)
    other.create_user(UserName="ci-deploy")
    key_id = other.create_access_key(UserName="ci-deploy")["AccessKey"]["AccessKeyId"]

    with pytest.raises(NotFoundError, match=f"belongs to account {lab.world.management_account}"):
        reader.key(key_id)


def test_a_namesake_in_the_callers_account_is_not_taken_for_the_one_meant(
    lab: Lab, reader: Reader
) -> None:
    with pytest.raises(NotFoundError, match="responder role of account 444455556666"):
        reader.principal(lab.world.ci_user.replace(lab.world.account, "444455556666"))


@pytest.mark.parametrize("kind", ["user", "role"])
def test_a_principal_that_is_gone_is_told_with_where_to_look(
    lab: Lab, reader: Reader, kind: str
) -> None:
    with pytest.raises(NotFoundError, match=f"has no {kind} nobody; .*CloudTrail"):
        reader.principal(f"arn:aws:iam::{lab.world.account}:{kind}/nobody")


def test_a_sessions_key_is_refused_with_where_its_issuer_is_written(
    lab: Lab, reader: Reader
) -> None:
    with pytest.raises(SpecError, match="sessionIssuer"):
        reader.key(lab.world.app_session.access_key_id)


def test_a_root_key_is_refused(lab: Lab, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    # The emulated organisation has no root keys; for one, the answer names no IAM user.
    monkeypatch.setattr(reader.iam, "get_access_key_last_used", lambda **_: {})

    with pytest.raises(RefusedError, match=f"root user of account {lab.world.account}"):
        reader.key(UNKNOWN)


def test_a_caller_without_the_permission_is_told_which_one(lab: Lab) -> None:
    denied = reader_of(lab, ["iam:GetUser"])

    with pytest.raises(AccessError, match="iam:GetAccessKeyLastUsed"):
        denied.key(lab.world.leaked.access_key_id)


def test_an_inactive_callers_credentials_are_told_as_such(lab: Lab, reader: Reader) -> None:
    iam = lab.client("iam", lab.world.admin)
    key = iam.list_access_keys(UserName="reader")["AccessKeyMetadata"][0]["AccessKeyId"]
    iam.update_access_key(UserName="reader", AccessKeyId=key, Status="Inactive")

    with pytest.raises(AccessError, match="does not accept the responder's credentials"):
        reader.key(lab.world.leaked.access_key_id)


def test_no_answer_is_told_with_how_to_start_the_lab(lab: Lab) -> None:
    unreachable = lab.client("sts", lab.world.admin)
    unreachable.meta.events.register("before-sign.sts", _to_a_closed_port)

    with pytest.raises(UnavailableError, match="containment lab start"):
        resolve_access_key(lab.client("iam", lab.world.admin), unreachable, UNKNOWN)


def _to_a_closed_port(request: Any, **_: object) -> None:
    request.url = "http://127.0.0.1:9/"


def test_what_is_called_is_what_is_declared_and_nothing_is_changed(
    lab: Lab, reader: Reader
) -> None:
    before = lab.status()["mutations"]["total"]

    reader.key(lab.world.leaked.access_key_id)
    role = reader.principal(lab.world.deploy_role)
    user = reader.principal(lab.world.release_user)
    for resolved in (role, user):
        resolve_unique_id(reader.iam, reader.sts, resolved.unique_id)
    with pytest.raises(NotFoundError):
        reader.key(lab.world.management_admin.access_key_id)

    assert reader.called == PERMISSIONS | {"sts:GetCallerIdentity"}
    assert lab.status()["mutations"]["total"] == before


def test_a_unique_id_gives_its_user_or_role(lab: Lab, reader: Reader) -> None:
    user = reader.principal(lab.world.release_user)
    role = reader.principal(lab.world.deploy_role)

    assert resolve_unique_id(reader.iam, reader.sts, user.unique_id) == user
    assert resolve_unique_id(reader.iam, reader.sts, role.unique_id) == role


@pytest.mark.parametrize("prefix", ["AIDA", "AROA"])
def test_a_unique_id_of_nobody_is_told_with_where_to_look(reader: Reader, prefix: str) -> None:
    with pytest.raises(NotFoundError, match=r"has no (user|role) with the unique id A") as caught:
        resolve_unique_id(reader.iam, reader.sts, f"{prefix}IOSFODNN7EXAMPLE")

    assert "containment trace" in (caught.value.remedy or "")

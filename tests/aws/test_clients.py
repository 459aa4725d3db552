"""Clients: no credentials, mixed endpoints and a stop are noticed before anything is sent."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest
from botocore.exceptions import ClientError

from containment.aws.caller import identify, principal_of
from containment.aws.cancellation import CancelledError, is_mutating
from containment.aws.clients import connect
from containment.aws.profiles import profile_role_chain
from containment.aws.sign_ins import REGIONS
from containment.errors import AccessError, RefusedError
from containment.lab.testing import Lab

pytestmark = pytest.mark.lab


@pytest.fixture
def responder(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    for name, value in lab.world.responder.env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", lab.endpoint)
    return lab


def test_a_profile_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nowhere")

    with pytest.raises(AccessError, match="nowhere"):
        connect()


def test_no_credentials_is_one_clear_error() -> None:
    with pytest.raises(AccessError, match="containment lab env"):
        connect()


def test_an_emulated_iam_beside_a_real_sts_is_refused(
    responder: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_ENDPOINT_URL_IAM", responder.endpoint)

    with pytest.raises(RefusedError, match="for both, or for neither"):
        connect()


@pytest.mark.usefixtures("responder")
def test_a_stop_lets_reads_through_and_no_change() -> None:
    cancelled = Event()
    clients = connect(cancelled=cancelled)
    cancelled.set()

    assert clients.iam.get_user(UserName="ci-deploy")
    with pytest.raises(CancelledError, match="was not made"):
        clients.iam.tag_user(UserName="ci-deploy", Tags=[{"Key": "a", "Value": "b"}])
    user = clients.iam.get_user(UserName="ci-deploy")["User"]
    assert "a" not in {tag["Key"] for tag in user.get("Tags", [])}


def test_the_caller_is_told_with_its_role(responder: Lab) -> None:
    caller = identify(connect().sts)

    assert caller.account == responder.world.account
    assert caller.principal is not None
    assert caller.principal.label == "111122223333/role/ContainmentResponder"


@pytest.mark.parametrize(
    ("arn", "label"),
    [
        ("arn:aws:iam::111122223333:user/a/b", "111122223333/user/b"),
        ("arn:aws:sts::111122223333:assumed-role/app/i-0abc", "111122223333/role/app"),
        ("arn:aws:iam::111122223333:root", None),
        ("arn:aws:sts::111122223333:federated-user/bob", None),
    ],
)
def test_every_kind_of_caller_is_read(arn: str, label: str | None) -> None:
    principal = principal_of(arn)

    assert (principal.label if principal else None) == label


def test_a_role_in_the_configuration_is_assumed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in lab.world.responder_user_key.env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", lab.endpoint)

    clients = connect(role_arn=lab.world.responder_role)

    assert ":assumed-role/ContainmentResponder/" in identify(clients.sts).arn
    assert clients.through == lab.world.responder_user
    with pytest.raises(AccessError, match="cannot be assumed"):
        connect(role_arn=lab.world.app_role)


@pytest.mark.parametrize("named", [(), ("us-east-1", "ap-east-1")])
def test_sign_in_sessions_are_looked_for_where_the_profile_says(
    monkeypatch: pytest.MonkeyPatch, named: tuple[str, ...]
) -> None:
    """A Region that accounts opt in to is asked if it is named, and a forbidden one is not."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")

    clients = connect(region="ap-southeast-3", sign_in_regions=named).sign_ins()

    regions = [client.meta.region_name for client in clients]
    assert regions == list(named or ("ap-southeast-3", *REGIONS))


def test_the_profiles_role_chain_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text(
        "[profile base]\nregion = us-east-1\n"
        "[profile hop]\nrole_arn = arn:aws:iam::111122223333:role/hop\nsource_profile = base\n"
        "[profile last]\nrole_arn = arn:aws:iam::111122223333:role/last\nsource_profile = hop\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "last")

    assert profile_role_chain() == (
        "arn:aws:iam::111122223333:role/last",
        "arn:aws:iam::111122223333:role/hop",
    )


@pytest.mark.parametrize(
    ("operation", "mutates"),
    [
        ("GetUser", False),
        ("ListRoles", False),
        ("SimulatePrincipalPolicy", False),
        ("PutUserPolicy", True),
        ("TagUser", True),
    ],
)
def test_reads_are_told_from_changes(operation: str, *, mutates: bool) -> None:
    assert is_mutating(operation) is mutates


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waits: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time.sleep", waits.append)
    return waits


def test_a_change_that_is_throttled_nine_times_is_made_at_the_tenth(
    responder: Lab, unhurried: list[float]
) -> None:
    clients = connect()
    responder.faults({"kind": "throttle", "operation": "TagUser", "count": 9})

    clients.iam.tag_user(UserName="ci-deploy", Tags=[{"Key": "a", "Value": "b"}])

    assert len(unhurried) == 9
    assert len(set(unhurried)) == 9  # each for itself: those throttled together part
    assert sum(unhurried) <= 26


def test_a_throttling_that_does_not_end_is_given_up(responder: Lab, unhurried: list[float]) -> None:
    clients = connect()
    responder.faults({"kind": "throttle", "operation": "GetUser"})

    with pytest.raises(ClientError, match="Throttling"):
        clients.iam.get_user(UserName="ci-deploy")

    assert len(unhurried) == 9


def test_another_failure_is_tried_four_times(responder: Lab, unhurried: list[float]) -> None:
    clients = connect()
    responder.faults({"kind": "error", "operation": "GetUser"})

    with pytest.raises(ClientError):
        clients.iam.get_user(UserName="ci-deploy")

    assert len(unhurried) == 3


def test_sign_in_sessions_of_an_emulation_are_asked_for_there(
    responder: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the settings name the services that are emulated, and AWS for this one."""
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_ENDPOINT_URL_IAM", responder.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", responder.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SIGNIN", "https://signin.us-east-1.amazonaws.com")

    clients = connect()

    (client,) = clients.sign_ins()
    assert client.meta.endpoint_url == responder.endpoint

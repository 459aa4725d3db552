"""Fences are listed from the account, and only those that are over are ever removed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from containment.aws.clients import Clients, connect
from containment.clock import isoformat
from containment.facets import marks
from containment.lab.testing import Lab
from containment.run import fences
from policies import render, text

pytestmark = pytest.mark.lab
INCIDENT = "inc-2026-0042"
NAME = f"containment-{INCIDENT}"
ALLOW: dict[str, Any] = {"Sid": "Theirs", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}


@pytest.fixture
def clients(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Clients:
    monkeypatch.setenv("AWS_ENDPOINT_URL", lab.endpoint)
    for name, value in lab.world.responder.env().items():
        monkeypatch.setenv(name, value)
    return connect()


def fence(lab: Lab, *, hours: float, generation: int = 7) -> dict[str, Any]:
    """Return a fence that ends so many hours from the lab's now."""
    now = lab.now()
    return render(
        "release-fence",
        sid=marks.mark(INCIDENT, "s" * 10, generation).sid,
        issued_before=isoformat(now),
        until=isoformat(now + timedelta(hours=hours)),
    )


def put(lab: Lab, document: dict[str, Any], *, name: str = NAME) -> None:
    lab.client("iam", lab.world.admin).put_user_policy(
        UserName="ci-deploy", PolicyName=name, PolicyDocument=text(document)
    )


def names(lab: Lab) -> list[str]:
    answer = lab.client("iam", lab.world.admin).list_user_policies(UserName="ci-deploy")
    return list(answer["PolicyNames"])


def test_a_fence_is_listed_with_its_end_and_a_deny_is_no_fence(lab: Lab, clients: Clients) -> None:
    put(lab, fence(lab, hours=37))
    other = "inc-2026-0043"
    deny = render("deny-all", sid=marks.mark(other, "d" * 10, 1).sid)
    put(lab, deny, name=f"containment-{other}")

    survey = fences.survey(clients.iam)

    assert [(item.incident, item.over) for item in survey.fences] == [(INCIDENT, False)]
    assert survey.fences[0].principal.arn == lab.world.ci_user
    assert [(item.incident, item.snapshot_id) for item in survey.denies] == [(other, "d" * 10)]


def test_fences_of_roles_are_listed_too(lab: Lab, clients: Clients) -> None:
    lab.client("iam", lab.world.admin).put_role_policy(
        RoleName="deploy", PolicyName=NAME, PolicyDocument=text(fence(lab, hours=37))
    )

    assert fences.survey(clients.iam).fences[0].principal.arn == lab.world.deploy_role


def test_a_fence_is_over_by_the_time_of_aws_and_not_by_ours(lab: Lab, clients: Clients) -> None:
    put(lab, fence(lab, hours=5))
    assert not fences.survey(clients.iam).fences[0].over

    lab.advance(5 * 3600 + 1)

    assert fences.survey(clients.iam).fences[0].over


def test_a_fence_that_is_over_is_removed_and_nothing_else(lab: Lab, clients: Clients) -> None:
    put(lab, fence(lab, hours=-1))
    live_fence = fences.survey(clients.iam).fences[0]

    assert fences.sweep(clients.iam, live_fence).problem is None
    assert names(lab) == ["pipeline"]


def test_statements_of_others_in_the_same_policy_stay(lab: Lab, clients: Clients) -> None:
    document = fence(lab, hours=-1)
    put(lab, {**document, "Statement": [*document["Statement"], ALLOW]})

    assert fences.sweep(clients.iam, fences.survey(clients.iam).fences[0]).problem is None
    remaining_policy = lab.client("iam", lab.world.admin).get_user_policy(
        UserName="ci-deploy", PolicyName=NAME
    )["PolicyDocument"]
    assert remaining_policy["Statement"] == [ALLOW]


def test_a_deny_that_took_the_fences_place_meanwhile_stays(lab: Lab, clients: Clients) -> None:
    put(lab, fence(lab, hours=-1))
    live_fence = fences.survey(clients.iam).fences[0]
    put(lab, render("deny-all", sid=marks.mark(INCIDENT, "n" * 10, 8).sid))

    swept = fences.sweep(clients.iam, live_fence)

    assert swept.problem is not None
    assert NAME in names(lab)


def test_a_deny_that_hides_behind_a_newer_fence_is_a_deny(lab: Lab, clients: Clients) -> None:
    document = fence(lab, hours=-1, generation=9)
    hidden = render("deny-all", sid=marks.mark(INCIDENT, "s" * 10, 8).sid)
    put(lab, {**document, "Statement": document["Statement"] + hidden["Statement"]})

    survey = fences.survey(clients.iam)

    assert survey.fences == ()
    assert [item.incident for item in survey.denies] == [INCIDENT]


@pytest.mark.parametrize("until", ["soon", "2026-01-01", ""])
def test_a_fence_whose_end_cannot_be_read_is_never_over(
    lab: Lab, clients: Clients, until: str
) -> None:
    document = fence(lab, hours=-1)
    document["Statement"][0]["Condition"]["DateLessThan"]["aws:CurrentTime"] = until
    assert not fences._over(json.dumps(document), INCIDENT, fences.survey(clients.iam).taken_at)


def test_a_fence_on_a_principal_that_is_gone_is_gone_with_it(lab: Lab, clients: Clients) -> None:
    put(lab, fence(lab, hours=-1))
    live_fence = fences.survey(clients.iam).fences[0]
    admin = lab.client("iam", lab.world.admin)
    for name in names(lab):
        admin.delete_user_policy(UserName="ci-deploy", PolicyName=name)
    admin.delete_access_key(UserName="ci-deploy", AccessKeyId=lab.world.leaked.access_key_id)
    admin.delete_user(UserName="ci-deploy")

    assert fences.sweep(clients.iam, live_fence).problem is None


def test_a_sweep_calls_only_what_it_declares_and_the_responder_may_call(
    lab: Lab, clients: Clients
) -> None:
    called: set[str] = set()

    def note(event_name: str, **_: object) -> None:
        called.add(f"iam:{event_name.rpartition('.')[2]}")

    clients.iam.meta.events.register("before-call.iam", note)
    put(lab, fence(lab, hours=-1))
    for live_fence in fences.survey(clients.iam).fences:
        assert fences.sweep(clients.iam, live_fence).problem is None

    assert called <= fences.PERMISSIONS
    assert "iam:GetAccountAuthorizationDetails" in called

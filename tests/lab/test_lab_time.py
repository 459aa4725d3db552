"""The lab's clock rules everything that expires or carries a date."""

from __future__ import annotations

import urllib.request
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from containment.clock import isoformat
from containment.lab.scenario.world import Credentials
from tests.lab.matrix.bench import deny, policy

if TYPE_CHECKING:
    from containment.lab.scenario.world import World
    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab


def temporary(credentials: dict[str, str]) -> Credentials:
    return Credentials(
        credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]
    )


def test_a_session_ends_when_the_lab_says_so(lab: Lab, world: World) -> None:
    sts = lab.client("sts", world.runner)
    session = temporary(
        sts.assume_role(RoleArn=world.app_role, RoleSessionName="session", DurationSeconds=900)[
            "Credentials"
        ]
    )
    s3 = lab.client("s3", session)
    lab.advance(890)
    s3.list_objects_v2(Bucket=world.bucket)

    lab.advance(20)

    with pytest.raises(ClientError, match="ExpiredToken"):
        s3.list_objects_v2(Bucket=world.bucket)
    with pytest.raises(ClientError, match="ExpiredToken"):
        lab.client("sts", session).get_caller_identity()


def test_every_answer_carries_the_labs_date_and_a_request_id(lab: Lab, world: World) -> None:
    lab.advance(7200)

    answer = lab.client("sts", world.leaked).get_caller_identity()["ResponseMetadata"]

    moment = parsedate_to_datetime(answer["HTTPHeaders"]["date"])
    assert abs(moment - lab.now()) < timedelta(seconds=2)
    assert answer["RequestId"]
    with urllib.request.urlopen(f"{lab.endpoint}/_lab/status") as status:
        assert abs(parsedate_to_datetime(status.headers["Date"]) - lab.now()) < timedelta(seconds=2)


def test_a_revocation_spares_sessions_made_after_it(lab: Lab, world: World) -> None:
    iam, runner = lab.client("iam", world.admin), lab.client("sts", world.runner)
    moment = isoformat(lab.now() + timedelta(seconds=60))
    document = policy(deny("*", Condition={"DateLessThan": {"aws:TokenIssueTime": moment}}))
    iam.put_role_policy(RoleName="app", PolicyName="revoke", PolicyDocument=document)
    with pytest.raises(ClientError, match="explicit deny in an identity-based policy"):
        lab.client("s3", world.app_session).list_objects_v2(Bucket=world.bucket)

    lab.advance(61)

    fresh = temporary(
        runner.assume_role(RoleArn=world.app_role, RoleSessionName="new")["Credentials"]
    )
    lab.client("s3", fresh).list_objects_v2(Bucket=world.bucket)
    with pytest.raises(ClientError, match="AccessDenied"):
        lab.client("s3", world.app_session).list_objects_v2(Bucket=world.bucket)


def test_keys_are_dated_by_the_lab(lab: Lab, world: World) -> None:
    lab.advance(86400)

    key = lab.client("iam", world.leaked).create_access_key()["AccessKey"]

    assert abs(key["CreateDate"].astimezone(UTC) - lab.now()) < timedelta(seconds=3)


def test_signatures_stay_fresh_however_far_the_lab_is_ahead(lab: Lab, world: World) -> None:
    lab.advance(30 * 86400)

    lab.client("iam", world.admin).list_users()

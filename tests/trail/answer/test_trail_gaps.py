"""What the logs cannot answer is part of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from containment.trail import Trace, trace

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.trail_scene import Scene

pytestmark = pytest.mark.plain


def follow(scene: Scene, tmp_path: Path) -> Trace:
    return trace(scene.leaked, since=scene.since, logs=[scene.write(tmp_path)], workers=1)


def test_what_the_logs_cannot_answer_is_said(scene: Scene, tmp_path: Path) -> None:
    scene.call(scene.leaked, scene.user, "StopLogging", 1, source="cloudtrail.amazonaws.com")
    scene.call(scene.leaked, scene.user, "UpdateFunctionCode20150331v2", 2)
    scene.call(scene.leaked, scene.user, "SendCommand", 3, source="ssm.amazonaws.com")
    scene.call(scene.leaked, scene.user, "SendCommand", 4, error="AccessDenied")
    scene.call(scene.leaked, scene.user, "GetWebIdentityToken", 5)
    request = {"roleArn": "arn:aws:iam::111122223333:role/app", "roleSessionName": "x"}
    scene.call(scene.leaked, scene.user, "AssumeRole", 6, request=request)

    answer = follow(scene, tmp_path)

    gap_texts = [gap.what for gap in answer.gaps]
    assert {gap.kind for gap in answer.gaps} >= {
        "logging_tampered",
        "reached",
        "left_aws",
        "hidden_answer",
        "retention",
        "regions",
        "data_events",
        "end",
    }
    assert any("SendCommand: credentials held there" in what for what in gap_texts)


@pytest.mark.parametrize(
    "name",
    [
        "UpdateAccessKey",
        "UpdateServiceSpecificCredential",
        "UpdateSSHPublicKey",
        "UpdateSigningCertificate",
    ],
)
def test_a_credential_that_was_there_and_is_switched_on_again_is_a_gap(
    scene: Scene, tmp_path: Path, name: str
) -> None:
    scene.call(scene.leaked, scene.user, name, 1, request={"userName": "alice"})
    scene.call(scene.leaked, scene.user, name, 2, error="AccessDenied")

    gap_texts = [gap.what for gap in follow(scene, tmp_path).gaps if gap.kind == "reached"]

    assert len(gap_texts) == 1
    assert f"by {name}: credentials held there are not counted" in gap_texts[0]


LAYOUT = (
    "AWSLogs/111122223333/CloudTrail/{region}/2026/11/23/"
    "111122223333_CloudTrail_{region}_{at}_x.json"
)


def test_hours_without_a_file_and_places_that_fell_silent_are_said(
    scene: Scene, tmp_path: Path
) -> None:
    for region, hour in (
        ("us-east-1", "20261123T2120Z"),
        ("us-east-1", "20261124T0320Z"),
        ("us-east-1", "20261124T0325Z"),
        ("eu-central-1", "20261123T2120Z"),
    ):
        scene.records.clear()
        scene.call(scene.leaked, scene.user, "ListUsers", int(hour[-5:-1]))
        path = tmp_path / LAYOUT.format(region=region, at=hour)
        path.parent.mkdir(parents=True, exist_ok=True)
        scene.write(path.parent, path.name)

    answer = trace(scene.leaked, since=scene.since, logs=[tmp_path], workers=1)

    hours = [gap.what for gap in answer.gaps if gap.kind == "hours"]
    assert hours == [
        "111122223333 us-east-1: no file between 2026-11-23T21:20:00Z and 2026-11-24T03:20:00Z",
        (
            "111122223333 eu-central-1: no file after 2026-11-23T21:20:00Z,"
            " others go on to 2026-11-24T03:25:00Z"
        ),
    ]


@pytest.mark.parametrize(
    "name", ["StopLogging", "DeleteTrail", "PutEventSelectors", "UpdateTrail", "DeleteFlowLogs"]
)
def test_tampering_with_the_logs_is_a_gap_and_a_failed_attempt_is_not(
    scene: Scene, tmp_path: Path, name: str
) -> None:
    scene.call(scene.leaked, scene.user, name, 5, source="cloudtrail.amazonaws.com")
    scene.call(scene.leaked, scene.user, name, 6, error="AccessDenied")

    answer = follow(scene, tmp_path)

    tampered = [gap.what for gap in answer.gaps if gap.kind == "logging_tampered"]
    assert len(tampered) == 1
    assert f"{scene.leaked} called {name} at {scene.time_at(5)}" in tampered[0]


@pytest.mark.parametrize(("name", "is_gap"), [("GetObject", False), ("ListUsers", True)])
def test_whether_data_events_were_logged_is_said(
    scene: Scene, tmp_path: Path, name: str, *, is_gap: bool
) -> None:
    scene.call(scene.leaked, scene.user, name, 5)

    assert ("data_events" in {gap.kind for gap in follow(scene, tmp_path).gaps}) is is_gap


@pytest.mark.parametrize(("first", "is_gap"), [(600, True), (-600, False)])
def test_logs_that_begin_after_t0_are_a_gap(
    scene: Scene, tmp_path: Path, first: int, *, is_gap: bool
) -> None:
    scene.call(scene.leaked, scene.user, "ListUsers", first)
    scene.call(scene.leaked, scene.user, "ListUsers", 900)

    assert ("retention" in {gap.kind for gap in follow(scene, tmp_path).gaps}) is is_gap


@pytest.mark.parametrize(("region", "iam"), [("us-east-1", False), ("eu-central-1", True)])
def test_regions_without_records_are_said_and_iam_by_name(
    scene: Scene, tmp_path: Path, region: str, *, iam: bool
) -> None:
    scene.call(scene.leaked, scene.user, "ListUsers", 5, awsRegion=region)

    regions = [gap.what for gap in follow(scene, tmp_path).gaps if gap.kind == "regions"]
    assert len(regions) == 1
    assert f"records from {region} only; other Regions are unknown" in regions[0]
    assert ("us-east-1 with IAM among them" in regions[0]) is iam


def test_a_key_that_no_log_knows_is_told_with_what_was_looked_through(
    scene: Scene, tmp_path: Path
) -> None:
    scene.call("AKIASOMEBODYELSE0000", scene.user, "ListUsers", 5)
    scene.call(scene.leaked, scene.user, "ListUsers", -60)

    answer = follow(scene, tmp_path)

    assert answer.unseen
    gap_text = next(gap.what for gap in answer.gaps if gap.kind == "seed_unseen")
    assert gap_text == (
        f"no record of {scene.leaked} since {scene.since} in 1 file, 2 records,"
        f" from {scene.time_at(-60)} to {scene.time_at(5)}: that is no evidence of innocence;"
        f" it was used before that, last at {scene.time_at(-60)}"
    )

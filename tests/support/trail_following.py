"""A scene followed to its answer, and scenes that hold every kind of link."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from containment.trail import Trace, trace

if TYPE_CHECKING:
    from tests.support.trail_scene import Scene


def follow(scene: Scene, tmp_path: Path, seed: str | None = None) -> Trace:
    logs = scene.write(tmp_path)
    return trace(seed or scene.leaked, since=scene.since, logs=[logs], workers=1)


def credentials_of(answer: Trace) -> dict[str, tuple[str, str]]:
    return {c.id: (c.tier, c.parent) for c in answer.credentials}


def chain(scene: Scene) -> list[str]:
    """Key, role, role, user, key, session token: six generations."""
    a, a_arn = scene.assume(scene.leaked, scene.user, "one", 10)
    b, b_arn = scene.assume(a, a_arn, "two", 20, created=10)
    user = scene.make_user(b, b_arn, "svc-backup", 30)
    long = scene.access_key(b, b_arn, "svc-backup", 31)
    token = scene.key()
    answer = {"credentials": {"accessKeyId": token, "sessionToken": "x", "expiration": "e"}}
    scene.call(long, user, "GetSessionToken", 40, source="sts.amazonaws.com", response=answer)
    c, c_arn = scene.assume(token, user, "three", 50, created=40)
    scene.call(c, c_arn, "ListBuckets", 60, source="s3.amazonaws.com", created=50)
    return [a, b, long, token, c]


def everything(scene: Scene) -> None:
    chain(scene)
    scene.make_role(scene.leaked, scene.user, "back", 70, "arn:aws:iam::999988887777:root")
    scene.call(
        scene.leaked, scene.user, "GetSecretValue", 80, request={"secretId": "arn:aws:s:::x"}
    )
    scene.call(
        "ASIAFORWARDED0000001",
        scene.user,
        "Decrypt",
        80,
        created=80,
        invoked_by="secretsmanager.amazonaws.com",
    )
    scene.service("lambda.amazonaws.com", "back", "fn", 90, scene.key())


def comparable(answer: Trace) -> object:
    # The number of the file in which a call was found is all that may differ.
    calls = [(t.credential, t.call.event_id, t.call.klass) for t in answer.calls]
    return answer.credentials, answer.external_trust, calls, answer.resources


def visit(scene: Scene, account: str) -> None:
    """Make the last record what the role's account logs of a caller from elsewhere."""
    who = scene.records[-1]["userIdentity"]
    who = {"type": "AWSAccount", "accountId": account, "principalId": who["principalId"]}
    scene.records[-1]["userIdentity"] = who

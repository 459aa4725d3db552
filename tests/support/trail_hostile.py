"""A trace of records in which every text that an attacker may choose is hostile."""

from __future__ import annotations

from pathlib import Path

from containment.trail import Trace, trace
from tests.support.hostile_texts import HOSTILE
from tests.support.trail_scene import Scene


def hostile_trace(scene: Scene, folder: Path) -> Trace:
    """Return the trace of *scene*'s leaked key, which did three calls with every hostile text."""
    for number, text in enumerate(HOSTILE):
        key = scene.key()
        scene.call(
            scene.leaked,
            scene.user,
            "AssumeRole",
            number,
            source=text,
            request={
                "roleArn": f"arn:aws:iam::{scene.account}:role/{text}",
                "roleSessionName": text,
            },
            response={
                "credentials": {"accessKeyId": key, "sessionToken": "x"},
                "assumedRoleUser": {
                    "arn": f"arn:aws:sts::{scene.account}:assumed-role/{text}/{text}"
                },
            },
            userAgent=text,
            awsRegion=text,
            sourceIPAddress=text,
            eventID=text,
        )
        made = {"user": {"arn": f"arn:aws:iam::{scene.account}:user/{text}", "userName": text}}
        request = {
            "userName": text,
            "tags": [{"key": text, "value": text}, {"key": "Owner", "value": text}],
        }
        scene.call(
            scene.leaked,
            scene.user,
            "CreateUser",
            number,
            request=request,
            response=made,
            errorMessage=text,
        )
        scene.call(scene.leaked, scene.user, text, number, error=text)
    logs = scene.write(folder)
    return trace(scene.leaked, since=scene.since, logs=[logs], workers=1)

"""A story of twelve generations, to be told in every form of log."""

from __future__ import annotations

from tests.support.trail_scene import Record, Scene

GENERATIONS = 12


def twelve_generations() -> tuple[Scene, list[list[Record]]]:
    """A scene in which each credential makes the next, and its records generation by generation.

    Roles, users with keys and session tokens take turns; each credential also looks around, and a
    bystander calls in between.
    """
    scene = Scene()
    key, arn, created = scene.leaked, scene.user, None
    chapters: list[list[Record]] = []
    for generation in range(GENERATIONS):
        start, second = len(scene.records), 60 * (generation + 1)
        scene.call(key, arn, "ListUsers", second, created=created)
        bystander = f"arn:aws:iam::{scene.account}:user/build-{generation % 3}"
        scene.call(f"AKIABYSTANDER{generation % 3:07}", bystander, "GetUser", second + 1)
        if generation % 3 == 1:
            name = f"svc-{generation}"
            made = scene.make_user(key, arn, name, second + 2)
            scene.records[-1]["userIdentity"] |= _session(scene, created)
            key = scene.access_key(key, arn, name, second + 3, created=created)
            arn, created = made, None
        else:
            key, arn = scene.assume(key, arn, f"role-{generation}", second + 2, created=created)
            created = second + 2
        request = {"bucketName": f"bucket-{generation}", "key": 'a, "b"; {c=d}'}
        scene.call(
            key, arn, "GetObject", second + 5, source="s3.amazonaws.com", created=created,
            request=request,
        )  # fmt: skip
        chapters.append(scene.records[start:])
    return scene, chapters


def _session(scene: Scene, created: int | None) -> Record:
    if created is None:
        return {}
    attributes = {"creationDate": scene.time_at(created), "mfaAuthenticated": "false"}
    return {"sessionContext": {"attributes": attributes}}

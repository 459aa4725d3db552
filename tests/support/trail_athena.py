"""Athena over the lake: a run, a trace followed on it, and a scene that has something to find."""

from __future__ import annotations

from typing import Any

from containment.trail import Trace
from containment.trail.queried_source import reach
from containment.trail.sql import glue
from containment.trail.sql.athena import Athena
from containment.trail.sql.source import trace_table
from tests.support.trail_lake import DATABASE, OUTPUT, TABLE, Lake
from tests.support.trail_scene import Scene


def _no_pause(_seconds: float) -> None:
    """Stand for a pause between two looks."""


def run_on(lake: Lake, **more: Any) -> Athena:
    settings: dict[str, Any] = {"database": DATABASE, "output": OUTPUT, "pause": _no_pause}
    settings |= more
    return Athena(lake.athena, lake.s3, **settings)


def follow(lake: Lake, run: Athena, seed: str, since: str, **chosen: Any) -> Trace:
    table = glue.describe(lake.glue, DATABASE, TABLE)
    return trace_table(
        seed,
        since=since,
        run=run,
        table=f"{DATABASE}.{TABLE}",
        dialect="athena",
        partitions=table.layout.conditions(reach(since), **chosen),
        lacks=table.lacks,
    )


def busy(scene: Scene, calls: int = 3) -> Scene:
    key, arn = scene.assume(scene.leaked, scene.user, "app", 10)
    made = scene.make_user(key, arn, "helper", 20)
    long = scene.access_key(key, arn, "helper", 21)
    for second in range(calls):
        scene.call(long, made, "ListUsers", 30 + second)
    scene.call("AKIASTRANGER00000000", f"{scene.user}-2", "ListUsers", 80)
    return scene

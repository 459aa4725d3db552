"""Every page that the project writes, for data as it is and for data that an attacker chose."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from containment.diff import as_html
from containment.incident_report import as_html as report_html
from containment.incident_report import compile_report
from containment.process.html import as_html as process_html
from containment.process.rules import compute_process
from containment.trail import trace
from containment.trail.outputs import html
from tests.support.diff_scenes import SCENES, hostile
from tests.support.hostile_texts import HOSTILE
from tests.support.process_scene import ENTRIES, complete, record_of
from tests.support.report_scene import sources as report_sources
from tests.support.trail_hostile import hostile_trace
from tests.support.trail_scene import Scene
from tests.support.trail_story import twelve_generations

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
# Files of the product that hold a page; `unlisted` names those that nothing here drives.
WRITERS = frozenset(
    {"containment/diff/templates/parts.html.j2", "containment/trail/outputs/html.py"}
)
_PAGE = re.compile(r"<!doctype html>", re.IGNORECASE)


def pages(folder: Path) -> dict[str, str]:
    """Return every page by a name; the logs of the traces are written into *folder*."""
    return {name: write(folder) for name, write in _WRITE.items()}


def unlisted() -> list[str]:
    """Return the files of the product that hold a page and are not driven."""
    holders = {
        path.relative_to(ROOT).as_posix()
        for package in ("containment", "cli", "policies")
        for path in (ROOT / package).rglob("*")
        if path.suffix in {".py", ".j2", ".html"} and _PAGE.search(path.read_text("utf-8"))
    }
    return sorted(holders ^ WRITERS)


def _trace_of_a_story(folder: Path) -> str:
    scene, _ = twelve_generations()
    for number in range(40):
        second = 3000 + 10 * number
        scene.call(scene.leaked, scene.user, "GetSecretValue", second)
        forwarded = f"ASIAFORWARDED{number:07}"
        for moment in (second, second + 1):
            scene.call(
                forwarded, scene.user, "Decrypt", moment, created=second,
                invoked_by="secretsmanager.amazonaws.com",
            )  # fmt: skip
    scene.make_role(scene.leaked, scene.user, "back", 70, "arn:aws:iam::999988887777:root")
    scene.call(scene.leaked, scene.user, "StopLogging", 500, error="AccessDenied")
    logs = scene.write(folder, "story.json")
    return html.page(trace(scene.leaked, since=scene.since, logs=[logs], workers=1))


def _trace_without_calls(folder: Path) -> str:
    scene = Scene()
    scene.call("AKIAOTHER00000000001", scene.user, "ListUsers", 5)
    logs = scene.write(folder, "quiet.json")
    return html.page(trace(scene.leaked, since=scene.since, logs=[logs], workers=1))


def _hostile_trace(folder: Path) -> str:
    return html.page(hostile_trace(Scene(), folder))


def _hostile_diff(_: Path) -> str:
    diff = hostile()
    texts = [hostile(text).principals[0] for text in HOSTILE]
    return as_html(replace(diff, principals=(*diff.principals, *texts)))


def _hostile_report(_: Path) -> str:
    return report_html(compile_report(report_sources(" ".join(HOSTILE))))


_GOLDEN = {
    f"{word}-{path.stem}": path
    for word, folder in (("run", "actions"), ("review", "review"))
    for path in sorted((ROOT / "tests" / folder / "golden").glob("*.html"))
}


def _hostile_process(_: Path) -> str:
    text = " ".join(HOSTILE)
    entries = [{**one, "text": text, "author": text, "to": text} for one in ENTRIES]
    return process_html(compute_process(complete(record=record_of(entries))))


_WRITE: dict[str, Callable[[Path], str]] = {
    "trace-story": _trace_of_a_story,
    "trace-quiet": _trace_without_calls,
    "trace-hostile": _hostile_trace,
    "diff-hostile": _hostile_diff,
    "process": lambda _: process_html(compute_process(complete())),
    "process-hostile": _hostile_process,
    "report": lambda _: report_html(compile_report(report_sources())),
    "report-hostile": _hostile_report,
    **{f"diff-{name}": lambda _, scene=scene: as_html(scene()) for name, scene in SCENES.items()},
    **{name: lambda _, path=path: path.read_text("utf-8") for name, path in _GOLDEN.items()},
}

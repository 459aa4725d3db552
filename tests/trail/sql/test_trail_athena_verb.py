"""The verb on Athena: it tells the cost, asks, and refuses what Athena cannot do."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from cli.verbs.trace import trace as verb
from containment.errors import NotFoundError, RefusedError, SpecError
from tests.support.trail_athena import busy
from tests.support.trail_lake import DATABASE, OUTPUT, TABLE, Lake
from tests.support.trail_scene import Scene

if TYPE_CHECKING:
    from collections.abc import Callable

    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab

HERE = Path(__file__).parents[1]


@pytest.fixture
def ask(
    lab: Lab, lake: Lake, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    busy(scene)
    lake.table()
    lake.deliver(scene.records)
    admin = lab.world.admin
    for name, value in {
        "AWS_ENDPOINT_URL": lab.endpoint,
        "AWS_ACCESS_KEY_ID": admin.access_key_id,
        "AWS_SECRET_ACCESS_KEY": admin.secret_access_key,
        "AWS_SESSION_TOKEN": admin.session_token or "",
    }.items():
        if value:
            monkeypatch.setenv(name, value)

    def asked(*arguments: str, table: str = f"{DATABASE}.{TABLE}") -> Result:
        common_arguments = [
            scene.leaked,
            "--since",
            scene.since,
            "--engine",
            "athena",
            "--table",
            table,
        ]
        return CliRunner().invoke(verb, [*common_arguments, *arguments])

    return asked


def test_the_verb_tells_the_cost_asks_athena_and_prints_the_same_document(
    ask: Callable[..., Result], scene: Scene, tmp_path: Path
) -> None:
    result = ask("--output", OUTPUT, "--json")

    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    file = scene.write(tmp_path)
    other = CliRunner().invoke(
        verb, [scene.leaked, "--since", scene.since, "--json", "--no-index", "--logs", str(file)]
    )
    plain = json.loads(other.stdout)
    for name in ("credentials", "external_trust", "resources"):
        assert document[name] == plain[name]
    ids = [[call["event_id"] for call in each["calls"]] for each in (document, plain)]
    assert ids[0] == ids[1]
    assert document["files"][0]["path"] == f"athena:{DATABASE}.{TABLE}"
    assert "three scans cost about $0.00" in result.stderr
    assert "athena scanned" in result.stderr


def test_the_documented_command_runs_word_for_word(
    ask: Callable[..., Result], scene: Scene
) -> None:
    docs = (HERE.parents[1] / "docs" / "trace.md").read_text("utf-8")
    (shown,) = re.findall(r"^\$ containment trace (.*--engine athena.*)$", docs, re.MULTILINE)
    del ask  # it has made the world that the command is about

    result = CliRunner().invoke(verb, [*shlex.split(shown), "--json"])

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["seed"] == scene.leaked
    assert len(json.loads(result.stdout)["credentials"]) == 3


def test_the_verb_goes_on_above_the_limit_only_when_told_to(ask: Callable[..., Result]) -> None:
    refused = ask("--output", OUTPUT, "--price", "1000000", "--spend", "1")
    agreed = ask("--output", OUTPUT, "--price", "1000000", "--spend", "1", "--yes")

    assert isinstance(refused.exception, RefusedError)
    assert "--yes" in str(refused.exception)
    assert agreed.exit_code == 0, agreed.output


def test_a_region_that_was_left_out_is_a_gap(ask: Callable[..., Result]) -> None:
    result = ask(
        *("--output", OUTPUT, "--json", "--only-region", "us-east-1"),
        *("--day-column", "timestamp=yyyy/MM/dd"),
    )

    gaps = [gap["what"] for gap in json.loads(result.stdout)["gaps"]]
    assert any("outside us-east-1" in gap for gap in gaps)


@pytest.mark.parametrize(
    ("arguments", "table", "error", "remedy"),
    [
        ((), "logs.cloudtrail_logs", SpecError, "--output"),
        (("--output", OUTPUT), "logs.none", NotFoundError, "--table"),
        (("--output", OUTPUT), "a.b.c", SpecError, "database.table"),
        (("--output", OUTPUT), "logs.x; DROP TABLE y", NotFoundError, "--table"),
        (("--output", OUTPUT, "--logs", "/tmp"), "logs.x", SpecError, "--table"),  # noqa: S108 -- not read
        (("--output", OUTPUT, "--live"), "logs.x", SpecError, "--table"),
        (("--output", "s3://nobody-has-this/"), "logs.cloudtrail_logs", Exception, "bucket"),
        (("--output", OUTPUT, "--workgroup", "none"), "logs.cloudtrail_logs", SpecError, "none"),
        (("--output", OUTPUT, "--day-column", "day=x"), "logs.cloudtrail_logs", SpecError, "yyyy"),
    ],
)
def test_what_athena_cannot_do_is_refused_with_the_next_step(
    ask: Callable[..., Result],
    arguments: tuple[str, ...],
    table: str,
    error: type[Exception],
    remedy: str,
) -> None:
    result = ask(*arguments, table=table)

    assert isinstance(result.exception, error)
    assert remedy in str(result.exception)
    assert "\n" not in str(result.exception)

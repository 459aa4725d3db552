"""``containment report``: printed, written with its evidence, and held to its manifest."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from containment.verify import kept_verdicts
from tests.cli.conftest import Command
from tests.support.fake_engine import STACK, FakeEngine
from tests.support.report_scene import verdicts

pytestmark = pytest.mark.process


def test_a_report_is_printed_without_asking_aws(containment: Command, engine: FakeEngine) -> None:
    engine.exports()

    text_run = containment("report")
    json_run = containment("report", "--json")

    assert text_run.code == json_run.code == 0
    assert f"# Report of `{STACK}`" in text_run.out
    assert "**never verified**" in text_run.out
    assert json_run.json["format"] == "containment-report-1"
    assert json_run.json["verdict"] == "never verified"


def test_what_out_writes_can_be_checked_by_us_and_without_us(
    containment: Command, engine: FakeEngine
) -> None:
    engine.exports()
    spec_file = engine.project / "stacks" / f"{STACK}.yaml"
    for verdict in verdicts():
        kept_verdicts.keep(spec_file, verdict)

    written = containment("report", "--out", "report", "--json")

    assert written.code == 0
    folder = engine.project / "report"
    assert json.loads((folder / "report.json").read_text())["verdict"] == "contained, verified"
    assert "<svg" in (folder / "report.html").read_text()
    kept = [name for name in written.json["files"] if name.startswith("evidence/verdict-")]
    assert len(kept) == 2
    assert (folder / "evidence" / "spec.yaml").read_bytes() == spec_file.read_bytes()
    checked = containment("report", "--check", "report", "--json")
    assert checked.code == 0
    assert checked.json["manifest_sha256"] == written.json["manifest_sha256"]
    if program := shutil.which("sha256sum"):
        command = [program, "--check", "--quiet", "SHA256SUMS"]
        assert subprocess.run(command, cwd=folder, check=False).returncode == 0

    (folder / kept[0]).write_text("{}")
    altered = containment("report", "--check", "report", "--json")
    assert altered.code == 5
    assert f"{kept[0]} was altered" in altered.json["error"]["message"]
    again = containment("report", "--out", "report", "--json")
    assert again.code == 2
    assert "is not empty" in again.json["error"]["message"]


def test_a_kept_verdict_that_is_none_is_named(containment: Command, engine: FakeEngine) -> None:
    engine.exports()
    spec_file = engine.project / "stacks" / f"{STACK}.yaml"
    folder = kept_verdicts.folder_beside(spec_file)
    folder.mkdir()
    (folder / "verdict-2026-11-23T220000Z.json").write_text("[]")

    ran = containment("report", "--json")

    assert ran.code == 2
    assert "it holds no verdict" in ran.json["error"]["message"]


def test_check_looks_at_a_folder_alone(containment: Command) -> None:
    ran = containment("report", STACK, "--check", "report", "--json")

    assert ran.code == 2
    assert "at nothing else" in ran.json["error"]["message"]

"""``containment signal add``: reports join an incident once, and who is missing is asked for."""

from __future__ import annotations

import io
import json
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from tests.cli.conftest import GOOD, Command
from tests.support import signal_forms as forms

pytestmark = pytest.mark.plain

INCIDENT = "inc-2026-0042"


@pytest.fixture(autouse=True)
def in_project(containment: Command, project: Path) -> Path:
    assert containment("init", "--no-engine").code == 0
    (project / "stacks" / f"{INCIDENT}.yaml").write_text(GOOD)
    return project


def _file(folder: Path, name: str, document: object) -> Path:
    path = folder / name
    path.write_text(json.dumps(document))
    return path


def _noted(containment: Command) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = containment("note", "--json").json["entries"]
    return entries


def test_several_signals_join_one_incident_and_each_is_one(
    containment: Command, in_project: Path
) -> None:
    finding = _file(in_project, "finding.json", forms.guardduty())
    scan = _file(in_project, "scan.json", forms.trufflehog())

    first = containment("signal", "add", finding, scan, "--json")
    again = containment("signal", "add", scan, finding, "--json")

    assert (first.code, again.code) == (0, 0)
    assert [(one["entry"], one["is_new"]) for one in first.json["signals"]] == [
        (1, True),
        (2, True),
    ]
    assert [(one["entry"], one["is_new"]) for one in again.json["signals"]] == [
        (2, False),
        (1, False),
    ]
    entries = _noted(containment)
    assert [one["source"] for one in entries] == ["guardduty", "secret-scan"]
    digest = sha256(scan.read_bytes()).hexdigest()
    assert entries[1]["evidence"] == {"file": "scan.json", "sha256": digest}
    assert entries[0]["reported_by"] == "guardduty"
    everything = "".join(
        path.read_text() for path in (in_project / "incidents").rglob("*") if path.is_file()
    )
    assert forms.SECRET not in everything


def test_a_report_that_names_nobody_is_kept_and_asked_about(
    containment: Command, in_project: Path
) -> None:
    alarm = _file(in_project, "alarm.json", forms.alarm())

    asked = containment("signal", "add", alarm, "--json")
    named = containment("signal", "add", alarm, "--subject", forms.KEY, "--json")
    again = containment("signal", "add", alarm, "--json")

    assert asked.json["signals"][0]["is_resolved"] is False
    assert "--subject KEY_OR_ARN" in asked.json["next"][0]
    assert named.json["signals"][0]["is_new"] is True
    assert named.json["signals"][0]["subject"]["key_id"] == forms.KEY
    assert [one["is_new"] for one in again.json["signals"]] == [False]
    assert len(_noted(containment)) == 2


def test_somebody_whom_the_spec_does_not_name_is_told_of(
    containment: Command, in_project: Path
) -> None:
    role = _file(in_project, "finding.json", forms.analyzer())

    ran = containment("signal", "add", role)

    assert ran.code == 0
    assert f"does not name {forms.ROLE}" in ran.out
    assert f"containment resolve {forms.ROLE}" in ran.out


def test_a_person_reports_by_name_or_anonymously(containment: Command) -> None:
    by_name = containment(
        *("signal", "add", "--message", "my key is on a forum", "--from", "carol\x1b[2J"),
        *("--subject", forms.KEY, "--since", "2026-11-20T21:14:00Z", "--json"),
    )
    nobody = containment("signal", "add", "--message", "look at ci", "--anonymous", "--json")

    (named,), (unverified,) = by_name.json["signals"], nobody.json["signals"]
    assert (named["reported_by"], named["is_verified"]) == ("carol\x1b[2J", True)
    assert named["first_seen"] == "2026-11-20T21:14:00Z"
    assert (unverified["reported_by"], unverified["is_verified"]) == ("anonymous", False)
    assert "\x1b" not in containment("note").out


def test_standard_input_is_read(containment: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.BytesIO(json.dumps(forms.health()).encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(content))

    ran = containment("signal", "add", "-", "--json")

    assert ran.json["signals"][0]["subject"]["account"] == forms.OTHER_ACCOUNT


def test_wrong_input_is_told_in_one_line_and_changes_nothing(
    containment: Command, in_project: Path
) -> None:
    finding = _file(in_project, "finding.json", forms.guardduty())
    other = _file(in_project, "other.json", {"a": forms.SECRET})
    (in_project / "linked.json").symlink_to(finding)
    for arguments, code, why in (
        ((finding, other), 2, "holds no report of a leak"),
        ((finding, "gone.json"), 3, "there is no file"),
        ((finding, "linked.json"), 2, "a link"),
        ((finding, in_project), 2, "is not a file"),
        ((), 2, "either in files or in --message"),
        ((finding, "--message", "x"), 2, "either in files or in --message"),
        (("--message", f"it is {forms.SECRET}"), 2, "looks like a secret"),
        (("--message", "x", "--subject", forms.SECRET), 2, "names nobody"),
        (("--message", "x", "--since", "today"), 2, "is not a time"),
        (("--message", "x", "--anonymous", "--from", "y"), 2, "contradict"),
        ((finding, "--since", "2026-11-20T21:14:00Z"), 2, "goes with --message"),
        ((finding, "--incident", "inc-2026-9999"), 3, "there is no spec"),
    ):
        ran = containment("signal", "add", *arguments)
        assert (ran.code, why in ran.err) == (code, True), (arguments, ran.err)
        assert forms.SECRET not in ran.err + ran.out
    assert not (in_project / "incidents").exists()

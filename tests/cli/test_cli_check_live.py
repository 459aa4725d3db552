"""``containment check --live`` asks AWS, tells all at once, and its exit code says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.support.fake_engine import STACK, USER, FakeEngine
from tests.support.project import spec

pytestmark = pytest.mark.lab


def test_what_aws_says_of_a_spec_is_told_and_decides_the_exit_code(
    containment: Command, engine: FakeEngine, project: Path
) -> None:
    del engine  # which makes the project one of ours
    file = project / "stacks" / f"{STACK}.yaml"
    missing_user = f"{USER}-of-old"
    file.write_text(spec(f"{{user: '{USER}'}}", f"{{user: '{missing_user}'}}"))

    ran = containment("check", "--live", "--json")

    (row,) = ran.json["specs"]
    assert (ran.code, row["ok"]) == (3, False)
    errors = [one for one in row["findings"] if one["severity"] == "error"]
    assert [(one["about"], one["exit_code"]) for one in errors] == [(missing_user, 3)]
    shown = containment("check", "--live")
    assert (shown.code, f"errors: 1: {file.relative_to(project)}" in shown.out) == (3, True)
    assert f"error: {missing_user}: {missing_user} does not exist; check the ARN" in shown.err
    assert containment("check").code == 0

    file.write_text(spec(f"{{user: '{USER}'}}"))
    assert containment("check", "--live").code == 0


def test_without_credentials_that_is_the_one_finding(
    containment: Command, project: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    del engine  # which makes the project one of ours
    file = project / "stacks" / f"{STACK}.yaml"
    file.write_text(spec(f"{{user: '{USER}'}}"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")

    ran = containment("check", "--live", "--json")

    (row,) = ran.json["specs"]
    assert (ran.code, [one["about"] for one in row["findings"]]) == (8, ["the credentials in use"])

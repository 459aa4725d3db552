"""``containment check`` tells all that is wrong with the specs, and its exit code says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import GOOD, Command

pytestmark = pytest.mark.plain


def spec(project: Path, incident: str, text: str = GOOD) -> Path:
    path = project / "stacks" / f"{incident}.yaml"
    path.write_text(text.replace("inc-2026-0042", incident))
    return path


def test_all_specs_of_the_project_are_checked(containment: Command, project: Path) -> None:
    spec(project, "inc-2026-0001")
    spec(project, "case-7")
    (project / "stacks" / "Pulumi.inc-2026-0001.yaml").write_text("config: {}\n")

    ran = containment("check")

    assert ran.code == 0
    assert [line.split(": ")[1] for line in ran.out.splitlines()] == [
        "stacks/case-7.yaml",
        "stacks/inc-2026-0001.yaml",
    ]
    assert "ci-deploy (deny-all)" in ran.out
    assert ran.err == ""


def test_every_error_of_every_file_is_told_and_the_good_ones_too(
    containment: Command, project: Path
) -> None:
    good = spec(project, "inc-2026-0001")
    bad = spec(project, "inc-2026-0002", GOOD.replace("owner:", "ownr:"))

    ran = containment("check", good, bad, project / "gone.yaml")

    assert ran.code == 3
    assert f"ok: {good}" in ran.out
    assert "inc-2026-0002.yaml:6: ownr: is not a field of a spec" in ran.err
    assert "gone.yaml does not exist" in ran.err


@pytest.mark.parametrize("name", ["inc-2026-0003.yml", "inc-2026-0003.yaml"])
def test_a_wrong_spec_fails_the_check(containment: Command, project: Path, name: str) -> None:
    (project / "stacks" / name).write_text(GOOD)

    assert containment("check").code == 2


def test_json_holds_line_field_and_mend_of_each_problem(
    containment: Command, project: Path
) -> None:
    spec(project, "inc-2026-0001")
    spec(project, "inc-2026-0002", GOOD + "    rung: close-trust\n")

    ran = containment("check", "--json")

    good, bad = ran.json["specs"]
    assert ran.code == 2
    assert good["ok"]
    assert good["incident"] == "inc-2026-0001"
    assert good["spec"]["targets"][0]["rung"] == "deny-all"
    assert bad == {
        "path": "stacks/inc-2026-0002.yaml",
        "ok": False,
        "problems": [
            {
                "line": 11,
                "field": "targets[0].rung",
                "what": "'close-trust' closes a trust policy, and a user has none",
                "expected": "key-only | session | deny-all for a user",
                "mend": "write 'rung: deny-all'",
            }
        ],
    }


def test_json_tells_a_missing_file_as_a_problem(containment: Command, project: Path) -> None:
    ran = containment("check", project / "gone.yaml", "--json")

    assert ran.code == 3
    assert ran.json["specs"][0]["problems"][0]["line"] is None


def test_a_review_that_is_overdue_is_pointed_out_and_no_error(
    containment: Command, project: Path
) -> None:
    spec(project, "inc-2026-0001", GOOD.replace("2999-11", "2026-02"))

    ran = containment("check")

    assert ran.code == 0
    assert "review_by 2026-02-25T09:00:00Z has passed" in ran.err
    assert containment("check", "--json").json["specs"][0]["review_overdue"]


def test_no_specs_at_all_is_said(containment: Command, project: Path) -> None:
    assert project.is_dir()

    assert containment("check").out == "no incident specs in stacks\n"


def test_check_finds_the_specs_from_any_folder_of_the_project(
    containment: Command, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec(project, "inc-2026-0042", GOOD)
    (project / "Pulumi.yaml").write_text("name: containment\n")
    (project / "docs" / "howto").mkdir(parents=True)
    monkeypatch.chdir(project / "docs" / "howto")

    ran = containment("check")

    assert ran.code == 0
    assert "ok: ../../stacks/inc-2026-0042.yaml" in ran.out


def test_outside_of_a_project_it_says_where_to_run(containment: Command, project: Path) -> None:
    (project / "stacks").rmdir()

    ran = containment("check")

    assert ran.code == 3
    assert "run this in the project's root" in ran.err

from __future__ import annotations

from pathlib import Path

import pytest

from containment.errors import NotFoundError, SpecError
from containment.run import project

pytestmark = pytest.mark.plain


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: containment\n")
    (tmp_path / "stacks").mkdir()
    return tmp_path


def test_the_project_is_found_from_any_folder_below_it(root: Path) -> None:
    assert project.find(root / "stacks").root == root


def test_another_project_is_not_ours(root: Path) -> None:
    (root / "Pulumi.yaml").write_text("name: website\n")

    with pytest.raises(NotFoundError, match="no containment project"):
        project.find(root)


@pytest.mark.parametrize(
    ("named", "incidents", "selected", "chosen"),
    [
        ("inc-b", ["inc-a", "inc-b"], "inc-a", "inc-b"),
        ("stacks/inc-b.yaml", ["inc-a"], None, "inc-b"),
        (None, ["inc-a"], None, "inc-a"),
        (None, ["inc-a", "inc-b"], "inc-b", "inc-b"),
        (None, [], "inc-a", "inc-a"),
    ],
)
def test_the_stack_is_the_one_named_or_the_only_one_or_the_one_selected(
    named: str | None, incidents: list[str], selected: str | None, chosen: str
) -> None:
    assert project.choose(named, incidents, selected) == chosen


def test_several_incidents_and_none_selected_are_listed() -> None:
    with pytest.raises(NotFoundError, match="inc-a, inc-b"):
        project.choose(None, ["inc-a", "inc-b"], "website")


def test_no_incident_at_all_says_how_to_write_one() -> None:
    with pytest.raises(NotFoundError, match="containment open"):
        project.choose(None, [], None)


def test_an_incident_may_have_any_name(root: Path) -> None:
    for name in ("inc-a.yaml", "red-team.yaml", "Pulumi.inc-a.yaml", "incident.schema.json"):
        (root / "stacks" / name).write_text("")

    assert project.Project(root).incidents == ["inc-a", "red-team"]


def test_the_stacks_configuration_names_role_and_region(root: Path) -> None:
    (root / "stacks" / "Pulumi.inc-a.yaml").write_text(
        "config:\n"
        "  containment:role: arn:aws:iam::{account}:role/Responder\n"
        "  containment:region: eu-central-1\n"
        "  aws:region: us-east-1\n"
    )

    assert project.Project(root).settings("inc-a") == {
        "role": "arn:aws:iam::{account}:role/Responder",
        "region": "eu-central-1",
    }
    assert project.Project(root).settings("inc-b") == {}


def test_a_configuration_that_is_no_yaml_is_one_error(root: Path) -> None:
    (root / "stacks" / "Pulumi.inc-a.yaml").write_text("config: [")

    with pytest.raises(SpecError, match="cannot be read"):
        project.Project(root).settings("inc-a")


def test_a_spec_that_is_not_there_lists_those_that_are(root: Path) -> None:
    (root / "stacks" / "inc-a.yaml").write_text("")

    with pytest.raises(NotFoundError, match="there are: inc-a"):
        project.Project(root).spec("inc-b")

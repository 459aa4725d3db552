"""A folder becomes a project that nothing but this program runs in, and nothing in it is lost."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from cli.extras import EXTRAS
from containment.engine import layout
from tests.cli.conftest import Command

pytestmark = pytest.mark.plain

ROOT = Path(__file__).parents[2]


def test_an_empty_folder_becomes_a_project(
    containment: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    ran = containment("init", "incidents", "--no-engine", "--json")

    folder = tmp_path / "incidents"
    assert ran.code == 0
    assert ran.json["kept"] == []
    assert sorted(ran.json["written"]) == sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and layout.TOOLS not in path.parts
    )
    layout.require_own(folder)
    monkeypatch.chdir(folder)
    assert containment("check").code == 0
    ignored = (folder / ".gitignore").read_text().splitlines()
    assert {"/.containment/", "/.pulumi/", "/ledger/", "/incidents/"} <= set(ignored)


def test_the_checkouts_own_files_are_those_that_init_writes() -> None:
    layout.require_own(ROOT)
    assert (ROOT / "Pulumi.yaml").read_text() == layout.project_file()


def test_what_is_there_stays_and_a_second_time_changes_nothing(
    containment: Command, project: Path
) -> None:
    (project / ".gitignore").write_text("/notes/")
    (project / "containment.yaml").write_text("state: s3://ours\n")
    assert containment("init", "--no-engine").code == 0
    backend = "backend: {url: 's3://ours'}\n"
    file = project / "Pulumi.yaml"
    file.write_text(file.read_text() + backend)
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}

    ran = containment("init", "--no-engine", "--json")

    assert ran.code == 0
    assert ran.json["written"] == []
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before
    assert (project / "containment.yaml").read_text() == "state: s3://ours\n"
    assert (project / ".gitignore").read_text().splitlines()[0] == "/notes/"


@pytest.mark.parametrize("name", ["Pulumi.yaml", "__main__.py"])
def test_files_that_are_not_ours_are_named_and_renewed_on_demand(
    containment: Command, project: Path, name: str
) -> None:
    containment("init", "--no-engine")
    with (project / name).open("a") as file:
        file.write("main: elsewhere\n")

    refused = containment("init", "--no-engine")
    renewed = containment("init", "--no-engine", "--renew")

    assert refused.code == 7
    assert name in refused.err
    assert "containment init --renew" in refused.err
    assert renewed.code == 0
    layout.require_own(project)


def test_another_project_is_left_alone(containment: Command, project: Path) -> None:
    (project / "Pulumi.yaml").write_text("name: website\nruntime: nodejs\n")

    ran = containment("init", "--no-engine", "--renew")

    assert ran.code == 7
    assert "holds another project" in ran.err
    assert (project / "Pulumi.yaml").read_text() == "name: website\nruntime: nodejs\n"


def test_nothing_is_written_through_a_link(
    containment: Command, project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "rc").write_text("precious")
    (project / "__main__.py").symlink_to(elsewhere / "rc")
    (project / layout.TOOLS).symlink_to(elsewhere)

    assert containment("init", "--no-engine", "--renew").code == 7

    assert (elsewhere / "rc").read_text() == "precious"
    assert sorted(path.name for path in elsewhere.iterdir()) == ["rc"]


def test_every_package_of_an_extra_is_known_by_its_modules() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    modules_of: dict[str, set[str]] = {}
    for module, distributions in packages_distributions().items():
        for distribution in distributions:
            modules_of.setdefault(distribution.lower(), set()).add(module)
    named = {module for modules in EXTRAS.values() for module in modules}
    for extra, requirements in declared["optional-dependencies"].items():
        assert extra in EXTRAS
        for requirement in requirements:
            distribution = re.split(r"[^A-Za-z0-9_.-]", requirement)[0].lower()
            modules = modules_of.get(distribution, {distribution})
            assert modules & named, requirement

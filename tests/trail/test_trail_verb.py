"""``containment trace``, as a responder types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result

from cli.trace import trace
from containment.errors import NotFoundError, SpecError
from containment.trail.outputs import document

pytestmark = pytest.mark.plain

SAMPLES = Path(__file__).parent / "samples"
TRUTH: dict[str, Any] = json.loads((SAMPLES / "truth" / "D01_stratus_user_data.json").read_text())
CAPTURE = SAMPLES / "stratus_red_team" / "aws.discovery.ec2-download-user-data.json"
ASKED = [TRUTH["seed_access_key_id"], "--since", TRUTH["leak_time"], "--no-index", "--workers", "1"]


def run(*arguments: str | Path, **more: Any) -> Result:
    return CliRunner().invoke(trace, [*ASKED, *map(str, arguments)], **more)


def test_the_summary_comes_first_and_the_tree_below_it() -> None:
    said = run("--logs", CAPTURE)

    assert said.exit_code == 0
    assert said.output.splitlines()[2] == (
        "  2 credentials came out of it, over 1 generations, of 1 principals"
    )
    assert "└─ ASIA74KS09ZFFBFV9E6K  key of 321848314756/role/" in said.output


def test_json_is_one_document_on_stdout_and_everything_else_goes_to_stderr(tmp_path: Path) -> None:
    said = run("--logs", CAPTURE, "--json", "--csv", tmp_path, "--html", tmp_path / "page.html")

    answer = json.loads(said.stdout)
    jsonschema.Draft202012Validator(document.schema()).validate(answer)
    assert answer["seed"] == TRUTH["seed_access_key_id"]
    assert {c["id"] for c in answer["credentials"]} == {d["id"] for d in TRUTH["derived"]}
    assert "wrote" in said.stderr
    assert (tmp_path / "credentials.csv").exists()
    assert (tmp_path / "page.html").exists()


def test_several_paths_may_follow_logs() -> None:
    other = SAMPLES / "stratus_red_team" / "aws.persistence.iam-backdoor-user.json"

    said = run("--json", "--logs", CAPTURE, other, "--logs", SAMPLES / "otrf_security_datasets")

    assert len(json.loads(said.stdout)["files"]) == 5


def test_an_inventory_gives_owners(tmp_path: Path) -> None:
    inventory = tmp_path / "owners.json"
    inventory.write_text(json.dumps({"i-0c140b58": "team-a"}))

    said = run("--json", "--logs", CAPTURE, "--inventory", inventory)

    owners = {r["id"]: r["owner"] for r in json.loads(said.stdout)["resources"]}
    assert owners["i-0c140b58"] == "team-a"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--logs", "/nowhere"], NotFoundError),
        (["--logs", str(CAPTURE), "--inventory", "/nowhere"], NotFoundError),
        (["--logs", str(CAPTURE), "--inventory", str(SAMPLES / "truth")], SpecError),
        (["--logs", str(CAPTURE), "--propose", "/nowhere.yaml"], NotFoundError),
    ],
)
def test_what_cannot_be_used_is_an_error_with_a_remedy(
    arguments: list[str], error: type[Exception]
) -> None:
    said = run(*arguments)

    assert isinstance(said.exception, error)

"""``containment trace``, as a responder types it."""

from __future__ import annotations

import json
import re
import runpy
import shlex
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result

from cli.verbs.trace import trace
from containment.errors import NotFoundError, SpecError
from containment.trail.outputs import document
from tests.support.trail_splunk import TOKEN, splunk_server
from tests.support.trail_story import twelve_generations

pytestmark = pytest.mark.plain

SAMPLES = Path(__file__).parent / "samples"
TRUTH: dict[str, Any] = json.loads((SAMPLES / "truth" / "D01_stratus_user_data.json").read_text())
CAPTURE = SAMPLES / "stratus_red_team" / "aws.discovery.ec2-download-user-data.json"
ASKED = [TRUTH["seed_access_key_id"], "--since", TRUTH["leak_time"], "--no-index", "--workers", "1"]


def run(*arguments: str | Path, **more: Any) -> Result:
    return CliRunner().invoke(trace, [*ASKED, *map(str, arguments)], **more)


def test_the_summary_comes_first_and_the_tree_below_it() -> None:
    result = run("--logs", CAPTURE)

    assert result.exit_code == 0
    assert result.output.splitlines()[2] == (
        "  2 credentials came out of it, over 1 generation, of 1 principal"
    )
    assert "└─ ASIA74KS09ZFFBFV9E6K  no calls seen  session of 321848314756/role/" in result.output


def test_json_is_one_document_on_stdout_and_everything_else_goes_to_stderr(tmp_path: Path) -> None:
    result = run("--logs", CAPTURE, "--json", "--csv", tmp_path, "--html", tmp_path / "page.html")

    answer = json.loads(result.stdout)
    jsonschema.Draft202012Validator(document.schema()).validate(answer)
    assert answer["seed"] == TRUTH["seed_access_key_id"]
    assert {c["id"] for c in answer["credentials"]} == {d["id"] for d in TRUTH["derived"]}
    assert "wrote" in result.stderr
    assert (tmp_path / "credentials.csv").exists()
    assert (tmp_path / "page.html").exists()


def test_several_paths_may_follow_logs() -> None:
    other = SAMPLES / "stratus_red_team" / "aws.persistence.iam-backdoor-user.json"

    result = run("--json", "--logs", CAPTURE, other, "--logs", SAMPLES / "otrf_security_datasets")

    assert len(json.loads(result.stdout)["files"]) == 5


def test_an_inventory_gives_owners(tmp_path: Path) -> None:
    inventory = tmp_path / "owners.json"
    inventory.write_text(json.dumps({"i-0c140b58": "team-a"}))

    result = run("--json", "--logs", CAPTURE, "--inventory", inventory)

    owners = {r["id"]: r["owner"] for r in json.loads(result.stdout)["resources"]}
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
    result = run(*arguments)

    assert isinstance(result.exception, error)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--engine", "splunk", "--logs", str(CAPTURE)], "neither files nor LookupEvents"),
        (["--engine", "splunk"], "needs a server"),
        (["--engine", "insights"], "needs a log group"),
        (["--engine", "splunk", "--server", "https://splunk.example.com:8089"], "no token"),
    ],
)
def test_a_service_without_its_settings_is_an_error_with_a_remedy(
    arguments: list[str], word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPLUNK_TOKEN", raising=False)

    result = ask("AKIAIOSFODNN7EXAMPLE", "--since", "2026-11-23T21:14:00Z", *arguments)

    assert isinstance(result.exception, SpecError)
    assert word in str(result.exception)


def test_splunk_is_asked_by_the_command_with_the_token_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene, _ = twelve_generations()
    with splunk_server() as server:
        server.events = [json.dumps(record) for record in scene.records]
        monkeypatch.setenv("SPLUNK_TOKEN", TOKEN)

        result = ask(scene.leaked, "--since", scene.since, "--engine", "splunk", "--server",
                   server.url, "--json")  # fmt: skip

    assert len(json.loads(result.stdout)["credentials"]) == 16
    assert TOKEN not in result.output


def ask(*arguments: str | Path) -> Result:
    return CliRunner().invoke(trace, list(map(str, arguments)), standalone_mode=False)


def test_a_key_without_a_record_is_no_good_news_and_has_an_exit_code_of_its_own() -> None:
    unknown = ["AKIANOBODYKNOWSTHIS0", "--since", TRUTH["leak_time"], "--logs", CAPTURE]

    result = ask(*unknown, "--no-index")
    as_json = ask(*unknown, "--no-index", "--json")

    assert (result.return_value, as_json.return_value) == (6, 6)
    assert result.output.splitlines()[1] == (
        f"  NOTHING WAS FOUND: no record of AKIANOBODYKNOWSTHIS0 since {TRUTH['leak_time']} in"
        " 1 file, 19 records, from 2024-07-31T19:52:31Z to 2024-07-31T19:52:38Z: that is no"
        " evidence of innocence"
    )
    assert "came out of it" not in result.output
    assert json.loads(as_json.stdout)["calls"] == []


def test_a_trace_that_finds_something_ends_with_0() -> None:
    assert ask(*ASKED, "--logs", CAPTURE).return_value == 0


@pytest.mark.parametrize(
    ("seed", "since", "words"),
    [
        (ASKED[0], None, "--since is missing"),
        (ASKED[0], "2024-07-31T19:52:31", "with the Z"),
        (ASKED[0], "2024-07-31T19:52:31+02:00", "with the Z"),
        (ASKED[0], "yesterday", "with the Z"),
        (ASKED[0].lower(), TRUTH["leak_time"], f"did you mean {ASKED[0]}?"),
        ("ci-deploy", TRUTH["leak_time"], "give an access key id"),
    ],
)
def test_what_cannot_be_followed_is_told_with_the_next_step(
    seed: str, since: str | None, words: str
) -> None:
    result = ask(seed, *(["--since", since] if since else []), "--logs", CAPTURE)

    assert isinstance(result.exception, SpecError)
    assert words in str(result.exception)


def test_a_secret_given_in_place_of_its_id_is_not_repeated() -> None:
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

    result = ask(secret, "--since", TRUTH["leak_time"], "--logs", CAPTURE)

    assert isinstance(result.exception, SpecError)
    assert secret not in str(result.exception) + result.output
    assert "count that secret as leaked" in str(result.exception)


def test_t0_is_the_specs_where_a_spec_is_given(tmp_path: Path) -> None:
    spec = tmp_path / "inc-2024-0001.yaml"
    account = TRUTH["derived"][0]["for_principal"].split(":")[4]
    spec.write_text(
        f"""\
incident: inc-2024-0001
title: a key in a public repository
compromised_at: {TRUTH["leak_time"]}
compromised_at_source: an alert
disposition: suspected
severity: high
cause: exposed-in-source
owner: security-oncall@example.com
review_by: 2036-11-25T09:00:00Z
targets:
  - user: arn:aws:iam::{account}:user/christophe
    leaked: [{ASKED[0]}]
""",
        "utf-8",
    )

    result = ask(ASKED[0], "--logs", CAPTURE, "--no-index", "--propose", spec)

    assert result.return_value == 0
    assert result.output.startswith(f"{ASKED[0]} since {TRUTH['leak_time']}")
    assert "revoke-sessions" in spec.read_text("utf-8")


def test_whoever_asks_aws_for_the_logs_is_never_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = TRUTH["derived"][0]["for_principal"].split(":")[4]
    role = TRUTH["derived"][0]["for_principal"].split("/")[1]
    spec = tmp_path / "inc-2024-0001.yaml"
    spec.write_text(f"targets:\n  - user: arn:aws:iam::{account}:user/christophe\n", "utf-8")
    me = f"arn:aws:sts::{account}:assumed-role/{role}/me"
    monkeypatch.setattr("containment.aws.trail_source.caller_arn", lambda: me)
    monkeypatch.setattr("containment.aws.trail_source.cloudtrail_clients", dict)

    result = ask(*ASKED, "--live", "--logs", CAPTURE, "--index", tmp_path, "--propose", spec)

    assert "NEVER PROPOSED" in result.output, result.exception
    assert role not in spec.read_text("utf-8")


DOCS = Path(__file__).parents[2] / "docs" / "trace.md"
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)
# Those that need nothing but the captures of this repository.
SHOWN = [
    (kind, block) for kind, block in BLOCK.findall(DOCS.read_text("utf-8")) if "/samples" in block
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder like the repository's, which the examples may write to."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "tests").symlink_to(DOCS.parents[1] / "tests")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("block", [block for kind, block in SHOWN if kind == "python"])
def test_the_documentations_python_finds_what_the_command_finds(
    block: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "example.py").write_text(block, "utf-8")

    runpy.run_path(str(tmp_path / "example.py"))

    assert capsys.readouterr().out.splitlines() == [
        f"1 {item['id']} {item['tier']} {item['event_count']}"
        for item in sorted(TRUTH["derived"], key=lambda item: item["id"])
    ]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("block", [block for kind, block in SHOWN if kind == "console"])
def test_the_documentation_shows_what_the_command_says(
    block: str,
) -> None:
    command, *shown = block.splitlines()

    result = ask(*shlex.split(command.removeprefix("$ containment trace ")))

    rest = iter(result.output.splitlines())
    for line in shown:
        assert line.strip() == "…" or line in rest, (line, result.output, result.exception)

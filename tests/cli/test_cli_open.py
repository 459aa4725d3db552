"""``containment open`` and ``containment resolve`` against the emulated company."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from containment.lab.scenario.world import Credentials
from containment.lab.testing import Lab
from containment.spec import load
from tests.cli.conftest import Command
from tests.support import signal_forms

pytestmark = pytest.mark.lab

SignIn = Callable[[Credentials], None]


@pytest.fixture(autouse=True)
def signed_in(sign_in: SignIn, project: Path) -> None:
    del sign_in, project


def test_open_writes_a_spec_and_says_what_to_run_next(containment: Command, lab: Lab) -> None:
    ran = containment("open", lab.world.leaked.access_key_id)

    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0].startswith("EMULATED")
    path = Path(lines[1].removeprefix("wrote "))
    spec = load(path)
    assert spec.targets[0].user == lab.world.ci_user
    assert lab.world.ci_user in ran.out
    assert "leaked key" in ran.out
    assert lines[-3:] == [
        f"  git add {path}",
        f"  containment preview {spec.incident}",
        f"  containment up {spec.incident}",
    ]
    assert "note: T0 is the earliest possible" in ran.err


def test_the_responder_role_is_enough_to_open_and_resolve(
    containment: Command, lab: Lab, sign_in: SignIn
) -> None:
    sign_in(lab.world.responder)

    assert containment("open", lab.world.leaked.access_key_id).code == 0
    assert containment("open", lab.world.deploy_role).code == 0
    assert containment("resolve", lab.world.release_inactive_key_id).code == 0


def test_what_open_writes_passes_check(containment: Command, lab: Lab) -> None:
    assert containment("open", lab.world.leaked.access_key_id).code == 0
    assert containment("open", lab.world.deploy_role).code == 0

    ran = containment("check", "--json")

    assert ran.code == 0
    assert len(ran.json["specs"]) == 2


def test_open_with_json_prints_one_document(containment: Command, lab: Lab) -> None:
    ran = containment("open", lab.world.release_user, "--incident", "case-7", "--json")

    assert ran.json["path"] == "stacks/case-7.yaml"
    assert ran.json["written"]
    assert ran.json["principal"] == lab.world.release_user
    assert ran.json["spec"]["incident"] == "case-7"
    assert ran.json["text"] == Path("stacks/case-7.yaml").read_text()
    assert ran.json["next"][-1] == "containment up case-7"


def test_a_dry_run_prints_the_spec_and_writes_nothing(containment: Command, lab: Lab) -> None:
    ran = containment("open", lab.world.deploy_role, "--dry-run", "--since", "2026-01-02T03:04:05Z")

    text = ran.out.partition("\n")[2]
    assert text.startswith("# yaml-language-server: $schema=incident.schema.json\n")
    assert YAML(typ="safe").load(text)["targets"][0]["role"] == lab.world.deploy_role
    assert list(Path("stacks").iterdir()) == []


def test_choices_are_taken(containment: Command, lab: Lab) -> None:
    choices = {
        "--since": "2026-01-02T03:04:05Z",
        "--source": "ticket 7",
        "--title": 'It\'s: "hard" # to quote',
        "--owner": "alice",
        "--disposition": "confirmed",
        "--severity": "low",
        "--cause": "phishing",
        "--break-glass": lab.world.break_glass_role,
        "--incident": "case-7",
    }

    ran = containment("open", lab.world.deploy_role, *(x for pair in choices.items() for x in pair))

    spec = load(Path("stacks/case-7.yaml"))
    assert ran.code == 0
    assert spec.title == 'It\'s: "hard" # to quote'
    assert (spec.disposition, spec.severity, spec.cause) == ("confirmed", "low", "phishing")
    assert spec.break_glass == (lab.world.break_glass_role,)


def test_a_word_that_does_not_exist_is_a_usage_error(containment: Command, lab: Lab) -> None:
    ran = containment("open", lab.world.deploy_role, "--disposition", "maybe")

    assert ran.code == 2
    assert "false-positive" in ran.err


def test_a_spec_that_is_there_is_not_overwritten(containment: Command, lab: Lab) -> None:
    Path("stacks/case-7.yaml").write_text("mine")

    ran = containment("open", lab.world.deploy_role, "--incident", "case-7")

    assert ran.code == 5
    assert Path("stacks/case-7.yaml").read_text() == "mine"


def test_nothing_in_aws_is_changed(containment: Command, lab: Lab) -> None:
    before = lab.status()["mutations"]["total"]

    containment("open", lab.world.leaked.access_key_id)
    containment("resolve", lab.world.deploy_role)

    assert lab.status()["mutations"]["total"] == before


@pytest.mark.parametrize("verb", ["open", "resolve"])
def test_a_key_of_another_account_is_refused(containment: Command, lab: Lab, verb: str) -> None:
    ran = containment(verb, lab.world.management_admin.access_key_id)

    assert ran.code == 3
    assert f"belongs to account {lab.world.management_account}" in ran.err


@pytest.mark.parametrize("verb", ["open", "resolve"])
def test_an_unknown_key_is_refused(containment: Command, verb: str) -> None:
    ran = containment(verb, "AKIAIOSFODNN7EXAMPLE")

    assert ran.code in (3, 8)
    assert "AKIAIOSFODNN7EXAMPLE" in ran.err


@pytest.mark.parametrize("verb", ["open", "resolve"])
def test_without_credentials_it_says_how_to_set_them(
    containment: Command, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    ran = containment(verb, "AKIAIOSFODNN7EXAMPLE")

    assert ran.code == 8
    assert "no AWS credentials were found" in ran.err


@pytest.mark.parametrize("verb", ["open", "resolve"])
def test_with_no_lab_at_the_endpoint_it_says_how_to_start_one(
    containment: Command, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    ran = containment(verb, "AKIAIOSFODNN7EXAMPLE")

    assert ran.code == 9
    assert "containment lab start" in ran.err


def test_without_permission_it_names_the_permission(
    containment: Command, lab: Lab, sign_in: SignIn
) -> None:
    sign_in(lab.world.leaked)

    ran = containment("open", lab.world.leaked.access_key_id)

    assert ran.code == 8
    assert "iam:GetAccessKeyLastUsed" in ran.err


@pytest.mark.parametrize("verb", ["open", "resolve"])
def test_a_profile_that_does_not_exist_is_one_line(
    containment: Command, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")

    ran = containment(verb, "AKIAIOSFODNN7EXAMPLE")

    assert ran.code in (8, 9)
    assert "nobody" in ran.err
    assert "bug" not in ran.err


def test_resolve_prints_principal_keys_and_the_lines_to_pin(containment: Command, lab: Lab) -> None:
    ran = containment("resolve", lab.world.release_key.access_key_id)

    assert ran.code == 0
    for expected in (
        lab.world.release_user,
        lab.world.account,
        "AIDA",
        f"{lab.world.release_inactive_key_id}  Inactive",
        f"leaked key  {lab.world.release_key.access_key_id}  Active",
        f"  - user: {lab.world.release_user}\n    leaked: [",
        f"    leaked: [{lab.world.release_key.access_key_id}]\n    rung: deny-all",
    ):
        assert expected in ran.out


def test_resolve_with_json_prints_one_document(containment: Command, lab: Lab) -> None:
    document = containment("resolve", lab.world.release_key.access_key_id, "--json").json

    assert document["principal"] == lab.world.release_user
    assert document["kind"] == "user"
    assert document["target"] == {
        "user": lab.world.release_user,
        "leaked": [lab.world.release_key.access_key_id],
        "rung": "deny-all",
    }
    assert {key["status"] for key in document["access_keys"]} == {"Active", "Inactive"}


def test_no_secret_is_in_any_output_or_file(containment: Command, lab: Lab) -> None:
    output = ""
    for arguments in (
        ("open", lab.world.leaked.access_key_id, "--json"),
        ("open", lab.world.leaked.secret_access_key),
        ("resolve", lab.world.release_key.access_key_id),
        ("resolve", lab.world.leaked.secret_access_key),
        ("--debug", "open", lab.world.leaked.secret_access_key, "--json"),
    ):
        ran = containment(*arguments)
        output += ran.out + ran.err
    output += "".join(path.read_text() for path in Path("stacks").iterdir())

    assert lab.world.leaked.access_key_id in output
    assert [secret for secret in lab.world.secrets() if secret in output] == []
    assert json.dumps(output).isascii()


def test_open_takes_many_keys_from_a_file_and_keeps_no_secret(
    containment: Command, lab: Lab, tmp_path: Path
) -> None:
    secret = lab.world.leaked.secret_access_key
    file = tmp_path / "leaks.csv"
    rows = ["id,secret", f"{lab.world.leaked.access_key_id},{secret}", f"x,{secret}"]
    file.write_text("\n".join(rows), encoding="utf-8")

    ran = containment("open", str(file))

    assert ran.code == 0
    assert "users" in ran.out
    assert "not read: line 3: no access key id" in ran.err
    path = Path(next(line for line in ran.out.splitlines() if line.startswith("wrote "))[6:])
    assert load(path).targets[0].user == lab.world.ci_user
    assert secret not in ran.out + ran.err + path.read_text(encoding="utf-8")


def test_open_of_many_keys_is_one_document_as_json(containment: Command, lab: Lab) -> None:
    keys = (lab.world.leaked.access_key_id, "AKIAI44QH8DHBEXAMPLE")

    ran = containment("open", *keys, "--dry-run", "--json")

    document = json.loads(ran.out)
    assert ran.code == 0
    assert [item["key"] for item in document["left_out"]] == ["AKIAI44QH8DHBEXAMPLE"]
    assert document["spec"]["targets"][0]["leaked"] == [keys[0]]


@pytest.mark.parametrize("form", ["health", "asff", "cloudtrail", "trace"])
def test_any_signal_that_names_one_user_opens_an_incident_and_is_on_its_record(
    containment: Command, lab: Lab, project: Path, form: str
) -> None:
    assert containment("init", "--no-engine").code == 0
    key = lab.world.leaked.access_key_id
    text = json.dumps(getattr(signal_forms, form)()).replace(signal_forms.KEY, key)
    (project / "signal.json").write_text(text.replace(signal_forms.UNIQUE, ""))

    ran = containment("open", "signal.json", "--incident", "case-7", "--json")

    assert ran.code == 0, ran.err
    assert ran.json["leaked"] == [key]
    # When a report saw it first is no T0: an earlier one only finds more.
    assert "creation of access key" in ran.json["spec"]["compromised_at_source"]
    (entry,) = containment("note", "--incident", "case-7", "--json").json["entries"]
    assert (entry["kind"], entry["subject"]["key_id"]) == ("signal", key)
    again = containment("signal", "add", "signal.json", "--incident", "case-7", "--json")
    assert [one["is_new"] for one in again.json["signals"]] == [False]


def test_a_signal_that_names_nobody_or_several_opens_nothing(
    containment: Command, project: Path
) -> None:
    events = signal_forms.cloudtrail()
    events["Records"][0]["userIdentity"]["accessKeyId"] = "AKIAI44QH8DHBEXAMPLE"
    for document, why in (
        (signal_forms.alarm(), "reports a leak and names nobody"),
        (events, "names 2, and an incident begins with one"),
    ):
        (project / "signal.json").write_text(json.dumps(document))
        ran = containment("open", "signal.json")
        assert (ran.code, why in ran.err) == (2, True), ran.err
    assert list((project / "stacks").iterdir()) == []


def test_an_incident_is_opened_where_its_record_was_changed(
    containment: Command, lab: Lab, project: Path
) -> None:
    assert containment("init", "--no-engine").code == 0
    place = project / "incidents" / "case-7"
    place.mkdir(parents=True)
    (place / "record.heads").write_text(f"3 {'a' * 64}\n")
    (project / "keys.txt").write_text(lab.world.leaked.access_key_id)

    ran = containment("open", "keys.txt", "--incident", "case-7")

    assert ran.code == 0
    assert (project / "stacks" / "case-7.yaml").exists()
    assert "nothing is on the record" in ran.err

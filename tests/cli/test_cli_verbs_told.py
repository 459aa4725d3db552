"""The verbs over a fake engine: what they ask it, what they say, and every way it can say no."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from containment.aws import state_bucket
from containment.engine import versions
from containment.errors import NotContainedError, NotFoundError, UnavailableError
from containment.messages import MadeChange
from tests.cli.conftest import GOOD, Command
from tests.support.fake_engine import (
    ROLE,
    STACK,
    USER,
    FakeEngine,
    deny,
    diagnostic,
    raised,
    snapshot,
    summary,
)

pytestmark = pytest.mark.lab

DENY = deny(USER)["urn"]
SNAPSHOT = snapshot(USER)["urn"]
LOCKED = (
    "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to"
    " end or delete the lock file with `pulumi cancel`.\n"
)


def test_up_ends_with_what_was_done_what_stays_open_and_the_way_back(
    containment: Command, engine: FakeEngine
) -> None:
    engine.exports(snapshot(USER), deny(USER), snapshot(ROLE), deny(ROLE))
    ran = containment("up", STACK)

    assert ran.code == 0
    assert ran.out.startswith("EMULATED")
    assert "applied, not verified" in ran.out
    assert "account     111122223333" in ran.out
    assert "caller      arn:aws:iam::111122223333:user/admin/arranger" in ran.out
    assert "T 2026-11-24T12:00:00Z" in ran.out
    assert "stays open  DenyPolicy: whoever may write IAM" in ran.out
    assert f"verify      containment verify {STACK}" in ran.out
    assert f"undo        containment lift {STACK}" in ran.out


def test_up_shows_what_was_written_as_a_diff(containment: Command, engine: FakeEngine) -> None:
    engine.exports(snapshot(USER), deny(USER))
    document = '{"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}'
    key = "access key AKIAIOSFODNN7EXAMPLE"
    made = [
        MadeChange(USER, "inline policy containment-inc-2026-0042", None, document),
        MadeChange(USER, "tag containment:inc-2026-0042", None, "claimed"),
        MadeChange(USER, key, "Active", "Inactive"),
    ]
    engine.answer("up", events=[summary(create=3)], changes=made)
    ran = containment("up", STACK)

    written, _, after = ran.out.partition("applied, not verified")
    assert f"written on {USER}" in written
    assert "  + inline policy containment-inc-2026-0042" in written
    assert '      +       "Effect": "Deny",' in written
    assert f"  ~ {key}  Active -> Inactive" in written
    assert "claimed" not in ran.out
    assert "undo" in after
    rows = containment("up", "--json").json["written"][USER]
    assert [(row["sign"], row["subject"]) for row in rows] == [
        ("+", made[0].subject),
        ("~", key),
    ]


@pytest.mark.parametrize("arguments", [["up"], ["up", "--json"], ["lift", "--yes"], ["preview"]])
def test_nothing_but_a_later_look_claims_that_a_principal_is_held(
    containment: Command, engine: FakeEngine, arguments: list[str]
) -> None:
    engine.exports(snapshot(USER), deny(USER))
    engine.answer("preview", events=[summary(preview=True)])
    ran = containment(*arguments)

    assert ran.code == 0
    words = (ran.out + ran.err).replace("containment", "").split()
    assert not any(word.strip('",:').lower() == "contained" for word in words)


def test_up_creates_the_stack_that_is_missing(containment: Command, engine: FakeEngine) -> None:
    engine.answer("stack ls", out="[]")

    assert containment("up").code == 0
    assert ["stack", "init", STACK, "--non-interactive"] in engine.asked


def test_up_leaves_a_stack_that_is_there(containment: Command, engine: FakeEngine) -> None:
    assert containment("up").code == 0
    assert not [asked for asked in engine.asked if asked[:2] == ["stack", "init"]]


def test_in_a_pipe_the_engine_is_told_not_to_ask(containment: Command, engine: FakeEngine) -> None:
    containment("up")
    asked = engine.ran("up")

    assert asked is not None
    assert {"--yes", "--non-interactive", "--color=never"} <= set(asked)


def test_json_is_one_document_and_the_engines_lines_are_elsewhere(
    containment: Command, engine: FakeEngine
) -> None:
    engine.exports(snapshot(ROLE), deny(ROLE))
    ran = containment("up", "--json")

    assert ran.json["result"] == "applied, not verified"
    assert ran.json["verified"] is False
    assert ran.json["principals"][0]["issued_before"] == "2026-11-24T12:00:00Z"
    assert ran.json["changes"] == {"create": 3}
    assert "Updating" not in ran.err


def test_the_engines_lines_are_shown_where_asked_for_and_kept_where_a_run_fails(
    containment: Command, engine: FakeEngine
) -> None:
    assert "Updating" in containment("up", "--verbose").err

    engine.answer("up", out="Updating\n", err="error: no\n", code=1)
    ran = containment("up")
    named = re.search(r"the engine's own output is in (\S+)", ran.err)

    assert named is not None
    assert "Updating" not in ran.err
    log = Path(named[1])
    assert log.read_text() == "Updating\n"
    assert log.stat().st_mode & 0o077 == 0
    log.unlink()


def test_a_failing_up_is_one_document_too_and_keeps_its_exit_code(
    containment: Command, engine: FakeEngine
) -> None:
    engine.exports(snapshot(USER))
    error = UnavailableError("no answer (time-out)", remedy="try again")
    engine.answer("up", code=1, messages=[raised(error, urn=DENY)])
    ran = containment("up", "--json")

    assert ran.code == ran.json["error"]["exit_code"] == 9
    assert ran.json["result"] == "not as declared"


def test_several_failures_are_told_with_their_resources(
    containment: Command, engine: FakeEngine
) -> None:
    engine.exports(snapshot(USER), deny(USER))
    full = NotContainedError("no room", remedy="free some")
    failure = NotFoundError("gone", remedy="look")
    messages = [raised(full, urn=DENY), raised(failure, urn=deny(ROLE)["urn"])]
    engine.answer("up", code=1, messages=messages, events=[diagnostic("update failed")])
    ran = containment("up")

    assert ran.code == 4
    assert "not as declared" in ran.out
    assert "DenyPolicy 111122223333/user/ci-deploy: no room" in ran.err
    assert "DenyPolicy 111122223333/role/deploy: gone" in ran.err
    assert "update failed" not in ran.err


@pytest.mark.parametrize("verb", ["up", "preview", "lift --yes"])
def test_an_engine_that_does_not_get_to_work_has_one_error(
    containment: Command, engine: FakeEngine, verb: str
) -> None:
    for command in ("up", "preview", "destroy"):
        engine.answer(command, code=1, err="error: get stack secrets: incorrect passphrase\n")
    ran = containment(*verb.split())

    assert ran.code == 8
    assert "PULUMI_CONFIG_PASSPHRASE" in ran.err
    assert ran.err.count("error:") == 1


def dead() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def locked(host: str) -> str:
    """Return the lock of a run on *host* whose process is gone from this machine."""
    lock_document = {
        "pid": dead(),
        "username": "bob",
        "hostname": host,
        "timestamp": "2026-11-24T11:00:00Z",
    }
    return json.dumps(lock_document)


def lock_in(engine: FakeEngine, host: str) -> Path:
    """Have the engine find its state, which is in files, locked by a run on *host*."""
    folder = engine.project / "state" / ".pulumi" / "locks" / "organization" / "containment" / STACK
    folder.mkdir(parents=True)
    (folder / "1.json").write_text(locked(host))
    engine.answer("up", code=1, err=LOCKED)
    return folder / "1.json"


def test_the_lock_of_a_dead_run_here_is_taken_away_and_said(
    containment: Command, engine: FakeEngine
) -> None:
    lock = lock_in(engine, socket.gethostname())
    ran = containment("up")

    assert f"taking away the lock of a run that was cut off (bob@{socket.gethostname()}" in ran.err
    assert not lock.exists()
    assert [asked[0] for asked in engine.asked].count("up") == 2
    assert engine.ran("cancel") is None  # it would take another's lock as well


def test_in_a_bucket_the_engine_takes_the_lock_of_a_dead_run_away(
    containment: Command, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock_texts = [("1.json", locked(socket.gethostname()))]
    monkeypatch.setattr(state_bucket, "texts", lambda _address, _folder: iter(lock_texts))
    engine.answer("whoami", out=json.dumps({"url": "s3://bucket"}))
    engine.answer("up", code=1, err=LOCKED)
    engine.answer("cancel")
    containment("up")

    assert engine.ran("cancel") == ["cancel", "--yes", "--stack", STACK, "--non-interactive"]


def test_the_lock_of_another_machine_stays_and_names_its_owner(
    containment: Command, engine: FakeEngine
) -> None:
    lock = lock_in(engine, "elsewhere")
    ran = containment("up")

    assert ran.code == 7
    assert "ask bob" in ran.err
    assert lock.exists()
    assert engine.ran("cancel") is None


def test_up_has_the_engine_forget_what_it_has_repeated(
    containment: Command, engine: FakeEngine
) -> None:
    pending = [{"type": "creating", "resource": deny(USER)}]
    engine.exports(snapshot(USER), deny(USER), pending=pending)
    engine.answer("refresh")
    ran = containment("up")

    assert ran.code == 0
    assert "settled: the interrupted creating of DenyPolicy 111122223333/user/ci-deploy" in ran.err
    assert "--clear-pending-creates" in (engine.ran("refresh") or [])


def test_a_run_that_failed_leaves_the_pending_create_to_be_seen(
    containment: Command, engine: FakeEngine
) -> None:
    pending = [{"type": "creating", "resource": deny(USER)}]
    engine.exports(snapshot(USER), pending=pending)
    error = UnavailableError("no answer (time-out)", remedy="try again")
    engine.answer("up", code=1, messages=[raised(error, urn=DENY)])

    assert containment("up").code == 9
    assert engine.ran("refresh") is None


def test_warnings_of_the_engine_are_shown_and_are_no_errors(
    containment: Command, engine: FakeEngine
) -> None:
    engine.answer("up", err="warning: the state goes to a file\n", events=[summary()])
    ran = containment("up")

    assert ran.code == 0
    assert "warning: the state goes to a file" in ran.err


@pytest.mark.parametrize("verb", ["up", "preview", "status", "lift"])
def test_missing_credentials_are_told_before_the_engine_starts(
    containment: Command, engine: FakeEngine, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    ran = containment(verb)

    assert ran.code == 8
    assert "no AWS credentials were found" in ran.err
    assert engine.ran("up") is None


@pytest.mark.parametrize("verb", ["up", "preview", "status", "lift", "sweep"])
def test_a_lab_that_is_not_running_is_told_before_the_engine_starts(
    containment: Command, engine: FakeEngine, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    ran = containment(verb)

    assert ran.code == 9
    assert "containment lab start" in ran.err
    assert engine.ran("up") is None


@pytest.mark.parametrize("verb", ["up", "preview", "status", "lift", "adopt x"])
def test_without_the_engine_every_verb_says_how_to_get_it(
    containment: Command, engine: FakeEngine, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.program.unlink()
    monkeypatch.setenv("XDG_CACHE_HOME", str(engine.project / "cache"))
    monkeypatch.setattr(versions, "_NOTE", engine.project / "note")
    ran = containment(*verb.split())

    assert ran.code == 9
    assert ran.err.splitlines()[-1].endswith("or 'containment init'")


def test_outside_a_project_there_is_nothing_to_apply(
    containment: Command, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))

    assert containment("up").code == 3


def test_a_wrong_spec_is_told_before_anything_runs(
    containment: Command, engine: FakeEngine
) -> None:
    (engine.project / "stacks" / f"{STACK}.yaml").write_text(GOOD + "colour: red\n")
    ran = containment("up")

    assert ran.code == 2
    assert engine.asked == []


@pytest.mark.usefixtures("engine")
def test_a_stack_without_a_spec_lists_the_specs(containment: Command) -> None:
    ran = containment("up", "inc-2026-0043")

    assert ran.code == 3
    assert f"there are: {STACK}" in ran.err


def test_several_specs_and_none_selected_are_listed(
    containment: Command, engine: FakeEngine
) -> None:
    (engine.project / "stacks" / "inc-2026-0043.yaml").write_text(GOOD)
    engine.answer("stack ls", out="[]")
    ran = containment("up")

    assert ran.code == 3
    assert f"{STACK}, inc-2026-0043" in ran.err


def test_the_responders_policy_is_made_of_what_is_called(containment: Command) -> None:
    ran = containment("responder-policy", "contain", "--account", "111122223333", "--json")
    allowed = {name for item in ran.json["Statement"] for name in item["Action"]}

    assert ran.code == 0
    assert {"iam:PutUserPolicy", "iam:GetAccountAuthorizationDetails"} <= allowed
    assert not any(name.endswith("*") for name in allowed)


def test_an_account_that_is_none_is_refused(containment: Command) -> None:
    assert containment("responder-policy", "lift", "--account", "1234").code == 2
    assert containment("responder-policy", "--account", "111122223333").code == 2

"""``containment review`` in a checkout, against the lab: what it prints, writes and ends with."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cli.main import run
from containment.aws.resolve import resolve_access_key
from containment.clock import isoformat, utc_now
from containment.engine import layout
from containment.lab.testing import Lab
from containment.review import schema
from containment.run import direct
from tests.review.test_revisions import Checkout
from tests.support.project import STACK, spec

pytestmark = pytest.mark.lab

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path / "checkout", tmp_path / "checkout" / "security")
    (made.project / "stacks").mkdir(parents=True)
    layout.lay_out(made.project)
    made.git("init", "-q", "-b", "main")
    made.write(".gitignore", ".containment\n")
    made.commit("base")
    made.git("checkout", "-q", "-b", "change")
    return made


@pytest.fixture
def containment(
    checkout: Checkout,
    direct_lab: Lab,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Command:
    for name, value in direct_lab.world.responder.env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", direct_lab.endpoint)
    (tmp_path / "state").mkdir()
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path / 'state'}")
    monkeypatch.chdir(checkout.project)

    def command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(["review", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


def test_a_change_is_judged_and_written_in_every_form(
    checkout: Checkout, containment: Command, lab: Lab, tmp_path: Path
) -> None:
    checkout.write(f"stacks/{STACK}.yaml", current(f"role: {lab.world.deploy_role}"))
    checkout.commit("contain")
    before = lab.status()["mutations"]
    comment = tmp_path / "comment.md"

    code, out, _ = containment(
        "--base", "main", "--head", "change", "--json", "--comment", str(comment)
    )
    document = json.loads(out)

    Draft202012Validator(schema()).validate(document)
    assert code == document["exit_code"] == 0
    (incident,) = document["incidents"]
    assert [item["verb"] for item in incident["diff"]["principals"]] == ["contain"]
    assert comment.read_text().startswith("<!-- containment review -->\n")
    for form, start in (("markdown", "<!-- "), ("html", "<!doctype html>")):
        code, out, _ = containment(STACK, "--base", "main", "--format", form)
        assert (code, out.startswith(start)) == (0, True)
    code, out, _ = containment(STACK)
    assert code == 0
    assert out.endswith(
        "nothing stands against it: 1 to contain, 1 not to be undone\nnothing has been changed\n"
    )
    assert lab.status()["mutations"] == before


def test_the_profile_of_the_change_does_not_count(
    checkout: Checkout, containment: Command, lab: Lab
) -> None:
    checkout.git("checkout", "-q", "main")
    checkout.write("containment.yaml", f"break_glass: ['{lab.world.deploy_role}']\n")
    checkout.commit("profile")
    checkout.git("checkout", "-q", "-b", "attack")
    checkout.write("containment.yaml", "break_glass: []\n")
    checkout.write(f"stacks/{STACK}.yaml", current(f"role: {lab.world.deploy_role}"))
    checkout.commit("attack")

    code, out, _ = containment("--base", "main", "--head", "attack")

    assert code == 7
    assert "specs-alone" in out
    assert f"{lab.world.deploy_role} is a break-glass principal by containment.yaml" in out
    assert "  security/containment.yaml\n" in out


def test_ten_thousand_targets_are_refused_before_anybody_is_looked_at(
    checkout: Checkout, containment: Command
) -> None:
    targets = (f"role: arn:aws:iam::111122223333:role/r{number}" for number in range(10_000))
    checkout.write(f"stacks/{STACK}.yaml", current(*targets))
    some = (f"role: arn:aws:iam::111122223333:role/r{number}" for number in range(60))
    other = current(*some, extra="limits: {principals: 60}\n").replace(STACK, "inc-some")
    checkout.write("stacks/inc-some.yaml", other)
    checkout.commit("many")

    code, out, _ = containment("--base", "main", "--head", "change", "--json")
    document = json.loads(out)

    assert code == document["exit_code"] == 2
    assert {one["rule"] for one in document["findings"]} == {"limits"}
    some_read = next(one for one in document["incidents"] if one["incident"] == "inc-some")
    assert all(item["unread"] for item in some_read["diff"]["principals"])


def test_access_keys_count_as_the_principals_that_they_stand_for(
    checkout: Checkout, containment: Command
) -> None:
    keys = (f"access_key: AKIAIOSFODNN7{number:07}" for number in range(60))
    checkout.write(f"stacks/{STACK}.yaml", current(*keys, extra="limits: {principals: 60}\n"))
    checkout.commit("many")

    code, out, _ = containment("--base", "main", "--head", "change", "--json")
    document = json.loads(out)

    assert code == document["exit_code"] == 7
    (limits,) = document["findings"]
    assert (limits["rule"], limits["what"]) == (
        "limits",
        "60 principals are more than the 50 of one change",
    )


def test_whose_a_key_is_is_asked_once(
    checkout: Checkout, containment: Command, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    iam = lab.client("iam", lab.world.admin)
    key = iam.list_access_keys(UserName="release-bot")["AccessKeyMetadata"][0]
    asked: list[str] = []

    def counted(iam: Any, sts: Any, key_id: str) -> Any:
        asked.append(key_id)
        return resolve_access_key(iam, sts, key_id)

    monkeypatch.setattr(direct, "resolve_access_key", counted)
    checkout.write(f"stacks/{STACK}.yaml", current(f"access_key: {key['AccessKeyId']}"))
    checkout.commit("contain")

    code, out, _ = containment("--base", "main", "--head", "change", "--json")

    assert (code, asked) == (0, [key["AccessKeyId"]]), out
    (incident,) = json.loads(out)["incidents"]
    assert [item["principal"] for item in incident["diff"]["principals"]] == [
        lab.world.release_user
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "nothing to review"),
        (("--head", "main"), 2, "--head needs --base"),
        (("--base", "--upload-pack=x"), 2, "no revision"),
        (("--base", "nowhere"), 3, "no commit 'nowhere'"),
        (("inc-none",), 3, "no spec stacks/inc-none.yaml"),
    ],
)
def test_what_cannot_be_reviewed_is_one_clear_error(
    containment: Command, arguments: tuple[str, ...], code: int, words: str
) -> None:
    ended, _, err = containment(*arguments)

    assert ended == code
    assert words in err
    assert err.count("\n") == 1


def current(*targets: str, extra: str = "") -> str:
    """Return a spec whose review date never passes."""
    text = spec(*targets, extra=extra)
    return text.replace("2026-12-24T09:00:00Z", "2999-12-24T09:00:00Z")


def test_a_review_says_what_the_change_would_have_refused(
    checkout: Checkout,
    containment: Command,
    lab: Lab,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    role = lab.world.deploy_role
    details = lab.client("iam", lab.world.admin).get_role(RoleName="deploy")["Role"]
    issued = isoformat(utc_now() - timedelta(minutes=20))
    record = {
        "eventName": "ListBuckets",
        "eventTime": issued,
        "eventSource": "s3.amazonaws.com",
        "awsRegion": "us-east-1",
        "eventID": "id-1",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": f"{details['RoleId']}:@org/team|`x",
            "arn": f"arn:aws:sts::{lab.world.account}:assumed-role/deploy/@org/team|`x",
            "accountId": lab.world.account,
            "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
            "sessionContext": {
                "sessionIssuer": {"arn": role, "principalId": details["RoleId"]},
                "attributes": {"creationDate": issued},
            },
        },
    }
    log = tmp_path / "log.json"
    log.write_text(json.dumps({"Records": [record]}))
    checkout.write(f"stacks/{STACK}.yaml", current(f"role: {role}"))
    checkout.commit("contain")

    code, out, _ = containment("--base", "main", "--json", "--logs", str(log))
    document = json.loads(out)
    Draft202012Validator(schema()).validate(document)
    (principal,) = document["incidents"][0]["diff"]["principals"]
    (row,) = principal["replayed"]["refused"]
    assert (code, row["calls"], row["bound"], row["by"]) == (0, 1, "upper bound", "deny")
    _, page, _ = containment("--base", "main", "--format", "markdown", "--logs", str(log))
    assert "would refuse: `` 1 call of session @org/team\\x7c`x of role deploy, the last" in page

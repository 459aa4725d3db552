"""The tree for a person: few lines, plain words, one form of time, and what to do next."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from containment.trail.outputs import document, tree
from containment.trail.outputs.next_steps import next_steps
from tests.support.trail_following import chain, follow

if TYPE_CHECKING:
    from tests.support.trail_scene import Scene

pytestmark = pytest.mark.plain

PUBLISHED = re.compile(r"[A-E]_[a-z]+")


def forward(scene: Scene, number: int, seconds: int) -> None:
    scene.call(scene.leaked, scene.user, "GetSecretValue", seconds, request={"secretId": "x"})
    for second in (seconds, seconds + 1):
        scene.call(
            f"ASIAFORWARDED{number:07}",
            scene.user,
            "Decrypt",
            second,
            created=seconds,
            invoked_by="secretsmanager.amazonaws.com",
        )


def branches(lines: list[str]) -> list[str]:
    return [line for line in lines if line.lstrip("│ ").startswith(("├", "└"))]


def test_leaves_of_one_kind_under_one_parent_are_one_line(scene: Scene, tmp_path: Path) -> None:
    for number in range(7):
        forward(scene, number, 10 * number)
    child, arn = scene.assume(scene.leaked, scene.user, "app", 100)
    scene.assume(child, arn, "deeper", 110, created=100)
    for number in range(4):
        scene.assume(scene.leaked, scene.user, f"side-{number}", 120 + number)

    answer = follow(scene, tmp_path)

    folded = branches(list(tree.lines(answer)))
    (forwarded,) = [line for line in folded if "forwarded" in line]
    assert forwarded == (
        f"├─ 7 forwarded sessions, 14 calls, {scene.time_at(0)} to {scene.time_at(61)} (Decrypt 14)"
        " of 111122223333/user/ci-deploy, used by a service acting for it"
    )
    (roles,) = [line for line in folded if "side" in line]
    assert roles == (
        f"└─ 4 sessions, no calls seen, issued {scene.time_at(120)} to {scene.time_at(123)}"
        " of 4 principals (111122223333/role/side-0 and 3 more), handed out by AssumeRole"
    )
    assert len(folded) == 4
    everything = branches(list(tree.lines(answer, everything=True)))
    assert len(everything) == len(answer.credentials) == 13


def test_a_few_leaves_are_shown_one_by_one(scene: Scene, tmp_path: Path) -> None:
    for number in range(3):
        forward(scene, number, 10 * number)

    shown = branches(list(tree.lines(follow(scene, tmp_path))))

    assert len(shown) == 3
    assert shown[0].startswith("├─ ASIAFORWARDED0000000  2 calls  forwarded session of ")


def test_long_term_keys_are_never_folded_into_sessions(scene: Scene, tmp_path: Path) -> None:
    for number in range(4):
        scene.assume(scene.leaked, scene.user, "app", number)
        scene.access_key(scene.leaked, scene.user, "victim", 10 + number)

    shown = branches(list(tree.lines(follow(scene, tmp_path))))

    assert [line[:16] for line in shown] == ["├─ 4 sessions, n", "└─ 4 access keys"]


def test_the_words_are_plain_and_the_published_names_are_in_the_document(
    scene: Scene, tmp_path: Path
) -> None:
    chain(scene)
    forward(scene, 1, 200)

    answer = follow(scene, tmp_path)

    text = "\n".join(tree.lines(answer))
    assert not PUBLISHED.search(text)
    assert "access key of 111122223333/user/svc-backup, handed out by CreateAccessKey" in text
    assert "svc-backup  calls under its credentials  user, made by CreateUser" in text
    tiers = {row["tier"] for row in json.loads(document.dumps(answer))["credentials"]}
    assert tiers == {"A_issued", "B_principal", "D_forwarded"}


@pytest.mark.parametrize(
    "written",
    [
        "Nov 23, 2026, 10:14:10 PM",
        "Nov 23, 2026 10:14:10 PM",
        "Nov 23, 2026, 10:14:10\u202fPM",
        "2026-11-23T22:14:10Z",
    ],
)
def test_times_have_one_form_everywhere(scene: Scene, tmp_path: Path, written: str) -> None:
    scene.assume(scene.leaked, scene.user, "app", 10)
    scene.records[-1]["responseElements"]["credentials"]["expiration"] = written

    answer = follow(scene, tmp_path)

    assert [one.expires for one in answer.credentials] == ["2026-11-23T22:14:10Z"]
    assert "expires 2026-11-23T22:14:10Z" in "\n".join(tree.lines(answer))


def test_an_expiration_that_cannot_be_read_is_left_out(scene: Scene, tmp_path: Path) -> None:
    scene.assume(scene.leaked, scene.user, "app", 10)
    scene.records[-1]["responseElements"]["credentials"]["expiration"] = "tomorrow"

    assert [one.expires for one in follow(scene, tmp_path).credentials] == [""]


def test_a_deep_chain_keeps_its_text_within_the_terminal(scene: Scene, tmp_path: Path) -> None:
    key, arn, created = scene.leaked, scene.user, None
    for second in range(60):
        key, arn = scene.assume(key, arn, "app", second, created=created)
        created = second

    lines = list(tree.lines(follow(scene, tmp_path), 80))

    assert all(len(line) <= 80 for line in branches(lines))
    assert key in "\n".join(lines)
    assert any(line.startswith("60 ") for line in lines)


def test_an_account_without_logs_is_not_silence(scene: Scene, tmp_path: Path) -> None:
    scene.assume(scene.leaked, scene.user, "app", 1, account="444455556666")
    scene.assume(scene.leaked, scene.user, "app", 2)

    other, own = branches(list(tree.lines(follow(scene, tmp_path))))

    assert "no logs of account 444455556666" in other
    assert "no calls seen" in own


def steps(scene: Scene, tmp_path: Path, seed: str | None = None, spec: str = "") -> list[str]:
    return next_steps(follow(scene, tmp_path, seed), spec)


def test_what_to_do_next_follows_from_what_was_found(scene: Scene, tmp_path: Path) -> None:
    scene.make_role(scene.leaked, scene.user, "back", 70, "arn:aws:iam::999988887777:root")
    scene.assume(scene.leaked, scene.user, "app", 1, account="444455556666")
    scene.call(scene.leaked, scene.user, "StopLogging", 5)

    step_lines = steps(scene, tmp_path)

    assert step_lines[0] == (
        f"open the incident, if it is not open yet: containment open {scene.leaked}"
        f" --since {scene.since}"
    )
    assert step_lines[1].endswith("the same command with --propose stacks/<incident>.yaml")
    assert any("444455556666" in line and "trace again" in line for line in step_lines)
    assert any("arn:aws:iam::999988887777:root" in line for line in step_lines)
    assert any("logging" in line for line in step_lines)


def test_with_a_spec_the_next_step_is_its_review(scene: Scene, tmp_path: Path) -> None:
    scene.assume(scene.leaked, scene.user, "app", 1)

    step_lines = steps(scene, tmp_path, spec="stacks/inc-2026-0042.yaml")

    assert step_lines[0] == "review what was added: git diff stacks/inc-2026-0042.yaml"
    assert "pulumi up --stack inc-2026-0042" in step_lines[1]


def test_a_session_is_opened_by_the_principal_behind_it(scene: Scene, tmp_path: Path) -> None:
    key, arn = scene.assume("AKIAADMIN00000000001", scene.user, "app", 1)
    scene.call(key, arn, "ListUsers", 5, created=1)

    step_lines = steps(scene, tmp_path, key)

    assert "containment open arn:aws:iam::111122223333:role/app" in step_lines[0]


def test_a_name_in_the_log_cannot_become_a_command(scene: Scene, tmp_path: Path) -> None:
    hostile = "arn:aws:iam::111122223333:user/$(touch${IFS}x);`id`/ci-deploy"
    key = "ASIASESSION000000001"
    scene.call(key, hostile, "ListUsers", 5, created=1)

    (line,) = [line for line in steps(scene, tmp_path, key) if "containment open" in line]

    assert f"containment open '{hostile}' --since" in line
    assert shlex.split(line.split(": ", 1)[1])[2] == hostile


def test_nothing_found_says_what_to_check(scene: Scene, tmp_path: Path) -> None:
    scene.call("AKIAOTHER00000000001", scene.user, "ListUsers", 5)

    step_lines = steps(scene, tmp_path)

    assert "other accounts" in step_lines[0]
    assert not any("--propose" in line for line in step_lines)

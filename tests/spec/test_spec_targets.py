"""Whom a spec may name, at which rung, and what is said where it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from containment.errors import SpecError
from containment.spec import Rung, load
from containment.spec.vocabulary import REFUSED, RUNG_EFFECTS
from tests.spec.conftest import HEAD, Loads, Problems

pytestmark = pytest.mark.plain

USER = "user: arn:aws:iam::111122223333:user/ci/ci-deploy"
ROLE = "role: arn:aws:iam::111122223333:role/app"
KEY = "access_key: AKIAIOSFODNN7EXAMPLE"
INSTANCE = "arn:aws:ec2:eu-central-1:111122223333:instance/i-0abc1234def567890"
ELSEWHERE = INSTANCE.replace("111122223333", "999999999999")
LINKED = "arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX"

SIGN_IN = "arn:aws:signin:eu-central-1:111122223333:session/8f4b2c1e-0000-4000-8000-000000000001"

OTHER_SIGN_IN = SIGN_IN.replace("111122223333", "444455556666")


def with_targets(*targets: str, more: str = "") -> str:
    return HEAD + "targets:\n" + "".join(f"  - {{{target}}}\n" for target in targets) + more


@pytest.mark.parametrize(
    ("target", "rung"),
    [
        (USER, Rung.DENY_ALL),
        (KEY, Rung.DENY_ALL),
        (ROLE, Rung.REVOKE_SESSIONS),
        (f"{USER}, rung: key-only, leaked: [AKIAIOSFODNN7EXAMPLE]", Rung.KEY_ONLY),
        (f"{KEY}, rung: key-only", Rung.KEY_ONLY),
        (f"{USER}, rung: session, sessions: [{{name: alice}}]", Rung.SESSION),
        (f"{ROLE}, rung: session, sessions: [{{source_ip: 203.0.113.7}}]", Rung.SESSION),
        (f"{ROLE}, rung: session, sessions: [{{source_ip: '2001:db8::/48'}}]", Rung.SESSION),
        (f"{ROLE}, rung: session, sessions: [{{source_identity: alice}}]", Rung.SESSION),
        (
            f"{ROLE}, rung: session, sessions: [{{source_instance: '{INSTANCE}'}}]",
            Rung.SESSION,
        ),
        (f"{USER}, rung: session, sessions: [{{sign_in_session: '{SIGN_IN}'}}]", Rung.SESSION),
        (f"{ROLE}, rung: session, sessions: [{{sign_in_session: '{SIGN_IN}'}}]", Rung.SESSION),
        (f"{ROLE}, rung: close-trust", Rung.CLOSE_TRUST),
        (f"{ROLE}, rung: deny-all", Rung.DENY_ALL),
    ],
)
def test_each_principal_has_its_rungs_and_a_default(loads: Loads, target: str, rung: Rung) -> None:
    spec = loads(with_targets(target))

    assert spec.targets[0].rung is rung


def test_every_rung_is_either_held_or_refused_for_each_kind() -> None:
    assert set(RUNG_EFFECTS) | set(REFUSED) == {
        (kind, rung) for kind in ("user", "role") for rung in Rung
    }
    assert not set(RUNG_EFFECTS) & set(REFUSED)


REFUSALS = {
    "revoke-sessions of a user": (f"{USER}, rung: revoke-sessions", "rung", "rung: deny-all"),
    "close-trust of a user": (f"{USER}, rung: close-trust", "rung", "rung: deny-all"),
    "revoke-sessions of a key": (f"{KEY}, rung: revoke-sessions", "rung", "rung: deny-all"),
    "key-only of a role": (f"{ROLE}, rung: key-only", "rung", "rung: revoke-sessions"),
    "key-only without a key": (f"{USER}, rung: key-only", "rung", "add 'leaked"),
    "session without sessions": (f"{ROLE}, rung: session", "rung", "add 'sessions"),
    "session of a leaked key": (
        f"{KEY}, rung: session, sessions: [{{name: alice}}]",
        "rung",
        "leave the leaked key working",
    ),
    "sessions without the rung": (
        f"{ROLE}, sessions: [{{name: alice}}]",
        "sessions",
        "add 'rung: session'",
    ),
    "sessions of another rung": (
        f"{ROLE}, rung: deny-all, sessions: [{{name: alice}}]",
        "sessions",
        "remove 'sessions'",
    ),
    "a role's mark on a user": (
        f"{USER}, rung: session, sessions: [{{source_ip: 203.0.113.7}}]",
        "sessions[0].source_ip",
        "the target is a user",
    ),
    "one session twice": (
        f"{ROLE}, rung: session, sessions: [{{name: alice}}, {{name: alice}}]",
        "sessions[1]",
        "listed twice",
    ),
    "a session with two marks": (
        f"{ROLE}, rung: session, sessions: [{{name: alice, source_ip: 203.0.113.7}}]",
        "sessions[0]",
        "exactly one of",
    ),
    "a session with no mark": (
        f"{ROLE}, rung: session, sessions: [{{}}]",
        "sessions[0]",
        "has no mark",
    ),
    "a wildcard session": (
        f"{ROLE}, rung: session, sessions: [{{name: 'i-*'}}]",
        "sessions[0].name",
        "without a wildcard",
    ),
    "every address": (
        f"{ROLE}, rung: session, sessions: [{{source_ip: 0.0.0.0/0}}]",
        "sessions[0].source_ip",
        "denies nearly every session",
    ),
    "host bits in a network": (
        f"{ROLE}, rung: session, sessions: [{{source_ip: 203.0.113.7/24}}]",
        "sessions[0].source_ip",
        "no host bits",
    ),
    "a sign-in session by its id": (
        f"{USER}, rung: session, sessions: [{{sign_in_session: 8f4b2c1e}}]",
        "sessions[0].sign_in_session",
        "aws signin list-sessions",
    ),
    "a sign-in session of another account": (
        f"{USER}, rung: session, sessions: [{{sign_in_session: '{OTHER_SIGN_IN}'}}]",
        "sessions[0].sign_in_session",
        "check both ARNs",
    ),
    "an instance by its id": (
        f"{ROLE}, rung: session, sessions: [{{source_instance: i-0abc}}]",
        "sessions[0].source_instance",
        "'name: i-…'",
    ),
    "an instance of another account": (
        f"{ROLE}, rung: session, sessions: [{{source_instance: '{ELSEWHERE}'}}]",
        "sessions[0].source_instance",
        "not in account 111122223333",
    ),
    "leaked keys of a role": (f"{ROLE}, leaked: [AKIAIOSFODNN7EXAMPLE]", "leaked", "beside user"),
    "leaked beside a key": (f"{KEY}, leaked: [AKIAI44QH8DHBEXAMPLE]", "leaked", "already"),
    "one leaked key twice": (
        f"{USER}, leaked: [AKIAIOSFODNN7EXAMPLE, AKIAIOSFODNN7EXAMPLE]",
        "leaked[1]",
        "listed twice",
    ),
    "a session's key as leaked": (
        f"{USER}, leaked: [ASIAIOSFODNN7EXAMPLE]",
        "leaked[0]",
        "sessionIssuer",
    ),
    "a session's key as a target": (
        "access_key: ASIAIOSFODNN7EXAMPLE",
        "access_key",
        "rung: revoke-sessions",
    ),
    "a key in small letters": ("access_key: akiaiosfodnn7example", "access_key", "AKIA and 16"),
    "nobody": ("rung: deny-all", "", "names no principal"),
    "two principals in one": (f"{USER}, {ROLE}", "role", "exactly one of"),
    "an unknown rung": (f"{USER}, rung: deny-al", "rung", "write 'deny-all'"),
    "an unknown field": (f"{USER}, runng: deny-all", "runng", "write 'rung'"),
    "a name for an ARN": ("user: ci-deploy", "user", "aws iam get-user --user-name ci-deploy"),
    "a key for an ARN": ("user: AKIAIOSFODNN7EXAMPLE", "user", "access_key: AKIA"),
    "a role as a user": ("user: 'arn:aws:iam::111122223333:role/app'", "user", "write 'role: arn"),
    "a user as a role": ("role: 'arn:aws:iam::111122223333:user/u'", "role", "write 'user: arn"),
    "a group": ("user: 'arn:aws:iam::111122223333:group/g'", "user", "neither user nor role"),
    "root": ("user: 'arn:aws:iam::111122223333:root'", "user", "root user"),
    "a short account": ("user: 'arn:aws:iam::1111:user/u'", "user", "12-digit"),
    "no partition": ("user: 'arn:acme:iam::111122223333:user/u'", "user", "arn:aws:"),
    "an ARN of S3": ("user: 'arn:aws:s3:::bucket'", "user", "does not name an IAM user"),
    "an assumed role": (
        "role: 'arn:aws:sts::111122223333:assumed-role/app/i-0abc'",
        "role",
        "write 'role: arn:aws:iam::111122223333:role/app'",
    ),
    "a federated user": (
        "user: 'arn:aws:sts::111122223333:federated-user/alice'",
        "user",
        "sessionIssuer",
    ),
    "a service-linked role": (
        f"role: {LINKED}",
        "role",
        "drives the service instead",
    ),
    "a role of Identity Center": (
        "role: 'arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_A_1'",
        "role",
        "disable the user",
    ),
    "a number for an ARN": ("user: 111122223333", "user", "put the value in quotes"),
    "an empty user": ("user: ''", "user", "does not name an IAM user"),
}


@pytest.mark.parametrize(("target", "field", "says"), REFUSALS.values(), ids=REFUSALS)
def test_a_wrong_target_is_refused_at_its_field_with_a_mend(
    problems: Problems, target: str, field: str, says: str
) -> None:
    problem_rows = problems(with_targets(target))

    assert [(line, location) for line, location, _ in problem_rows] == [
        (9, f"targets[0].{field}".removesuffix("."))
    ]
    assert says in problem_rows[0][2]


@pytest.mark.parametrize(
    "name", ['/*/${aws:username}/"x/u', "/a?b/u", "/:user/x:y/u", "/'quoted'/u"]
)
def test_a_path_with_wildcards_and_variables_is_still_one_user(loads: Loads, name: str) -> None:
    arn = f"arn:aws:iam::111122223333:user{name}"
    quoted = arn.replace("'", "''")

    assert loads(with_targets(f"user: '{quoted}'")).targets[0].principal.arn == arn


TOGETHER = {
    "one user twice": ((USER, USER), "targets[1]", "named by targets[0] already"),
    "one user by another path": (
        (USER, "user: arn:aws:iam::111122223333:user/ci-deploy"),
        "targets[1]",
        "111122223333/user/ci-deploy is named",
    ),
    "one role in other capitals": (
        (ROLE, "role: arn:aws:iam::111122223333:role/x/App"),
        "targets[1]",
        "is named by targets[0]",
    ),
    "one key twice": ((KEY, KEY), "targets[1]", "each access key once"),
    "a key of two users": (
        (f"{USER}, leaked: [AKIAIOSFODNN7EXAMPLE]", KEY),
        "targets[1]",
        "each access key once",
    ),
    "two accounts": (
        (USER, "role: arn:aws:iam::444455556666:role/app"),
        "targets[1]",
        "in another account",
    ),
    "two partitions": (
        (USER, "role: arn:aws-cn:iam::111122223333:role/app"),
        "targets[1]",
        "in another account",
    ),
}


@pytest.mark.parametrize(("targets", "field", "says"), TOGETHER.values(), ids=TOGETHER)
def test_targets_that_do_not_go_together_are_refused(
    problems: Problems, targets: tuple[str, str], field: str, says: str
) -> None:
    problem_rows = problems(with_targets(*targets))

    assert [(line, location) for line, location, _ in problem_rows] == [(10, field)]
    assert says in problem_rows[0][2]


@pytest.mark.parametrize("second", [USER, "user: arn:aws:iam::111122223333:user/x/CI-Deploy"])
def test_a_principal_named_twice_is_refused_with_both_lines(path: Path, second: str) -> None:
    path.write_text(with_targets(USER, second), encoding="utf-8")

    with pytest.raises(
        SpecError, match=r":10: targets\[1\]: .* by targets\[0\] already \(line 9\)"
    ):
        load(path)


def test_a_user_and_a_role_of_one_name_are_two_principals(loads: Loads) -> None:
    spec = loads(with_targets(USER, "role: arn:aws:iam::111122223333:role/ci-deploy"))

    assert [target.kind for target in spec.targets] == ["user", "role"]


def test_more_principals_than_the_limit_are_refused_and_the_limit_can_be_raised(
    loads: Loads, problems: Problems
) -> None:
    six = [f"user: arn:aws:iam::111122223333:user/u{number}" for number in range(6)]

    assert "6 principals are more than the limit of 5" in problems(with_targets(*six))[0][2]
    assert len(loads(with_targets(*six, more="limits: {principals: 6}\n")).targets) == 6


@pytest.mark.parametrize(
    ("arn", "says"),
    [
        ("arn:aws:iam::111122223333:role/*", "exempt whoever matches"),
        ("arn:aws:iam::111122223333:role/Break?lass", "exempt whoever matches"),
        ("BreakGlass", "a name alone"),
        ("arn:aws:iam::111122223333:root", "root user"),
        ("arn:aws:sts::111122223333:assumed-role/BreakGlass/me", "is a session"),
    ],
)
def test_break_glass_is_a_list_of_full_arns(problems: Problems, arn: str, says: str) -> None:
    problem_rows = problems(with_targets(USER, more=f"break_glass: ['{arn}']\n"))

    assert problem_rows[0][:2] == (10, "break_glass[0]")
    assert says in problem_rows[0][2]


def test_a_break_glass_principal_is_never_a_target(problems: Problems) -> None:
    more = "break_glass: [arn:aws:iam::111122223333:role/other/APP]\n"

    problem_rows = problems(with_targets(USER, ROLE, more=more))

    assert problem_rows[0][:2] == (10, "targets[1]")
    assert "break-glass principal" in problem_rows[0][2]


def test_break_glass_may_be_a_role_of_identity_center_or_of_another_account(loads: Loads) -> None:
    sso = "arn:aws:iam::444455556666:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_1"

    assert loads(with_targets(USER, more=f"break_glass: ['{sso}']\n")).break_glass == (sso,)


def test_a_secret_written_for_a_key_id_is_not_repeated(problems: Problems) -> None:
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

    problem_rows = problems(
        with_targets(f"{USER}, leaked: ['{secret}']", f"access_key: '{secret}'")
    )

    assert len(problem_rows) == 2
    assert secret not in str(problem_rows)

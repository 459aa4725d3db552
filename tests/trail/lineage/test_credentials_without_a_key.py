"""Credentials that are no access key: their uses are counted, or it is said that nobody can."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from containment.trail import Trace, trace
from containment.trail.sql.source import trace_table
from tests.support.trail_following import credentials_of, follow
from tests.support.trail_table import Table

if TYPE_CHECKING:
    from tests.support.trail_scene import Record, Scene

pytestmark = pytest.mark.plain

SVC = "arn:aws:iam::111122223333:user/svc-ai"
TOKEN = "ACCAEXAMPLEEXAMPLE001"


@pytest.fixture(autouse=True, params=["held in memory", "looked up by name"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "held in memory":
        monkeypatch.setattr("containment.trail.facts.store._SMALL", -1)


def gaps(answer: Trace, kind: str) -> list[str]:
    return [gap.what for gap in answer.gaps if gap.kind == kind]


def credential(answer: Trace, name: str) -> Any:
    return next(one for one in answer.credentials if one.id == name)


def make_token(scene: Scene, seconds: int = 1, service: str = "bedrock.amazonaws.com") -> None:
    answer = {"serviceSpecificCredentialId": TOKEN, "userName": "svc-ai", "serviceName": service}
    scene.call(
        scene.leaked,
        scene.user,
        "CreateServiceSpecificCredential",
        seconds,
        request={"userName": "svc-ai", "serviceName": service},
        response={"serviceSpecificCredential": answer},
    )


def bearer(scene: Scene, seconds: int, token: str = TOKEN, key: str | None = None) -> Record:
    record = scene.call(key, SVC, "InvokeModel", seconds, source="bedrock.amazonaws.com")
    record["userIdentity"]["credentialId"] = token
    record["additionalEventData"] = {"callWithBearerToken": True}
    return record


def upload_key(scene: Scene, kind: str, name: str, seconds: int = 1) -> None:
    call = {"ssh": "UploadSSHPublicKey", "cert": "UploadSigningCertificate"}[kind]
    field = {"ssh": "sSHPublicKey", "cert": "certificate"}[kind]
    ident = {"ssh": "sSHPublicKeyId", "cert": "certificateId"}[kind]
    scene.call(
        scene.leaked,
        scene.user,
        call,
        seconds,
        request={"userName": "svc-ai"},
        response={field: {ident: name, "userName": "svc-ai"}},
    )


def test_calls_with_a_bearer_token_are_counted_under_the_credential(
    scene: Scene, tmp_path: Path
) -> None:
    bearer(scene, 0)  # before it was made: not the attacker's
    make_token(scene)
    bearer(scene, 5)
    bearer(scene, 6, key="ASIAOFTHETOKEN000001")
    bearer(scene, 7, token="ACCAOFSOMEBODYELSE001")
    scene.records[0]["eventTime"] = scene.time_at(-60)

    answer = follow(scene, tmp_path)

    one = credential(answer, TOKEN)
    assert (one.kind, one.parent, one.event_count) == (
        "service_specific_credential",
        scene.leaked,
        2,
    )
    assert len(answer.calls) == 3
    assert not gaps(answer, "not_told_apart")


def test_a_trace_may_begin_with_a_bearer_token(scene: Scene, tmp_path: Path) -> None:
    bearer(scene, 5)

    answer = follow(scene, tmp_path, TOKEN)

    assert (answer.origin.event_count, answer.seed_principal) == (1, SVC)


@pytest.mark.parametrize(
    ("kind", "name", "source"),
    [
        ("ssh", "APKAEXAMPLEEXAMPLE001", "codecommit.amazonaws.com"),
        ("cert", "CERTIFICATEEXAMPLE00001", "ec2.amazonaws.com"),
    ],
)
def test_calls_that_name_no_credential_are_a_gap_and_not_silence(
    scene: Scene, tmp_path: Path, kind: str, name: str, source: str
) -> None:
    upload_key(scene, kind, name)
    scene.call(None, SVC, "GitPull", -60, source=source)  # before it was made
    scene.call(None, SVC, "GitPull", 5, source=source)
    scene.call(None, SVC, "GitPush", 9, source=source)
    scene.call("AKIAOFTHEOWNER000000", SVC, "GitPush", 9, source=source)
    scene.sign_in(SVC, 10)
    scene.call(None, f"{SVC}-2", "GitPull", 6, source=source)

    answer = follow(scene, tmp_path)

    assert credential(answer, name).event_count == 0
    (gap_text,) = gaps(answer, "not_told_apart")
    assert gap_text == (
        f"2 calls of 111122223333/user/svc-ai since {name} was made name no credential"
        f" (GitPull, GitPush; {scene.time_at(5)} to {scene.time_at(9)}): the records do not tell"
        " whether it made them"
    )
    assert len(answer.calls) == 1


def test_what_a_record_names_as_its_credential_counts_whatever_kind_it_is(
    scene: Scene, tmp_path: Path
) -> None:
    upload_key(scene, "ssh", "APKAEXAMPLEEXAMPLE001")
    scene.call("APKAEXAMPLEEXAMPLE001", SVC, "GitPull", 5, source="codecommit.amazonaws.com")

    answer = follow(scene, tmp_path)

    assert credential(answer, "APKAEXAMPLEEXAMPLE001").event_count == 1


def test_tokens_whose_use_no_record_shows_are_a_gap(scene: Scene, tmp_path: Path) -> None:
    scene.call(scene.leaked, scene.user, "CreateBearerToken", 1, source="signin.amazonaws.com")
    for second in (2, 3):
        source = "codeartifact.amazonaws.com"
        scene.call(scene.leaked, scene.user, "GetAuthorizationToken", second, source=source)
    scene.call(scene.leaked, scene.user, "CreateBearerToken", 4, error="AccessDenied")

    gap_texts = gaps(follow(scene, tmp_path), "token")

    use = ": what is done with it is recorded without the token's id"
    again = f"GetAuthorizationToken (2 times), last at {scene.time_at(3)}"
    assert gap_texts == [
        f"{scene.leaked} took a token by CreateBearerToken at {scene.time_at(1)}{use}",
        f"{scene.leaked} took a token by {again}{use}",
    ]


def assume_root(scene: Scene, target: Any, key: str) -> None:
    scene.call(
        scene.leaked,
        scene.user,
        "AssumeRoot",
        1,
        source="sts.amazonaws.com",
        request={"targetPrincipal": target, "taskPolicyArn": {"arn": "arn:aws:iam::aws:policy/x"}},
        response={"credentials": {"accessKeyId": key, "sessionToken": "t"}},
    )


@pytest.mark.parametrize("target", ["", "no account", ["444455556666"], None])
def test_an_account_that_the_record_does_not_name_is_a_gap(
    scene: Scene, tmp_path: Path, target: Any
) -> None:
    key = scene.key()
    assume_root(scene, target, key)

    gap_texts = gaps(follow(scene, tmp_path), "regions")

    assert any(what.startswith(f"{key} was handed out by AssumeRoot") for what in gap_texts)


@pytest.mark.parametrize("target", ["444455556666", "arn:aws:iam::444455556666:root"])
def test_assume_root_gives_the_root_of_the_account_and_its_missing_logs_are_a_gap(
    scene: Scene, tmp_path: Path, target: str
) -> None:
    key = scene.key()
    assume_root(scene, target, key)

    answer = follow(scene, tmp_path)

    one = credential(answer, key)
    assert (one.owner, one.for_principal) == (
        "444455556666/root",
        "arn:aws:iam::444455556666:root",
    )
    assert "account 444455556666: no records at all, and members are of it" in gaps(
        answer, "regions"
    )


def test_what_the_root_session_did_is_found_in_the_other_accounts_logs(
    scene: Scene, tmp_path: Path
) -> None:
    key, root = scene.key(), "arn:aws:iam::444455556666:root"
    assume_root(scene, "444455556666", key)
    own_record = scene.call(
        key, root, "DeleteBucketPolicy", 5, source="s3.amazonaws.com", created=1
    )
    own_record["userIdentity"]["sessionContext"]["assumedRoot"] = "true"
    scene.call(key, "arn:aws:iam::999988887777:root", "DeleteBucketPolicy", 6, created=1)

    answer = follow(scene, tmp_path)

    assert credential(answer, key).event_names == {"DeleteBucketPolicy": 1}
    assert not any("no records at all" in what for what in gaps(answer, "regions"))


def test_the_account_of_identity_center_credentials_is_reached(
    scene: Scene, tmp_path: Path
) -> None:
    key = scene.key()
    scene.call(
        scene.leaked,
        scene.user,
        "GetRoleCredentials",
        1,
        source="sso.amazonaws.com",
        request={"accountId": "444455556666", "roleName": "Admin"},
        response={"roleCredentials": {"accessKeyId": key, "sessionToken": "t"}},
    )

    answer = follow(scene, tmp_path)

    assert credential(answer, key).for_principal == "444455556666 as Admin"
    assert any("444455556666: no records at all" in what for what in gaps(answer, "regions"))


def scoped(scene: Scene, key: str, arn: str, seconds: int, created: int) -> str:
    child = scene.key()
    scene.call(
        key,
        arn,
        "GetScopedCredentials",
        seconds,
        source="sts.amazonaws.com",
        created=created,
        request={"durationSeconds": 900, "scopedSessionDescription": "x"},
        response={
            "credentials": {"accessKeyId": child, "sessionToken": "t", "expiration": "e"},
            "sessionInfo": {"scopedSessionId": "AROAX:s10", "arn": arn},
        },
    )
    return child


@pytest.mark.parametrize("own_time", [True, False])
def test_scoped_credentials_are_followed_whichever_issue_time_they_carry(
    scene: Scene, tmp_path: Path, *, own_time: bool
) -> None:
    parent, arn = scene.assume(scene.leaked, scene.user, "app", 10)
    child = scoped(scene, parent, arn, 3000, created=10)
    grandchild = scoped(scene, child, arn, 6000, created=3000 if own_time else 10)
    created = 6000 if own_time else 10
    scene.call(grandchild, arn, "ListBuckets", 6010, source="s3.amazonaws.com", created=created)
    scene.call(grandchild, arn, "ListBuckets", 6020, source="s3.amazonaws.com", created=-9000)

    answer = follow(scene, tmp_path)

    assert credentials_of(answer) == {
        parent: ("A_issued", scene.leaked),
        child: ("A_issued", parent),
        grandchild: ("A_issued", child),
    }
    assert credential(answer, grandchild).event_names == {"ListBuckets": 1}


def test_scoped_credentials_whose_key_is_hidden_are_found_by_their_use(
    scene: Scene, tmp_path: Path
) -> None:
    parent, arn = scene.assume(scene.leaked, scene.user, "app", 10)
    scene.call(
        parent,
        arn,
        "GetScopedCredentials",
        100,
        source="sts.amazonaws.com",
        created=10,
        response={"credentials": {"accessKeyId": "HIDDEN_DUE_TO_SECURITY_REASONS"}},
    )
    scene.call("ASIASCOPED0000000001", arn, "ListBuckets", 110, created=100)

    answer = follow(scene, tmp_path)

    assert credentials_of(answer)["ASIASCOPED0000000001"] == ("E_inferred", parent)


SIGN_IN = "arn:aws:signin:us-east-1:111122223333:session/11111111-2222-4333-8444-555555555555"


def under(record: Record, session: str = SIGN_IN) -> Record:
    record["userIdentity"].setdefault("sessionContext", {})["signInSessionArn"] = session
    return record


def test_other_keys_of_the_same_sign_in_session_are_its_children(
    scene: Scene, tmp_path: Path
) -> None:
    first = "ASIASIGNIN0000000001"
    under(scene.call(first, scene.user, "ListUsers", 5, created=4))
    under(scene.call("ASIASIGNIN0000000002", scene.user, "ListUsers", 1900, created=1800))
    other = SIGN_IN.replace("1111", "9999", 1)
    under(scene.call("ASIASIGNIN0000000003", scene.user, "ListUsers", 1901, created=1801), other)

    answer = follow(scene, tmp_path, first)

    assert credentials_of(answer) == {
        SIGN_IN: ("E_inferred", first),
        "ASIASIGNIN0000000002": ("E_inferred", SIGN_IN),
    }
    assert credential(answer, SIGN_IN).kind == "sign_in_session"


def test_a_sign_in_session_of_the_attackers_own_user_is_certain(
    scene: Scene, tmp_path: Path
) -> None:
    made = scene.make_user(scene.leaked, scene.user, "back", 10)
    under(scene.call("ASIASIGNIN0000000001", made, "ListUsers", 30, created=20))

    answer = follow(scene, tmp_path)

    assert credentials_of(answer)[SIGN_IN] == ("B_principal", made)
    assert credential(answer, SIGN_IN).confidence == "certain"


def test_a_sign_in_session_links_no_other_principal(scene: Scene, tmp_path: Path) -> None:
    first = "ASIASIGNIN0000000001"
    under(scene.call(first, scene.user, "ListUsers", 5, created=4))
    under(scene.call("ASIAVICTIM0000000001", f"{scene.user}-2", "ListUsers", 9, created=8))

    assert set(credentials_of(follow(scene, tmp_path, first))) == {SIGN_IN}


def test_a_sign_in_session_that_a_member_opened_is_certain(scene: Scene, tmp_path: Path) -> None:
    made = scene.make_user(scene.leaked, scene.user, "back", 10)
    under(scene.sign_in(made, 20, "CreateOAuth2Token"))
    under(scene.call("ASIASIGNIN0000000001", made, "ListUsers", 30, created=20))
    under(scene.call("ASIASIGNIN0000000002", made, "ListUsers", 90, created=80))

    answer = follow(scene, tmp_path)

    assert credentials_of(answer)[SIGN_IN] == ("A_issued", made)
    one = credential(answer, SIGN_IN)
    assert (one.issued_by, one.confidence) == ("CreateOAuth2Token", "certain")
    keys = {f"ASIASIGNIN000000000{n}" for n in (1, 2)}
    assert {
        name for name, (_, parent) in credentials_of(answer).items() if parent in (SIGN_IN, made)
    } >= (keys)


SAMPLES = Path(__file__).parents[1] / "samples" / "reported"


def test_the_reported_bearer_token_is_counted() -> None:
    answer = trace(
        "AKIAIOSFODNN7EXAMPLE",
        since="2026-11-20T09:00:00Z",
        logs=[SAMPLES / "bearer_token.json"],
        workers=1,
    )

    assert credential(answer, TOKEN).event_count == 2


def test_the_reported_root_session_names_its_account() -> None:
    answer = trace(
        "AKIAIOSFODNN7EXAMPLE",
        since="2026-11-20T09:00:00Z",
        logs=[SAMPLES / "assume_root.json"],
        workers=1,
    )

    assert [one.owner for one in answer.credentials] == ["444455556666/root"]
    assert any("444455556666: no records" in what for what in gaps(answer, "regions"))


def test_a_table_without_the_credentials_id_gives_a_gap_and_no_silence(scene: Scene) -> None:
    make_token(scene)
    bearer(scene, 5)

    answer = trace_table(
        scene.leaked,
        since=scene.since,
        run=Table(scene.records, "athena"),
        table="logs.trail",
        dialect="athena",
    )

    assert credential(answer, TOKEN).not_told_apart == 1
    assert len(gaps(answer, "not_told_apart")) == 1

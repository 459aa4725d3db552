"""An incident is opened: the right principal, a T0 with its source, a file ready to commit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from containment.errors import ConflictError, ContainmentError, NotFoundError, SpecError
from containment.intake.opening import Choices, Opened, next_incident, open_incident, write
from containment.lab.testing import Lab
from containment.spec import Rung, load, moment_text
from tests.intake.conftest import FindingFile, actor, event, finding, sequence

pytestmark = pytest.mark.lab


class Responder:
    """Opens incidents in one directory, as the company's administrator."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self._lab = lab
        self.directory = directory
        self.iam = lab.client("iam", lab.world.admin)
        self.sts = lab.client("sts", lab.world.admin)

    def opens(self, named: str | Path, **choices: Any) -> Opened:
        return open_incident(
            self.iam,
            self.sts,
            str(named),
            Choices(**choices),
            directory=self.directory,
            now=self._lab.now(),
        )


@pytest.fixture
def responder(lab: Lab, tmp_path: Path) -> Responder:
    directory = tmp_path / "stacks"
    directory.mkdir()
    return Responder(lab, directory)


def test_a_key_becomes_a_spec_of_its_user_since_the_creation_of_the_key(
    lab: Lab, responder: Responder
) -> None:
    key_id = lab.world.leaked.access_key_id
    keys = responder.iam.list_access_keys(UserName="ci-deploy")["AccessKeyMetadata"]

    opened = responder.opens(key_id)

    target = opened.spec.targets[0]
    assert (target.user, target.leaked) == (lab.world.ci_user, (key_id,))
    assert target.rung is Rung.DENY_ALL
    assert opened.spec.compromised_at == keys[0]["CreateDate"]
    assert key_id in opened.spec.compromised_at_source
    assert "earliest possible" in " ".join(opened.notes)
    assert opened.spec.disposition == "suspected"
    assert opened.spec.cause == "unknown"


def test_what_is_written_is_what_was_shown_and_loads_as_its_stack(
    lab: Lab, responder: Responder
) -> None:
    opened = responder.opens(lab.world.leaked.access_key_id)

    write(opened)

    assert opened.path.read_text() == opened.text
    assert load(opened.path, stack=opened.spec.incident, now=lab.now) == opened.spec


def test_the_responder_is_the_owner_and_the_author_of_a_t0_that_was_given(
    lab: Lab, responder: Responder
) -> None:
    caller = responder.sts.get_caller_identity()["Arn"]
    since = moment_text(lab.now() - timedelta(hours=3))

    opened = responder.opens(lab.world.deploy_role, since=since)

    assert moment_text(opened.spec.compromised_at) == since
    assert opened.spec.compromised_at_source == f"given by {caller}"
    assert opened.spec.owner == caller
    assert "earliest possible" not in " ".join(opened.notes)


def test_the_responders_own_values_are_written_into_the_spec(
    lab: Lab, responder: Responder
) -> None:
    opened = responder.opens(
        lab.world.deploy_role,
        incident="case-7",
        title="T",
        source="ticket 7",
        owner="alice",
        break_glass=(lab.world.break_glass_role,),
    )

    spec = opened.spec
    assert (spec.incident, spec.title, spec.owner) == ("case-7", "T", "alice")
    assert spec.compromised_at_source == "ticket 7"
    assert spec.break_glass == (lab.world.break_glass_role,)
    assert spec.targets[0].rung is Rung.REVOKE_SESSIONS
    assert opened.path.name == "case-7.yaml"


def test_review_is_due_in_two_days(lab: Lab, responder: Responder) -> None:
    due = responder.opens(lab.world.deploy_role).spec.review_by - lab.now()

    assert timedelta(days=1, hours=22) < due <= timedelta(days=2)


def test_a_users_arn_names_no_leaked_key_and_says_what_that_means(
    lab: Lab, responder: Responder
) -> None:
    opened = responder.opens(lab.world.release_user)

    assert opened.spec.targets[0].leaked == ()
    assert "counts every key of the user as leaked" in " ".join(opened.notes)


def test_a_finding_about_a_users_key_gives_t0_title_and_severity(
    lab: Lab, responder: Responder, finding_file: FindingFile
) -> None:
    path = finding_file(event(finding(accessKeyId=lab.world.leaked.access_key_id)))

    opened = responder.opens(path)

    spec = opened.spec
    assert spec.targets[0].user == lab.world.ci_user
    assert spec.targets[0].leaked == (lab.world.leaked.access_key_id,)
    assert spec.compromised_at == datetime(2026, 11, 20, 21, 14, tzinfo=UTC)
    assert spec.compromised_at_source == (
        "GuardDuty finding 16afba5c5c43e07c9e3e5e2e544e95df, eventFirstSeen"
    )
    assert spec.severity == "medium"
    assert spec.title.startswith("UnauthorizedAccess:IAMUser/TorIPCaller: API ListBuckets")


@pytest.mark.parametrize("uid", ["", "AIDAEXAMPLE", "its own"])
def test_an_attack_sequence_opens_an_incident_of_its_actor(
    lab: Lab, responder: Responder, finding_file: FindingFile, uid: str
) -> None:
    user = responder.iam.get_user(UserName="ci-deploy")["User"]
    named = user["UserId"] if uid == "its own" else uid
    path = finding_file(sequence(actor(key_id=lab.world.leaked.access_key_id, uid=named)))

    opened = responder.opens(path)

    assert opened.spec.targets[0].user == lab.world.ci_user
    assert opened.spec.targets[0].leaked == (lab.world.leaked.access_key_id,)


def test_a_sign_in_finding_without_a_key_says_that_the_password_leaked(
    lab: Lab, responder: Responder, finding_file: FindingFile
) -> None:
    opened = responder.opens(finding_file(finding(accessKeyId="")))

    assert opened.spec.targets[0].user == lab.world.ci_user
    assert opened.spec.targets[0].leaked == ()
    (note,) = [note for note in opened.notes if "password" in note]
    assert "no access key" in note
    assert "a lift gives the password back" in note
    assert "keeps every access key of the user Inactive" in note
    assert "''" not in " ".join(opened.notes)


def test_a_finding_about_a_roles_session_contains_the_role(
    lab: Lab, responder: Responder, finding_file: FindingFile
) -> None:
    role = responder.iam.get_role(RoleName=lab.world.app_role.rpartition("/")[2])["Role"]
    path = finding_file(
        finding(
            accessKeyId=lab.world.app_session.access_key_id,
            principalId=f"{role['RoleId']}:i-0abc",
            userType="AssumedRole",
            userName=role["RoleName"],
        )
    )

    opened = responder.opens(path)

    assert opened.spec.targets[0].role == lab.world.app_role
    assert opened.spec.targets[0].leaked == ()
    assert "cannot be switched off" in " ".join(opened.notes)


def test_a_finding_about_a_key_that_is_gone_contains_its_user_all_the_same(
    lab: Lab, responder: Responder, finding_file: FindingFile
) -> None:
    key_id = lab.world.leaked.access_key_id
    responder.iam.delete_access_key(UserName="ci-deploy", AccessKeyId=key_id)

    opened = responder.opens(finding_file(finding(accessKeyId=key_id)))

    assert opened.spec.targets[0].user == lab.world.ci_user
    assert opened.spec.targets[0].leaked == (key_id,)
    assert f"{key_id} is gone" in " ".join(opened.notes)


def test_a_finding_about_a_principal_that_was_made_again_is_refused(
    lab: Lab, responder: Responder, finding_file: FindingFile
) -> None:
    path = finding_file(
        finding(accessKeyId=lab.world.leaked.access_key_id, principalId="AIDAIOSFODNN7EXAMPLE")
    )

    with pytest.raises(ConflictError, match="deleted and made again"):
        responder.opens(path)


def test_a_finding_that_names_another_user_than_iam_is_refused(
    lab: Lab, responder: Responder, finding_file: FindingFile
) -> None:
    path = finding_file(finding(accessKeyId=lab.world.leaked.access_key_id, userName="release-bot"))

    with pytest.raises(ConflictError, match="a user can be renamed"):
        responder.opens(path)


def test_a_finding_about_another_account_is_refused(
    responder: Responder, finding_file: FindingFile
) -> None:
    with pytest.raises(NotFoundError, match="is about account '444455556666'"):
        responder.opens(finding_file(finding() | {"accountId": "444455556666"}))


def test_a_finding_without_a_time_needs_since(
    lab: Lab, responder: Responder, finding_file: FindingFile
) -> None:
    document = finding(accessKeyId=lab.world.leaked.access_key_id)
    del document["service"]["eventFirstSeen"]
    path = finding_file(document)

    with pytest.raises(SpecError, match="--since"):
        responder.opens(path)
    assert responder.opens(path, since="2026-11-20T00:00:00Z").spec.compromised_at.day == 20


def test_a_finding_whose_names_are_hostile_is_refused_in_words(
    responder: Responder, finding_file: FindingFile
) -> None:
    path = finding_file(
        finding(accessKeyId="", userName="x\x1b[31m:role/y", userType="AssumedRole")
    )

    with pytest.raises(SpecError) as caught:
        responder.opens(path)
    assert str(caught.value).isprintable()


def test_incident_ids_go_on_from_the_last_of_the_year(tmp_path: Path) -> None:
    assert next_incident(tmp_path, 2026) == "inc-2026-0001"

    for name in ("inc-2026-0041.yaml", "Pulumi.inc-2026-0042.yaml", "inc-2025-0900.yaml", "x.yaml"):
        (tmp_path / name).touch()

    assert next_incident(tmp_path, 2026) == "inc-2026-0043"
    (tmp_path / "inc-2026-9999.yaml").touch()
    with pytest.raises(SpecError, match="--incident"):
        next_incident(tmp_path, 2026)


def test_a_spec_is_never_overwritten_not_even_by_a_race(lab: Lab, responder: Responder) -> None:
    opened = responder.opens(lab.world.deploy_role)
    opened.path.write_text("somebody was faster")

    with pytest.raises(ConflictError, match="is not overwritten"):
        write(opened)
    with pytest.raises(ConflictError, match="is not overwritten"):
        responder.opens(lab.world.deploy_role, incident=opened.spec.incident)
    assert opened.path.read_text() == "somebody was faster"


def test_a_dangling_link_is_not_overwritten(lab: Lab, responder: Responder) -> None:
    (responder.directory / "case-7.yaml").symlink_to(responder.directory / "elsewhere")

    with pytest.raises(ConflictError, match="is there already"):
        responder.opens(lab.world.deploy_role, incident="case-7")


def test_the_responders_own_principal_is_pointed_out(lab: Lab, responder: Responder) -> None:
    own = responder.sts.get_caller_identity()["Arn"]

    assert "who you are calling as" in " ".join(responder.opens(own).notes)
    assert "who you are" not in " ".join(responder.opens(lab.world.deploy_role).notes)


def test_the_same_command_twice_opens_one_incident(lab: Lab, responder: Responder) -> None:
    (responder.directory / "broken.yaml").write_text("]")
    write(responder.opens(lab.world.leaked.access_key_id))

    with pytest.raises(ConflictError, match=r"inc-2026-0001.yaml' names .*ci-deploy already"):
        responder.opens(lab.world.leaked.access_key_id)
    with pytest.raises(ConflictError, match="--incident"):
        responder.opens(lab.world.ci_user)


def test_another_incident_on_the_same_principal_has_to_be_named(
    lab: Lab, responder: Responder
) -> None:
    write(responder.opens(lab.world.leaked.access_key_id))

    notes = " ".join(responder.opens(lab.world.ci_user, incident="inc-2026-0002").notes)

    assert "inc-2026-0001.yaml' names 111122223333/user/ci-deploy too" in notes


BAD_CHOICES = {
    "an id that is a path": ({"incident": "../../etc/x"}, "is not an incident id"),
    "an id that is endless": ({"incident": "x" * 5000}, "is not an incident id"),
    "an id with capitals": ({"incident": "INC-1"}, "is not an incident id"),
    "T0 without a zone": ({"since": "2026-11-20T00:00:00"}, "says no time zone"),
    "T0 in the future": ({"since": "2999-01-01T00:00:00Z"}, "is in the future"),
    "an owner that colours": ({"owner": "\x1b[31m"}, "one line of text"),
    "break-glass by wildcard": ({"break_glass": ("arn:aws:iam::1:role/*",)}, "wildcard"),
    "two at once": ({"owner": " ", "title": "x" * 201}, "title"),
}


@pytest.mark.parametrize(("choices", "says"), BAD_CHOICES.values(), ids=BAD_CHOICES)
def test_a_wrong_choice_is_refused_and_nothing_is_written(
    lab: Lab, responder: Responder, choices: dict[str, Any], says: str
) -> None:
    with pytest.raises(SpecError) as caught:
        responder.opens(lab.world.deploy_role, **choices)

    assert says in str(caught.value)
    assert list(responder.directory.iterdir()) == []


BAD_NAMES = {
    "nothing of the kind": "nothing-here.json",
    "a secret": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "a session": "arn:aws:sts::111122223333:assumed-role/app/i-0abc",
    "root": "arn:aws:iam::111122223333:root",
    "a malformed ARN": "arn:aws:iam::1111:user/x",
    "a service-linked role": (
        "arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX"
    ),
    "a key of nobody": "AKIAIOSFODNN7EXAMPLE",
    "a session's key": "ASIAIOSFODNN7EXAMPLE",
    "a unique id of nobody": "AIDAIOSFODNN7EXAMPLE",
    "a group's unique id": "AGPAIOSFODNN7EXAMPLE",
    "an instance profile's unique id": "AIPAIOSFODNN7EXAMPLE",
    "a policy's unique id": "ANPAIOSFODNN7EXAMPLE",
    "an SSH key's id": "APKAIOSFODNN7EXAMPLE",
    "a service-specific credential's id": "ACCAIOSFODNN7EXAMPLE",
    "a session of nobody's role": "AROAIOSFODNN7EXAMPLE:i-0abc",
    "a session of a user": "AIDAIOSFODNN7EXAMPLE:i-0abc",
    "a session with a hostile name": "AROAIOSFODNN7EXAMPLE:\x1b[31m",
    "no name at all": "",
}


@pytest.mark.parametrize("named", BAD_NAMES.values(), ids=BAD_NAMES)
def test_whoever_cannot_be_contained_is_refused_with_what_to_do(
    responder: Responder, named: str
) -> None:
    with pytest.raises(ContainmentError) as caught:
        responder.opens(named)

    assert caught.value.remedy
    assert "wJalrXUtnFEMI" not in str(caught.value)
    assert list(responder.directory.iterdir()) == []


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("AGPAIOSFODNN7EXAMPLE", "an IAM group"),
        ("AIPAIOSFODNN7EXAMPLE", "an instance profile"),
        ("ANPAIOSFODNN7EXAMPLE", "a managed policy"),
        ("APKAIOSFODNN7EXAMPLE", "list-ssh-public-keys"),
        ("ACCAIOSFODNN7EXAMPLE", "list-service-specific-credentials"),
    ],
)
def test_an_id_that_is_no_principals_is_told_what_it_is(
    responder: Responder, named: str, says: str
) -> None:
    with pytest.raises(ContainmentError) as caught:
        responder.opens(named)

    assert says in f"{caught.value} {caught.value.remedy}"


def test_a_unique_id_opens_an_incident_of_its_user(lab: Lab, responder: Responder) -> None:
    iam = lab.client("iam", lab.world.admin)
    name = lab.world.release_user.rsplit("/", 1)[-1]
    opened = responder.opens(iam.get_user(UserName=name)["User"]["UserId"])

    assert opened.subject.resolved.principal.arn == lab.world.release_user


def test_a_session_by_its_unique_id_opens_an_incident_of_its_role(
    lab: Lab, responder: Responder
) -> None:
    iam = lab.client("iam", lab.world.admin)
    name = lab.world.deploy_role.rsplit("/", 1)[-1]
    opened = responder.opens(f"{iam.get_role(RoleName=name)['Role']['RoleId']}:i-0abc")

    assert opened.subject.resolved.principal.arn == lab.world.deploy_role
    assert any("rung: session, sessions: [{name: i-0abc}]" in note for note in opened.notes)


def test_without_a_directory_for_specs_nothing_is_asked(lab: Lab, responder: Responder) -> None:
    before = lab.status()["requests"]
    responder.directory.rmdir()

    with pytest.raises(NotFoundError, match="--dir"):
        responder.opens(lab.world.deploy_role)
    assert lab.status()["requests"] == before


def test_an_incident_begins_with_a_freeze_where_the_principal_may_change_identities(
    lab: Lab, responder: Responder
) -> None:
    modest = responder.opens(lab.world.ci_user)
    assert modest.spec.guard.mode == "off"
    assert "may change no identity but its own keys" in modest.notes[0]

    responder.iam.attach_user_policy(
        UserName="ci-deploy", PolicyArn="arn:aws:iam::aws:policy/IAMFullAccess"
    )
    able = responder.opens(lab.world.ci_user)
    assert able.spec.guard.mode == "freeze"
    assert "guard: {mode: freeze, required: false}" in able.text
    assert "would strip every deny" in able.notes[0]

    lab.faults({"kind": "error", "operation": "SimulatePrincipalPolicy"})
    unknown = responder.opens(lab.world.ci_user)
    lab.faults()
    assert unknown.spec.guard.mode == "off"
    assert "could not be simulated" in unknown.notes[0]

"""Edits that once made the responder's credentials act for whoever wrote them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from containment.clock import isoformat
from containment.facets.marks import is_snapshot_id, parse_sid
from containment.lab.testing import Lab
from containment.ledger.file_store import FileStore
from tests.edited.edits import ADMINISTRATOR, strangers
from tests.edited.scene import Scene, connected_once
from tests.edited.stack import CONFIRMED, MISTAKEN, Company, Entry, Stack
from tests.support.direct_calls import direct_calls
from tests.support.kept_credentials import credentials_from_state

pytestmark = pytest.mark.lab


def signed_in(patch: pytest.MonkeyPatch, lab: Lab) -> None:
    """Have the provider's calls be the responder's, to *lab*."""
    for name, value in lab.world.responder.env().items():
        patch.setenv(name, value)
    patch.setenv("AWS_ENDPOINT_URL", lab.endpoint)


@pytest.fixture(scope="module")
def scene(lab_process: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A company contained once for all cases: to contain it takes longer than a case."""
    lab_process.reseed(seed=42)
    with (
        pytest.MonkeyPatch.context() as patch,
        direct_calls(lab_process),
        credentials_from_state(lab_process),
        connected_once(),
    ):
        signed_in(patch, lab_process)
        yield Scene(lab_process, tmp_path_factory.mktemp("scene"))
    status = lab_process.status()
    assert (status["unrouted"], status["evaluator_errors"]) == (0, 0)
    lab_process.reset()


@pytest.fixture
def company(
    scene: Scene, lab_process: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Company:
    signed_in(monkeypatch, lab_process)
    return scene.company(tmp_path)


def entry_of(stack: Stack, kind: str) -> Entry:
    return next(entry for entry in stack.entries if entry.kind == kind)


def says_all_were_active(company: Company, incident: str) -> None:
    """Edit the ledger of *incident*: every key of its snapshots was Active."""
    entries = company.ledger(incident)
    for line in entries:
        if line["kind"] == "snapshot":
            for key in line["facts"].get("accessKeys", ()):
                key["status"] = "Active"
    company.ledger_edited(incident, entries)


def works(company: Company, credentials: Any) -> bool:
    s3 = company.lab.client("s3", credentials)
    try:
        s3.list_objects_v2(Bucket=company.lab.world.bucket)
    except Exception:  # noqa: BLE001 -- whatever AWS says, it was not let through
        return False
    return True


def test_an_honest_false_positive_comes_back_without_a_question(company: Company) -> None:
    assert not works(company, company.lab.world.release_key)

    company.stacks[MISTAKEN].destroy()

    assert company.stacks[MISTAKEN].failed == []
    assert works(company, company.lab.world.release_key)
    now = company.taken()
    assert {f: v for f, v in now.items() if "release-bot" in f or "role deploy" in f} == {
        f: v for f, v in company.before.items() if "release-bot" in f or "role deploy" in f
    }


def test_a_confirmed_incident_is_not_lifted_on_the_terms_of_a_mistaken_one(
    company: Company,
) -> None:
    stack = company.stacks[CONFIRMED]
    for entry in stack.entries:
        spec = f"stacks/{MISTAKEN}.yaml"
        entry.values["lift"] |= {"spec": spec, "disposition": "false-positive", "hold": False}

    stack.destroy()

    assert "only stacks/inc-2026-0042.yaml says what it does" in str(stack.failed)
    assert company.taken() == company.contained
    assert not works(company, company.lab.world.leaked)


def test_the_ledger_alone_does_not_change_the_terms_of_a_restore(company: Company) -> None:
    from tests.edited.play import run  # noqa: PLC0415 -- beside the cases that it plays

    entries = company.ledger(CONFIRMED)
    for entry in entries:
        if entry["kind"] == "snapshot":
            spec = f"stacks/{MISTAKEN}.yaml"
            entry["facts"]["lift"] |= {"spec": spec, "disposition": "false-positive"}
    company.ledger_edited(CONFIRMED, entries)

    run(company, Stack(company.folder, CONFIRMED), "restore", {})

    assert company.taken() == company.contained


def test_another_incidents_resources_are_not_lifted_by_this_stack(company: Company) -> None:
    stack = company.stacks[CONFIRMED]
    stack.entries[:0] = company.stacks[MISTAKEN].copied().entries

    stack.destroy()

    assert "and the stack is inc-2026-0042" in str(stack.failed)
    assert not works(company, company.lab.world.release_key)


@pytest.mark.parametrize("kind", ["InactiveCredentials", "DenyPolicy", "PrincipalSnapshot"])
def test_nobody_whom_the_spec_does_not_name_is_touched(company: Company, kind: str) -> None:
    stack = company.stacks[CONFIRMED]
    template = entry_of(stack, kind)
    for arn, unique_id in strangers(company):
        if kind == "InactiveCredentials" and ":role/" in arn:
            continue
        values = {**template.values, "principal": arn, "principalId": unique_id}
        stack.entries.insert(0, Entry(kind, f"{template.urn}-{unique_id}", f"x/{arn}", values))

    stack.destroy()

    now = company.taken()
    facts = now.keys() | company.contained.keys()
    changed = {
        fact.partition(",")[0] for fact in facts if now.get(fact) != company.contained.get(fact)
    }
    assert changed <= {"user ci-deploy", "role app"}
    if kind != "PrincipalSnapshot":
        assert "does not name it, and nothing on it carries the mark" in str(stack.failed)


@pytest.mark.parametrize("tagged", [False, True], ids=["state and ledger", "state and a tag"])
def test_nobody_is_made_an_administrator_by_a_state(company: Company, *, tagged: bool) -> None:
    iam = company.lab.client("iam", company.lab.world.admin)
    stack = company.stacks[CONFIRMED]
    arn, unique_id = strangers(company)[0]
    template = entry_of(stack, "DenyPolicy")
    values = {
        **template.values,
        "principal": arn,
        "principalId": unique_id,
        "placement": "AWSDenyAll",
        "attachedPolicies": [ADMINISTRATOR],
        "swapped": [ADMINISTRATOR],
    }
    stack.entries.insert(0, Entry("DenyPolicy", f"{template.urn}-x", f"x/{arn}", values))
    if tagged:
        claim = f"AWSDenyAll=detached swapped={ADMINISTRATOR} s={values['snapshotId']} g=1"
        key = f"containment:{CONFIRMED}/AWSDenyAll"
        iam.tag_user(UserName="alice", Tags=[{"Key": key, "Value": claim}])

    stack.destroy()

    attached = iam.list_attached_user_policies(UserName="alice")["AttachedPolicies"]
    assert attached == []


@pytest.mark.parametrize("what", ["named by the spec", "and the ledger's file as well"])
def test_a_key_goes_active_by_the_account_too_or_not_at_all(company: Company, what: str) -> None:
    """The state, and every file beside it, says that a key was Active which the claim denies."""
    world = company.lab.world
    stack = company.stacks[MISTAKEN]
    inactive = world.release_inactive_key_id
    entry = entry_of(stack, "InactiveCredentials")
    entry.values["accessKeys"] = [{**k, "status": "Active"} for k in entry.values["accessKeys"]]
    if what.startswith("and"):
        says_all_were_active(company, MISTAKEN)

    stack.destroy()

    assert company.taken()[f"user release-bot, access key {inactive}"].startswith("Inactive")
    if what.startswith("and"):
        assert "--force-ours credentials@" in str(stack.failed)
    else:  # a ledger in a file may hold a lift back, if it gives nothing
        assert any("was Inactive before, by the ledger" in words for words in stack.heard)


@pytest.mark.parametrize("setting", ["role", "ledger", "region"], ids=["role", "ledger", "region"])
def test_what_the_state_says_of_role_ledger_and_region_gives_nothing_back(
    company: Company, setting: str
) -> None:
    stack = company.stacks[MISTAKEN]
    other_settings = {
        "role": company.lab.world.bystander_role,
        "ledger": "s3://other",
        "region": "x",
    }

    stack.destroy({setting: other_settings[setting]})

    assert f"containment:{setting} is" in str(stack.failed)
    assert "in containment.yaml" in str(stack.failed)
    assert company.taken() == company.contained
    assert any(f"containment:{setting} is" in words for words in stack.heard)

    stack.destroy({})
    assert works(company, company.lab.world.release_key)


def test_an_up_follows_no_unique_id_that_is_somebody_elses(company: Company) -> None:
    stack = company.stacks[CONFIRMED]
    _, unique_id = strangers(company)[0]
    for entry in stack.entries:
        if entry.values["principal"] == company.lab.world.ci_user:
            entry.values |= {"principalId": unique_id, "live": "missing"}

    stack.up()

    assert "nothing is done to the other" in str(stack.failed)
    assert {f: v for f, v in company.taken().items() if "alice" in f} == {
        f: v for f, v in company.contained.items() if "alice" in f
    }
    assert not works(company, company.lab.world.leaked)
    assert works(company, company.lab.world.bystander)


@pytest.mark.parametrize("part", ["responder", "break_glass"])
def test_whom_the_profile_protects_is_lifted_without_a_fence(company: Company, part: str) -> None:
    stack = company.stacks[CONFIRMED]
    role = company.lab.world.app_role
    (company.folder / "containment.yaml").write_text(f"{part}: [{role}]\n")

    stack.destroy()

    now = company.taken()
    assert not [fact for fact in now if fact.startswith("role app") and "containment-" in fact]
    assert (
        now["role app, AssumeRolePolicyDocument"]
        == (company.before["role app, AssumeRolePolicyDocument"])
    )
    assert any("it is lifted without a fence" in words for words in stack.heard)
    fence = f"user ci-deploy, UserPolicyList containment-{CONFIRMED}, PolicyDocument"
    assert "aws:CurrentTime" in now[fence]


def says_of_itself(stack: Stack, **terms: Any) -> None:
    """Edit what the state of *stack* says of its lift."""
    for entry in stack.entries:
        entry.values["lift"] |= terms


def test_a_leaked_key_of_a_user_whom_the_spec_names_no_more_stays_inactive(
    company: Company,
) -> None:
    """Its state says that another key leaked, and it alone."""
    leaked = f"user ci-deploy, access key {company.lab.world.leaked.access_key_id}"
    stack = company.stacks[CONFIRMED]
    company.write(CONFIRMED, without_user=True)
    honest = stack.copied()
    says_of_itself(stack, leaked=["AKIAIOSFODNN7EXAMPLE"], compromisedAt="2026-11-01T00:00:00Z")

    stack.destroy()

    assert "did not leak; the spec does not name the user" in str(stack.failed)
    assert "--force-ours credentials@" in str(stack.failed)
    assert company.taken()[leaked].startswith("Inactive")

    honest.destroy()

    assert honest.failed == []
    assert company.taken()[leaked].startswith("Inactive")


def test_a_user_taken_out_of_a_mistaken_incident_comes_back_without_a_question(
    company: Company,
) -> None:
    company.write(MISTAKEN, without_user=True)

    company.stacks[MISTAKEN].destroy()

    assert company.stacks[MISTAKEN].failed == []
    assert works(company, company.lab.world.release_key)


def test_a_claim_that_says_nothing_of_leaks_asks_where_the_spec_names_nobody(
    company: Company,
) -> None:
    """Releases before wrote such claims: the spec's word is enough, and the state's is not."""
    iam = company.lab.client("iam", company.lab.world.admin)
    key = f"containment:{CONFIRMED}"
    tags = {tag["Key"]: tag["Value"] for tag in iam.list_user_tags(UserName="ci-deploy")["Tags"]}
    assert "=AL " in tags[key]
    iam.tag_user(
        UserName="ci-deploy", Tags=[{"Key": key, "Value": tags[key].replace("=AL ", "=A ")}]
    )
    company.write(CONFIRMED, without_user=True)
    stack = company.stacks[CONFIRMED].copied()
    says_of_itself(stack, leaked=["AKIAIOSFODNN7EXAMPLE"])

    stack.destroy()

    assert "did not leak; the spec does not name the user" in str(stack.failed)

    company.write(CONFIRMED)
    stack = company.stacks[CONFIRMED]
    stack.destroy()

    assert stack.failed == []
    assert not works(company, company.lab.world.leaked)


def test_a_second_incident_claims_of_a_key_what_the_first_one_does_and_not_the_state(
    company: Company,
) -> None:
    """The state of the second says that a key was Active which the first found Inactive."""
    world = company.lab.world
    inactive = world.release_inactive_key_id
    company.stacks["inc-2026-0044"] = second = Stack(company.folder, "inc-2026-0044")
    text = (company.folder / f"stacks/{MISTAKEN}.yaml").read_text()
    (company.folder / "stacks/inc-2026-0044.yaml").write_text(
        text.replace(MISTAKEN, "inc-2026-0044")
    )
    second.up()
    assert second.failed == []
    for entry in second.entries:
        if "accessKeys" in entry.values:
            keys = [key["accessKeyId"] for key in entry.values["accessKeys"]]
            statuses = [{"accessKeyId": key, "status": "Active"} for key in keys]
            entry.values["accessKeys"] = statuses
    second.entries[:] = [entry for entry in second.entries if entry.kind != "InactiveCredentials"]
    says_all_were_active(company, second.incident)
    iam = company.lab.client("iam", world.admin)
    iam.untag_user(UserName="release-bot", TagKeys=["containment:inc-2026-0044"])

    second.up()
    company.stacks[MISTAKEN].destroy()
    second.destroy()

    assert company.taken()[f"user release-bot, access key {inactive}"].startswith("Inactive")


def fence_of(company: Company) -> str:
    """Return the fence on the user of the confirmed incident."""
    policy = f"user ci-deploy, UserPolicyList containment-{CONFIRMED}, PolicyDocument"
    return company.taken()[policy]


@pytest.mark.parametrize("named", [True, False], ids=["named", "taken out of the spec"])
def test_a_fence_is_no_narrower_than_the_deny_whatever_the_state_says(
    company: Company, *, named: bool
) -> None:
    """The state says that but one session was denied, so that no other would be fenced."""
    company.write(CONFIRMED, without_user=not named)
    stack = company.stacks[CONFIRMED]
    honest = stack.copied()
    entry_of(stack, "DenyPolicy").values |= {"scope": "sessions", "sessions": [{"name": "nobody"}]}

    stack.destroy()

    assert "the state says that its deny is of the sessions with" in str(stack.failed)
    assert "--force-ours deny@" in str(stack.failed)
    assert "aws:CurrentTime" not in fence_of(company)

    honest.destroy()

    assert honest.failed == []
    fence = json.loads(fence_of(company))["Statement"]
    assert [set(statement["Condition"]) for statement in fence] == [{"DateLessThan"}]


@pytest.mark.parametrize("stripped", [False, True], ids=["live", "stripped"])
def test_a_fence_shuts_out_nobody_whom_the_state_has_added(
    company: Company, *, stripped: bool
) -> None:
    """The deny was of one session; the state says that it was of everything."""
    spec = company.folder / f"stacks/{CONFIRMED}.yaml"
    spec.write_text(
        spec.read_text().replace(
            "rung: close-trust", "rung: session\n    sessions: [{name: web-1}]"
        )
    )
    stack = company.stacks[CONFIRMED]
    stack.up()
    assert stack.failed == []
    honest = stack.copied()
    for entry in stack.entries:
        if entry.kind == "DenyPolicy" and entry.values["principal"] == company.lab.world.app_role:
            entry.values |= {"scope": "all", "sessions": []}
    if stripped:
        iam = company.lab.client("iam", company.lab.world.admin)
        iam.delete_role_policy(RoleName="app", PolicyName=f"containment-{CONFIRMED}")

    stack.destroy()

    assert "the state says that its deny is of everything" in str(stack.failed)

    honest.destroy()

    assert honest.failed == []
    policy = f"role app, RolePolicyList containment-{CONFIRMED}, PolicyDocument"
    assert "web-1" in company.taken()[policy]


UNUSABLE = pytest.mark.parametrize("unusable", ["", "0000000000 x", None], ids=repr)


def without_a_usable_snapshot_id(stack: Stack, unusable: str | None) -> None:
    """Edit the id of every snapshot in the state of *stack*; None takes it out."""
    for entry in stack.entries:
        entry.values |= {"snapshotId": unusable, "live": "missing"}
        if unusable is None:
            del entry.values["snapshotId"]


@UNUSABLE
def test_an_up_goes_on_under_the_live_id_where_the_state_has_none(
    company: Company, unusable: str | None
) -> None:
    """What is written under no id would be nobody's, and no lift would find it."""
    stack = company.stacks[MISTAKEN]
    admin = company.lab.client("iam", company.lab.world.admin)
    key = company.lab.world.release_key
    admin.update_access_key(UserName="release-bot", AccessKeyId=key.access_key_id, Status="Active")
    without_a_usable_snapshot_id(stack, unusable)

    stack.up()

    assert stack.failed == []
    assert not works(company, key)
    assert any("has no usable id" in words for words in stack.heard)
    stack.destroy()
    assert stack.failed == []
    assert works(company, key)
    now = company.taken()
    assert {f: v for f, v in now.items() if "release-bot" in f or "role deploy" in f} == {
        f: v for f, v in company.before.items() if "release-bot" in f or "role deploy" in f
    }


@pytest.mark.parametrize(
    "edited",
    [{"snapshotId": 5}, {"tags": "x"}, {"principalId": []}, {"breakGlass": 7}, {"live": {}}],
    ids=repr,
)
def test_a_state_with_values_of_other_types_stops_no_up_and_lifts_nothing_unasked(
    company: Company, edited: dict[str, Any]
) -> None:
    stack = company.stacks[MISTAKEN]
    admin = company.lab.client("iam", company.lab.world.admin)
    key = company.lab.world.release_key
    admin.delete_user_policy(UserName="release-bot", PolicyName=f"containment-{MISTAKEN}")
    admin.update_access_key(UserName="release-bot", AccessKeyId=key.access_key_id, Status="Active")
    assert works(company, key)
    for entry in stack.entries:
        entry.values |= edited

    stack.destroy()

    assert any("cannot be read" in words for words in stack.failed)
    stack.up()
    assert not works(company, key)
    stack.destroy()
    assert stack.failed == []
    assert works(company, key)


@UNUSABLE
def test_who_was_let_go_is_contained_anew_where_the_state_has_no_usable_id(
    company: Company, unusable: str | None
) -> None:
    """An attacker has taken off all that we put there, and no ledger is left either."""
    stack = company.stacks[CONFIRMED]
    world, policy = company.lab.world, f"containment-{CONFIRMED}"
    admin = company.lab.client("iam", world.admin)
    admin.delete_user_policy(UserName="ci-deploy", PolicyName=policy)
    admin.untag_user(UserName="ci-deploy", TagKeys=[f"containment:{CONFIRMED}"])
    leaked = world.leaked.access_key_id
    admin.update_access_key(UserName="ci-deploy", AccessKeyId=leaked, Status="Active")
    (company.folder / "ledger" / f"{CONFIRMED}.jsonl").unlink()
    without_a_usable_snapshot_id(stack, unusable)
    assert works(company, world.leaked)

    stack.up()

    assert stack.failed == []
    assert not works(company, world.leaked)
    snapshot_ids = {entry.values["snapshotId"] for entry in stack.entries}
    assert all(is_snapshot_id(one) for one in snapshot_ids)
    deny = json.loads(company.taken()[f"user ci-deploy, UserPolicyList {policy}, PolicyDocument"])
    mark = parse_sid(deny["Statement"][0]["Sid"])
    assert mark is not None
    assert mark.snapshot_id in snapshot_ids


def test_no_hold_is_taken_out_of_a_state_whose_spec_is_missing(company: Company) -> None:
    """Whoever edits the state and deletes the file would lift on terms of their own."""
    spec = company.folder / f"stacks/{CONFIRMED}.yaml"
    applied = spec.read_text()
    spec.write_text(f"hold: true\n{applied}")
    stack = company.stacks[CONFIRMED]
    stack.up()
    assert stack.failed == []
    spec.unlink()
    says_of_itself(stack, hold=False, disposition="suspected")

    stack.destroy()

    assert "is missing, and no ledger under object lock says" in str(stack.failed)
    assert "git log --" in str(stack.failed)
    assert company.taken() == company.contained

    entries = company.ledger(CONFIRMED)
    for entry in entries:
        for terms in (entry.get("lift"), dict(entry.get("facts") or {}).get("lift")):
            if terms:
                terms |= {"hold": False, "disposition": "suspected"}
    company.ledger_edited(CONFIRMED, entries)
    stack.destroy()
    assert "is missing, and no ledger under object lock says" in str(stack.failed)
    assert company.taken() == company.contained

    spec.write_text(applied)
    stack.up()
    stack.destroy()
    assert stack.failed == []
    assert "aws:CurrentTime" in fence_of(company)
    assert not works(company, company.lab.world.leaked)


def test_a_lift_without_the_spec_goes_by_terms_that_a_locked_ledger_has_too(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(_: FileStore) -> bool:
        return True

    monkeypatch.setattr(FileStore, "locked", locked)  # it stands for a bucket with a lock
    (company.folder / f"stacks/{CONFIRMED}.yaml").unlink()
    stack = company.stacks[CONFIRMED]
    altered = stack.copied()
    says_of_itself(altered, compromisedAt="2026-11-02T00:00:00Z")

    altered.destroy()

    assert "is missing, and no ledger under object lock says" in str(altered.failed)
    assert company.taken() == company.contained
    stack.destroy()
    assert stack.failed == []
    assert "aws:CurrentTime" in fence_of(company)
    assert not works(company, company.lab.world.leaked)


def test_a_fence_is_of_no_time_to_come_whatever_margin_the_state_says(company: Company) -> None:
    """Somebody in the account planted a time a day ahead, and the state bears it out."""
    iam = company.lab.client("iam", company.lab.world.admin)
    policy = f"containment-{CONFIRMED}"
    named = f"role app, RolePolicyList {policy}, PolicyDocument"
    ahead = isoformat(company.lab.now() + timedelta(days=1))
    document = json.loads(company.taken()[named])
    document["Statement"][0]["Condition"]["DateLessThan"]["aws:TokenIssueTime"] = ahead
    iam.put_role_policy(RoleName="app", PolicyName=policy, PolicyDocument=json.dumps(document))
    stack = company.stacks[CONFIRMED]
    for entry in stack.entries:
        if entry.kind == "DenyPolicy":
            entry.values |= {"marginS": 10**6, "issuedBefore": ahead}

    stack.destroy()

    fence = json.loads(company.taken()[named])["Statement"][0]["Condition"]["DateLessThan"]
    assert fence["aws:CurrentTime"]
    fenced = datetime.fromisoformat(fence["aws:TokenIssueTime"])
    assert fenced <= company.lab.now() + timedelta(minutes=4)


@pytest.mark.parametrize(
    "edited",
    [{"principalId": "AIDAEXAMPLEEXAMPLE00"}, {"snapshotId": ""}, {"accessKeys": "all"}],
    ids=str,
)
def test_no_edit_of_a_ledger_keeps_an_up_without_a_state_from_containing(
    company: Company, edited: dict[str, Any]
) -> None:
    """A run was cut off before it had a state, and what it put on record was edited."""
    entries = company.ledger(CONFIRMED)
    for entry in entries:
        if entry["kind"] == "snapshot":
            entry["ahead"] = True
            entry["facts"] |= edited
    company.ledger_edited(CONFIRMED, entries)
    stack = company.stacks[CONFIRMED]
    stack.entries.clear()
    world = company.lab.world
    admin = company.lab.client("iam", world.admin)
    policy, leaked = f"containment-{CONFIRMED}", world.leaked.access_key_id
    admin.delete_user_policy(UserName="ci-deploy", PolicyName=policy)
    admin.update_access_key(UserName="ci-deploy", AccessKeyId=leaked, Status="Active")
    assert works(company, world.leaked)

    stack.up()

    assert not [words for words in stack.failed if "ci-deploy" in words]
    assert not works(company, world.leaked)
    assert policy in admin.list_user_policies(UserName="ci-deploy")["PolicyNames"]


@pytest.mark.parametrize("part", ["responder", "break_glass"])
def test_an_up_denies_nobody_protected_whom_the_state_and_a_tag_call_renamed(
    company: Company, part: str
) -> None:
    """The state gives a target their unique id, and a tag on them its snapshot's."""
    iam = company.lab.client("iam", company.lab.world.admin)
    arn = company.lab.world.bystander_user
    (company.folder / "containment.yaml").write_text(f"{part}: [{arn}]\n")
    name = arn.rpartition("/")[2]
    unique_id = iam.get_user(UserName=name)["User"]["UserId"]
    stack = company.stacks[CONFIRMED]
    own = [one for one in stack.entries if one.values["principal"] == company.lab.world.ci_user]
    snapshot_id = own[0].values["snapshotId"]
    for entry in own:
        entry.values |= {"principalId": unique_id, "live": "missing"}
    key, claim = f"containment:{CONFIRMED}/AWSDenyAll", f"AWSDenyAll=detached s={snapshot_id} g=1"
    iam.tag_user(UserName=name, Tags=[{"Key": key, "Value": claim}])
    before = company.taken()

    stack.up()

    assert "no incident may deny it anything" in str(stack.failed)
    now = company.taken()
    assert {f: v for f, v in now.items() if name in f} == {
        f: v for f, v in before.items() if name in f
    }


@pytest.mark.parametrize("what", ["another incident's name", "our own claim"])
def test_who_may_only_tag_keeps_no_honest_key_inactive_without_a_question(
    company: Company, what: str
) -> None:
    """The name of an incident that there is can be read off everybody whom it contains."""
    iam = company.lab.client("iam", company.lab.world.admin)
    key = company.lab.world.release_key
    tags = {one["Key"]: one["Value"] for one in iam.list_user_tags(UserName="release-bot")["Tags"]}
    name, planted = f"containment:{CONFIRMED}", f"{key.access_key_id}=A s=0123456789 g=1"
    if what == "our own claim":
        name = f"containment:{MISTAKEN}"
        planted = tags[name].replace(f"{key.access_key_id}=AL", f"{key.access_key_id}=K")
    iam.tag_user(UserName="release-bot", Tags=[{"Key": name, "Value": planted}])

    company.stacks[MISTAKEN].destroy()

    assert "--force-ours credentials@" in str(company.stacks[MISTAKEN].failed)
    assert name in str(company.stacks[MISTAKEN].failed) or CONFIRMED in str(
        company.stacks[MISTAKEN].failed
    )


@pytest.mark.parametrize("line", ["facts that are none", "lists in lists"])
def test_no_line_of_a_ledger_keeps_an_up_from_containing(company: Company, line: str) -> None:
    entries = company.ledger(CONFIRMED)
    if line == "lists in lists":
        file = company.folder / "ledger" / f"{CONFIRMED}.jsonl"
        file.write_bytes(file.read_bytes() + b'{"a":' + b"[" * 200_000 + b"\n")
    else:
        company.ledger_edited(
            CONFIRMED, [*entries, {"kind": "snapshot", "incident": CONFIRMED, "facts": 5}]
        )
    stack = company.stacks[CONFIRMED]
    world = company.lab.world
    admin = company.lab.client("iam", world.admin)
    leaked = world.leaked.access_key_id
    admin.update_access_key(UserName="ci-deploy", AccessKeyId=leaked, Status="Active")
    admin.delete_user_policy(UserName="ci-deploy", PolicyName=f"containment-{CONFIRMED}")
    assert works(company, world.leaked)

    stack.entries.clear()
    stack.up()

    assert "bug in containment" not in str(stack.failed)
    assert not works(company, world.leaked)

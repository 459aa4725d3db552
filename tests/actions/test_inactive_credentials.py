"""InactiveCredentials: keys stop, those that appear later too, and only some come back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from containment.actions.deny_policy import SessionMatch
from containment.actions.inactive_credentials import CredentialsInputs, CredentialsState
from containment.aws.credentials import ACCESS_KEY, KINDS
from containment.errors import ConflictError
from containment.lab.scenario import inventory
from containment.lab.scenario.world import Credentials
from containment.lab.state import moto_state
from containment.lab.testing import Lab
from containment.lifecycle.action import UnfinishedError
from tests.lab.certificates import certificate, ssh_key
from tests.support.party import keep_ledgers
from tests.support.subject import Subject
from tests.support.workbench import INCIDENT, Bench, can_list, write_spec

pytestmark = pytest.mark.lab


def _activated(bench: Bench) -> None:
    key = bench.lab.world.release_key.access_key_id
    bench.admin().update_access_key(UserName="release-bot", AccessKeyId=key, Status="Active")


def give_all_kinds(lab: Lab, arn: str) -> None:
    """Give a user one credential of each kind besides the access keys."""
    iam, name = lab.client("iam", lab.world.admin), arn.rpartition("/")[2]
    iam.create_service_specific_credential(UserName=name, ServiceName="bedrock.amazonaws.com")
    iam.upload_ssh_public_key(UserName=name, SSHPublicKeyBody=ssh_key())
    iam.upload_signing_certificate(UserName=name, CertificateBody=certificate())


OTHER_KINDS = tuple(kind.update for kind in KINDS if kind is not ACCESS_KEY)
SUBJECT = Subject(
    rung="deny-all",
    role=False,
    strip=_activated,
    makes=("TagUser", "UpdateAccessKey", *OTHER_KINDS),
    lifts=("UpdateAccessKey", *OTHER_KINDS, "UntagUser"),
    prepare=give_all_kinds,
)


TAG = f"containment:{INCIDENT}"


def hold(bench: Bench, arn: str, which: str = "all") -> CredentialsState:
    write_spec(bench, arn)
    taken = bench.snapshot(arn)
    return bench.keys_action().create(bench.keys_inputs(taken, which), preview=False)


def statuses(bench: Bench, user: str) -> dict[str, str]:
    keys = bench.admin().list_access_keys(UserName=user)["AccessKeyMetadata"]
    return {key["AccessKeyId"]: key["Status"] for key in keys}


def tags(bench: Bench, user: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in bench.admin().list_user_tags(UserName=user)["Tags"]}


def second_key(bench: Bench, user: str) -> Credentials:
    made = bench.admin().create_access_key(UserName=user)["AccessKey"]
    return Credentials(made["AccessKeyId"], made["SecretAccessKey"])


def test_every_key_stops_and_what_each_was_is_claimed_first(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    assert can_list(lab, world.release_key)

    hold(bench, world.release_user)

    assert not can_list(lab, world.release_key)
    assert can_list(lab, world.leaked)
    claim = tags(bench, "release-bot")[TAG]
    assert f"{world.release_key.access_key_id}=A" in claim
    assert f"{world.release_inactive_key_id}=I" in claim
    assert bench.writes == ["iam:TagUser", "iam:UpdateAccessKey"]


def test_collateral_comes_back_exactly_and_the_leaked_key_does_not(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    other = second_key(bench, "ci-deploy")
    age(bench, "ci-deploy", other.access_key_id)
    bench.leaked = (world.leaked.access_key_id,)
    state = hold(bench, world.ci_user)

    bench.keys_action().delete(state)

    assert can_list(lab, other)
    assert not can_list(lab, world.leaked)
    assert TAG not in tags(bench, "ci-deploy")


def test_with_no_key_named_every_key_counts_as_leaked(bench: Bench) -> None:
    state = hold(bench, bench.lab.world.release_user)

    bench.keys_action().delete(state)

    assert set(statuses(bench, "release-bot").values()) == {"Inactive"}


def test_a_false_alarm_gives_every_status_back(bench: Bench) -> None:
    world = bench.lab.world
    bench.disposition = "false-positive"
    write_spec(bench, world.release_user)
    before = statuses(bench, "release-bot")
    state = hold(bench, world.release_user)
    assert set(statuses(bench, "release-bot").values()) == {"Inactive"}

    bench.keys_action().delete(state)

    assert statuses(bench, "release-bot") == before
    assert tags(bench, "release-bot") == {"team": "platform"}


def test_only_the_leaked_key_stops_on_the_lowest_rung(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    other = second_key(bench, "ci-deploy")
    bench.leaked = (world.leaked.access_key_id,)

    hold(bench, world.ci_user, "leaked")

    assert not can_list(lab, world.leaked)
    assert can_list(lab, other)


def test_a_key_made_later_is_seen_said_and_stopped(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    state = hold(bench, world.ci_user)
    new = second_key(bench, "ci-deploy")
    assert can_list(lab, new)

    live_state = bench.keys_action().read(state)
    assert live_state is not None
    assert live_state.live == "altered"
    assert new.access_key_id in bench.words()
    updated_state = bench.keys_action().update(live_state, inputs_of(state), preview=False)

    assert updated_state.live == "applied"
    assert f"{new.access_key_id} is Inactive now" in bench.words()
    assert not can_list(lab, new)
    assert f"{new.access_key_id}=A" in tags(bench, "ci-deploy")[TAG]


def test_a_key_made_later_never_comes_back_by_a_lift(bench: Bench) -> None:
    world = bench.lab.world
    bench.leaked = (world.leaked.access_key_id,)
    state = hold(bench, world.ci_user)
    new = second_key(bench, "ci-deploy")
    live_state = bench.keys_action().read(state)
    assert live_state is not None
    updated_state = bench.keys_action().update(live_state, inputs_of(state), preview=False)

    bench.keys_action().delete(updated_state)

    assert not can_list(bench.lab, new)


def test_a_state_that_says_more_than_the_claim_gives_nothing_back(bench: Bench) -> None:
    world = bench.lab.world
    bench.leaked = (world.release_key.access_key_id,)
    age(bench, "release-bot", world.release_inactive_key_id)
    state = hold(bench, world.release_user)
    forged = [key.model_copy(update={"status": "Active"}) for key in state.access_keys]

    with pytest.raises(ConflictError, match="does not say so"):
        bench.keys_action().delete(state.model_copy(update={"access_keys": tuple(forged)}))

    assert set(statuses(bench, "release-bot").values()) == {"Inactive"}


def test_a_stripped_claim_asks_for_a_decision(bench: Bench) -> None:
    world = bench.lab.world
    bench.disposition = "false-positive"
    write_spec(bench, world.ci_user)
    state = hold(bench, world.ci_user)
    bench.admin().untag_user(UserName="ci-deploy", TagKeys=[TAG])

    live_state = bench.keys_action().read(state)
    assert live_state is not None
    assert "claim on its credentials is gone" in bench.words()
    with pytest.raises(ConflictError, match="--force-ours credentials@"):
        bench.keys_action().delete(state)

    assert not can_list(bench.lab, world.leaked)


def test_a_claim_that_cannot_be_written_does_not_stop_the_containing(bench: Bench) -> None:
    deny_responder(bench, "iam:TagUser")

    state = hold(bench, bench.lab.world.ci_user)

    assert state.live == "applied"
    assert not can_list(bench.lab, bench.lab.world.leaked)
    assert "lift will ask for a decision" in bench.words()


def test_a_key_that_cannot_be_stopped_is_unfinished_and_kept_in_the_state(bench: Bench) -> None:
    deny_responder(bench, "iam:UpdateAccessKey")

    with pytest.raises(UnfinishedError, match="UpdateAccessKey"):
        hold(bench, bench.lab.world.ci_user)


def test_keys_are_not_given_back_while_the_deny_is_in_force(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("containment.actions.inactive_credentials._FENCE_WAIT_S", 0.1)
    bench.disposition = "false-positive"
    write_spec(bench, bench.lab.world.ci_user)
    taken = bench.snapshot(bench.lab.world.ci_user)
    bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    state = bench.keys_action().create(bench.keys_inputs(taken), preview=False)

    bench.keys_action().delete(state)

    assert "its credentials come back after it" in bench.words()
    assert set(statuses(bench, "ci-deploy").values()) == {"Inactive"}
    # A crash made the engine forget the deny: the snapshot lifts both, in their order.
    bench.snapshot_action().delete(taken)
    assert set(statuses(bench, "ci-deploy").values()) == {"Active"}
    assert can_list(bench.lab, bench.lab.world.leaked)


def test_keys_without_a_claim_are_not_left_to_a_snapshot_that_could_not_find_them(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("containment.actions.inactive_credentials._FENCE_WAIT_S", 0.1)
    bench.disposition = "false-positive"
    write_spec(bench, bench.lab.world.ci_user)
    taken = bench.snapshot(bench.lab.world.ci_user)
    bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    state = bench.keys_action().create(bench.keys_inputs(taken), preview=False)
    bench.admin().untag_user(UserName="ci-deploy", TagKeys=[TAG])

    with pytest.raises(ConflictError, match="deny is still in force"):
        bench.keys_action().delete(state)

    assert set(statuses(bench, "ci-deploy").values()) == {"Inactive"}


def test_a_repeated_create_keeps_the_prior_statuses_of_the_first(bench: Bench) -> None:
    world = bench.lab.world
    taken = bench.snapshot(world.ci_user)
    first = bench.keys_action().create(bench.keys_inputs(taken), preview=False)

    second = bench.keys_action().create(bench.keys_inputs(taken), preview=False)

    assert (second.generation or 0) > (first.generation or 0)
    assert f"{world.leaked.access_key_id}=A" in tags(bench, "ci-deploy")[TAG]


def test_a_superseded_delete_does_nothing(bench: Bench) -> None:
    bench.disposition = "false-positive"
    write_spec(bench, bench.lab.world.ci_user)
    taken = bench.snapshot(bench.lab.world.ci_user)
    old = bench.keys_action().create(bench.keys_inputs(taken), preview=False)
    bench.keys_action().create(bench.keys_inputs(taken), preview=False)

    bench.keys_action().delete(old)

    assert set(statuses(bench, "ci-deploy").values()) == {"Inactive"}


def test_preview_writes_nothing(bench: Bench) -> None:
    taken = bench.snapshot(bench.lab.world.ci_user)

    state = bench.keys_action().create(bench.keys_inputs(taken), preview=True)

    assert bench.writes == []
    assert state.held == (bench.lab.world.leaked.access_key_id,)


def test_a_role_is_refused(bench: Bench) -> None:
    taken = bench.snapshot(bench.lab.world.app_role)

    failures = bench.keys_action().check(bench.keys_inputs(taken), None)

    assert "use DenyPolicy" in str(failures[0].error)


def test_lowering_the_rung_gives_the_others_back(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    other = second_key(bench, "ci-deploy")
    age(bench, "ci-deploy", other.access_key_id)
    bench.leaked = (world.leaked.access_key_id,)
    state = hold(bench, world.ci_user)
    assert not can_list(lab, other)

    lower = inputs_of(state).model_copy(update={"which": "leaked"})
    bench.keys_action().update(state, lower, preview=False)

    assert can_list(lab, other)
    assert not can_list(lab, world.leaked)


def inputs_of(state: CredentialsState) -> CredentialsInputs:
    return CredentialsInputs(
        **{name: getattr(state, name) for name in CredentialsInputs.model_fields}
    )


def age(bench: Bench, user: str, access_key_id: str) -> None:
    """Make a key older than the compromise, as collateral is."""
    backend = moto_state.iam(bench.lab.world.account)
    for key in backend.get_user(user).access_keys:
        if key.access_key_id == access_key_id:
            key.create_date = key.create_date.replace(year=key.create_date.year - 1)


def deny_responder(bench: Bench, action: str) -> None:
    bench.admin().put_role_policy(
        RoleName="ContainmentResponder",
        PolicyName="less",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Deny", "Action": action, "Resource": "*"}],
            }
        ),
    )


def test_a_stop_in_the_middle_is_unfinished_and_not_forgotten(bench: Bench) -> None:
    taken = bench.snapshot(bench.lab.world.ci_user)
    events = bench.context.clients.iam.meta.events

    def stop_after_the_claim(**_: object) -> None:
        bench.cancelled.set()

    events.register("after-call.iam.TagUser", stop_after_the_claim)

    with pytest.raises(UnfinishedError, match="cancelled before UpdateAccessKey"):
        bench.keys_action().create(bench.keys_inputs(taken), preview=False)

    assert TAG in tags(bench, "ci-deploy")
    assert can_list(bench.lab, bench.lab.world.leaked)


def test_a_read_says_what_a_lift_would_do_to_each_key(bench: Bench) -> None:
    world = bench.lab.world
    bench.leaked = (world.leaked.access_key_id,)
    state = hold(bench, world.ci_user)

    bench.keys_action().read(state)

    assert f"at a lift: {world.leaked.access_key_id} leaked and stays Inactive" in bench.words()
    bench.messages.clear()
    bench.disposition = "false-positive"  # the spec says so now, and nobody has applied it
    write_spec(bench, world.ci_user)
    bench.keys_action().read(state)
    assert "at a lift" not in bench.words()


@pytest.mark.parametrize(
    ("file_says", "now_says", "word"),
    [
        ("compromised_at: 2026-11-01", "compromised_at: 2026-11-02", "compromised_at"),
        ("leaked: [AKIAIOSFODNN7EXAMPLE]", "leaked: [AKIAI44QH8DHBEXAMPLE]", "leaked"),
    ],
)
def test_a_lift_on_other_terms_than_the_files_is_refused_word_by_word(
    bench: Bench, file_says: str, now_says: str, word: str
) -> None:
    bench.leaked = ("AKIAIOSFODNN7EXAMPLE",)
    state = hold(bench, bench.lab.world.ci_user)
    write_spec(bench, bench.lab.world.ci_user)
    path = bench.directory / "stacks" / f"{INCIDENT}.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(file_says, now_says), encoding="utf-8")

    with pytest.raises(ConflictError, match=f"the file says {word}"):
        bench.keys_action().delete(state)

    path.write_text(text, encoding="utf-8")
    bench.keys_action().delete(state)


def test_keys_come_back_where_the_rung_was_lowered_to_sessions(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("containment.actions.inactive_credentials._FENCE_WAIT_S", 0.1)
    bench.disposition = "false-positive"
    write_spec(bench, bench.lab.world.ci_user)
    taken = bench.snapshot(bench.lab.world.ci_user)
    denied = bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    state = bench.keys_action().create(bench.keys_inputs(taken), preview=False)
    lower = bench.deny_inputs(taken, "sessions", sessions=(SessionMatch(name="eve"),))
    bench.deny_action().update(denied, lower, preview=False)

    bench.keys_action().delete(state)

    assert can_list(bench.lab, bench.lab.world.leaked)


def test_a_user_with_as_many_tags_as_there_can_be_is_held_and_that_is_noted(bench: Bench) -> None:
    keep_ledgers(bench)
    world = bench.lab.world
    tag_count = len(bench.admin().list_user_tags(UserName="ci-deploy")["Tags"])
    tags = [{"Key": f"k{number}", "Value": "v"} for number in range(50 - tag_count)]
    bench.admin().tag_user(UserName="ci-deploy", Tags=tags)
    taken = bench.snapshot(world.ci_user)

    state = bench.keys_action().create(bench.keys_inputs(taken), preview=False)
    live_state = bench.keys_action().read(state)

    assert not can_list(bench.lab, world.leaked)
    assert live_state is not None
    assert live_state.live == "applied"
    assert "no room beside its 50 tags" in bench.words()


def other_statuses(bench: Bench, user: str) -> dict[str, str]:
    """Return the statuses of a user's credentials that are no access keys, by kind and id."""
    named = f"user {user}, "
    return {
        fact.removeprefix(named): value
        for fact, value in inventory.take(bench.admin()).items()
        for kind in KINDS
        if kind is not ACCESS_KEY and fact.startswith(named + kind.word) and "made" not in fact
    }


def test_credentials_of_every_kind_stop_and_come_back_after_a_false_alarm(bench: Bench) -> None:
    bench.disposition = "false-positive"
    give_all_kinds(bench.lab, bench.lab.world.ci_user)
    before = other_statuses(bench, "ci-deploy")
    assert list(before.values()) == ["Active"] * 3
    state = hold(bench, bench.lab.world.ci_user)

    assert set(other_statuses(bench, "ci-deploy").values()) == {"Inactive"}
    bench.keys_action().delete(state)

    assert other_statuses(bench, "ci-deploy") == before
    assert TAG not in tags(bench, "ci-deploy")


def test_a_leaked_credential_may_be_of_any_kind_and_one_made_later_stays_inactive(
    bench: Bench,
) -> None:
    iam, world = bench.admin(), bench.lab.world
    leaked, kept = (
        iam.create_service_specific_credential(
            UserName="ci-deploy", ServiceName=f"{service}.amazonaws.com"
        )["ServiceSpecificCredential"]["ServiceSpecificCredentialId"]
        for service in ("bedrock", "logs")
    )
    age_other(bench, "ci-deploy", leaked, kept)
    bench.leaked = (leaked,)
    state = hold(bench, world.ci_user)
    ssh = iam.upload_ssh_public_key(UserName="ci-deploy", SSHPublicKeyBody=ssh_key())
    later = ssh["SSHPublicKey"]["SSHPublicKeyId"]
    live_state = bench.keys_action().read(state)
    assert live_state is not None
    assert (live_state.live, later in bench.words()) == ("altered", True)
    updated_state = bench.keys_action().update(live_state, inputs_of(state), preview=False)
    assert set(other_statuses(bench, "ci-deploy").values()) == {"Inactive"}

    bench.keys_action().delete(updated_state)

    assert other_statuses(bench, "ci-deploy") == {
        f"service-specific credential {leaked}": "Inactive",
        f"service-specific credential {kept}": "Active",
        f"SSH public key {later}": "Inactive",
    }


def test_a_kind_that_may_not_be_listed_holds_up_no_other_and_is_not_called_contained(
    bench: Bench,
) -> None:
    give_all_kinds(bench.lab, bench.lab.world.ci_user)
    deny_responder(bench, "iam:ListSSHPublicKeys")

    with pytest.raises(UnfinishedError, match="SSH public key is not known"):
        hold(bench, bench.lab.world.ci_user)

    assert not can_list(bench.lab, bench.lab.world.leaked)
    active = {name for name, was in other_statuses(bench, "ci-deploy").items() if was == "Active"}
    assert {name.partition(" APKA")[0] for name in active} == {"SSH public key"}


def test_what_has_expired_is_left_alone(bench: Bench) -> None:
    bench.disposition = "false-positive"
    made = bench.admin().create_service_specific_credential(
        UserName="ci-deploy", ServiceName="bedrock.amazonaws.com", CredentialAgeDays=1
    )["ServiceSpecificCredential"]["ServiceSpecificCredentialId"]
    kept_by_lab(bench, "ci-deploy")[0]["Status"] = "Expired"

    state = hold(bench, bench.lab.world.ci_user)
    bench.keys_action().delete(state)

    assert other_statuses(bench, "ci-deploy") == {f"service-specific credential {made}": "Expired"}
    assert "UpdateServiceSpecificCredential" not in " ".join(bench.writes)


def kept_by_lab(bench: Bench, user: str) -> list[dict[str, Any]]:
    """Return a user's service-specific credentials as the lab keeps them."""
    return moto_state.service_credentials(moto_state.iam(bench.lab.world.account).get_user(user))


def age_other(bench: Bench, user: str, *names: str) -> None:
    """Make service-specific credentials older than the compromise, as collateral is."""
    for one in kept_by_lab(bench, user):
        if one["ServiceSpecificCredentialId"] in names:
            one["CreateDate"] = one["CreateDate"].replace(year=one["CreateDate"].year - 1)

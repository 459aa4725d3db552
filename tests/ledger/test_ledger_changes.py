"""What is on record: every change, before it is made, with what was there and what came of it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from containment.aws import recording
from containment.aws.cancellation import CancelledError
from containment.aws.credentials import ACCESS_KEY
from containment.aws.principal import LivePrincipal, locate
from containment.aws.recording import Change, Outcome
from containment.errors import RefusedError
from containment.identities import parse_principal
from containment.ledger import unkept
from containment.lifecycle.snapshot import SnapshotInputs
from tests.ledger.conftest import Kept
from tests.support.workbench import INCIDENT, Bench, can_list, inline, write_spec

pytestmark = pytest.mark.lab

DENY = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}'
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


class Heard:
    """A recorder that keeps what it hears."""

    def __init__(self) -> None:
        self.changes: list[tuple[Change, Outcome]] = []

    def begin(self, change: Change) -> Callable[[Outcome], None]:
        return lambda outcome: self.changes.append((change, outcome))


def live_of(bench: Bench, arn: str, heard: Heard) -> LivePrincipal:
    live = locate(bench.context.clients.iam, parse_principal(arn), None, heard)
    assert live is not None
    return live


def test_every_method_that_changes_something_is_heard(bench: Bench) -> None:
    heard, world = Heard(), bench.lab.world
    user, role = live_of(bench, world.ci_user, heard), live_of(bench, world.deploy_role, heard)
    key = world.leaked.access_key_id

    user.put_inline(f"containment-{INCIDENT}", DENY)
    user.delete_inline(f"containment-{INCIDENT}")
    user.attach(READ_ONLY)
    user.detach(READ_ONLY)
    user.tag("containment:x", "y")
    user.untag("containment:x")
    user.set_status(user.access_keys()[0], "Inactive")
    role.set_trust_policy(role.trust_policy)

    operations = [(change.operation, change.facet) for change, _ in heard.changes]
    assert operations == [
        ("PutUserPolicy", f"inline policy containment-{INCIDENT}"),
        ("DeleteUserPolicy", f"inline policy containment-{INCIDENT}"),
        ("AttachUserPolicy", f"attachment {READ_ONLY}"),
        ("DetachUserPolicy", f"attachment {READ_ONLY}"),
        ("TagUser", "tag containment:x"),
        ("UntagUser", "tag containment:x"),
        ("UpdateAccessKey", f"access key {key}"),
        ("UpdateAssumeRolePolicy", "trust policy"),
    ]
    # Every call that the client made and that is no read is among them.
    assert [write.partition(":")[2] for write in bench.writes] == [word for word, _ in operations]
    assert {outcome.result for _, outcome in heard.changes} == {"done"}
    assert all(outcome.request_id and outcome.answered_at for _, outcome in heard.changes)


def test_the_methods_of_a_principal_that_change_something_are_those_and_no_others() -> None:
    methods = {
        name: inspect.getsource(method)
        for name, method in inspect.getmembers(LivePrincipal, inspect.isfunction)
        if not name.startswith("_")
    }
    words = ("put", "delete", "attach", "detach", "tag", "untag", "update_")
    # `change` makes whatever call an action names, `set_status` that of a credential's kind, and
    # `revoke_sign_ins` one of another service, through the same record.
    recorded = {name for name, text in methods.items() if "self._change(" in text}
    recorded -= {"change", "set_status", "revoke_sign_ins"}
    calling = {
        name
        for name, text in methods.items()
        if any(f'_call, "{word}"' in text or f"_iam.{word}" in text for word in words)
    }

    assert recorded == calling
    assert len(recorded) == 9


def test_before_is_what_was_last_read_or_written_and_no_call_is_made_for_it(bench: Bench) -> None:
    heard, world = Heard(), bench.lab.world
    role = live_of(bench, world.deploy_role, heard)
    trust = role.trust_policy
    bench.calls.clear()

    role.attach(READ_ONLY)
    role.inline_text("none")
    role.put_inline("none", DENY)
    role.put_inline("none", DENY)
    role.attached()
    role.detach(READ_ONLY)
    role.attach("arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    role.tag("a", "1")
    role.tag("a", "2")
    role.set_trust_policy(trust)

    before_values = [(change.read, change.before) for change, _ in heard.changes]
    assert before_values == [
        (False, None),
        (True, None),
        (True, DENY),
        (True, "attached"),
        (True, "detached"),
        (True, None),
        (True, "1"),
        (True, trust),
    ]
    assert [call for call in bench.calls if call not in bench.writes] == [
        "iam:GetRolePolicy",
        "iam:ListAttachedRolePolicies",
    ]


def outcome_of(
    bench: Bench, act: Callable[[LivePrincipal], None], error: type[Exception]
) -> Outcome:
    heard = Heard()
    live = live_of(bench, bench.lab.world.ci_user, heard)
    with pytest.raises(error):
        act(live)
    return heard.changes[0][1]


def test_what_aws_refuses_is_recorded_with_its_error_code(bench: Bench) -> None:
    def act(live: LivePrincipal) -> None:
        live.put_inline("x", "no policy")

    outcome = outcome_of(bench, act, ClientError)

    assert (outcome.result, outcome.code) == ("refused", "MalformedPolicyDocument")
    assert outcome.request_id


def test_a_change_whose_answer_is_a_server_error_is_of_unknown_outcome(bench: Bench) -> None:
    bench.lab.faults({"kind": "error", "operation": "PutUserPolicy", "count": 9})

    outcome = outcome_of(bench, lambda live: live.put_inline("x", DENY), ClientError)

    assert outcome.result == "unknown"


def test_what_was_cancelled_before_it_was_sent_is_recorded_so(bench: Bench) -> None:
    bench.cancelled.set()

    outcome = outcome_of(bench, lambda live: live.put_inline("x", DENY), CancelledError)

    assert (outcome.result, outcome.code) == ("not sent", "CancelledError")


def test_what_was_cancelled_while_it_was_tried_again_is_of_unknown_outcome(bench: Bench) -> None:
    bench.lab.faults({"kind": "lose", "operation": "PutUserPolicy", "count": 1})

    def cancel(**_: object) -> None:
        bench.cancelled.set()

    # Asked after the first answer got lost, and before the second try is sent.
    bench.context.clients.iam.meta.events.register_first("needs-retry.iam.PutUserPolicy", cancel)
    outcome = outcome_of(bench, lambda live: live.put_inline("x", DENY), CancelledError)

    assert outcome.result == "unknown"
    names = bench.admin().list_user_policies(UserName="ci-deploy")["PolicyNames"]
    assert "x" in names


def test_a_refusal_after_a_lost_answer_is_of_unknown_outcome(bench: Bench) -> None:
    bench.admin().attach_user_policy(UserName="ci-deploy", PolicyArn=READ_ONLY)
    bench.lab.faults({"kind": "lose", "operation": "DetachUserPolicy", "count": 1})

    outcome = outcome_of(bench, lambda live: live.detach(READ_ONLY), ClientError)

    assert (outcome.result, outcome.code) == ("unknown", "NoSuchEntity")


def test_a_containment_and_its_lift_are_on_record_from_snapshot_to_release(
    bench: Bench, kept: Kept
) -> None:
    world = bench.lab.world
    write_spec(bench, world.ci_user)
    taken = bench.snapshot(world.ci_user)
    deny = bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    keys = bench.keys_action().create(bench.keys_inputs(taken), preview=False)
    bench.deny_action().delete(deny)
    bench.keys_action().delete(keys)
    bench.snapshot_action().delete(taken)

    entries = kept.entries()
    intents = {entry["n"]: entry for entry in entries if entry["kind"] == "intent"}
    outcomes = [entry for entry in entries if entry["kind"] == "outcome"]
    assert [entry["kind"] for entry in entries[:1] + entries[-1:]] == ["snapshot", "release"]
    assert entries[0]["facts"]["accessKeys"] == [
        {"accessKeyId": world.leaked.access_key_id, "status": "Active"}
    ]
    assert [entry["operation"] for entry in intents.values()] == [
        write.partition(":")[2] for write in bench.writes
    ]
    assert sorted(entry["of"] for entry in outcomes) == sorted(intents)
    assert all(entry["n"] > entry["of"] for entry in outcomes)
    caller = bench.context.caller.arn
    assert {entry["operator"] for entry in (*intents.values(), entries[0], entries[-1])} == {caller}
    assert {entry["snapshot_id"] for entry in intents.values()} == {taken.snapshot_id}
    assert {entry["unique_id"] for entry in intents.values()} == {taken.principal_id}
    assert all(entry["request_id"] and entry["aws_at"] for entry in outcomes)
    assert entries[-1]["disposition"] == "suspected"
    assert all(datetime.fromisoformat(entry["at"]) for entry in entries)


def test_the_intent_is_safe_before_the_change_is_sent(bench: Bench, kept: Kept) -> None:
    taken = bench.snapshot(bench.lab.world.ci_user)
    kinds_seen: list[list[str]] = []

    def look(**_: object) -> None:
        kinds_seen.append(kept.kinds())

    bench.context.clients.iam.meta.events.register("before-send.iam.PutUserPolicy", look)

    bench.deny_action().create(bench.deny_inputs(taken), preview=False)

    assert kinds_seen == [["snapshot", "intent"]]


def test_the_record_costs_no_call_of_aws(
    bench: Bench, bench_for: Callable[..., Bench], kept: Kept
) -> None:
    with_it = calls_of(bench)
    written = kept.lines()
    bench.lab.reseed()
    without = bench_for()
    without.context = replace(without.context, ledger=unkept())

    assert calls_of(without) == with_it
    assert len(written) == 1 + 2 * 3
    assert kept.lines() == written


def test_a_preview_writes_none(bench: Bench, kept: Kept) -> None:
    action = bench.snapshot_action()
    inputs = action.checked(SnapshotInputs(**bench.common(bench.lab.world.ci_user)))

    action.create(inputs, preview=True)

    assert not kept.file.exists()


def calls_of(bench: Bench) -> list[str]:
    bench.calls.clear()
    taken = bench.snapshot(bench.lab.world.ci_user)
    bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    bench.keys_action().create(bench.keys_inputs(taken), preview=False)
    return sorted(bench.calls)  # a snapshot reads several things at once


def test_no_secret_is_in_it(bench: Bench, kept: Kept) -> None:
    world = bench.lab.world
    bench.admin().tag_user(
        UserName="ci-deploy", Tags=[{"Key": "token", "Value": "planted-secret-value"}]
    )
    taken = bench.snapshot(world.ci_user)
    bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    bench.keys_action().create(bench.keys_inputs(taken), preview=False)

    text = kept.file.read_text()

    assert world.leaked.access_key_id in text
    for credentials in (world.leaked, world.responder, world.admin, world.bystander):
        assert credentials.secret_access_key not in text
        assert credentials.session_token is None or credentials.session_token not in text
    assert "planted-secret-value" not in text


def test_a_ledger_that_cannot_be_written_stops_no_containment_and_every_lift(
    bench: Bench, kept: Kept
) -> None:
    world = bench.lab.world
    write_spec(bench, world.ci_user)
    kept.folder.joinpath("ledger").write_text("in the way")
    assert can_list(bench.lab, world.leaked)

    taken = bench.snapshot(world.ci_user)
    deny = bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    keys = bench.keys_action().create(bench.keys_inputs(taken), preview=False)

    assert not can_list(bench.lab, world.leaked)
    assert len(kept.messages) == 1
    assert "containing goes on without a record" in kept.messages[0]
    document, bench.calls[:] = inline(bench, world.ci_user), []
    with pytest.raises(RefusedError, match="so the lift is not made"):
        bench.deny_action().delete(deny)
    with pytest.raises(RefusedError, match="so the lift is not made"):
        bench.snapshot_action().delete(taken)
    assert bench.writes == []
    assert inline(bench, world.ci_user) == document
    kept.folder.joinpath("ledger").unlink()
    bench.deny_action().delete(deny)
    bench.keys_action().delete(keys)
    bench.snapshot_action().delete(taken)
    assert kept.kinds()[-1] == "release"


def test_an_intact_ledger_answers_what_was_before(bench: Bench, kept: Kept) -> None:
    world = bench.lab.world
    taken = bench.snapshot(world.ci_user)
    role = bench.snapshot(world.deploy_role)
    bench.keys_action().create(bench.keys_inputs(taken), preview=False)
    made = bench.admin().create_access_key(UserName="ci-deploy")["AccessKey"]["AccessKeyId"]
    bench.keys_action().create(bench.keys_inputs(taken), preview=False)
    ledger = kept.ledger()

    def prior(state: Any, facet: str, snapshot_id: str | None = None) -> str | None:
        return ledger.prior(INCIDENT, state.principal_id, facet, snapshot_id)

    assert prior(taken, ACCESS_KEY.facet(world.leaked.access_key_id)) == "Active"
    assert prior(taken, ACCESS_KEY.facet(made)) == "Active"
    assert prior(taken, ACCESS_KEY.facet("AKIAIOSFODNN7EXAMPLE")) is None
    assert prior(taken, recording.attachment(READ_ONLY)) == "detached"
    assert prior(role, recording.TRUST) == role.trust_policy
    assert prior(role, recording.TRUST, "another") is None
    assert ledger.prior("inc-2026-0001", taken.principal_id, recording.TRUST) is None
    kept.file.write_text(kept.file.read_text().replace('"Active"', '"Inactive"', 1))
    assert prior(taken, ACCESS_KEY.facet(world.leaked.access_key_id)) is None
    kept.file.unlink()
    assert prior(taken, ACCESS_KEY.facet(world.leaked.access_key_id)) is None


def test_a_read_remembers_the_head_and_names_a_cut(bench: Bench, kept: Kept) -> None:
    taken = bench.snapshot(bench.lab.world.ci_user)
    bench.deny_action().create(bench.deny_inputs(taken), preview=False)

    read = bench.snapshot_action().read(taken)

    assert taken.ledger is not None
    assert taken.ledger.length == 1
    assert read is not None
    assert read.ledger is not None
    assert read.ledger.length == 3
    kept.file.write_text("".join(f"{line}\n" for line in kept.lines()[:2]))
    bench.context = replace(bench.context, ledger=kept.ledger())
    again = bench.snapshot_action().read(read)
    assert again is not None
    assert again.ledger == read.ledger
    assert "1 were cut off its end" in kept.messages[-1]


def test_the_lines_are_as_the_documentation_says(bench: Bench, kept: Kept) -> None:
    bench.snapshot(bench.lab.world.ci_user)

    (line,) = kept.lines()

    entry = json.loads(line)
    assert line == json.dumps(entry, sort_keys=True, separators=(",", ":"))
    assert (entry["n"], entry["prev"]) == (1, "0" * 64)

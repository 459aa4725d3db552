"""The contract of every action's lifecycle, held to each by the same tests.

To have a new action held to it, add how it is used to ``SUBJECTS``; a test says if it is missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2
from workbench import INCIDENT, Bench, write_spec

from containment.actions import ACTIONS
from containment.errors import NotFoundError
from containment.lab.scenario import inventory
from containment.lifecycle.action import UnfinishedError
from containment.provider import codec
from containment.provider.deployment import Deployment
from containment.provider.servicer import Servicer, resource_id

pytestmark = pytest.mark.lab


@dataclass(frozen=True)
class Subject:
    """How an action is used: on whom, by which inputs, and what undoes it behind its back."""

    resource: str
    role: bool
    inputs: Callable[[Bench, Any], Any]
    strip: Callable[[Bench], None]
    makes: tuple[str, ...]
    lifts: tuple[str, ...]

    def arn(self, bench: Bench) -> str:
        world = bench.lab.world
        return world.deploy_role if self.role else world.release_user

    def action(self, bench: Bench) -> Any:
        (found,) = [action for action in ACTIONS if action.resource == self.resource]
        return found(bench.context)

    def made(self, bench: Bench) -> tuple[Any, Any, Any]:
        """Return inputs, state and how the account was before."""
        bench.disposition = "false-positive"
        write_spec(bench, self.arn(bench))
        taken = bench.snapshot(self.arn(bench))
        before = take(bench)
        inputs = self.inputs(bench, taken)
        return inputs, self.action(bench).create(inputs, preview=False), before


def stripped_deny(bench: Bench) -> None:
    bench.admin().delete_user_policy(UserName="release-bot", PolicyName=f"containment-{INCIDENT}")


def active_key(bench: Bench) -> None:
    key = bench.lab.world.release_key.access_key_id
    bench.admin().update_access_key(UserName="release-bot", AccessKeyId=key, Status="Active")


def opened_trust(bench: Bench) -> None:
    trusted = bench.admin().get_role(RoleName="deploy")["Role"]["AssumeRolePolicyDocument"]
    trusted["Statement"] = trusted["Statement"][:-1]
    bench.admin().update_assume_role_policy(RoleName="deploy", PolicyDocument=json.dumps(trusted))


SUBJECTS = (
    Subject(
        "DenyPolicy",
        role=False,
        inputs=lambda bench, taken: bench.deny_inputs(taken),
        strip=stripped_deny,
        makes=("PutUserPolicy",),
        lifts=("DeleteUserPolicy",),
    ),
    Subject(
        "InactiveCredentials",
        role=False,
        inputs=lambda bench, taken: bench.keys_inputs(taken),
        strip=active_key,
        makes=("TagUser", "UpdateAccessKey"),
        lifts=("UpdateAccessKey", "UntagUser"),
    ),
    Subject(
        "ClosedTrustPolicy",
        role=True,
        inputs=lambda bench, taken: bench.trust_inputs(taken),
        strip=opened_trust,
        makes=("UpdateAssumeRolePolicy",),
        lifts=("UpdateAssumeRolePolicy",),
    ),
)
each = pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.resource)


def each_call(of: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("subject", "operation"),
        [(subject, name) for subject in SUBJECTS for name in getattr(subject, of)],
        ids=lambda item: getattr(item, "resource", item),
    )


def lose_answers(bench: Bench, operation: str, call: Callable[[], object]) -> BaseException | None:
    """Make *call* while AWS does what *operation* asks and never answers; return what it raised."""
    bench.lab.faults({"kind": "lose", "operation": operation, "count": 4})
    raised: BaseException | None = None
    try:
        call()
    except Exception as error:  # noqa: BLE001 -- whatever the engine would be told
        raised = error
    (fault,) = bench.lab.status()["faults"]
    assert fault["hits"]
    bench.lab.faults()
    return raised


def take(bench: Bench) -> inventory.Inventory:
    return inventory.take(bench.admin())


def facts(bench: Bench) -> dict[str, str]:
    """Return the account's facts without what changes with every write."""
    found = take(bench)
    tags = {fact: value.partition(" g=")[0] for fact, value in found.items() if "tag" in fact}
    policies = {fact: "there" for fact in found if "Document" in fact}
    return {**found, **tags, **policies}


def test_every_action_that_changes_something_is_a_subject() -> None:
    named = {subject.resource for subject in SUBJECTS}

    assert named == {action.resource for action in ACTIONS} - {"PrincipalSnapshot"}


@each_call("makes")
def test_a_create_whose_answer_was_lost_is_repeated_to_the_same_end(
    bench: Bench, subject: Subject, operation: str
) -> None:
    bench.disposition = "false-positive"
    write_spec(bench, subject.arn(bench))
    taken = bench.snapshot(subject.arn(bench))
    before = take(bench)
    inputs = subject.inputs(bench, taken)
    create = subject.action(bench).create
    raised = lose_answers(bench, operation, lambda: create(inputs, preview=False))
    assert raised is None or isinstance(raised, UnfinishedError)  # kept in the state either way

    state = subject.action(bench).create(inputs, preview=False)

    assert state.live == "applied"
    subject.action(bench).delete(state)
    assert inventory.changes(before, take(bench)) == []


@each_call("lifts")
def test_a_delete_whose_answer_was_lost_is_repeated_to_the_same_end(
    bench: Bench, subject: Subject, operation: str
) -> None:
    _, state, before = subject.made(bench)
    delete = subject.action(bench).delete
    lose_answers(bench, operation, lambda: delete(state))

    subject.action(bench).delete(state)

    assert inventory.changes(before, take(bench)) == []


@each
def test_an_update_to_the_same_writes_nothing(bench: Bench, subject: Subject) -> None:
    inputs, state, _ = subject.made(bench)
    seen = subject.action(bench).read(state)
    before = list(bench.writes)

    after = subject.action(bench).update(seen, inputs, preview=False)

    assert bench.writes == before
    assert after.generation == state.generation


@each
def test_an_update_repairs_what_was_undone_and_a_lift_still_gives_back(
    bench: Bench, subject: Subject
) -> None:
    inputs, state, before = subject.made(bench)
    contained = facts(bench)
    subject.strip(bench)
    seen = subject.action(bench).read(state)
    assert seen.live in {"missing", "altered"}

    repaired = subject.action(bench).update(seen, inputs, preview=False)

    assert (repaired.live, facts(bench)) == ("applied", contained)
    assert repaired.generation > state.generation
    subject.action(bench).delete(repaired)
    assert inventory.changes(before, take(bench)) == []


@each
def test_previews_of_create_and_update_write_nothing(bench: Bench, subject: Subject) -> None:
    inputs, state, _ = subject.made(bench)
    subject.strip(bench)
    seen = subject.action(bench).read(state)
    before = list(bench.writes)

    subject.action(bench).create(inputs, preview=True)
    subject.action(bench).update(seen, inputs, preview=True)

    assert bench.writes == before


@each
def test_a_second_delete_changes_nothing(bench: Bench, subject: Subject) -> None:
    _, state, before = subject.made(bench)
    subject.action(bench).delete(state)
    writes = list(bench.writes)

    subject.action(bench).delete(state)

    assert [call for call in bench.writes[len(writes) :] if "Delete" in call or "Put" in call] == []
    assert inventory.changes(before, take(bench)) == []


@each
def test_a_delete_that_was_superseded_is_inert(bench: Bench, subject: Subject) -> None:
    inputs, old, before = subject.made(bench)
    new = subject.action(bench).create(inputs, preview=False)
    contained, writes = take(bench), list(bench.writes)
    assert new.generation > old.generation

    subject.action(bench).delete(old)

    assert bench.writes == writes
    assert inventory.changes(contained, take(bench)) == []
    subject.action(bench).delete(new)
    assert inventory.changes(before, take(bench)) == []


@each
def test_what_an_orphan_wrote_late_is_lifted_by_the_newer_generation(
    bench: Bench, subject: Subject
) -> None:
    inputs, _, before = subject.made(bench)
    old = take(bench)
    new = subject.action(bench).create(inputs, preview=False)
    written_late(bench, old)

    subject.action(bench).delete(new)

    assert inventory.changes(before, take(bench)) == []


def written_late(bench: Bench, old: inventory.Inventory) -> None:
    """Write again what an older generation had written."""
    iam = bench.admin()
    policy = old.get(f"user release-bot, UserPolicyList containment-{INCIDENT}, PolicyDocument")
    if policy:
        name = f"containment-{INCIDENT}"
        iam.put_user_policy(UserName="release-bot", PolicyName=name, PolicyDocument=policy)
    claim = old.get(f"user release-bot, tag containment:{INCIDENT}")
    if claim:
        tag = {"Key": f"containment:{INCIDENT}", "Value": claim}
        iam.tag_user(UserName="release-bot", Tags=[tag])
    trust = old["role deploy, AssumeRolePolicyDocument"]
    if "Containment" in trust:
        iam.update_assume_role_policy(RoleName="deploy", PolicyDocument=trust)


@each
def test_only_a_snapshot_is_imported_and_the_others_say_how_they_come(
    bench: Bench, subject: Subject
) -> None:
    with pytest.raises(NotFoundError, match="import the PrincipalSnapshot and run 'pulumi up'"):
        subject.action(bench).adopt(INCIDENT, subject.arn(bench))


CODES = (
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "ExpiredToken",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
    "OptInRequired",
    "RequestExpired",
    "Throttling",
    "RequestLimitExceeded",
    "ServiceFailure",
    "ServiceUnavailable",
    "InternalFailure",
    "ConcurrentModification",
    "LimitExceeded",
    "ValidationError",
    "MalformedQueryString",
    "SomethingNobodyHasSeen",
)


@pytest.fixture
def served(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Servicer:
    """Serve in this process, as the responder, in the bench's folder."""
    deployment = Deployment({})
    deployment.directory = bench.directory
    connected = bench.context.clients
    monkeypatch.setattr("containment.lifecycle.workplace.connect", lambda **_: connected)
    return Servicer(deployment)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.resource)
def test_no_error_of_aws_makes_a_read_fail_or_drop_the_resource(
    bench: Bench, served: Servicer, action: Any, code: str
) -> None:
    state = remembered(bench, action)
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPHeaders": {}}}
    events: Any = bench.context.clients.iam.meta.events
    events.register("before-call.iam", lambda **_: (SimpleNamespace(status_code=400), answer))
    properties: Struct = codec.encode(codec.dump(state))

    seen = served.Read(
        provider_pb2.ReadRequest(
            id=resource_id(state),
            urn=f"urn:pulumi:s::containment::containment:index:{action.resource}::n",
            type=f"containment:index:{action.resource}",
            properties=properties,
            inputs=properties,
        ),
        None,
    )

    assert seen.id == resource_id(state)
    assert seen.properties["live"] == "unknown"
    assert {**dict(seen.properties), "live": ""} == {**dict(properties), "live": ""}


def remembered(bench: Bench, action: Any) -> Any:
    """Return a state of *action* as the engine has it, without asking AWS."""
    role = action.resource == "ClosedTrustPolicy"
    arn = bench.lab.world.deploy_role if role else bench.lab.world.release_user
    fields = {
        **bench.common(arn),
        "endpoint": bench.context.clients.endpoint,
        "principal_id": "AROAEXAMPLE" if role else "AIDAEXAMPLE",
        "snapshot_id": "0123456789",
        "scope": "all",
        "trust_policy": "{}",
        "generation": 1,
    }
    known = action.state_type.model_fields
    return action.state_type(**{name: value for name, value in fields.items() if name in known})

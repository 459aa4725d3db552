"""The contract of every action's lifecycle, held to each by the same tests.

How an action is used stands as ``SUBJECT`` in the test module of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2

from containment.actions import ACTIONS
from containment.errors import NotFoundError
from containment.lab.scenario import inventory
from containment.lifecycle.action import UnfinishedError
from containment.provider import codec
from containment.provider.deployment import Deployment
from containment.provider.reported_call import resource_id
from containment.provider.servicer import Servicer
from tests.support.subject import Subject, subjects
from tests.support.workbench import INCIDENT, Bench

pytestmark = pytest.mark.lab


SUBJECTS = subjects()
each = pytest.mark.parametrize(
    ("action", "subject"), SUBJECTS, ids=[action.resource for action, _ in SUBJECTS]
)


def each_call(attribute: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("action", "subject", "operation"),
        [(*pair, name) for pair in SUBJECTS for name in getattr(pair[1], attribute)],
        ids=[
            f"{action.resource}-{name}"
            for action, item in SUBJECTS
            for name in getattr(item, attribute)
        ],
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
    account_facts = take(bench)
    tags = {
        fact: value.partition(" g=")[0] for fact, value in account_facts.items() if "tag" in fact
    }
    policies = {fact: "there" for fact in account_facts if "Document" in fact}
    return {**account_facts, **tags, **policies}


@each_call("makes")
def test_a_create_whose_answer_was_lost_is_repeated_to_the_same_end(
    bench: Bench, action: Any, subject: Subject, operation: str
) -> None:
    taken = subject.snapshot(bench, action)
    before = subject.take(bench)
    inputs = subject.inputs(bench, action, taken)
    create = action(bench.context).create
    raised = lose_answers(bench, operation, lambda: create(inputs, preview=False))
    assert raised is None or isinstance(raised, UnfinishedError)  # kept in the state either way

    state = action(bench.context).create(inputs, preview=False)

    assert state.live == "applied"
    action(bench.context).delete(state)
    assert inventory.changes(before, subject.take(bench)) == []


@each_call("lifts")
def test_a_delete_whose_answer_was_lost_is_repeated_to_the_same_end(
    bench: Bench, action: Any, subject: Subject, operation: str
) -> None:
    _, state, before = subject.made(bench, action)
    delete = action(bench.context).delete
    lose_answers(bench, operation, lambda: delete(state))

    action(bench.context).delete(state)

    assert inventory.changes(before, subject.take(bench)) == []


@each
def test_containing_shows_in_the_account(bench: Bench, action: Any, subject: Subject) -> None:
    _, _, before = subject.made(bench, action)

    changed = inventory.changes(before, subject.take(bench))

    # Else the tests that compare before with after would compare nothing: see Subject.shows.
    assert [change for change in changed if ", tag " not in change.fact]


@each
def test_an_update_to_the_same_writes_nothing(bench: Bench, action: Any, subject: Subject) -> None:
    inputs, state, _ = subject.made(bench, action)
    live_state = action(bench.context).read(state)
    before = list(bench.writes)

    after = action(bench.context).update(live_state, inputs, preview=False)

    assert bench.writes == before
    assert after.generation == state.generation


@each
def test_an_update_repairs_what_was_undone_and_a_lift_still_gives_back(
    bench: Bench, action: Any, subject: Subject
) -> None:
    inputs, state, before = subject.made(bench, action)
    contained = facts(bench)
    subject.strip(bench)
    live_state = action(bench.context).read(state)
    assert live_state.live in {"missing", "altered"}

    repaired = action(bench.context).update(live_state, inputs, preview=False)

    assert (repaired.live, facts(bench)) == ("applied", contained)
    assert repaired.generation > state.generation
    action(bench.context).delete(repaired)
    assert inventory.changes(before, subject.take(bench)) == []


@each
def test_previews_of_create_and_update_write_nothing(
    bench: Bench, action: Any, subject: Subject
) -> None:
    inputs, state, _ = subject.made(bench, action)
    subject.strip(bench)
    live_state = action(bench.context).read(state)
    before = list(bench.writes)

    action(bench.context).create(inputs, preview=True)
    action(bench.context).update(live_state, inputs, preview=True)

    assert bench.writes == before


@each
def test_a_second_delete_changes_nothing(bench: Bench, action: Any, subject: Subject) -> None:
    _, state, before = subject.made(bench, action)
    action(bench.context).delete(state)
    writes = list(bench.writes)

    action(bench.context).delete(state)

    assert [call for call in bench.writes[len(writes) :] if "Delete" in call or "Put" in call] == []
    assert inventory.changes(before, subject.take(bench)) == []


@each
def test_a_delete_that_was_superseded_is_inert(bench: Bench, action: Any, subject: Subject) -> None:
    inputs, old, before = subject.made(bench, action)
    new = action(bench.context).create(inputs, preview=False)
    contained, writes = take(bench), list(bench.writes)
    assert new.generation > old.generation

    action(bench.context).delete(old)

    assert bench.writes == writes
    assert inventory.changes(contained, take(bench)) == []
    action(bench.context).delete(new)
    assert inventory.changes(before, subject.take(bench)) == []


@each
def test_what_an_orphan_wrote_late_is_lifted_by_the_newer_generation(
    bench: Bench, action: Any, subject: Subject
) -> None:
    inputs, _, before = subject.made(bench, action)
    old = take(bench)
    new = action(bench.context).create(inputs, preview=False)
    written_late(bench, old)

    action(bench.context).delete(new)

    assert inventory.changes(before, subject.take(bench)) == []


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
    bench: Bench, action: Any, subject: Subject
) -> None:
    with pytest.raises(NotFoundError, match="import the PrincipalSnapshot and run 'pulumi up'"):
        action(bench.context).adopt(INCIDENT, subject.arn(bench))


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
@pytest.mark.parametrize("action", [ACTIONS[0], *dict(SUBJECTS)], ids=lambda one: one.resource)
def test_no_error_of_aws_makes_a_read_fail_or_drop_the_resource(
    bench: Bench, served: Servicer, action: Any, code: str
) -> None:
    state = remembered(bench, action)
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPHeaders": {}}}
    events: Any = bench.context.clients.iam.meta.events
    events.register("before-call.iam", lambda **_: (SimpleNamespace(status_code=400), answer))
    properties: Struct = codec.encode(codec.dump(state))

    response = served.Read(
        provider_pb2.ReadRequest(
            id=resource_id(state),
            urn=f"urn:pulumi:s::containment::containment:index:{action.resource}::n",
            type=f"containment:index:{action.resource}",
            properties=properties,
            inputs=properties,
        ),
        None,
    )

    assert response.id == resource_id(state)
    assert response.properties["live"] == "unknown"
    assert {**dict(response.properties), "live": ""} == {**dict(properties), "live": ""}


STATES: dict[str, Any] = {}


def remembered(bench: Bench, action: Any) -> Any:
    """Return a state of *action* as the engine has it; AWS is asked for each only once."""
    if action.resource not in STATES:
        snapshot = action is ACTIONS[0]
        subject = SUBJECTS[0][1] if snapshot else dict(SUBJECTS)[action]
        STATES[action.resource] = (
            subject.snapshot(bench, SUBJECTS[0][0]) if snapshot else subject.made(bench, action)[1]
        )
    return STATES[action.resource].model_copy(update={"endpoint": bench.context.clients.endpoint})

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from containment.engine import layout
from containment.engine.ownership import ForeignStateError
from containment.errors import UnavailableError
from containment.run import report, state
from containment.run.engine import Answer, Engine
from tests.support.fake_engine import ROLE, USER, deny, snapshot

pytestmark = pytest.mark.plain


def exported(*resources: dict[str, Any], pending: Any = None) -> state.StackState:
    return state.parse({"deployment": {"resources": resources, "pending_operations": pending}})


def test_a_state_is_read_back_as_what_the_actions_know() -> None:
    stack_state = exported(snapshot(ROLE), deny(ROLE))

    assert stack_state.principals == [ROLE]
    assert [item.resource for item in stack_state.resources_of(ROLE)] == [
        "PrincipalSnapshot",
        "DenyPolicy",
    ]
    assert stack_state.resources[1].issued_before == "2026-11-24T12:00:00Z"


def test_an_empty_stack_has_nothing_in_it() -> None:
    assert state.parse({"version": 3, "deployment": {"manifest": {}}}) == state.StackState()


def test_fields_of_a_later_release_are_let_be() -> None:
    assert exported(snapshot(USER, fromTheFuture=1)).principals == [USER]


def test_a_state_that_cannot_be_read_is_one_error() -> None:
    with pytest.raises(ForeignStateError, match="another accessKeys than this version writes"):
        exported(snapshot(USER, accessKeys="all of them"))


def test_what_waits_to_be_deleted_is_not_counted_twice() -> None:
    assert len(exported(deny(), {**deny(), "delete": True}).resources) == 1


def test_why_a_resource_is_unfinished_is_kept() -> None:
    stack_state = exported({**deny(), "initErrors": ["written, and does not read so"]})

    assert stack_state.resources[0].unfinished == ("written, and does not read so",)


def test_an_interrupted_create_is_explained_with_the_way_out() -> None:
    pending = [{"type": "creating", "resource": {"urn": deny()["urn"]}}]
    what, step = exported(pending=pending).pending[0].explain("inc-x")

    assert "DenyPolicy 111122223333/role/deploy" in what
    assert "containment up inc-x" in step
    assert "forget the entry" in step
    assert "containment lift inc-x" in step


def test_an_interrupted_delete_is_repeated() -> None:
    pending = [{"type": "deleting", "resource": {"urn": deny()["urn"]}}]

    assert "containment lift inc-x" in exported(pending=pending).pending[0].explain("inc-x")[1]


def test_what_stays_open_is_told_once_for_each_kind() -> None:
    stack_state = exported(snapshot(ROLE), deny(ROLE), snapshot(USER), deny(USER))

    assert list(report.stays_open(stack_state.resources)) == [
        "DenyPolicy",
        "role at revoke-sessions",
        "user at revoke-sessions",
    ]


def test_a_principal_that_the_spec_does_not_name_any_more_says_so() -> None:
    principals = report.principals(exported(snapshot(ROLE), deny(ROLE)), None)

    assert principals[0].words == "not in the spec any more; T 2026-11-24T12:00:00Z"


class AskedEngine(Engine):
    """Says that it was asked, and starts nothing."""

    def ask(self, *arguments: str) -> Answer:
        raise UnavailableError(f"asked for {arguments}", remedy="read the file")


class Stored:
    """A backend in files, and an engine that is not to be asked."""

    def __init__(self, folder: Path) -> None:
        layout.lay_out(folder / "project")
        self._stacks = folder / "state" / ".pulumi" / "stacks" / "containment"
        self._stacks.mkdir(parents=True)
        environ = {"PULUMI_BACKEND_URL": f"file://{folder / 'state'}"}
        self.engine = AskedEngine(folder / "pulumi", folder / "project", environ)

    def put(self, name: str, *resources: dict[str, Any]) -> None:
        text = json.dumps({"version": 3, "checkpoint": {"latest": {"resources": resources}}})
        (self._stacks / name).write_bytes(gzip.compress(text.encode()))


def test_a_state_in_one_file_is_read_without_starting_the_engine(tmp_path: Path) -> None:
    stored = Stored(tmp_path)
    stored.put("inc-x.json.gz", snapshot(ROLE), deny(ROLE))

    assert state.exists(stored.engine, "inc-x")
    loaded = state.load(stored.engine, "inc-x")

    assert loaded is not None
    assert loaded.principals == [ROLE]


@pytest.mark.parametrize("names", [(), ("inc-x.json", "inc-x.json.gz"), ("unreadable",)])
def test_the_engine_is_asked_where_no_file_or_none_alone_or_a_torn_one_has_the_state(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    stored = Stored(tmp_path)
    for name in names:
        stored.put(name)
    if "unreadable" in names:
        stored.put("inc-x.json.gz")
        file = tmp_path / "state/.pulumi/stacks/containment/inc-x.json.gz"
        file.write_bytes(file.read_bytes()[:-9])

    for ask in (state.load, state.exists):
        with pytest.raises(UnavailableError, match="asked for"):
            ask(stored.engine, "inc-x")

"""Whatever is derived from the actions has every one of them, and nothing of one by hand."""

from __future__ import annotations

from typing import Any, cast

import pytest

from containment import catalogue, resources, responder
from containment.actions import ACTIONS, FACETS
from containment.facets import leftovers
from containment.lab.scenario import inventory
from containment.lifecycle.context import Context
from containment.lifecycle.snapshot import RESOURCE as SNAPSHOT
from containment.lifecycle.workplace import Workplace
from containment.provider import schema
from containment.run import forecast, restoration
from containment.run.state import Recorded
from containment.spec import Rung
from tests.support.party import keep_ledgers
from tests.support.subject import Subject, subjects
from tests.support.workbench import Bench

SUBJECTS = subjects()
every = pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.resource)
each = pytest.mark.parametrize(
    ("action", "subject"), SUBJECTS, ids=[action.resource for action, _ in SUBJECTS]
)


@pytest.mark.plain
@every
def test_a_stack_program_has_its_class_and_what_it_is_given(action: type[Any]) -> None:
    declared = getattr(resources, action.resource)
    snapshot = getattr(resources, SNAPSHOT)
    wire = {field.alias or name for name, field in action.inputs_type.model_fields.items()}

    assert declared.resource_type == f"containment:index:{action.resource}"
    assert {name for name in snapshot.outputs if name in wire} >= {
        action.inputs_type.model_fields[name].alias for name in action.from_snapshot
    }


@pytest.mark.plain
@every
def test_the_schema_the_docs_and_the_responder_policy_have_it(action: type[Any]) -> None:
    described = schema.package()["resources"][f"containment:index:{action.resource}"]
    index = catalogue.pages()[catalogue.FOLDER / "index.md"]

    assert described["inputProperties"].keys() <= described["properties"].keys()
    assert f"[{action.resource}]" in index
    assert action.permissions <= responder.permissions()


@pytest.mark.plain
@each
def test_each_action_is_declared_at_the_rung_that_its_test_names(
    action: type[Any], subject: Subject
) -> None:
    assert subject.rung in set(Rung)
    assert subject.declares(action)


@pytest.mark.plain
@each
def test_what_it_changes_is_a_facet_that_a_lift_knows(action: type[Any], subject: Subject) -> None:
    del subject
    state = action.state_type.model_construct(**EXAMPLE)

    priors = action(cast(Context, None)).priors(state)
    assert set(priors) == set(action.facets) <= set(FACETS)


EXAMPLE: dict[str, Any] = {
    "principal": "arn:aws:iam::111122223333:user/ci/ci-deploy",
    "principal_id": "AIDAEXAMPLE",
    "scope": "all",
    "trust_policy": "{}",
}


@pytest.mark.lab
@each
def test_the_preview_of_its_lift_has_no_conflict_and_changes_nothing(
    bench: Bench, action: type[Any], subject: Subject
) -> None:
    _, state, _ = subject.made(bench, action)
    contained = subject.take(bench)
    recorded = Recorded("urn:pulumi:s::containment::x::y", action, state)

    (foreseen,) = forecast.foresee([recorded], Workplace(bench.directory, ACTIONS, bench.incident))

    assert foreseen.conflicts == ()
    assert inventory.changes(contained, subject.take(bench)) == []


@pytest.mark.lab
@each
def test_the_snapshot_alone_finds_what_it_made_and_gives_it_back(
    bench: Bench, action: type[Any], subject: Subject
) -> None:
    taken = subject.snapshot(bench, action)
    before = subject.take(bench)
    action(bench.context).create(subject.inputs(bench, action, taken), preview=False)
    live = bench.context.locate(taken, taken.principal_id)
    assert live is not None
    assert leftovers.find(live, bench.incident, taken.snapshot_id, FACETS)

    bench.snapshot_action().delete(taken)

    assert inventory.changes(before, subject.take(bench)) == []


@pytest.mark.lab
@each
def test_the_ledger_alone_gives_back_what_it_made(
    bench: Bench, action: type[Any], subject: Subject
) -> None:
    keep_ledgers(bench)
    taken = subject.snapshot(bench, action)
    before = subject.take(bench)
    action(bench.context).create(subject.inputs(bench, action, taken), preview=False)
    workplace = Workplace(bench.directory, ACTIONS, bench.incident, believed=False)
    ledger_entries = restoration.verified_entries(workplace.ledger().journal_of(bench.incident))

    owed = restoration.owed(ledger_entries, workplace)
    results = [restoration.give_back(item, workplace) for item in owed]

    assert [(item.result, item.problem) for item in results] == [("given back", None)]
    assert inventory.changes(before, subject.take(bench)) == []

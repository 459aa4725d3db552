"""A lift waits until what came out of the leaked credential is dealt with."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from containment import descendants
from containment.descendants import Descendant, Record
from containment.errors import ConflictError, SpecError
from containment.facets import decisions
from containment.lifecycle.sweep_requirement import require_swept
from containment.spec import load
from tests.support.party import keep_ledgers
from tests.support.workbench import T0, can_list, write_spec

if TYPE_CHECKING:
    from pathlib import Path

    from containment.actions.deny_policy import DenyState
    from tests.support.workbench import Bench

pytestmark = pytest.mark.lab

BACKDOOR = Descendant(
    id="arn:aws:iam::111122223333:user/backdoor",
    kind="iam_user",
    tier="B_principal",
    principal="111122223333/user/backdoor",
    session="",
    issued_at=T0,
    ends="",
    event_id="e",
    confidence="certain",
)


def contained(bench: Bench) -> DenyState:
    arn = bench.lab.world.ci_user
    write_spec(bench, arn)
    taken = bench.snapshot(arn)
    action = bench.deny_action()
    return action.create(action.checked(bench.deny_inputs(taken)), preview=False)


def remember(bench: Bench, *unswept: Descendant) -> Path:
    path = descendants.path_beside(bench.directory / "stacks" / f"{bench.incident}.yaml")
    path.write_text(descendants.dumps(Record(bench.incident, (), unswept)), "utf-8")
    return path


def test_what_nobody_swept_holds_the_lift_up_and_once_it_is_swept_the_lift_goes(
    bench: Bench,
) -> None:
    state = contained(bench)
    path = remember(bench, BACKDOOR)

    with pytest.raises(
        ConflictError, match=r"user/backdoor.*would work on|would work on.*backdoor"
    ):
        bench.deny_action().delete(state)

    assert not can_list(bench.lab, bench.lab.world.leaked)
    remember(bench, replace(BACKDOOR, swept="deleted by eve"))
    bench.deny_action().delete(state)
    assert path.exists()


def test_a_key_of_the_contained_user_does_not_for_it_stays_inactive(bench: Bench) -> None:
    state = contained(bench)
    remember(bench, replace(BACKDOOR, kind="access_key", principal=state.target.label))

    bench.deny_action().delete(state)


def test_a_session_holds_it_up_until_it_ends_by_aws_time(bench: Bench) -> None:
    state = contained(bench)
    ends = (bench.lab.now()).strftime("%Y-%m-%dT%H:%M:%SZ")
    session = replace(BACKDOOR, kind="access_key", id="ASIAX", ends=ends)
    remember(bench, replace(session, ends="2099-01-01T00:00:00Z"))

    with pytest.raises(ConflictError, match="ASIAX"):
        bench.deny_action().delete(state)

    remember(bench, session)
    bench.lab.advance(2)
    bench.deny_action().delete(state)


def decide(bench: Bench, text: str) -> None:
    bench.context = replace(bench.context, decisions=decisions.parse(text))


def test_what_nobody_swept_is_lifted_all_the_same_for_a_reason_and_on_record(bench: Bench) -> None:
    state = contained(bench)
    keep_ledgers(bench)
    remember(bench, BACKDOOR)
    reason = "the red team's user; gone by Friday @eve"
    decide(bench, str(decisions.decided("force-ours", f"sweep:{reason}")))

    bench.deny_action().delete(state)

    entries = bench.context.ledger.journal_of(bench.incident).read()[1].entries
    (decision,) = [one for one in entries if one["kind"] == "decision"]
    assert (decision["facet"], decision["reason"]) == ("sweep", reason)
    assert decision["operator"] == bench.context.caller.arn


@pytest.mark.parametrize(
    "text", ["force-ours=sweep", "force-ours=sweep:%20", "keep-theirs=sweep:x"]
)
def test_a_lift_of_what_nobody_swept_takes_a_reason(text: str) -> None:
    with pytest.raises(SpecError, match="does not say why"):
        decisions.parse(text)


def test_a_decision_about_another_facet_lifts_nothing_unswept(bench: Bench) -> None:
    state = contained(bench)
    remember(bench, BACKDOOR)
    decide(bench, "force-ours=deny")

    with pytest.raises(ConflictError, match=r"--force-ours 'sweep:REASON'"):
        bench.deny_action().delete(state)


def test_a_false_positive_is_lifted_without_a_sweep_for_descendants(bench: Bench) -> None:
    bench.disposition = "false-positive"
    state = contained(bench)
    remember(bench, BACKDOOR)

    bench.deny_action().delete(state)


@pytest.mark.parametrize("text", ["{", json.dumps({"version": "2"})])
def test_a_record_that_cannot_be_read_holds_it_up(bench: Bench, text: str) -> None:
    state = contained(bench)
    remember(bench).write_text(text)

    with pytest.raises(ConflictError, match="no record of descendants"):
        bench.deny_action().delete(state)


@pytest.mark.parametrize(("own", "waits"), [(True, True), (False, False)])
def test_a_principal_taken_out_of_the_spec_waits_for_its_own_alone(
    bench: Bench, *, own: bool, waits: bool
) -> None:
    state = contained(bench)
    remember(bench, replace(BACKDOOR, principal=state.target.label) if own else BACKDOOR)
    path = bench.directory / "stacks" / f"{bench.incident}.yaml"
    write_spec(bench, bench.lab.world.deploy_role)

    if waits:
        with pytest.raises(ConflictError):
            require_swept(state, path, load(path), applying=True)
    else:
        require_swept(state, path, load(path), applying=True)


def test_a_resource_that_makes_way_for_another_is_no_lift(bench: Bench) -> None:
    state = contained(bench)
    remember(bench, replace(BACKDOOR, principal=state.target.label))
    path = bench.directory / "stacks" / f"{bench.incident}.yaml"

    require_swept(state, path, load(path), applying=True)

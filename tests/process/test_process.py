"""Each step of the process stands by its evidence, and by no other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from containment.descendants import Descendant, Record, Traced
from containment.process.document import as_document
from containment.process.html import as_html
from containment.process.markdown import as_markdown
from containment.process.rules import RULES, ProcessSources, compute_process
from containment.process.steps import STEPS, Progress, StepStatus
from containment.record import Reading
from containment.spec import IncidentSpec
from tests.support import report_scene
from tests.support.hostile_texts import HOSTILE
from tests.support.process_scene import ENTRIES, NOW, complete, record_of, scene

pytestmark = pytest.mark.plain

# The numbers of the source document, and the letters of its unnumbered points in 4 and 5; the
# document itself names "2.a", "2.a.ii.1", "2.a.ii.2" and "3.a to 3.e".
DOCUMENT = [
    *("1.a", "1.b", "1.c", "1.d", "1.e", "1.f", "1.g", "1.h", "1.i"),
    *("2.a.i", "2.a.ii.1", "2.a.ii.2", "2.b"),
    *("3.a", "3.b", "3.c", "3.d", "3.e", "3.f"),
    *("4.a", "4.b", "4.b.i", "4.b.ii"),
    *("5.a", "5.a.i", "5.a.ii", "5.b"),
]


def status_of(sources: ProcessSources, number: str) -> StepStatus:
    return next(one for one in compute_process(sources).steps if one.step.number == number)


def progress_of(sources: ProcessSources, number: str) -> Progress:
    return status_of(sources, number).progress


def test_every_step_of_the_document_has_a_rule_and_no_other_has() -> None:
    assert list(STEPS) == DOCUMENT
    assert list(RULES) == DOCUMENT


def test_nothing_is_done_before_anything_is_on_record() -> None:
    status = compute_process(scene())

    complete_steps = [one.step.number for one in status.steps if one.progress is Progress.COMPLETE]
    # The spec itself says who is meant and since when.
    assert complete_steps == ["1.e", "1.f"]
    assert all(one.command for one in status.steps if one.progress in {"open", "overdue"})


def test_everything_is_done_once_all_of_it_is_on_record() -> None:
    status = compute_process(complete())

    rest = {
        one.step.number: one.why for one in status.steps if one.progress is not Progress.COMPLETE
    }
    assert list(rest) == ["2.a.ii.2", "4.b"]
    assert status.summary == "27 steps: 25 done, 0 open, 0 overdue, 2 not applicable"
    assert status.warnings == ()


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("1.a", "signal"),
        ("1.b", "decision"),
        ("1.c", "impact"),
        ("1.d", "verdict"),
        ("1.g", "alternative"),
        ("1.h", "message"),
        ("1.i", "message"),
        ("3.c", "decision"),
        ("3.d", "message"),
        ("4.a", "decision"),
        ("4.b.i", "decision"),
        ("4.b.ii", "decision"),
        ("5.a", "decision"),
        ("5.a.i", "decision"),
        ("5.a.ii", "decision"),
        ("5.b", "lesson"),
    ],
)
def test_a_step_that_only_people_know_is_open_without_their_entry(number: str, kind: str) -> None:
    is_of_step = [
        one for one in ENTRIES if one["kind"] == kind and one.get("step", number) == number
    ]
    rest = [one for one in ENTRIES if one not in is_of_step]

    assert is_of_step
    assert progress_of(complete(record=record_of(rest)), number) in {
        Progress.OPEN,
        Progress.OVERDUE,
    }
    assert progress_of(complete(), number) is Progress.COMPLETE


@pytest.mark.parametrize("number", ["1.c", "2.a.i", "2.b", "3.a", "3.e", "5.b"])
def test_no_decision_says_that_a_step_with_evidence_of_its_own_does_not_apply(number: str) -> None:
    waiver = {
        "kind": "decision", "n": 1, "text": "not needed", "step": number, "applies": "no",
        "at": "2026-11-24T10:00:00Z", "author": "ana",
    }  # fmt: skip

    assert progress_of(scene(record=record_of([waiver])), number) is not Progress.NOT_APPLICABLE


def test_a_later_decision_takes_a_waiver_back() -> None:
    def decided(number: int, **more: str) -> dict[str, Any]:
        return {
            "kind": "decision", "n": number, "text": "x", "step": "4.a", "author": "ana",
            "at": "2026-11-24T10:00:00Z", **more,
        }  # fmt: skip

    waived, restored = decided(1, applies="no"), decided(2)
    assert progress_of(scene(record=record_of([waived])), "4.a") is Progress.NOT_APPLICABLE
    assert progress_of(scene(record=record_of([waived, restored])), "4.a") is Progress.COMPLETE


def test_nothing_is_concluded_from_a_record_that_was_changed() -> None:
    broken = Reading("incidents/x/record.jsonl", "broken", "line 2 was changed")

    status = compute_process(complete(record=broken))

    assert "line 2 was changed" in status.warnings[0]
    by_people = {"1.a", "1.c", "1.h", "5.b"}
    assert all(
        one.progress in {Progress.OPEN, Progress.OVERDUE}
        for one in status.steps
        if one.step.number in by_people
    )


def test_a_ledger_that_is_no_evidence_is_named() -> None:
    assert compute_process(scene(ledger="broken")).warnings == (
        "the ledger is broken, and nothing is concluded from it",
    )


def test_a_principal_that_the_state_does_not_hold_is_overdue() -> None:
    sources = complete(in_state=(report_scene.ROLE,), entries=[])

    assert progress_of(sources, "2.a.i") is Progress.OVERDUE
    assert status_of(sources, "2.a.i").command == "containment up inc-2026-0042"
    assert progress_of(sources, "2.a.ii.1") is Progress.COMPLETE


def test_a_principal_that_was_given_back_was_contained() -> None:
    status = status_of(complete(in_state=(report_scene.ROLE,)), "2.a.i")

    assert status.progress is Progress.COMPLETE
    assert f"given back: {report_scene.USER}" in status.why


def test_a_verification_that_refutes_it_opens_what_was_applied() -> None:
    refuted = [{"verdict": "not contained", "verified_at": "2026-11-24T11:00:00Z"}]
    sources = complete(verdicts=refuted)

    assert progress_of(sources, "2.a.i") is Progress.OVERDUE
    assert progress_of(sources, "2.a.ii.2") is Progress.OPEN
    assert progress_of(sources, "2.b") is Progress.OVERDUE


@pytest.mark.parametrize(
    ("verdict", "verified_at", "why"),
    [
        ("not verified", "2026-11-24T11:00:00Z", "says: not verified"),
        ("contained", "2026-11-24T11:00:00Z", "says: contained"),
        ("contained, verified", "2026-11-23T21:00:00Z", "changed since"),
        ("contained, verified", "2999-01-01T00:00:00Z", "changed since"),
        ("contained, verified", "nonsense", "changed since"),
    ],
)
def test_only_a_verdict_from_after_the_last_change_counts(
    verdict: str, verified_at: str, why: str
) -> None:
    kept = [{"verdict": verdict, "verified_at": verified_at}]
    status = status_of(complete(verdicts=kept), "2.b")

    assert status.progress is Progress.OVERDUE
    assert why in status.why


def test_a_lift_leaves_what_was_verified_and_traced_as_it_was() -> None:
    lifted = [
        {"n": 14, "kind": "intent", "at": "2026-11-24T11:00:00Z", "principal": report_scene.ROLE},
        {"n": 15, "kind": "outcome", "of": 14, "result": "done"},
        {"n": 16, "kind": "release", "at": "2026-11-24T11:00:01Z", "principal": report_scene.ROLE},
    ]
    sources = complete(in_state=(), entries=[*report_scene.entries(), *lifted])

    in_part = complete(entries=[*report_scene.entries(), *lifted])
    assert progress_of(in_part, "2.b") is Progress.OPEN
    assert "before it was given back" in status_of(sources, "2.b").why
    for number in ("2.a.i", "2.a.ii.1", "2.b", "3.f"):
        assert progress_of(sources, number) is Progress.COMPLETE, number


def test_a_trace_counts_from_t0_on_and_for_its_own_credential() -> None:
    traced = complete().descendants
    assert traced is not None
    late = replace(traced, traces=(Traced("AKIAIOSFODNN7EXAMPLE", "2026-11-23T21:14:01Z", "x"),))
    other = replace(traced, traces=(Traced("AKIAI44QH8DHBEXAMPLE", "2026-11-23T21:14:00Z", "x"),))

    assert progress_of(complete(descendants=late), "3.a") is Progress.OPEN
    assert "no trace of AKIAIOSFODNN7EXAMPLE" in status_of(complete(descendants=other), "3.a").why
    assert progress_of(complete(), "3.a") is Progress.COMPLETE


def test_a_descendant_that_works_on_is_open_until_somebody_deals_with_it() -> None:
    traced = complete().descendants
    assert traced is not None
    backdoor = Descendant(
        "arn:aws:iam::111122223333:user/backdoor", "user", "A_made", "111122223333/user/backdoor",
        "", "2026-11-23T21:20:00Z", "", "e", "certain",
    )  # fmt: skip
    working = replace(traced, descendants=(backdoor,))
    swept = replace(traced, descendants=(replace(backdoor, swept="deleted by ana"),))

    assert progress_of(complete(descendants=working), "3.e") is Progress.OPEN
    assert progress_of(complete(descendants=working), "3.f") is Progress.OPEN
    assert progress_of(complete(descendants=swept), "3.e") is Progress.COMPLETE


def test_a_trace_from_before_the_last_change_is_to_be_repeated() -> None:
    traced = complete().descendants
    assert traced is not None
    trace = Traced("AKIAIOSFODNN7EXAMPLE", "2026-11-23T21:14:00Z", "2026-11-23T21:30:00Z")

    early = complete(descendants=replace(traced, traces=(trace,)))
    assert progress_of(early, "3.e") is Progress.COMPLETE
    assert progress_of(early, "3.f") is Progress.OPEN


def test_a_t0_on_record_that_the_spec_does_not_have_is_open() -> None:
    t0 = {
        "kind": "t0", "n": 1, "text": "2026-11-20T00:00:00Z", "source": "commit", "author": "ana",
        "at": "2026-11-24T10:00:00Z",
    }  # fmt: skip

    status = status_of(scene(record=record_of([t0])), "1.f")
    assert status.progress is Progress.OPEN
    assert "the record says 2026-11-20T00:00:00Z" in status.why


def test_somebody_whom_a_signal_names_and_the_spec_does_not_is_open() -> None:
    signal = next(one for one in ENTRIES if one["kind"] == "signal")
    subject = {"key_id": "", "principal": "arn:aws:iam::111122223333:user/somebody"}
    stranger = {**signal, "id": "2", "subject": subject}
    nobody = {**signal, "id": "3", "subject": {"key_id": "", "principal": ""}}
    # A finding knows no path.
    pathless = {**signal, "subject": {"principal": "arn:aws:iam::111122223333:user/ci-deploy"}}

    assert "does not name" in status_of(scene(record=record_of([stranger])), "1.e").why
    assert "names nobody" in status_of(scene(record=record_of([nobody])), "1.e").why
    assert progress_of(scene(record=record_of([pathless])), "1.e") is Progress.COMPLETE


def test_a_message_without_a_receipt_is_open() -> None:
    unread = {
        "kind": "message", "n": 1, "text": "x", "step": "1.h", "to": "legal", "author": "ana",
        "at": "2026-11-24T10:00:00Z",
    }  # fmt: skip

    assert status_of(scene(record=record_of([unread])), "1.h").why == "no receipt of legal"


def test_the_review_is_overdue_after_its_time() -> None:
    late = datetime(2026, 11, 25, 9, 0, 1, tzinfo=UTC)

    assert progress_of(scene(now=NOW), "5.b") is Progress.OPEN
    assert progress_of(scene(now=late), "5.b") is Progress.OVERDUE


@pytest.mark.parametrize("text", HOSTILE)
def test_no_form_lets_hostile_text_act(text: str) -> None:
    hostile = [{**one, "text": text, "author": text, "to": text} for one in ENTRIES]
    spec = IncidentSpec.model_validate(report_scene.SPEC)
    status = compute_process(complete(record=record_of(hostile), spec=spec))

    page, table = as_html(status), as_markdown(status)
    for shown in (page, table):
        assert "\x1b" not in shown
        assert "\u202e" not in shown
    assert "<script" not in page
    assert "<img" not in page
    assert len([row for row in table.splitlines() if row.startswith("| ")]) == len(STEPS) + 5
    assert len(as_document(status)["steps"]) == 27


def test_a_stack_without_traces_knows_nothing_of_them() -> None:
    assert progress_of(complete(descendants=None), "3.a") is Progress.OPEN
    assert progress_of(complete(descendants=Record("inc-2026-0042")), "3.e") is Progress.OPEN

"""A report says what is on record, with who, when, and AWS's ids; and nothing that is not."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from containment.incident_report import as_document, as_html, as_markdown, compile_report
from containment.incident_report.html import drawn
from tests.support.hostile_texts import HOSTILE
from tests.support.report_scene import OPERATOR, ROLE, USER, sources

pytestmark = pytest.mark.plain


def test_whom_when_and_by_whom_by_the_ledger() -> None:
    contained = dict(compile_report(sources()).contained)

    assert f"deny-all; since 2026-11-23T21:40:00Z by {OPERATOR}" in contained[USER]
    assert "given back at 2026-11-24T09:00:00Z as confirmed" in contained[USER]
    assert contained[ROLE] == f"revoke-sessions; since 2026-11-23T21:40:00Z by {OPERATOR}"


def test_whom_the_ledger_does_not_know_is_told_as_the_spec_has_them() -> None:
    contained = dict(compile_report(sources(entries=[], verdicts=[])).contained)

    assert contained[ROLE] == "revoke-sessions, by the spec; no change is on record"


def test_times_are_counted_from_what_was_done_and_only_where_it_is_on_record() -> None:
    times = dict(compile_report(sources()).times)

    assert times == {
        "from T0 to the first change": "26 min 10 s",
        "from T0 to the last facet's first change (contained)": "26 min 15 s",
        "from contained to verified": "39 min 59 s",
    }
    assert set(dict(compile_report(sources(entries=[], verdicts=[])).times).values()) == {
        "not on record"
    }


def test_the_timeline_is_in_order_and_has_the_request_ids() -> None:
    timeline = compile_report(sources()).timeline

    assert [one.moment for one in timeline] == sorted(one.moment for one in timeline)
    assert [one.kind for one in timeline[:2]] == ["compromise", "attacker"]
    (refused,) = [one for one in timeline if "TagUser" in one.what]
    assert (refused.what.endswith(": refused"), refused.request, refused.by) == (
        True,
        "request-11",
        OPERATOR,
    )
    assert [one.what for one in timeline if one.kind == "verdict"] == [
        "not verified",
        "contained, verified",
    ]
    assert timeline[-1].kind == "lift"


def test_the_verdict_is_the_last_one_and_none_is_made_up() -> None:
    report = compile_report(sources())
    (claim,) = report.claims

    assert (report.verdict, report.verdict_at) == ("contained, verified", "2026-11-23T22:20:14Z")
    assert (claim.request, claim.authorization) == ("request-77", "4f7kq2m9")
    first_alone = compile_report(sources(verdicts=sources().verdicts[:1]))
    assert first_alone.verdict == "not verified"
    assert first_alone.missing == (("V5 of account 111122223333", "no log"),)
    assert compile_report(sources(verdicts=[])).verdict == "never verified"


def test_who_can_undo_it_and_become_it_is_told_as_the_last_verification_saw_it() -> None:
    report = compile_report(sources())

    assert report.access == (
        (f"can undo {ROLE}", f"1 holder now, 2 before: {USER} (iam:PutRolePolicy)"),
        (f"can become {ROLE}", "0 holders now, 0 before"),
        (f"not looked at for {ROLE}", "the control policies"),
    )
    assert "Who can undo it" in as_markdown(report)
    assert "iam:PutRolePolicy" in as_html(report)
    for edited in ("x", [1], [{"undo": 7, "become": [{"actions": 3}], "notes": 1}]):
        forged = [{"verdict": "not verified", "access": edited, "missing": edited}]
        forged += [{**forged[0], "evidence": edited}]
        assert "PutRolePolicy" not in str(compile_report(sources(verdicts=forged)).access)


def test_collateral_is_what_nobody_named_and_honest_sessions() -> None:
    collateral = compile_report(sources()).collateral

    assert collateral == (
        f"access key AKIAI44QH8DHBEXAMPLE of {USER}, which nobody named",
        f"every session of {ROLE} from before T, honest ones too",
    )


def test_techniques_are_those_that_the_record_shows_each_with_an_owner() -> None:
    report = compile_report(sources())

    assert [one.technique_id for one in report.techniques] == [
        "T1078.004",
        "T1552.001",
        "T1098.001",
    ]
    assert report.owner in as_markdown(report)
    untraced = compile_report(sources(descendants=None))
    assert "T1098.001" not in {one.technique_id for one in untraced.techniques}


def test_each_form_says_the_same_and_says_emulated() -> None:
    report = compile_report(sources())
    document = as_document(report)

    assert json.loads(json.dumps(document)) == document | json.loads(json.dumps(document))
    for page in (as_markdown(report), as_html(report)):
        assert "EMULATED" in page
        assert "contained, verified" in page
        assert "4f7kq2m9" in page
        assert "request-3" in page
        assert "What cannot be proved" in page
    assert document["emulated"] is True


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        del attrs
        self.names.append(tag)


def elements(page: str) -> list[str]:
    parser = Elements()
    parser.feed(page)
    return parser.names


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_of_others_act_in_no_form(text: str) -> None:
    report = compile_report(sources(text))

    assert elements(as_html(report)) == elements(as_html(compile_report(sources("x"))))
    for page in (as_html(report), as_markdown(report)):
        assert all(char == "\n" or char.isprintable() for char in page)
    assert len(as_markdown(report).splitlines()) == len(
        as_markdown(compile_report(sources("x"))).splitlines()
    )


def test_points_are_drawn_by_their_time_and_crowded_ones_side_by_side() -> None:
    timeline = compile_report(sources()).timeline
    marks = drawn(timeline)

    assert [mark.number for mark in marks] == list(range(1, len(timeline) + 1))
    assert [mark.x for mark in marks] == sorted(mark.x for mark in marks)
    assert (marks[0].x, marks[-1].x) == (20.0, 980.0)
    assert len({(round(mark.x / 14), mark.lane) for mark in marks[2:6]}) > 1
    assert drawn([]) == []


def test_a_verdict_that_is_no_word_of_ours_is_not_shown_as_one() -> None:
    forged = [{"verdict": "**all clear**", "verified_at": "2026-11-23T22:00:00Z"}]

    report = compile_report(sources(verdicts=forged))
    assert report.verdict == "no verdict of ours"
    assert "all clear" not in as_markdown(report).partition("## Timeline")[0]

"""The verdict over evidence: nothing but every claim shown is 'contained, verified'."""

from __future__ import annotations

from dataclasses import replace

import pytest

from containment.verify.evidence import Evidence
from containment.verify.verdict import Claims, judge

pytestmark = pytest.mark.plain

ARN = "arn:aws:iam::111122223333:user/ci/ci-deploy"
ACCOUNT = "account 111122223333"
CLAIMS = Claims(
    stack="inc-2026-0042",
    principals=(ARN,),
    denied=(ARN,),
    artefacts=("DenyPolicy",),
    guarded=(ACCOUNT,),
    accounts=(ACCOUNT,),
)
WHOLE = (
    Evidence("V1", ARN, "holds", "all of it is there", reading=1),
    Evidence("V1", ACCOUNT, "holds", "the guard is there", reading=1),
    Evidence("V2", ARN, "holds", "all is denied"),
    Evidence("V4+", ARN, "holds", "AWS names our statement", artefact="DenyPolicy"),
    Evidence("V5", ACCOUNT, "holds", "every Region is covered"),
    Evidence("V1", ARN, "holds", "all of it is there", reading=2),
    Evidence("V1", ACCOUNT, "holds", "the guard is there", reading=2),
)


def test_every_claim_shown_is_contained_and_verified() -> None:
    verdict = judge(CLAIMS, WHOLE)

    assert (verdict.word, verdict.causes, verdict.missing) == ("contained, verified", (), ())


def test_a_probe_of_ones_own_stands_for_a_record_of_aws() -> None:
    probed = [replace(one, level="V3") if one.level == "V4+" else one for one in WHOLE]

    assert judge(CLAIMS, probed).word == "contained, verified"


@pytest.mark.parametrize("number", range(len(WHOLE)))
def test_whatever_one_piece_is_missing_it_is_not_verified_and_named(number: int) -> None:
    rest = [one for index, one in enumerate(WHOLE) if index != number]

    verdict = judge(CLAIMS, rest)

    assert verdict.word == "not verified"
    (missing,) = verdict.missing
    assert missing.level == WHOLE[number].level
    assert missing.subject in {WHOLE[number].subject, WHOLE[number].artefact}
    assert missing.step


@pytest.mark.parametrize("number", range(len(WHOLE)))
def test_whatever_one_piece_is_open_it_is_not_verified_with_its_own_words(number: int) -> None:
    doubt = replace(WHOLE[number], outcome="open", what="AWS could not be asked", step="ask again")
    evidence = [doubt if index == number else one for index, one in enumerate(WHOLE)]

    verdict = judge(CLAIMS, evidence)

    assert verdict.word == "not verified"
    assert [(one.why, one.step) for one in verdict.missing] == [
        ("AWS could not be asked", "ask again")
    ]


@pytest.mark.parametrize("number", [0, 1, 2, 4, 5, 6])
def test_a_claim_is_shown_by_no_one_where_another_look_leaves_it_open(number: int) -> None:
    doubt = replace(WHOLE[number], outcome="open", what="a part could not be read")

    verdict = judge(CLAIMS, [*WHOLE, doubt])

    assert [one.why for one in verdict.missing] == ["a part could not be read"]


@pytest.mark.parametrize("number", range(len(WHOLE)))
def test_whatever_one_piece_is_broken_it_is_not_contained_by_that(number: int) -> None:
    cause = replace(WHOLE[number], outcome="broken", what="there is a way in")

    verdict = judge(CLAIMS, [*WHOLE, cause])

    assert verdict.word == "not contained"
    assert verdict.causes == (cause,)


def test_a_note_shows_nothing_and_refutes_nothing() -> None:
    notes = [replace(one, outcome="note") for one in WHOLE]

    assert judge(CLAIMS, [*WHOLE, *notes]).word == "contained, verified"
    assert judge(CLAIMS, notes).word == "not verified"


def test_evidence_about_another_principal_shows_nothing() -> None:
    others = [replace(one, subject="arn:aws:iam::111122223333:user/alice") for one in WHOLE]

    assert len(judge(CLAIMS, others).missing) == 4


def test_an_incident_of_nobody_is_not_verified() -> None:
    nobody = Claims("inc-2026-0042", (), (), (), (), ())

    assert judge(nobody, WHOLE).word == "not verified"


def test_no_evidence_is_not_verified() -> None:
    verdict = judge(CLAIMS, ())

    assert verdict.word == "not verified"
    assert [one.level for one in verdict.missing] == ["V1", "V1", "V2", "V4+", "V5"]


def test_what_the_logs_leave_open_counts_though_they_claim_nothing() -> None:
    doubt = Evidence("V4", "inc-2026-0042", "open", "2 logs were not read whole", "mend them")

    verdict = judge(CLAIMS, [*WHOLE, doubt])

    assert verdict.word == "not verified"
    assert [(one.level, one.why) for one in verdict.missing] == [("V4", doubt.what)]

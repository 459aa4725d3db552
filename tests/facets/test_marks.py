"""Marks: ours is told from everybody else's, and the newer from the older."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containment.facets import claims
from containment.facets.marks import (
    attachment_tag,
    credentials_tag,
    incident_of_policy,
    incident_of_tag,
    mark,
    new_snapshot_id,
    parse_sid,
    policy_name,
)

pytestmark = pytest.mark.plain

incidents = st.from_regex(r"[a-z0-9][a-z0-9-]{2,39}", fullmatch=True)
generations = st.integers(min_value=0, max_value=36**9 - 1)


@given(incidents, generations)
def test_a_sid_carries_its_mark_there_and_back(incident: str, generation: int) -> None:
    made = mark(incident, new_snapshot_id(), generation)

    assert made.sid.isalnum()
    assert len(made.sid) == 42
    assert parse_sid(made.sid) == made
    assert made.is_of(incident)
    assert not made.is_of(incident + "x")


@given(generations, generations)
def test_generations_sort_as_their_sids_do(first: int, second: int) -> None:
    sids = [mark("inc-2026-0042", "abcdefghij", generation).sid for generation in (first, second)]

    assert (sids[0] < sids[1]) == (first < second)


@pytest.mark.parametrize("sid", [None, 7, "", "Containment", "DenyAll", "containment" + "a" * 31])
def test_a_sid_of_others_has_no_mark(sid: object) -> None:
    assert parse_sid(sid) is None


@given(incidents)
def test_names_of_ours_tell_their_incident(incident: str) -> None:
    assert incident_of_policy(policy_name(incident)) == incident
    assert incident_of_tag(credentials_tag(incident)) == incident
    assert incident_of_tag(attachment_tag(incident)) == incident


def test_other_names_tell_no_incident() -> None:
    assert incident_of_policy("AWSRevokeOlderSessions") is None
    assert incident_of_tag("team") is None


KEY_TAG = "containment:" + "i" * 40
# What AWS allows one user: "IAM and AWS STS quotas". Ids are as long as AWS makes them.
LARGEST = {
    **{f"AKIA{number:016}": "Active" for number in range(2)},
    **{f"APKA{number:016}": "Inactive" for number in range(5)},
    **{f"C{number:031}": "Active" for number in range(2)},
    **{f"ACCA{number:017}": "Active" for number in range(8)},
    "password": "Active",
}


@pytest.mark.parametrize("priors", [{}, {"AKIAIOSFODNN7EXAMPLE": "Inactive"}, LARGEST], ids=len)
def test_a_claim_survives_its_tags_and_fits_in_them(priors: dict[str, str]) -> None:
    claim = claims.Claim("abcdefghij", 1_795_518_338_966, priors)

    tags = claim.values(KEY_TAG)

    assert claims.read(tags, KEY_TAG) == claims.read(tags, KEY_TAG, whole=True) == claim
    assert all(len(value) <= claims.LONGEST and len(key) <= 128 for key, value in tags.items())
    assert all(incident_of_tag(key) == "i" * 40 for key in tags)
    assert len(tags) == (2 if priors is LARGEST else 1)


def test_a_claim_of_an_earlier_release_is_read() -> None:
    value = "AKIAI44QH8DHBEXAMPLE=Inactive AKIAIOSFODNN7EXAMPLE=Active s=abcdefghij g=17"

    claim = claims.read({KEY_TAG: value}, KEY_TAG)

    priors = {"AKIAI44QH8DHBEXAMPLE": "Inactive", "AKIAIOSFODNN7EXAMPLE": "Active"}
    assert claim == claims.Claim("abcdefghij", 17, priors)


def test_a_claim_whose_writing_was_cut_off_loses_nothing() -> None:
    before = claims.Claim("abcdefghij", 17, LARGEST).values(KEY_TAG)
    after = claims.Claim("abcdefghij", 18, LARGEST).values(KEY_TAG)

    for written in range(len(after) + 1):
        tags = before | dict(list(after.items())[:written])
        claim = claims.read(tags, KEY_TAG)
        assert claim is not None
        assert claim.priors == LARGEST


def test_a_part_under_another_snapshot_adds_nothing() -> None:
    own_claim = claims.Claim("abcdefghij", 18, {"AKIAIOSFODNN7EXAMPLE": "Inactive"})
    planted = claims.Claim("0123456789", 17, {"AKIAI44QH8DHBEXAMPLE": "Active"})

    assert (
        claims.read({KEY_TAG: own_claim.value, f"{KEY_TAG}/2": planted.value}, KEY_TAG) == own_claim
    )


def test_a_part_that_nobody_can_read_leaves_the_others_and_hides_what_another_incident_holds() -> (
    None
):
    tags = claims.Claim("abcdefghij", 18, LARGEST).values(KEY_TAG) | {f"{KEY_TAG}/2": "rubbish"}

    claim = claims.read(tags, KEY_TAG)

    assert claim is not None
    assert LARGEST.items() > claim.priors.items() > set()
    assert claims.read(tags, KEY_TAG, whole=True) is None


@pytest.mark.parametrize("value", [None, "", "x", "AKIA=Active", "s=abc", "s=abc g=soon"])
def test_a_claim_that_somebody_rewrote_is_none(value: str | None) -> None:
    assert claims.parse(value) is None

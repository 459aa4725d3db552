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
def test_generations_sort_as_their_sids_do(left: int, right: int) -> None:
    sids = [mark("inc-2026-0042", "abcdefghij", generation).sid for generation in (left, right)]

    assert (sids[0] < sids[1]) == (left < right)


@pytest.mark.parametrize("sid", [None, 7, "", "Containment", "DenyAll", "containment" + "a" * 31])
def test_what_is_not_ours_has_no_mark(sid: object) -> None:
    assert parse_sid(sid) is None


@given(incidents)
def test_names_say_their_incident(incident: str) -> None:
    assert incident_of_policy(policy_name(incident)) == incident
    assert incident_of_tag(credentials_tag(incident)) == incident
    assert incident_of_tag(attachment_tag(incident)) == incident


def test_other_names_say_none() -> None:
    assert incident_of_policy("AWSRevokeOlderSessions") is None
    assert incident_of_tag("team") is None


def test_a_claim_survives_the_tag_and_fits_in_it() -> None:
    claim = claims.Claim(
        "abcdefghij",
        1_795_518_338_966,
        {"AKIAIOSFODNN7EXAMPLE": "Active", "AKIAI44QH8DHBEXAMPLE": "Inactive"},
    )

    assert claims.parse(claim.value) == claim
    assert len(claim.value) <= claims.LONGEST


@pytest.mark.parametrize("value", [None, "", "x", "AKIA=Active", "s=abc", "s=abc g=soon"])
def test_a_claim_that_somebody_rewrote_is_none(value: str | None) -> None:
    assert claims.parse(value) is None

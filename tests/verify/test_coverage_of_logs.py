"""V5: what counts as covered, and what as a gap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from containment.clock import isoformat
from containment.verify.coverage import Coverage, cover, window_from

pytestmark = pytest.mark.plain

T = datetime(2026, 11, 23, 21, 30, tzinfo=UTC)
WINDOW = window_from(T)
HERE = ("111122223333", "us-east-1")
AWAY = ("111122223333", "eu-west-1")


def minutes(*numbers: int) -> set[str]:
    return {isoformat(T + timedelta(minutes=number)) for number in numbers}


def covered(
    times: dict[tuple[str, str], set[str]],
    *,
    asked: bool = False,
    regions: tuple[str, ...] = ("eu-west-1", "us-east-1"),
    now: int = 600,
) -> Coverage:
    return cover(
        times,
        accounts=["111122223333"],
        regions=regions,
        window=WINDOW,
        now=T + timedelta(minutes=now),
        asked=asked,
        step="ask again",
    )


BUSY = minutes(*range(-5, 40))


def test_records_all_along_and_past_the_window_cover_it() -> None:
    result = covered({HERE: BUSY, AWAY: minutes(9, 20, 33, 36)})

    assert result.complete
    (evidence,) = result.evidence
    assert evidence.subject == "account 111122223333"
    assert "2 Regions are covered from 2026-11-23T21:30:00Z to 2026-11-23T22:00:00Z" in (
        evidence.what
    )


@pytest.mark.parametrize(
    ("elsewhere", "why"),
    [
        (set[str](), "eu-west-1 has no record since"),
        (minutes(-9), "eu-west-1 has no record since"),
        (minutes(2, 10, 20), "eu-west-1 up to 2026-11-23T21:45:00Z"),
        (minutes(2, 10, 20, 34), "eu-west-1 up to 2026-11-23T21:59:00Z"),
        (minutes(2, 10, 26, 35), "eu-west-1 has a gap after 2026-11-23T21:35:00Z"),
        (minutes(16, 20, 30, 40), "eu-west-1 has a gap after 2026-11-23T21:30:00Z"),
    ],
)
def test_a_region_whose_log_is_missing_late_or_has_a_gap_is_named(
    elsewhere: set[str], why: str
) -> None:
    result = covered({HERE: BUSY, AWAY: elsewhere})

    assert not result.complete
    (evidence,) = result.evidence
    assert (evidence.outcome, evidence.step) == ("open", "ask again")
    assert why in evidence.what
    assert "us-east-1" not in evidence.what
    assert result.slowest == "eu-west-1"


def test_where_aws_was_asked_a_quiet_spell_is_no_gap_and_the_newest_record_tells() -> None:
    quiet = {HERE: BUSY, AWAY: minutes(1, 36)}

    assert covered(quiet, asked=True).complete
    assert not covered(quiet).complete
    assert not covered({HERE: BUSY, AWAY: minutes(1, 34)}, asked=True).complete
    assert not covered({HERE: BUSY}, asked=True).complete


def test_the_account_of_another_trail_covers_nothing() -> None:
    strange = {("999999999999", "us-east-1"): BUSY, ("999999999999", "eu-west-1"): BUSY}

    assert not covered(strange).complete


def test_no_known_regions_cover_nothing() -> None:
    result = covered({HERE: BUSY}, regions=())

    assert not result.complete
    assert "which Regions are enabled is not known" in result.evidence[0].what


def test_a_record_from_the_future_covers_nothing() -> None:
    late = {HERE: BUSY, AWAY: minutes(1, 9000)}

    assert not covered(late, asked=True, now=40).complete

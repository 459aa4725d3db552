"""Times as AWS, engines, search services and spreadsheets print them; no uncertain one is read."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containment.trail.logs.times import NO_SECONDS, NO_ZONE, normal_time, read_time, time_text

pytestmark = pytest.mark.plain

SAME = [
    "2026-11-20T10:01:00Z",
    "2026-11-20t10:01:00z",
    "2026-11-20 10:01:00.000 UTC",
    "2026-11-20T10:01:00.000+0000",
    "2026-11-20 12:01:00.000 +0200",
    "2026-11-20 05:01:00 -05",
    "2026-11-20T15:31:00+05:30",
    "2026-11-20 15:31:00 UTC+0530",
    "2026-11-20T11:01:00+01:00[Europe/Berlin]",
    "2026-11-20 11:01:00.000 Europe/Berlin",
    "2026-11-20 10:01:00.123456789 +00:00",
    "20261120T100100Z",
    1795168860,
    "1795168860",
    "1795168860.123",
    1795168860000,
    "1795168860000000",
    1795168860000000000,
    "Fri, 20 Nov 2026 10:01:00 GMT",
    "Fri Nov 20 10:01:00 UTC 2026",
    "20/Nov/2026:10:01:00 +0000",
    "November 20, 2026, 11:01:00 (UTC+01:00)",
    "Friday, November 20, 2026 10:01:00 AM UTC",
]
NO_ZONES = [
    "2026-11-20 10:01:00.000",
    "2026-11-20 10:01:00,000",
    "2026/11/20 10:01:00",
    "Nov 20, 2026, 10:01:00 AM",
    "Nov 20, 2026 @ 10:01:00.000",
    "November 20th 2026, 10:01:00.000",
    "11/20/2026, 10:01:00.000 AM",
    "11/20/2026 10:01:00\u202fAM",
    "20/11/2026 10:01:00",
    "20.11.2026 10:01:00",
    "20-Nov-2026 10:01:00",
    "46346.4173611111",
    "20261120100100",
]
UNCERTAIN = [
    "1970-01-01T00:00:00Z", "0001-01-01 00:00:00", "9999-12-31T23:59:59Z",
    "", "yesterday", "2026-11-20", "10:01:00", "2026-11-20 10:01:00 EST", "2026-11-20 10:01:00 IST",
    "11/12/2026 10:01:00 AM", "11/20/26 10:01:00", "2026-11-20T24:00:00Z", "2026-11-20T10:01:60Z",
    "2026-02-30T10:01:00Z", "2026-10-25 02:30:00 Europe/Berlin", "2026-11-20 10:01:00 ../../etc/x",
    "2026-11-20 10:01:00 +99:00", "1.79517E+12", 5, 0, -1, 1.7e30, float("nan"), float("inf"), True,
    "٢٠٢٦-11-20T10:01:00Z", "2026-11-20T10:01:00Z" + " " * 100, "2026-11-20T10:01:00Z; DROP",
]  # fmt: skip


@pytest.mark.parametrize("value", SAME, ids=repr)
def test_a_time_that_names_its_zone_is_read(value: str | float) -> None:
    reading = read_time(value)

    assert reading is not None
    assert (reading.text, reading.assumed) == ("2026-11-20T10:01:00Z", "")


@pytest.mark.parametrize("value", NO_ZONES, ids=repr)
def test_a_time_without_a_zone_is_read_as_utc_and_that_is_told(value: str) -> None:
    reading = read_time(value)

    assert reading is not None
    assert (reading.text, reading.assumed) == ("2026-11-20T10:01:00Z", NO_ZONE)


def test_a_time_without_seconds_is_read_as_the_beginning_of_its_minute_and_that_is_told() -> None:
    reading = read_time("11/20/2026 10:01")

    assert reading is not None
    assert reading.text == "2026-11-20T10:01:00Z"
    assert NO_SECONDS in reading.assumed


@pytest.mark.parametrize("value", UNCERTAIN, ids=repr)
def test_a_time_that_is_not_certain_is_not_read(value: str | float) -> None:
    assert read_time(value) is None


@given(st.datetimes(datetime(2006, 1, 3), datetime(2099, 12, 30), timezones=st.timezones()))  # noqa: DTZ001 -- hypothesis adds the zones
def test_a_time_survives_its_own_form(moment: datetime) -> None:
    text = time_text(moment)

    assert normal_time(text) == text


@given(
    st.text(alphabet="0123456789-/:. TZAPMUTCNov,@+[]()", max_size=40) | st.floats() | st.integers()
)
def test_no_text_and_no_number_raises(value: str | float) -> None:
    reading = read_time(value)

    assert reading is None or len(reading.text) == 20

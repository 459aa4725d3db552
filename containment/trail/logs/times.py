"""Read a moment in whatever form a log, an export or a spreadsheet prints it.

What is not certain is not read: a date whose day and month may be exchanged, a zone by a name that
several places share, a date without a time of day. The caller says so and concludes nothing.

Source: CloudTrail User Guide, "CloudTrail record contents" (eventTime is UTC); Trino, "Date and
time functions and operators" (zones by offset or name); RFC 3339, RFC 2822, Common Log Format.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_ZONE = "times without a zone, read as UTC"
NO_SECONDS = "times without seconds, read as the beginning of the minute"

_LONGEST = 80  # characters; the longest form in use has about fifty
_TIME = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?"
)
_COMPACT_TIME = r"(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?"
_BETWEEN = r"(?:[Tt]|,? @ |,? at |, | |,)"
_ZONE = r"(?P<zone>.*)"
_WEEKDAY = r"(?:[A-Za-z]{3,9},? )?"
_MONTH = r"(?P<name>[A-Za-z]{3,9})\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
_FORMS = (
    # 2026-11-20T10:01:00Z, 2026-11-20 10:01:00.000 UTC, 2026/11/20 10:01
    rf"{_YEAR}(?P<mark>[-/.])(?P<month>\d{{1,2}})(?P=mark){_DAY}{_BETWEEN}{_TIME}{_ZONE}",
    # 20261120T100100Z, 20261120100100
    rf"{_YEAR}(?P<month>\d\d)(?P<day>\d\d)[Tt ]?{_COMPACT_TIME}{_ZONE}",
    # Nov 20, 2026, 10:01:00 AM; November 20, 2026, 10:01:00 (UTC+01:00)
    rf"{_WEEKDAY}{_MONTH} {_DAY},? {_YEAR}{_BETWEEN}{_TIME}{_ZONE}",
    # Fri, 20 Nov 2026 10:01:00 GMT; 20-Nov-2026 10:01:00; 20/Nov/2026:10:01:00 +0000
    rf"{_WEEKDAY}{_DAY}[ /-]{_MONTH}[ /-]{_YEAR}(?::|{_BETWEEN}){_TIME}{_ZONE}",
    # Fri Nov 20 10:01:00 UTC 2026
    rf"{_WEEKDAY}{_MONTH} {_DAY} {_TIME}(?: (?P<zone>\S+))? {_YEAR}",
    # 20.11.2026 10:01:00; 11/20/2026, 10:01:00 AM
    rf"(?P<one>\d{{1,2}})(?P<mark>[./-])(?P<other>\d{{1,2}})(?P=mark){_YEAR}{_BETWEEN}{_TIME}{_ZONE}",
)
_NORMAL = re.compile(
    r"\d{4}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)"
    r"|(?:0[13578]|1[02])-31)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ",
    re.ASCII,
)
_NORMAL_LENGTH = len("2026-11-20T10:01:00Z")
_MONTHS = {
    month[:length]: number
    for number, month in enumerate(
        ("january", "february", "march", "april", "may", "june", "july", "august", "september",
         "october", "november", "december"), start=1,
    )
    for length in {3, len(month), 4 if month == "september" else 3}
}  # fmt: skip
_NUMBER = re.compile(r"\d{4,19}(?:\.\d+)?", re.ASCII)
# Seconds, milliseconds, microseconds and nanoseconds since 1970, from 2006 to 2100: the ranges do
# not meet, nor do they meet a spreadsheet's days since 1899-12-30.
_EARLIEST, _LATEST = 1_136_073_600, 4_102_444_800
_UNITS = (1, 10**3, 10**6, 10**9)
_DAY_ZERO = datetime(1899, 12, 30, tzinfo=UTC)
_SHEET_DAYS = (38_718, 73_051)
_UTC_NAMES = frozenset({"", "z", "utc", "gmt", "ut", "uct", "zulu", "etc/utc", "etc/gmt"})
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d\d)?(?::?00)?", re.ASCII | re.IGNORECASE)
_AREA = re.compile(r"[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_+-]+){1,2}", re.ASCII)
_NOON = 12
_WRAPS = 3  # {"$date": {"$numberLong": "…"}}, in a list
# As PowerShell's ConvertTo-Json prints a moment: milliseconds since 1970, UTC whatever follows.
_DOTNET = re.compile(r"\\?/Date\((\d{10,14})(?:[+-]\d{4})?\)\\?/", re.ASCII)


@dataclass(frozen=True, slots=True)
class TimeReading:
    """A moment in UTC, and what had to be assumed to read it; empty where nothing had to."""

    moment: datetime
    assumed: str = ""

    @property
    def text(self) -> str:
        """The moment as ``YYYY-MM-DDTHH:MM:SSZ``."""
        return time_text(self.moment)


def read_time(value: str | float) -> TimeReading | None:
    """Return the moment that *value* prints; None if that is not certain."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _from_number(value)
    reading = _from_text(value) if len(value) <= _LONGEST else None
    return reading if reading is not None and can_be_logged(reading.moment) else None


_FIRST = datetime(2006, 1, 1, tzinfo=UTC)
_LAST = datetime(2100, 1, 1, tzinfo=UTC)


def can_be_logged(moment: datetime) -> bool:
    """Tell whether AWS can have logged something at *moment*.

    What databases and programs print for a moment that they do not know is far from that: the first
    of 1970, of 1900, of the year 1, the last of 9999.
    """
    return _FIRST <= moment < _LAST


def unwrapped(value: Any) -> Any:
    """Return what is in *value*, a list or an object of one item as databases print a moment."""
    for _ in range(_WRAPS):
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        elif isinstance(value, dict) and len(value) == 1:
            (value,) = value.values()
    return value


@cache  # CloudTrail's own files need none of them
def _forms() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(form, re.ASCII) for form in _FORMS)


@lru_cache(maxsize=16384)  # of short texts: a log is the attacker's, and so is its size
def _from_text(value: str) -> TimeReading | None:
    text = " ".join(value.replace("\u2212", "-").split()).strip("\"'")
    if dotnet := _DOTNET.fullmatch(text):
        text = dotnet[1]
    if _NUMBER.fullmatch(text) and (reading := _from_number(float(text))):
        return reading
    for form in _forms():
        match = form.fullmatch(text)
        if match is not None and (reading := _from_parts(match.groupdict())):
            return reading
    return None


def time_text(moment: datetime) -> str:
    """Return *moment*, which knows its zone, as ``YYYY-MM-DDTHH:MM:SSZ``."""
    if moment.tzinfo is not UTC:
        try:
            moment = moment.astimezone(UTC)
        except OverflowError:  # within a day of the year 1 or 9999
            moment = moment.replace(tzinfo=UTC)
    text: str = msgspec.to_builtins(moment)  # seven times as fast as isoformat()
    return text if len(text) == _NORMAL_LENGTH else text[: _NORMAL_LENGTH - 1] + "Z"


def normal_time(value: str) -> str:
    """Bring *value* to ``YYYY-MM-DDTHH:MM:SSZ``; empty if it cannot be read for certain."""
    return _normal_text(value) if len(value) <= _LONGEST else ""


@lru_cache(maxsize=16384)  # a session's creation stands in each of its files
def _normal_text(value: str) -> str:
    if "2006" <= value < "2100" and _NORMAL.fullmatch(value):
        return value
    reading = read_time(value)
    return reading.text if reading else ""


def _from_number(value: float) -> TimeReading | None:
    for unit in _UNITS:
        if _EARLIEST <= value / unit < _LATEST:
            return TimeReading(datetime.fromtimestamp(value / unit, UTC))
    first, last = _SHEET_DAYS
    if first <= value < last:
        moment = _DAY_ZERO + timedelta(seconds=round(value * 86_400))
        return TimeReading(moment, NO_ZONE)
    return None


def _from_parts(parts: Mapping[str, str | None]) -> TimeReading | None:
    date = _date(parts)
    hour = _hour(int(parts["hour"] or 0), parts.get("half"))
    zone, assumed = _zone(parts.get("zone") or "")
    if date is None or hour is None or zone is None:
        return None
    fraction = (parts.get("fraction") or "")[:6].ljust(6, "0")
    year, month, day = date
    second = parts.get("second")
    if second is None:
        assumed = "; ".join(filter(None, (assumed, NO_SECONDS)))
    try:
        local = datetime(
            year, month, day, hour, int(parts["minute"] or 0), int(second or 0), int(fraction),
            tzinfo=zone,
        )  # fmt: skip
        # An hour that a change of clocks repeats or skips names no one moment.
        if local.utcoffset() != local.replace(fold=1).utcoffset():
            return None
        return TimeReading(local.astimezone(UTC), assumed)
    except (ValueError, OverflowError):
        return None


def _date(parts: Mapping[str, str | None]) -> tuple[int, int, int] | None:
    year = int(parts["year"] or 0)
    if parts.get("one") is not None:
        one, other = int(parts["one"] or 0), int(parts["other"] or 0)
        if parts["mark"] == "." or one > _NOON or one == other:
            return year, other, one
        return (year, one, other) if other > _NOON else None
    if parts.get("name") is not None:
        month = _MONTHS.get((parts["name"] or "").lower())
        return None if month is None else (year, month, int(parts["day"] or 0))
    return year, int(parts["month"] or 0), int(parts["day"] or 0)


def _hour(hour: int, half: str | None) -> int | None:
    if not half:
        return hour
    if not 1 <= hour <= _NOON:
        return None
    return hour % _NOON + (_NOON if half in "Pp" else 0)


def _zone(text: str) -> tuple[tzinfo | None, str]:
    """Return the zone that *text* names and what was assumed; no zone if it is not certain."""
    name = text.strip().removeprefix("(").removesuffix(")").strip()
    offset, bracket, _ = name.partition("[")
    if bracket and name.endswith("]") and offset:
        name = offset  # Java prints 2026-11-20T11:01:00+01:00[Europe/Berlin]
    if name.lower() in _UTC_NAMES:
        return UTC, "" if name else NO_ZONE
    match = _OFFSET.fullmatch(name)
    if match is not None:
        distance = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
        if distance > timedelta(hours=14):
            return None, ""
        return timezone(-distance if match[1] == "-" else distance), ""
    if _AREA.fullmatch(name):
        try:
            return ZoneInfo(name), ""
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return None, ""
    return None, ""

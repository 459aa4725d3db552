"""Reads the ids of many leaked access keys out of what a scanner or a person wrote down.

Known are: one id a line, CSV, TruffleHog's JSON (one document, or one a line), gitleaks' JSON,
SARIF, and the alerts of GitHub's secret scanning as its API gives them. Of a secret nothing is
kept: only what is an access key id as a whole, or stands as one in a place where a scanner quotes
code, leaves this module. No key is tried by using it. One bad entry is named by its place, never by
its text, and spoils no other.

Sources: GitHub REST API, "Secret scanning" (``secret_type``, ``secret``, ``created_at``,
``first_location_detected``); SARIF 2.1.0, sections 3.14, 3.27 and 3.30 (runs, results, regions);
TruffleHog's README, "JSON output" (``DetectorName``, ``Raw``, ``RawV2``, ``Redacted``,
``SourceMetadata``); gitleaks' source, ``report/finding.go`` (``RuleID``, ``Secret``, ``File``,
``StartLine``, ``Date``).
"""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from containment.clock import moment_of
from containment.errors import SpecError
from containment.identities import is_access_key_id, is_temporary_key_id
from containment.intake.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_BYTES = 64 * 1024 * 1024
# An id is upper case letters and digits: in a longer word of those it is part of something else.
_QUOTED_ID = re.compile(r"(?<![A-Za-z0-9/+])A(?:KI|SI)A[A-Z0-9]{12,124}(?![A-Za-z0-9/+])")
_LONGEST_PLACE = 160
_AWS = "aws"


@dataclass(frozen=True, slots=True)
class Leak:
    """One leaked key; *place* is where it was found, *found_at* since when, as far as is told."""

    key_id: str
    place: str = ""
    found_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Leaks:
    """What was read: the keys, each once, and what could not be used, by its place.

    *others* counts findings of something else than a key of AWS.
    """

    leaks: tuple[Leak, ...]
    unread: tuple[str, ...] = ()
    others: int = 0


# What a URL may carry for access: the user's part, and the query.
_USER_IN_URL = re.compile(r"//[^/@\s]*@")
_AFTER_PATH = re.compile(r"[?#]\S*")


def _without_secrets(place: str) -> str:
    """Return *place*, which may be a URL, without what in it gives access."""
    return _AFTER_PATH.sub("", _USER_IN_URL.sub("//", place)) if "//" in place else place


@dataclass(slots=True)
class _Reading:
    """What was read so far; of a key that is found again the earliest time counts."""

    by_key: dict[str, Leak] = field(default_factory=dict[str, Leak])
    unread: list[str] = field(default_factory=list[str])
    others: int = 0

    def add(self, entry: str, keys: Iterable[str], place: str, found_at: datetime | None) -> None:
        """Take the *keys* of one *entry*; say where it has none that can be contained."""
        some = False
        for key in keys:
            some = True
            if is_temporary_key_id(key):
                self.unread.append(
                    f"{entry}: {key} is a session's key, and AWS does not say whose; name the role"
                    " or user that CloudTrail names"
                )
            elif is_access_key_id(key):
                self._keep(Leak(key, one_line(_without_secrets(place), _LONGEST_PLACE), found_at))
            else:
                self.unread.append(f"{entry}: what looks like an access key id is none")
        if not some:
            self.unread.append(f"{entry}: no access key id")

    def _keep(self, leak: Leak) -> None:
        before = self.by_key.get(leak.key_id)
        times = [one.found_at for one in (before, leak) if one and one.found_at is not None]
        first = before or leak
        self.by_key[leak.key_id] = Leak(
            leak.key_id, first.place or leak.place, min(times, default=None)
        )


def is_many(content: bytes) -> bool:
    """Tell whether *content* is one of the known forms, and not a single finding of GuardDuty."""
    document = _document(_text(content))
    if document is None:
        return True
    entries = document if isinstance(document, list) else [document]
    return any(isinstance(one, str) or is_scanned(one) for one in entries)


def is_scanned(document: object) -> bool:
    """Tell whether *document* is what a known scanner writes, or one finding of it."""
    return isinstance(document, dict) and (
        any(name in document for name in ("DetectorName", "DetectorType", "secret_type"))
        or isinstance(document.get("runs"), list)
        or isinstance(document.get("alert"), dict)
        or {"RuleID", "Secret"} <= document.keys()
    )


def read_leaks(content: bytes, name: str) -> Leaks:
    """Return the keys in *content*, which is what *name* holds.

    Raises:
        SpecError: it is too large, or holds no entry at all.
    """
    if len(content) > MAX_BYTES:
        raise SpecError(
            f"{name} is larger than 64 MiB", remedy="split it, or keep AWS's keys alone"
        )
    if content.startswith(b"\x1f\x8b"):
        raise SpecError(f"{name} is compressed", remedy="unpack it with 'gunzip' first")
    text, reading = _text(content), _Reading()
    document = _document(text)
    if document is None:
        _read_lines(text, reading)
    else:
        try:
            _read_document(document, "entry", reading)
        except RecursionError:
            reading.unread.append("the document: lists in lists too deep to be followed")
    if not reading.by_key and not reading.unread and not reading.others:
        raise SpecError(
            f"{name} holds nothing", remedy="give it one access key id a line, or a scanner's JSON"
        )
    return Leaks(tuple(reading.by_key.values()), tuple(reading.unread), reading.others)


def _text(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    return content.decode("utf-8-sig", errors="replace")


def _document(text: str) -> Any:
    """Return the one JSON document that *text* is; None where it is none, or a bare word."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _read_lines(text: str, reading: _Reading) -> None:
    for number, line in enumerate(text.splitlines(), start=1):
        entry = f"line {number}"
        row = line.strip()
        if not row or row.startswith("#"):
            continue
        if row.startswith("{"):
            try:
                _read_document(json.loads(row), entry, reading)
            except (ValueError, RecursionError):
                reading.unread.append(f"{entry}: not JSON")
            continue
        cells = _cells(row)
        keys = [cell for cell in cells if is_access_key_id(cell) or is_temporary_key_id(cell)]
        if keys or number > 1 or len(cells) == 1:
            reading.add(entry, keys, entry, None)


def _cells(row: str) -> list[str]:
    """Return the cells of one row of CSV, by comma, semicolon or tab; else its words."""
    for separator in (",", ";", "\t"):
        if separator in row:
            try:
                (cells,) = csv.reader([row], delimiter=separator)
            except (csv.Error, ValueError):
                continue
            return [cell.strip().strip("'\"") for cell in cells]
    return [row.strip("'\"")]


def _read_document(document: Any, entry: str, reading: _Reading) -> None:
    if isinstance(document, list):
        for number, one in enumerate(document, start=1):
            _read_document(one, f"{entry} {number}", reading)
        return
    if isinstance(document, str):
        reading.add(entry, _whole(document), entry, None)
        return
    if not isinstance(document, dict):
        reading.unread.append(f"{entry}: neither a key nor a finding")
        return
    finding = cast("dict[str, Any]", document)
    if isinstance(finding.get("runs"), list):
        _read_sarif(finding, entry, reading)
    elif "DetectorName" in finding or "DetectorType" in finding:
        _read_trufflehog(finding, entry, reading)
    elif {"RuleID", "Secret"} <= finding.keys():
        _read_gitleaks(finding, entry, reading)
    elif "secret_type" in finding or isinstance(finding.get("alert"), dict):
        alert = finding["alert"] if isinstance(finding.get("alert"), dict) else finding
        _read_github(cast("dict[str, Any]", alert), entry, reading)
    else:
        reading.unread.append(f"{entry}: a JSON object of a form that is not known")


def _read_trufflehog(finding: dict[str, Any], entry: str, reading: _Reading) -> None:
    if _AWS not in str(finding.get("DetectorName", _AWS)).lower():
        reading.others += 1
        return
    # RawV2 is the id and the secret in one, and is not looked at.
    keys = dict.fromkeys(key for name in ("Raw", "Redacted") for key in _whole(finding.get(name)))
    sources = _dict(_dict(finding.get("SourceMetadata")).get("Data"))
    source = next((_dict(one) for one in sources.values() if isinstance(one, dict)), {})
    where = ":".join(
        str(source[name]) for name in ("repository", "file", "line") if source.get(name)
    )
    reading.add(entry, keys, where or entry, _moment(source.get("timestamp")))


def _read_github(alert: dict[str, Any], entry: str, reading: _Reading) -> None:
    kind = str(alert.get("secret_type", ""))
    if _AWS not in kind.lower() and "amazon" not in kind.lower():
        reading.others += 1
        return
    location = _dict(alert.get("first_location_detected"))
    where = str(alert.get("html_url") or location.get("path") or entry)
    keys = _whole(alert.get("secret"))
    if not keys and "secret" in kind:
        reading.unread.append(f"{entry}: an alert of a secret, which does not say whose it is")
        return
    # When the alert was made; the commit may be older, and its own time is its author's word.
    reading.add(entry, keys, where, _moment(alert.get("created_at")))


def _read_gitleaks(finding: dict[str, Any], entry: str, reading: _Reading) -> None:
    if _AWS not in str(finding["RuleID"]).lower():
        reading.others += 1
        return
    # A rule may match the line around the id, or the secret beside it: only an id is taken.
    texts = [str(finding.get(name) or "") for name in ("Secret", "Match")]
    keys = dict.fromkeys(key for text in texts for key in _QUOTED_ID.findall(text))
    where = ":".join(str(finding[name]) for name in ("File", "StartLine") if finding.get(name))
    reading.add(entry, keys, where or entry, _moment(finding.get("Date")))


def _read_sarif(document: dict[str, Any], entry: str, reading: _Reading) -> None:
    for run_number, run in enumerate(_dicts(document.get("runs")), start=1):
        for number, result in enumerate(_dicts(run.get("results")), start=1):
            locations = _dicts(result.get("locations"))
            places = [_dict(one.get("physicalLocation")) for one in locations]
            texts = [str(_dict(result.get("message")).get("text", ""))]
            texts += [
                str(_dict(_dict(one.get("region")).get("snippet")).get("text", ""))
                for one in places
            ]
            keys = dict.fromkeys(key for text in texts for key in _QUOTED_ID.findall(text))
            name = f"{entry} run {run_number} result {number}"
            if not keys and _AWS not in str(result.get("ruleId", "")).lower():
                reading.others += 1
                continue
            first = places[0] if places else {}
            uri = str(_dict(first.get("artifactLocation")).get("uri", ""))
            line = _dict(first.get("region")).get("startLine")
            where = f"{uri}:{line}" if uri and line else uri or name
            commit = _dict(result.get("partialFingerprints")).get("date")
            reading.add(name, keys, where, _moment(commit))


def _whole(value: Any) -> list[str]:
    """Return *value* where all of it is an access key id."""
    text = value.strip() if isinstance(value, str) else ""
    return [text] if is_access_key_id(text) or is_temporary_key_id(text) else []


def _dict(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    for one in value if isinstance(value, list) else ():
        yield _dict(one)


def _moment(value: Any) -> datetime | None:
    """Return the moment that *value* says; a scanner's local form without a zone says none."""
    if not isinstance(value, str):
        return None
    text = re.sub(r"^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) ([+-]\d{4})$", r"\1T\2\3", value.strip())
    moment = moment_of(text)
    try:
        return None if moment is None else moment.astimezone(UTC)
    except (OverflowError, ValueError):
        return None

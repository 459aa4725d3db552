"""Leaked keys are read from what scanners write, whatever else stands there, and no secret is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from containment.errors import SpecError
from containment.intake.leaks import Leaks, is_many, read_leaks

pytestmark = pytest.mark.plain

KEY, OTHER = "AKIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SESSION = "ASIAIOSFODNN7EXAMPLE"


def read(content: str | bytes | object) -> Leaks:
    """Read *content*; whatever comes of it, no secret does."""
    if not isinstance(content, (str, bytes)):
        content = json.dumps(content)
    raw = content.encode() if isinstance(content, str) else content
    assert is_many(raw)
    answer = read_leaks(raw, "leaks")
    assert SECRET not in repr(answer)
    return answer


def keys(leaks: Leaks) -> list[str]:
    return [leak.key_id for leak in leaks.leaks]


def trufflehog(**more: object) -> dict[str, object]:
    source = {
        "repository": "https://example.com/r.git",
        "file": "a.env",
        "line": 7,
        "timestamp": "2026-11-23 21:14:00 +0000",
    }
    return {
        "SourceMetadata": {"Data": {"Git": source}},
        "DetectorName": "AWS",
        "Verified": True,
        "Raw": KEY,
        "RawV2": f"{KEY}:{SECRET}",
        "Redacted": KEY,
        **more,
    }


def sarif(*texts: str) -> dict[str, Any]:
    results = [
        {
            "ruleId": "aws-access-token",
            "message": {"text": "aws-access-token has detected secret"},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": "a.env"},
                        "region": {"startLine": 3, "snippet": {"text": text}},
                    }
                }
            ],
        }
        for text in texts
    ]
    return {"version": "2.1.0", "runs": [{"results": results}]}


def alert(**more: object) -> dict[str, object]:
    return {
        "number": 17,
        "secret_type": "aws_access_key_id",
        "secret": KEY,
        "html_url": "https://example.com/alerts/17",
        "created_at": "2026-11-23T21:14:00Z",
        **more,
    }


@pytest.mark.parametrize(
    "content",
    [
        f"{KEY}\n\n# a comment\n{OTHER}\n{KEY}\n",
        f"User name,Access key ID,Secret access key\r\nci,{KEY},{SECRET}\r\nx,{OTHER},{SECRET}\r\n",
        f"id;secret\n{KEY};{SECRET}\n{OTHER};{SECRET}",
        f"﻿{KEY}\n'{OTHER}'",
        f"{KEY}\n{OTHER}".encode("utf-16"),
        "\n".join(json.dumps(trufflehog(**more)) for more in ({}, {"Raw": OTHER, "Redacted": ""})),
        [trufflehog(), trufflehog(Raw=OTHER, Redacted=OTHER)],
        sarif(f"aws_access_key_id = {KEY}", f"{OTHER}\naws_secret_access_key={SECRET}"),
        [alert(), alert(secret=OTHER)],
        [KEY, OTHER],
    ],
    ids=[
        "lines",
        "csv",
        "semicolons",
        "quoted",
        "utf-16",
        "jsonl",
        "json",
        "sarif",
        "github",
        "ids",
    ],
)
def test_every_form_gives_each_key_once_and_no_secret(content: object) -> None:
    answer = read(content)

    assert keys(answer) == [KEY, OTHER]
    assert answer.unread == ()


def test_where_and_since_when_a_key_is_known_is_kept() -> None:
    (leak,) = read([trufflehog()]).leaks
    assert leak.place == "https://example.com/r.git:a.env:7"
    assert leak.found_at == datetime(2026, 11, 23, 21, 14, tzinfo=UTC)
    assert read([alert()]).leaks[0].place == "https://example.com/alerts/17"
    assert read(sarif(KEY)).leaks[0].place == "a.env:3"


def test_one_bad_entry_is_named_by_its_place_and_spoils_no_other() -> None:
    deep = "[" * 100_000
    answer = read(f'{KEY}\n{SECRET}\n{SESSION}\n{{broken\n{{"a": 1}}\n{{{deep}\n{OTHER}')

    assert keys(answer) == [KEY, OTHER]
    assert [line.split(":")[0] for line in answer.unread] == [f"line {n}" for n in range(2, 7)]
    assert "session's key" in answer.unread[1]


@pytest.mark.parametrize(
    "content",
    [
        [trufflehog(Raw=f"{KEY}:{SECRET}", Redacted=SECRET)],
        [alert(secret=SECRET, secret_type="aws_secret_access_key")],
        [alert(secret=None)],
        [{"alert": {"secret_type": "aws_access_key_id"}}, alert(secret=[SECRET])],
        [trufflehog(Raw={"a": SECRET}, Redacted=None, SourceMetadata=[1])],
        sarif(f"x{KEY}x {SECRET}"),
        {"runs": [1, {"results": [None, {"ruleId": "aws", "locations": "x"}]}]},
        [[[trufflehog(Raw=SECRET, Redacted=SECRET)]], None, 7],
    ],
)
def test_what_holds_no_id_is_said_and_its_text_is_not(content: object) -> None:
    answer = read(content) if is_many(json.dumps(content).encode()) else None
    answer = answer or read_leaks(json.dumps(content).encode(), "leaks")

    assert answer.leaks == ()
    assert answer.unread
    assert SECRET not in repr(answer)


def test_findings_of_other_things_are_counted_alone() -> None:
    answer = read(
        [trufflehog(), trufflehog(DetectorName="Stripe", Raw="x"), alert(secret_type="npm")]
    )

    assert keys(answer) == [KEY]
    assert answer.others == 2


def test_what_gives_access_in_a_url_is_not_kept() -> None:
    url = "https://x-access-token:ghp_SECRET123@github.com/o/r.git?token=SECRET456#SECRET789"
    source = {"Data": {"Git": {"repository": url, "file": "deploy.sh", "line": 3}}}

    (leak,) = read([trufflehog(SourceMetadata=source)]).leaks

    assert "SECRET" not in leak.place
    assert leak.place.startswith("https://github.com/o/r.git")


def test_control_characters_of_a_place_stay_out() -> None:
    source = {"Data": {"Git": {"repository": "a\x1b[31m\u202eb\n" + "x" * 500, "file": "f"}}}

    (leak,) = read([trufflehog(SourceMetadata=source)]).leaks

    assert leak.place.isprintable()
    assert len(leak.place) <= 160


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\x1f\x8b\x08", b"[]"])
def test_nothing_and_what_cannot_be_read_are_one_clear_error(content: bytes) -> None:
    with pytest.raises(SpecError):
        read_leaks(content, "leaks")


def test_a_finding_of_guardduty_is_no_list_of_keys() -> None:
    finding = {"schemaVersion": "2.0", "resource": {}, "service": {}}

    assert not is_many(json.dumps(finding).encode())
    assert not is_many(json.dumps([finding]).encode())


def test_lists_in_lists_end_with_a_sentence() -> None:
    content = ("[" * 900 + f'"{KEY}"' + "]" * 900).encode()

    answer = read_leaks(content, "leaks")

    assert answer.leaks or "too deep" in answer.unread[0]

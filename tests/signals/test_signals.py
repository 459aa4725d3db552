"""Each form becomes the right reports, whatever stands in it, and nothing that is not in it."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest

from containment.clock import isoformat
from containment.errors import ContainmentError, SpecError
from containment.signals import CredentialKind, Report, read_reports
from tests.support import signal_forms as forms
from tests.support.signal_forms import (
    ACCOUNT,
    FIRST_SEEN,
    KEY,
    OTHER_ACCOUNT,
    ROLE,
    SECRET,
    SESSION_KEY,
    UNIQUE,
    USER,
)

pytestmark = pytest.mark.plain

K = CredentialKind


def read(document: object) -> list[Report]:
    content = document if isinstance(document, str) else json.dumps(document)
    return list(read_reports(content.encode("utf-8", "surrogatepass"), "the file").reports)


# form, source, kind, account, key id, principal
FORMS = [
    (forms.guardduty(), "guardduty", K.ACCESS_KEY, ACCOUNT, KEY, USER),
    (forms.capitalised(forms.guardduty()), "guardduty", K.ACCESS_KEY, ACCOUNT, KEY, USER),
    (
        forms.guardduty(accessKeyId=SESSION_KEY, userType="AssumedRole", userName="Admin"),
        *("guardduty", K.SESSION, ACCOUNT, SESSION_KEY, ROLE),
    ),
    (
        forms.guardduty("UnauthorizedAccess:IAMUser/ConsoleLoginSuccess.B", accessKeyId=""),
        *("guardduty", K.PASSWORD, ACCOUNT, "", USER),
    ),
    (forms.guardduty(accessKeyId=""), "guardduty", K.UNKNOWN, ACCOUNT, "", USER),
    (
        forms.guardduty("Policy:IAMUser/RootCredentialUsage", userType="Root", userName="Root"),
        *("guardduty", K.ROOT, ACCOUNT, KEY, ""),
    ),
    (forms.asff(), "security-hub", K.ACCESS_KEY, ACCOUNT, KEY, UNIQUE),
    (forms.ocsf(), "ocsf", K.ACCESS_KEY, ACCOUNT, KEY, UNIQUE),
    (forms.health(), "aws-health", K.ACCESS_KEY, OTHER_ACCOUNT, KEY, ""),
    (forms.analyzer(), "access-analyzer", K.UNKNOWN, ACCOUNT, "", ROLE),
    (forms.analyzer()["detail"], "access-analyzer", K.UNKNOWN, ACCOUNT, "", ROLE),
    (forms.alarm(), "cloudwatch-alarm", K.UNKNOWN, ACCOUNT, "", ""),
    (forms.alarm_by_topic(), "cloudwatch-alarm", K.UNKNOWN, ACCOUNT, "", ""),
    (forms.config(), "config", K.UNKNOWN, ACCOUNT, "", UNIQUE),
    (forms.github(), "secret-scan", K.ACCESS_KEY, "", KEY, ""),
    (forms.trufflehog(), "secret-scan", K.ACCESS_KEY, "", KEY, ""),
    (forms.gitleaks(), "secret-scan", K.ACCESS_KEY, "", KEY, ""),
    (forms.sarif(), "secret-scan", K.ACCESS_KEY, "", KEY, ""),
    (forms.cloudtrail(), "cloudtrail", K.ACCESS_KEY, ACCOUNT, KEY, USER),
    (forms.trace(), "trace", K.ACCESS_KEY, "", KEY, USER),
    (forms.credential_report(), "credential-report", K.PASSWORD, ACCOUNT, "", USER),
    (forms.anomaly(), "cost-anomaly", K.UNKNOWN, ACCOUNT, "", ""),
    (forms.budgets(), "budget", K.UNKNOWN, "", "", ""),
    (forms.certificate(), "acm", K.CERTIFICATE, ACCOUNT, "", ""),
]
IDS = [f"{row[1]}-{number}" for number, row in enumerate(FORMS)]


@pytest.mark.parametrize(
    ("document", "source", "kind", "subject"), [(*row[:3], row[3:]) for row in FORMS], ids=IDS
)
def test_each_form_is_one_report_with_its_subject_and_time(
    document: dict[str, Any], source: str, kind: K, subject: tuple[str, str, str]
) -> None:
    (report,) = read(document)

    about = report.subject
    assert (report.source, about.kind) == (source, kind)
    assert (about.account, about.key_id, about.principal) == subject
    first_seen = "" if report.first_seen is None else isoformat(report.first_seen)
    assert first_seen == ("" if source == "acm" else FIRST_SEEN)
    assert report.id
    assert SECRET not in repr(report)


_FINDING = forms.guardduty()
_EVENT = forms.event("aws.guardduty", "GuardDuty Finding", _FINDING)
WRAPPED: dict[str, object] = {
    "event": _EVENT,
    "list": [_FINDING, _FINDING],
    "answer": {"Findings": [_FINDING]},
    "topic": {"Type": "Notification", "Message": json.dumps(_EVENT)},
    "queue": {"Messages": [{"MessageId": "1", "Body": json.dumps(_EVENT)}]},
    "lines": f"{json.dumps(_FINDING)}\n\n{json.dumps(_FINDING)}\n",
}


@pytest.mark.parametrize("wrapping", WRAPPED)
def test_a_finding_is_the_same_report_however_it_arrives(wrapping: str) -> None:
    assert read(WRAPPED[wrapping]) == read(_FINDING)


def test_findings_of_security_hub_come_as_an_event() -> None:
    event = forms.event("aws.securityhub", "Imported", {"findings": [forms.asff()]})

    assert read(event) == read(forms.asff())


def test_each_actor_of_an_attack_sequence_is_a_report() -> None:
    keys = [report.subject.key_id for report in read(forms.sequence())]

    assert keys == [KEY, SESSION_KEY]
    assert len({report.id for report in read(forms.sequence())}) == 2


def test_the_credential_report_is_read_as_a_table_too() -> None:
    assert read(forms.TABLE) == read(forms.credential_report())
    root = "user,arn,user_creation_time,access_key_1_active\n"
    row = f"<root_account>,arn:aws:iam::{ACCOUNT}:root,{FIRST_SEEN},true\n"
    (report,) = read(root + row)
    assert report.subject.kind is K.ROOT


def test_the_caller_of_a_record_counts_and_not_whom_the_call_was_about() -> None:
    (report,) = read(forms.cloudtrail())

    assert report.subject.key_id == KEY
    assert report.id.startswith("00000002")


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        {"a": 1},
        "nothing",
        {**forms.guardduty(), "service": {"additionalInfo": {"sample": True}}},
        {**forms.alarm_by_topic(), "NewStateValue": "OK"},
        {"Budgets": []},
        {"Records": [{"s3": {}}]},
    ],
)
def test_what_is_no_report_is_refused(document: object) -> None:
    with pytest.raises(SpecError, match="holds no"):
        read(document)


def test_what_cannot_be_read_is_named_by_its_place_and_spoils_nothing() -> None:
    content = json.dumps([forms.guardduty(), {"x": SECRET}, 7]).encode()

    reports = read_reports(content, "the file")

    assert len(reports.reports) == 1
    assert reports.unread == ("entry 2: of a form that is not known", "entry 3: no report")


def test_a_secret_in_any_text_is_left_out() -> None:
    finding = forms.guardduty(userName=SECRET, principalId=SECRET)
    finding["title"] = f"key {SECRET} was used"
    finding["id"] = f"-----BEGIN PRIVATE KEY {SECRET}"

    assert SECRET not in repr(read(finding))


HOSTILE = "\x1b[2J\u202e<script>::error::x\r\n##[error]|`{%%}$(id)'; DROP"


def _mutated(value: Any, rng: random.Random) -> Any:
    """*value* with one thing in it gone, of another type, hostile, or far too large."""
    odd: list[Any] = [
        None,
        True,
        7,
        -1e308,
        10**40,
        "",
        HOSTILE,
        SECRET,
        [],
        {},
        [[[]]],
        {"a": {}},
        "\ud800",
    ]
    if isinstance(value, dict) and value and rng.random() < 0.9:
        name = rng.choice(sorted(value))
        changed = dict(value)
        if rng.random() < 0.15:
            del changed[name]
        else:
            changed[name] = _mutated(value[name], rng)
        return changed
    if isinstance(value, list) and value and rng.random() < 0.8:
        place = rng.randrange(len(value))
        return [*value[:place], _mutated(value[place], rng), *value[place + 1 :]]
    if isinstance(value, str) and value and rng.random() < 0.3:
        place = rng.randrange(len(value))
        return (
            value[:place] + rng.choice(["\x00", "\x1b", "é", "*", "/", "A" * 5000]) + value[place:]
        )
    return rng.choice(odd)


def _mutants() -> Iterator[str]:
    rng = random.Random(16)  # noqa: S311 -- the same mutants every time
    documents = [row[0] for row in FORMS] + [forms.sequence()]
    for number in range(1200):
        document = documents[number % len(documents)]
        for _ in range(rng.randint(1, 4)):
            document = _mutated(document, rng)
        content = json.dumps(document)
        if rng.random() < 0.1:
            content = content[: rng.randrange(len(content) + 1)]
        yield content


ID_LIKE = re.compile(r"A(?:KI|SI)A[A-Z0-9]{16}")


def test_1200_mutated_documents_raise_nothing_else_and_name_nobody_new() -> None:
    named = {KEY, SESSION_KEY, ""}
    principals = {USER, ROLE, UNIQUE, ""}
    read_at_all = 0
    refusals: list[str] = []
    for content in _mutants():
        try:
            reports = read(content)
        except ContainmentError as error:
            refusals.append(str(error))
            continue
        read_at_all += 1
        for report in reports:
            shown = repr(report)
            assert report.subject.key_id in named
            assert report.subject.principal in principals or "/" in report.subject.principal
            assert SECRET not in shown
            fields = report.fields()
            for text in (fields["text"], fields["id"], *fields["subject"].values()):
                assert text.isprintable(), text
                assert len(text) <= 800
    assert read_at_all > 300
    assert len(refusals) > 100
    assert SECRET not in "".join(refusals)
    assert "\x1b" not in "".join(refusals)


def test_nothing_too_deep_too_large_or_compressed_is_followed() -> None:
    for content, why in (
        ("[" * 100_000, "holds no report"),
        (json.dumps(json.loads("[" * 12 + "1" + "]" * 12)), "holds no report"),
        ("\x1f\x8b", "is compressed"),
    ):
        with pytest.raises(SpecError, match=why):
            read_reports(content.encode("latin-1"), "the file")

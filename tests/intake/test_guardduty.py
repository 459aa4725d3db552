"""A GuardDuty finding is read in each of AWS's forms; anything else is refused in words."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from containment.errors import ContainmentError, NotFoundError, SpecError
from containment.intake.guardduty import read_finding
from containment.spec import Severity
from tests.intake.conftest import (
    ACCOUNT,
    KEY_ID,
    FindingFile,
    actor,
    capitalised,
    event,
    finding,
    sequence,
)

pytestmark = pytest.mark.plain

FORMS = {
    "the export's": finding(),
    "EventBridge's": event(finding()),
    "the API's": capitalised(finding()),
    "get-findings'": {"Findings": [capitalised(finding())]},
    "a list of one": [finding()],
}


@pytest.mark.parametrize("document", FORMS.values(), ids=FORMS)
def test_each_form_gives_the_same_finding(finding_file: FindingFile, document: object) -> None:
    parsed_finding = read_finding(finding_file(document))

    assert parsed_finding.key_id == KEY_ID
    assert parsed_finding.account == ACCOUNT
    assert parsed_finding.user_name == "ci-deploy"
    assert parsed_finding.user_type == "IAMUser"
    assert parsed_finding.first_seen == datetime(2026, 11, 20, 21, 14, tzinfo=UTC)
    assert parsed_finding.finding_id == "16afba5c5c43e07c9e3e5e2e544e95df"
    assert parsed_finding.finding_type == "UnauthorizedAccess:IAMUser/TorIPCaller"
    assert parsed_finding.severity is Severity.MEDIUM
    assert not parsed_finding.is_role


@pytest.mark.parametrize(
    "document",
    [
        sequence(actor()),
        event(sequence(actor())),
        {"Findings": [capitalised(sequence(actor()))]},
        sequence(actor(), actor()),  # the same one in two sessions
        sequence(actor(), {"id": "a2", "process": {"name": "sh"}}),
    ],
)
def test_an_attack_sequence_names_the_credential_of_its_actor(
    finding_file: FindingFile, document: object
) -> None:
    parsed_finding = read_finding(finding_file(document))

    assert (parsed_finding.key_id, parsed_finding.user_name, parsed_finding.user_type) == (
        KEY_ID,
        "ci-deploy",
        "IAMUser",
    )
    assert (parsed_finding.account, parsed_finding.severity) == (ACCOUNT, Severity.MEDIUM)
    assert parsed_finding.finding_type == "AttackSequence:IAM/CompromisedCredentials"


def test_several_actors_are_refused_by_name(finding_file: FindingFile) -> None:
    document = sequence(actor(), actor("app", "ASIAIOSFODNN7EXAMPLE", type="AssumedRole"))

    with pytest.raises(SpecError) as caught:
        read_finding(finding_file(document))

    assert f"ci-deploy ({KEY_ID})" in str(caught.value)
    assert "app (ASIAIOSFODNN7EXAMPLE)" in str(caught.value)
    assert f"containment open {KEY_ID}" in (caught.value.remedy or "")


@pytest.mark.parametrize(
    "actors", [(), ({"id": "a1"},), ("x",), ({"user": "x"},), ({"user": {"name": ["x"]}},)]
)
def test_a_sequence_without_a_user_is_refused(
    finding_file: FindingFile, actors: tuple[object, ...]
) -> None:
    with pytest.raises(SpecError, match="names no access key"):
        read_finding(finding_file(sequence(*actors)))


def test_an_actor_of_another_account_is_of_that_account(finding_file: FindingFile) -> None:
    document = sequence(actor(account={"uid": "444455556666"}))

    assert read_finding(finding_file(document)).account == "444455556666"


@pytest.mark.parametrize("user_type", ["AssumedRole", "Role"])
def test_a_session_of_a_role_names_the_role(finding_file: FindingFile, user_type: str) -> None:
    document = finding(accessKeyId="ASIAIOSFODNN7EXAMPLE", userType=user_type, userName="app")

    parsed_finding = read_finding(finding_file(document))

    assert (parsed_finding.is_role, parsed_finding.user_name) == (True, "app")


@pytest.mark.parametrize(
    ("number", "severity"),
    [(9.1, "critical"), (8.9, "high"), (7, "high"), (4, "medium"), (1.5, "low"), ("x", "high")],
)
def test_severities_are_guarddutys_own_bands(
    finding_file: FindingFile, number: object, severity: str
) -> None:
    assert read_finding(finding_file(finding() | {"severity": number})).severity == severity


REFUSED_TYPES = {
    "Root": "sign in as root",
    "FederatedUser": "sessionIssuer",
    "AWSAccount": "another account",
    "AWSService": "an AWS service",
    "SAMLUser": "at the provider",
    "WebIdentityUser": "at the provider",
    "IdentityCenterUser": "IAM Identity Center",
    "Directory": "directory",
    "Unheard": "not known here",
    "": "not known here",
}


@pytest.mark.parametrize(("user_type", "says"), REFUSED_TYPES.items())
def test_whoever_is_no_user_or_role_of_the_account_is_refused_with_what_to_do(
    finding_file: FindingFile, user_type: str, says: str
) -> None:
    with pytest.raises(SpecError) as caught:
        read_finding(finding_file(finding(userType=user_type)))

    assert says in str(caught.value)


def without(*path: str) -> dict[str, Any]:
    document = finding()
    node = document
    for name in path[:-1]:
        node = node[name]
    del node[path[-1]]
    return document


def sample() -> dict[str, Any]:
    document = finding()
    document["service"]["additionalInfo"] = {"sample": True}
    return document


def first_seen(text: object) -> dict[str, Any]:
    document = finding()
    document["service"]["eventFirstSeen"] = text
    return document


BAD = {
    "no bytes": (b"", "is not one JSON document"),
    "not JSON": (b"AKIA", "is not one JSON document"),
    "two findings a line": (b"{}\n{}", "is not one JSON document"),
    "not UTF-8": (b"\xff\xfe{}", "is not one JSON document"),
    "nested for ever": (b"[" * 100_000, "is not one JSON document"),
    "compressed": (b"\x1f\x8b\x08\x00", "gunzip"),
    "too large": (b" " * (1024 * 1024 + 1), "larger than 1 MiB"),
    "a number": (42, "is not a GuardDuty finding"),
    "nothing": (None, "is not a GuardDuty finding"),
    "another event": ({"detail": {"eventName": "RunInstances"}}, "is not a GuardDuty finding"),
    "no findings": ({"Findings": []}, "holds 0 findings"),
    "two findings": ({"Findings": [finding(), finding()]}, "holds 2 findings"),
    "Security Hub": ({"detail": {"findings": [{"ProductArn": "x"}]}}, "Security Hub"),
    "an instance": (
        finding() | {"resource": {"resourceType": "Instance"}},
        "is about 'Instance' and names no access key",
    ),
    "an attack sequence": (
        finding() | {"type": "AttackSequence:IAM/CompromisedCredentials", "resource": {}},
        "names no access key",
    ),
    "a sample by its mark": (sample(), "sample findings"),
    "a sample by its names": (finding(userName="GeneratedFindingUserName"), "sample findings"),
    "no id": (without("id"), "has no id"),
    "no account": (without("accountId"), "has no accountId"),
    "nobody": (finding(accessKeyId="", userName=""), "neither an access key nor a user"),
    "first seen in no zone": (first_seen("2026-11-20T21:14:00"), "--since"),
    "first seen in words": (first_seen("today"), "--since"),
    "first seen out of range": (first_seen("0001-01-01T00:00:00+14:00"), "--since"),
}


@pytest.mark.parametrize(("document", "says"), BAD.values(), ids=BAD)
def test_what_is_no_finding_about_a_credential_is_refused(
    finding_file: FindingFile, document: object, says: str
) -> None:
    with pytest.raises(SpecError) as caught:
        read_finding(finding_file(document))

    assert says in str(caught.value)
    assert caught.value.remedy


def test_a_finding_that_was_never_dated_has_no_t0(finding_file: FindingFile) -> None:
    assert read_finding(finding_file(without("service", "eventFirstSeen"))).first_seen is None


def test_a_missing_file_says_what_may_be_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="AKIA"):
        read_finding(tmp_path / "nothing")


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        read_finding(tmp_path)


def test_text_of_a_finding_cannot_act_on_the_terminal(finding_file: FindingFile) -> None:
    document = finding(userType="\x1b[31m") | {"title": "a\x1b]0;x\x07\u202eb\nc"}

    with pytest.raises(SpecError) as caught:
        read_finding(finding_file(document))

    assert str(caught.value).isprintable()
    assert read_finding(finding_file(document | finding_part())).title.isprintable()


def finding_part() -> dict[str, Any]:
    return {"resource": finding()["resource"]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)
PLACES = [
    ("id",),
    ("accountId",),
    ("severity",),
    ("title",),
    ("type",),
    ("resource",),
    ("resource", "accessKeyDetails"),
    ("resource", "accessKeyDetails", "accessKeyId"),
    ("resource", "accessKeyDetails", "userType"),
    ("service",),
    ("service", "eventFirstSeen"),
    ("service", "additionalInfo"),
]


@given(place=st.sampled_from(PLACES), value=JSON, wrapped=st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_json_in_any_place_is_read_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory,
    place: tuple[str, ...],
    value: object,
    *,
    wrapped: bool,
) -> None:
    import json  # noqa: PLC0415

    document = finding()
    node = document
    for name in place[:-1]:
        node = node[name]
    node[place[-1]] = value
    path = tmp_path_factory.getbasetemp() / "any-finding.json"
    path.write_text(json.dumps(event(document) if wrapped else document))

    outcome = "fine; nothing to mend"
    try:
        read_finding(path)
    except ContainmentError as error:
        outcome = str(error)
    assert "; " in outcome
    assert outcome.isprintable()

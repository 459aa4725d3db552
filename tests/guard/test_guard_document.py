"""Several incidents' guards in one control policy: each is written, read and taken out alone."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Literal

import pytest

from containment.errors import NotContainedError
from containment.facets import marks
from containment.guard import document
from containment.guard.document import Terms
from policies import Document, text

pytestmark = pytest.mark.plain

ROLE = "arn:aws:iam::111122223333:role"
INCIDENTS = ("inc-2026-0042", "inc-2026-0043", "inc-2026-0044")
MODES: tuple[Literal["freeze", "quarantine"], ...] = ("freeze", "freeze", "quarantine")


def guard(number: int) -> Document:
    terms = Terms(
        mode=MODES[number],
        exempt=(f"{ROLE}/BreakGlass", f"{ROLE}/responder-{number}"),
        entering=(f"{ROLE}/Admin",),
        denied=(f"AIDA{number}",),
    )
    return document.document(terms, marks.mark(INCIDENTS[number], "s" * 10, number + 1))


def digest(content: str, number: int) -> str:
    return document.digest(content, marks.incident_hash(INCIDENTS[number]))


@pytest.mark.parametrize("coming", list(permutations(range(3))))
@pytest.mark.parametrize("going", list(permutations(range(3))))
def test_guards_come_and_go_in_any_order_and_each_stays_what_it_was(
    coming: tuple[int, ...], going: tuple[int, ...]
) -> None:
    content = ""
    for count, number in enumerate(coming):
        content = document.beside(guard(number), content, keep_unmarked=True)
        for other in coming[: count + 1]:
            assert digest(content, other) == digest(text(guard(other)), other)
    for count, number in enumerate(going):
        rest = document.without(content, marks.incident_hash(INCIDENTS[number]))
        staying = going[count + 1 :]
        if not staying:
            assert rest is None
            break
        assert rest is not None
        content = rest
        assert len(document.marks_in(content)) == len(staying)
        for other in staying:
            assert digest(content, other) == digest(text(guard(other)), other)
            assert f"{ROLE}/responder-{other}" in document.exempt_of(content)


def test_two_that_freeze_have_the_long_statement_once_and_it_spares_the_exempt_of_both() -> None:
    content = document.beside(guard(1), text(guard(0)), keep_unmarked=True)

    long = [one for one in json.loads(content)["Statement"] if len(one.get("Action", "")) > 10]
    spared = [one["Condition"]["StringNotEquals"]["aws:PrincipalArn"] for one in long]
    assert spared == [[f"{ROLE}/BreakGlass", f"{ROLE}/responder-0", f"{ROLE}/responder-1"]]
    assert len(content) < document.LONGEST


def test_somebody_who_is_spared_by_hand_is_seen_by_those_whose_guard_it_is() -> None:
    content = document.beside(guard(1), text(guard(0)), keep_unmarked=True)
    edited = json.loads(content)
    entry = next(one for one in edited["Statement"] if one["Sid"].endswith("2"))
    entry["Condition"]["StringNotEquals"]["aws:PrincipalArn"].append(f"{ROLE}/attacker")

    assert digest(json.dumps(edited), 0) != digest(content, 0)
    assert digest(json.dumps(edited), 1) == digest(content, 1)


def test_what_carries_no_mark_stays_in_a_policy_of_another_incident_and_goes_from_our_own() -> None:
    unmarked = {"Sid": "Theirs", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    document_now = guard(0)
    their_text = text({**document_now, "Statement": [*document_now["Statement"], unmarked]})

    assert "Theirs" in document.beside(guard(1), their_text, keep_unmarked=True)
    assert "Theirs" not in document.beside(guard(0), their_text, keep_unmarked=False)
    assert document.without(their_text, marks.incident_hash(INCIDENTS[0])) is None


def test_a_text_that_would_be_longer_than_a_control_policy_may_be_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(document, "LONGEST", len(text(guard(0))) + 50)

    with pytest.raises(NotContainedError, match="of other incidents"):
        document.beside(guard(1), text(guard(0)), keep_unmarked=True)

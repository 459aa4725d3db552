"""What came out of a leaked credential holds a lift up until it is dealt with."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import jsonschema
import pytest

from containment import descendants
from containment.descendants import ContainedTarget, Descendant, Record, Traced
from containment.errors import SpecError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.plain

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
USER, ROLE = "111122223333/user/alice", "111122223333/role/app"


def one(kind: str, principal: str = USER, **more: str) -> Descendant:
    fields = {
        "id": "AKIAIOSFODNN7EXAMPLE",
        "kind": kind,
        "tier": "A_issued",
        "principal": principal,
        "session": "",
        "issued_at": "2026-11-23T21:14:00Z",
        "ends": "",
        "event_id": "e",
        "confidence": "certain",
    }
    return Descendant(**(fields | more))


KEY = one("access_key")
SESSION = one("access_key", ROLE, id="ASIAX", session="i-1", ends="2026-11-24T13:00:00Z")


def is_open(descendant: Descendant, *contained: ContainedTarget, now: datetime = NOW) -> bool:
    return bool(descendants.unswept(Record("inc-1", (), (descendant,)), contained, now))


@pytest.mark.parametrize(
    ("descendant", "contained", "waits"),
    [
        (KEY, None, True),
        (KEY, ContainedTarget(USER, "deny-all"), False),
        (KEY, ContainedTarget(USER.upper(), "deny-all"), False),
        (KEY, ContainedTarget(ROLE, "deny-all"), True),
        (KEY, ContainedTarget(USER, "key-only", leaked=(KEY.id,)), False),
        (KEY, ContainedTarget(USER, "key-only", leaked=("AKIAOTHER",)), True),
        (one("ssh_public_key"), ContainedTarget(USER, "deny-all"), False),
        (
            one("ssh_public_key", id="APKA1"),
            ContainedTarget(USER, "key-only", leaked=(KEY.id,)),
            True,
        ),
        (SESSION, None, True),
        (SESSION, ContainedTarget(ROLE, "revoke-sessions"), False),
        (SESSION, ContainedTarget(ROLE, "close-trust"), False),
        (SESSION, ContainedTarget(ROLE, "session", sessions=("i-1",)), False),
        (SESSION, ContainedTarget(ROLE, "session", sessions=("i-2",)), True),
        (
            replace(SESSION, principal=USER),
            ContainedTarget(USER, "key-only", leaked=(KEY.id,)),
            True,
        ),
        # These work again as soon as the deny goes: nobody but a person can say that they are gone.
        (one("iam_user"), ContainedTarget(USER, "deny-all"), True),
        (one("console_password"), ContainedTarget(USER, "deny-all"), True),
        (one("iam_role", ROLE), ContainedTarget(ROLE, "close-trust"), True),
        (one("oidc_provider", ""), None, True),
    ],
)
def test_a_descendant_that_still_works_holds_up_the_lift(
    descendant: Descendant, contained: ContainedTarget | None, *, waits: bool
) -> None:
    assert is_open(descendant, *([contained] if contained else [])) is waits


def test_a_descendant_session_holds_up_the_lift_until_it_has_ended() -> None:
    assert is_open(SESSION)
    assert not is_open(SESSION, now=datetime(2026, 11, 24, 13, 0, tzinfo=UTC))


@pytest.mark.parametrize(("swept", "waits"), [("", True), ("  ", True), ("deleted by eve", False)])
def test_a_descendant_that_was_written_off_holds_up_no_lift(swept: str, *, waits: bool) -> None:
    assert is_open(one("iam_user", swept=swept)) is waits


def test_a_record_survives_its_file_and_keeps_its_schema(tmp_path: Path) -> None:
    record = Record("inc-1", (Traced("AKIA", "2026-11-23T21:14:00Z", ""),), (KEY, SESSION))
    path = descendants.path_beside(tmp_path / "inc-1.yaml")
    path.write_text(descendants.dumps(record))

    jsonschema.Draft202012Validator(descendants.schema()).validate(json.loads(path.read_text()))
    assert path.name == "inc-1.descendants.json"
    assert descendants.load(path) == record
    assert descendants.load(tmp_path / "inc-2.descendants.json") is None


def test_a_later_trace_adds_and_forgets_nothing() -> None:
    swept = replace(KEY, swept="deleted")
    before = Record("inc-1", (Traced("A", "t", "1"),), (swept, one("iam_user", id="old")))

    after = before.with_new(Record("inc-1", (Traced("A", "t", "2"),), (KEY, SESSION)))

    assert [(d.id, d.swept) for d in after.descendants] == [
        (KEY.id, "deleted"),
        ("old", ""),
        (SESSION.id, ""),
    ]
    assert after.traces == (Traced("A", "t", "2"),)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"version": "other"}',
        '{"version": "containment-descendants-1", "incident": "i", "traces": []}',
        "\x00",
    ],
)
def test_a_record_that_cannot_be_read_is_never_taken_for_an_empty_one(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "inc-1.descendants.json"
    path.write_text(text)

    with pytest.raises(SpecError, match="trace again with --propose"):
        descendants.load(path)


@pytest.mark.parametrize("change", [{"ends": "soon"}, {"id": 3}, {"swept": None}])
def test_a_descendant_that_makes_no_sense_is_refused(
    tmp_path: Path, change: dict[str, object]
) -> None:
    path = tmp_path / "inc-1.descendants.json"
    document = json.loads(descendants.dumps(Record("inc-1", (), (KEY,))))
    document["descendants"][0] |= change
    path.write_text(json.dumps(document))

    with pytest.raises(SpecError):
        descendants.load(path)


def test_the_refusal_names_what_is_left_and_where_to_write_it_off(tmp_path: Path) -> None:
    many = [replace(KEY, id=f"AKIA{number}") for number in range(7)]

    what, next_step = descendants.describe_unswept(many, tmp_path / "x.json")

    assert what.startswith("7 of what came out of the leaked credential would work on")
    assert "AKIA4 (access_key of 111122223333/user/alice) and 2 more" in what
    assert "'swept' in" in next_step

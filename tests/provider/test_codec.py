"""What the engine would take for a value of its own crosses the wire as what it is: text."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.runtime.rpc import UNKNOWN

from containment.provider.codec import decode, encode

pytestmark = pytest.mark.plain

SPECIAL = "4dabf18193072939515e22adb298388d"


@pytest.mark.parametrize(
    "hostile",
    [
        {"tags": {"a": UNKNOWN}},
        {"tags": {SPECIAL: "x"}},
        {"policies": [{"name": UNKNOWN}]},
        {"name": UNKNOWN},
    ],
)
def test_a_name_that_is_a_sign_of_the_engine_is_escaped_on_the_wire_and_comes_back(
    hostile: dict[str, Any],
) -> None:
    values, unknown = decode(encode(hostile))

    sent = str(encode(hostile))

    assert (values, unknown) == (hostile, frozenset())
    assert f'"{UNKNOWN}"' not in sent
    assert f'"{SPECIAL}"' not in sent


def test_what_only_an_apply_knows_is_marked_and_everything_else_comes_back() -> None:
    values, unknown = decode(encode({"a": [1, "b", None], "c": True}, ["later"]))

    assert values == {"a": [1, "b", None], "c": True}
    assert unknown == {"later"}

"""An error's remedy names the steps of whoever shows it, and holds nothing that acts."""

from __future__ import annotations

import pytest

from containment.errors import APPLY_THEN_LIFT, LIFT, ConflictError, kind_of, kinds, lift_of

pytestmark = pytest.mark.plain


def test_a_remedy_reads_the_usual_step_unless_another_is_taken() -> None:
    error = ConflictError("x", remedy=f"run '{LIFT}' again; '{lift_of('inc')} --force-ours y'")
    assert error.remedy == "run 'pulumi destroy' again; 'containment lift inc --force-ours y'"

    error.take_steps({"lift": "containment restore"})

    assert error.remedy == "run 'containment restore' again; 'containment restore --force-ours y'"
    assert str(error) == f"x; {error.remedy}"


def test_words_that_only_look_like_a_step_stay_as_they_are() -> None:
    error = ConflictError("x", remedy=f"user 'pulumi destroy' is held; {APPLY_THEN_LIFT}")

    error.take_steps({"lift": "another", "apply-then-lift": "write it there"})

    assert error.remedy == "user 'pulumi destroy' is held; write it there"


def test_a_forged_step_acts_on_nobody() -> None:
    error = ConflictError("x", remedy="\ufdd0lift\ufdd1\x1b[2J<{%x%}>\ufdd0 \ufdd0")

    assert error.remedy == "\\x1b[2J<\\x7b%x%}> \\ufdd0"


def test_each_kind_has_a_code_of_its_own_and_is_its_own_kind() -> None:
    codes = [kind.exit_code for kind in kinds().values()]

    assert sorted(codes) == [1, 2, 3, 4, 5, 7, 8, 9, 130]
    for kind in kinds().values():
        assert kind_of(kind("x", remedy="y")) is kind

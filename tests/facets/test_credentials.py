"""Which key comes back at a lift: the whole table."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from containment.aws.principal import AccessKey
from containment.facets.credentials import Return, to_return

pytestmark = pytest.mark.plain

T0 = "2026-11-01T00:00:00Z"
BEFORE = datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC)
AT_T0 = datetime(2026, 11, 1, tzinfo=UTC)
KEY = "AKIAIOSFODNN7EXAMPLE"


def decided(
    *,
    live: str = "Inactive",
    created_at: datetime = BEFORE,
    known: str | None = "Active",
    claimed: str | None = "Active",
    leaked: tuple[str, ...] = ("AKIAI44QH8DHBEXAMPLE",),
    false_positive: bool = False,
) -> Return:
    return to_return(
        keys=[AccessKey(KEY, live, created_at)],
        known={KEY: known} if known else {},
        claimed=None if claimed is None else {KEY: claimed},
        leaked=leaked,
        compromised_at=T0,
        false_positive=false_positive,
    )


def test_collateral_that_was_active_for_state_and_claim_comes_back() -> None:
    assert decided().activate == (KEY,)


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ({"leaked": (KEY,)}, "leaked"),
        ({"leaked": ()}, "leaked"),
        ({"created_at": AT_T0}, "after the compromise"),
        ({"known": None}, "was not there before"),
        ({"known": "Inactive"}, "was Inactive before"),
        ({"live": "Active"}, "Active already"),
    ],
)
def test_the_others_stay_and_say_why(case: dict[str, object], reason: str) -> None:
    found = decided(**case)  # type: ignore[arg-type]

    assert (found.activate, found.undecided) == ((), ())
    assert reason in found.kept[0]


@pytest.mark.parametrize("claimed", [None, "Inactive"])
def test_the_state_alone_decides_nothing(claimed: str | None) -> None:
    assert decided(claimed=claimed).undecided == (KEY,)


@pytest.mark.parametrize("case", [{"leaked": (KEY,)}, {"leaked": ()}, {"created_at": AT_T0}])
def test_a_false_alarm_gives_leaked_and_young_keys_back(case: dict[str, object]) -> None:
    assert decided(false_positive=True, **case).activate == (KEY,)  # type: ignore[arg-type]


def test_a_false_alarm_gives_back_no_key_that_was_not_there() -> None:
    assert decided(false_positive=True, known=None).activate == ()


def test_a_key_that_was_deleted_meanwhile_is_named() -> None:
    found = to_return(
        keys=[],
        known={KEY: "Active"},
        claimed={KEY: "Active"},
        leaked=(),
        compromised_at=T0,
        false_positive=True,
    )

    assert found.kept == (f"{KEY} was deleted meanwhile",)

"""Which key comes back at a lift: the whole table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from containment.aws.credentials import ACCESS_KEY, Credential
from containment.facets.claims import Claim
from containment.facets.credentials_lift import CredentialsPrior, Fates, fates_of
from containment.facets.facet import History, Terms
from containment.facets.overlap import KEPT, Other

pytestmark = pytest.mark.plain

T0 = "2026-11-01T00:00:00Z"
BEFORE = datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC)
AT_T0 = datetime(2026, 11, 1, tzinfo=UTC)
KEY = "AKIAIOSFODNN7EXAMPLE"


def decided(
    *,
    live: str = "Inactive",
    created_at: datetime = BEFORE,
    remembered: str | None = "Active",
    claimed: str | None = "Active",
    leaked: tuple[str, ...] = ("AKIAI44QH8DHBEXAMPLE",),
    false_positive: bool = False,
    keeps_leaked: bool = False,
    others: tuple[Other, ...] = (),
    hearsay: frozenset[str] = frozenset(),
    which: Any = "all",
    before: dict[str, str] | None = None,
    kept: frozenset[str] = frozenset(),
    decision: Any = None,
) -> Fates:
    recorded = {ACCESS_KEY.facet(name): status for name, status in (before or {}).items()}
    terms = Terms(
        incident="inc-2026-0042",
        leaked=leaked,
        compromised_at=T0,
        false_positive=false_positive,
        keeps_leaked=keeps_leaked,
        recall=lambda: History(recorded, kept=kept),
        decisions={"credentials": decision} if decision else {},
    )
    return fates_of(
        here=[Credential(ACCESS_KEY, KEY, live, created_at)],
        claimed=None if claimed is None else {KEY: claimed},
        prior=CredentialsPrior({KEY: remembered} if remembered else {}, hearsay, which),
        terms=terms,
        others=others,
    )


def test_collateral_that_was_active_for_state_and_claim_comes_back() -> None:
    assert decided().activate == (KEY,)


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ({"leaked": (KEY,)}, "leaked"),
        ({"leaked": ()}, "leaked"),
        ({"created_at": AT_T0}, "after the compromise"),
        ({"remembered": None}, "was not there before"),
        ({"remembered": "Inactive"}, "was Inactive before"),
        ({"live": "Active"}, "Active already"),
    ],
)
def test_credentials_that_stay_inactive_say_why(case: dict[str, object], reason: str) -> None:
    fates = decided(**case)  # type: ignore[arg-type]

    assert (fates.activate, fates.undecided) == ((), ())
    assert reason in fates.kept[0]


def test_a_false_positive_that_nobody_reviewed_leaves_leaked_credentials_inactive() -> None:
    unreviewed = decided(leaked=(KEY,), false_positive=True, keeps_leaked=True)

    assert unreviewed.activate == ()
    assert "nobody has reviewed this lift" in unreviewed.kept[0]
    assert decided(leaked=(KEY,), false_positive=True).activate == (KEY,)
    assert decided(false_positive=True, keeps_leaked=True).activate == (KEY,)


@pytest.mark.parametrize("claimed", [None, "Inactive"])
def test_the_state_alone_reactivates_no_credential(claimed: str | None) -> None:
    assert decided(claimed=claimed).undecided == (KEY,)


@pytest.mark.parametrize("case", [{"leaked": (KEY,)}, {"leaked": ()}, {"created_at": AT_T0}])
def test_a_false_alarm_gives_leaked_and_young_keys_back(case: dict[str, object]) -> None:
    assert decided(false_positive=True, **case).activate == (KEY,)  # type: ignore[arg-type]


def test_a_false_alarm_gives_back_no_key_that_was_not_there() -> None:
    assert decided(false_positive=True, remembered=None).activate == ()


def test_a_key_that_was_deleted_meanwhile_is_named() -> None:
    terms = Terms("inc-2026-0042", compromised_at=T0, false_positive=True)

    fates = fates_of(
        here=[], claimed={KEY: "Active"}, prior=CredentialsPrior({KEY: "Active"}), terms=terms
    )

    assert fates.kept == (f"{KEY} was deleted meanwhile",)


def test_the_ledger_bears_out_what_no_claim_says() -> None:
    assert decided(claimed=None, before={KEY: "Active"}).activate == (KEY,)


def test_a_ledger_that_says_inactive_wins_over_state_and_claim() -> None:
    fates = decided(before={KEY: "Inactive"})

    assert (fates.activate, fates.undecided) == ((), ())
    assert "by the ledger" in fates.kept[0]


def test_what_only_another_incident_said_is_undecided() -> None:
    assert decided(hearsay=frozenset({KEY})).undecided == (KEY,)
    # What our own ledger read later is no better: the other incident held the key by then.
    assert decided(hearsay=frozenset({KEY}), before={KEY: "Active"}).undecided == (KEY,)


@pytest.mark.parametrize("claimed", [None, "Inactive"])
def test_a_decision_settles_what_nothing_bears_out(claimed: str | None) -> None:
    assert decided(claimed=claimed, decision="force-ours").activate == (KEY,)
    kept = decided(claimed=claimed, decision="keep-theirs")
    assert (kept.activate, kept.stay) == ((), (KEY,))


@pytest.mark.parametrize(
    "case",
    [
        {"leaked": (KEY,)},
        {"leaked": ()},
        {"created_at": AT_T0},
        {"remembered": None},
        {"remembered": "Inactive"},
        {"claimed": KEPT, "kept": frozenset({KEY})},
        {"claimed": None, "kept": frozenset({KEY})},
        {"before": {KEY: "Inactive"}},
    ],
)
def test_no_decision_makes_a_leaked_or_young_or_kept_key_active(case: dict[str, Any]) -> None:
    assert decided(decision="force-ours", **case).activate == ()


@pytest.mark.parametrize("false_positive", [False, True])
def test_what_another_lift_kept_stays_even_after_a_false_alarm(*, false_positive: bool) -> None:
    kept = frozenset({KEY})
    fates = decided(claimed=KEPT, kept=kept, false_positive=false_positive)

    assert (fates.activate, fates.stay) == ((), (KEY,))


@pytest.mark.parametrize("before", [None, {KEY: "Active"}])
def test_a_tag_alone_says_of_no_key_that_another_lift_kept_it(
    before: dict[str, str] | None,
) -> None:
    """Whoever may tag the user would keep an honest key Inactive for ever, and nobody be asked."""
    asked = decided(claimed=KEPT, before=before)
    assert asked.undecided == (KEY,)
    assert asked.told_to_keep == {KEY}
    assert decided(claimed=KEPT, before=before, decision="force-ours").activate == (KEY,)
    assert decided(claimed=KEPT, before=before, decision="keep-theirs").stay == (KEY,)


HOLDERS = {
    "a claim that names it": Other(
        "inc-b", Claim("s" * 10, 1, {KEY: "Active"}), claimed=True, binds=False
    ),
    "a claim nobody can read": Other("inc-b", None, claimed=True, binds=False),
    "a deny of everything": Other("inc-b", None, claimed=False, binds=True),
}


@pytest.mark.parametrize("other", HOLDERS.values(), ids=HOLDERS.keys())
def test_a_key_that_another_incident_holds_is_left_to_it(other: Other) -> None:
    fates = decided(others=(other,))

    assert (fates.activate, fates.shared) == ((), {KEY: "inc-b"})
    assert decided(others=(other,), claimed=None).undecided == ()


@pytest.mark.parametrize("claim_words", [{}, {KEY: KEPT}, {"AKIAI44QH8DHBEXAMPLE": "Active"}])
def test_an_incident_that_does_not_hold_a_key_keeps_it_from_nobody(
    claim_words: dict[str, str],
) -> None:
    other = Other("inc-b", Claim("s" * 10, 1, claim_words), claimed=True, binds=False)

    assert decided(others=(other,)).activate == (KEY,)


def test_on_the_lowest_rung_only_what_was_held_is_looked_at() -> None:
    assert decided(claimed=None, which="leaked") == Fates()

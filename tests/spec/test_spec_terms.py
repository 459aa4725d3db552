"""Pinning an access key to its user, and the terms on which a principal is lifted."""

from __future__ import annotations

import pytest

from containment.errors import SpecError
from containment.identities import parse_principal
from containment.spec import Rung, lift_terms, pin, target_for, terms_in_file
from tests.spec.conftest import GOOD, HEAD, Loads

pytestmark = pytest.mark.plain

USER = "arn:aws:iam::111122223333:user/ci/ci-deploy"
ROLE = "arn:aws:iam::111122223333:role/app"
KEY = "AKIAIOSFODNN7EXAMPLE"
OTHER = "AKIAI44QH8DHBEXAMPLE"
SHORT = HEAD + f"targets:\n  - access_key: {KEY}\n    rung: key-only\n"


def test_pinning_replaces_a_key_by_its_user_and_keeps_the_rung(loads: Loads) -> None:
    spec = loads(SHORT)

    pinned = pin(spec, {KEY: USER})

    assert spec.unpinned == (KEY,)
    assert pinned.unpinned == ()
    assert pinned.targets[0].user == USER
    assert pinned.targets[0].leaked == (KEY,)
    assert pinned.targets[0].rung is Rung.KEY_ONLY


def test_pinning_a_spec_without_keys_changes_nothing(loads: Loads) -> None:
    assert pin(loads(GOOD), {}) == loads(GOOD)


def test_pinning_needs_every_key(loads: Loads) -> None:
    with pytest.raises(SpecError, match=f"containment resolve {KEY}"):
        pin(loads(SHORT), {OTHER: USER})


def test_two_keys_of_one_user_are_one_principal_named_twice(loads: Loads) -> None:
    spec = loads(HEAD + f"targets:\n  - access_key: {KEY}\n  - access_key: {OTHER}\n")

    with pytest.raises(
        SpecError, match=r"targets\[1\].*named by targets\[0\].*leaked keys of both"
    ) as caught:
        pin(spec, {KEY: USER, OTHER: USER})
    assert f"({OTHER} and {KEY})" in str(caught.value)


@pytest.mark.parametrize(
    "user",
    [
        "arn:aws:iam::111122223333:user/ci/ci-deploy",
        "arn:aws:iam::111122223333:user/elsewhere/CI-Deploy",
    ],
)
def test_a_key_and_its_user_are_one_principal_named_twice(loads: Loads, user: str) -> None:
    spec = loads(HEAD + f"targets:\n  - access_key: {KEY}\n  - user: {user}\n")

    with pytest.raises(SpecError, match=r"targets\[1\].*named by targets\[0\]") as caught:
        pin(spec, {KEY: USER})
    assert f"({user} and {KEY})" in str(caught.value)


def test_a_key_of_a_break_glass_user_is_refused_once_it_is_pinned(loads: Loads) -> None:
    spec = loads(SHORT + f"break_glass: [{USER}]\n")

    with pytest.raises(SpecError, match="break-glass"):
        pin(spec, {KEY: USER})


def test_a_target_by_key_has_no_principal_until_it_is_pinned(loads: Loads) -> None:
    spec = loads(SHORT)

    with pytest.raises(SpecError, match="containment resolve"):
        _ = spec.targets[0].principal
    assert target_for(spec, parse_principal(USER)) is None


def test_a_target_is_found_whatever_path_and_capitals_it_is_asked_by(loads: Loads) -> None:
    spec = loads(GOOD)

    other = parse_principal("arn:aws:iam::111122223333:user/CI-deploy")

    assert target_for(spec, other) is spec.targets[0]
    assert target_for(spec, parse_principal(ROLE)) is None


def test_the_terms_of_a_lift_are_disposition_t0_and_the_leaked_keys_in_order(loads: Loads) -> None:
    spec = loads(GOOD.replace(f"[{KEY}]", f"[{KEY}, {OTHER}]"))

    terms = lift_terms(spec, parse_principal(USER))

    assert terms.disposition == "suspected"
    assert terms.compromised_at == "2026-11-23T21:14:00Z"
    assert terms.leaked == (OTHER, KEY)


def test_a_fraction_of_a_second_of_t0_is_part_of_the_terms(loads: Loads) -> None:
    spec = loads(GOOD.replace("21:14:00Z", "21:14:00.5Z"))

    assert lift_terms(spec, parse_principal(USER)).compromised_at == "2026-11-23T21:14:00.500000Z"


def test_there_are_no_terms_for_somebody_who_is_no_target(loads: Loads) -> None:
    with pytest.raises(SpecError, match="is no target of inc-2026-0042"):
        lift_terms(loads(GOOD), parse_principal(ROLE))


def test_the_file_still_says_disposition_and_t0_of_a_target_that_was_removed(loads: Loads) -> None:
    terms = terms_in_file(loads(GOOD), parse_principal(ROLE))

    assert (terms.disposition, terms.compromised_at) == ("suspected", "2026-11-23T21:14:00Z")
    assert terms.leaked is None


def test_a_key_in_the_file_stands_for_the_user_whose_leaked_key_it_was(loads: Loads) -> None:
    terms = terms_in_file(loads(SHORT), parse_principal(USER), known_leaked=(KEY,))

    assert terms.leaked == (KEY,)


def test_a_key_in_the_file_that_nobody_knows_stops_the_lift_of_a_user(loads: Loads) -> None:
    spec = loads(SHORT)

    with pytest.raises(SpecError, match=f"containment resolve {KEY}"):
        terms_in_file(spec, parse_principal(USER), known_leaked=(OTHER,))
    # No key belongs to a role, so a role's lift has nothing to doubt.
    assert terms_in_file(spec, parse_principal(ROLE)).leaked is None

"""From spec to declarations: what is declared, in which order, under which names."""

from __future__ import annotations

from pathlib import Path

import pytest

from containment.plan import (
    Declaration,
    PrincipalPlan,
    notices,
    owners,
    plan,
    working_keys,
)
from containment.profile import Profile
from containment.spec import IncidentSpec, load, waves
from tests.support.project import STACK, spec

pytestmark = pytest.mark.plain

USER = "arn:aws:iam::111122223333:user/ci/ci-deploy"
ROLE = "arn:aws:iam::111122223333:role/app"
KEY = "AKIAIOSFODNN7EXAMPLE"


def loaded(
    folder: Path, *targets: str, disposition: str = "suspected", extra: str = ""
) -> IncidentSpec:
    path = folder / f"{STACK}.yaml"
    path.write_text(spec(*targets, disposition=disposition, extra=extra), encoding="utf-8")
    return load(path)


def planned(folder: Path, *targets: str, extra: str = "") -> tuple[PrincipalPlan, ...]:
    return plan(loaded(folder, *targets, extra=extra), spec_file=f"stacks/{STACK}.yaml")


def declaration_of(principal: PrincipalPlan, resource: str) -> Declaration:
    (declared,) = (item for item in principal.declarations if item.resource == resource)
    return declared


@pytest.mark.parametrize(
    ("target", "resources"),
    [
        (f"{{user: '{USER}', leaked: [{KEY}]}}", ["DenyPolicy", "InactiveCredentials"]),
        (f"{{user: '{USER}', leaked: [{KEY}], rung: key-only}}", ["InactiveCredentials"]),
        (f"{{user: '{USER}', rung: session, sessions: [{{name: eve}}]}}", ["DenyPolicy"]),
        (f"role: '{ROLE}'", ["DenyPolicy"]),
        (f"{{role: '{ROLE}', rung: session, sessions: [{{name: i-0abc}}]}}", ["DenyPolicy"]),
        (f"{{role: '{ROLE}', rung: close-trust}}", ["ClosedTrustPolicy", "DenyPolicy"]),
        (f"{{role: '{ROLE}', rung: deny-all}}", ["DenyPolicy"]),
    ],
)
def test_each_rung_declares_its_resources(
    tmp_path: Path, target: str, resources: list[str]
) -> None:
    (principal,) = planned(tmp_path, target)

    assert [declared.resource for declared in principal.declarations] == resources
    assert principal.snapshot.inputs["uses"] == resources


@pytest.mark.parametrize(
    ("rung", "scope"),
    [("deny-all", "all"), ("revoke-sessions", "issued-before"), ("close-trust", "issued-before")],
)
def test_the_rung_decides_whom_the_deny_reaches(tmp_path: Path, rung: str, scope: str) -> None:
    (principal,) = planned(tmp_path, f"{{role: '{ROLE}', rung: {rung}}}")

    assert declaration_of(principal, "DenyPolicy").inputs["scope"] == scope


def test_a_deny_beside_a_closed_trust_policy_knows_who_stays_exempt(tmp_path: Path) -> None:
    (closed,) = planned(tmp_path, f"{{role: '{ROLE}', rung: close-trust}}")
    (revoked,) = planned(tmp_path, f"{{role: '{ROLE}', rung: revoke-sessions}}")

    assert (
        declaration_of(closed, "DenyPolicy").inputs["closedButFor"]
        == declaration_of(closed, "ClosedTrustPolicy").inputs["breakGlass"]
    )
    assert "closedButFor" not in declaration_of(revoked, "DenyPolicy").inputs


def test_names_come_from_the_principal_and_not_from_the_list(tmp_path: Path) -> None:
    first_order = planned(tmp_path, f"user: '{USER}'", f"role: '{ROLE}'")
    back = planned(tmp_path, f"role: '{ROLE}'", f"user: '{USER}'")

    names = {principal.principal.label for principal in first_order}
    assert names == {"111122223333/user/ci-deploy", "111122223333/role/app"}
    assert names == {principal.principal.label for principal in back}


def test_each_role_has_the_cohort_that_is_revoked_with_it(tmp_path: Path) -> None:
    user, role = planned(tmp_path, f"user: '{USER}'", f"role: '{ROLE}'")

    assert role.declarations[0].inputs["cohort"] == [USER]
    assert "cohort" not in user.declarations[0].inputs


def test_every_resource_carries_the_terms_of_its_lift(tmp_path: Path) -> None:
    (principal,) = planned(tmp_path, f"{{user: '{USER}', leaked: [{KEY}]}}")

    for declared in (principal.snapshot, *principal.declarations):
        assert declared.inputs["lift"] == {
            "spec": f"stacks/{STACK}.yaml",
            "disposition": "suspected",
            "compromisedAt": "2026-11-01T00:00:00Z",
            "leaked": [KEY],
            "hold": False,
        }


def test_on_hold_every_resource_is_protected_and_says_so(tmp_path: Path) -> None:
    (principal,) = planned(tmp_path, f"{{user: '{USER}', leaked: [{KEY}]}}", extra="hold: true\n")

    assert principal.hold
    assert all(
        item.inputs["lift"]["hold"] for item in (principal.snapshot, *principal.declarations)
    )


def test_a_guard_hangs_on_the_first_target_and_tells_the_others_apart_by_rung(
    tmp_path: Path,
) -> None:
    first, second = planned(
        tmp_path,
        f"user: '{USER}'",
        f"role: '{ROLE}'",
        extra="guard: {mode: freeze, required: true}\n",
    )

    guard = next(item for item in first.declarations if item.resource == "GuardPolicy")
    assert guard.inputs["mode"] == "freeze"
    assert guard.inputs["required"] is True
    assert guard.inputs["targets"] == [ROLE, USER]
    assert guard.inputs["denied"] == [USER]
    assert guard.inputs["revoked"] == [ROLE]
    assert "GuardPolicy" not in {item.resource for item in second.declarations}


def test_the_profile_can_require_a_guard_that_the_spec_does_not_ask_for(tmp_path: Path) -> None:
    spec = loaded(tmp_path, f"user: '{USER}'")

    (plain,) = plan(spec, spec_file="f", profile=Profile())
    (guarded,) = plan(spec, spec_file="f", profile=Profile(guard_required=True))

    assert "GuardPolicy" not in {item.resource for item in plain.declarations}
    guard = next(item for item in guarded.declarations if item.resource == "GuardPolicy")
    assert (guard.inputs["mode"], guard.inputs["required"]) == ("freeze", True)


def test_a_lift_that_gives_leaked_credentials_back_is_said(tmp_path: Path) -> None:
    assert notices(loaded(tmp_path, f"user: '{USER}'")) == ()
    wrong = loaded(tmp_path, f"user: '{USER}'", disposition="false-positive")
    assert "gives the leaked credentials back" in notices(wrong)[0]


OTHER = "arn:aws:iam::111122223333:user/release-bot"
SPARED = "AKIAI44QH8DHBEXAMPLE"
ROWS = [{"principal": OTHER, "leaked": [KEY]}]


@pytest.mark.parametrize(
    ("target", "resources", "leaked"),
    [
        (f"{{user: '{OTHER}', wave: 2}}", ["DenyPolicy", "InactiveCredentials"], []),
        (
            f"{{user: '{OTHER}', wave: 2, rung: key-only, leaked: [{SPARED}]}}",
            ["InactiveCredentials"],
            [SPARED],
        ),
        (f"{{access_key: {SPARED}, wave: 2}}", ["InactiveCredentials"], [KEY]),
        ("", ["InactiveCredentials"], [KEY]),
    ],
)
def test_whose_key_leaked_is_contained_as_the_later_wave_will_have_them(
    tmp_path: Path, target: str, resources: list[str], leaked: list[str]
) -> None:
    first = f"{{user: '{USER}', leaked: [{KEY}], rung: key-only}}"
    whole = loaded(tmp_path, first, *filter(None, [target]))
    now = waves.up_to(whole, 1)

    (owner,) = owners(now, now.targets[0].rung, ROWS, spec_file=f"stacks/{STACK}.yaml")

    assert [one.resource for one in owner.declarations] == resources
    assert owner.snapshot.inputs["lift"]["leaked"] == leaked
    if target and "user:" in target:
        (later,) = (
            one
            for one in plan(whole, spec_file=f"stacks/{STACK}.yaml")
            if one.principal.arn == OTHER
        )
        assert owner == later


@pytest.mark.parametrize(
    ("target", "works"),
    [
        (f"{{user: '{OTHER}'}}", False),
        (f"{{user: '{OTHER}', rung: key-only, leaked: [{SPARED}]}}", True),
        (f"{{user: '{OTHER}', rung: key-only, leaked: [{SPARED}], wave: 2}}", True),
        (f"{{user: '{OTHER}', rung: session, sessions: [{{name: eve}}]}}", True),
        (f"role: '{ROLE}'", False),
    ],
)
def test_a_leaked_key_whose_user_has_a_rung_that_spares_it_is_not_contained(
    tmp_path: Path, target: str, *, works: bool
) -> None:
    whole = loaded(tmp_path, f"{{user: '{USER}', leaked: [{KEY}]}}", target)

    errors = working_keys(waves.up_to(whole, 1), ROWS)

    assert [f"{KEY} leaked and works on" in error.message for error in errors] == [True] * works

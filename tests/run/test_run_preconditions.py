"""All that would keep a spec from being applied or lifted is told at once; nothing is changed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from containment.actions import ACTIONS
from containment.facets import marks
from containment.guard import document
from containment.lab.scenario import inventory
from containment.lab.testing import Lab
from containment.lifecycle.workplace import Settings, Workplace
from containment.profile import Profile
from containment.responder import DUTIES, permissions, policy
from containment.run import preconditions
from containment.spec import load
from policies import text
from tests.support.denying import fill_inline
from tests.support.guard_role import guard_role
from tests.support.project import STACK, spec

pytestmark = pytest.mark.lab

_VERSION = {"Version": "2012-10-17"}
_FILE = f"stacks/{STACK}.yaml"
# Without these nothing can be simulated.
_TO_SIMULATE = frozenset({"iam:SimulatePrincipalPolicy", "iam:GetRole"})
Look = Callable[..., list[preconditions.Finding]]


@pytest.fixture
def profile(direct_lab: Lab) -> Profile:
    """Two roles with exactly the policies that are printed for them, and who else is protected."""
    world, iam = direct_lab.world, direct_lab.client("iam", direct_lab.world.admin)
    trust = {"Effect": "Allow", "Principal": {"AWS": world.account}, "Action": "sts:AssumeRole"}
    arns = [
        iam.create_role(
            RoleName=duty,
            AssumeRolePolicyDocument=json.dumps({**_VERSION, "Statement": [trust]}),
        )["Role"]["Arn"]
        for duty in DUTIES
    ]
    made = Profile(
        role=arns[0],
        lift_role=arns[1],
        guard_role=guard_role(direct_lab),
        break_glass=(world.break_glass_role,),
    )
    for duty in DUTIES:
        iam.put_role_policy(
            RoleName=duty,
            PolicyName="duty",
            PolicyDocument=json.dumps(policy(world.account, duty, profile=made)),
        )
    return made


@pytest.fixture
def look(direct_lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Look:
    """Return what looks at a spec of these targets, and holds the account to be as it was."""
    lab = direct_lab
    monkeypatch.setenv("AWS_ENDPOINT_URL", lab.endpoint)
    for name, value in lab.world.responder.env().items():
        monkeypatch.setenv(name, value)
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    lab.client("iam", lab.world.admin).put_role_policy(
        RoleName="ContainmentResponder",
        PolicyName="assume",
        PolicyDocument=json.dumps({**_VERSION, "Statement": [statement]}),
    )
    file = tmp_path / _FILE
    file.parent.mkdir()

    def look_at(profile: Profile, *targets: str, extra: str = "", **more: Any) -> Any:
        file.write_text(spec(*targets, extra=extra))
        workplace = Workplace(tmp_path, ACTIONS, STACK, Settings(profile=profile), **more)
        iam = lab.client("iam", lab.world.admin)
        before = inventory.take(iam)
        findings = preconditions.findings_of(load(file), workplace, spec_file=_FILE)
        assert inventory.changes(before, inventory.take(iam)) == []
        return findings

    return look_at


def _targets(lab: Lab) -> tuple[str, str]:
    world = lab.world
    return (
        f"{{user: '{world.release_user}'}}",
        f"{{role: '{world.bystander_role}', rung: close-trust}}",
    )


_GUARDED = "guard: {mode: freeze, required: true}\n"


def test_with_the_printed_policies_nothing_is_found(
    look: Look, profile: Profile, direct_lab: Lab
) -> None:
    assert look(profile, *_targets(direct_lab), extra=_GUARDED) == []


def test_every_permission_that_is_taken_from_either_role_is_named(
    look: Look, profile: Profile, direct_lab: Lab
) -> None:
    iam = direct_lab.client("iam", direct_lab.world.admin)
    for duty in DUTIES:
        rest = {"Effect": "Allow", "Action": sorted(_TO_SIMULATE), "Resource": "*"}
        iam.put_role_policy(
            RoleName=duty,
            PolicyName="duty",
            PolicyDocument=json.dumps({**_VERSION, "Statement": [rest]}),
        )

    findings = look(profile, *_targets(direct_lab), extra=_GUARDED)

    for duty, role in zip(DUTIES, (profile.role, profile.lift_role), strict=True):
        told_words = " ".join(one.what for one in findings if one.what.startswith(f"{role} "))
        unnamed = permissions(duty) - {*re.findall(r"[a-z]+:[A-Z]\w+", told_words)}
        assert unnamed == {*_TO_SIMULATE, "sts:GetCallerIdentity"} & permissions(duty)


def test_where_nobody_may_simulate_that_is_what_is_found(
    look: Look, profile: Profile, direct_lab: Lab
) -> None:
    iam = direct_lab.client("iam", direct_lab.world.admin)
    iam.put_role_policy(
        RoleName="contain",
        PolicyName="no-simulation",
        PolicyDocument=json.dumps(
            {
                **_VERSION,
                "Statement": [
                    {"Effect": "Deny", "Action": "iam:SimulatePrincipalPolicy", "Resource": "*"}
                ],
            }
        ),
    )

    findings = look(profile, *_targets(direct_lab), extra=_GUARDED)

    assert {one.severity for one in findings} == {"warning"}, findings
    assert all("iam:SimulatePrincipalPolicy" in one.what for one in findings)


def test_all_that_stands_in_the_way_is_found_in_one_look(
    look: Look, profile: Profile, direct_lab: Lab
) -> None:
    lab, world = direct_lab, direct_lab.world
    iam = lab.client("iam", world.admin)
    organizations: Any = lab.client("organizations", world.management_admin)
    iam.tag_user(UserName="ci-deploy", Tags=[{"Key": "ManagedBy", "Value": "terraform"}])
    fill_inline(iam)
    # A guard of another incident that exempts one role of somebody else's.
    terms = document.Terms(
        mode="freeze",
        exempt=(world.app_role,),
        entering=(),
        denied=(),
        revoked=(),
        issued_before="2026-11-01T00:00:00Z",
    )
    other = organizations.create_policy(
        Content=text(document.document(terms, marks.mark("inc-2026-0007", "s" * 10, 1))),
        Description="d",
        Name="containment-inc-2026-0007",
        Type="SERVICE_CONTROL_POLICY",
    )["Policy"]["PolicySummary"]["Id"]
    organizations.attach_policy(PolicyId=other, TargetId=world.account)
    missing_user = world.release_user.replace("release-bot", "gone")

    findings = look(
        profile,
        f"{{user: '{world.ci_user}'}}",
        f"{{user: '{missing_user}'}}",
        f"{{role: '{world.responder_role}', rung: revoke-sessions}}",
        "{access_key: AKIAIOSFODNN7EXAMPLE}",
        f"{{role: '{world.break_glass_role}', rung: revoke-sessions}}",
        extra=_GUARDED,
        credentials_expire_at=datetime(2000, 1, 1, tzinfo=UTC),
    )
    told_rows = {(one.about.rpartition("/")[2], one.what) for one in findings}
    expected = {
        world.account: f"guard containment-inc-2026-0007 ({other}), our own {profile.lift_role}",
        "AKIAIOSFODNN7EXAMPLE": "has no access key",
        "BreakGlass": "is a break-glass principal by containment.yaml",
        "ContainmentResponder": "is part of the role chain you are acting through",
        "gone": "does not exist",
        "the credentials in use": "in less than 15 minutes",
    }
    errors = {one.about.rpartition("/")[2] for one in findings if one.severity == "error"}
    assert errors == {*expected, "ci-deploy"}
    expected_rows = [
        *expected.items(),
        ("ci-deploy", f"{profile.role} lacks "),  # as the guard has it
        ("ci-deploy", f"{profile.lift_role} may not "),
        ("ci-deploy", "inline policies have 95 characters too few for the deny"),
        ("ci-deploy", "managed by Terraform (tag ManagedBy = terraform)"),
    ]
    for about, words in expected_rows:
        assert [what for who, what in told_rows if who == about and words in what], (about, words)

"""An incident on the lab whose account can be guarded, and what is asked about the guard."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import pytest

from containment.actions.guard_policy import GuardInputs, GuardPolicy, GuardState
from containment.guard import latecomers, placement
from containment.lab.scenario.world import Credentials
from containment.lab.testing import Lab
from containment.profile import Profile
from tests.lab.matrix.bench import allow, policy
from tests.support.workbench import Bench, allowed, write_spec

LAG_S = 10


@dataclass
class Scene:
    """An incident on the release user, with a bystander, and everything the guard is asked."""

    lab: Lab
    bench: Bench
    taken: Any

    @property
    def organizations(self) -> Any:
        return self.lab.client("organizations", self.lab.world.management_admin)

    @property
    def action(self) -> GuardPolicy:
        return GuardPolicy(self.bench.context)

    def inputs(self, mode: Literal["freeze", "quarantine"], **more: Any) -> GuardInputs:
        values = GuardInputs(
            **self.bench.snapshot_inputs(self.taken),
            mode=mode,
            denied=(self.taken.principal,),
            break_glass=(self.lab.world.break_glass_role,),
            **more,
        )
        return self.action.checked(values)

    def set(self, mode: Literal["freeze", "quarantine"], **more: Any) -> GuardState:
        return self.action.create(self.inputs(mode, **more), preview=False)

    def attached(self) -> list[str]:
        policies = self.organizations.list_policies_for_target(
            TargetId=self.lab.world.account, Filter="SERVICE_CONTROL_POLICY"
        )
        return sorted(one["Name"] for one in policies["Policies"])

    def make_user(self, by: Credentials, name: str = "stranger") -> bool:
        return allowed(self.lab.client("iam", by).create_user, UserName=name)

    def administrator(self, name: str) -> Credentials:
        """Make an administrator of the account, as an attacker would."""
        iam = self.lab.client("iam", self.lab.world.admin)
        iam.create_user(UserName=name)
        iam.attach_user_policy(
            UserName=name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
        )
        made = iam.create_access_key(UserName=name)["AccessKey"]
        return Credentials(made["AccessKeyId"], made["SecretAccessKey"])

    def posture(self, count: int) -> list[str]:
        """Attach *count* control policies of the company's own; return their ids."""
        made = [
            self.organizations.create_policy(
                Content=policy(allow("*")),
                Description="d",
                Name=f"posture-{number}",
                Type="SERVICE_CONTROL_POLICY",
            )["Policy"]["PolicySummary"]["Id"]
            for number in range(count)
        ]
        for one in made:
            self.organizations.attach_policy(PolicyId=one, TargetId=self.lab.world.account)
        return made

    def another(self, bench: Bench, incident: str, arn: str) -> Scene:
        """Return another incident of the same account, on *arn*."""
        bench.incident = incident
        bench.context = replace(
            bench.context,
            profile=self.bench.context.profile,
            organizations=self.bench.context.organizations,
            stack=incident,
        )
        bench.disposition = "false-positive"
        write_spec(bench, arn)
        other = Scene(self.lab, bench, None)
        other.taken = bench.snapshot(arn, uses=("GuardPolicy",))
        return other


def guarded_scene(lab: Lab, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Return an incident on the release user; time passes on the lab's clock alone."""
    lab.advance(3600)  # nobody of the company was made while the containment ran
    bench.context = replace(
        bench.context,
        profile=Profile(guard_lag_s=LAG_S),
        organizations=lambda: lab.client("organizations", lab.world.management_admin),
        stack=bench.incident,
    )
    for module in (latecomers, placement):
        monkeypatch.setattr(module, "_pause", lab.advance)
    bench.disposition = "false-positive"
    write_spec(bench, lab.world.release_user)
    return Scene(lab, bench, bench.snapshot(lab.world.release_user, uses=("GuardPolicy",)))

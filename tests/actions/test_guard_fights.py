"""An attacker with IAM rights who looks twice a second, against the guard, with enforcement lag.

They strip every deny of their principal, make a user with a key and administrator's rights whenever
they can, and a role with a session of it, and go on from the newest. All of it is on the lab's
clock, in one thread: whatever the responder does next, they have looked before.

Technique: OFFENSAI's ``notyet`` (github.com/OffensAI/notyet), which looks every 0.5 s.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import pytest
from botocore.exceptions import ClientError

from containment.actions.guard_policy import GuardInputs, GuardPolicy, GuardState
from containment.errors import ConflictError
from containment.guard import latecomers
from containment.lab.scenario.world import Credentials
from containment.lab.testing import Lab
from containment.profile import Profile
from tests.support.workbench import Bench, can_list, session_of, write_spec

pytestmark = pytest.mark.lab

IAM_LAG_S, SCP_LAG_S = 4, 10
TICK_S = 0.5
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
LAGS: dict[str, dict[str, Any]] = {
    "everybody's changes lag": {},
    "the responder's alone lag": {"principal": "*Containment*"},
}


@dataclass
class Attacker:
    """Holds credentials, newest last, and does with them what gets them more."""

    lab: Lab
    keys: list[Credentials]
    changes: list[datetime] = field(default_factory=list)
    calls: list[datetime] = field(default_factory=list)
    made: int = 0

    def act(self) -> None:
        """Try everything once with each of the last credentials."""
        for credentials in self.keys[-2:]:
            iam = self.lab.client("iam", credentials)
            self._strip(iam)
            if self._call(self.lab.client("s3", credentials).list_buckets):
                self.calls.append(self.lab.now())
            if len(self.keys) < 6:
                self._breed(iam)
            else:
                self._call(iam.tag_user, UserName="release-bot", Tags=[{"Key": "k", "Value": "v"}])

    def _strip(self, iam: Any) -> None:
        with suppress(ClientError):
            for name in iam.list_user_policies(UserName="release-bot")["PolicyNames"]:
                self._change(iam.delete_user_policy, UserName="release-bot", PolicyName=name)

    def _breed(self, iam: Any) -> None:
        name = f"temp-{self.made}"
        self.made += 1
        if self._change(iam.create_user, UserName=name):
            self._change(iam.attach_user_policy, UserName=name, PolicyArn=ADMINISTRATOR)
            with suppress(ClientError):
                key = iam.create_access_key(UserName=name)["AccessKey"]
                self.changes.append(self.lab.now())
                self.keys.append(Credentials(key["AccessKeyId"], key["SecretAccessKey"]))

    def _change(self, call: Callable[..., object], **values: Any) -> bool:
        if self._call(call, **values):
            self.changes.append(self.lab.now())
            return True
        return False

    def _call(self, call: Callable[..., object], **values: Any) -> bool:
        try:
            call(**values)
        except ClientError:
            return False
        return True


@dataclass
class Fight:
    """The two sides."""

    bench: Bench
    attacker: Attacker
    taken: Any
    deny: Any = None
    keys: Any = None
    attached_at: datetime | None = None

    @property
    def lab(self) -> Lab:
        return self.bench.lab

    def pass_time(self, seconds: float) -> None:
        """Let the lab's clock run while the attacker acts twice a second."""
        for _ in range(max(1, round(seconds / TICK_S))):
            self.lab.advance(TICK_S)
            self.attacker.act()

    def binding(self, seconds: float = 0) -> datetime:
        """Return when the guard has bound, by the lag, and *seconds* more."""
        assert self.attached_at is not None
        return self.attached_at + timedelta(seconds=SCP_LAG_S + 1 + seconds)

    def contain(self, mode: Literal["freeze", "quarantine"]) -> GuardState:
        bench, attacker = self.bench, self.attacker
        self.deny = bench.deny_action().create(bench.deny_inputs(self.taken), preview=False)
        attacker.act()
        self.keys = bench.keys_action().create(bench.keys_inputs(self.taken), preview=False)
        attacker.act()
        # The denies go ahead of the engine, whose run sets the guard.
        self.pass_time(3)
        caller = replace(bench.context.caller, answered_at=self.lab.now())
        bench.context = replace(bench.context, who=lambda: caller)
        action = GuardPolicy(bench.context)
        inputs = GuardInputs(
            **bench.snapshot_inputs(self.taken),
            mode=mode,
            denied=(self.taken.principal,),
            captured_at=self.taken.captured_at,
        )
        return action.create(action.checked(inputs), preview=False)


@pytest.fixture(params=LAGS)
def fight(
    request: pytest.FixtureRequest,
    lab: Lab,
    bench_for: Callable[..., Bench],
    monkeypatch: pytest.MonkeyPatch,
) -> Fight:
    world = lab.world
    lab.client("iam", world.admin).attach_user_policy(
        UserName="release-bot", PolicyArn=ADMINISTRATOR
    )
    lab.advance(3600)
    bench = bench_for()
    organizations = lab.client("organizations", world.management_admin)
    bench.context = replace(
        bench.context,
        profile=Profile(guard_lag_s=SCP_LAG_S),
        organizations=lambda: organizations,
        stack=bench.incident,
    )
    write_spec(bench, world.release_user)
    taken = bench.snapshot(world.release_user)
    about = LAGS[request.param]
    lab.faults(
        {"kind": "lag", "seconds": IAM_LAG_S, "scope": "iam", **about},
        {"kind": "lag", "seconds": SCP_LAG_S, "scope": "scp"},
    )
    attacker = Attacker(lab, [world.release_key])
    made = Fight(bench, attacker, taken)
    monkeypatch.setattr(latecomers, "_pause", made.pass_time)

    def note(**_: object) -> None:
        made.attached_at = lab.now()

    organizations.meta.events.register("after-call.organizations.AttachPolicy", note)
    return made


def test_under_quarantine_no_descendant_acts_once_it_binds(fight: Fight) -> None:
    state = fight.contain("quarantine")
    fight.pass_time(5)

    attacker = fight.attacker
    assert len(attacker.keys) > 1, "the attacker made nobody, so nothing is proved"
    assert attacker.calls
    assert [one for one in attacker.calls + attacker.changes if one > fight.binding()] == []
    assert state.settled


def test_under_freeze_late_ones_are_denied_and_a_lift_does_not_let_them_go(fight: Fight) -> None:
    lab, world, bench, attacker = fight.lab, fight.lab.world, fight.bench, fight.attacker

    state = fight.contain("freeze")
    fight.pass_time(5)

    assert len(attacker.keys) > 1, "the attacker made nobody, so nothing is proved"
    assert attacker.changes
    assert [one for one in attacker.changes if one > fight.binding()] == []
    assert [one for one in attacker.calls if one > fight.binding(2 * IAM_LAG_S + 4)] == []
    assert {one.principal.rpartition("/")[2] for one in state.late} >= {"temp-0"}
    assert "was made while the containment ran" in bench.words()
    assert can_list(lab, world.bystander)
    assert can_list(lab, session_of(lab, world.bystander, world.bystander_role))

    lab.faults()
    bench.deny_action().delete(fight.deny)
    bench.keys_action().delete(fight.keys)
    action = GuardPolicy(bench.context)
    with pytest.raises(ConflictError, match="temp-0"):
        action.delete(state)
    bench.disposition = "false-positive"
    write_spec(bench, state.principal)
    action.delete(state.model_copy(update={"lift": bench.lift()}))
    assert can_list(lab, attacker.keys[-1])

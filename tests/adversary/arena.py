"""A fight on the lab's clock, in one process: a responder, an attacker, and a lag between them.

The responder is the product's own code: what `containment up` does before its engine, the guard as
the engine sets it, and `containment hold`. Each of its calls takes a moment of the lab's clock, and
so does each wait; whenever half a second of it has gone by the attacker looks, and their calls
take no time at all. So whatever the responder does next, the attacker has looked before.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event as Flag
from types import SimpleNamespace
from typing import Any, Literal
from unittest import mock

import boto3
from botocore.config import Config
from botocore.credentials import Credentials as Signing

from containment.actions import ACTIONS, ACTIONS_BY_RESOURCE, guard_policy
from containment.guard import latecomers, newcomers
from containment.lab.cloudtrail import history
from containment.lab.cloudtrail.history import CloudTrail
from containment.lab.scenario.world import Credentials
from containment.lifecycle import workplace as workplaces
from containment.lifecycle.workplace import Settings, Workplace
from containment.profile import Profile
from containment.run import before_engine, direct
from containment.run.direct import Applied
from containment.run.state import Recorded, StackState
from containment.spec import load
from containment.verify.hold.events import Event
from tests.adversary.attacker import Attacker, Made, Success
from tests.model.cloud import ENDPOINT, Cloud, OneByOne, Wire, simulated
from tests.support.direct_calls import answer_of

INCIDENT = "inc-2026-0042"
LOOK_S = 0.5
# From the last deny until the engine has started its provider and sets the guard.
ENGINE_S = 3.0
# How long `containment hold` runs after that.
HOLD_S = 10.0
PASSWORD = "Right-100"
Defence = Literal["freeze", "quarantine", "hold", "nothing"]
Model = Literal["everybody's changes lag", "the responder's alone lag"]
MODELS: tuple[Model, ...] = ("everybody's changes lag", "the responder's alone lag")
_ABOUT: dict[Model, dict[str, str]] = {
    MODELS[0]: {},
    MODELS[1]: {"principal": "*Containment*"},
}
_MAKING = ("Assume", "Create", "GetFederationToken", "GetSessionToken", "UpdateUser")


@dataclass(frozen=True)
class Cell:
    """One setting of a fight."""

    defence: Defence
    iam_lag_s: float = 0
    scp_lag_s: float = 0
    model: Model = MODELS[0]

    def __str__(self) -> str:
        return f"{self.defence}, IAM {self.iam_lag_s:g} s, SCP {self.scp_lag_s:g} s, {self.model}"


class Machine:
    """The attacker's machine: their calls reach the lab directly and take no time."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._clients: dict[str, Any] = {}

    def client(self, service: str, credentials: Credentials) -> Any:
        client = self._clients.get(service)
        if client is None:
            client = boto3.client(
                service,  # type: ignore[call-overload]
                endpoint_url=ENDPOINT,
                region_name="us-east-1",
                config=Config(
                    retries={"total_max_attempts": 1},
                    s3={"addressing_style": "path"},
                    parameter_validation=False,
                ),
                aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
                aws_secret_access_key="none",
            )
            client._endpoint.http_session = _Instant(self._cloud)
            self._clients[service] = client
        client._request_signer._credentials = Signing(
            credentials.access_key_id, credentials.secret_access_key, credentials.session_token
        )
        return client

    def now(self) -> datetime:
        return self._cloud.lab.now()

    def refreshed(self, token: Credentials) -> Credentials | None:
        status, answer = control(self._cloud, "renew", access_key_id=token.access_key_id)
        return _credentials(answer) if status == 200 else None


class _Instant:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def send(self, request: Any) -> Any:
        return answer_of(self._cloud.gate, request)

    def close(self) -> None:
        """Nothing is open."""


def control(cloud: Cloud, name: str, **body: object) -> tuple[int, dict[str, Any]]:
    """Make a control request of the lab."""
    request = SimpleNamespace(
        method="POST",
        url=f"{ENDPOINT}/_lab/{name}",
        body=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    answer = answer_of(cloud.gate, request)
    assert answer is not None
    return answer.status_code, json.loads(answer.content)


def _credentials(keys: dict[str, str]) -> Credentials:
    return Credentials(keys["access_key_id"], keys["secret_access_key"], keys["session_token"])


class Responder:
    """Whose calls the clients make: before each of them, the attacker has looked."""

    def __init__(self, arena: Arena) -> None:
        self.lines: list[Any] = []
        self._arena = arena

    def before_call(self, _operation: str) -> None:
        self._arena.catch_up()

    def after_call(self, _operation: str) -> None:
        """Time has passed; the next call comes after the next look."""


class _Unstopped(Flag):
    def __init__(self, owner: Responder) -> None:
        super().__init__()
        self.owner = owner


@dataclass
class Arena:
    """A lab, one responder in it, and at most one attacker at a time."""

    cloud: Cloud
    attacker: Attacker | None = None
    guarded_at: datetime | None = None
    _next: datetime | None = None

    def __post_init__(self) -> None:
        self.responder = Responder(self)
        self.machine = Machine(self.cloud)

    def now(self) -> datetime:
        return self.cloud.lab.now()

    def catch_up(self) -> None:
        """Let the attacker look as often as the clock has come that far."""
        while self.attacker is not None and self._next is not None and self.now() >= self._next:
            self._next += timedelta(seconds=LOOK_S)
            self.attacker.look()

    def begin(self, attacker: Attacker, after_s: float) -> None:
        """Have *attacker* look from *after_s* on."""
        self.attacker, self._next = attacker, self.now() + timedelta(seconds=after_s)

    def end(self) -> None:
        """Have nobody look any more."""
        self.attacker = self._next = None

    def wait(self, seconds: float) -> bool:
        """Let time go by; tell that nobody asked to stop."""
        until = self.now() + timedelta(seconds=seconds)
        while self.now() < until:
            rest = (until - self.now()).total_seconds()
            self.cloud.clock.advance(min(LOOK_S / 2, rest))
            self.catch_up()
        return False

    sleep = wait

    def workplace(self, directory: Path, profile: Profile) -> Workplace:
        """Return what the product changes AWS with."""
        return Workplace(
            directory,
            ACTIONS,
            INCIDENT,
            Settings(profile),
            cancelled=_Unstopped(self.responder),
            patient=False,
        )

    def iam(self, credentials: Credentials) -> Any:
        """Return an IAM client whose calls take no time."""
        return self.instant("iam", credentials)

    def instant(self, service: str, credentials: Credentials) -> Any:
        """Return a client whose calls take no time."""
        client = self.cloud.lab.client(service, credentials)
        client._endpoint.http_session = _Instant(self.cloud)
        return client

    def organizations(self, **_: object) -> Any:
        client = self.cloud.lab.client("organizations", self.cloud.world.management_admin)
        client._endpoint.http_session = Wire(self.cloud, lambda: self.responder)
        client.meta.events.register("after-call.organizations.AttachPolicy", self._attached)
        return client

    def _attached(self, **_: object) -> None:
        self.guarded_at = self.guarded_at or self.now()


def _noting(cloud: Cloud) -> Callable[..., None]:
    trail = cloud.gate.trail

    def note(call: Any, operation: Any, caller: Any, outcome: Any) -> None:
        if operation.name.startswith(_MAKING):
            CloudTrail.note(trail, call, operation, caller, outcome)

    return note


@contextmanager
def arena() -> Generator[Arena]:
    """Open an arena for the length of a block."""
    from containment.verify.hold import holding  # noqa: PLC0415 -- patched below

    with simulated() as cloud, ExitStack() as stack:
        made = Arena(cloud)
        cloud.sleeper = made
        # `simulated` records nothing. What makes somebody is recorded, for that is asked about.
        stack.enter_context(mock.patch.object(cloud.gate.trail, "note", _noting(cloud)))
        # Its limit is two calls a second of the wall clock, and no second passes here.
        stack.enter_context(mock.patch.object(history, "_A_SECOND", 1000))
        for module in (direct, guard_policy, newcomers, holding):
            stack.enter_context(mock.patch.object(module, "ThreadPoolExecutor", OneByOne))
        stack.enter_context(mock.patch.object(latecomers, "_pause", made.wait))
        stack.enter_context(
            mock.patch.object(workplaces, "connect_organizations", made.organizations)
        )
        yield made


@dataclass
class Fight:
    """A fight, and what came of it."""

    arena: Arena
    cell: Cell
    seed: int
    directory: Path
    attacker: Attacker
    workplace: Workplace
    break_glass: Credentials
    applied: list[Applied] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    started: datetime = field(default_factory=datetime.now)
    ended: datetime | None = None
    events: list[Event] = field(default_factory=list)

    @property
    def bound(self) -> datetime | None:
        """When the guard was attached, before any lag."""
        return self.arena.guarded_at

    @property
    def spec_path(self) -> Path:
        return self.directory / "stacks" / f"{INCIDENT}.yaml"

    @property
    def successes(self) -> list[Success]:
        """What AWS let through since `up` began."""
        return [one for one in self.attacker.successes if one.moment >= self.started]

    @property
    def last_success_s(self) -> float | None:
        """Seconds from the beginning of `up` to the last call that AWS let through."""
        moments = [one.moment for one in self.successes]
        return (max(moments) - self.started).total_seconds() if moments else None

    @property
    def still_working(self) -> bool:
        """Whether something worked in the last two seconds of the fight."""
        assert self.ended is not None
        return any(self.ended - one.moment <= timedelta(seconds=2) for one in self.successes)

    @property
    def made(self) -> list[Made]:
        """What is there because of the attacker since `up` began."""
        return [one for one in self.attacker.made if one.moment >= self.started]

    def late(self) -> list[Success]:
        """What AWS let through after the guard has to hold, by its mode and the lags."""
        assert self.bound is not None
        cell = self.cell
        more = cell.scp_lag_s + (1 if cell.defence == "quarantine" else 2 * cell.iam_lag_s + 5)
        over = self.bound + timedelta(seconds=more)
        return [one for one in self.successes if one.moment > over]

    def say(self, severity: str, message: str) -> None:
        self.lines.append(f"{severity}: {message}")

    def state(self) -> StackState:
        """Return what the engine's state would say."""
        return StackState(
            tuple(
                Recorded(
                    f"urn:pulumi:{INCIDENT}::containment::containment:index:{one.resource}::"
                    f"{one.principal}",
                    ACTIONS_BY_RESOURCE[one.resource],
                    one.state,
                )
                for one in self.applied
                if one.state is not None
            )
        )

    def write_spec(self, disposition: str = "confirmed") -> None:
        """Write the incident's spec."""
        world = self.arena.cloud.world
        guard = self.cell.defence if self.cell.defence in {"freeze", "quarantine"} else "off"
        self.spec_path.parent.mkdir(exist_ok=True)
        self.spec_path.write_text(
            f"""\
incident: {INCIDENT}
title: release key in a public repository
compromised_at: 2026-11-01T00:00:00Z
compromised_at_source: test
disposition: {disposition}
severity: high
cause: unknown
owner: somebody@example.com
review_by: 2027-12-01T00:00:00Z
targets:
  - user: {world.release_user}
    leaked: [{world.release_key.access_key_id}]
  - role: {world.deploy_role}
guard: {{mode: {guard}}}
break_glass: [{world.break_glass_role}]
limits: {{principals: 12}}
""",
            encoding="utf-8",
        )

    def contain(self) -> None:
        """Do what `containment up` does before its engine, and what the engine does after."""
        spec, spec_file = load(self.spec_path), f"stacks/{INCIDENT}.yaml"
        self.applied = list(
            before_engine.contain(
                spec, self.workplace, StackState(), spec_file=spec_file, say=self.say
            )
        )
        assert self.applied, self.lines
        self.arena.wait(ENGINE_S)
        _, declared = direct.planned(spec, self.workplace, spec_file)
        snapshots = {
            one.principal: one.state for one in self.applied if one.resource == "PrincipalSnapshot"
        }
        for item in declared:
            for one in item.declarations:
                snapshot = snapshots.get(item.principal.arn)
                if one.resource == "GuardPolicy" and snapshot is not None:
                    self.applied.append(direct.apply(item, one, self.workplace, self.say, snapshot))

    def unswept(self) -> list[str]:
        """Return the users and roles of the attacker that no containment of ours knows."""
        named = {one.named.rpartition("/")[2] for one in load(self.spec_path).targets}
        for one in self.applied:
            for late in getattr(one.state, "late", ()):
                named.add(str(late).rpartition("/")[2])
        made = [one.name for one in self.made if one.what in {"user", "role"}]
        return [name for name in made if name not in named]

    def eradicate(self) -> None:
        """Delete what the attacker made, by break-glass, for the guard lets nobody else."""
        iam = self.arena.iam(self.break_glass)
        for one in self.attacker.made:
            if one.what == "user":
                _delete_user(iam, one.name)
            elif one.what == "role":
                _delete_role(iam, one.name)

    def lift(self) -> None:
        """Lift as `pulumi destroy` does: look at everything, then the guard and snapshots last."""
        account = self.arena.cloud.world.account
        context = self.workplace.context(account, self.say, lifting=True)
        order = {"GuardPolicy": 1, "PrincipalSnapshot": 2}
        live = [
            (ACTIONS_BY_RESOURCE[one.resource](context), one.state)
            for one in self.applied
            if one.state is not None
        ]
        looked_at = [(action, action.read(state)) for action, state in live]
        for action, state in sorted(looked_at, key=lambda one: order.get(one[0].resource, 0)):
            if state is not None:
                action.delete(state)

    def alive(self) -> list[str]:
        """Return which of the attacker's credentials work now, after a refresh of what can be."""
        return [one.label for one in self.attacker.use_all()]

    def close(self) -> None:
        """Leave nothing behind."""
        self.arena.end()
        self.arena.cloud.lab.faults()
        self.arena.cloud.give_back(self.arena.responder)
        shutil.rmtree(self.directory, ignore_errors=True)


def _delete_user(iam: Any, name: str) -> None:
    try:
        for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
            iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        for policy in iam.list_user_policies(UserName=name)["PolicyNames"]:
            iam.delete_user_policy(UserName=name, PolicyName=policy)
        for one in iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]:
            iam.detach_user_policy(UserName=name, PolicyArn=one["PolicyArn"])
        iam.delete_user(UserName=name)
    except iam.exceptions.NoSuchEntityException:
        """It is gone already."""


def _delete_role(iam: Any, name: str) -> None:
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    for one in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=name, PolicyArn=one["PolicyArn"])
    iam.delete_role(RoleName=name)


def set_out(
    arena: Arena, cell: Cell, seed: int, kind: type[Attacker] = Attacker, **more: Any
) -> Fight:
    """Return a fight that is about to begin: the company, the leak, the lags, the attacker in."""
    cloud = arena.cloud
    arena.end()
    arena.guarded_at = None
    cloud.reset()
    world = cloud.world
    admin = arena.iam(world.admin)
    admin.attach_user_policy(
        UserName="release-bot", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    )
    admin.create_login_profile(UserName="release-bot", Password=PASSWORD)
    arena.cloud.clock.advance(3600)
    _, answer = control(
        cloud, "sign-in", account=world.account, user="release-bot", password=PASSWORD,
        client="CLI",
    )  # fmt: skip
    attacker = kind(arena.machine, world.release_key, seed=seed, **more)
    attacker.settle_in(_credentials(answer["credentials"]))
    cloud.clock.advance(600)
    lags = []
    if cell.iam_lag_s:
        about = _ABOUT[cell.model]
        lags.append({"kind": "lag", "seconds": cell.iam_lag_s, "scope": "iam", **about})
    if cell.scp_lag_s:
        lags.append({"kind": "lag", "seconds": cell.scp_lag_s, "scope": "scp"})
    if lags:
        cloud.lab.faults(*lags)
    directory = Path(tempfile.mkdtemp(prefix="containment-fight-"))
    profile = Profile(guard_lag_s=max(1, int(cell.scp_lag_s)))
    workplace = arena.workplace(directory, profile)
    issued = arena.machine.client("sts", world.admin).assume_role(
        RoleArn=world.break_glass_role, RoleSessionName="eradication"
    )["Credentials"]
    glass = Credentials(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])
    fight = Fight(arena, cell, seed, directory, attacker, workplace, glass)
    fight.write_spec()
    return fight


def fought(arena: Arena, cell: Cell, seed: int, **more: Any) -> Fight:
    """Return a fight that is over, not yet lifted."""
    from tests.adversary.holding import hold_beside  # noqa: PLC0415 -- it takes a fight

    fight = set_out(arena, cell, seed, **more)
    fight.started = arena.now()
    arena.begin(fight.attacker, after_s=(seed * 0.137) % LOOK_S)
    fight.contain()
    if cell.defence != "nothing":
        fight.events = hold_beside(fight, HOLD_S)
    else:
        arena.wait(6)
        fight.ended = arena.now()
        arena.end()
    return fight


__all__ = ["Arena", "Cell", "Fight", "arena", "fought", "set_out"]

"""What is done to the engine and to its stand-in alike, so that one can be held to the other.

A scenario speaks to a stage: the real one starts ``pulumi`` on a project folder and keeps its
conversation with the provider, the other one drives the stand-in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from containment.lab.scenario.world import World

INCIDENT = "inc-2026-0042"
SNAPSHOT, DENY, KEYS = "PrincipalSnapshot", "DenyPolicy", "InactiveCredentials"
USER, ROLE = "111122223333/user/ci-deploy", "111122223333/role/deploy"


class Stage(Protocol):
    """Where a scenario plays."""

    @property
    def world(self) -> World: ...

    @property
    def iam(self) -> Any: ...

    def spec(self, *targets: str, disposition: str = "suspected") -> None: ...

    def run(self, command: str, **options: Any) -> None: ...

    def fault(self, **rule: Any) -> None: ...

    def struck(self, command: str, *, victim: str, after: str) -> None: ...

    def taint(self, kind: str, name: str) -> None: ...

    def lose_state(self) -> None: ...


def user(world: World, **more: str) -> str:
    """Return the leaked user as a target."""
    extra = "".join(f", {name}: {value}" for name, value in more.items())
    return f"{{user: '{world.ci_user}', leaked: [{world.leaked.access_key_id}]{extra}}}"


def role(world: World, rung: str = "revoke-sessions") -> str:
    """Return the deploy role as a target."""
    return f"{{role: '{world.deploy_role}', rung: {rung}}}"


def first_up_and_unchanged(stage: Stage) -> None:
    stage.spec(user(stage.world), role(stage.world))
    stage.run("up")
    stage.run("up")


def drift_and_repair(stage: Stage) -> None:
    stage.spec(user(stage.world))
    stage.run("up", preview=False)
    stage.iam.delete_user_policy(UserName="ci-deploy", PolicyName=f"containment-{INCIDENT}")
    stage.run("refresh", preview=False)
    stage.run("up")


def destroy_of_a_confirmed_incident(stage: Stage) -> None:
    stage.spec(user(stage.world), disposition="confirmed")
    stage.run("up", preview=False)
    stage.run("destroy")


def destroy_of_a_false_alarm(stage: Stage) -> None:
    stage.spec(user(stage.world), role(stage.world, "close-trust"), disposition="false-positive")
    stage.run("up", preview=False)
    stage.run("destroy", preview=False)


def replacement_of_a_deny(stage: Stage) -> None:
    stage.spec(role(stage.world))
    stage.run("up", preview=False)
    stage.run("up", preview=False, replace=(DENY, ROLE))
    stage.run("destroy", preview=False)


def a_tainted_deny(stage: Stage) -> None:
    stage.spec(user(stage.world))
    stage.run("up", preview=False)
    stage.taint(DENY, USER)
    stage.run("up")


def a_failed_create_and_another_up(stage: Stage) -> None:
    stage.spec(role(stage.world))
    stage.fault(kind="error", operation="PutRolePolicy", count=4)
    stage.run("up", preview=False)
    stage.run("up", preview=False)


def a_failed_snapshot_stops_one_principal(stage: Stage) -> None:
    stage.spec(user(stage.world), role(stage.world))
    stage.fault(kind="error", operation="ListRolePolicies")
    stage.run("up", preview=False)
    stage.fault()
    stage.run("up", preview=False)


def a_refused_check(stage: Stage) -> None:
    stage.spec(f"{{role: '{stage.world.responder_role}'}}")
    stage.run("up")


def the_provider_killed_and_a_destroy(stage: Stage) -> None:
    stage.spec(role(stage.world))
    stage.struck("up", victim="provider", after="PutRolePolicy")
    stage.run("destroy", preview=False)


def the_engine_killed_and_another_up(stage: Stage) -> None:
    stage.spec(role(stage.world))
    stage.struck("up", victim="cli", after="PutRolePolicy")
    stage.run("up", preview=False)
    stage.run("destroy", preview=False)


def another_rung(stage: Stage) -> None:
    stage.spec(role(stage.world))
    stage.run("up", preview=False)
    stage.spec(role(stage.world, "close-trust"))
    stage.run("up", preview=False)
    stage.spec(role(stage.world))
    stage.run("up")


def a_target_is_taken_out(stage: Stage) -> None:
    stage.spec(user(stage.world), role(stage.world))
    stage.run("up", preview=False)
    stage.spec(user(stage.world))
    stage.run("up")


def taken_over_after_the_state_was_lost(stage: Stage) -> None:
    stage.spec(user(stage.world))
    stage.run("up", preview=False)
    stage.lose_state()
    stage.run("up", preview=False)
    stage.run("import", name=USER, principal=stage.world.ci_user)
    stage.run("up", preview=False)


def a_principal_made_anew(stage: Stage) -> None:
    stage.spec(role(stage.world))
    stage.run("up", preview=False)
    iam = stage.iam
    before = iam.get_role(RoleName="deploy")["Role"]
    for name in iam.list_role_policies(RoleName="deploy")["PolicyNames"]:
        iam.delete_role_policy(RoleName="deploy", PolicyName=name)
    iam.delete_role(RoleName="deploy")
    trust = json.dumps(before["AssumeRolePolicyDocument"])
    iam.create_role(RoleName="deploy", AssumeRolePolicyDocument=trust)
    stage.run("up")


SCENARIOS: Mapping[str, Callable[[Stage], None]] = {
    play.__name__: play
    for play in (
        first_up_and_unchanged,
        drift_and_repair,
        destroy_of_a_confirmed_incident,
        destroy_of_a_false_alarm,
        replacement_of_a_deny,
        a_tainted_deny,
        a_failed_create_and_another_up,
        a_failed_snapshot_stops_one_principal,
        a_refused_check,
        the_provider_killed_and_a_destroy,
        the_engine_killed_and_another_up,
        another_rung,
        a_target_is_taken_out,
        taken_over_after_the_state_was_lost,
        a_principal_made_anew,
    )
}

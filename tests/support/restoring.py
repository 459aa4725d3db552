"""What a restore finds: a contained user, a closed trust policy, marks that somebody stripped."""

from __future__ import annotations

from typing import Any

from containment.lab.scenario import inventory
from containment.lab.testing import Lab
from tests.support.project import STACK, spec
from tests.support.workbench import Bench

AGAIN = ("restore", "--from-ledger", "--incident", STACK)


def taken(lab: Lab) -> Any:
    return inventory.take(lab.client("iam", lab.world.admin))


def contain(bench: Bench, *, disposition: str = "false-positive") -> tuple[Any, Any, Any]:
    """Contain the user as ``up`` would, and write the spec that says so; return the states."""
    world = bench.lab.world
    bench.disposition = disposition
    bench.leaked = (world.leaked.access_key_id,)
    (bench.directory / "stacks" / f"{STACK}.yaml").write_text(
        spec(
            f"{{user: '{world.ci_user}', leaked: [{bench.leaked[0]}]}}",
            disposition=disposition,
        )
    )
    user = bench.snapshot(world.ci_user)
    deny = bench.deny_action().create(bench.deny_inputs(user), preview=False)
    keys = bench.keys_action().create(bench.keys_inputs(user), preview=False)
    return user, deny, keys


def close_trust(bench: Bench) -> Any:
    world, bench.leaked = bench.lab.world, ()
    role = bench.snapshot(world.deploy_role)
    bench.trust_action().create(bench.trust_inputs(role), preview=False)
    deny = bench.deny_inputs(role, "issued-before", closed_but_for=())
    bench.deny_action().create(deny, preview=False)
    return role


def strip_claim(bench: Bench) -> None:
    bench.admin().untag_user(UserName="ci-deploy", TagKeys=[f"containment:{STACK}"])

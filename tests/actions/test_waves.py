"""A run of an early wave lifts nobody whom the spec names in a later one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from containment.errors import ConflictError
from tests.support.denying import deny
from tests.support.workbench import Bench, inline, write_spec

pytestmark = pytest.mark.lab


def test_who_is_of_a_later_wave_stays_contained_in_a_run_of_an_earlier_one(bench: Bench) -> None:
    world = bench.lab.world
    write_spec(bench, world.ci_user)
    state = deny(bench, world.ci_user)
    file = bench.directory / "stacks" / f"{bench.incident}.yaml"
    whole = file.read_text(encoding="utf-8")
    waved = f"{whole}    wave: 2\n  - user: {world.release_user}\n"
    file.write_text(waved, encoding="utf-8")
    denied = inline(bench, world.ci_user)
    bench.context = replace(bench.context, declared=[world.release_user])

    with pytest.raises(ConflictError, match="and this run leaves it out"):
        bench.deny_action().delete(state)

    assert inline(bench, world.ci_user) == denied
    file.write_text(whole.replace(world.ci_user, world.release_user), encoding="utf-8")
    bench.deny_action().delete(state)  # taken out of the spec
    assert inline(bench, world.ci_user) != denied


@pytest.mark.parametrize("named_by", ["a key alone", "a key of another target"])
def test_who_is_named_by_a_key_alone_stays_contained_in_a_run_that_leaves_the_key_out(
    bench: Bench, named_by: str
) -> None:
    """What ``CONTAINMENT_WAVE=1 pulumi up`` does by an engine that no launcher of ours starts."""
    world = bench.lab.world
    leaked = world.leaked.access_key_id
    bench.leaked = (leaked,)
    write_spec(bench, world.ci_user)
    state = deny(bench, world.ci_user)
    file = bench.directory / "stacks" / f"{bench.incident}.yaml"
    head, _, _ = file.read_text(encoding="utf-8").partition("targets:\n")
    later = {
        "a key alone": f"  - access_key: {leaked}\n    wave: 2\n",
        "a key of another target": f"  - user: {world.bystander_user}\n    leaked: [{leaked}]\n"
        "    wave: 2\n",
    }[named_by]
    spec = f"{head}targets:\n  - user: {world.release_user}\n"
    file.write_text(spec + later, encoding="utf-8")
    denied = inline(bench, world.ci_user)
    bench.context = replace(bench.context, declared=[world.release_user])

    with pytest.raises(ConflictError, match="this run leaves it out"):
        bench.deny_action().delete(state)

    assert inline(bench, world.ci_user) == denied
    file.write_text(spec, encoding="utf-8")
    bench.deny_action().delete(state)
    assert inline(bench, world.ci_user) != denied


def test_a_replacement_of_whom_the_run_declares_is_no_lift(bench: Bench) -> None:
    world = bench.lab.world
    write_spec(bench, world.ci_user)
    state = deny(bench, world.ci_user)
    denied = inline(bench, world.ci_user)
    bench.context = replace(bench.context, declared=[world.ci_user])

    bench.deny_action().delete(state)

    assert inline(bench, world.ci_user) != denied

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

    with pytest.raises(ConflictError, match="in wave 2 of the spec and contained"):
        bench.deny_action().delete(state)

    assert inline(bench, world.ci_user) == denied
    file.write_text(whole.replace(world.ci_user, world.release_user), encoding="utf-8")
    bench.deny_action().delete(state)  # taken out of the spec
    assert inline(bench, world.ci_user) != denied


def test_a_replacement_of_whom_the_run_declares_is_no_lift(bench: Bench) -> None:
    world = bench.lab.world
    write_spec(bench, world.ci_user)
    state = deny(bench, world.ci_user)
    denied = inline(bench, world.ci_user)
    bench.context = replace(bench.context, declared=[world.ci_user])

    bench.deny_action().delete(state)

    assert inline(bench, world.ci_user) != denied

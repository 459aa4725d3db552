"""A leaked key leads to its user: renamed once, with a decoy, or all the while."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from threading import Event, Thread
from typing import Any

import pytest

from containment.aws.resolve import resolve_access_key
from containment.lifecycle.action import UnfinishedError
from tests.cli.conftest import GOOD
from tests.support.applied import Applied
from tests.support.denying import deny
from tests.support.workbench import INCIDENT, Bench, can_list, inline

pytestmark = pytest.mark.lab
NEW = "arn:aws:iam::111122223333:user/ci/moved"


def spec(bench: Bench) -> str:
    """Return a false alarm about ci-deploy, with the key that leaked."""
    bench.disposition = "false-positive"
    key = bench.lab.world.leaked.access_key_id
    head = GOOD.partition("targets:")[0].replace("disposition: suspected", "")
    return (
        f"{head}disposition: false-positive\ntargets:\n"
        f"  - user: {bench.lab.world.ci_user}\n    leaked: [{key}]\n"
    )


def rename(bench: Bench, *, decoy: bool) -> None:
    iam = bench.admin()
    iam.update_user(UserName="ci-deploy", NewUserName="moved")
    if decoy:
        iam.create_user(UserName="ci-deploy", Path="/ci/")


def test_a_decoy_of_the_old_name_and_the_user_of_the_key_are_both_contained_and_come_back(
    bench: Bench,
) -> None:
    lab, world = bench.lab, bench.lab.world
    rename(bench, decoy=True)
    assert can_list(lab, world.leaked)

    applied = Applied.up(bench, spec(bench))

    assert not can_list(lab, world.leaked)
    assert inline(bench, NEW) is not None
    assert inline(bench, world.ci_user) is not None
    assert f"but of {NEW}: both are contained" in bench.words()
    assert can_list(lab, world.bystander)

    applied.lift()

    assert can_list(lab, world.leaked)
    assert inline(bench, NEW) is None
    assert inline(bench, world.ci_user) is None


def test_the_user_of_a_leaked_key_comes_back_though_its_deny_was_stripped(bench: Bench) -> None:
    """The spec names the decoy; the key that leaked names the user."""
    lab, world = bench.lab, bench.lab.world
    rename(bench, decoy=True)
    applied = Applied.up(bench, spec(bench))
    bench.admin().delete_user_policy(UserName="moved", PolicyName=f"containment-{INCIDENT}")
    assert not can_list(lab, world.leaked)

    applied.lift()

    assert can_list(lab, world.leaked)


def test_where_nobody_has_the_name_the_key_leads_to_the_renamed_user(bench: Bench) -> None:
    rename(bench, decoy=False)

    applied = Applied.up(bench, spec(bench))

    assert not can_list(bench.lab, bench.lab.world.leaked)
    assert "it was renamed" in bench.words()
    applied.lift()
    assert can_list(bench.lab, bench.lab.world.leaked)


def test_what_lands_on_a_decoy_is_written_again_on_the_user(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    once = iter([True])

    def swap(**_: Any) -> None:
        if next(once, False):
            rename(bench, decoy=True)

    bench.context.clients.iam.meta.events.register("before-call.iam.PutUserPolicy", swap)

    state = deny(bench, world.ci_user)

    assert state.live == "applied"
    assert inline(bench, NEW) is not None
    assert not can_list(lab, world.leaked)


def test_a_deny_whose_user_cannot_be_looked_up_after_it_stays_in_the_state(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    broken = [{"kind": "drop", "operation": "GetUser"}]
    events = bench.context.clients.iam.meta.events
    events.register("before-call.iam.PutUserPolicy", lambda **_: lab.faults(*broken))

    with pytest.raises(UnfinishedError) as caught:
        deny(bench, world.ci_user)

    lab.faults()
    assert caught.value.state.model_dump()["placement"] == "inline"
    assert not can_list(lab, world.leaked)


@contextmanager
def renamed_all_the_while(bench: Bench) -> Iterator[None]:
    """Rename ci-deploy fifty times a second."""
    iam, stop = bench.admin(), Event()

    def loop() -> None:
        name = "ci-deploy"
        for number in count():
            if stop.is_set():
                break
            new = f"u{number}"
            iam.update_user(UserName=name, NewUserName=new)
            name = new
            time.sleep(0.02)

    thread = Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_who_is_renamed_all_the_while_is_contained_at_once(bench: Bench) -> None:
    text = spec(bench)
    with renamed_all_the_while(bench):
        Applied.up(bench, text)

    assert not can_list(bench.lab, bench.lab.world.leaked)
    clients = bench.context.clients
    resolved = resolve_access_key(clients.iam, clients.sts, bench.lab.world.leaked.access_key_id)
    assert inline(bench, resolved.principal.arn, INCIDENT) is not None

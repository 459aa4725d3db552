"""A deny is registered before the snapshots that wait longer than it."""

from __future__ import annotations

from threading import Event

import pytest

from containment.registration import NewestFirst

pytestmark = pytest.mark.plain


def test_the_task_handed_in_last_runs_before_those_that_wait() -> None:
    begun, go, order = Event(), Event(), list[str]()

    def first() -> None:
        begun.set()
        go.wait()

    with NewestFirst(1) as threads:
        threads.submit(first)
        begun.wait()
        for name in ("second snapshot", "third snapshot", "deny of the first"):
            threads.submit(order.append, name)
        go.set()

    assert order == ["deny of the first", "third snapshot", "second snapshot"]

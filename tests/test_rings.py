"""Each test is of one ring, and the plain ring starts no process."""

from __future__ import annotations

import subprocess

import pytest

pytestmark = pytest.mark.plain

RINGS = {"plain", "process", "lab", "wire", "engine"}


def test_each_test_is_of_one_ring(request: pytest.FixtureRequest) -> None:
    of_none_or_several = [
        item.nodeid
        for item in request.session.items
        if len(RINGS & {mark.name for mark in item.iter_markers()}) != 1
    ]

    assert of_none_or_several == []


def test_a_plain_test_that_starts_a_process_fails_and_is_told_its_ring() -> None:
    with pytest.raises(pytest.fail.Exception) as caught:
        subprocess.run(["true"], check=True)

    assert str(caught.value) == (
        "tests/test_rings.py::test_a_plain_test_that_starts_a_process_fails_and_is_told_its_ring"
        " is plain and starts a process (subprocess.Popen); its ring is process"
    )

"""What each ring of tests costs in processor time, which a busy machine does not change much."""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Generator
from typing import Any

import pytest

RINGS = ("plain", "process", "lab", "wire", "engine")
_NAME = "processor seconds"


class ProcessorTime:
    """Adds up, for each ring, the processor time of its tests and of all that they started.

    Set-up that tests share counts with the first of them; starting Python and importing the tests
    does not count.
    """

    def __init__(self) -> None:
        self._at_start = 0.0
        self._by_ring = Counter[str]()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        """Note how much was spent before the test."""
        self._at_start = _spent()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put what the test took on its last report, which reaches the process that started us."""
        report = yield
        if call.when == "teardown":
            ring = next((ring for ring in RINGS if item.get_closest_marker(ring)), "no ring")
            report.user_properties.append((_NAME, [ring, _spent() - self._at_start]))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add what a report says was spent."""
        for name, value in report.user_properties:
            if name == _NAME:
                spent: Any = value
                self._by_ring[spent[0]] += spent[1]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say it in one line."""
        if self._by_ring:
            spent_by_ring = ", ".join(
                f"{ring} {spent:.0f} s" for ring, spent in self._by_ring.most_common()
            )
            terminalreporter.write_line(f"processor time of the tests, by ring: {spent_by_ring}")


def _spent() -> float:
    """Return the processor seconds of this process and of those it started that have ended."""
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime

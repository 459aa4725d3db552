"""The bench of the actions' tests."""

from __future__ import annotations

from tests.actions.conftest import bench_for

__all__ = ["bench_for"]

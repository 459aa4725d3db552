"""Every claim of the matrix holds in the lab."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from containment.lab.scenario.world import Credentials
from tests.lab.matrix.bench import Bench, Case, Keys, bootstrap, every_case, run

if TYPE_CHECKING:
    from typing import Any

    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def bench(served: Lab) -> Iterator[Bench]:
    served.reset()

    def client(service: str, keys: Keys) -> Any:
        return served.client(service, Credentials(*keys))

    admin, member_admin, member = bootstrap(client)
    served.enforce()
    yield Bench(served.endpoint, admin, member_admin, member)
    status = served.status()
    assert status["unrouted"] == 0, status["errors"]
    assert status["evaluator_errors"] == 0, status["errors"]


@pytest.mark.parametrize("one", every_case(), ids=lambda one: one.name)
def test_the_lab_decides_as_aws_documents(one: Case, bench: Bench) -> None:
    got, detail = run(one, bench)

    assert got == one.expect, detail


def test_the_matrix_has_its_two_hundred_cases() -> None:
    cases = every_case()

    assert len({one.name for one in cases}) == len(cases) >= 200

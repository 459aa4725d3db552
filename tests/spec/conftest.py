"""A good spec to begin from, and a way to write a bad one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from containment.spec import IncidentSpec, SpecProblemsError, load

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

GOOD = """\
incident: inc-2026-0042
title: ci-deploy access key pushed to a public repository
compromised_at: 2026-11-23T21:14:00Z
compromised_at_source: GitHub secret scanning alert 17
cause: exposed-in-source
owner: security-oncall@example.com
review_by: 2026-11-25T09:00:00Z
targets:
  - user: arn:aws:iam::111122223333:user/ci/ci-deploy
    leaked: [AKIAIOSFODNN7EXAMPLE]
"""
HEAD = GOOD.partition("targets:")[0]

Loads = Callable[[str | bytes], IncidentSpec]
Problems = Callable[[str | bytes], list[tuple[int, str, str]]]


def now() -> datetime:
    return NOW


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inc-2026-0042.yaml"


@pytest.fixture
def loads(path: Path) -> Loads:
    """Load a text as the spec of inc-2026-0042."""

    def loading(text: str | bytes) -> IncidentSpec:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(path, now=now)

    return loading


@pytest.fixture
def problems(loads: Loads) -> Problems:
    """Load a text that is wrong; return (line, field, what and expected and mend) of each."""

    def problems_of(text: str | bytes) -> list[tuple[int, str, str]]:
        with pytest.raises(SpecProblemsError) as caught:
            loads(text)
        return [
            (line, problem.field, f"{problem.what}; {problem.expected}; {problem.mend}")
            for line, problem in caught.value.located_problems
        ]

    return problems_of

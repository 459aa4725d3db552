"""The example of docs/trace.md, run as it stands there."""

from __future__ import annotations

import re

import pytest

from tests.support.project import ROOT

pytestmark = pytest.mark.plain

_EXAMPLE = re.compile(
    r"## In Python\n+```python\n(?P<code>.*?)```\n+```\n(?P<printed>.*?)```", re.DOTALL
)


def test_the_example_in_python_prints_what_the_documentation_shows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = _EXAMPLE.search((ROOT / "docs" / "trace.md").read_text("utf-8"))
    assert example is not None
    monkeypatch.chdir(ROOT)

    exec(compile(example["code"], "docs/trace.md", "exec"), {})  # noqa: S102 -- our own text

    assert capsys.readouterr().out == example["printed"]
    assert len(example["code"].strip().splitlines()) <= 10

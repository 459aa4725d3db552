"""Ledgers in a test's folder: by themselves, written by a responder, and by the real engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from containment.clock import utc_now
from containment.ledger import Ledger, LedgerSettings, open_store
from containment.ledger.chain import Entry
from tests.actions.conftest import bench_for
from tests.support.project import STACK
from tests.support.workbench import Bench

__all__ = ["bench_for"]


@dataclass
class Kept:
    """A ledger in a folder, what it said, and its lines."""

    folder: Path
    place: str = "ledger"
    messages: list[str] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.folder / "ledger" / f"{STACK}.jsonl"

    def ledger(self) -> Ledger:
        """Return it as another process would open it."""
        settings = LedgerSettings(self.place)
        return Ledger(
            partial(open_store, settings, self.folder), now=utc_now, say=self.messages.append
        )

    def lines(self) -> list[str]:
        return self.file.read_text(encoding="ascii").splitlines()

    def entries(self) -> list[Entry]:
        return [json.loads(line) for line in self.lines()]

    def kinds(self) -> list[str]:
        return [entry["kind"] for entry in self.entries()]


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


@pytest.fixture
def bench(bench_for: Callable[..., Bench], kept: Kept) -> Bench:
    made = bench_for()
    made.context = replace(made.context, ledger=kept.ledger())
    return made


@pytest.fixture
def folder(bench: Bench, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's folder, without an engine in it; *bench* has signed in already."""
    del bench
    (kept.folder / "Pulumi.yaml").write_text("name: containment\n")
    (kept.folder / "stacks").mkdir()
    monkeypatch.chdir(kept.folder)
    return kept.folder

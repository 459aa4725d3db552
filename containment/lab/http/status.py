"""Count requests, changes and what could not be answered, so that a test can assert on them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Status:
    """Counters of one lab."""

    requests: int = 0
    unrouted: int = 0
    evaluator_errors: int = 0
    mutations_by_action: Counter[str] = field(default_factory=Counter)
    mutations_by_principal: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    # A file that is told at once what this lab could not answer: it outlives a reset and a crash.
    noted_in: Path | None = None
    _lock: Lock = field(default_factory=Lock, repr=False)

    def request(self) -> None:
        """Count one request."""
        with self._lock:
            self.requests += 1

    def mutation(self, action: str, principal: str) -> None:
        """Count a call that changed something, or would have if it had not failed."""
        with self._lock:
            self.mutations_by_action[action] += 1
            self.mutations_by_principal[principal] += 1

    def unanswerable(self, what: str) -> None:
        """Count a call that the lab does not route or cannot authorise."""
        with self._lock:
            self.unrouted += 1
            self._note(what)

    def evaluator_error(self, what: str) -> None:
        """Count a decision that broke."""
        with self._lock:
            self.evaluator_errors += 1
            self._note(what)

    def _note(self, what: str) -> None:
        self.errors.append(what)
        if self.noted_in is not None:
            with self.noted_in.open("a", encoding="utf-8") as file:
                file.write(json.dumps(what) + "\n")

    def as_json(self) -> dict[str, Any]:
        """Return the counts as GET /_lab/status shows them."""
        with self._lock:
            return {
                "requests": self.requests,
                "unrouted": self.unrouted,
                "evaluator_errors": self.evaluator_errors,
                "errors": list(self.errors[-20:]),
                "mutations": {
                    "total": self.mutations_by_action.total(),
                    "by_action": dict(self.mutations_by_action),
                    "by_principal": dict(self.mutations_by_principal),
                },
            }

"""Listen to the attacker, a process of its own that knows the leaked key and the endpoint alone."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from containment.errors import UnavailableError
from containment.lab.scenario import attacker as script
from containment.lab.scenario.access import REFUSALS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from containment.lab.scenario.world import Credentials

_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one credential in one round; *called_at* is wall-clock time."""

    allowed: bool
    code: str
    called_at: float


class Attacker:
    """The attacker's process and everything it reports."""

    def __init__(self, leaked: Credentials, endpoint: str, region: str) -> None:
        nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        self._process = subprocess.Popen(  # noqa: S603 -- our own script
            [sys.executable, "-I", script.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={
                **nothing,
                **leaked.env(),
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_DEFAULT_REGION": region,
            },
            text=True,
            start_new_session=True,
        )
        self.key_ids: dict[str, str] = {}
        self._news = threading.Condition()
        self._round: dict[str, Outcome] = {}
        self._rounds: list[tuple[float, Mapping[str, Outcome]]] = []
        self._refused_at: list[float] = []
        self._listener = threading.Thread(
            target=self._listen, args=(self._process.stdout,), daemon=True
        )
        self._listener.start()

    def round(self) -> Mapping[str, bool]:
        """Return whether each credential worked, in the first round that begins from now on.

        Raises:
            UnavailableError: the attacker is gone, or a call was neither allowed nor refused.
        """
        now = time.time()
        with self._news:
            answered = self._news.wait_for(
                lambda: self._since(now) or self._process.poll() is not None, _PATIENCE_S
            )
            outcomes = self._since(now)
        if not answered or outcomes is None:
            raise UnavailableError(
                "the attacker went away before they were contained", remedy="run the demo again"
            )
        for name, outcome in outcomes.items():
            if not outcome.allowed and outcome.code not in REFUSALS:
                raise UnavailableError(
                    f"the attacker's {name} was neither allowed nor refused: {outcome.code}",
                    remedy="run the demo again, with KEEP=1 to look at the lab",
                )
        return {name: outcome.allowed for name, outcome in outcomes.items()}

    def first_refusal(self, since: float) -> float | None:
        """Return when the first call after *since* was refused, in seconds after it."""
        with self._news:
            return next((moment - since for moment in self._refused_at if moment > since), None)

    def stop(self) -> None:
        """End the attacker's process."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _since(self, moment: float) -> Mapping[str, Outcome] | None:
        return next((outcomes for began, outcomes in self._rounds if began >= moment), None)

    def _listen(self, output: IO[str] | None) -> None:
        for line in output or ():
            with self._news:
                self._note(json.loads(line))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def _note(self, message: dict[str, Any]) -> None:
        if "made" in message:
            self.key_ids[message["made"]] = message["key_id"]
        elif "credential" in message:
            outcome = Outcome(message["allowed"], message["code"], message["at"])
            self._round[message["credential"]] = outcome
            if not outcome.allowed:
                self._refused_at.append(outcome.called_at)
        else:
            self._rounds.append((message["began"], self._round))
            self._round = {}

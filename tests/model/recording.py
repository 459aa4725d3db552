"""The stage on which the real engine plays, and its conversations are kept."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from containment.lab.scenario.world import World
from containment.lab.testing import Lab
from tests.model.conversation import Values, document, normal, of_engine
from tests.model.program import urn_of
from tests.model.scenarios import SNAPSHOT
from tests.support.project import ROOT, STACK, Project, spec
from tests.support.relay import Passing, relay

_PROVIDER = "containment.provider.server"
_PARENT_WATCH_S = 1.0


@dataclass
class Strike:
    """Kills somebody right after AWS has carried out a call, before anybody is told."""

    victim: str = ""
    after: str = ""
    process: Any = None
    hit: bool = False

    def answered(self, passing: Passing) -> bool:
        if self.process is None or self.hit or passing.operation != self.after:
            return True
        self.hit = True
        if self.victim == "cli":
            os.kill(self.process.pid, signal.SIGKILL)
            time.sleep(_PARENT_WATCH_S)
        else:
            os.kill(_child(self.process.pid, _PROVIDER), signal.SIGKILL)
        return True


@dataclass
class RealStage:
    """``pulumi`` in a project folder of its own, behind a relay that can strike."""

    lab: Lab
    folder: Path
    endpoint: str
    strike: Strike
    commands: list[Values] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Lay out the project."""
        environ = {
            **self.lab.world.responder.env(),
            "AWS_ENDPOINT_URL": self.endpoint,
            # The code beside this file, whichever checkout .venv was made for.
            "PYTHONPATH": str(ROOT),
        }
        self.project = Project.make(self.folder, environ)

    @property
    def world(self) -> World:
        return self.lab.world

    @property
    def iam(self) -> Any:
        return self.lab.client("iam", self.world.admin)

    def spec(self, *targets: str, disposition: str = "suspected") -> None:
        self.project.spec(spec(*targets, disposition=disposition))

    def run(self, command: str, **options: Any) -> None:
        log = self._log()
        result = self.project.run(*self._arguments(command, options), PULUMI_DEBUG_GRPC=str(log))
        self._keep(command, log, ok=result.exit_code == 0)

    def fault(self, **rule: Any) -> None:
        self.lab.faults(*([rule] if rule else []))

    def struck(self, command: str, *, victim: str, after: str) -> None:
        log = self._log()
        self.strike.victim, self.strike.after = victim, after
        arguments = self._arguments(command, {"preview": False})
        self.strike.process = self.project.start(*arguments, PULUMI_DEBUG_GRPC=str(log))
        self.strike.process.communicate(timeout=120)
        if not self.strike.hit:
            raise AssertionError(f"{after} was never called")
        if victim == "cli":
            time.sleep(_PARENT_WATCH_S)  # the orphan goes by itself
            self.project.ok("cancel", "--yes")
        self._keep(command, log, ok=False)

    def taint(self, kind: str, name: str) -> None:
        self.project.ok("state", "taint", _urn(kind, name))

    def lose_state(self) -> None:
        self.project.ok("stack", "rm", "--yes", "--force", "--preserve-config")
        self.project.ok("stack", "init", STACK)

    def _arguments(self, command: str, options: Values) -> list[str]:
        if command == "import":
            kind = f"containment:index:{SNAPSHOT}"
            resource_id = f"{STACK}/{options['principal']}"
            named = [kind, options["name"], resource_id, "--protect=false", "--yes"]
            return ["import", *named, "--generate-code=false", "--skip-preview"]
        arguments = [command, "--yes"]
        if not options.get("preview", True):
            arguments.append("--skip-preview")
        if "replace" in options:
            arguments.append(f"--replace={_urn(*options['replace'])}")
        return arguments

    def _log(self) -> Path:
        return self.folder / f"grpc-{len(self.commands)}.json"

    def _keep(self, command: str, log: Path, *, ok: bool) -> None:
        phases = normal(of_engine(log), self.names)
        self.commands.append({"command": command, "ok": ok, "phases": phases})


def record(lab: Lab, folder: Path, play: Any) -> str:
    """Return the conversation of one scenario as a document.

    Raises:
        AssertionError: a secret is in it.
    """
    lab.reseed(seed=42)
    strike = Strike()
    with relay(lab.endpoint, answered=strike.answered) as endpoint:
        stage = RealStage(lab, folder, endpoint, strike)
        play(stage)
    text = document(stage.commands)
    for secret in lab.world.secrets():
        if secret in text:
            raise AssertionError("a secret is in the conversation")
    for word in (str(folder), os.environ["HOME"], "127.0.0.1:"):
        if word in text:
            raise AssertionError(f"{word} is in the conversation")
    return text


def _urn(kind: str, name: str) -> str:
    return urn_of(STACK, kind, name, None if kind == SNAPSHOT else SNAPSHOT)


def _child(parent: int, program: str) -> int:
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent and program in (entry / "cmdline").read_text():
                return int(entry.name)
    raise AssertionError(f"{program} is no child of {parent}")

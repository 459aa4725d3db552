"""The stage on which the engine's stand-in plays what the real engine played."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from containment.lab.scenario.world import World
from tests.model.cloud import Cloud
from tests.model.conductor import Conductor
from tests.model.conversation import Values, document, normal, of_model
from tests.model.engine import Blow, Engine, Outcome
from tests.model.program import urn_of
from tests.model.scenarios import SCENARIOS, SNAPSHOT
from tests.support.project import STACK, spec


@dataclass
class ModelStage:
    """The stand-in on a folder with nothing but specs in it."""

    cloud: Cloud
    conductor: Conductor
    folder: Path
    commands: list[Values] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Lay out the project."""
        (self.folder / "stacks").mkdir(parents=True, exist_ok=True)
        self.engine = Engine(self.cloud, self.conductor, self.folder, STACK)

    @property
    def world(self) -> World:
        return self.cloud.world

    @property
    def iam(self) -> Any:
        return self.cloud.client("iam", self.world.admin)

    def spec(self, *targets: str, disposition: str = "suspected") -> None:
        text = spec(*targets, disposition=disposition)
        (self.folder / "stacks" / f"{STACK}.yaml").write_text(text, encoding="utf-8")

    def run(self, command: str, **options: Any) -> None:
        if command == "import":
            named = {"label": options["name"], "principal": options["principal"]}
            self._keep(command, self.engine.import_snapshot(**named))
            return
        if "replace" in options:
            options["replace"] = [_urn(*options["replace"])]
        self._keep(command, getattr(self.engine, command)(**options))

    def fault(self, **rule: Any) -> None:
        self.cloud.gate.faults.replace([rule] if rule else [])

    def struck(self, command: str, *, victim: Any, after: str) -> None:
        self.engine.blow = Blow(f"call:{after}:after", victim)
        outcome = getattr(self.engine, command)(preview=False)
        assert outcome.hit == f"call:{after}:after"
        self.engine.orphans_write()
        self._keep(command, outcome)

    def taint(self, kind: str, name: str) -> None:
        self.engine.taint(_urn(kind, name))

    def lose_state(self) -> None:
        self.engine.lose_state()

    def _keep(self, command: str, outcome: Outcome) -> None:
        phases = normal(of_model(self.engine.conversations), self.names)
        self.commands.append({"command": command, "ok": outcome.ok, "phases": phases})


def _urn(kind: str, name: str) -> str:
    return urn_of(STACK, kind, name, None if kind == SNAPSHOT else SNAPSHOT)


def rehearse(cloud: Cloud, folder: Path, name: str, seed: int = 1) -> str:
    """Play the scenario *name* with the stand-in; return its conversation."""
    conductor = Conductor(cloud.clock)
    conductor.seed(seed)
    cloud.sleeper = conductor
    stage = ModelStage(cloud, conductor, folder)
    SCENARIOS[name](stage)
    return document(stage.commands)

"""One lab on which trials are run, one after the other, and judged.

A trial is right where it ends contained exactly as declared, restored exactly, or refused with the
difference named; anything else is lost.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from containment.lab.scenario import inventory
from tests.support.project import STACK, Project
from tests.support.relay import relay
from tools.reliability.blow import Strike
from tools.reliability.scenes import SCENES, Scene
from tools.reliability.stage import LostError, Stage, keep_in_s3, plain
from tools.reliability.trial import Result, Storm, Trial

if TYPE_CHECKING:
    from collections.abc import Generator

    from containment.lab.scenario.inventory import Inventory
    from containment.lab.testing import Lab
    from tools.reliability.blow import Blow

_MOST_TRIES = 4
CLAIM = f", tag containment:{STACK}"


@dataclass
class Lane:
    """One lab and what trials on it share."""

    lab: Lab
    folder: Path
    _empty: Project | None = None
    _contained: dict[str, Inventory] = field(default_factory=dict[str, Any])
    _lifted: dict[str, Inventory] = field(default_factory=dict[str, Any])

    def run(self, trial: Trial | Storm) -> Result:
        """Run *trial* on a fresh company."""
        started = time.monotonic()
        result = Result(trial.name, "LOST")
        try:
            scene = SCENES[trial.scene]
            if isinstance(trial, Storm):
                self._reference(scene)
                result.outcome, result.evidence = self._weathered(trial)
            elif trial.blow is None:
                self._clean(scene)
                result.outcome, result.evidence = "contained, restored", "the calls are as listed"
            else:
                self._reference(scene)
                result.outcome, result.evidence = self._broken(trial, trial.blow)
        except Exception as error:  # noqa: BLE001 -- whatever stops a trial is a trial lost
            result.lost = str(error) or type(error).__name__
        result.seconds = time.monotonic() - started
        return result

    def _weathered(self, storm: Storm) -> tuple[str, str]:
        """Contain and lift while a share of all calls fails; each may have to be repeated."""
        with self._stage(SCENES[storm.scene]) as stage:
            hits: Counter[str] = Counter()
            tries: list[int] = []
            for verb in ("up", "destroy"):
                tried, words = self._try(stage, verb, storm, hits)
                tries.append(tried)
                if verb == "up":
                    self._contained_now(stage, words)
                else:
                    self._require_restored(stage)
            met = ", ".join(f"{count} {kind}" for kind, count in sorted(hits.items()))
            return f"contained in {tries[0]}, restored in {tries[1]}", f"{met or 'no fault'}"

    def _try(self, stage: Stage, verb: str, storm: Storm, hits: Counter[str]) -> tuple[int, str]:
        """Run *verb* until it comes to a good end; return how often that took, and its words."""
        words = ""
        for tried in range(1, _MOST_TRIES + 1):
            self.lab.faults(*storm.faults(self.lab.world.responder_role, tried))
            run = stage.project.run(verb, "--yes", "--skip-preview")
            for rule in self.lab.status()["faults"]:
                hits[rule["kind"]] += rule["hits"]
            del hits["lag"]  # which is no fault, and has no hits
            self.lab.faults()
            if run.exit_code == 0:
                return tried, run.output
            words = run.output
        raise LostError(f"{verb} failed {_MOST_TRIES} times\n{words}")

    def _broken(self, trial: Trial, blow: Blow) -> tuple[str, str]:
        with self._stage(SCENES[trial.scene], in_s3=blow.how == "state refused") as stage:
            strike = Strike(blow, stage.state)
            stage.strike = strike
            if trial.verb not in {"up", "up ahead"}:
                stage.project.up()
            try:
                code = stage.interrupted(trial.verb, strike, trial.after)
                outcome = self._go_on(stage, trial)
            finally:
                strike.settled()  # the next trial's world is not theirs to write to
            if missed := strike.missed():
                raise LostError(f"not hit: {missed}")
            dead = ", ".join(f"{name} {pid}" for name, pid in strike.alive.items())
            return (
                outcome,
                f"{blow.operation} seen; {dead or 'nobody'} alive, now dead; exit {code}",
            )

    def _go_on(self, stage: Stage, trial: Trial) -> str:
        """Do what comes next and return how it ended."""
        if trial.after == "destroy at once":
            self._require_restored(stage)
            return "restored"
        if trial.after.startswith("refused"):
            first = self._contained_now(stage, "")
            stage.project.destroy()
            self._require_restored(stage)
            return f"refused, {first}restored"
        if trial.after.startswith("containment"):
            contained = ""
            if trial.after == "containment up":
                contained = self._contained_now(stage, stage.verb("up", "--yes").output)
            stage.verb("lift", "--yes")
            self._require_restored(stage)
            return f"{contained}restored"
        if trial.after == "cancel" or stage.locked:
            stage.project.ok("cancel", "--yes")
        first = "refused, " if trial.after == "cancel at once" else ""
        if trial.after == "up":
            first = self._contained_now(stage, stage.project.up())
        if trial.after == "refresh":
            stage.project.ok("refresh", "--yes")
        stage.project.destroy()
        self._require_restored(stage)
        return f"{first}restored"

    def _contained_now(self, stage: Stage, output: str) -> str:
        """Hold the account to what a clean run makes of it; return that in words.

        A claim that a broken-off lift took away already is not written again, but named.
        """
        expected, now = (
            self._contained[stage.scene.name],
            plain(stage.before, stage.look()),
        )
        missing = [fact for fact in expected if CLAIM in fact and fact not in now]
        if missing and "the claim on its keys is gone" not in output:
            raise LostError(f"{missing[0]} is gone, and nobody says so")
        if now != {fact: text for fact, text in expected.items() if fact not in missing}:
            raise LostError(f"not contained as declared: {_difference_text(expected, now)}")
        stage.require_use(leaked=False)
        return "contained but for the claim, as it said, " if missing else "contained, "

    def _require_restored(self, stage: Stage) -> None:
        now = plain(stage.before, stage.look())
        # Where no change was ever carried out, nothing was contained that a fence could hold.
        expected = self._lifted[stage.scene.name] if stage.calls else {}
        if now != expected:
            raise LostError(f"not restored: {_difference_text(expected, now)}")
        if resources := stage.project.resources():
            raise LostError(f"the state still holds {len(resources)} resources")

    def _reference(self, scene: Scene) -> None:
        if scene.name not in self._lifted:
            self._clean(scene)

    def _clean(self, scene: Scene) -> None:
        """Run *scene* undisturbed, keep how it looks, hold its list of calls to the truth."""
        with self._stage(scene) as stage:
            for verb, listed in (("up", scene.up), ("destroy", scene.destroy)):
                stage.calls.clear()
                stage.project.up() if verb == "up" else stage.project.destroy()
                if sorted(stage.calls) != sorted(listed):
                    raise LostError(f"{verb} makes the calls {sorted(stage.calls)}, not {listed}")
                kept = self._contained if verb == "up" else self._lifted
                kept[scene.name] = plain(stage.before, stage.look())
                if verb == "up":
                    stage.require_use(leaked=False)
        fenced = "fenced" in scene.name
        if bool(self._lifted[scene.name]) is not fenced:
            raise LostError(f"after a lift there is {self._lifted[scene.name]}")

    @contextmanager
    def _stage(self, scene: Scene, *, in_s3: bool = False) -> Generator[Stage]:
        lab = self.lab
        world = lab.reseed(seed=42)
        scene.prepare(lab)
        environ = world.responder.env()
        if self._empty is None:
            self._empty = Project.make(self.folder / "empty", environ)
        with tempfile.TemporaryDirectory(dir=self.folder) as folder, ExitStack() as relays:
            project = Project.make(Path(folder), environ, like=self._empty)
            project.spec(scene.text(world))
            if profile := scene.profile(lab):
                (project.folder / "containment.yaml").write_text(profile, encoding="utf-8")
            stage = Stage(scene, lab, project)
            hands_on = relay(lab.endpoint, arriving=stage.arriving, answered=stage.answered)
            project.environ["AWS_ENDPOINT_URL"] = relays.enter_context(hands_on)
            if in_s3:
                keeps = relay(lab.endpoint, arriving=stage.writing)
                keep_in_s3(project, lab, relays.enter_context(keeps))
            stage.before = stage.look()
            yield stage


def _difference_text(expected: Inventory, now: Inventory) -> str:
    return json.dumps([str(change) for change in inventory.changes(expected, now)])

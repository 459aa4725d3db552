"""Edited runs by the real engine: its state is edited in its files, and the verbs are run."""

from __future__ import annotations

import copy
import gzip
import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from containment.lab.testing import Lab
from tests.edited.edits import edit, edit_ledger
from tests.edited.play import Played
from tests.edited.scene import Account
from tests.edited.stack import CONFIRMED, MISTAKEN, PREFIX, Company, Entry, Stack
from tests.support.project import Project

VERBS = ("destroy", "lift", "lift", "up", "up and lift", "restore", "adopt and lift")
_STACKS = Path("state/.pulumi/stacks/containment")


class EngineScene:
    """Contains a company by the engine once, and plays edited runs on copies of its project."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self._lab = lab
        self._folder = folder / "contained"
        self._folder.mkdir()
        environ = {**lab.world.responder.env(), "AWS_ENDPOINT_URL": lab.endpoint}
        self._project = Project.make(self._folder, environ)
        self._contained = Company(lab, self._project.folder)
        self._contained.before = self._contained.taken()
        for incident in (CONFIRMED, MISTAKEN):
            self._contained.write(incident)
            _verb(self._project, "up", incident, "--yes", succeeds=True)
        self._contained.contained = self._contained.taken()
        lab.advance(3600)  # what was issued before it is denied now, whenever a run is
        self._account = Account(lab)

    def play(self, folder: Path, seed: int) -> Played:
        """Play the edits that *seed* draws, in the empty *folder*."""
        self._account.put_back()
        for name in ("project", "state"):
            shutil.copytree(self._folder / name, folder / name, symlinks=True)
        project = replace(
            self._project,
            folder=folder / "project",
            environ=self._project.environ | {"PULUMI_BACKEND_URL": f"file://{folder / 'state'}"},
        )
        states = {name: StateFile.read(folder, name) for name in (CONFIRMED, MISTAKEN)}
        stacks = {
            name: Stack(project.folder, name, state.entries()) for name, state in states.items()
        }
        company = replace(self._contained, folder=project.folder, stacks=stacks)
        random = Random(seed)  # noqa: S311 -- it has to be the same again
        incident, verb = random.choice((CONFIRMED, MISTAKEN)), random.choice(VERBS)
        entries, edits = copy.deepcopy(stacks[incident].entries), list[str]()
        times = 0 if verb == "restore" else random.randint(1, 3)
        edits += [edit(company, incident, entries, random) for _ in range(times)]
        if verb in {"restore", "adopt and lift"} or random.random() < 0.3:
            edits.append(edit_ledger(company, incident, random))
        states[incident].write(entries, list(states.values()))
        code = _run(project, states[incident], incident, verb)
        wrong = company.wrong(incident, containing=verb.startswith(("up", "adopt")))
        return Played(seed, incident, verb, tuple(edits), tuple(wrong), refused=code != 0)


@dataclass
class StateFile:
    """The file that the engine keeps the state of one stack in."""

    path: Path
    checkpoint: dict[str, Any]

    @classmethod
    def read(cls, folder: Path, incident: str) -> StateFile:
        """Read the state of *incident* in the project beside it."""
        path = folder / _STACKS / f"{incident}.json.gz"
        return cls(path, json.loads(gzip.decompress(path.read_bytes())))

    def entries(self) -> list[Entry]:
        """Return what of it is the provider's, as an editor sees it."""
        return [
            Entry(item["type"].removeprefix(PREFIX), item["urn"], item["id"], dict(item["outputs"]))
            for item in self._resources()
            if item["type"].startswith(PREFIX)
        ]

    def write(self, entries: list[Entry], others: list[StateFile]) -> None:
        """Write *entries* in place of the provider's; the rest of each is as in *others*."""
        like: dict[str, dict[str, Any]] = {}
        for state in [*others, self]:
            for item in state._resources():
                like |= {item["type"]: item, item["urn"]: item}
        kept = [item for item in self._resources() if not item["type"].startswith(PREFIX)]
        resources = [self._resource(entry, like) for entry in entries]
        self.checkpoint["checkpoint"]["latest"]["resources"] = [*kept, *resources]
        self.path.write_bytes(gzip.compress(json.dumps(self.checkpoint).encode()))

    def _resource(self, entry: Entry, like: dict[str, dict[str, Any]]) -> dict[str, Any]:
        item = like.get(entry.urn) or like[PREFIX + entry.kind]
        provider = next(one["provider"] for one in self._resources() if "provider" in one)
        return {
            **item,
            "type": PREFIX + entry.kind,
            "urn": entry.urn,
            "id": entry.id,
            "provider": provider,
            "parent": next(one["urn"] for one in self._resources()),
            "dependencies": [],
            "propertyDependencies": {},
            "inputs": {name: entry.values[name] for name in item["inputs"] if name in entry.values},
            "outputs": entry.values,
        }

    def _resources(self) -> list[dict[str, Any]]:
        return list(self.checkpoint["checkpoint"]["latest"]["resources"])


def _run(project: Project, state: StateFile, incident: str, verb: str) -> int:
    if verb == "destroy":
        arguments = ("destroy", "--yes", "--skip-preview", "--stack", incident)
        return project.run(*arguments).exit_code
    if verb == "restore":
        state.path.unlink()
        arguments = ("--from-ledger", "--incident", incident, "--force", "--yes")
        return _verb(project, "restore", *arguments)
    codes = []
    if verb.startswith("adopt"):
        state.checkpoint["checkpoint"]["latest"]["resources"] = []
        state.path.write_bytes(gzip.compress(json.dumps(state.checkpoint).encode()))
        codes.append(_verb(project, "adopt", incident, "--yes"))
        codes.append(_verb(project, "up", incident, "--yes"))
    if verb.startswith("up"):
        codes.append(_verb(project, "up", incident, "--yes"))
    if verb.endswith("lift"):
        codes.append(_verb(project, "lift", incident, "--yes"))
    return max(codes)


def _verb(project: Project, *arguments: str, succeeds: bool = False) -> int:
    ran = project.verb(*arguments)
    if succeeds and ran.code:
        raise AssertionError(ran.output)
    if "Traceback" in ran.err or "bug in containment" in ran.err:
        raise AssertionError(f"{arguments}: {ran.err}")
    return ran.code

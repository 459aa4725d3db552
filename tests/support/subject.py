"""How each action is used in tests: on whom, at which rung, and what undoes it behind its back.

A test module of an action has one as ``SUBJECT``; the contract of the lifecycle, the kill matrix
and the model take it from there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from containment.actions import ACTIONS
from containment.lab.scenario.inventory import Inventory, take
from containment.lab.testing import Lab
from containment.spec import load
from tests.support.project import STACK, spec
from tests.support.workbench import Bench, write_spec


def _nothing(_lab: Lab, _arn: str) -> None:
    """Prepare nothing: the company has what the action changes."""


def _no_more(_bench: Bench) -> None:
    """Show nothing besides: the inventory of the account has what the action changes."""


@dataclass(frozen=True)
class Subject:
    """One action in use.

    Attributes:
        rung: at which it is declared.
        role: whether it is used on a role; on a user where not.
        strip: undoes what it did.
        makes: the calls that change something when it contains.
        lifts: the calls that change something at its lift, after a false alarm.
        prepare: gives a principal, by its ARN, what the action changes.
        shows: returns what the action changes where the inventory of the account has it not.
    """

    rung: str
    role: bool
    strip: Callable[[Bench], None]
    makes: tuple[str, ...]
    lifts: tuple[str, ...]
    prepare: Callable[[Lab, str], None] = _nothing
    shows: Callable[[Bench], object] = _no_more

    def arn(self, bench: Bench) -> str:
        """Return whom it is used on."""
        world = bench.lab.world
        return world.deploy_role if self.role else world.release_user

    def inputs(self, bench: Bench, action: type[Any], taken: Any) -> Any:
        """Return the inputs that a plan would give *action*, once the snapshot was *taken*."""
        declared = load(bench.directory / "stacks" / f"{bench.incident}.yaml")
        asked = action.inputs_for(declared, declared.targets[0])
        assert asked is not None, f"{action.resource} is not for rung {self.rung}"
        remembered = {name: getattr(taken, name) for name in action.from_snapshot}
        return action.inputs_type(**bench.snapshot_inputs(taken), **asked, **remembered)

    def declares(self, action: type[Any]) -> bool:
        """Tell whether *action* is declared too where this one is used."""
        kind = "role" if self.role else "user"
        target = f"{{{kind}: 'arn:aws:iam::111122223333:{kind}/somebody', rung: {self.rung}}}"
        with TemporaryDirectory() as folder:
            file = Path(folder) / f"{STACK}.yaml"
            file.write_text(spec(target), encoding="utf-8")
            declared = load(file)
        return action.inputs_for(declared, declared.targets[0]) is not None

    def take(self, bench: Bench) -> Inventory:
        """Return the inventory of the account, and what else the action changes."""
        return {**take(bench.admin()), "what it changes besides": repr(self.shows(bench))}

    def snapshot(self, bench: Bench, action: type[Any]) -> Any:
        """Return the snapshot of whom *action* is used on, by a spec of a false alarm."""
        bench.disposition = "false-positive"
        self.prepare(bench.lab, self.arn(bench))
        write_spec(bench, self.arn(bench), self.rung)
        return bench.snapshot(self.arn(bench), uses=(action.resource,))

    def made(self, bench: Bench, action: type[Any]) -> tuple[Any, Any, Any]:
        """Contain; return inputs, state and how the account was before."""
        taken = self.snapshot(bench, action)
        before = self.take(bench)
        inputs = self.inputs(bench, action, taken)
        return inputs, action(bench.context).create(inputs, preview=False), before


def subject_of(action: type[Any]) -> Subject:
    """Return how *action* is used, as its test module says."""
    word = re.sub(r"(?<!^)(?=[A-Z])", "_", action.resource).lower()
    subject: Subject = import_module(f"tests.actions.test_{word}").SUBJECT
    return subject


def subjects() -> list[tuple[type[Any], Subject]]:
    """Return every action that changes something on a principal, and how it is used."""
    return [(action, subject_of(action)) for action in ACTIONS if action.facets]

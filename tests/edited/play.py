"""One edited run: contain, edit, run a verb, and say what it did that nothing supports."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from containment.actions import ACTIONS
from containment.errors import ContainmentError
from containment.lifecycle.workplace import Settings, Workplace
from containment.run import restoration
from tests.edited.edits import edit, edit_ledger
from tests.edited.stack import CONFIRMED, MISTAKEN, Company, Stack

VERBS = ("destroy", "destroy", "up", "up and destroy", "restore", "adopt and destroy")


@dataclass(frozen=True)
class Played:
    """What was edited, what was run, and what came of it."""

    seed: int
    incident: str
    verb: str
    edits: tuple[str, ...]
    wrong: tuple[str, ...]
    refused: bool = False

    def __str__(self) -> str:
        """Return it as a reader needs it to play it again."""
        return (
            f"seed {self.seed}: {self.verb} of {self.incident} after {'; '.join(self.edits)}:\n  "
            + "\n  ".join(self.wrong)
        )


def play(company: Company, seed: int) -> Played:
    """Play the edits that *seed* draws, on a *company* that is contained."""
    random = Random(seed)  # noqa: S311 -- it has to be the same again
    incident = random.choice((CONFIRMED, MISTAKEN))
    verb = random.choice(VERBS)
    stack = company.stacks[incident].copied()
    edits: list[str] = []
    times = 0 if verb == "restore" else random.randint(1, 3)
    edits += [edit(company, incident, stack.entries, random) for _ in range(times)]
    if verb in {"restore", "adopt and destroy"} or random.random() < 0.3:
        edits.append(edit_ledger(company, incident, random))
    settings: dict[str, Any] = {}
    if random.random() < 0.1:
        settings = {"role": company.lab.world.bystander_role}
        edits.append("settings")
    run(company, stack, verb, settings)
    return Played(
        seed,
        incident,
        verb,
        tuple(edits),
        tuple(company.wrong(incident, containing=verb.startswith(("up", "adopt")))),
        bool(stack.failed),
    )


def run(company: Company, stack: Stack, verb: str, settings: dict[str, Any]) -> None:
    """Run *verb* on the edited *stack*."""
    if verb == "restore":
        _restore(company, stack.incident)
        return
    if verb == "adopt and destroy":
        stack.entries.clear()
        for arn in _targets(company, stack.incident):
            stack.adopt(arn)
        stack.up()
    if verb.startswith("up"):
        stack.up()
    if verb.endswith("destroy"):
        stack.destroy(settings)


def _targets(company: Company, incident: str) -> list[str]:
    world = company.lab.world
    return {
        CONFIRMED: [world.ci_user, world.app_role],
        MISTAKEN: [world.release_user, world.deploy_role],
    }[incident]


def _restore(company: Company, incident: str) -> None:
    settings = Settings.resolve(company.folder, {}, "")
    workplace = Workplace(company.folder, ACTIONS, incident, settings, believed=False)
    try:
        entries = restoration.verified_entries(workplace.ledger().journal_of(incident))
        for item in restoration.owed(entries, workplace):
            restoration.give_back(item, workplace)
    except ContainmentError:
        return

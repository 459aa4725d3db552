"""The judge is not asleep: each way to break the product shows in a short story."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest

from containment.actions.deny_policy import DenyPolicy
from containment.actions.principal_snapshot import PrincipalSnapshot
from containment.facets import credentials_lift, trust
from containment.facets.marks import new_snapshot_id
from containment.lifecycle import lift
from tests.model import foreign
from tests.model.cast import CI, DEPLOY
from tests.model.cloud import Cloud
from tests.model.engine import Blow
from tests.model.judge import BrokenError
from tests.model.story import Story

pytestmark = pytest.mark.lab

_create = DenyPolicy.create


def replaced(story: Story) -> None:
    story.edit({DEPLOY: "deny-all"}, "false-positive")
    story.command("up", preview=False)
    story.command("up", preview=False, replace=[story.urn(DEPLOY, "DenyPolicy")])


def crashed_and_destroyed(story: Story) -> None:
    story.edit({DEPLOY: "deny-all"})
    blow = Blow("call:PutRolePolicy:after", "provider")
    story.command("up", preview=False, blow=blow)
    story.command("destroy", preview=False)


def previewed(story: Story) -> None:
    story.edit({CI: "deny-all"})
    story.command("preview")


def trusted_by_others(story: Story) -> None:
    story.edit({DEPLOY: "close-trust"}, "false-positive")
    story.command("up", preview=False)
    foreign.happens(story, "trust_added_to", DEPLOY)
    story.command("destroy", preview=False)


def lifted(story: Story) -> None:
    story.edit({CI: "deny-all"}, "confirmed")
    story.command("up", preview=False)
    story.command("destroy", preview=False)


def stripped(story: Story) -> None:
    story.edit({DEPLOY: "deny-all"})
    story.command("up", preview=False)
    foreign.happens(story, "strip_deny", DEPLOY)
    story.command("up", preview=False)


def create_in_earnest(self: DenyPolicy, inputs: Any, *, preview: bool) -> Any:
    del preview
    inputs = inputs.model_copy(update={"snapshot_id": new_snapshot_id()})
    return _create(self, inputs, preview=False)


@dataclass(frozen=True)
class Mutant:
    """A part of the product in another's place, a story, and what the judge says of it."""

    where: Any
    what: str
    instead: Any
    play: Callable[[Story], None]
    message: str


MUTANTS = (
    Mutant(
        lift, "newer_snapshots", lambda *_: set(), replaced, "deny-all of role/deploy does not hold"
    ),
    Mutant(PrincipalSnapshot, "finish", lambda *_: None, crashed_and_destroyed, "nobody owns"),
    Mutant(DenyPolicy, "create", create_in_earnest, previewed, "preview changed something in AWS"),
    Mutant(trust, "reopened", lambda *arguments: arguments[2], trusted_by_others, "not ours"),
    Mutant(credentials_lift, "_stays", lambda *_: None, lifted, "leaked and was given back"),
    Mutant(
        DenyPolicy,
        "_live_status",
        lambda *_: "applied",
        stripped,
        "does not hold the stolen session",
    ),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.what)
def test_the_model_catches_each_mutant(cloud: Cloud, mutant: Mutant) -> None:
    story = Story(cloud)
    changed = mock.patch.object(mutant.where, mutant.what, mutant.instead)
    with changed, pytest.raises(BrokenError, match=mutant.message):
        mutant.play(story)
    story.close()


@pytest.mark.parametrize("play", [mutant.play for mutant in MUTANTS])
def test_the_same_story_passes_without_the_mutant(
    cloud: Cloud, play: Callable[[Story], None]
) -> None:
    story = Story(cloud)

    play(story)

    story.settle()
    story.close()

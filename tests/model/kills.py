"""The full cross of crashes: every action, every moment of it, every victim, every next command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.model.cast import APP, CI, DEPLOY, FIRST, RUNGS
from tests.model.cloud import Cloud
from tests.model.engine import Blow, Outcome, Victim
from tests.model.story import Fate, Story

Blows = tuple[tuple[Victim, Fate], ...]
# At a call: who dies there, and what becomes of the orphan where the engine alone is gone.
_AT_CALLS: Blows = (("provider", "die"), ("cli", "write"), ("cli", "finish"), ("machine", "die"))
_ELSEWHERE: Blows = (("machine", "die"), ("interrupt", "die"))
NEXT: tuple[tuple[str, ...], ...] = (("up",), ("destroy",), ("refresh", "up"), ("destroy", "up"))


@dataclass(frozen=True)
class Scene:
    """One command to be cut off: the action under it, what went before, the command."""

    name: str
    before: Callable[[Story], object]
    strike: Callable[[Story, Blow | None, Fate], Outcome]
    crowded: bool = False

    def ready(self, cloud: Cloud) -> Story:
        """Return a story at the moment just before the command."""
        story = Story(cloud, crowded=self.crowded)
        self.before(story)
        return story


def scenes() -> Iterator[Scene]:
    """Yield every action in every way that the engine can call it, for users and roles."""
    for target, crowded in ((CI, False), (CI, True), (DEPLOY, False), (APP, False)):
        rungs = RUNGS[target][:1] if crowded or target == APP else RUNGS[target]
        for rung in rungs:
            who = f"{rung} of {target}{' without room' if crowded else ''}"
            spec = {target: rung}
            other = {target: RUNGS[target][(RUNGS[target].index(rung) + 1) % len(RUNGS[target])]}
            yield Scene(f"first up, {who}", _edited(spec), _up(), crowded)
            yield Scene(f"destroy, {who}", _contained(spec), _destroy, crowded)
            if crowded or target == APP:
                continue
            yield Scene(f"next rung after {who}", _contained(spec, other), _up(), crowded)
            kind = "InactiveCredentials" if rung == "key-only" else "DenyPolicy"
            yield Scene(f"replace, {who}", _contained(spec), _up((target, kind)), crowded)


def cross(
    cloud: Cloud, tally: Counter[str], *, only: Sequence[str] = (), part: tuple[int, int] = (0, 1)
) -> None:
    """Play every combination, or those of the scenes in *only*, or one *part* of so many.

    Raises:
        BrokenError: something was lost; the story is in the message.
    """
    number = -1
    for scene in scenes():
        if only and scene.name not in only:
            continue
        story = scene.ready(cloud)
        moments = scene.strike(story, None, "die").moments
        story.close()
        for index, label in enumerate(moments):
            for victim, fate in _AT_CALLS if label.startswith("call:") else _ELSEWHERE:
                for following in NEXT:
                    number += 1
                    if number % part[1] == part[0]:
                        blow = Blow(index, victim)
                        _one(cloud, tally, scene, blow=blow, fate=fate, following=following)


def _one(
    cloud: Cloud,
    tally: Counter[str],
    scene: Scene,
    *,
    blow: Blow,
    fate: Fate,
    following: Sequence[str],
) -> None:
    story = scene.ready(cloud)
    try:
        outcome = scene.strike(story, blow, fate)
        if outcome.hit is None:
            raise AssertionError(f"{blow} hit nothing in {scene.name}")
        for verb in following:
            story.command(verb, preview=False)
        if following[-1] == "up":
            story.command("destroy", preview=False)
        story.settle()
    finally:
        story.close()
    tally["tried"] += 1
    tally[f"{blow.victim} {fate}" if blow.victim == "cli" else blow.victim] += 1
    tally[f"then {' and '.join(following)}"] += 1
    tally[f"scene: {scene.name}"] += 1


def _edited(spec: dict[str, str]) -> Callable[[Story], object]:
    return lambda story: story.edit(spec)


def _contained(
    spec: dict[str, str], then: dict[str, str] | None = None
) -> Callable[[Story], object]:
    def before(story: Story) -> None:
        story.edit(spec)
        story.command("up", preview=False)
        if then is not None:
            story.edit(then)

    return before


def _up(replace: tuple[str, str] | None = None) -> Callable[[Story, Blow | None, Fate], Outcome]:
    def strike(story: Story, blow: Blow | None, fate: Fate) -> Outcome:
        urns = [story.urn(*replace)] if replace else []
        return story.command("up", FIRST, blow=blow, fate=fate, preview=False, replace=urns)

    return strike


def _destroy(story: Story, blow: Blow | None, fate: Fate) -> Outcome:
    return story.command("destroy", FIRST, blow=blow, fate=fate, preview=False)

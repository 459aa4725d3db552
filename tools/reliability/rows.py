"""The rows of the kill matrix: every call at both of its failure points, everything else pairwise.

The same seed gives the same rows.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from typing import TYPE_CHECKING, Any, get_args

from tools.reliability.blow import Blow, Fate, How, Point, Who
from tools.reliability.scenes import GUARD_CALLS, SCENES
from tools.reliability.trial import Storm, Trial

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tools.reliability.trial import After

POINTS: tuple[tuple[Point, Fate], ...] = (("before", "dropped"), ("after", "lost"))
SIGNALS: tuple[How, ...] = tuple(how for how in get_args(How) if str(how).startswith("SIG"))
_WAYS_ON: tuple[After, After] = ("up", "destroy")
_REVOKES = "BatchRevokeSessions"
# Enough for one principal: the stack itself, a snapshot and two more resources, two writes each.
CHECKPOINTS = 8


def rows(seed: int) -> list[Trial]:
    """Return the whole matrix, what takes longest first."""
    trials = [
        *no_state(),
        *(Trial(scene, "up", None, "destroy") for scene in SCENES),
        *late(),
        *at_once(),
        *replaced(),
        *repaired(),
        *ahead(),
        *signals(seed),
        *every_call(),
    ]
    return list(dict.fromkeys(trials))


def sample() -> list[Trial]:
    """Return what ``make test`` tries: each kind of trial, quickly."""
    user = "user"
    return [
        Trial(user, "up", None, "destroy"),
        Trial(user, "up", Blow("PutUserPolicy", who="cli", how="SIGPIPE"), "up"),
        Trial(user, "up", _late("UpdateAccessKey", "SIGHUP"), "destroy"),
        Trial(user, "up", _waiting("PutUserPolicy"), "cancel at once"),
        Trial(user, "replace", _lost("PutUserPolicy"), "destroy"),
        Trial("role, closed", "destroy", _lost("DeleteRolePolicy"), "containment lift"),
        Trial(user, "up ahead", _lost("PutUserPolicy", "cli"), "containment up"),
        Trial(user, "up ahead", _held_back("TagUser"), "refused destroy at once"),
        Trial(user, "up ahead", _while_it_catches_up(6), "containment up"),
        Trial(user, "up", Blow("checkpoint", 5, who="nobody", how="state refused"), "destroy"),
    ]


def _while_it_catches_up(nth: int) -> Blow:
    """Return the end of the engine at the *nth* look at the user, after all has been done."""
    return Blow("GetUser", nth, "before", "engine", fate="passes")


def storms(number: int, seed: int) -> list[Storm]:
    """Return *number* runs with faults, the scenes in turn."""
    names = itertools.cycle(SCENES)
    return [Storm(next(names), seed + index) for index in range(number)]


def every_call() -> Iterator[Trial]:
    """Yield each call of each scene, before it is carried out and after, with both ways on."""
    for scene in SCENES.values():
        if scene.name == "both":
            continue  # the same calls as in the scenes of one principal
        for verb in ("up", "destroy"):
            if scene.name == "user, fenced" and verb == "up":
                continue  # as without a fence
            for index, (operation, nth) in enumerate(numbered(getattr(scene, verb))):
                for (point, fate), way in itertools.product(POINTS, (0, 1)):
                    turn = index + way + (point == "after")
                    who: Who = "machine" if turn % 2 else "provider"
                    ways: tuple[After, After] = (
                        ("containment up", "containment lift")
                        if turn % 4 == 1
                        else ("up", "destroy")
                    )
                    yield Trial(
                        scene.name, verb, Blow(operation, nth, point, who, fate=fate), ways[way]
                    )


def signals(seed: int) -> Iterator[Trial]:
    """Yield every pair of process, signal, point, command and what comes next, at least once."""
    factors: dict[str, Sequence[Any]] = {
        "who": ("cli", "host", "provider"),
        "how": SIGNALS,
        "point": ("before", "after"),
        "verb": ("up", "destroy"),
        "after": ("up", "destroy", "refresh", "cancel"),
    }
    turn = random.Random(seed)  # noqa: S311 -- to be repeated, not to be secret
    for row in pairwise(factors, turn):
        calls = numbered(getattr(SCENES["both"], row["verb"]))
        operation, nth = turn.choice(list(calls))
        blow = Blow(operation, nth, row["point"], row["who"], row["how"])
        yield Trial("both", row["verb"], blow, row["after"])


def late() -> Iterator[Trial]:
    """Yield those where the CLI dies and its provider's call arrives two seconds later."""
    hows: tuple[How, How] = ("SIGKILL", "SIGHUP")
    for operation, how in itertools.product(SCENES["user"].up, hows):
        yield Trial("user", "up", _late(operation, how), "destroy" if how == "SIGHUP" else "up")
    yield Trial("role, closed", "up", _late("UpdateAssumeRolePolicy", "SIGKILL"), "destroy")
    yield Trial("role, closed", "up", _late("PutRolePolicy", "SIGHUP"), "containment lift")
    yield Trial("user", "destroy", _late("DeleteUserPolicy", "SIGKILL"), "up")
    yield Trial("user, fenced", "destroy", _late("PutUserPolicy", "SIGKILL"), "containment up")


def at_once() -> Iterator[Trial]:
    """Yield those where somebody cancels, or destroys, while an ``up`` lives."""
    for operation in SCENES["user"].up:
        yield Trial("user", "up", _waiting(operation), "destroy at once")
    for operation in GUARD_CALLS:
        yield Trial("user, guarded", "up", _waiting(operation), "destroy at once")
    yield Trial("user, signed in", "up", _waiting(_REVOKES), "destroy at once")
    yield Trial("user", "up", _waiting("TagUser"), "cancel at once")
    yield Trial("role, closed", "up", _waiting("UpdateAssumeRolePolicy"), "destroy at once")


def replaced() -> Iterator[Trial]:
    """Yield crashes of a ``--replace``, which finds the keys Inactive, followed by a destroy."""
    for operation, (point, fate) in itertools.product(("PutUserPolicy", "TagUser"), POINTS):
        yield Trial("user", "replace", Blow(operation, 1, point, "machine", fate=fate), "destroy")


def repaired() -> Iterator[Trial]:
    """Yield crashes of the ``up`` that puts back what was taken off: updates, not creates."""
    for scene, operation in (
        ("user", "PutUserPolicy"),
        ("user", "UpdateAccessKey"),
        ("role, closed", "UpdateAssumeRolePolicy"),
        ("role, closed", "PutRolePolicy"),
        ("user, guarded", "AttachPolicy"),
    ):
        for (point, fate), after in zip(POINTS, _WAYS_ON, strict=True):
            blow = Blow(operation, 1, point, "machine", fate=fate)
            yield Trial(scene, "repair", blow, after)


def ahead() -> Iterator[Trial]:
    """Yield ``containment up`` dying at each call that it makes before its engine is started.

    It dies without a state, and with an old one; and others begin beside it.
    """
    for scene in SCENES.values():
        if "," in scene.name and scene.name != "role, closed":
            continue  # as without a fence, a guard and sessions, which are the engine's
        for index, (operation, nth) in enumerate(numbered(scene.up)):
            for turn, (point, fate) in enumerate(POINTS):
                after: After = "containment up" if (index + turn) % 2 else "up"
                blow = Blow(operation, nth, point, "cli", fate=fate)
                yield Trial(scene.name, "up ahead", blow, after)
    yield Trial("user", "up ahead", Blow("GetUser", 1, "before", "cli", fate="dropped"), "up")
    # The engine takes over what was done, and writes its state at its end alone.
    yield Trial("user", "up ahead", _while_it_catches_up(6), "containment up")
    yield Trial("user", "up ahead", _while_it_catches_up(7), "up")
    for (scene_name, operation), (point, fate) in itertools.product(
        (
            ("user", "PutUserPolicy"),
            ("user", "UpdateAccessKey"),
            ("role, closed", "UpdateAssumeRolePolicy"),
            ("role, closed", "PutRolePolicy"),
        ),
        POINTS,
    ):
        after = "containment lift" if point == "after" else "up"
        blow = Blow(operation, 1, point, "cli", fate=fate)
        yield Trial(scene_name, "repair ahead", blow, after)
    ways: dict[bool, After] = {True: "containment lift", False: "containment up"}
    for (scene_name, operation), (point, fate) in itertools.product(
        (*(("user, guarded", name) for name in GUARD_CALLS), ("user, signed in", _REVOKES)), POINTS
    ):
        # Without a state a lift is refused: the engine had written none of a principal's yet.
        lifted = point == "after" and operation in GUARD_CALLS
        blow = Blow(operation, 1, point, "engine", fate=fate)
        yield Trial(scene_name, "up ahead", blow, ways[lifted])
    for operation in SCENES["user"].up:
        yield Trial("user", "up ahead", _held_back(operation), "refused up at once")
        yield Trial("user", "up ahead", _held_back(operation), "refused destroy at once")
    for operation in ("PutUserPolicy", "UpdateAccessKey"):
        yield Trial("user", "repair ahead", _held_back(operation), "refused destroy at once")


def no_state() -> Iterator[Trial]:
    """Yield those where the state cannot be written from some moment on."""
    for nth in range(1, CHECKPOINTS + 1):
        after: After = "destroy" if nth % 2 else "containment up"
        blow = Blow("checkpoint", nth, "before", "nobody", "state refused")
        yield Trial("user", "up", blow, after)
    hows: tuple[How, How] = ("disk full", "state gone")
    for how, (verb, operation) in itertools.product(
        hows, (("up", "PutUserPolicy"), ("up", "UpdateAccessKey"), ("destroy", "DeleteUserPolicy"))
    ):
        after = "destroy" if how == "disk full" else "containment lift"
        yield Trial("user", verb, Blow(operation, 1, "before", "nobody", how), after)  # type: ignore[arg-type]


def numbered(calls: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Yield each call with its number among those of its name."""
    counts: Counter[str] = Counter()
    for name in calls:
        counts[name] += 1
        yield name, counts[name]


def pairwise(factors: dict[str, Sequence[Any]], turn: random.Random) -> list[dict[str, Any]]:
    """Return few rows in which every pair of values stands, greedily."""
    names = list(factors)
    every = [
        dict(zip(names, values, strict=True)) for values in itertools.product(*factors.values())
    ]
    turn.shuffle(every)
    open_pairs = {pair for row in every for pair in _pairs(row)}
    chosen: list[dict[str, Any]] = []
    while open_pairs:
        best = max(every, key=lambda row: len(open_pairs & _pairs(row)))
        chosen.append(best)
        open_pairs -= _pairs(best)
    return chosen


def _pairs(row: dict[str, Any]) -> set[tuple[tuple[str, Any], tuple[str, Any]]]:
    return set(itertools.combinations(row.items(), 2))


def _lost(operation: str, who: Who = "machine") -> Blow:
    return Blow(operation, 1, "after", who, fate="lost")


def _late(operation: str, how: How) -> Blow:
    return Blow(operation, 1, "before", "cli", how, "late")


def _held_back(operation: str) -> Blow:
    return Blow(operation, 1, "before", "nobody", "nothing", "held")


def _waiting(operation: str) -> Blow:
    return Blow(operation, 1, "before", "nobody", "nothing", "late")

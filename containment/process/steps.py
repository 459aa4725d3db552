"""The steps of the process, and how each can stand."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Progress(StrEnum):
    """How one step stands."""

    COMPLETE = "done"
    OPEN = "open"
    OVERDUE = "overdue"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the process; *waivable* where a decision may say that it does not apply."""

    number: str
    title: str
    phase: str
    waivable: bool = False


@dataclass(frozen=True, slots=True)
class StepStatus:
    """How *step* stands, by what evidence or why not; *command* goes on with it where it is open.

    *moment* and *author* are those of the evidence, as far as they are on record.
    """

    step: Step
    progress: Progress
    why: str
    moment: str = ""
    author: str = ""
    command: str = ""


def _load() -> Mapping[str, Step]:
    text = resources.files("containment.process").joinpath("steps.toml").read_text("utf-8")
    document = tomllib.loads(text)
    phases = document["phases"]
    return {
        number: Step(number, row["title"], phases[number[0]], row.get("waivable", False))
        for number, row in document["steps"].items()
    }


STEPS: Mapping[str, Step] = _load()

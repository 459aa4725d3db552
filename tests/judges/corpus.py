"""The mixes of policies that the judges are asked about, and how often each layer should decide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

from tests.judges.case import Case, Document
from tests.judges.scenes import scene
from tests.judges.statements import Aim, policy

MIXES: dict[str, tuple[str, ...]] = {
    "identity": ("identity",),
    "boundary": ("identity", "boundary", "service_control"),
    "session": ("identity", "boundary", "service_control", "session"),
    "resource": (
        "identity",
        "boundary",
        "service_control",
        "resource_control",
        "session",
        "resource",
    ),
    "trust": ("identity", "boundary", "resource"),
}
# How often one layer is meant to be the one that says no.
_BROKEN = {"identity": 0.45, "boundary": 0.6, "session": 0.6, "resource": 0.7, "trust": 0.5}
# A layer that many callers lack, or that others often forestall, has to be broken more often.
_WEIGHT = {"boundary": 1.6, "service_control": 1.6, "session": 2.6, "resource_control": 1.6}
_FULL: Document = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


def cases(mix: str, number: int, seed: int) -> Iterator[Case]:
    """Yield *number* random cases of *mix*: the same ones for the same seed."""
    for index in range(number):
        rng = Random(f"{mix}/{seed}/{index}")  # noqa: S311 - it makes test cases, not keys
        yield _case(rng, f"{mix}-{seed}-{index}", mix)


def _case(rng: Random, name: str, mix: str) -> Case:
    case = scene(rng, name, mix)
    layers = [one for one in MIXES[mix] if one != "session" or case.kind != "user"]
    aims = _aims(rng, case, layers)
    fields: dict[str, Any] = {}
    for layer, aim in aims.items():
        if layer == "identity":
            number = rng.choice([1, 1, 2])
            fields[layer] = [policy(rng, case, layer, aim)]
            fields[layer] += [policy(rng, case, layer, "silent") for _ in range(number - 1)]
        elif layer.endswith("control"):
            fields[layer] = _levels(rng, case, layer, aim)
        else:
            fields[layer] = policy(rng, case, layer, aim)
    return replace(case, **fields)


def _aims(rng: Random, case: Case, layers: list[str]) -> dict[str, Aim]:
    if rng.random() < 0.06:
        return dict.fromkeys(layers, "free")
    aims: dict[str, Aim] = dict.fromkeys(layers, "allow")
    if case.mix == "resource" and case.same_account and not case.action.startswith("kms:"):
        aims["resource"] = rng.choice(["silent", "silent", "allow"])
    if rng.random() >= _BROKEN[case.mix]:
        return aims
    broken = rng.choices(layers, [_WEIGHT.get(layer, 1.0) for layer in layers])[0]
    aims[broken] = rng.choice(["silent", "deny"])
    if broken == "session" and "resource" in layers and case.same_account and rng.random() < 0.8:
        # A grant to the session itself passes by its policy; one judge does not know that.
        aims["resource"] = "silent"
    if broken == "identity" and "resource" in layers and rng.random() < 0.5:
        aims["resource"] = "allow"
    if broken == "resource_control":
        aims[broken] = "deny"
    return aims


def _levels(rng: Random, case: Case, layer: str, aim: Aim) -> list[list[Document]]:
    """Return the control policies of the root and of what is below it, one list a level."""
    number = rng.randint(1, 3)
    deciding = rng.randrange(number)
    if layer == "resource_control":
        return [
            [policy(rng, case, layer, aim if level == deciding else "silent")]
            for level in range(number)
        ]
    levels = []
    for level in range(number):
        if level == deciding:
            levels.append([policy(rng, case, layer, aim)])
        elif rng.random() < 0.5:
            levels.append([_FULL])
        else:
            levels.append([policy(rng, case, layer, "silent"), _FULL])
    return levels

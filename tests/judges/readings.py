"""How a judge is known to read a policy in another way than AWS documents it.

A reading rewrites a case into what the judge takes it for. It explains a disagreement only if the
evaluator, asked about the rewritten case, gives the judge's verdict: a mistake of the evaluator's
own cannot hide behind it. `disagreements.md` has AWS's page for each.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tests.judges.case import LAYERS, Case, Document, Verdict, lab_says

Statement = dict[str, Any]
_NEVER: Statement = {"Effect": "Allow", "Action": "none:Matches", "Resource": "*"}


@dataclass(frozen=True)
class Reading:
    """One way a judge differs: *rewrite* the case, and *decide* what comes of it."""

    name: str
    rewrite: Callable[[Case], Case] = lambda case: case
    decide: Callable[[Case], Verdict] = lab_says

    def verdict(self, case: Case) -> Verdict:
        return self.decide(self.rewrite(case))


def each_statement(change: Callable[[Case, str, Statement], Statement | None]) -> Any:
    """Return a rewriting of every statement; None takes a statement out."""

    def document(case: Case, layer: str, one: Document) -> Document:
        listed = one["Statement"]
        statements = listed if isinstance(listed, list) else [listed]
        kept = [change(case, layer, statement) for statement in statements]
        if kept == statements:
            return one
        return {**one, "Statement": [statement or _NEVER for statement in kept]}

    return each_document(document)


def each_document(change: Callable[[Case, str, Document], Document]) -> Callable[[Case], Case]:
    """Return a rewriting of every policy."""

    def rewrite(case: Case) -> Case:
        def whole(layer: str) -> Any:
            documents = getattr(case, layer)
            if layer == "identity":
                return [change(case, layer, one) for one in documents]
            if layer.endswith("control"):
                return [[change(case, layer, one) for one in level] for level in documents]
            return change(case, layer, documents) if documents else None

        return replace(case, **{layer: whole(layer) for layer in LAYERS})

    return rewrite


def each_condition(change: Callable[[str, str, Any, bool], str | None]) -> Any:
    """Return a rewriting of operators: the new one, or None where the judge never matches it.

    *change* is given operator, key, value, and whether the request has the key. A new operator is
    spelled in lower case, so that it does not collide with one that is there.
    """

    def statement(case: Case, _layer: str, one: Statement) -> Statement | None:
        present = {key.lower() for key in case.context}
        block: dict[str, dict[str, Any]] = {}
        for operator, keys in one.get("Condition", {}).items():
            for key, value in keys.items():
                changed = change(operator, key, value, key.lower() in present)
                if changed is None:
                    return None
                block.setdefault(changed, {})[key] = value
        return {**one, "Condition": block} if block else one

    return each_statement(statement)


VARIABLE = re.compile(r"\$\{([^},]+)(, '[^']*')?\}")


def texts(value: Any) -> list[Any]:
    """Return what a policy element holds, as a list."""
    return value if isinstance(value, list) else [value]


def has_value(case: Case, text: str) -> bool:
    """Tell whether every variable in *text* has a value or a default."""
    keys = {key.lower() for key, value in case.context.items() if isinstance(value, str)}
    return all(name.lower() in keys or default for name, default in VARIABLE.findall(text))


def newer_version(_case: Case, _layer: str, one: Document) -> Document:
    return {**one, "Version": "2012-10-17"}


def variables_in_every_version(case: Case) -> Case:
    """Rewrite policies of the older version that hold a variable."""
    return each_document(
        lambda case, layer, one: newer_version(case, layer, one) if "${" in str(one) else one
    )(case)


def explanation(readings: tuple[Reading, ...], case: Case, judged: str) -> str:
    """Return the name of the known reading that leads to what was *judged*; empty if none does.

    *judged* may say "deny" alone, without the kind.
    """
    for reading in readings:
        if same(reading.verdict(case), judged):
            return reading.name
    for reading in readings:
        if same(reading.decide(rewritten(readings, case)), judged):
            return "several of them at once"
    return ""


def rewritten(readings: tuple[Reading, ...], case: Case) -> Case:
    """Return the case with every rewriting done."""
    for reading in readings:
        case = reading.rewrite(case)
    return case


def same(verdict: str, judged: str) -> bool:
    """Compare verdicts; a judge may not know kinds of denial."""
    return verdict == judged or (judged == "deny" and verdict.endswith(" deny"))

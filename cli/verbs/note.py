"""``containment note``: what people say of an incident, on its record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli import render
from cli.options import json_option
from cli.recording import begin_record, this_user
from containment.errors import ContainmentError, SpecError
from containment.intake.text import quoted
from containment.process.steps import STEPS
from containment.record import Kind, make_note
from containment.record.notes import (
    DETAILS,
    DOES_NOT_APPLY,
    POSITIVES,
    require_reason,
    require_signal,
)
from containment.record.record import require_evidence
from containment.spec import moment_text

if TYPE_CHECKING:
    from containment.ledger.chain import Entry
    from containment.record import Reading
    from containment.run.project import Project

# What every entry has; the rest are the details of its kind.
_COMMON = frozenset({"kind", "text", "author", "incident", "at", "n", "prev"})


@click.command()
@click.argument("kind", type=click.Choice([str(kind) for kind in DETAILS]), required=False)
@click.argument("text", required=False)
@click.option("--incident", "named", help="The incident; the only one in stacks/, if left out.")
@click.option("--by", "author", help="Who says it; your name on this machine, if left out.")
@click.option("--source", help="t0: where it comes from, such as a finding or a commit.")
@click.option("--reason", help="t0: why it changes. cause: how it is known.")
@click.option("--to", help="message: who was told.")
@click.option("--receipt", help="message: what shows that it arrived.")
@click.option("--owner", help="lesson: who sees to it.")
@click.option("--positive", type=click.Choice(POSITIVES), help="verdict: what the alert was.")
@click.option("--of", "of_entry", help="verdict: the number of the signal's entry.")
@click.option("--step", metavar="NUMBER", help="The step of 'containment process' it is about.")
@click.option(
    "--not-applicable", is_flag=True, help="decision: the step does not apply, and TEXT says why."
)
@json_option
def note(
    *,
    kind: str | None,
    text: str | None,
    named: str | None,
    author: str | None,
    of_entry: str | None,
    step: str | None,
    not_applicable: bool,
    as_json: bool,
    **details: str | None,
) -> int:
    """Put TEXT on the record of an incident. Nothing in AWS is changed or asked.

    KIND is t0 (TEXT is a time with its zone), cause (TEXT is one of the spec's causes), impact
    ("none" is a value), alternative, decision, message, verdict, residual or lesson. Without KIND
    the record is shown. What is on it is never changed: note again, and the later entry counts.

    Ends with 5 where the record was edited or cut short: nothing is added to it, and nothing
    concluded from it.
    """
    this_project, incident, record = begin_record(named)
    reading = record.read()
    if kind is None:
        return _show(incident, reading, as_json=as_json)
    if text is None:
        kind_details = DETAILS[Kind(kind)]
        raise SpecError(
            f"the entry has no text, which is {kind_details.text}",
            remedy=f"run 'containment note {kind} TEXT'",
        )
    details |= {"of": of_entry, "step": _step(step, waived=not_applicable)}
    if not_applicable:
        details["applies"] = DOES_NOT_APPLY
    entry = make_note(
        Kind(kind),
        text,
        author=author if author is not None else this_user(),
        details={name: value for name, value in details.items() if value is not None},
    )
    require_evidence(reading)
    require_reason(entry, reading.entries)
    require_signal(entry, reading.entries)
    number = record.add(entry.fields())
    if as_json:
        document = {"incident": incident, "location": reading.location, "entry": number}
        render.document({**document, **entry.fields()})
        return 0
    render.say(f"entry {number} of {reading.location}", style="bold")
    render.fields([(name, value) for name, value in entry.fields().items()])
    if entry.kind is Kind.T0:
        _compare_t0(this_project, incident, entry.text)
    return 0


def _step(number: str | None, *, waived: bool) -> str | None:
    """Return *number* if it is a step, and one that may be *waived* where it is.

    Raises:
        SpecError: it is none, or needs its evidence whatever is decided.
    """
    step = STEPS.get(number or "")
    if step is None and (number is not None or waived):
        raise SpecError(
            f"{quoted(number)} is no step of the process" if number else "no step is named",
            remedy=f"give one with --step: {', '.join(STEPS)}",
        )
    if waived and step is not None and not step.waivable:
        raise SpecError(
            f"step {step.number} ({step.title}) always applies",
            remedy="leave --not-applicable out; 'containment process' says what it takes",
        )
    return number


def _compare_t0(this_project: Project, incident: str, t0: str) -> None:
    """Say where the spec has another T0, which decides what a lift gives back."""
    try:
        spec = this_project.spec(incident)
    except ContainmentError:
        return  # 'containment check' tells what is wrong with it
    if (stated := moment_text(spec.compromised_at)) != t0:
        render.tell(
            f"note: stacks/{incident}.yaml says {stated}: if {t0} is to count, change"
            " compromised_at there",
            style="yellow",
        )


def _show(incident: str, reading: Reading, *, as_json: bool) -> int:
    problem: ContainmentError | None = None
    try:
        require_evidence(reading)
    except ContainmentError as error:
        problem = error
    if as_json:
        render.document(_document(incident, reading))
    else:
        _show_entries(reading)
    if problem is None:
        return 0
    render.tell(f"error: {problem}", style="red")
    return problem.exit_code


def _document(incident: str, reading: Reading) -> dict[str, Any]:
    return {
        "incident": incident,
        "record": {
            "location": reading.location,
            "verdict": reading.verdict,
            "length": reading.head.length,
            "head": reading.head.sha256,
            "why": reading.why,
            "concerns": list(reading.concerns),
        },
        "entries": list(reading.entries),
    }


def _show_entries(reading: Reading) -> None:
    render.fields([("record", f"{reading.location}  {reading.verdict}, {reading.head}")])
    for concern in reading.concerns:
        render.tell(f"note: {concern}", style="yellow")
    if reading.entries:
        render.say()
        render.table(
            ("entry", "at", "author", "kind", "text"),
            [
                (one.get("n"), one.get("at"), one.get("author"), one.get("kind"), _words(one))
                for one in reading.entries
            ],
        )


def _words(entry: Entry) -> str:
    details = [f"{name}: {value}" for name, value in entry.items() if name not in _COMMON]
    return " · ".join([str(entry.get("text", "")), *details])

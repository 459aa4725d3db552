"""``containment up`` without the engine: what is shown of it, and how it ends."""

from __future__ import annotations

from itertools import groupby
from threading import Event
from typing import TYPE_CHECKING

from cli import differences, render
from cli.emergencies import declared
from cli.incident import begin_directly, ended, error_document, place_document
from cli.stopping import stopped_by_signals
from containment.aws.recording import made_change
from containment.engine.ownership import ForeignStateError
from containment.errors import ConflictError
from containment.lifecycle.oversight import require_admitted, unreviewed
from containment.run import direct, report
from containment.spec import waves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.errors import ContainmentError
    from containment.lifecycle.context import Severity
    from containment.messages import MadeChange
    from containment.run.direct import Applied

_APPLIED = "applied without the engine, not verified"
_PARTLY = "not as declared"


def contain_directly(
    named: str | None,
    why: ContainmentError | None,
    *,
    wave: int | None = None,
    emergency: str | None = None,
    as_json: bool,
) -> int:
    """Contain what the spec names, and say that no state knows of it.

    Args:
        named: the stack, as on the command line.
        why: what keeps the engine from being used; None where somebody asked for it.
        wave: the last wave that is contained; None for all.
        emergency: why it is not reviewed first; None where nobody says so.
        as_json: show a document.

    Raises:
        ConflictError: all is contained, and the state is to be looked after.
        ContainmentError: something is not contained, or nothing could be begun.
    """
    cancelled = Event()
    project, stack, workplace = begin_directly(named, cancelled)
    spec = waves.up_to(project.spec(stack), wave)
    caller = workplace.caller()
    journal = workplace.ledger().journal_of(stack)
    # Of one run that could not use the engine, it is on record already.
    if emergency is not None and not unreviewed(journal.read()[1].entries):
        declared(workplace, "up", emergency, stack)
    elif emergency is None:
        require_admitted(workplace.settings.profile, journal, None)
    if why is not None:
        render.tell(f"warning: {why.message}: containing without the engine", style="yellow")

    def say(severity: Severity, message: str) -> None:
        render.tell(f"{severity}: {message}" if severity == "warning" else message)

    made: list[MadeChange] = []
    workplace.made = lambda change, outcome: made.append(made_change(change, outcome))
    with stopped_by_signals(cancelled):
        results = direct.contain(spec, workplace, spec_file=f"stacks/{stack}.yaml", say=say)
    error = direct.failure(results)
    if error is not None and why is not None:
        error.remedy += f"; {why.remedy}"
    if error is None and why is not None:
        error = ConflictError(
            f"{stack} is contained, and no state knows of it: {why.message}",
            remedy=f"{_mending(why)}, run 'containment adopt {stack}', then 'containment up"
            f" {stack}'",
        )
    open_ways = report.stays_open(results)
    next_ = f"containment adopt {stack}"
    if as_json:
        render.document(
            {
                "stack": stack,
                "result": _PARTLY if direct.failure(results) else _APPLIED,
                "verified": False,
                "engine": False,
                **place_document(workplace),
                "principals": _rows(results),
                "stays_open": open_ways,
                "written": differences.written_rows(made),
                "next": next_,
                "error": error_document(error) if error else None,
            }
        )
        return ended(error)
    differences.show_written(made)
    render.say()
    render.say(_PARTLY if direct.failure(results) else _APPLIED, style="bold yellow")
    render.fields(
        [
            ("caller", caller.arn),
            *((item.principal, f"{item.resource} {item.words}") for item in results),
            *(("stays open", f"{word}: {text}") for word, text in open_ways.items()),
            ("next", next_),
        ]
    )
    if error is not None:
        raise error
    return 0


def _mending(why: ContainmentError) -> str:
    if isinstance(why, ForeignStateError):
        return "put the state back from a backup or take it away ('pulumi stack rm --force')"
    return why.remedy


def _rows(results: Sequence[Applied]) -> list[dict[str, object]]:
    return [
        {
            "principal": principal,
            "resources": [
                {
                    "resource": item.resource,
                    "applied": item.error is None,
                    "error": error_document(item.error) if item.error else None,
                }
                for item in items
            ],
        }
        for principal, items in groupby(results, key=lambda item: item.principal)
    ]

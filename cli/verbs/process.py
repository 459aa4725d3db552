"""``containment process``: each step of the response plan, and by what evidence it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli import render
from cli.incident import begin
from cli.options import format_option, json_option, stack_argument
from containment import descendants
from containment.clock import utc_now
from containment.errors import ConflictError
from containment.process.document import as_document
from containment.process.html import as_html
from containment.process.markdown import as_markdown
from containment.process.rules import ProcessSources, compute_process
from containment.process.steps import Progress
from containment.profile import load
from containment.record import open_record
from containment.run import state
from containment.verify import kept_verdicts

if TYPE_CHECKING:
    from cli.incident import Incident
    from containment.process.rules import ProcessStatus

_STYLES = {
    Progress.COMPLETE: "green",
    Progress.OVERDUE: "bold red",
    Progress.OPEN: "yellow",
    Progress.NOT_APPLICABLE: "dim",
}


@click.command()
@stack_argument
@format_option
@json_option
def process(*, named: str | None, form: str, as_json: bool) -> int:
    """Show each step of the response plan: done, open, overdue or not applicable, and why.

    STACK is the incident; the only one in stacks/ or the selected one, if left out. Nobody ticks a
    step: it is computed from spec, state, ledger, record, kept verdicts and traces. AWS is not
    asked, so what is so now only 'verify' and 'status' say.

    Ends with 5 where the record or the ledger was changed: nothing is concluded from it then.
    """
    status = _status(begin(named))
    if as_json:
        render.document(as_document(status))
    elif form == "text":
        _show(status)
    else:
        click.echo(as_html(status) if form == "html" else as_markdown(status), nl=False)
    for warning in status.warnings:
        render.tell(f"warning: {warning}", style="bold red")
    return ConflictError.exit_code if status.warnings else 0


def _status(incident: Incident) -> ProcessStatus:
    root = incident.project.root
    spec_file = root / "stacks" / f"{incident.stack}.yaml"
    inspection, chain = incident.workplace.ledger().journal_of(incident.stack).read()
    stack_state = state.load(incident.engine, incident.stack) or state.StackState()
    record = open_record(load(root).ledger, root, incident.stack, now=utc_now)
    return compute_process(
        ProcessSources(
            spec=incident.project.spec(incident.stack),
            record=record.read(),
            in_state=tuple(stack_state.principals),
            entries=chain.entries if inspection.verdict == "intact" else (),
            ledger=inspection.verdict,
            verdicts=kept_verdicts.load(spec_file),
            descendants=descendants.load(descendants.path_beside(spec_file)),
            now=utc_now(),
        )
    )


def _show(status: ProcessStatus) -> None:
    render.say(f"{status.incident}: {status.title}", style="bold")
    render.say(status.summary)
    render.say()
    render.table(
        ("step", "what", "progress", "how it stands", "by", "when"),
        [
            (
                one.step.number,
                one.step.title,
                one.progress,
                one.why,
                one.author,
                one.moment,
            )
            for one in status.steps
        ],
        styles={str(progress): style for progress, style in _STYLES.items()},
    )
    commands = [(one.step.number, one.command) for one in status.steps if one.command]
    if commands:
        render.say("next:")
        render.fields(commands)

"""``containment report``: what was contained, when, by whom, and by what evidence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import render
from cli.incident import begin
from cli.options import json_option, stack_argument
from containment import descendants, text
from containment.clock import utc_now
from containment.errors import NotFoundError, SpecError
from containment.incident_report import (
    Sources,
    as_document,
    as_html,
    as_markdown,
    check_folder,
    compile_report,
    write_folder,
)
from containment.run import report as run_report
from containment.run import state
from containment.verify import kept_verdicts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.incident import Incident
    from containment.ledger.chain import Entry


@click.command()
@stack_argument
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write Markdown, JSON, a page and the evidence here, with the SHA-256 of each file.",
)
@click.option(
    "--check",
    "checked",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Hold a folder that --out wrote to its SHA256SUMS; nothing else is looked at.",
)
@json_option
def report(*, named: str | None, out: Path | None, checked: Path | None, as_json: bool) -> int:
    """Report an incident from what is on record: spec, ledger, verdicts, descendants.

    STACK is the incident; the only one in stacks/ or the selected one, if left out. Without --out
    the report is printed as Markdown. AWS is not asked: run 'verify' first, whose verdicts are
    kept beside the spec.

    --check ends with 0 where every file is as it was written, and with 5 where one was altered, is
    missing or was added. 'sha256sum -c SHA256SUMS' in the folder asks the same without us.
    """
    if checked is not None:
        if named or out is not None:
            raise SpecError(
                "--check looks at a folder, and at nothing else",
                remedy="leave the stack and --out out",
            )
        return _check(checked, as_json=as_json)
    incident = begin(named)
    spec_file = incident.project.root / "stacks" / f"{incident.stack}.yaml"
    entries, ledger = _ledger(incident)
    stack_state = state.load(incident.engine, incident.stack) or state.StackState()
    sources = Sources(
        spec=incident.project.spec(incident.stack),
        entries=entries,
        ledger=ledger,
        verdicts=kept_verdicts.load(spec_file),
        descendants=descendants.load(descendants.path_beside(spec_file)),
        stays_open=run_report.stays_open(stack_state.resources),
        made_at=utc_now(),
    )
    made = compile_report(sources)
    document = as_document(made)
    if out is None:
        if as_json:
            render.document(document)
        else:
            click.echo(as_markdown(made), nl=False)
        return 0
    files = {
        "report.md": as_markdown(made).encode(),
        "report.html": as_html(made).encode(),
        "report.json": (text.as_json(document, indent=2) + "\n").encode(),
        **_evidence(spec_file, entries),
    }
    digest = write_folder(out, files)
    if as_json:
        render.document({"folder": str(out), "files": sorted(files), "manifest_sha256": digest})
        return 0
    render.say(f"wrote {len(files)} files and SHA256SUMS to {out}")
    render.say(f"  SHA-256 of SHA256SUMS: {digest}")
    render.say("  keep that where nobody can change it, then anybody can check the folder")
    return 0


def _check(folder: Path, *, as_json: bool) -> int:
    number, digest = check_folder(folder)
    if as_json:
        render.document({"folder": str(folder), "files": number, "manifest_sha256": digest})
        return 0
    render.say(f"{text.counted(number, 'file')} of {folder} hold", style="green")
    render.say(f"  SHA-256 of SHA256SUMS: {digest}")
    return 0


def _ledger(incident: Incident) -> tuple[Sequence[Entry], str]:
    """Return the ledger's entries, and in words how it stands."""
    inspection, chain = incident.workplace.ledger().journal_of(incident.stack).read()
    why = f": {inspection.why}" if inspection.why else ""
    words = (
        f"{inspection.verdict}, {len(chain.entries)} entries, head {inspection.head.sha256}{why}"
    )
    return chain.entries, words


def _evidence(spec_file: Path, entries: Sequence[Entry]) -> dict[str, bytes]:
    """Return the files that the report is made of, the ledger's lines as its chain has them."""
    folder = "evidence"
    kept = sorted(kept_verdicts.folder_beside(spec_file).glob("verdict-*.json"))
    beside = descendants.path_beside(spec_file)
    files = {f"{folder}/spec.yaml": spec_file, f"{folder}/descendants.json": beside}
    files |= {f"{folder}/{path.name}": path for path in kept}
    try:
        contents = {name: path.read_bytes() for name, path in files.items() if path.is_file()}
    except OSError as error:
        raise NotFoundError(
            f"the evidence cannot be read: {error}", remedy="make it readable, and run it again"
        ) from error
    lines = (
        json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=True) + "\n"
        for entry in entries
    )
    return {**contents, f"{folder}/ledger.jsonl": "".join(lines).encode()}

"""A report as Markdown: texts of the record in code spans, words of ours around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from containment.incident_report.contents import IncidentReport


def as_markdown(report: IncidentReport) -> str:
    """Return *report* as a page of Markdown."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: IncidentReport) -> Iterator[str]:
    yield f"# Report of {text.markdown(report.incident)}"
    yield ""
    if report.emulated:
        yield "**EMULATED: not AWS; no real account is touched**"
        yield ""
    yield f"{text.markdown(report.title)}"
    yield ""
    when = f" at {text.markdown(report.verdict_at)}" if report.verdict_at else ""
    yield f"**{report.verdict}**{when}"
    yield from _rows("The incident", report.facts)
    yield from _rows("What was contained", report.contained)
    yield from _rows("How long it took", report.times)
    yield from _table(
        "Timeline",
        ("when", "what", "by", "request"),
        ((one.moment, one.what, one.by, one.request) for one in report.timeline),
    )
    yield from _table(
        "Evidence of the last verification",
        ("level", "outcome", "of", "seen", "request", "AWS's record"),
        (
            (one.level, one.outcome, one.subject, one.what, one.request, one.authorization)
            for one in report.claims
        ),
    )
    yield from _table("Verdicts", ("when", "verdict", "by"), report.verdicts)
    yield from _rows("Not shown", report.missing)
    yield from _rows("Who can undo it, who can become it", report.access)
    yield from _listed("What cannot be proved", report.unprovable)
    yield from _rows("What stays open, and until when", report.stays_open)
    yield from _listed("Collateral", report.collateral)
    yield from _table(
        "Techniques (MITRE ATT&CK) and mitigations",
        ("technique", "name", "mitigation", "to do", "owner"),
        (
            (one.technique_id, one.name, one.mitigation, one.action, report.owner)
            for one in report.techniques
        ),
    )


def _rows(title: str, rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield from ("", f"## {title}", "")
    empty = True
    for label, value in rows:
        empty = False
        yield f"- {text.markdown(label)}: {text.markdown(value)}"
    if empty:
        yield "Nothing on record."


def _listed(title: str, items: Iterable[str]) -> Iterator[str]:
    yield from ("", f"## {title}", "")
    lines = [f"- {text.markdown(item)}" for item in items]
    yield from lines or ["Nothing on record."]


def _table(title: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield from ("", f"## {title}", "")
    lines = [
        f"| {' | '.join(text.markdown(cell) if cell else '' for cell in row)} |" for row in rows
    ]
    if not lines:
        yield "Nothing on record."
        return
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from lines

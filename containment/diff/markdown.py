"""The diff as Markdown, for a comment or a job summary.

Every text from outside stands in a code span, or in a code block whose fence is longer than any run
of backticks in it: there GitHub and GitLab make no mention, link, image or markup of it (GitHub
Flavored Markdown Spec, sections 4.5 and 6.3).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from containment import text
from containment.diff import sections
from containment.diff.model import excerpt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containment.diff.model import Change, IncidentDiff, PrincipalDiff

_BACKTICKS = re.compile(r"`+")


def as_markdown(diff: IncidentDiff) -> str:
    """Return *diff* as Markdown."""
    return "\n".join(_lines(diff)) + "\n"


def principal_as_markdown(item: PrincipalDiff) -> str:
    """Return the part of one principal, which opens and closes all that it opens."""
    return "\n".join(_principal(item)) + "\n"


def _lines(diff: IncidentDiff) -> Iterator[str]:
    yield f"## {text.markdown(diff.incident)}"
    yield ""
    if diff.emulated:
        yield "**EMULATED**: not AWS; no real account is touched"
        yield ""
    yield f"**{diff.summary}**"
    yield ""
    for label, value in sections.head(diff):
        yield f"- {label}: {text.markdown(value)}"
    for refusal in diff.refusals:
        yield f"- **refused**: {text.markdown(refusal)}"
    for notice in diff.notices:
        yield f"- note: {text.markdown(notice)}"
    for item in diff.principals:
        yield ""
        yield from _principal(item)
    if diff.next:
        yield ""
        yield from (f"- next: {text.markdown(command)}" for command in diff.next)


def _principal(item: PrincipalDiff) -> Iterator[str]:
    yield f"### {item.verb} {text.markdown(sections.heading(item))}"
    yield ""
    yield f"- arn: {text.markdown(item.principal)}"
    for name, value in item.facts:
        yield f"- {text.markdown(name)}: {text.markdown(value)}"
    for change in item.changes:
        yield from _change(change)
    for label, texts in sections.notes(item):
        strong = f"**{label}**" if label == "conflict" else label
        yield from (f"- {strong}: {text.markdown(line)}" for line in texts)


def _change(change: Change) -> Iterator[str]:
    words = {"+": "added", "-": "removed", "~": "changed", "!": "refused", " ": "stays"}
    parts = [
        text.markdown(part) for part in (change.subject, change.summary, change.reason) if part
    ]
    yield f"- {words[change.sign]}: {', '.join(parts)}"
    shown = excerpt(change.lines)
    if not shown.lines:
        return
    lines = [f"{line.sign} {text.plain(line.text)}" for line in shown.lines]
    longest = max((len(run) for line in lines for run in _BACKTICKS.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    yield ""
    yield f"  {fence}diff"
    yield from (f"  {line}" for line in lines)
    yield f"  {fence}"
    if shown.omitted:
        yield f"  {text.counted(shown.omitted, 'line')} unchanged"
    yield ""

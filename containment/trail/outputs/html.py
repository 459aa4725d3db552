"""The answer as one HTML file: graph, timeline and tables, without a network and without trust.

The page's policy allows the one script and the one style sheet of this package, by their hashes,
and nothing else: no inline handler, no request. The answer travels as a data block that no browser
runs, with ``<``, ``>`` and ``&`` as escapes, and the script writes it with textContent alone.

Source: W3C, "Content Security Policy Level 3" (hash sources); HTML standard, "data blocks".
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib import resources
from typing import TYPE_CHECKING

from containment.files import replacing
from containment.text import html, plain
from containment.trail.outputs import tree
from containment.trail.outputs.document import document
from containment.trail.outputs.next_steps import next_steps

if TYPE_CHECKING:
    from pathlib import Path

    from containment.trail.answer.result import Trace

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
{summary}
</header>
<main>
<section>
<h2>What to do next</h2>
<ol id="next">
{steps}
</ol>
<h2>Roles opened to the outside</h2><div id="trust"></div>
<h2 id="tree-name">What came out of it</h2>
<input id="search" type="search" placeholder="filter by id, owner or API" aria-label="filter">
<span id="hits" class="dim" role="status"></span>
<div class="legend" id="tiers"></div><ul id="graph" role="tree" aria-labelledby="tree-name"></ul>
<h2 id="timeline-name">When</h2>
<div class="legend" id="classes"></div>
<div id="timeline" tabindex="0" role="group" aria-labelledby="timeline-name"></div>
<h2>Resources touched</h2><div id="resources"></div>
<h2>Not known</h2><div id="gaps"></div>
<h2>Files</h2><div id="files"></div>
</section>
<div id="detail" tabindex="0" role="region" aria-label="details of a credential"></div>
</main>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def page(trace: Trace) -> str:
    """Return the page."""
    script, style = _asset("page.js"), _asset("page.css")
    policy = (
        f"default-src 'none'; script-src 'sha256-{_hash(script)}';"
        f" style-src 'sha256-{_hash(style)}'; base-uri 'none'; form-action 'none'"
    )
    page_data = {
        "seed_line": tree.seed_line(trace),
        "told": [{"kind": kind, "line": line} for kind, line in tree.credential_lines(trace)],
        "class_words": tree.CLASS_WORDS,
    }
    # ASCII, so that no byte of a log can be read as anything but a JSON escape.
    data = json.dumps(_visible(document(trace) | page_data), ensure_ascii=True)
    for char, escape in _ESCAPES.items():
        data = data.replace(char, escape)
    title, *lines = tree.summary(trace)
    return _PAGE.format(
        policy=html(policy),
        title=html(title),
        summary="\n".join(_summary_line(line) for line in lines),
        steps="\n".join(f"<li>{html(step)}</li>" for step in next_steps(trace)),
        style=style,
        data=data,
        script=script,
    )


def _summary_line(line: str) -> str:
    words = line.strip()
    is_deeper = line.startswith("    ")
    is_loud = words.startswith(("NOTHING WAS FOUND", "OPEN TO OUTSIDE"))
    return f'<p class="{"loud" if is_loud else "deeper" if is_deeper else ""}">{html(words)}</p>'


def write_html(trace: Trace, path: Path) -> None:
    """Write the page to *path*.

    Raises:
        UnavailableError: *path* cannot be written.
    """
    with replacing(path) as draft:
        draft.write_text(page(trace), "utf-8")


def _visible(value: object) -> object:
    """Return *value* with control and direction marks as escapes, which a browser would obey."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list):
        return [_visible(item) for item in value]
    if isinstance(value, dict):
        return {plain(name): _visible(item) for name, item in value.items()}
    return value


def _asset(name: str) -> str:
    return resources.files("containment.trail.outputs").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

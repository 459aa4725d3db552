"""Draw the packages and their imports, and list them in docs/architecture.md.

``python tools/architecture.py`` writes both; a test holds the committed files to it. An arrow is
an import; one that follows from two others is left out of the picture. Read with grimp, which
import-linter uses too.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import grimp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
DIAGRAM = ROOT / "docs" / "architecture.svg"
_BEGIN, _END = "<!-- packages: begin -->", "<!-- packages: end -->"

Arrows = dict[str, set[str]]
_WIDTH, _HEIGHT, _GAP, _ROW, _MARGIN = 116, 30, 14, 76, 16


def main() -> int:
    """Write the picture and the lists; return the exit code."""
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
    return 0


def files() -> dict[Path, str]:
    """Return the text of each generated file by its path."""
    graph = grimp.build_graph("containment", "policies", "cli", cache_dir=None)
    top = arrows_between(graph, [*graph.find_children("containment"), "policies", "cli"])
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    listed = f"{before}{_BEGIN}\n{_lists(graph, top)}\n{_END}{after}"
    return {DIAGRAM: draw(top), PAGE: listed}


def arrows_between(graph: grimp.ImportGraph, rooms: Iterable[str]) -> Arrows:
    """Return which of *rooms* (packages or modules) import which others."""
    rooms = sorted(rooms)
    arrows: Arrows = {room: set() for room in rooms}
    for importer in graph.modules:
        home = _room_of(importer, rooms)
        for imported in graph.find_modules_directly_imported_by(importer) if home else ():
            target = _room_of(imported, rooms)
            if home and target and target != home:
                arrows[home].add(target)
    return arrows


def _room_of(module: str, rooms: Iterable[str]) -> str | None:
    return next((room for room in rooms if f"{module}.".startswith(f"{room}.")), None)


def _lists(graph: grimp.ImportGraph, top: Arrows) -> str:
    lines = ["![The packages and their imports](architecture.svg)", ""]
    lines += ["| package | what it is for |", "|---|---|"]
    lines += [f"| `{room}` | {summary(room)} |" for room in _by_rows(top)]
    for package in ("containment.lab", "containment.trail"):
        rooms = [
            child
            for child in sorted(graph.find_children(package))
            if (ROOT / child.replace(".", "/")).is_dir()
        ]
        inner = arrows_between(graph, rooms)
        count = sum(len(targets) for targets in inner.values())
        lines += ["", f"`{package}`: {len(rooms)} rooms, {count} arrows between them.", ""]
        lines += ["| room | what it is for |", "|---|---|"]
        lines += [f"| `{room}` | {summary(room)} |" for room in _by_rows(inner)]
    return "\n".join(lines)


def summary(module: str) -> str:
    """Return the first paragraph of the module's docstring, as one line."""
    path = ROOT / module.replace(".", "/")
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split()).replace("|", "\\|")


def rows(arrows: Arrows) -> list[list[str]]:
    """Return *arrows*' rooms in rows: each row imports only from rows below it.

    Raises:
        ValueError: the rooms import each other in a circle.
    """
    depth: dict[str, int] = {}

    def measure(room: str, path: tuple[str, ...]) -> int:
        if room in path:
            circle = " -> ".join((*path, room))
            raise ValueError(f"a circle of imports: {circle}")
        if room not in depth:
            below = [measure(target, (*path, room)) for target in sorted(arrows[room])]
            depth[room] = 1 + max(below, default=-1)
        return depth[room]

    highest = max(measure(room, ()) for room in arrows)
    return [
        [room for room in sorted(arrows) if depth[room] == level]
        for level in range(highest, -1, -1)
    ]


def _by_rows(arrows: Arrows) -> list[str]:
    return [room for row in rows(arrows) for room in row]


def reduced(arrows: Arrows) -> Arrows:
    """Return *arrows* without those that follow from two others."""
    reach: dict[str, set[str]] = {}
    for room in reversed(_by_rows(arrows)):
        reach[room] = set(arrows[room]).union(*(reach[target] for target in arrows[room]))
    return {
        room: {
            target
            for target in targets
            if not any(target in reach[other] for other in targets - {target})
        }
        for room, targets in arrows.items()
    }


def draw(arrows: Arrows) -> str:
    """Return *arrows* as an SVG picture, the importers above what they import."""
    levels = rows(arrows)
    widest = max(len(row) for row in levels)
    total = widest * (_WIDTH + _GAP) - _GAP + 2 * _MARGIN
    height = (len(levels) - 1) * _ROW + _HEIGHT + 2 * _MARGIN
    places: dict[str, tuple[float, float]] = {}
    for level, row in enumerate(levels):
        start = (total - len(row) * (_WIDTH + _GAP) + _GAP) / 2
        for index, room in enumerate(row):
            places[room] = (start + index * (_WIDTH + _GAP), _MARGIN + level * _ROW)
    lines = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {height}" role="img"'
            ' aria-label="Packages, and arrows to what each imports">'
        ),
        (
            "<style>text{font:12px system-ui,sans-serif;text-anchor:middle;fill:#1f2328}"
            "rect{fill:#f6f8fa;stroke:#59636e}path{stroke:#59636e;fill:none}"
            "@media(prefers-color-scheme:dark){text{fill:#f0f6fc}rect{fill:#151b23;stroke:#9198a1}"
            "path{stroke:#9198a1}}</style>"
        ),
        (
            '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
            ' orient="auto"><path d="M0 0 8 4 0 8z"/></marker>'
        ),
        *_paths(reduced(arrows), places),
        *_boxes(places),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _paths(arrows: Arrows, places: Mapping[str, tuple[float, float]]) -> list[str]:
    lines: list[str] = []
    for room, targets in sorted(arrows.items()):
        for target in sorted(targets):
            x, y = places[room][0] + _WIDTH / 2, places[room][1] + _HEIGHT
            end_x, end_y = places[target][0] + _WIDTH / 2, places[target][1]
            bend = (end_y - y) / 2
            lines.append(
                f'<path marker-end="url(#tip)" d="M{x:g} {y:g}C{x:g} {y + bend:g}'
                f' {end_x:g} {end_y - bend:g} {end_x:g} {end_y:g}"/>'
            )
    return lines


def _boxes(places: Mapping[str, tuple[float, float]]) -> list[str]:
    return [
        f'<rect x="{x:g}" y="{y:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="5"/>'
        f'<text x="{x + _WIDTH / 2:g}" y="{y + 20:g}">{room.removeprefix("containment.")}</text>'
        for room, (x, y) in sorted(places.items())
    ]


if __name__ == "__main__":
    sys.exit(main())

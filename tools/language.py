"""Check the project's words: names that say nothing, words of ours for the field's, classes twice.

``python tools/language.py [FOLDER ...]`` prints each finding as ``file:line: what`` and ends with 1
if there is one. The rules, and why they are rules, are in CONTRIBUTING.md under "Words".
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("containment", "cli", "policies", "tools", "bench", "tests")

# Bare participles, pronouns and metaphors: they name neither a thing of the domain nor a step.
BANNED = frozenset(
    {
        *("found", "said", "told", "held", "left", "wanted", "seen", "done", "given", "gone"),
        *("mine", "ours", "theirs", "at", "of", "know", "known", "there", "whom"),
        *("ground", "people", "picture", "alone", "standing", "thief"),
        *("utils", "helpers", "manager", "info"),
    }
)
# Where a module is called so, nobody can tell what is in it.
BANNED_MODULES = BANNED | {
    *("asked", "forwarded", "inferred", "lifted", "made", "published", "through", "unswept"),
    "written",
}
# Names that stand in states, JSON or data files: what reads those would no longer understand them.
STORED = frozenset(
    {
        ("containment/actions/inactive_credentials.py", "held"),
        ("containment/aws/issuers.py", "seen"),
        ("containment/diff/model.py", "done"),
    }
)
# Words in texts, and what the field says instead.
PLAIN = {
    re.compile(r"(?<![^\W_])(thief|thieves|thief's)(?![^\W_])", re.IGNORECASE): "attacker",
    re.compile(r"(?<![^\W_])a[ _]attacker", re.IGNORECASE): "an attacker",
    re.compile(r"(?<![^\W_])(he|his|him|himself)(?![^\W_])", re.IGNORECASE): "they",
}
# A test's name is a sentence on its own: nobody reads the file's name before a pronoun.
PRONOUNS = frozenset({"it", "its", "they", "their", "them", "this", "that", "these", "those"})


def main(folders: list[str]) -> int:
    """Print what is wrong in *folders*, or in all of the project's; return the exit code."""
    paths = [
        path
        for folder in folders or FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path != Path(__file__).resolve()
    ]
    findings = [finding for path in paths for finding in _names(path)]
    findings += [finding for path in [*paths, *_documents(folders)] for finding in _words(path)]
    findings += _twice(paths)
    for finding in findings:
        print(finding)
    return 1 if findings else 0


def _documents(folders: list[str]) -> list[Path]:
    if folders:
        return []
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def _names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = node.name
        elif isinstance(node, ast.arg):
            name = node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name = node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            name = node.attr
        else:
            continue
        if (str(path.relative_to(ROOT)), name) in STORED:
            continue
        if name.strip("_").lower() in BANNED:
            yield f"{path.relative_to(ROOT)}:{node.lineno}: the name {name} says nothing"
        if name.startswith("test_") and name.split("_")[1] in PRONOUNS:
            yield f"{path.relative_to(ROOT)}:{node.lineno}: {name} begins with a pronoun"
    if path.stem.strip("_") in BANNED_MODULES:
        yield f"{path.relative_to(ROOT)}:1: the module's name says nothing"


def _words(path: Path) -> Iterator[str]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        for pattern, plain in PLAIN.items():
            if pattern.search(line):
                yield f"{path.relative_to(ROOT)}:{number}: write {plain}: {line.strip()[:80]}"


def _twice(paths: list[Path]) -> list[str]:
    """Return the public class names that stand in two modules of one folder of the product."""
    homes: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in paths:
        folder = path.parent.relative_to(ROOT)
        if folder.parts[0] != "containment":
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[str(folder), node.name].append(path)
    return [
        f"{folder}: class {name} stands in {', '.join(path.name for path in where)}"
        for (folder, name), where in homes.items()
        if len(where) > 1
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

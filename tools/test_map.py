"""Write docs/tests.md: for each module of the product, the tests to run when it changes.

``python tools/test_map.py`` writes the page, and a test holds it to the tree. The tests of a module
are those that are named after it, else those that import it or patch it by name, else those that
do so by what they share. A module that no test names is held by way of one that imports it.
"""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "tests.md"
PACKAGES = ("containment", "cli", "policies")
# More would be no help in choosing what to run.
_MOST = 4
# Modules that tests reach by a command or a request alone, by the beginning of their path.
_THROUGH = {
    "containment/engine/language_host": "tests/engine_setup/test_language_host.py",
    "containment/engine/run_program": "tests/engine_setup/test_language_host.py",
    "containment/lab/__main__": "tests/lab/test_lab_commands.py",
    "containment/lab/authn/": "tests/lab/test_behaviour_matrix.py",
    "containment/lab/authz/": "tests/lab/test_behaviour_matrix.py",
    "containment/lab/cloudtrail/": "tests/lab/test_lab_cloudtrail.py",
    "containment/iam_policy/": "tests/lab/test_behaviour_matrix.py",
    "containment/lab/services/": "tests/lab/test_behaviour_matrix.py",
}
_DOTTED = re.compile(rf"(?:{'|'.join(PACKAGES)})(?:\.\w+)+")

_HEAD = """\
# Which tests hold a module

Run these first when a module changes: `python -m pytest -n0 tests/…`. Those named after the module
come first, then those that use it; where no test does, those of a module that imports it.
Written by `python tools/test_map.py`.
"""


def main() -> int:
    """Write the page; return 1 and name the modules that no test holds."""
    text, without = page()
    for module in without:
        print(f"{module}: no test holds it, not even by way of another module")
    PAGE.write_text(text, encoding="utf-8")
    return int(bool(without))


def page() -> tuple[str, list[str]]:
    """Return the text of the page, and the modules that no test holds."""
    lines, without, package = [_HEAD.rstrip("\n")], list[str](), ""
    for module in _modules():
        folder, _, file = module.rpartition("/")
        if folder != package:
            package = folder
            lines += [f"\n## {folder}\n", "| module | tests |", "|---|---|"]
        tests, through = _held_by(module)
        if not tests:
            without.append(module)
        shown = ", ".join(f"`{test.removeprefix('tests/')}`" for test in tests[:_MOST])
        by_way_of = f"by way of `{through}`: " if through else ""
        lines.append(f"| `{file}` | {by_way_of}{shown} |")
    return "\n".join(lines) + "\n", without


def _held_by(module: str) -> tuple[list[str], str]:
    """Return the tests of *module*, and the module by way of which where it has none itself."""
    tests, reached, through = _tests_of(module), {module}, [module]
    if not tests:
        tests = [test for start, test in _THROUGH.items() if module.startswith(start)]
    while not tests and through:
        nearest = sorted(
            {one for each in through for one in _importers()[each]} - reached,
            key=lambda one: (one.rpartition("/")[0] != module.rpartition("/")[0], one),
        )
        for one in nearest:
            if tests := _tests_of(one):
                return tests, _dotted(one)
        reached |= {*nearest}
        through = nearest
    return tests, ""


@cache
def _modules() -> list[str]:
    """Return every module of the product that holds more than a docstring and imports."""
    modules: list[str] = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            nothing = (ast.Import, ast.ImportFrom, ast.Expr)
            if any(not isinstance(node, nothing) for node in tree.body):
                modules.append(_path(path))
    return modules


@cache
def _importers() -> dict[str, list[str]]:
    """Return for each module those that import it, in the package or by name."""
    names = {module: _names(ROOT / module) for module in _modules()}
    return {
        module: [one for one in names if one != module and _dotted(module) in names[one]]
        for module in names
    }


@cache
def _tests_of(module: str) -> list[str]:
    named = [path for path in _tests() if _is_named_after(path, module)]
    direct = [test for test, names in _uses()[0].items() if _dotted(module) in names]
    shared = [test for test, names in _uses()[1].items() if _dotted(module) in names]
    parts = module.split("/")

    def far(test: str) -> tuple[bool, int, str]:
        return test.split("/")[1] not in parts, len(_uses()[0][test]), test

    return [*named, *sorted({*(direct or ([] if named else shared))} - {*named}, key=far)]


def _is_named_after(test: str, module: str) -> bool:
    """Tell whether *test* is ``tests/<package>/test_<module>….py``, package and all or not."""
    *above, stem = _dotted(module).split(".")
    names = {stem.strip("_")} | {f"{folder}_{stem}" for folder in above}
    _, *inside, file = test.split("/")
    word = file.removeprefix("test_").removesuffix(".py")
    near = not inside or inside[0] in {*above, stem}
    return near and any(word == name or word.startswith(f"{name}_") for name in names)


@cache
def _tests() -> list[str]:
    return [_path(path) for path in sorted((ROOT / "tests").rglob("test_*.py"))]


@cache
def _uses() -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Return what each test file names itself, and what it names through what tests share."""
    own = {_path(path): _names(path) for path in (ROOT / "tests").rglob("*.py")}
    by_name = {_dotted(path): names for path, names in own.items()}
    shared: dict[str, set[str]] = {}
    for test in _tests():
        folders = [folder for folder in (ROOT / test).parents if folder.is_relative_to(ROOT)][:-1]
        conftests = {_dotted(_path(folder / "conftest.py")) for folder in folders}
        shared[test] = set[str]().union(
            *(by_name[name] for name in (own[test] | conftests) & by_name.keys())
        )
    return {test: own[test] for test in _tests()}, shared


def _names(path: Path) -> set[str]:
    """Return every dotted name of the product, or of what tests share, that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            for dotted in _DOTTED.findall(node.value):
                words = dotted.split(".")
                names |= {".".join(words[:number]) for number in range(2, len(words) + 1)}
    return names


def _path(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _dotted(module: str) -> str:
    return module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


if __name__ == "__main__":
    sys.exit(main())

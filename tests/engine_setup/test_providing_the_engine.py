"""`make setup` finds or makes a `pulumi`, and says in one line what is missing where it cannot."""

from __future__ import annotations

import os
import pty
import re
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from containment.engine import provide
from tests.support.processes import lives

if TYPE_CHECKING:
    from tests.engine_setup.conftest import Machine

pytestmark = pytest.mark.process

ENGINE = Path(provide.__file__).parent


@pytest.mark.parametrize("version", ["v3.259.0", "v3.300.1", "v3.260.0-alpha.1+dirty"])
def test_a_supported_pulumi_on_path_is_used_as_it_is(machine: Machine, version: str) -> None:
    machine.pulumi(version)

    assert machine.provide() == (0, "")

    assert f"engine {version} was asked: up" in machine.run_pulumi("up").stdout
    assert machine.left_in_cache == []


@pytest.mark.parametrize("version", ["v3.258.9", "v3.259.0-beta.1", "v4.0.0", "v2.0.0"])
def test_an_unsupported_pulumi_is_left_alone_and_another_one_made(
    machine: Machine, version: str
) -> None:
    machine.pulumi(version)
    machine.go()

    status, output = machine.provide()

    assert status == 0
    assert f"is version {version.removeprefix('v')}, and this project needs 3.259.0" in output
    assert "engine v3.259.0 was asked: up" in machine.run_pulumi("up").stdout


@pytest.mark.parametrize(("version", "status"), [("v3.259.0", 1), ("what?", 0), ("", 0)])
def test_a_pulumi_that_does_not_tell_its_version_is_not_used(
    machine: Machine, version: str, status: int
) -> None:
    machine.pulumi(version, status=status)
    machine.go()

    assert machine.provide()[0] == 0
    assert machine.builds == 1


def test_a_supported_pulumi_behind_an_unsupported_one_is_found(machine: Machine) -> None:
    machine.pulumi("v3.1.0")
    behind = machine.pulumi("v3.261.0", folder=machine.folder / "behind")
    machine.env["PATH"] += f":{behind.parent}"

    assert machine.provide() == (0, "")
    assert "engine v3.261.0" in machine.run_pulumi("up").stdout


def test_the_launcher_of_an_active_environment_is_not_taken_for_an_engine(machine: Machine) -> None:
    machine.pulumi("v3.259.0")
    machine.provide()
    machine.env["PATH"] = f"{machine.venv / 'bin'}:{machine.env['PATH']}"

    assert machine.provide() == (0, "")

    assert (machine.folder / "note").read_text() == str(machine.programs / "pulumi")


def test_an_engine_is_built_once_and_found_at_once_ever_after(machine: Machine) -> None:
    machine.go()

    status, output = machine.provide()
    assert status == 0
    assert "building v3.259.0 with Go, once" in output
    assert "v3.259.0 is ready in" in output

    assert machine.provide() == (0, "")
    assert machine.builds == 1
    assert machine.left_in_cache == ["pulumi"]


def test_an_engine_in_the_cache_that_does_not_run_is_made_anew(machine: Machine) -> None:
    machine.go()
    machine.provide()
    (kept,) = machine.cache.rglob("bin/pulumi")
    kept.write_bytes(b"half of a")

    assert machine.provide()[0] == 0
    assert machine.builds == 2
    assert machine.run_pulumi("up").returncode == 0


def test_two_set_ups_at_once_build_once(machine: Machine) -> None:
    machine.go(on_build="sleep 1")

    both = [machine.start(), machine.start()]
    for process in both:
        process.communicate(timeout=30)

    assert [process.returncode for process in both] == [0, 0]
    assert machine.builds == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_leaves_nothing_and_can_be_repeated(
    machine: Machine, number: signal.Signals
) -> None:
    machine.go(on_build=f"echo $$ >'{machine.folder}/pid'; sleep 60")
    process = machine.start()
    pid = int(_wait_for(machine.folder / "pid"))

    process.send_signal(number)
    _, output = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "interrupted; nothing was installed" in output
    assert "Traceback" not in output
    assert machine.left_in_cache == []
    assert not lives(pid)
    machine.go()
    assert machine.provide()[0] == 0


def test_what_a_killed_set_up_left_behind_is_not_taken_for_an_engine(machine: Machine) -> None:
    machine.go(on_build=f"echo $$ >'{machine.folder}/pid'; sleep 2")
    process = machine.start()
    _wait_for(machine.folder / "pid")
    process.kill()
    process.communicate()

    machine.go()
    assert machine.provide()[0] == 0
    assert machine.left_in_cache == ["pulumi"]


def test_no_pulumi_and_no_go_names_go(machine: Machine) -> None:
    status, output = machine.provide()

    assert status == 1
    assert re.search(
        r"error: there is no pulumi and no Go.*; install Go 1\.25\.\d+ or newer", output
    )
    assert machine.left_in_cache == []


@pytest.mark.parametrize(
    ("version", "toolchain"),
    [("go1.24.3", "local"), ("go1.20.1", "auto"), ("go1.25.1-custom", "local")],
)
def test_a_go_that_is_too_old_is_named_with_the_one_that_is_needed(
    machine: Machine, version: str, toolchain: str
) -> None:
    machine.go(version, toolchain=toolchain)

    status, output = machine.provide()

    assert status == 1
    assert f"error: Go {version.removeprefix('go')} " in output
    assert "is too old to build pulumi v3.259.0; install Go 1.25" in output
    assert machine.builds == 0


def test_an_older_go_that_fetches_newer_ones_may_do_so(machine: Machine) -> None:
    machine.go("go1.22.0", toolchain="auto")

    status, output = machine.provide()

    assert status == 0
    assert "Go 1.22.0 looks for Go 1.25" in output


@pytest.mark.parametrize(
    ("printed", "message", "remedy"),
    [
        (
            "example.com/one@v1: Get https://proxy: dial tcp: lookup proxy: no such host",
            "modules of pulumi cannot be downloaded (example.com/one",
            "point GOPROXY at a module proxy",
        ),
        (
            "example.com/one: module lookup disabled by GOPROXY=off",
            "cannot be downloaded",
            "GOPROXY",
        ),
        (
            "reading https://proxy/one.zip: 503 Service Unavailable",
            "cannot be downloaded",
            "GOPROXY",
        ),
        ("write /w/x.a: no space left on device", "no space left on the disk", "free about 4 GB"),
        ("write /w/x.a: disk quota exceeded", "no space left on the disk", "free about 4 GB"),
        (
            "verifying one@v1: checksum mismatch",
            "is not the one that containment/engine/go.sum pins",
            "do not go on with it",
        ),
        ("compile: signal: killed", "for want of memory", "GOMAXPROCS=1"),
        (
            "go: download go1.25.11: toolchain not available",
            "could not fetch a newer one",
            "install Go 1.25",
        ),
        ("main.go:1: undefined: x", "could not be built", "main.go:1: undefined: x"),
    ],
)
@pytest.mark.parametrize("step", ["list", "build"])
def test_what_stops_a_build_is_one_message_with_its_remedy(
    machine: Machine, step: str, printed: str, message: str, remedy: str
) -> None:
    failing = f"echo '{printed}'; exit 1"
    machine.go(**({"on_list": failing} if step == "list" else {"on_build": failing}))

    status, output = machine.provide()

    assert status == 1
    assert output.count("error:") == 1
    assert message in output
    assert remedy in output
    assert machine.left_in_cache == []


def test_a_module_proxy_that_is_not_https_is_not_asked(machine: Machine) -> None:
    machine.go()
    machine.env["GOPROXY"] = "https://proxy.golang.org,http://mirror.example.com"

    status, output = machine.provide()

    assert status == 1
    assert output == (
        "error: GOPROXY names http://mirror.example.com, which is not https; name one that is\n"
    )
    assert machine.builds == 0


def test_a_build_whose_result_does_not_run_is_not_installed(machine: Machine) -> None:
    machine.go(built="v3.1.0")

    status, output = machine.provide()

    assert status == 1
    assert "error: the pulumi that was built does not answer `pulumi version`" in output
    assert machine.left_in_cache == []
    assert not (machine.venv / "bin" / "pulumi").exists()


def test_a_full_disk_says_where_and_how_much_to_free(machine: Machine) -> None:
    status, output = machine.provide(
        "def full(_): raise OSError(28, 'No space left on device', '/c/x')",
        "provide.provide = full",
    )

    assert status == 1
    assert output == (
        "error: no space left on the disk for /c/x; free about 4 GB there, and run it again\n"
    )


def test_a_cache_that_cannot_be_written_names_the_way_out(machine: Machine) -> None:
    machine.go()
    (machine.folder / "file").touch()
    machine.env["XDG_CACHE_HOME"] = str(machine.folder / "file")

    status, output = machine.provide()

    assert status == 1
    assert output.startswith(f"error: {machine.folder / 'file'}")
    assert "name another cache by XDG_CACHE_HOME" in output


def test_a_relative_cache_folder_is_ignored_as_the_xdg_rules_ask(machine: Machine) -> None:
    machine.go()
    machine.env["XDG_CACHE_HOME"] = "relative"

    machine.provide()

    assert list((machine.folder / ".cache").rglob("bin/pulumi"))


def test_a_terminal_sees_one_line_that_changes(machine: Machine) -> None:
    machine.go(on_build="sleep 1.2")
    controller, terminal = pty.openpty()

    process = machine.start(stderr=terminal)
    process.communicate(timeout=30)
    os.close(terminal)

    output = os.read(controller, 65536).decode()
    os.close(controller)
    assert re.search(r"\r\x1b\[Kpulumi: building, 0 of 2 packages, 0:00", output)
    assert output.endswith("\r\x1b[K")


def test_a_pipe_sees_a_plain_line_now_and_then(machine: Machine) -> None:
    machine.go(on_build="sleep 1.2")

    _, output = machine.provide(
        "from containment.engine import progress", "progress.PLAIN_EVERY_S = 0.4"
    )

    assert "pulumi: building, 0 of 2 packages, 0:00\n" in output
    assert "\x1b" not in output


def test_the_modules_are_pinned_and_summed() -> None:
    module = (ENGINE / "go.mod").read_text()
    sums = (ENGINE / "go.sum").read_text()

    for name in ("pkg", "sdk"):
        assert f"github.com/pulumi/pulumi/{name}/v3 v3.259.0" in module
        assert f"github.com/pulumi/pulumi/{name}/v3 v3.259.0 h1:" in sums
    assert "replace" not in module


def _wait_for(path: Path, seconds: float = 10) -> str:
    """The text of *path*, once it is there."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if path.exists() and (text := path.read_text().strip()):
            return text
        time.sleep(0.02)
    raise AssertionError(path)

"""The official installer and the official language host are used where they are to be had."""

from __future__ import annotations

import http.server
import socket
import socketserver
import threading
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine_setup.conftest import Machine

pytestmark = pytest.mark.plain

INSTALLER = """#!/bin/sh
echo "$@" >'{log}'
while [ "$1" != --install-root ]; do shift; done
mkdir -p "$2/bin"
cp '{engine}' "$2/bin/pulumi"
{more}
"""
HOST = 'cp "$2/bin/pulumi" "$2/bin/pulumi-language-python"'


def installer(machine: Machine, version: str = "v3.259.0", more: str = HOST) -> Path:
    """Put an installer where the set-up asks for it, and return where it writes its arguments."""
    log = machine.folder / "installer.log"
    engine = machine.pulumi(version, folder=machine.folder / "official")
    script = machine.folder / "install.sh"
    script.write_text(INSTALLER.format(log=log, engine=engine, more=more))
    machine.env["CONTAINMENT_PULUMI_INSTALLER"] = script.as_uri()
    return log


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that takes a request and never answers."""
    over = threading.Event()

    class Silent(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            over.wait(20)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Silent) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        over.set()
        server.shutdown()


def language_host(machine: Machine) -> str:
    return (machine.venv / "libexec" / "pulumi-language-python").read_text()


def test_the_official_installer_brings_engine_and_language_host(machine: Machine) -> None:
    log = installer(machine)
    machine.go()

    status, said = machine.provide()

    assert status == 0
    assert "v3.259.0 is ready" in said
    assert log.read_text().startswith("--version 3.259.0 --install-root /")
    assert log.read_text().endswith(" --no-edit-path\n")
    assert machine.builds == 0
    assert machine.left_in_cache == ["pulumi", "pulumi-language-python"]
    (host,) = machine.cache.rglob("bin/pulumi-language-python")
    assert f"exec {host} " in language_host(machine)


@pytest.mark.parametrize(
    ("version", "more", "reason"),
    [
        ("v3.259.0", "echo 'curl: (6) no such host'; exit 6", "it failed: curl: (6) no such host"),
        ("v3.259.0", ":", "it brought no pulumi-language-python"),
        ("v3.1.0", HOST, "what it installed does not run"),
        ("", HOST, "what it installed does not run"),
    ],
)
def test_an_installer_that_fails_is_no_reason_to_fail(
    machine: Machine, version: str, more: str, reason: str
) -> None:
    installer(machine, version, more)
    machine.go()

    status, said = machine.provide()

    assert status == 0
    assert f"no official installer: {reason}\n" in said
    assert machine.builds == 1
    assert machine.left_in_cache == ["pulumi"]


def test_a_login_page_in_place_of_the_installer_is_not_run(machine: Machine) -> None:
    page = machine.folder / "page.html"
    page.write_text("<html>touch /tmp/pwned</html>")
    machine.env["CONTAINMENT_PULUMI_INSTALLER"] = page.as_uri()
    machine.go()

    status, said = machine.provide()

    assert status == 0
    assert "no official installer: something else answers in its place" in said


@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}/", "no address at all"])
def test_an_installer_out_of_reach_is_passed_over(machine: Machine, address: str) -> None:
    machine.go()
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        port = nobody_listens.getsockname()[1]
        machine.env["CONTAINMENT_PULUMI_INSTALLER"] = address.format(port=port)

        status, said = machine.provide()

    assert status == 0
    assert "no official installer: it cannot be reached from here" in said


def test_a_network_that_never_answers_does_not_hang_the_set_up(
    machine: Machine, silent_server: str
) -> None:
    machine.env["CONTAINMENT_PULUMI_INSTALLER"] = silent_server
    machine.go()
    started = time.monotonic()

    status, said = machine.provide(
        "import official_installer", "official_installer.ANSWER_WITHIN_S = 0.3"
    )

    assert status == 0
    assert "no official installer: " in said
    assert time.monotonic() - started < 3


def test_an_installer_that_hangs_is_ended(machine: Machine) -> None:
    installer(machine, more="sleep 60")
    machine.go()

    status, said = machine.provide(
        "import official_installer", "official_installer.INSTALL_WITHIN_S = 1"
    )

    assert status == 0
    assert "no official installer: it was not done after 1 s" in said


def test_a_language_host_beside_the_engine_on_path_is_used(machine: Machine) -> None:
    elsewhere = machine.pulumi("v3.260.0", folder=machine.folder / "opt")
    (machine.programs / "pulumi").symlink_to(elsewhere)
    host = machine.script(elsewhere.with_name("pulumi-language-python"), "#!/bin/sh\n")

    machine.provide()

    assert f"exec {host} " in language_host(machine)


def test_a_language_host_on_path_is_used(machine: Machine) -> None:
    machine.pulumi("v3.260.0", folder=machine.folder / "opt")
    machine.env["PATH"] += f":{machine.folder / 'opt'}"
    host = machine.script(machine.programs / "pulumi-language-python", "#!/bin/sh\n")

    machine.provide()

    assert f"exec {host} " in language_host(machine)


def test_the_projects_own_language_host_is_used_where_there_is_no_official_one(
    machine: Machine,
) -> None:
    machine.pulumi("v3.260.0")

    machine.provide()

    python = machine.venv / "bin" / "python"
    assert f"exec '{python}' -I " in language_host(machine)
    assert "tools/pulumi/language_host.py" in language_host(machine)

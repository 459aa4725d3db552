"""The language host of our own, spoken to as the engine speaks to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import language_pb2 as wire
from pulumi.runtime.proto import language_pb2_grpc

from containment import engine
from tests.support.processes import lives

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.wire

HOST = Path(engine.__file__).with_name("language_host.py")


@pytest.fixture
def host() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-I", HOST, "127.0.0.1:1"], stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


@pytest.fixture
def language(host: subprocess.Popen[str]) -> Iterator[language_pb2_grpc.LanguageRuntimeStub]:
    assert host.stdout is not None
    with grpc.insecure_channel(f"127.0.0.1:{int(host.stdout.readline())}") as channel:
        yield language_pb2_grpc.LanguageRuntimeStub(channel)


def plugin(folder: Path, program: str, *, kind: str = "resource") -> wire.RunPluginRequest:
    (folder / "__main__.py").write_text(textwrap.dedent(program))
    return wire.RunPluginRequest(
        pwd=str(folder),
        args=["an argument"],
        env=["GREETING=hello=you"],
        kind=kind,
        info=wire.ProgramInfo(
            root_directory=str(folder), program_directory=str(folder), entry_point="."
        ),
    )


def ends(pid: int, seconds: float = 5) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not lives(pid):
            return True
        time.sleep(0.02)
    return False


def test_a_plugin_is_streamed_as_it_prints_and_its_exit_code_told(
    language: language_pb2_grpc.LanguageRuntimeStub, tmp_path: Path
) -> None:
    request = plugin(
        tmp_path,
        """
        import os, sys
        print("first", sys.argv[1], os.environ["GREETING"])
        input_is_empty = sys.stdin.read() == ""
        print("second", input_is_empty, file=sys.stderr)
        sys.exit(7)
        """,
    )

    answers = list(language.RunPlugin(request))

    assert b"".join(answer.stdout for answer in answers) == b"first an argument hello=you\n"
    assert b"".join(answer.stderr for answer in answers) == b"second True\n"
    assert answers[-1].WhichOneof("output") == "exitcode"
    assert answers[-1].exitcode == 7


def test_a_plugin_that_the_engine_is_done_with_is_ended(
    language: language_pb2_grpc.LanguageRuntimeStub, tmp_path: Path
) -> None:
    request = plugin(tmp_path, "import os, time; print(os.getpid()); time.sleep(60)")
    answers: Any = language.RunPlugin(request)
    pid = int(next(answers).stdout)

    answers.cancel()

    assert ends(pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_host_ends_at_once_with_all_that_it_runs(
    host: subprocess.Popen[str],
    language: language_pb2_grpc.LanguageRuntimeStub,
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    request = plugin(tmp_path, "import os, time; print(os.getpid()); time.sleep(60)")
    pid = int(next(iter(language.RunPlugin(request))).stdout)

    host.send_signal(number)

    assert host.wait(timeout=5) == 0
    assert ends(pid)


def test_the_host_ends_when_the_engine_was_killed() -> None:
    code = f"""
import subprocess, sys
host = subprocess.Popen([sys.executable, "-I", {str(HOST)!r}])
print(host.pid, flush=True)
host.wait()
"""
    engine = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert engine.stdout is not None
    pid = int(engine.stdout.readline())
    assert int(engine.stdout.readline()) > 0

    engine.kill()

    assert ends(pid)
    engine.wait()
    engine.stdout.close()


def test_a_virtual_environment_that_is_not_there_names_make_setup(
    language: language_pb2_grpc.LanguageRuntimeStub, tmp_path: Path
) -> None:
    options = Struct()
    options.update({"virtualenv": "missing"})
    program = wire.ProgramInfo(root_directory=str(tmp_path), options=options)

    with pytest.raises(grpc.RpcError) as refused:
        language.Run(wire.RunRequest(info=program))

    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert refused.value.details() == (
        "the virtual environment missing has no Python; run 'make setup'"
    )


def test_the_python_of_the_virtual_environment_is_used_and_told(
    language: language_pb2_grpc.LanguageRuntimeStub, tmp_path: Path
) -> None:
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    options = Struct()
    options.update({"virtualenv": ".venv"})
    program = wire.ProgramInfo(root_directory=str(tmp_path), options=options)

    about = language.About(wire.AboutRequest(info=program))

    assert about.executable == str(python)
    assert about.version == ".".join(map(str, sys.version_info[:3]))


def test_the_packages_of_the_program_are_listed(
    language: language_pb2_grpc.LanguageRuntimeStub,
) -> None:
    listed = language.GetProgramDependencies(wire.GetProgramDependenciesRequest())

    assert "pulumi" in [package.name for package in listed.dependencies]


def test_nothing_is_ever_downloaded_for_a_run(
    language: language_pb2_grpc.LanguageRuntimeStub,
) -> None:
    needed = language.GetRequiredPackages(wire.GetRequiredPackagesRequest())

    assert (list(needed.packages), list(needed.specs)) == ([], [])
    with pytest.raises(grpc.RpcError, match="run 'make setup'"):
        list(language.InstallDependencies(wire.InstallDependenciesRequest()))


def test_the_host_answers_as_a_plugin(language: language_pb2_grpc.LanguageRuntimeStub) -> None:
    assert language.GetPluginInfo(Empty()).version
    assert language.Cancel(Empty()) == Empty()


def test_another_user_of_the_machine_gets_no_answer(tmp_path: Path) -> None:
    code = f"""
import runpy, sys
from containment.engine import peers
peers.owners_of = lambda peer: {{{os.getuid() + 1}}}
sys.argv = ["host", "127.0.0.1:1"]
runpy.run_path({str(HOST)!r}, run_name="__main__")
"""
    marker = tmp_path / "marker"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        with grpc.insecure_channel(f"127.0.0.1:{int(host.stdout.readline())}") as channel:
            language = language_pb2_grpc.LanguageRuntimeStub(channel)
            with pytest.raises(grpc.RpcError) as unary:
                language.GetPluginInfo(Empty())
            with pytest.raises(grpc.RpcError) as stream:
                list(language.RunPlugin(plugin(tmp_path, f"open({str(marker)!r}, 'w')")))
        host.kill()

    assert unary.value.code() == stream.value.code() == grpc.StatusCode.PERMISSION_DENIED
    assert not marker.exists()

"""``pulumi-language-python`` of this project: runs its program, and policy packs.

It speaks ``LanguageRuntime`` of Pulumi's ``proto/pulumi/language.proto`` on loopback, and does what
running this project takes; it neither installs packages nor generates code. It ends at once when
told to: the engine waits five seconds for one that does not.
"""

# ruff: noqa: ARG002, N802 - the names and the arguments are the protocol's
import contextlib
import importlib.metadata
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

from containment.engine.sdk_start import skip_sdk_start

SHOWN = 32
RUN_PROGRAM = Path(__file__).with_name("run_program.py")
LIST_PACKAGES = (
    "import importlib.metadata, json;"
    "print(json.dumps([(d.name, d.version) for d in importlib.metadata.distributions()]))"
)


skip_sdk_start()

import grpc  # noqa: E402
from google.protobuf import json_format  # noqa: E402
from google.protobuf.empty_pb2 import Empty  # noqa: E402
from pulumi.runtime.proto import language_pb2 as wire  # noqa: E402
from pulumi.runtime.proto import language_pb2_grpc, plugin_pb2  # noqa: E402

from containment.engine.peers import OwnUserOnly  # noqa: E402


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """Start programs and policy packs with the Python of the project's virtual environment."""

    def __init__(self, engine_address: str) -> None:
        self._engine_address = engine_address
        self._running: set[subprocess.Popen[Any]] = set()

    def end(self) -> None:
        """Kill what is still running."""
        for process in tuple(self._running):
            process.kill()

    def Handshake(
        self, request: Any, context: grpc.ServicerContext
    ) -> wire.LanguageHandshakeResponse:
        self._engine_address = request.engine_address
        return wire.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi"))

    def GetRequiredPackages(
        self, request: wire.GetRequiredPackagesRequest, context: grpc.ServicerContext
    ) -> wire.GetRequiredPackagesResponse:
        # Pulumi.yaml names the one provider, and nothing is ever downloaded for a run.
        return wire.GetRequiredPackagesResponse()

    def RuntimeOptionsPrompts(
        self, request: wire.RuntimeOptionsRequest, context: grpc.ServicerContext
    ) -> wire.RuntimeOptionsResponse:
        return wire.RuntimeOptionsResponse()

    def InstallDependencies(
        self, request: wire.InstallDependenciesRequest, context: grpc.ServicerContext
    ) -> Iterator[wire.InstallDependenciesResponse]:
        context.abort(
            grpc.StatusCode.FAILED_PRECONDITION,
            "the packages of this project are installed with it; run 'make setup' or install the"
            " containment package again",
        )

    def About(
        self, request: wire.AboutRequest, context: grpc.ServicerContext
    ) -> wire.AboutResponse:
        python = _python(request.info, context)
        version = subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout
        return wire.AboutResponse(
            executable=python, version=version.removeprefix("Python ").strip()
        )

    def GetProgramDependencies(
        self, request: wire.GetProgramDependenciesRequest, context: grpc.ServicerContext
    ) -> wire.GetProgramDependenciesResponse:
        command = [_python(request.info, context), "-c", LIST_PACKAGES]
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return wire.GetProgramDependenciesResponse(
            dependencies=[
                wire.DependencyInfo(name=name, version=version)
                for name, version in sorted(json.loads(listed))
            ],
        )

    def Run(self, request: wire.RunRequest, context: grpc.ServicerContext) -> wire.RunResponse:
        python = _python(request.info, context)
        order = {
            "config": dict(request.config),
            "secret_keys": list(request.configSecretKeys),
            "folder": request.pwd,
            "program": os.path.normpath(
                Path(request.info.program_directory, request.info.entry_point or "."),
            ),
            "arguments": list(request.args),
            "settings": {
                "monitor": request.monitor_address,
                "engine": self._engine_address,
                "project": request.project,
                "stack": request.stack,
                "organization": request.organization,
                "parallel": request.parallel,
                "dry_run": request.dryRun,
                "root_directory": request.info.root_directory,
            },
        }
        # Interrupted while it starts, Python would print a traceback; run_program.py unblocks it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        # What the program prints goes where our own output goes: the engine shows it line by line.
        process = subprocess.Popen(
            [python, "-I", "-u", RUN_PROGRAM],
            stdin=subprocess.PIPE,
            env=_environment(python),
            text=True,
        )
        with self._running_until_done(process):
            process.communicate(json.dumps(order) + "\n")
        if process.returncode == 0:
            return wire.RunResponse()
        if process.returncode == SHOWN:
            return wire.RunResponse(bail=True)
        return wire.RunResponse(error=f"the program ended with {_exit_text(process.returncode)}")

    def RunPlugin(
        self, request: wire.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[wire.RunPluginResponse]:
        python = _python(request.info, context)
        folder = request.info.program_directory
        policies = request.kind == "analyzer"
        command = (
            ["-m", "pulumi.policy", *request.args, folder] if policies else [folder, *request.args]
        )
        process = subprocess.Popen(
            [python, "-P", "-u", *command],
            cwd=request.pwd,
            env={**_environment(python), **dict(pair.split("=", 1) for pair in request.env)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        context.add_callback(process.kill)
        with self._running_until_done(process):
            for error, piece in _pieces(process):
                yield (
                    wire.RunPluginResponse(stderr=piece)
                    if error
                    else wire.RunPluginResponse(stdout=piece)
                )
            yield wire.RunPluginResponse(exitcode=process.wait())

    def Cancel(self, request: Empty, context: grpc.ServicerContext) -> Empty:
        # The program ends by itself: the engine refuses what it would still register.
        return Empty()

    @contextlib.contextmanager
    def _running_until_done(self, process: subprocess.Popen[Any]) -> Generator[None]:
        self._running.add(process)
        try:
            yield
        finally:
            process.kill()
            process.wait()
            self._running.discard(process)


def _python(program: wire.ProgramInfo, context: grpc.ServicerContext) -> str:
    """Return the Python of the project's virtual environment, or our own where it names none."""
    named = json_format.MessageToDict(program.options).get("virtualenv")
    if not named:
        return sys.executable
    python = Path(program.root_directory, named, "bin", "python")
    if not python.exists():
        context.abort(
            grpc.StatusCode.FAILED_PRECONDITION,
            f"the virtual environment {named} has no Python; run 'make setup'",
        )
    return str(python)


def _environment(python: str) -> dict[str, str]:
    """Our environment with the virtual environment of *python* activated."""
    bin_folder = Path(python).parent
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    path = os.pathsep.join([str(bin_folder), kept.get("PATH", os.defpath)])
    return {**kept, "VIRTUAL_ENV": str(bin_folder.parent), "PATH": path}


def _pieces(process: subprocess.Popen[bytes]) -> Iterator[tuple[bool, bytes]]:
    """Yield what *process* prints, each piece with whether it went to standard error."""
    waiting: queue.Queue[tuple[bool, bytes]] = queue.Queue()

    def read(error: bool, pipe: IO[bytes]) -> None:  # noqa: FBT001 - private, and called just below
        while piece := os.read(pipe.fileno(), 65536):
            waiting.put((error, piece))
        waiting.put((error, b""))

    pipes = [(False, process.stdout), (True, process.stderr)]
    still_open = [threading.Thread(target=read, args=pipe, daemon=True) for pipe in pipes]
    for reader in still_open:
        reader.start()
    while still_open:
        error, piece = waiting.get()
        if piece:
            yield error, piece
        else:
            still_open.pop()


def _exit_text(status: int) -> str:
    return f"exit status {status}" if status > 0 else signal.Signals(-status).name


def main() -> None:
    """Serve on a free port, print it, and stay until told to end or until the engine is gone."""
    host = LanguageHost(sys.argv[-1] if len(sys.argv) > 1 else "")

    def end(*_: object) -> None:
        host.end()
        os._exit(0)

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    engine = os.getppid()
    server = grpc.server(
        ThreadPoolExecutor(max_workers=16),
        interceptors=[OwnUserOnly()],
        options=[
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),
        ],
    )
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    # An engine that was killed says no goodbye.
    while os.getppid() == engine:
        time.sleep(1)
    end()


if __name__ == "__main__":
    main()

"""The plugin's process: serve on loopback, finish what is in flight, start nothing new, end.

The engine reads the port from standard output, sends SIGINT when it is done, and may be killed
itself; then nobody is left to be answered, and a change that has not been sent must not be.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import TYPE_CHECKING

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from containment.provider.engine import Engine
from containment.provider.peers import OwnUserOnly
from containment.provider.servicer import Servicer
from containment.provider.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Sequence

_DRAIN_S = 30.0
_WATCH_S = 0.5
_LARGEST_MESSAGE = 400 * 1024 * 1024


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until the engine says stop or is gone."""
    # Asked first: once the port is told, the engine may already be gone.
    parent = os.getppid()
    parser = argparse.ArgumentParser(prog="pulumi-resource-containment")
    parser.add_argument("engine", nargs="?", help="the engine's address, host:port")
    options, _ = parser.parse_known_args(argv)
    if os.environ.get("PULUMI_SKIP_CHECKPOINTS", "").lower() in {"1", "true"}:  # noqa: TID251
        sys.exit(
            "containment refuses PULUMI_SKIP_CHECKPOINTS: a crash would lose what was changed;"
            " unset it and run again"
        )
    workplace = Workplace()
    workplace.engine = Engine(options.engine)
    stop = Event()

    def ask_to_stop(*_: object) -> None:
        workplace.cancelled.set()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ask_to_stop)
    server = grpc.server(
        ThreadPoolExecutor(max_workers=32, thread_name_prefix="rpc"),
        interceptors=[OwnUserOnly()],
        options=[
            ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
            ("grpc.so_reuseport", 0),
        ],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(workplace), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    Thread(target=_watch_parent, args=(parent, ask_to_stop, stop), daemon=True).start()
    stop.wait()
    server.stop(grace=_DRAIN_S).wait()


def _watch_parent(parent: int, ask_to_stop: object, stop: Event) -> None:
    """Ask to stop once the process that started us is gone."""
    while not stop.wait(_WATCH_S):
        if os.getppid() != parent and callable(ask_to_stop):
            ask_to_stop()

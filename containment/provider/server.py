"""The plugin's process: serve on loopback, finish what is in flight, start nothing new, end.

The engine reads the port from standard output, sends SIGINT when it is done, and may be killed
itself; then nobody is left to be answered, and a change that has not been sent must not be.
"""

from __future__ import annotations

import argparse
import atexit
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import TYPE_CHECKING

from containment.engine.sdk_start import skip_sdk_start

if __name__ == "__main__":  # elsewhere the SDK may be wanted too
    skip_sdk_start()

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from containment.engine.peers import OwnUserOnly
from containment.engine.settings import SKIP_CHECKPOINTS
from containment.provider.deployment import Deployment
from containment.provider.servicer import Servicer
from containment.provider.stack_lock import StackLock

if TYPE_CHECKING:
    from collections.abc import Sequence

_DRAIN_S = 30.0
_WATCH_S = 0.5
_LARGEST_MESSAGE = 400 * 1024 * 1024
_STOPS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until the engine says stop or is gone."""
    # Blocked before any thread is there and waited for below: a signal that the kernel hands to one
    # of grpc's own threads would leave the main thread asleep, and the engine kills after 5 s.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    # Asked first: once the port is told, the engine may already be gone.
    parent = os.getppid()
    parser = argparse.ArgumentParser(prog="pulumi-resource-containment")
    parser.add_argument("engine", nargs="?", help="the engine's address, host:port")
    options, _ = parser.parse_known_args(argv)
    deployment = Deployment()
    skips = os.environ.get(SKIP_CHECKPOINTS, "").lower() in {"1", "true"}  # noqa: TID251
    if skips and not deployment.handover.is_whole:
        sys.exit(
            f"containment refuses {SKIP_CHECKPOINTS}: a crash would lose what was changed;"
            " unset it and run again"
        )
    deployment.attach(options.engine)
    server = grpc.server(
        ThreadPoolExecutor(max_workers=64, thread_name_prefix="rpc"),
        interceptors=[OwnUserOnly()],
        options=[
            ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
            ("grpc.so_reuseport", 0),
        ],
    )
    stack_lock = StackLock(engine=parent)
    # Not after the server's stop: a call whose engine is gone counts as over, and is still made.
    atexit.register(stack_lock.release)
    servicer = Servicer(deployment, stack_lock)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    Thread(target=_watch_parent, args=(parent,), daemon=True).start()
    signal.sigwait(_STOPS)
    deployment.cancelled.set()
    server.stop(grace=_DRAIN_S).wait()


def _watch_parent(parent: int) -> None:
    """Ask to stop once the process that started us is gone."""
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()

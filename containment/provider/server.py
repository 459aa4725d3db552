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
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING

from containment.engine.sdk_start import skip_sdk_start

if __name__ == "__main__":  # elsewhere the SDK may be wanted too
    skip_sdk_start()

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from containment.engine.peers import OwnUserOnly
from containment.engine.settings import SKIP_CHECKPOINTS
from containment.provider.deferred_servicer import DeferredServicer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderServicer

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
    if os.environ.get(SKIP_CHECKPOINTS, "").lower() in {"1", "true"}:  # noqa: TID251
        _require_all_on_record()
    cancelled = Event()
    server = grpc.server(
        ThreadPoolExecutor(max_workers=64, thread_name_prefix="rpc"),
        interceptors=[OwnUserOnly()],
        options=[
            ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
            ("grpc.so_reuseport", 0),
        ],
    )
    servicer = DeferredServicer(
        partial(_servicer, parent=parent, cancelled=cancelled), options.engine, cancelled
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    Thread(target=_watch_parent, args=(parent,), daemon=True).start()
    signal.sigwait(_STOPS)
    cancelled.set()
    server.stop(grace=_DRAIN_S).wait()


def _require_all_on_record() -> None:
    """Refuse to work for an engine that writes its state at its end alone, but for our own verb."""
    from containment.lifecycle.handover import Handover  # noqa: PLC0415 -- few runs need it

    if not Handover.named_in(os.environ).is_whole:  # noqa: TID251
        sys.exit(
            f"containment refuses {SKIP_CHECKPOINTS}: a crash would lose what was changed;"
            " unset it and run again"
        )


def _servicer(engine: str | None, *, parent: int, cancelled: Event) -> ResourceProviderServicer:
    """Load what works on resources, for the engine at the address *engine*."""
    from containment.provider.deployment import Deployment  # noqa: PLC0415 -- takes time
    from containment.provider.servicer import Servicer  # noqa: PLC0415 -- takes time
    from containment.provider.stack_lock import StackLock  # noqa: PLC0415 -- takes time

    deployment = Deployment(cancelled=cancelled)
    deployment.attach(engine)
    stack_lock = StackLock(engine=parent)
    # Not after the server's stop: a call whose engine is gone counts as over, and is still made.
    atexit.register(stack_lock.release)
    return Servicer(deployment, stack_lock)


def _watch_parent(parent: int) -> None:
    """Ask to stop once the process that started us is gone."""
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()

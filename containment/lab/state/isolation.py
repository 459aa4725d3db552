"""Keep whatever answers a call from calling out: no network, no other program.

moto reaches out where AWS would act: SNS posts to HTTP endpoints, Lambda and Batch start
containers, custom resources of CloudFormation call functions. A lab must not: a subscription would
make it a client of any address that somebody in the lab names. Python's audit events
(``sys.addaudithook``; Python Library Reference, "Audit events table") see every connection, name
lookup and new program, whichever library asks for it.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator

_REFUSED = frozenset(
    {
        "socket.connect",
        "socket.sendto",
        "socket.sendmsg",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
        "socket.getnameinfo",
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "pty.spawn",
    }
)
_MARK = "_lab_isolated"


class CalledOutError(RuntimeError):
    """Something that answers a call tried to reach the network or to start a program."""


class _Attempts(threading.local):
    def __init__(self) -> None:
        self.depth = 0
        self.events: list[str] = []


_attempts = _Attempts()


def _refuse(event: str, _arguments: tuple[Any, ...]) -> None:
    if event in _REFUSED and _is_isolated():
        _attempts.events.append(event)
        raise CalledOutError(f"the lab calls nobody ({event})")


def _is_isolated() -> bool:
    return bool(_attempts.depth) or hasattr(threading.current_thread(), _MARK)


@cache
def install() -> None:
    """Begin to watch this process; Python cannot take an audit hook out again."""
    start = threading.Thread.start

    def start_as_isolated(self: threading.Thread) -> None:
        # A thread that a call starts is as isolated as the call, for as long as it lives.
        if _is_isolated():
            setattr(self, _MARK, True)
        start(self)

    setattr(threading.Thread, "start", start_as_isolated)  # noqa: B010 -- it is a method
    sys.addaudithook(_refuse)


@contextmanager
def isolated() -> Generator[list[str]]:
    """Refuse this thread, and every thread it starts, to call out; the list tells of attempts.

    Raises:
        CalledOutError: at the attempt; code that catches it leaves its trace in the list.
    """
    attempts: list[str] = []
    before, _attempts.events = _attempts.events, attempts
    _attempts.depth += 1
    try:
        yield attempts
    finally:
        _attempts.depth -= 1
        _attempts.events = before

"""Run a long program: yield its lines as they come, and end whatever it started with it."""

import contextlib
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

BEAT_S = 0.5
GRACE_S = 5.0
KEPT_LINES = 60


def run(
    command: Sequence[str | Path],
    *,
    folder: Path,
    environment: Mapping[str, str],
    on_line: Callable[[str], None],
    on_beat: Callable[[], None],
    limit_s: float | None = None,
) -> tuple[int, list[str]]:
    """Run *command* and return its exit status with the last lines it printed.

    Raises TimeoutError when it is not done after *limit_s*. The program has a process group of its
    own, and the whole group is ended when this function is left early.
    """
    tail: deque[str] = deque(maxlen=KEPT_LINES)
    process: subprocess.Popen[str] | None = None
    try:
        with _Undisturbed():
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                process_group=0,
            )
        reader = threading.Thread(target=_read, args=(process, tail, on_line), daemon=True)
        reader.start()
        waited_s = 0.0
        while not _ends_within(process, BEAT_S):
            waited_s += BEAT_S
            if limit_s is not None and waited_s >= limit_s:
                raise TimeoutError
            on_beat()
        # A grandchild may hold the pipe open; what it would still say is not worth waiting for.
        reader.join(timeout=GRACE_S)
        return process.wait(), list(tail)
    finally:
        if process is not None and process.returncode is None:
            _end(process)


class _Undisturbed:
    """Put an interruption off until the block is done: half-way, it would leave an orphan."""

    _NUMBERS = (signal.SIGINT, signal.SIGTERM)

    def __enter__(self) -> None:
        self._caught: list[int] = []
        self._before = [signal.signal(number, self._catch) for number in self._NUMBERS]

    def __exit__(self, *_: object) -> None:
        for number, handler in zip(self._NUMBERS, self._before, strict=True):
            signal.signal(number, handler)
        if self._caught:
            signal.raise_signal(self._caught[0])

    def _catch(self, number: int, _: object) -> None:
        self._caught.append(number)


def _read(process: subprocess.Popen[str], tail: deque[str], on_line: Callable[[str], None]) -> None:
    for raw in process.stdout or ():
        line = raw.rstrip()
        tail.append(line)
        on_line(line)


def _ends_within(process: subprocess.Popen[str], seconds: float) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=seconds)
    return process.returncode is not None


def _end(process: subprocess.Popen[str]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        _ends_within(process, GRACE_S)

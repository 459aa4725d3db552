"""Several labs at once, each in a process of its own: a lab's state is its process's."""

from __future__ import annotations

import itertools
import multiprocessing
import tempfile
import time
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import ExitStack
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING

from containment.lab.testing import lab_server
from tools.reliability.lane import Lane

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tools.reliability.trial import Result, Storm, Trial

_open = ExitStack()  # for the length of a lane's process
_lane: list[Lane] = []


def run(
    chosen: Sequence[Trial | Storm], lanes: int, seconds: float
) -> Iterator[tuple[Trial | Storm, Result]]:
    """Yield each trial of *chosen* with its result as it ends; after *seconds* begin no more."""
    if not chosen:
        return
    until = time.monotonic() + seconds
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="reliability-") as folder,
        ProcessPoolExecutor(
            min(lanes, len(chosen)), context, initializer=_begin, initargs=(folder,)
        ) as pool,
    ):
        remaining = iter(chosen)
        asked = {pool.submit(_run, trial): trial for trial in itertools.islice(remaining, lanes)}
        while asked:
            for result in wait(asked, return_when=FIRST_COMPLETED).done:
                yield asked.pop(result), result.result()
                further = itertools.islice(remaining, int(time.monotonic() < until))
                asked |= {pool.submit(_run, trial): trial for trial in further}


def _begin(folder: str) -> None:
    # Before threads are waited for, of which the lab has some.
    Finalize(None, _open.close, exitpriority=10)
    lab = _open.enter_context(lab_server(world=None))
    _lane.append(Lane(lab, Path(tempfile.mkdtemp(dir=folder))))


def _run(trial: Trial | Storm) -> Result:
    return _lane[0].run(trial)

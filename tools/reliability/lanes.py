"""Several labs at once, each in a process of its own: a lab's state is its process's."""

from __future__ import annotations

import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING

from containment.lab.testing import lab_server
from tools.reliability.trial import Lane

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tools.reliability.trial import Result, Storm, Trial

_open = ExitStack()  # for the length of a lane's process
_lane: list[Lane] = []


def run(chosen: Sequence[Trial | Storm], lanes: int) -> Iterator[tuple[Trial | Storm, Result]]:
    """Yield every trial of *chosen* with its result, as each ends."""
    if not chosen:
        return
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="reliability-") as folder,
        ProcessPoolExecutor(
            min(lanes, len(chosen)), context, initializer=_begin, initargs=(folder,)
        ) as pool,
    ):
        asked = {pool.submit(_run, trial): trial for trial in chosen}
        for done in as_completed(asked):
            yield asked[done], done.result()


def _begin(folder: str) -> None:
    # Before threads are waited for, of which the lab has some.
    Finalize(None, _open.close, exitpriority=10)
    lab = _open.enter_context(lab_server(seed=None))
    _lane.append(Lane(lab, Path(tempfile.mkdtemp(dir=folder))))


def _run(trial: Trial | Storm) -> Result:
    return _lane[0].run(trial)

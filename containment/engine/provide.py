"""Give this machine a ``pulumi`` that works, and a project's folder what starts it.

A supported ``pulumi`` on PATH is used as it is. Otherwise one is built with Go into the user's
cache, where every later set-up finds it in a fraction of a second. Nothing is put in its place
before it has answered ``pulumi version``, so an interrupted set-up leaves nothing that could be
taken for whole.
"""

import argparse
import contextlib
import errno
import fcntl
import os
import shutil
import signal
import sys
import time
from collections.abc import Generator
from pathlib import Path
from types import FrameType

from containment.engine import go_build, versions
from containment.engine.layout import TOOLS, lay_tools, put
from containment.engine.progress import Progress
from containment.engine.versions import OLDEST, PROVIDED, Engine, SetupError, ask, cache
from containment.errors import ContainmentError

UNFINISHED = ".unfinished-"
EXIT_INTERRUPTED = 130


def provide(progress: Progress) -> Engine:
    """Return an engine of a supported version, making one where there is none."""
    engine = versions.current(os.environ.get("PATH", ""))
    if engine is not None:
        return engine
    home = cache()
    for unsupported in versions.on_path(os.environ.get("PATH", "")):
        oldest = ".".join(map(str, OLDEST))
        progress.say(
            f"pulumi: {unsupported.path} is version {unsupported.version}, and this project needs"
            f" {oldest} or newer, below 4; it gets one of its own",
        )
    with _hold_lock(home.parent, progress):
        # Another set-up may have finished while we waited.
        engine = versions.provided()
        if engine is None:
            engine = _make(home, progress)
    progress.say(f"pulumi: v{engine.version} is ready in {home} ({progress.elapsed()})")
    return engine


def _make(home: Path, progress: Progress) -> Engine:
    """Fill *home*: everything is made beside it, tried, and then put there by one rename."""
    for left_behind in home.parent.glob(f"{UNFINISHED}*"):
        shutil.rmtree(left_behind, ignore_errors=True)
    unfinished = home.parent / f"{UNFINISHED}{os.getpid()}"
    try:
        go_build.build(_fresh(unfinished), progress)
        made = ask(unfinished / "bin" / "pulumi")
        if made is None or made.version != PROVIDED:
            raise SetupError(
                "the pulumi that was built does not answer `pulumi version`",
                f"run it again, {go_build.OTHERWISE}",
            )
        shutil.rmtree(home, ignore_errors=True)
        unfinished.rename(home)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return Engine(home / "bin" / "pulumi", PROVIDED)


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


@contextlib.contextmanager
def _hold_lock(folder: Path, progress: Progress) -> Generator[None]:
    """Hold the lock of *folder*; the system frees it when we end, however we end."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                progress.show(f"pulumi: another set-up is at it, waiting, {progress.elapsed()}")
                time.sleep(0.2)
        yield


def install(folder: Path, venv: Path | None) -> None:
    """Write what starts the engine: into the project's *folder*, and as ``pulumi`` into *venv*."""
    lay_tools(folder)
    if venv is not None:
        put(venv / "bin" / "pulumi", (folder / TOOLS / "bin" / "pulumi").read_text("utf-8"))


def explain(error: OSError) -> SetupError:
    """Say what a failed write to the cache or to ``.venv`` means for the person who waits."""
    where = error.filename or cache()
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return SetupError(
            f"no space left on the disk for {where}",
            f"free {go_build.ROOM} there, and run it again",
        )
    return SetupError(
        f"{where}: {(error.strerror or str(error)).lower()}",
        "make that folder writable, or name another cache by XDG_CACHE_HOME, and run it again",
    )


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Provide the engine for a checkout, and say in one line why if that is impossible."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--venv", type=Path)
    options = parser.parse_args()
    # A set-up that is told to end cleans up just like one that is interrupted.
    signal.signal(signal.SIGTERM, _interrupt)
    progress = Progress()
    try:
        versions.remember(provide(progress))
        install(options.folder.absolute(), options.venv and options.venv.absolute())
    except KeyboardInterrupt:
        progress.say("pulumi: interrupted; nothing was installed, and what Go has compiled is kept")
        return EXIT_INTERRUPTED
    except OSError as error:
        progress.say(f"error: {explain(error)}")
        return 1
    except ContainmentError as error:
        progress.say(f"error: {error}")
        return 1
    finally:
        progress.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Give this checkout a ``pulumi`` that works, and the Python language host that belongs to it.

A supported ``pulumi`` on PATH is used as it is. Otherwise one is put into the user's cache, from
the official installer or built with Go, where every later set-up finds it in a fraction of a
second. Nothing is put in its place before it has answered ``pulumi version``, so an interrupted
set-up leaves nothing that could be taken for whole.
"""

import argparse
import contextlib
import errno
import fcntl
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Generator
from pathlib import Path
from types import FrameType

from containment.engine import go_build, official_installer
from containment.engine.versions import (
    LANGUAGE_HOST,
    LAUNCHER_MARK,
    OLDEST,
    PROVIDED,
    Engine,
    SetupError,
    ask,
    cache,
    official_language_host,
    on_path,
)
from containment.engine.progress import Progress

HERE = Path(__file__).resolve().parent
UNFINISHED = ".unfinished-"
EXIT_INTERRUPTED = 130


def provide(progress: Progress) -> Engine:
    """Return an engine of a supported version, making one where there is none."""
    unsupported = []
    for engine in on_path(os.environ.get("PATH", "")):
        if engine.supported:
            return engine
        unsupported.append(engine)
    home = cache()
    cached = _cached(home)
    if cached is not None:
        return cached
    for engine in unsupported:
        oldest = ".".join(map(str, OLDEST))
        progress.say(
            f"pulumi: {engine.path} is version {engine.version}, and this project needs"
            f" {oldest} or newer, below 4; it gets one of its own",
        )
    with _alone(home.parent, progress):
        # Another set-up may have finished while we waited.
        cached = _cached(home)
        if cached is None:
            cached = _make(home, progress)
    progress.say(f"pulumi: v{cached.version} is ready in {home} ({progress.elapsed()})")
    return cached


def _cached(home: Path) -> Engine | None:
    engine = ask(home / "bin" / "pulumi")
    return engine if engine is not None and engine.version == PROVIDED else None


def _make(home: Path, progress: Progress) -> Engine:
    """Fill *home*: everything is made beside it, tried, and then put there by one rename."""
    for left_behind in home.parent.glob(f"{UNFINISHED}*"):
        shutil.rmtree(left_behind, ignore_errors=True)
    unfinished = home.parent / f"{UNFINISHED}{os.getpid()}"
    try:
        try:
            official = _fresh(unfinished)
            official_installer.install(official, progress)
        except official_installer.NotAvailableError as reason:
            progress.say(f"pulumi: no official installer: {reason}")
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
def _alone(folder: Path, progress: Progress) -> Generator[None]:
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


def install(engine: Engine, venv: Path, search_path: str) -> None:
    """Write into *venv* the launcher of *engine* and what starts its Python language host."""
    launcher = (HERE / "launcher.sh").read_text(encoding="utf-8")
    _write(venv / "bin" / "pulumi", launcher.replace("@ENGINE@", shlex.quote(str(engine.path))))
    official = official_language_host(engine, search_path)
    if official is not None:
        command = shlex.quote(str(official))
    else:
        # -I: the host is ours alone; the program that it starts sees the user's environment.
        parts = (venv / "bin" / "python", "-I", HERE / "language_host.py")
        command = " ".join(shlex.quote(str(part)) for part in parts)
    # In a folder that Pulumi.yaml names: found on PATH, the engine would warn about it each time.
    _write(
        venv / "libexec" / LANGUAGE_HOST,
        f'#!/bin/sh\n# {LAUNCHER_MARK} for the Python language host\nexec {command} "$@"\n',
    )


def _write(path: Path, text: str) -> None:
    if path.exists() and path.read_bytes() == text.encode() and os.access(path, os.X_OK):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}-{os.getpid()}")
    new.write_text(text, encoding="utf-8")
    new.chmod(0o755)
    new.replace(path)


def _explain(error: OSError) -> SetupError:
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
    """Provide the engine for the ``.venv`` given, and say in one line why if that is impossible."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--venv", type=Path, default=HERE.parents[1] / ".venv")
    venv: Path = parser.parse_args().venv.absolute()
    # A set-up that is told to end cleans up just like one that is interrupted.
    signal.signal(signal.SIGTERM, _interrupt)
    progress = Progress()
    try:
        install(provide(progress), venv, os.environ.get("PATH", ""))
    except KeyboardInterrupt:
        progress.say("pulumi: interrupted; nothing was installed, and what Go has compiled is kept")
        return EXIT_INTERRUPTED
    except OSError as error:
        progress.say(f"error: {_explain(error)}")
        return 1
    except SetupError as error:
        progress.say(f"error: {error}")
        return 1
    finally:
        progress.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Run one Pulumi program: set the SDK up by the order on standard input, then execute the program.

Started by ``language_host.py``. The order comes by standard input, so that decrypted configuration
never stands on a command line. Ends with 0, with ``SHOWN`` when the engine has shown the error
already, or as the program ended.
"""

import asyncio
import json
import logging
import os
import runpy
import signal
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

SHOWN = 32
_LOOKS_EVERY_S = 1.0


def main() -> int:
    """Read the order, run the program, and report its failure in the user's terms."""
    # The engine interrupts our whole process group when all is over: no time for a traceback then.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    import pulumi  # noqa: PLC0415 - only after the signal is dealt with
    from pulumi import runtime  # noqa: PLC0415
    from pulumi.runtime.proto import source_pb2  # noqa: PLC0415

    line = sys.stdin.readline()
    if not line:
        return 0  # the host was not asked to run anything
    order: dict[str, Any] = json.loads(line)
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())

    # Threads of the program do not see the context that set_all_config fills; they read these.
    os.environ["PULUMI_CONFIG"] = json.dumps(order["config"])
    os.environ["PULUMI_CONFIG_SECRET_KEYS"] = json.dumps(order["secret_keys"])
    runtime.set_all_config(order["config"], order["secret_keys"])
    # The SDK stores the stack of the call with the stack's root resource: paths of this machine,
    # in a state that others read.
    runtime.resource._get_stack_trace = source_pb2.StackTrace  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    # A call of the engine for every step of every resource, which nobody is shown.
    pulumi.log.debug = _say_nothing
    complaints: list[str] = []
    show_error = pulumi.log.error

    def complain(*message: Any, **more: Any) -> None:
        complaints.append(str(message))
        show_error(*message, **more)

    # The engine shows an error of a program and ends with 0 all the same.
    pulumi.log.error = complain
    runtime.configure(runtime.Settings(**order["settings"]))
    os.chdir(order["folder"])
    program: str = order["program"]
    sys.argv = [program, *order["arguments"]]
    # The file and not its folder, from which every module would then be imported first.
    main_file = str(_main_file(Path(program)))

    # Futures that nobody awaits are normal where a deployment fails; the engine reports that.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    threads = ThreadPoolExecutor(max_workers=max(order["settings"]["parallel"] or 0, 1) * 4)
    loop.set_default_executor(threads)

    def run() -> None:
        runpy.run_path(main_file, run_name="__main__")

    try:
        loop.run_until_complete(runtime.run_in_stack(run))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return SHOWN
    except Exception:  # noqa: BLE001 - whatever the program raises is shown as the program's
        pulumi.log.error(
            f"Program failed with an unhandled exception:\n{_of_the_program(Path(program))}",
        )
        return SHOWN
    finally:
        threads.shutdown(wait=True)
        loop.close()
        sys.stdout.flush()
        sys.stderr.flush()
    return SHOWN if complaints else 0


def _say_nothing(*_: object, **__: object) -> None:
    """Stand for a log that nobody reads."""


def _end_with(host: int) -> None:
    """End when *host* was killed: the SDK would wait for ever for an engine that is gone."""
    while os.getppid() == host:
        time.sleep(_LOOKS_EVERY_S)
    os._exit(1)


def _main_file(program: Path) -> Path:
    return program / "__main__.py" if program.is_dir() else program


def _of_the_program(program: Path) -> str:
    """Return the traceback being handled, from the first line of the program on."""
    main_file = _main_file(program)
    frames = traceback.extract_tb(sys.exc_info()[2])
    for index, frame in enumerate(frames):
        if Path(frame.filename).absolute() == main_file.absolute():
            return traceback.format_exc(limit=index - len(frames))
    return traceback.format_exc()


if __name__ == "__main__":
    sys.exit(main())

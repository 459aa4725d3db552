"""``pulumi`` of this project: the engine, once it is sure what it would start.

It takes the place of its process by the engine's, so signals, arguments and exit status are the
engine's own. In a project that is not ours it only finds the engine.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from containment.engine import layout, ownership, versions
from containment.engine.settings import backend, settings
from containment.errors import ContainmentError, RefusedError, UnavailableError
from containment.messages import ANNOUNCED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CHANGES = frozenset({"up", "update", "destroy", "down", "dn", "refresh", "import", "watch"})
_PREVIEWS = frozenset({"preview", "pre"})
# Commands that load neither the program nor a provider. Anything else is guarded.
_ASKS = frozenset(
    {
        *("version", "help", "about", "whoami", "login", "logout", "stack", "config", "cancel"),
        *("org", "logs", "console", "completion", "gen-completion", "env", "project", "state"),
    }
)
_OF_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


def main() -> None:
    """Check, and become the engine."""
    try:
        engine, environ = prepare(sys.argv[1:], os.environ)
    except ContainmentError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    os.execve(engine, [str(engine), *sys.argv[1:]], environ)  # noqa: S606 -- it takes our place


def prepare(arguments: Sequence[str], environ: Mapping[str, str]) -> tuple[Path, dict[str, str]]:
    """Return the engine and the environment for *arguments*, after all that has to be checked.

    Raises:
        UnavailableError: there is no engine.
        RefusedError: something else than this program would be started, or a run be cut off.
    """
    engine = versions.current(environ.get("PATH", os.defpath))
    if engine is None:
        raise UnavailableError(
            "there is no pulumi of a supported version",
            remedy="run 'make setup' or 'containment init'",
        )
    words = {word for word in arguments if not word.startswith("-")}
    if _tell(words, arguments, environ):
        environ = {**environ, ANNOUNCED: "1"}
    start = Path(_value(arguments, "-C", "--cwd") or ".").absolute()
    root = layout.above(start)
    is_own = root is not None and layout.is_ours(root)
    chosen = settings(environ, is_own=is_own)
    if root is None or not is_own:
        return engine.path, chosen.environ
    if chosen.dropped:
        _say(
            f"warning: {', '.join(chosen.dropped)} is not used: it could start another program, or"
            " leave out what the spec names"
        )
    stack = _value(arguments, "-s", "--stack")
    ownership.drop_torn_attributes(root, chosen.environ)
    if "cancel" in words:
        _leave_the_living(arguments, environ)
    if words & (_CHANGES | _PREVIEWS) or (words and not words & _ASKS):
        ownership.require_own(engine.path, root, chosen.environ, stack)
    return engine.path, chosen.environ


def _tell(words: set[str], arguments: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Say what AWS this is, what a plan leaves undone, and that a state here may be lost.

    Returns whether it is said that this AWS is an emulation.
    """
    endpoint = environ.get("AWS_ENDPOINT_URL_IAM") or environ.get("AWS_ENDPOINT_URL") or ""
    host = urlsplit(endpoint).hostname or ""
    emulated = endpoint and not (endpoint.startswith("https://") and host.endswith(_OF_AWS))
    is_announced = bool(emulated) and bool(words & (_CHANGES | _PREVIEWS))
    if is_announced and ANNOUNCED not in environ:
        _say(f"EMULATED: {endpoint} is not AWS; no real account is touched")
    if words & _CHANGES and any(word.partition("=")[0] == "--plan" for word in arguments):
        _say(
            "note: a saved plan lets nothing else be done: where something of the containment was"
            " undone since, the engine ends with 'violates plan' and repairs nothing; then plan"
            " anew (pulumi preview --save-plan), or run 'pulumi up' without a plan, which repairs"
        )
    if not endpoint and words & _CHANGES and backend(environ).startswith("file:"):
        _say(
            "warning: the state of a change in AWS goes to a file on this machine: if it is lost,"
            " no lift is exact; log in to a shared backend (pulumi login s3://BUCKET)"
        )
    return is_announced


def _leave_the_living(arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    """Refuse to cancel a run that is alive.

    A cancel takes the lock away under it: then two change AWS, and one's state is lost.

    Raises:
        RefusedError: one is.
    """
    place = urlsplit(backend(environ))
    if place.scheme != "file":
        return
    locks = Path(place.netloc + place.path) / ".pulumi/locks/organization" / layout.NAME
    named = {word.rpartition("/")[2] for word in _words_and_values(arguments)}
    for lock in sorted(locks.glob("*/*.json")):
        stack = lock.parent.name
        if stack not in named and any(word.startswith(("-s", "--stack")) for word in arguments):
            continue
        pid = _holder(lock)
        if pid is not None:
            raise RefusedError(
                f"{stack} is being changed right now by process {pid}, and a cancel would let"
                " another run change it too",
                remedy=f"wait until it ends, or stop it with 'kill -INT {pid}', which lets the"
                " change in flight finish",
            )


def _holder(lock: Path) -> int | None:
    """Return the process that made *lock*, if it is an engine that lives on this machine."""
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        owner = json.loads(lock.read_text(encoding="utf-8"))
        pid = int(owner["pid"])
        if owner["hostname"] != socket.gethostname() or pid <= 0:
            return None
        os.kill(pid, 0)
        name = Path(f"/proc/{pid}/comm")
        if not name.exists() or "pulumi" in name.read_text(encoding="utf-8"):
            return pid
    return None


def _value(arguments: Sequence[str], short: str, long: str) -> str | None:
    """Return the last value that *arguments* give an option."""
    value: str | None = None
    for index, word in enumerate(arguments):
        if word in {short, long}:
            value = arguments[index + 1] if index + 1 < len(arguments) else None
        elif word.startswith(f"{long}="):
            value = word.partition("=")[2]
        elif word.startswith(short) and not word.startswith("--"):
            value = word[len(short) :].removeprefix("=")
        elif word.endswith(short[1]) and word[1:].isalpha() and word[0] == "-":
            # Several short options in one word, the last of which takes a value.
            value = arguments[index + 1] if index + 1 < len(arguments) else None
    return value


def _words_and_values(arguments: Sequence[str]) -> list[str]:
    return [word.partition("=")[2] if word.startswith("--") else word for word in arguments]


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    main()

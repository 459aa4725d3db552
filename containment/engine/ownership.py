"""Before the engine runs a project of ours: see that nothing but this program would be started.

Checked are the project's files, the settings of the stack and the state. Between the check and the
run somebody may still write all three. That starts nothing either: what a state names is looked
for under the names in Pulumi.yaml alone, without PATH, installed plugins or downloads
(:mod:`containment.engine.settings`).
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from containment import files
from containment.engine import layout, settings, stored_state
from containment.engine.layout import ForeignProjectError
from containment.engine.stored_state import Keepers, Stranger, UnreadableStateError
from containment.errors import RefusedError
from containment.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_STACKS = f".pulumi/stacks/{layout.NAME}"
_ENDINGS = (".json", ".json.gz", ".json.zst")
# What the engine says of a state that is there and that it cannot take apart.
_UNREADABLE = re.compile(r"checkpoint|unmarshal|invalid character|deserializ|gzip|zstd")
# What a stack's settings may hold: where secrets are kept, and settings of this provider.
_STACK_SETTINGS = frozenset({"config", "secretsprovider", "encryptedkey", "encryptionsalt"})
# The last are the passphrase, in the words of ``pkg/cmd/pulumi/stack/secrets.go``.
_LARGEST_SETTINGS = 1 << 20
_OWN_PROVIDERS = (None, "", "default", "passphrase")


class ForeignStateError(RefusedError):
    """The state names what is not ours, or cannot be read: nothing is lifted by it."""


def require_own(engine: Path, root: Path, environ: Mapping[str, str], stack: str | None) -> None:
    """Refuse to run *engine* where it would start, or lift by, what is not this program's.

    Args:
        engine: the engine, which is asked for a state that is not in files.
        root: the project's folder.
        environ: what the engine is going to run with.
        stack: which stack; the selected one where nobody says.

    Raises:
        ForeignStateError: the state is the reason; containing goes on without the engine.
        ForeignProjectError: the project's files, or the stack's settings, are.
    """
    layout.require_own(root)
    layout.lay_tools(root)
    named = stack or _selected(engine, root, environ)
    if named:
        require_stack_settings(root, _short(named))
    require_own_state(engine, root, environ, named)


def require_own_state(
    engine: Path, root: Path, environ: Mapping[str, str], stack: str | None
) -> None:
    """Refuse a state that names anything but this project's resources and its provider.

    Raises:
        ForeignStateError: it does, or it cannot be read.
    """
    try:
        named = stack or _selected(engine, root, environ)
        written = _written(engine, root, environ, named)
    except UnreadableStateError as error:
        raise unreadable(stack, error) from None
    require_own_contents(root, environ, _short(named), written)


def require_own_contents(
    root: Path, environ: Mapping[str, str], stack: str, written: Iterable[bytes]
) -> None:
    """Refuse a state of *stack*, *written* in some form, that names anything but what is ours.

    Raises:
        ForeignStateError: it does, or it cannot be read.
    """
    try:
        keepers = Keepers(partial(_key, root), _service(environ))
        strangers = [
            stranger for one in written for stranger in stored_state.strangers(one, stack, keepers)
        ]
    except UnreadableStateError as error:
        raise unreadable(stack, error) from None
    if strangers:
        raise _refused(
            stack, f"holds what is not of this project: {stored_state.listed(strangers)}"
        )


def require_stack_settings(root: Path, stack: str) -> None:
    """Refuse settings of *stack* that have the engine run something, or call a service.

    The engine asks the secrets provider that they name before anything else, with the responder's
    credentials: only the key that the profile names is asked.

    Raises:
        ForeignProjectError: they do, or they cannot be read.
    """
    for path, document in _stack_settings(root, stack):
        config = document.get("config") or {}
        names = [str(name) for name in document if name not in _STACK_SETTINGS]
        names += [
            str(name)
            for name in (config if isinstance(config, dict) else ())
            if not str(name).startswith(f"{layout.NAME}:")
        ]
        if names:
            raise ForeignProjectError(
                f"{path} has {', '.join(names)}, which is no setting of this project",
                remedy="take it out; config may hold containment:… alone, and beside it there are"
                f" {', '.join(sorted(_STACK_SETTINGS - {'config'}))}",
            )
        provider = document.get("secretsprovider")
        if provider not in _OWN_PROVIDERS and provider != (key := _key(root)):
            raise ForeignProjectError(
                f"{path} names the secrets provider {plain(provider)[:200]}, and 'secrets' in"
                f" containment.yaml is {plain(key) or 'not set'}: it would be called with your"
                " credentials",
                remedy="where that is your organisation's key, write it into containment.yaml,"
                " which counts for all stacks; else take the line out",
            )


def _stack_settings(root: Path, stack: str) -> Iterator[tuple[Path, dict[Any, Any]]]:
    """Yield each file of settings of *stack* that the engine might read, and what it holds.

    Raises:
        ForeignProjectError: one cannot be read.
    """
    for ending in (".yaml", ".yml", ".json"):
        path = root / "stacks" / f"Pulumi.{stack}{ending}"
        if not os.path.lexists(path):
            continue
        from ruamel.yaml import YAML  # noqa: PLC0415 -- most stacks have no settings to read
        from ruamel.yaml.error import YAMLError  # noqa: PLC0415

        try:
            text = files.read(path, _LARGEST_SETTINGS, within=root).decode()
            document: Any = YAML(typ="safe").load(text)
        except files.NoRegularFileError as error:
            raise ForeignProjectError(
                f"{path} {error.strerror}", remedy="see who put it there, and remove it"
            ) from None
        except (YAMLError, OSError, ValueError):
            raise ForeignProjectError(f"{path} cannot be read", remedy="mend the file") from None
        if document is None:
            continue
        if not isinstance(document, dict):
            raise ForeignProjectError(f"{path} holds no settings", remedy="mend the file")
        yield path, document


def _key(root: Path) -> str:
    """Return the URL of the key that the profile of *root* names for what is secret in a state."""
    # Hardly any stack names one, and the launcher need not wait for what a profile is read with.
    from containment.profile import load  # noqa: PLC0415

    return load(root).secrets or ""


def _service(environ: Mapping[str, str]) -> str:
    """Return the URL of Pulumi's service, where that is where states are."""
    place = settings.backend(environ)
    return place if place.startswith("https://") else ""


def unreadable(stack: str | None, error: UnreadableStateError) -> ForeignStateError:
    """Return the refusal of a state of *stack* that nobody can read, for *error*."""
    return _refused(stack, f"cannot be read: {error}")


def _refused(stack: str | None, what: str) -> ForeignStateError:
    of_stack = f" of {stack}" if stack else ""
    name = stack or "STACK"
    return ForeignStateError(
        f"the state{of_stack} {what}; nothing is started or lifted by it",
        remedy=f"'containment up {name}' contains all the same, without it; to lift, put the state"
        " back from a backup ('pulumi stack history', the bucket's versions) or see 'containment"
        f" restore {name}'",
    )


def _written(engine: Path, root: Path, environ: Mapping[str, str], stack: str) -> list[bytes]:
    """Return the state of *stack* as it is kept, in each form that the engine might read."""
    if not stack:
        return []  # none is selected, and the engine says so
    files = _files(root, environ, stack)
    if files is None or any(path.name.endswith(".zst") for path in files):
        return _exported(engine, root, environ, stack)
    return [_read(path) for path in files]


def drop_torn_attributes(root: Path, environ: Mapping[str, str]) -> None:
    """Take away the files of attributes beside states that an engine was writing when it died.

    The engine writes a state whole and then renames it, but its attributes in place: killed in
    between, it leaves a file that it cannot read, and with it no state any more. Where there are no
    attributes it goes without (gocloud.dev v0.46, ``blob/fileblob/attrs.go``).
    """
    place = _plain_folder(root, environ)
    for attributes in sorted((place / _STACKS).glob("*.attrs")) if place is not None else ():
        with suppress(OSError):
            if not stat.S_ISREG(attributes.lstat().st_mode):
                continue
            try:
                json.loads(attributes.read_bytes())
            except ValueError:
                attributes.unlink()


def kept_in_files(root: Path, environ: Mapping[str, str], stack: str) -> list[bytes] | None:
    """Return each form in which the state of *stack* is kept; None where it is not in files.

    Raises:
        UnreadableStateError: a file of it cannot be read.
    """
    files = _files(root, environ, stack)
    return None if files is None else [_read(path) for path in files]


def _files(root: Path, environ: Mapping[str, str], stack: str) -> list[Path] | None:
    """Return the files that the state of *stack* is kept in; None where it is not in files."""
    place = _plain_folder(root, environ)
    if place is None or not _PLAIN_NAME.fullmatch(stack):
        return None
    paths = [place / _STACKS / f"{stack}{ending}" for ending in _ENDINGS]
    return [path for path in paths if path.exists()]


def _plain_folder(root: Path, environ: Mapping[str, str]) -> Path | None:
    """Return the folder that states are in, where nobody can read its name in two ways."""
    if settings.BACKEND not in environ or not environ[settings.BACKEND]:
        text = (root / "Pulumi.yaml").read_text(encoding="utf-8")
        if text != layout.project_file():
            return None  # it may name a backend
    url = urlsplit(settings.backend(environ))
    plain = url.scheme == "file" and not url.netloc and not url.query and not url.fragment
    if not plain or "%" in url.path or not url.path.startswith("/"):
        return None
    return Path(url.path)


def _read(path: Path) -> bytes:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UnreadableStateError(error.strerror or str(error)) from None
    with os.fdopen(file, "rb") as opened:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise UnreadableStateError(f"{path} is no regular file")
        return opened.read()


def _exported(engine: Path, root: Path, environ: Mapping[str, str], stack: str) -> list[bytes]:
    """Ask the engine for the state: that starts no plugin (``pulumi stack export``)."""
    answer = _ask(engine, root, environ, "stack", "export", "--stack", stack)
    if answer.returncode == 0:
        return [answer.stdout]
    complaint = plain(" ".join(answer.stderr.decode("utf-8", "replace").split()))
    if _UNREADABLE.search(complaint):
        raise UnreadableStateError(complaint[:300])
    return []  # there is none, or the engine gets no further either and says why


def _short(stack: str) -> str:
    """Return the name of *stack* without the owner and the project that it may be called with."""
    return stack.rpartition("/")[2]


def _selected(engine: Path, root: Path, environ: Mapping[str, str]) -> str:
    named = environ.get("PULUMI_STACK")
    if named:
        return named
    with suppress(OSError):
        answer = _ask(engine, root, environ, "stack", "--show-name")
        if answer.returncode == 0:
            return _short(answer.stdout.decode("utf-8", "replace").strip())
    return ""


def _ask(
    engine: Path, root: Path, environ: Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [engine, *arguments, "--non-interactive"],
        cwd=root,
        env={**environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )


__all__ = ["ForeignStateError", "Stranger", "require_own", "require_own_state"]

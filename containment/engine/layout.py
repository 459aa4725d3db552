"""The project's folder: what is written into it, and what in it may be run.

A folder may come from anywhere: a clone, an archive, somebody's home. Nothing in it is run because
it is there. Its Pulumi.yaml and ``__main__.py`` have to be the ones that this program writes, and
what Pulumi.yaml names to start is written by this program, for its own environment, each time.

Source: Pulumi documentation, "Pulumi project file reference" (``plugins`` is for developing
plugins there; a provider that is named with a path is found without a search).
"""

from __future__ import annotations

import os
import shlex
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from containment import files
from containment.errors import NotFoundError, RefusedError, UnavailableError

NAME = "containment"
TOOLS = ".containment"
LAUNCHER_MARK = "containment's launcher"
PROVIDER, LANGUAGE_HOST = "pulumi-resource-containment", "pulumi-language-python"
_BIN, _HOSTS, _REFUSED = "bin", "libexec", "refused"
# The engine takes the first of these that is there.
_PROJECT_FILES = ("Pulumi.json", "Pulumi.yaml", "Pulumi.yml")
# Providers that many machines have, and the two that run code out of a state.
SHADOWED = (
    *("pulumi-python", "pulumi-nodejs", "command", "local", "terraform-provider", "aws"),
    *("aws-native", "awsx", "azure", "azure-native", "azuread", "gcp", "google-native"),
    *("kubernetes", "helm", "docker", "docker-build", "github", "gitlab", "cloudflare", "random"),
    *("tls", "archive", "http", "external", "null", "time", "vault", "eks", "esc", "pulumiservice"),
)
# What an organisation may add to Pulumi.yaml: it starts nothing.
_FREE = frozenset({"description", "author", "website", "license", "backend"})

PROGRAM = '''"""The stack program: the incident spec of this stack becomes resources."""

from containment.program import main

main()
'''
IGNORED = ("/.containment/", "/.pulumi/", "/ledger/", "/incidents/")


class ForeignProjectError(RefusedError):
    """The project's files would have the engine start something else than this program."""


def project_file() -> str:
    """Return the text of Pulumi.yaml."""
    place = f"./{TOOLS}/{_REFUSED}"
    shadowed = "".join(f"    - {{name: '{name}', path: {place}}}\n" for name in SHADOWED)
    return (
        f"name: {NAME}\n"
        "description: Leaked cloud credentials, contained as code. One stack an incident;"
        " its spec is stacks/<stack>.yaml\n"
        "runtime: python\n"
        "stackConfigDir: stacks\n"
        "plugins:\n"
        f"  # 'make setup' and 'containment init' write what is in {TOOLS}. Named here, it is found"
        " without a search, a\n"
        "  # warning or a download.\n"
        "  providers:\n"
        f"    - {{name: {NAME}, path: ./{TOOLS}/{_BIN}}}\n"
        "    # A state of this project never needs these. Named here, none that is installed is"
        " started because a state names it.\n"
        f"{shadowed}"
        "  languages:\n"
        f"    - {{name: python, path: ./{TOOLS}/{_HOSTS}}}\n"
    )


def lay_out(folder: Path) -> None:
    """Write a whole project into *folder*: its file, its program, ``stacks`` and the tools.

    Raises:
        RefusedError: what is there already is not ours.
        UnavailableError: it cannot be written.
    """
    try:
        (folder / "stacks").mkdir(parents=True, exist_ok=True)
        put(folder / "Pulumi.yaml", project_file(), mode=0o644)
        put(folder / "__main__.py", PROGRAM, mode=0o644)
    except OSError as error:
        raise _unwritable(folder, error) from error
    lay_tools(folder)


def above(start: Path) -> Path | None:
    """Return the folder of the project that *start* is in, whosever it is; None if in none."""
    for folder in (start, *start.parents):
        if any((folder / name).is_file() for name in _PROJECT_FILES):
            return folder
    return None


def is_ours(folder: Path) -> bool:
    """Tell whether the project in *folder* is called like ours; its file need not be in order."""
    text = _text(folder / "Pulumi.yaml")
    if text is None:
        return False
    return text == project_file() or _parsed(text).get("name") == NAME


def find(start: Path) -> Path:
    """Return the folder of our project that *start* is in.

    Raises:
        NotFoundError: there is none.
    """
    for folder in (start, *start.parents):
        if (folder / "Pulumi.yaml").is_file() and is_ours(folder):
            return folder
    raise NotFoundError(
        f"{start} is in no containment project (no Pulumi.yaml with 'name: {NAME}')",
        remedy="run this in the folder that holds Pulumi.yaml and stacks/, or make one with"
        " 'containment init'",
    )


def require_own(folder: Path) -> None:
    """Refuse a project whose files would have the engine start anything but this program.

    Raises:
        ForeignProjectError: its Pulumi.yaml or ``__main__.py`` is not the one that this program
            writes.
    """
    for name in _PROJECT_FILES:
        if name != "Pulumi.yaml" and os.path.lexists(folder / name):
            raise ForeignProjectError(
                f"{folder / name} would be read in place of Pulumi.yaml",
                remedy="remove it, after you have seen who put it there",
            )
    text = _text(folder / "Pulumi.yaml")
    if text != project_file() and _essence(_parsed(text or "")) != _essence(
        _parsed(project_file())
    ):
        raise _foreign(folder / "Pulumi.yaml", "could have the engine start other programs")
    if _text(folder / "__main__.py") != PROGRAM:
        raise _foreign(folder / "__main__.py", "would be run with your credentials")


def lay_tools(folder: Path) -> None:
    """Write what Pulumi.yaml names into *folder*, for the environment that runs now.

    Raises:
        RefusedError: the place for it belongs to somebody else, or others may write there.
        UnavailableError: it cannot be written.
    """
    python = shlex.quote(sys.executable)
    host = shlex.quote(str(Path(__file__).with_name("language_host.py")))
    refusal = (
        "#!/bin/sh\necho 'containment: a state of this project needs no such provider, and none is"
        " started' >&2\nexit 1\n"
    )
    # -I: neither the folder it is started in nor PYTHONPATH decides what is imported.
    texts = {
        f"{_BIN}/pulumi": f"#!/bin/sh\n# {LAUNCHER_MARK} for the Pulumi engine\n"
        f'exec {python} -I -m containment.engine.launcher "$@"\n',
        f"{_BIN}/{PROVIDER}": f"#!/bin/sh\n# {LAUNCHER_MARK} for its provider\n"
        f'exec {python} -I -m containment.provider.server "$@"\n',
        f"{_HOSTS}/{LANGUAGE_HOST}": f"#!/bin/sh\n# {LAUNCHER_MARK} for the language host\n"
        f'exec {python} -I {host} "$@"\n',
        **{f"{_REFUSED}/pulumi-resource-{name}": refusal for name in SHADOWED},
    }
    try:
        for place in (TOOLS, f"{TOOLS}/{_BIN}", f"{TOOLS}/{_HOSTS}", f"{TOOLS}/{_REFUSED}"):
            _own_folder(folder / place)
        for name, text in texts.items():
            put(folder / TOOLS / name, text)
    except OSError as error:
        raise _unwritable(folder / TOOLS, error) from error


def put(path: Path, text: str, *, mode: int = 0o755) -> None:
    """Have *path* be a file of our own that holds *text*; nothing is ever written through a link.

    Raises:
        OSError: it cannot be written.
    """
    with suppress(OSError):
        status = path.lstat()
        plain = stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and _is_safe(status)
        if plain and status.st_mode & 0o777 == mode and path.read_bytes() == text.encode():
            return
    new = path.with_name(f".{path.name}-{os.getpid()}")
    new.unlink(missing_ok=True)
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(file, "wb") as opened:
        opened.write(text.encode())
        os.fchmod(file, mode)
    new.replace(path)


def _unwritable(place: Path, error: OSError) -> UnavailableError:
    return UnavailableError(
        f"{place} cannot be written ({error.strerror or error})",
        remedy="make it writable for you, or work in a folder of your own ('containment init')",
    )


def _own_folder(path: Path) -> None:
    with suppress(FileExistsError):
        path.mkdir(mode=0o755)
    status = path.lstat()
    if stat.S_ISDIR(status.st_mode) and _is_safe(status):
        return
    raise ForeignProjectError(
        f"{path} is a link, belongs to somebody else, or others may write there: what is in it"
        " would be run with your credentials",
        remedy="remove it; it is made anew",
    )


def _is_safe(status: os.stat_result) -> bool:
    return status.st_uid in {0, os.geteuid()} and not status.st_mode & 0o022


def _foreign(path: Path, why: str) -> ForeignProjectError:
    return ForeignProjectError(
        f"{path} is not the one that this version of containment writes: it {why}",
        remedy="see who changed it; 'containment init --renew' writes it anew",
    )


def _text(path: Path) -> str | None:
    try:
        return files.read(path, 1 << 20).decode()
    except (OSError, UnicodeDecodeError):
        return None


def _essence(document: dict[str, Any]) -> dict[str, Any]:
    backend = document.get("backend")
    if "backend" in document and not (isinstance(backend, dict) and set(backend) <= {"url"}):
        return {}
    return {name: value for name, value in document.items() if name not in _FREE}


def _parsed(text: str) -> dict[str, Any]:
    """Return what a Pulumi.yaml says; nothing where two readers could read it in two ways."""
    # A file as we write it needs no reader, which takes longer to load than all else here.
    from ruamel.yaml import YAML  # noqa: PLC0415
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    if any(sign in text for sign in ("<<", "&", "*", "!", "%", "---")):
        return {}
    try:
        document = YAML(typ="safe").load(text)
    except (YAMLError, ValueError):
        return {}
    return cast("dict[str, Any]", document) if isinstance(document, dict) else {}

"""What the engine's environment is: what the project needs, and nothing that starts a plugin.

Source: Pulumi v3.259, ``sdk/go/common/env/env.go``, ``sdk/go/common/workspace/plugins.go`` and
``pkg/cmd/pulumi/metadata/metadata.go``; git-config(1), "ENVIRONMENT"; hg help environment.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from containment.errors import RefusedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

HOME, CREDENTIALS, BACKEND = "PULUMI_HOME", "PULUMI_CREDENTIALS_PATH", "PULUMI_BACKEND_URL"
# The state is then written once, when the run ends.
SKIP_CHECKPOINTS = "PULUMI_SKIP_CHECKPOINTS"
_OFF = frozenset({"", "0", "f", "F", "false", "False", "FALSE"})
# Set unless the user has set them.
_DEFAULTS = {
    "PULUMI_SKIP_UPDATE_CHECK": "true",
    "PULUMI_CONTINUE_ON_ERROR": "true",
    "PULUMI_DIY_BACKEND_GZIP": "true",
    # Every deny is in flight at once; the engine's own measure is the machine's cores.
    "PULUMI_PARALLEL": "64",
}
# Set whatever the user has set: no plugin is looked for on PATH or downloaded; and the engine,
# which asks git and hg about the folder it is in, runs nothing that the folder's own git or hg
# settings name.
_FORCED = {
    "PULUMI_IGNORE_AMBIENT_PLUGINS": "true",
    "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    "GIT_DIR": os.devnull,
    "HGRCSKIPREPO": "1",
}
# Attaches the engine to a program that is there already, or changes what it looks for and where;
# the last are the options of every command (PULUMI_OPTION_CWD, PULUMI_OPTION_POLICY_PACK).
_DROPPED = (
    *("PULUMI_DEBUG_PROVIDERS", "PULUMI_DEBUG_LANGUAGES", "PULUMI_ENABLE_LEGACY_PLUGIN_SEARCH"),
    *("PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES", "PULUMI_DEV", "PULUMI_OPTION_"),
    # What a verb says to the engine's program and provider, and nobody else: which targets are left
    # for later, what was done already, and which entry of the ledger let the run begin.
    *("CONTAINMENT_WAVE", "CONTAINMENT_HANDOVER", "CONTAINMENT_ADMISSION"),
)
# What the engine keeps for its user, all but plugins and policy packs.
_SHARED_FOLDERS = ("workspaces", "logs")
_SHARED_FILES = ("config.json",)


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment to start the engine with, and which settings of the user it leaves out."""

    environ: dict[str, str]
    dropped: tuple[str, ...] = ()


def settings(environ: Mapping[str, str], *, is_own: bool = True) -> Settings:
    """Return the environment in which the engine runs a project; where it is *is_own*, guarded.

    Raises:
        RefusedError: checkpoints are switched off.
        UnavailableError: the engine's home cannot be written.
    """
    if environ.get(SKIP_CHECKPOINTS, "") not in _OFF:
        raise RefusedError(
            f"{SKIP_CHECKPOINTS} is set: after a crash nothing would remember what was changed"
            " in AWS",
            remedy="unset it and run this again",
        )
    dropped = tuple(sorted(name for name in environ if name.startswith(_DROPPED))) if is_own else ()
    kept = {name: value for name, value in environ.items() if name not in dropped}
    made = {**_DEFAULTS, **kept}
    if backend(environ).startswith("file:") and not (
        "PULUMI_CONFIG_PASSPHRASE" in environ or environ.get("PULUMI_CONFIG_PASSPHRASE_FILE")
    ):
        made["PULUMI_CONFIG_PASSPHRASE"] = ""
    if not is_own:
        return Settings(made)
    made |= _FORCED
    home = _home(environ)
    made.setdefault(CREDENTIALS, str(home))
    made[HOME] = str(_without_plugins(home))
    return Settings(made, dropped)


def backend(environ: Mapping[str, str]) -> str:
    """Return where the state is by the environment, or by the last ``pulumi login``; or nothing."""
    named = environ.get(BACKEND, "")
    if named:
        return named
    login = Path(environ.get(CREDENTIALS) or _home(environ)) / "credentials.json"
    try:
        document = json.loads(login.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(document.get("current") or "") if isinstance(document, dict) else ""


def _home(environ: Mapping[str, str]) -> Path:
    named = environ.get(HOME)
    return Path(named) if named else Path(environ.get("HOME") or Path.home()) / ".pulumi"


def _without_plugins(home: Path) -> Path:
    """Return a home for the engine that shares all with *home* but the plugins in it.

    So no provider that is installed there can be started, whatever a state names.
    """
    own = home / "containment"
    try:
        for name in _SHARED_FOLDERS:
            (home / name).mkdir(parents=True, exist_ok=True)
        own.mkdir(mode=0o700, exist_ok=True)
        for name in (*_SHARED_FOLDERS, *_SHARED_FILES):
            link = own / name
            if not link.is_symlink():
                link.symlink_to(Path("..", name))
        plugins = own / "plugins"
        if plugins.is_symlink():
            plugins.unlink()
        elif plugins.exists():
            shutil.rmtree(plugins)
    except FileExistsError:
        pass  # another run makes the same at this moment
    except OSError as error:
        raise UnavailableError(
            f"the engine's home {own} cannot be written ({error.strerror or error})",
            remedy=f"make it writable for you, or name another one by {HOME}",
        ) from error
    return own

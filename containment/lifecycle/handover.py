"""What a command did itself before it started the engine, handed to that engine's provider alone.

``containment up`` contains first and lets the engine catch up. What it read before it changed
anything was *seen* live, by the same program with the same credentials a moment ago; were it
forgotten, the engine's provider would find a contained principal of which no state knows how it
was. So the states of the resources go into a file for its owner alone, in a folder of the run, and
the engine's environment has its SHA-256: a file that was put there by anybody else, or altered, is
not that one. A random number in it keeps the hash from being known before.

What is handed over decides nothing by itself. Each resource is looked at live, and is taken over
only where it carries just what was handed over; else it is contained as without.

Where it is all that the run declares, the engine may write its state once, at its end, and not
twice for each resource, which takes time by the square of their number: the ledger has had all of
it on disk since before the first change, so that a run which dies loses nothing that the next one
does not find there.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import stat
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from containment.lifecycle.wire import Inputs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from containment.lifecycle.action import Action

VARIABLE = "CONTAINMENT_HANDOVER"
_LARGEST = 64 << 20
St = TypeVar("St", bound=Inputs)


@dataclass(frozen=True, slots=True)
class Handover:
    """The states that were handed over, by the word of the resource and the principal's ARN.

    *is_whole* where they are all that the run declares, each of them on record.
    """

    states: Mapping[tuple[str, str], Mapping[str, Any]] = field(
        default_factory=dict[tuple[str, str], "Mapping[str, Any]"]
    )
    is_whole: bool = False

    @classmethod
    def named_in(cls, environ: Mapping[str, str]) -> Handover:
        """Return what the file that *environ* names holds; nothing where it is not that file."""
        digest, _, name = environ.get(VARIABLE, "").partition(" ")
        if not name:
            return cls()
        try:
            content = _read(Path(name))
        except OSError:
            return cls()
        if not hmac.compare_digest(sha256(content).hexdigest(), digest):
            return cls()
        document = json.loads(content)
        states = {
            (row["resource"], row["state"]["principal"]): row["state"] for row in document["states"]
        }
        return cls(states, is_whole=document["whole"])

    def state(self, action: type[Action[Any, St]], principal: str) -> St | None:
        """Return the state of the resource of *action* that holds *principal*, if it is there."""
        values = self.states.get((action.resource, principal))
        try:
            return None if values is None else action.state_type.model_validate(values)
        except ValidationError:
            return None


def hand_over(
    folder: Path, states: Iterable[tuple[str, Inputs]], *, is_whole: bool = False
) -> dict[str, str]:
    """Write *states*, each with its resource's word, into *folder*; return what names the file.

    With *is_whole* they are all that the run declares, and each is on record.
    """
    rows = [
        {"resource": resource, "state": state.model_dump(mode="json", by_alias=True)}
        for resource, state in states
    ]
    document = json.dumps({"nonce": secrets.token_hex(16), "states": rows, "whole": is_whole})
    content = document.encode()
    path = folder / "handover.json"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "wb") as opened:
        opened.write(content)
    return {VARIABLE: f"{sha256(content).hexdigest()} {path}"}


def _read(path: Path) -> bytes:
    """Return what is in *path*, a file that nobody but this user can have written or read.

    Raises:
        OSError: it is none.
    """
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(file, "rb") as opened:
        status = os.fstat(file)
        own = status.st_uid == os.geteuid() and status.st_nlink == 1
        if not (stat.S_ISREG(status.st_mode) and own) or status.st_mode & 0o077:
            raise PermissionError(path)
        return opened.read(_LARGEST)

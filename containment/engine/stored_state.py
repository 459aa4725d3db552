"""Read a stack's state as data, and name whatever in it is not ours.

The state names what the engine starts: every provider and every resource type in it is a program
that runs with the responder's credentials. So it is read here first, as Go's JSON decoder would
read it: member names that differ in case alone, and repeated ones, mean something else to that
decoder than to ours, so a state that has them cannot be read. Nothing here starts anything.

Sources: Pulumi v3.259, ``sdk/go/common/apitype/core.go`` (the format), ``backend/diy/state.go``
(which file counts); Go, package ``encoding/json``, "Unmarshal".
"""

from __future__ import annotations

import gzip
import io
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from containment.text import breaks_engine, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

PROJECT = "containment"
STACK_TYPE = "pulumi:pulumi:Stack"
PROVIDER_TYPE = f"pulumi:providers:{PROJECT}"
_OWN_TYPE = re.compile(rf"{PROJECT}:index:[A-Z][A-Za-z]*")
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_LARGEST = 1 << 30
_DEEPEST = 200
_SHOWN = 3

# An object with this key is not plain data for the engine: an asset that it would read from a file
# or fetch, a reference to another resource. A secret alone is data.
_SIGN = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"

_TOP = ("version", "features", "checkpoint", "deployment")
_CHECKPOINT = ("stack", "config", "latest")
_DEPLOYMENT = (
    *("manifest", "secrets_providers", "resources", "pending_operations", "metadata"),
    *("snippets", "extensions"),
)
_OPERATION = ("resource", "type")
_OF_THE_SERVICE = ("url", "owner", "project", "stack", "insecure")
_RESOURCE = (
    *("urn", "custom", "delete", "id", "type", "inputs", "outputs", "parent", "protect", "taint"),
    *("external", "dependencies", "initErrors", "provider", "propertyDependencies"),
    *("pendingReplacement", "additionalSecretOutputs", "aliases", "customTimeouts", "importID"),
    *("retainOnDelete", "deletedWith", "replaceWith", "created", "modified", "sourcePosition"),
    *("stackTrace", "ignoreChanges", "hideDiff", "replaceOnChanges", "replacementTrigger"),
    *("refreshBeforeUpdate", "viewOf", "resourceHooks", "extensionRef", "snippetID"),
)
# What the engine runs, or does in place of a lift, because a resource's entry says so. This
# project's program sets none of them.
_MEANS = {
    "viewOf": "is a view of another resource",
    "resourceHooks": "has hooks, which are programs",
    "extensionRef": "names a provider extension",
    "snippetID": "comes from a snippet, which is a program",
    "retainOnDelete": "is to be forgotten without a lift",
    "deletedWith": "is to be forgotten without a lift",
    "pendingReplacement": "is to be forgotten without a lift",
    "external": "is to be read and never lifted",
    "aliases": "goes by other names",
}
# What makes a provider another program than the one that Pulumi.yaml names.
_OF_A_PROVIDER = ("pluginDownloadURL", "pluginChecksums", "parameterization")


class UnreadableStateError(Exception):
    """The state is not one that the engine writes, or this version cannot tell what it means."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """Something in a state that is not this project's: where it is, and what is wrong with it."""

    where: str
    what: str

    def __str__(self) -> str:
        """Return both for people."""
        return f"{self.where} {self.what}"


def _nobody() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Keepers:
    """Who may be asked to decrypt what is secret in a state; nobody if not said.

    Attributes:
        key: returns the URL of the key that the project's profile names, if it names one.
        service: the URL of the backend that the state is in, where that is Pulumi's service.
    """

    key: Callable[[], str] = _nobody
    service: str = ""


def strangers(written: bytes, stack: str, keepers: Keepers | None = None) -> tuple[Stranger, ...]:
    """Return what the state *written* of *stack* holds that is not ours; nothing where all is.

    Args:
        written: a checkpoint as a backend keeps it (plain or gzip), or an exported deployment.
        stack: the stack whose state it is.
        keepers: who may be asked to decrypt what is secret in it.

    Raises:
        UnreadableStateError: nobody can tell what the engine would make of it.
    """
    deployment = deployment_of(written)
    if deployment is None:
        return ()
    return (*_of_secrets(deployment, keepers or Keepers()), *_strangers(deployment, stack))


def deployment_of(written: bytes) -> dict[str, Any] | None:
    """Return what the state *written* holds, as the engine reads it; None where that is nothing.

    Raises:
        UnreadableStateError: nobody can tell what the engine would make of it.
    """
    top = _object(_parsed(_plain(written)), _TOP, "the state")
    if top.get("version") not in (3, 4) or isinstance(top["version"], bool):
        raise UnreadableStateError(f"its format is {top.get('version')!r} and not 3 or 4")
    if "deployment" in top:
        latest = top["deployment"]
    else:
        latest = _object(top.get("checkpoint"), _CHECKPOINT, "its checkpoint").get("latest")
    return None if latest is None else _object(latest, _DEPLOYMENT, "its deployment")


def listed(strangers: Iterable[Stranger]) -> str:
    """Return *strangers* for people, the first few of many."""
    texts = [str(item) for item in strangers]
    more = f"; and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return "; ".join(texts[:_SHOWN]) + more


def _of_secrets(deployment: Mapping[str, Any], keepers: Keepers) -> Iterator[Stranger]:
    """Yield a service that nobody named for it: it would be called by the responder.

    The engine has the data key decrypted there before anything else, wherever the URL leads
    (``pkg/secrets/cloud/manager.go``); Pulumi's service gets the token that is kept for the URL
    (``pkg/secrets/service/manager.go``).
    """
    where = "its secrets provider"
    members = _object(deployment.get("secrets_providers") or {}, ("type", "state"), where)
    kind = members.get("type")
    if kind in {None, "", "passphrase", "b64"}:
        return
    members_of_state = {"cloud": ("url", "encryptedkey"), "service": _OF_THE_SERVICE}.get(str(kind))
    if members_of_state is None:
        yield Stranger(where, f"is of the type {_quoted(kind)}, which is not known")
        return
    state = _object(members.get("state"), members_of_state, f"{where}'s state")
    url, is_service = state.get("url"), kind == "service"
    allowed = keepers.service if is_service else keepers.key()
    if not allowed or url != allowed or state.get("insecure"):
        whose = "the state's backend is" if is_service else "'secrets' in containment.yaml is"
        named = _quoted(allowed) if allowed else ("no such service" if is_service else "not set")
        insecure = ", without TLS" if state.get("insecure") else ""
        yield Stranger(where, f"is {_quoted(url)}{insecure}, and {whose} {named}")


def _strangers(deployment: Mapping[str, Any], stack: str) -> Iterator[Stranger]:
    for name, what in (("snippets", "are programs"), ("extensions", "name providers")):
        if deployment.get(name):
            yield Stranger(f"{name} in the state", what)
    for item in _list(deployment.get("resources"), "its resources"):
        yield from _resource_strangers(_object(item, _RESOURCE, "a resource"), stack)
    for item in _list(deployment.get("pending_operations"), "its pending operations"):
        operation = _object(item, _OPERATION, "a pending operation")
        yield from _resource_strangers(
            _object(operation.get("resource"), _RESOURCE, "a resource"), stack
        )


def _resource_strangers(item: Mapping[str, Any], stack: str) -> Iterator[Stranger]:
    """Yield what is wrong with one resource; one thing is enough to refuse it."""
    urn, kind = str(item.get("urn") or ""), item.get("type")
    where = _quoted(urn) if urn else "a resource without a name"
    strange = _strange_type(urn, kind, stack)
    if strange:
        yield Stranger(where, strange)
        return
    yield from (Stranger(where, what) for name, what in _MEANS.items() if item.get(name))
    if kind == STACK_TYPE:
        if item.get("custom") or item.get("provider"):
            yield Stranger(where, "has a provider, and a stack has none")
    elif item.get("custom") is not True:
        yield Stranger(where, "has no provider")
    elif kind == PROVIDER_TYPE:
        yield from _of_provider(item, where)
    elif not _is_provider(item.get("provider"), stack):
        yield Stranger(where, f"has the provider {_quoted(item.get('provider'))}, not this one's")
    if breaks_engine(item):
        yield Stranger(where, "holds text that breaks off the engine where it is shown")
    for name in ("inputs", "outputs"):
        if _special(item.get(name), 0):
            yield Stranger(where, f"holds a file or a reference in its {name}, which no state does")


def _strange_type(urn: str, kind: object, stack: str) -> str | None:
    """Return what is strange about the type of the resource *urn*, which names it again."""
    if not isinstance(kind, str) or not _is_ours(kind):
        return f"has the type {_quoted(kind)}, which is not of this project"
    parts = urn.split("::", 3)
    chain = parts[2].split("$") if len(parts) > 3 else []  # noqa: PLR2004 -- urn::project::type::name
    if not chain or parts[:2] != [f"urn:pulumi:{stack}", PROJECT] or chain[-1] != kind:
        return f"is no {kind} of stack {stack}"
    if not all(_is_ours(part) for part in chain):
        return "belongs to a resource that is not of this project"
    return None


def _of_provider(item: Mapping[str, Any], where: str) -> Iterator[Stranger]:
    if item.get("provider"):
        yield Stranger(where, "is a provider that comes from another one")
    for name in ("inputs", "outputs"):
        values = item.get(name) or {}
        if not isinstance(values, dict):
            raise UnreadableStateError(f"the {name} of {where} are no object")
        if values.get("__internal"):
            yield Stranger(where, f"says what to start in its {name} (__internal)")
        for setting in _OF_A_PROVIDER:
            if values.get(setting):
                yield Stranger(where, f"says what to start in its {name} ({setting})")


def _is_ours(kind: str) -> bool:
    return kind in {STACK_TYPE, PROVIDER_TYPE} or _OWN_TYPE.fullmatch(kind) is not None


def _is_provider(reference: object, stack: str) -> bool:
    return isinstance(reference, str) and reference.startswith(
        f"urn:pulumi:{stack}::{PROJECT}::{PROVIDER_TYPE}::"
    )


def _special(value: object, depth: int) -> bool:
    if depth > _DEEPEST:
        raise UnreadableStateError("it is nested too deeply")
    if isinstance(value, dict):
        if value.get(_SIGN, _SECRET) != _SECRET:
            return True
        return any(_special(item, depth + 1) for item in value.values())
    if isinstance(value, list):
        return any(_special(item, depth + 1) for item in value)
    return False


def _plain(written: bytes) -> bytes:
    if written.startswith(_ZSTD):
        raise UnreadableStateError("it is compressed with zstd")
    if not written.startswith(_GZIP):
        return written
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(written)) as packed:
            content = packed.read(_LARGEST + 1)
    except (OSError, EOFError) as error:
        raise UnreadableStateError(f"it is no whole gzip file ({error})") from None
    if len(content) > _LARGEST:
        raise UnreadableStateError("it is larger than 1 GiB")
    return content


def _parsed(content: bytes) -> object:
    try:
        return json.loads(
            content.decode("utf-8"), object_pairs_hook=_members, parse_constant=_constant
        )
    except UnreadableStateError:
        raise
    except (ValueError, RecursionError):
        raise UnreadableStateError("it is no JSON") from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise UnreadableStateError("an object in it has a member twice")
    return members


def _constant(name: str) -> object:
    raise UnreadableStateError(f"it holds {name}, which is no JSON")


def _object(value: object, names: tuple[str, ...], what: str) -> dict[str, Any]:
    """Return *value* as an object whose members Go's decoder reads as we do."""
    if not isinstance(value, dict):
        raise UnreadableStateError(f"{what} is no object")
    folded = {_folded(name) for name in names}
    for name in value:
        if name not in names and _folded(name) in folded:
            raise UnreadableStateError(f"{what} has a member {_quoted(name)}")
    return value


def _list(value: object, what: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise UnreadableStateError(f"{what} are no list")
    return value


def _folded(name: str) -> str:
    # Go folds these two letters as well; casefold does so for the second alone.
    return name.replace("\u017f", "s").replace("\u212a", "k").casefold()


def _quoted(value: object) -> str:
    """Return what somebody else wrote, short and on one line."""
    return plain(value)[:200]

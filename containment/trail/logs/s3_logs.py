"""Bring CloudTrail log objects from S3 to this machine, only those that can matter.

Keys come in order and begin with account, Region and day of delivery, so that of each Region only
the days from T0 on are listed, however old the trail. A key may hold anything, and whoever writes
to the bucket chooses it: each key and content has a file of its own, and what comes is held to the
ETag and size that were listed.

Source: CloudTrail User Guide, "Finding your CloudTrail log files"; S3 API reference,
"ListObjectsV2" (StartAfter, Delimiter) and "GetObject" (IfMatch); S3 User Guide, "Naming Amazon S3
objects" (a key is a sequence of characters, not a path).
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import tempfile
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from containment.errors import AccessError, NotFoundError, SpecError, UnavailableError
from containment.trail.logs.files import FileReport, is_digest, since_day, too_early

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_URL = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/?(?P<prefix>.*)", re.DOTALL)
# Above the Regions: AWSLogs/, o-…/, the account, CloudTrail/; a Region; what need not be listed.
_ABOVE = re.compile(r"(?:.*/)?(?:AWSLogs|o-[a-z0-9]+|\d{12}|CloudTrail)/")
_REGION = re.compile(r"(?:.*/)?\d{12}/CloudTrail/[a-z0-9-]+/")
_OTHER = re.compile(r"(?:.*/)?CloudTrail-(?:Digest|Insight)/")
_AT_ONCE = 16
_LARGEST = 1 << 30
_PIECE = 1 << 20
_CHANGED = "changed between listing and reading: trace again"
_LONGEST_NAME = 180  # of a folder or file; file systems take 255 bytes, and more is added
# Nothing more can be written here; any other fault is one of a single object.
_NO_ROOM = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO}
)


class Listed(NamedTuple):
    """An object as the listing has it."""

    key: str
    size: int
    etag: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """Where the objects are now, and those that did not come or have changed."""

    folder: Path
    failed: tuple[FileReport, ...]


def is_s3(path: str) -> bool:
    """Tell whether *path* names a prefix in S3."""
    return path.startswith("s3://")


def fetch(
    s3: Any,
    url: str,
    into: Path,
    since: str,
    progress: Callable[[int, int], None] = lambda _count, _total: None,
) -> Fetched:
    """Copy the log objects under *url* that were delivered after *since* to *into*.

    Objects that are there already with the same ETag and size are not fetched again. CloudTrail
    never writes an object twice: one with another content than before is fetched, the earlier
    content is kept beside it, and that is told.

    Raises:
        SpecError: *url* is no s3:// prefix.
        NotFoundError: there is no such bucket, or nothing under the prefix.
        AccessError: the caller may not list it.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise SpecError(
            f"{url!r} names no place in S3", remedy="write it as s3://bucket/prefix/AWSLogs/…"
        )
    bucket, prefix = match["bucket"], match["prefix"]
    objects = [
        listed
        for listed in _listed(s3, bucket, prefix, since)
        if not is_digest(listed.key) and not too_early(listed.key, since)
    ]
    if not objects:
        raise NotFoundError(
            f"no log object under {url} was delivered after {since}",
            remedy="check the prefix: it ends before or at AWSLogs/",
        )
    folder = into / bucket
    failed: list[FileReport] = []

    def get(listed: Listed) -> FileReport | None:
        return _get(s3, bucket, listed, folder)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for count, report in enumerate(pool.map(get, objects), start=1):
            progress(count, len(objects))
            if report is not None:
                failed.append(report)
    return Fetched(folder, tuple(failed))


def _listed(s3: Any, bucket: str, prefix: str, since: str) -> Iterator[Listed]:
    try:
        yield from _from_day(s3.get_paginator("list_objects_v2"), bucket, prefix, since)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code == "NoSuchBucket":
            raise NotFoundError(
                f"there is no bucket {bucket}", remedy="name the bucket the trail delivers to"
            ) from error
        raise AccessError(
            f"s3://{bucket}/{prefix} cannot be listed: {code}",
            remedy="use credentials with s3:ListBucket and s3:GetObject on it",
        ) from error
    except BotoCoreError as error:
        raise AccessError(
            f"s3://{bucket}/{prefix} cannot be listed: {error}",
            remedy="check the credentials (AWS_PROFILE) and the network",
        ) from error


def _from_day(
    pages: Any, bucket: str, prefix: str, since: str, strange: int = 2
) -> Iterator[Listed]:
    """List *prefix*; where it is laid out as CloudTrail does, without the days before *since*.

    *strange* is how many levels without a name of that layout are looked into one by one.
    """
    if _REGION.fullmatch(prefix):
        asked = {"Prefix": prefix, "StartAfter": prefix + since_day(since)}
    elif strange or _ABOVE.fullmatch(prefix):
        asked = {"Prefix": prefix, "Delimiter": "/"}
        strange -= not _ABOVE.fullmatch(prefix)
    else:
        asked = {"Prefix": prefix}
    for page in pages.paginate(Bucket=bucket, **asked):
        for item in page.get("Contents", ()):
            yield Listed(item["Key"], item["Size"], item.get("ETag", ""))
        for folder in page.get("CommonPrefixes", ()):
            if not _OTHER.fullmatch(folder["Prefix"]):
                yield from _from_day(pages, bucket, folder["Prefix"], since, strange)


def _get(s3: Any, bucket: str, listed: Listed, folder: Path) -> FileReport | None:
    name = f"s3://{bucket}/{listed.key}"
    if listed.size > _LARGEST:
        return FileReport(name, "too_large", f"{listed.size:,} bytes", size=listed.size)
    path = folder / _place(listed)
    fault, changed = "", False
    try:
        if listed.etag and path.exists() and path.stat().st_size == listed.size:
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        fault = _copy(s3, bucket, listed, path, folder.parent)
        same_key = path.parents[1].glob(f"{_digest(listed.key)}*")
        changed = any(one != path.parent for one in same_key)
    except (ClientError, BotoCoreError) as error:
        fault = _refusal(error)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise UnavailableError(
                f"{path} cannot be written: {error.strerror}",
                remedy="free some room, or use --index",
            ) from error
        fault = f"it cannot be kept here: {error.strerror}"
    if fault:
        return FileReport(name, "unreadable", fault)
    if changed:
        return FileReport(name, "partly_read", "it has another content than before; both are read")
    return None


def _refusal(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        if code in {"PreconditionFailed", "412", "NoSuchKey"}:
            return _CHANGED
    return f"GetObject: {error}"


def _copy(s3: Any, bucket: str, listed: Listed, path: Path, beside: Path) -> str:
    """Bring the object to *path*, whole and as it was listed; return what is wrong with it."""
    match = {"IfMatch": listed.etag} if listed.etag else {}
    answer = s3.get_object(Bucket=bucket, Key=listed.key, **match)
    if answer.get("ETag", listed.etag) != listed.etag:
        return _CHANGED
    # Beside the folder, not in it: what is left behind of it must not be taken for a log.
    number, draft = tempfile.mkstemp(dir=beside, prefix=".fetched-")
    try:
        size = 0
        with os.fdopen(number, "wb") as file:
            while size <= listed.size and (piece := answer["Body"].read(_PIECE)):
                size += len(piece)
                file.write(piece)
        if size < listed.size:
            return f"it came with {listed.size - size:,} bytes fewer than were listed"
        if size > listed.size:
            return "it came with more bytes than were listed"
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)
    return ""


def _place(listed: Listed) -> Path:
    """Return where an object is kept: readable, and its own by the digest of its key.

    No escaping makes two keys two files on every file system: some ignore case, some write accents
    in another way, all have a longest name.
    """
    *above, name = (_as_name(part) for part in listed.key.split("/"))
    return Path(*above, f"{_digest(listed.key)}{_as_name(listed.etag)}", name)


def _digest(key: str) -> str:
    return "@" + hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()[:32] + "-"


def _as_name(part: str) -> str:
    """Return *part* of a key as a name without a meaning to a file system; its end is kept."""
    quoted = urllib.parse.quote(part.strip('"'), safe="", errors="backslashreplace")
    return (quoted if quoted.strip(".") else quoted.replace(".", "%2E") or "%")[-_LONGEST_NAME:]

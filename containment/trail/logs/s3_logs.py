"""Bring CloudTrail log objects from S3 to this machine, only those that can matter.

Keys come in order and begin with account, Region and day of delivery, so that of each Region only
the days from T0 on are listed, however old the trail.

Source: CloudTrail User Guide, "Finding your CloudTrail log files"; S3 API reference,
"ListObjectsV2" (StartAfter, Delimiter).
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
# Nothing more can be written; any other fault is one of the key that somebody chose.
_NO_ROOM = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO}
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """Where the objects are now, and those that did not come."""

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
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Fetched:
    """Copy the log objects under *url* that were delivered after *since* to *into*.

    Objects that are there already with the same size are not fetched again: CloudTrail never
    writes an object twice.

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
    wanted = [
        (key, size)
        for key, size in _listed(s3, bucket, prefix, since)
        if not is_digest(key) and not too_early(key, since)
    ]
    if not wanted:
        raise NotFoundError(
            f"no log object under {url} was delivered after {since}",
            remedy="check the prefix: it ends before or at AWSLogs/",
        )
    folder = into / bucket
    failed: list[FileReport] = []

    def get(item: tuple[str, int]) -> FileReport | None:
        return _get(s3, bucket, item, folder)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for done, report in enumerate(pool.map(get, wanted), start=1):
            progress(done, len(wanted))
            if report is not None:
                failed.append(report)
    return Fetched(folder, tuple(failed))


def _listed(s3: Any, bucket: str, prefix: str, since: str) -> Iterator[tuple[str, int]]:
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
) -> Iterator[tuple[str, int]]:
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
            yield item["Key"], item["Size"]
        for folder in page.get("CommonPrefixes", ()):
            if not _OTHER.fullmatch(folder["Prefix"]):
                yield from _from_day(pages, bucket, folder["Prefix"], since, strange)


def _get(s3: Any, bucket: str, item: tuple[str, int], folder: Path) -> FileReport | None:
    key, size = item
    name = f"s3://{bucket}/{key}"
    if size > _LARGEST:
        return FileReport(name, "too_large", f"{size:,} bytes", size=size)
    parts = [part for part in key.split("/") if part]
    # A key may hold what a file name must not; whoever wrote it does not choose our paths.
    if not parts or any(part in (".", "..") or "\0" in part for part in parts):
        return FileReport(name, "unreadable", "its key is no path")
    path = folder.joinpath(*parts)
    try:
        if path.exists() and path.stat().st_size == size:
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        body = s3.get_object(Bucket=bucket, Key=key)["Body"]
        # Beside the folder, not in it: what is left behind of it must not be taken for a log.
        number, draft = tempfile.mkstemp(dir=folder.parent, prefix=".fetched-")
        try:
            with os.fdopen(number, "wb") as file:
                shutil.copyfileobj(body, file, _PIECE)
            Path(draft).replace(path)
        finally:
            Path(draft).unlink(missing_ok=True)
    except (ClientError, BotoCoreError) as error:
        return FileReport(name, "unreadable", f"GetObject: {error}")
    except OSError as error:
        if error.errno not in _NO_ROOM:
            return FileReport(name, "unreadable", f"its key is no path here: {error.strerror}")
        raise UnavailableError(
            f"{path} cannot be written: {error.strerror}", remedy="free some room, or use --index"
        ) from error
    return None

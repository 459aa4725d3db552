"""Bring CloudTrail log objects from S3 to this machine, only those that can matter.

Source: CloudTrail User Guide, "Finding your CloudTrail log files"; S3 API reference,
"ListObjectsV2" (keys come in order, so a day of one Region is a prefix of its own).
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from containment.errors import AccessError, NotFoundError, SpecError, UnavailableError
from containment.trail.files import FileReport, is_digest, too_early

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_URL = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/?(?P<prefix>.*)", re.DOTALL)
_AT_ONCE = 16
_LARGEST = 1 << 30


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
        for key, size in _listed(s3, bucket, prefix)
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


def _listed(s3: Any, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", ()):
                yield item["Key"], item["Size"]
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
        content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        draft = path.with_name(path.name + ".part")
        draft.write_bytes(content)
        draft.replace(path)
    except (ClientError, BotoCoreError) as error:
        return FileReport(name, "unreadable", f"GetObject: {error}")
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be written: {error.strerror}", remedy="free some room, or use --index"
        ) from error
    return None

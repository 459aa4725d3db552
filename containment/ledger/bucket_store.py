"""A chain (a ledger, a record) in an S3 bucket: one object an entry, put only where none is yet.

``If-None-Match: *`` makes the sequence: of two writers one is told 412 and goes on behind the
other. With object lock nobody can delete an entry's first version before its time, so the first
version is the one that counts, whatever was put over it or whichever delete marker hides it.

Sources: Amazon S3 User Guide, "How to prevent object overwrites with conditional writes", "Locking
objects with Object Lock" and "Required permissions for Amazon S3 API operations".
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.bucket import bucket_client
from containment.aws.faults import code
from containment.clock import utc_now
from containment.ledger import chain
from containment.ledger.chain import Head
from containment.ledger.store import LEDGER, LedgerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

_TAKEN = frozenset({"PreconditionFailed", "412"})
_AT_ONCE = frozenset({"ConditionalRequestConflict", "409"})
_UNLOCKED = frozenset({"InvalidRequest", "ObjectLockConfigurationNotFoundError"})
_MOST_TRIES = 1000
_READERS = 8


@dataclass(slots=True)
class _Object:
    """An entry's object: its first version, and how often something was put over it."""

    key: str
    version: str
    later: int = 0


@dataclass(slots=True)
class BucketStore:
    """The ledger under *prefix* in *bucket*, one object an entry.

    Attributes:
        on_entries: the S3 actions that it calls on its objects, all of them and no others.
        to_lock: what is called on them as well where entries are locked.
        on_listing: what lists the versions under its prefix.
        on_bucket: what is called on the bucket.
    """

    on_entries: ClassVar[frozenset[str]] = frozenset(
        {"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"}
    )
    to_lock: ClassVar[frozenset[str]] = frozenset({"s3:PutObjectRetention"})
    on_listing: ClassVar[frozenset[str]] = frozenset({"s3:ListBucketVersions"})
    on_bucket: ClassVar[frozenset[str]] = frozenset({"s3:GetBucketObjectLockConfiguration"})

    bucket: str
    prefix: str
    mode: str | None = None
    days: int | None = None
    noun: str = LEDGER
    _client: Any = None
    _head: Head | None = None
    _lockable: bool = True
    _read: dict[tuple[str, str], bytes] = field(default_factory=dict[tuple[str, str], bytes])
    _altered: tuple[str, ...] = ()
    _mutex: Any = field(default_factory=Lock)

    def __post_init__(self) -> None:
        """Make the client now and not when it is first needed: a deny may not wait that long."""
        with suppress(BotoCoreError):
            self._client = bucket_client()

    @property
    def location(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def lines(self) -> Sequence[bytes] | None:
        with self._mutex, self._explained("read"):
            objects = self._objects()
            self._altered = tuple(item.key for item in objects if item.later)
            return self._bodies(objects) if objects else None

    def append(self, make: Callable[[Head], bytes]) -> Head:
        with self._mutex, self._explained("written"):
            head = self._head or self._end()
            for _ in range(_MOST_TRIES):
                written = make(head)
                taken = self._put(self._key(head.length + 1), written)
                head = chain.following(head, written if taken is None else taken)
                self._head = head
                if taken is None:
                    return head
            raise LedgerUnavailableError(
                f"the {self.noun} {self.location} is written by too many at once",
                remedy="try again",
            )

    def concerns(self) -> list[str]:
        with self._mutex, self._explained("read"):
            concerns = [
                f"{key} was overwritten or hidden; its first version counts"
                for key in self._altered
            ]
            return concerns + self._unlocked()

    def locked(self) -> bool:
        """Tell whether every entry is locked as it is put, in a bucket that can."""
        if not self.mode:
            return False
        with self._mutex, self._explained("read"):
            return not self._unlocked()

    def _unlocked(self) -> list[str]:
        cut = "whoever may delete its objects can take entries out"
        try:
            answer = self._s3().get_object_lock_configuration(Bucket=self.bucket)
        except ClientError as error:
            if code(error) == "ObjectLockConfigurationNotFoundError":
                return [f"the bucket {self.bucket} has no object lock: {cut}"]
            return [f"nobody can tell whether {self.bucket} has object lock ({code(error)})"]
        configuration = answer.get("ObjectLockConfiguration") or {}
        if configuration.get("ObjectLockEnabled") != "Enabled":
            return [f"the bucket {self.bucket} has no object lock: {cut}"]
        if self.mode or configuration.get("Rule"):
            return []
        settings = "object_lock and retention_days in containment.yaml"
        return [f"no retention is set for the entries in {self.bucket}: {cut} (set {settings})"]

    def _put(self, key: str, written: bytes) -> bytes | None:
        """Put an entry; return what is there where somebody was faster."""
        lock: dict[str, Any] = {}
        if self.mode and self._lockable:
            until = utc_now() + timedelta(days=self.days or 1)
            lock = {"ObjectLockMode": self.mode, "ObjectLockRetainUntilDate": until}
        try:
            self._s3().put_object(
                Bucket=self.bucket,
                Key=key,
                Body=written,
                ContentType="application/json",
                IfNoneMatch="*",
                **lock,
            )
        except ClientError as error:
            error_code = code(error)
            if error_code in _TAKEN:
                return self._body(key, None)
            if error_code in _AT_ONCE:
                return self._put(key, written)
            if lock and error_code in _UNLOCKED:
                self._lockable = False  # an entry without a lock is better than none
                return self._put(key, written)
            raise
        return None

    def _end(self) -> Head:
        objects = self._objects()
        if not objects:
            return Head()
        last = objects[-1]
        number = int(last.key.rpartition("/")[2].removesuffix(".json"))
        return chain.following(Head(number - 1), self._body(last.key, last.version))

    def _objects(self) -> list[_Object]:
        objects: dict[str, _Object] = {}
        pages = (
            self._s3()
            .get_paginator("list_object_versions")
            .paginate(Bucket=self.bucket, Prefix=f"{self.prefix}/")
        )
        hidden: set[str] = set()
        for page in pages:
            # The newest version of a key is listed first, so the last one is the first there was.
            for item in page.get("Versions", ()):
                key = str(item["Key"])
                later = objects[key].later + 1 if key in objects else 0
                objects[key] = _Object(key, str(item["VersionId"]), later)
            hidden |= {str(item["Key"]) for item in page.get("DeleteMarkers", ())}
        for key in hidden & objects.keys():
            objects[key].later += 1
        named = [key for key in objects if self._is_entry(key)]
        return [objects[key] for key in sorted(named)]

    def _bodies(self, objects: Sequence[_Object]) -> list[bytes]:
        keys, versions = [item.key for item in objects], [item.version for item in objects]
        with ThreadPoolExecutor(max_workers=_READERS) as pool:
            return list(pool.map(self._body, keys, versions))

    def _body(self, key: str, version: str | None) -> bytes:
        cached = self._read.get((key, version or ""))
        if cached is not None:
            return cached
        chosen = {"VersionId": version} if version else {}
        body: bytes = self._s3().get_object(Bucket=self.bucket, Key=key, **chosen)["Body"].read()
        self._read[key, version or ""] = body
        return body

    def _is_entry(self, key: str) -> bool:
        name = key.removeprefix(f"{self.prefix}/")
        return name.endswith(".json") and name.removesuffix(".json").isdecimal()

    def _key(self, number: int) -> str:
        return f"{self.prefix}/{number:08d}.json"

    def _s3(self) -> Any:
        if self._client is None:
            self._client = bucket_client()
        return self._client

    @contextmanager
    def _explained(self, deed: str) -> Generator[None]:
        """Say in one sentence what AWS says against it."""
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            raise LedgerUnavailableError(
                f"the {self.noun} {self.location} cannot be {deed} ({code(error) or error})",
                remedy="check the bucket and the credentials' rights on it, or name"
                " another 'ledger' in containment.yaml",
            ) from error

"""Where an incident's ledger is: a file in the project's folder, unless the settings say else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from containment.errors import SpecError
from containment.ledger.file_store import FileStore
from containment.ledger.store import Nowhere

if TYPE_CHECKING:
    from collections.abc import Mapping

    from containment.ledger.store import Store

DEFAULT = "ledger"
# The provider's settings, as they are called in a stack's configuration.
PLACE, LOCK, DAYS = "ledger", "ledgerObjectLock", "ledgerRetentionDays"
_SUFFIX = ".jsonl"
_BUCKET = "s3://"
_MODES = ("GOVERNANCE", "COMPLIANCE")


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """Where ledgers are kept and, in a bucket, how long nobody may delete an entry."""

    place: str = DEFAULT
    object_lock: str | None = None
    retention_days: int | None = None

    @property
    def in_bucket(self) -> bool:
        """True where the place is a bucket."""
        return self.place.startswith(_BUCKET)

    @property
    def bucket(self) -> str:
        """The bucket's name, where the place is one."""
        return self.place.removeprefix(_BUCKET).partition("/")[0]

    @property
    def prefix(self) -> str:
        """What stands before the incident's name in the keys of a bucket's entries, if anything."""
        return self.place.removeprefix(_BUCKET).partition("/")[2].strip("/")


def settings_of(values: Mapping[str, object]) -> LedgerSettings:
    """Return what a stack's configuration says of the ledger.

    Raises:
        SpecError: a setting cannot be used; names it.
    """
    place = str(values.get(PLACE) or DEFAULT)
    mode, days = values.get(LOCK), values.get(DAYS)
    if place.startswith(_BUCKET) and not place.removeprefix(_BUCKET).split("/")[0]:
        raise SpecError(f"{PLACE}: {place!r} names no bucket", remedy="write s3://BUCKET/PREFIX")
    if "://" in place and not place.startswith(_BUCKET):
        raise SpecError(
            f"{PLACE}: {place!r} is no place for a ledger", remedy="write a path or s3://BUCKET/…"
        )
    if (mode or days) and not place.startswith(_BUCKET):
        raise SpecError(
            f"{LOCK} and {DAYS} are for a ledger in a bucket, and {PLACE} is {place!r}",
            remedy="leave them out, or write s3://BUCKET/PREFIX",
        )
    if bool(mode) != bool(days):
        raise SpecError(f"{LOCK} and {DAYS} go together", remedy="set both, or neither")
    if mode and mode not in _MODES:
        raise SpecError(f"{LOCK}: {mode!r} is no mode", remedy=f"write {' or '.join(_MODES)}")
    return LedgerSettings(place, str(mode) if mode else None, _days(days) if days else None)


def open_store(settings: LedgerSettings, directory: Path, incident: str) -> Store:
    """Return the store of *incident*; relative paths are in *directory*.

    What another incident is called stands in a tag, which is the thief's to choose: a name that
    leads elsewhere has no ledger.
    """
    if "/" in incident or incident.startswith("."):
        return Nowhere()
    place = settings.place
    if settings.in_bucket:
        # A bucket costs boto3's model of S3, which a ledger in a file need not wait for.
        from containment.ledger.bucket_store import BucketStore  # noqa: PLC0415

        return BucketStore(
            settings.bucket,
            "/".join(part for part in (settings.prefix, incident) if part),
            mode=settings.object_lock,
            days=settings.retention_days,
        )
    path = Path(place).expanduser()
    shown = place if path.suffix == _SUFFIX else f"{place.rstrip('/')}/{incident}{_SUFFIX}"
    return FileStore(directory / Path(shown).expanduser(), shown)


def _days(text: object) -> int:
    # The engine hands numbers over as floats.
    plain = str(text).removesuffix(".0")
    if not plain.isdecimal() or int(plain) < 1:
        raise SpecError(f"{DAYS}: {text!r} is no number of days", remedy="write 365, for example")
    return int(plain)

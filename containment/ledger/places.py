"""Where an incident's ledger and record are: files of the project, unless the profile says else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from containment.ledger.file_store import FileStore
from containment.ledger.store import LEDGER, Nowhere

if TYPE_CHECKING:
    from containment.ledger.store import Store

DEFAULT = "ledger"
# The provider's settings, as they are called in a stack's configuration.
PLACE, LOCK, DAYS = "ledger", "ledgerObjectLock", "ledgerRetentionDays"
_SUFFIX = ".jsonl"
RECORDS, _RECORD = "incidents", "record"
BUCKET = "s3://"


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """Where ledgers are kept and, in a bucket, how long nobody may delete an entry."""

    place: str = DEFAULT
    object_lock: str | None = None
    retention_days: int | None = None

    @property
    def in_bucket(self) -> bool:
        """True where the place is a bucket."""
        return self.place.startswith(BUCKET)

    @property
    def bucket(self) -> str:
        """The bucket's name, where the place is one."""
        return self.place.removeprefix(BUCKET).partition("/")[0]

    @property
    def prefix(self) -> str:
        """What stands before the incident's name in the keys of a bucket's entries, if anything."""
        return self.place.removeprefix(BUCKET).partition("/")[2].strip("/")


def open_store(settings: LedgerSettings, directory: Path, incident: str) -> Store:
    """Return the store of *incident*; relative paths are in *directory*.

    What another incident is called stands in a tag, which is the attacker's to choose: a name that
    leads elsewhere has no ledger.
    """
    if "/" in incident or incident.startswith("."):
        return Nowhere()
    place = settings.place
    if settings.in_bucket:
        return _in_bucket(settings, LEDGER, incident)
    path = Path(place).expanduser()
    shown = place if path.suffix == _SUFFIX else f"{place.rstrip('/')}/{incident}{_SUFFIX}"
    path = Path(shown).expanduser()
    own = not path.is_absolute() and ".." not in path.parts
    return FileStore(directory / path, shown, within=directory if own else None)


def open_record_store(settings: LedgerSettings, directory: Path, incident: str) -> Store:
    """Return the store of the record of *incident*: in the ledger's bucket, where it is in one.

    Else it is a file of the project in *directory*, wherever the ledger's file is.
    """
    if settings.in_bucket:
        return _in_bucket(settings, _RECORD, RECORDS, incident, _RECORD)
    below = f"{RECORDS}/{incident}/{_RECORD}{_SUFFIX}"
    return FileStore(directory / below, below, within=directory, noun=_RECORD)


def _in_bucket(settings: LedgerSettings, noun: str, *below: str) -> Store:
    # A bucket costs boto3's model of S3, which a chain in a file need not wait for.
    from containment.ledger.bucket_store import BucketStore  # noqa: PLC0415

    return BucketStore(
        settings.bucket,
        "/".join(part for part in (settings.prefix, *below) if part),
        mode=settings.object_lock,
        days=settings.retention_days,
        noun=noun,
    )

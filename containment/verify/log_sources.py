"""Where verification takes CloudTrail's records from: files, or CloudTrail's event history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from containment.clock import isoformat
from containment.trail.logs.lookup import lookup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from containment.trail.logs.files import FileReport

# CloudTrail API Reference, LookupEvents: two calls a second in an account and Region.
_PAUSE_S = 0.5
# What is older than this has come.
_LATE = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Brought:
    """What a source brings: files to read, and what it could not bring."""

    paths: tuple[str, ...]
    unread: tuple[FileReport, ...] = ()


class LogSource(Protocol):
    """Brings records here, as often as it is asked."""

    @property
    def asked(self) -> bool:
        """Whether it answers for every moment, so that no record means that there is none."""
        ...

    @property
    def regions(self) -> Sequence[str]:
        """The Regions whose records are to be there; none where they could not be listed."""
        ...

    def bring(self, since: datetime, settled: datetime) -> Brought:
        """Return the records from *since* on; those around *settled* and later come anew."""
        ...


@dataclass(frozen=True, slots=True)
class LogFiles:
    """CloudTrail logs in files and folders, and what else *fetch* brings into one."""

    regions: Sequence[str]
    fetch: Callable[[], Brought]
    asked: bool = False

    def bring(self, since: datetime, settled: datetime) -> Brought:
        """Return all of them: they are read anew each time."""
        del since, settled
        return self.fetch()


@dataclass(slots=True)
class EventHistory:
    """LookupEvents in every enabled Region: management events of the last 90 days.

    What lies well before *settled* is asked for once, the rest each time: records come late.
    """

    clients: Mapping[str, Any]
    folder: Path
    pause: Callable[[float], None]
    asked: bool = True
    _before: Brought | None = None

    @property
    def regions(self) -> Sequence[str]:
        """The Regions of the clients."""
        return sorted(self.clients)

    def bring(self, since: datetime, settled: datetime) -> Brought:
        """Ask for the records, a file a Region."""
        parted = settled - _LATE
        if since >= parted:  # AWS takes no end before the beginning
            return self._ask(isoformat(since), "after")
        if self._before is None or self._before.unread:
            self._before = self._ask(isoformat(since), "before", isoformat(parted))
            self.pause(_PAUSE_S)
        after = self._ask(isoformat(parted), "after")
        return Brought((*self._before.paths, *after.paths), (*self._before.unread, *after.unread))

    def _ask(self, since: str, name: str, until: str = "") -> Brought:
        files, failed = lookup(
            self.clients, since, self.folder / name, until=until, pause=self.pause
        )
        # A Region in which nothing happened has an empty file, which is no fault of a log.
        return Brought(tuple(str(path) for path in files if path.stat().st_size), tuple(failed))

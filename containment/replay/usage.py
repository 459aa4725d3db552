"""Who called what, when and from where: counted file by file, and kept for the next question.

Calls that differ in nothing a policy looks at are one row with a list of times, so that any window
can be counted exactly. A call's id is kept as a number, for logs hold records twice.
"""

from __future__ import annotations

import hashlib
from array import array
from typing import TYPE_CHECKING

import msgspec

from containment.trail.facts.scan import stamp_of
from containment.trail.logs import reading
from containment.trail.logs.containers import REQUESTS
from containment.trail.logs.files import FileReport  # noqa: TC001 -- msgspec reads it at run time
from containment.trail.logs.inflate import pack, unpack
from containment.trail.logs.records import identity_fault_shown, loose, text, value_at
from containment.trail.logs.tallies import Tallies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.trail.logs.records import Request

# Another number for another shape of what is kept.
VERSION = b"containment-usage-index 1\n"
ENTERING = frozenset({"AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"})


class Row(msgspec.Struct, array_like=True, gc=False):
    """Calls that no policy tells apart.

    Attributes:
        identity: which identity of the file made them, by its number.
        source: the service's host name.
        name: the event's name.
        region: the Region that was called.
        address: where they came from, as the record has it.
        via_endpoint: whether they came through a VPC endpoint.
        entered: the ARN of the role that was asked for.
        times: when each was made, in seconds since the epoch, four bytes each.
        ids: what tells the same record from another one, eight bytes each.
    """

    identity: int
    source: str
    name: str
    region: str
    address: str
    via_endpoint: bool
    entered: str
    times: bytes
    ids: bytes


class FileUsage(msgspec.Struct, array_like=True, gc=False):
    """What one file holds: identities as they were logged, and their calls that were let through.

    *has_data_events* tells whether calls on what resources hold (objects, functions) are among
    them.
    """

    identities: list[bytes]
    rows: list[Row]
    has_data_events: bool


class UsageEntry(msgspec.Struct, array_like=True, gc=False):
    """One file in the index of usage."""

    report: FileReport
    stamp: tuple[int, int, int]
    packed: bytes

    def usage(self) -> FileUsage:
        """Return what is packed in it."""
        return _usage.decode(unpack(self.packed))


_usage = msgspec.msgpack.Decoder(FileUsage)
_Calls = tuple["array[int]", "array[int]"]


class Counting:
    """The rows of one file, from as many lists of its records as it is read in."""

    def __init__(self) -> None:
        self._identities: dict[bytes, int] = {}
        self._rows: dict[tuple[int, str, str, str, str, bool, str], _Calls] = {}
        self._has_data_events = False
        self.omissions = Tallies()

    def add(self, events: Sequence[Request]) -> None:
        """Count *events*; those that name nobody are left out, and those that were refused."""
        identities, rows = self._identities, self._rows
        for event in events:
            raw = bytes(event.raw_identity)
            identity = identities.get(raw)
            if identity is None:
                fault, shown = identity_fault_shown(raw)
                if fault:
                    self.omissions.count(fault, shown or event.event_name)
                    continue
                identity = identities[raw] = len(identities)
            if event.management_event in {False, "false"}:
                self._has_data_events = True
            if event.error:
                continue
            name, entered = event.event_name, ""
            if name in ENTERING:
                entered = text(value_at(loose(event.request_parameters), "roleArn"))
            key = (
                identity,
                event.event_source or "",
                name,
                event.region or "",
                event.source_ip or "",
                bool(event.vpc_endpoint_id),
                entered,
            )
            calls = rows.get(key)
            if calls is None:
                calls = rows[key] = (array("I"), array("Q"))
            calls[0].append(max(0, int(event.event_time.timestamp())) & 0xFFFFFFFF)
            calls[1].append(_number(event, raw))

    def usage(self) -> FileUsage:
        """Return what has been counted."""
        return FileUsage(
            list(self._identities),
            [Row(*key, times.tobytes(), ids.tobytes()) for key, (times, ids) in self._rows.items()],
            self._has_data_events,
        )


def _number(event: Request, raw: bytes) -> int:
    """Return what tells *event* from another one; what has no id is told by what it says."""
    name = event.event_id or f"{event.time} {event.event_source} {event.event_name} {raw!r}"
    digest = hashlib.blake2b(name.encode("utf-8", "backslashreplace"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def count_files(job: tuple[list[str], int]) -> list[UsageEntry]:
    """Return the entry of each file of *job*: paths, and how large a file may be."""
    paths, largest = job
    entries: list[UsageEntry] = []
    for path in paths:
        stamp = stamp_of(path)
        counting = Counting()
        report = reading.read(path, REQUESTS, counting.add, largest)
        reading.leave_out(report, counting.omissions)
        packed = pack(msgspec.msgpack.encode(counting.usage()))
        entries.append(UsageEntry(report, stamp, packed))
    return entries

"""CloudTrail's records, one pass over them: the calls of whom it is about, and how far logs go.

Source: CloudTrail User Guide, "CloudTrail userIdentity element" (principalId begins with the unique
id of user or role; of a federated user the session issuer is the user).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from containment.trail.facts.fact import Caller, caller_of, failed
from containment.trail.facts.principals import unique_id
from containment.trail.logs import files, reading
from containment.trail.logs.containers import WHOLE
from containment.trail.logs.records import loose, text, value_at

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from containment.trail.logs.files import FileReport
    from containment.trail.logs.records import Event

# An account and a Region, as a record names them.
Place = tuple[str, str]
_ASSUMING = frozenset({"AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"})


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """One call as CloudTrail recorded it.

    Attributes:
        time: when it was made, ``YYYY-MM-DDTHH:MM:SSZ``.
        place: in whose trail, and which Region.
        name: the event's name.
        source: the service's host name.
        event_id: the record's id.
        caller: who made it.
        issuer_arn: the role or user behind a session.
        source_ip: where it came from.
        succeeded: whether AWS let it through and it did not fail.
        error: AWS's code where it failed.
        message: AWS's words where it failed.
        entered: the role that was taken up by it.
        request_id: the id that AWS gave the request.
    """

    time: str
    place: Place
    name: str
    source: str
    event_id: str
    caller: Caller
    issuer_arn: str
    source_ip: str
    succeeded: bool
    error: str = ""
    message: str = ""
    entered: str = ""
    request_id: str = ""

    def __str__(self) -> str:
        """Return the call for people."""
        return f"{self.name} at {self.time} in {self.place[1]}"


@dataclass(frozen=True, slots=True)
class Subjects:
    """Whose calls are kept.

    Attributes:
        unique_ids: of the members.
        arns: of the members, for sessions of federated users and for roles that are taken up.
        keys: access keys that are known to be the attacker's.
    """

    unique_ids: Collection[str]
    arns: Collection[str]
    keys: Collection[str]


@dataclass(slots=True)
class LogReading:
    """What was read.

    Attributes:
        calls: those of the subjects, in time.
        times: when something was recorded, by place.
        reports: what became of each file.
        tampering: calls that stop or change logging.
    """

    calls: list[LoggedCall] = field(default_factory=list[LoggedCall])
    times: dict[Place, set[str]] = field(default_factory=lambda: defaultdict(set))
    reports: list[FileReport] = field(default_factory=list["FileReport"])
    tampering: list[LoggedCall] = field(default_factory=list[LoggedCall])


_TAMPERING = frozenset({"DeleteTrail", "PutEventSelectors", "StopLogging", "UpdateTrail"})


def read_logs(
    paths: Iterable[str], subjects: Subjects, since: str, unread: Sequence[FileReport] = ()
) -> LogReading:
    """Read the records from *since* on in *paths*, files and folders.

    Args:
        paths: CloudTrail logs in any form.
        subjects: whose calls are kept.
        since: records before it are passed over.
        unread: what could not be brought here.

    Raises:
        NotFoundError: one of *paths* is not there.
    """
    result = LogReading()

    def take(events: list[Event]) -> None:
        for event in events:
            if event.time >= since:
                _note(event, subjects, result)

    for path in files.find(paths):
        if files.too_early(path, since):
            continue
        result.reports.append(reading.read(path, WHOLE, take))
    result.reports += unread
    result.calls.sort(key=lambda call: (call.time, call.event_id))
    return result


def _note(event: Event, subjects: Subjects, result: LogReading) -> None:
    place = (event.account, event.region or "")
    result.times[place].add(event.time)
    caller = caller_of(event)
    entered = ""
    if event.event_name in _ASSUMING:
        entered = text(value_at(loose(event.request_parameters), "roleArn"))
    kept = (
        unique_id(caller.principal_id) in subjects.unique_ids
        or event.who.issuer_arn in subjects.arns
        or caller.key in subjects.keys
        or entered in subjects.arns
    )
    if kept or event.event_name in _TAMPERING:
        call = LoggedCall(
            time=event.time,
            place=place,
            name=event.event_name,
            source=event.event_source or "",
            event_id=event.event_id or "",
            caller=caller,
            issuer_arn=event.who.issuer_arn,
            source_ip=event.source_ip or "",
            succeeded=not failed(event, loose(event.response_elements)),
            error=event.error_code or "",
            message=text(loose(event.error_message)),
            entered=entered,
            request_id=event.request_id or "",
        )
        if kept:
            result.calls.append(call)
        if event.event_name in _TAMPERING and call.succeeded:
            result.tampering.append(call)

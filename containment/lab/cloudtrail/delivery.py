"""Log files in the trail's bucket: gzipped, in CloudTrail's layout, some time after the event.

Source: AWS CloudTrail User Guide, "Finding your CloudTrail log files" and "CloudTrail log file name
format".
"""

from __future__ import annotations

import gzip
import json
import secrets
import string
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from containment.lab.cloudtrail import digests
from containment.lab.cloudtrail.bucket import put, root_of
from containment.lab.cloudtrail.selectors import every_trail, wants

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moto.cloudtrail.models import Trail

    from containment.lab.cloudtrail.identity import Json

# "CloudTrail typically delivers logs within an average of about 5 minutes of an API call."
USUAL_DELAY_S = 300.0
_UNIQUE = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record on its way to one trail's bucket."""

    due: datetime
    trail: Trail
    record: Json


class Delivery:
    """Records on their way, and the digests of those that have arrived."""

    def __init__(self) -> None:
        self.delay_s = USUAL_DELAY_S
        self._waiting: list[Waiting] = []
        self._digests = digests.Digests()

    @property
    def digests(self) -> digests.Digests:
        """The digest chains, one a trail, account and Region."""
        return self._digests

    def reset(self) -> None:
        """Forget what has not arrived, and go back to the usual delay."""
        self.delay_s = USUAL_DELAY_S
        self._waiting = []
        self._digests = digests.Digests()

    def take(self, records: Iterable[Json], now: datetime) -> None:
        """Take records for every trail that wants them."""
        trails = list(every_trail())
        if not trails:
            return
        due = now + timedelta(seconds=self.delay_s)
        for record in records:
            self._waiting += [
                Waiting(due, trail, record) for trail in trails if wants(trail, record)
            ]

    def deliver(self, now: datetime) -> None:
        """Write what is due; records that wait together for one place share a file."""
        if self._waiting and self._waiting[0].due <= now:
            due = [one for one in self._waiting if one.due <= now]
            self._waiting = [one for one in self._waiting if one.due > now]
            places: dict[tuple[str, str, str], list[Waiting]] = {}
            for one in due:
                account = str(one.record["recipientAccountId"])
                region = str(one.record["awsRegion"])
                places.setdefault((one.trail.arn, account, region), []).append(one)
            for (_, account, region), waiting in places.items():
                self._write(waiting, account, region)
        self._digests.deliver(now)

    def _write(self, waiting: list[Waiting], account: str, region: str) -> None:
        trail, written = waiting[0].trail, waiting[0].due
        records = [one.record for one in waiting]
        unique = "".join(secrets.choice(_UNIQUE) for _ in range(16))
        name = f"{account}_CloudTrail_{region}_{written:%Y%m%dT%H%MZ}_{unique}.json.gz"
        key = f"{root_of(trail, account)}/CloudTrail/{region}/{written:%Y/%m/%d}/{name}"
        text = json.dumps({"Records": records}, separators=(",", ":")).encode()
        if put(trail, key, gzip.compress(text, mtime=0)) and trail.log_validation:
            times = sorted(str(record["eventTime"]) for record in records)
            self._digests.add(
                trail, account, region, digests.LogFile(key, text, times[0], times[-1]), written
            )

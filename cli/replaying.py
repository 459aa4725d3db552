"""The options by which a verb looks at recorded calls, and what replays them."""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from containment.clock import isoformat, utc_now
from containment.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable

    from containment.replay.history import History
    from containment.replay.replaying import Replayer
    from containment.spec import IncidentSpec
    from containment.trail.logs.files import FileReport

Command = TypeVar("Command", bound="Callable[..., Any]")

# CloudTrail API Reference, LookupEvents: two calls a second in a Region, fifty events a page.
_MOST_PAGES = 40
_DAYS = 14


def replay_options(command: Command) -> Command:
    """Give *command* the options ``--logs``, ``--replay`` and ``--days``."""
    days = click.option(
        "--days",
        type=click.IntRange(1, 90),
        default=_DAYS,
        show_default=True,
        help="How many days of recorded calls to look at.",
    )
    live = click.option(
        "--replay",
        "live",
        is_flag=True,
        help="Ask CloudTrail's LookupEvents for them, the latest 2,000 of each Region.",
    )
    logs = click.option(
        "--logs",
        "logs",
        multiple=True,
        metavar="PATH",
        help="CloudTrail logs whose calls to replay against what is planned: a file, a folder or"
        " an s3:// prefix. May be repeated.",
    )
    return logs(live(days(command)))


@dataclass(slots=True)
class Replaying:
    """Recorded calls, read once for all specs that a command looks at.

    Attributes:
        logs: where they are.
        live: whether CloudTrail itself is asked.
        days: how many days of them.
    """

    logs: tuple[str, ...]
    live: bool
    days: int
    _read: tuple[list[str], History] | None = None

    def __post_init__(self) -> None:
        """Refuse two sources of the same calls, which would be counted once all the same.

        Raises:
            SpecError: both are asked for.
        """
        if self.logs and self.live:
            raise SpecError(
                "--logs and --replay are two sources of the same calls",
                remedy="give one: --logs for files, --replay to ask CloudTrail itself",
            )

    def replayer(self, root: Path | None = None) -> Callable[[str, IncidentSpec], Replayer] | None:
        """Return what makes, of a stack and its spec, what replays the calls; None without logs.

        Args:
            root: the project whose records of descendants count; None where they are part of what
                is judged, and so count for nothing.

        Raises:
            NotFoundError: there is no log.
            AccessError: CloudTrail or a bucket may not be read at all.
        """
        if not (self.logs or self.live):
            return None
        from containment import descendants  # noqa: PLC0415 -- the reader of logs, if there are any
        from containment.replay.attackers import attackers_of  # noqa: PLC0415
        from containment.replay.replaying import Replayer  # noqa: PLC0415

        paths, history = self._read or self._bring()

        def replayer_of(stack: str, spec: IncidentSpec) -> Replayer:
            spec_file = root / "stacks" / f"{stack}.yaml" if root else None
            beside = descendants.path_beside(spec_file) if spec_file else None
            kept = None if self.live else _cache()
            attackers = attackers_of(spec, beside, paths, cache=kept)
            labels = {
                target.principal.label.lower() for target in spec.targets if not target.access_key
            }
            return Replayer(history, attackers, frozenset(labels), utc_now())

        return replayer_of

    def _bring(self) -> tuple[list[str], History]:
        from containment.replay.history import read_history  # noqa: PLC0415 -- as above

        now, cache = utc_now(), _cache()
        since = now - timedelta(days=self.days)
        if self.live:
            # Kept as long as the command runs: what came out of what leaked is traced in it too.
            made = tempfile.TemporaryDirectory(prefix="containment-")
            folder = click.get_current_context().with_resource(made)
            paths, unread = _ask(isoformat(since), Path(folder))
        else:
            paths, unread = _fetch(self.logs, isoformat(since), cache)
        kept = None if self.live else cache
        history = read_history(
            paths, since=since, now=now, cache=kept, unread=unread, progress=_progress()
        )
        self._read = paths, history
        return self._read


def _ask(since: str, folder: Path) -> tuple[list[str], list[FileReport]]:
    from containment.aws import trail_source  # noqa: PLC0415 -- many clients
    from containment.trail.logs.lookup import lookup  # noqa: PLC0415

    clients = trail_source.cloudtrail_clients()
    files, failed = lookup(clients, since, folder, most_pages=_MOST_PAGES)
    return [str(path) for path in files], failed


def _fetch(logs: tuple[str, ...], since: str, cache: Path) -> tuple[list[str], list[FileReport]]:
    """Bring what is not on this machine yet; the rest stays where it is."""
    from containment.trail.logs import s3_logs  # noqa: PLC0415 -- as above

    paths: list[str] = []
    unread: list[FileReport] = []
    for place in logs:
        if not s3_logs.is_s3(place):
            paths.append(place)
            continue
        from containment.aws import trail_source  # noqa: PLC0415 -- as above

        fetched = s3_logs.fetch(trail_source.s3_client(), place, cache / "objects", since)
        paths.append(str(fetched.folder))
        unread += fetched.failed
    return paths, unread


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"  # noqa: TID251 -- cli reads settings
    return Path(home) / "containment" / "trail"


def _progress() -> Callable[[int, int], None]:
    if not sys.stderr.isatty():
        return lambda _read, _total: None
    return lambda read, total: click.echo(
        f"\rcounting calls in {read} of {total} files", nl=read == total, err=True
    )

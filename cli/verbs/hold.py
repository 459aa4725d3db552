"""``containment hold``: write again what is taken off, and find who is new, until it is stopped."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from cli import render
from cli.incident import begin, caller_of, place_document
from cli.options import json_option, stack_argument
from cli.progress import steps
from cli.stopping import stopped_by_signals
from containment.aws.caller import identify
from containment.clock import isoformat, moment_of, utc_now
from containment.descendants import path_beside
from containment.engine.settings import backend
from containment.errors import NotContainedError, SpecError, StoppedError
from containment.identities import parse_principal
from containment.provider.stack_lock import StackLock
from containment.run import locks, state
from containment.text import plain
from containment.verify.authorization_records import AuthorizationRecords
from containment.verify.hold.attribution import Attribution
from containment.verify.hold.holding import Hold
from containment.verify.hold.records import RecordWatch
from containment.verify.hold.rounds import Rounds
from containment.verify.hold.search import Search
from containment.verify.log_levels import LogLevels
from containment.verify.log_sources import EventHistory
from containment.verify.members import members_of
from containment.verify.verification import Pace

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Generator, Iterable
    from contextlib import AbstractContextManager
    from datetime import datetime
    from threading import Event as Flag

    from cli.incident import Incident
    from containment.run.state import StackState
    from containment.trail import Trace
    from containment.verify.evidence import Evidence
    from containment.verify.hold.events import Event

_STYLES = {
    "reasserted": "bold red",
    "alarm": "bold red",
    "used": "bold red",
    "guard": "bold yellow",
    "problem": "yellow",
    "waiting": "yellow",
    "proposed": "cyan",
    "extended": "green",
    "evidence": "green",
    "ended": "bold",
}
# What somebody has to do something about; holding ends with 4 where any of it was seen.
_DISTURBING = ("reasserted", "alarm", "used", "proposed", "extended", "guard", "problem")


@click.command()
@stack_argument
@click.option(
    "--extend",
    is_flag=True,
    help="Contain, without asking, users, roles and keys that the incident's credentials make while"
    " it holds, within the spec's limit. By whom somebody was made CloudTrail alone says, in"
    " minutes, so this wants --live; without it only whom the guard denies already is contained,"
    " and only trusts that were opened to one of the incident are closed.",
)
@click.option(
    "--since",
    metavar="TIME",
    help="When what is made counts as new, in UTC; when this command began, if left out.",
)
@click.option(
    "--live",
    is_flag=True,
    help="Read CloudTrail too (LookupEvents in every enabled Region): uses after T, and AWS's own"
    " records of refusals, which are kept for a day.",
)
@click.option(
    "--for",
    "minutes",
    type=click.FloatRange(min=0, min_open=True),
    metavar="MINUTES",
    help="Stop by itself after so long.",
)
@json_option
def hold(
    *,
    named: str | None,
    extend: bool,
    since: str | None,
    live: bool,
    minutes: float | None,
    as_json: bool,
) -> int:
    """Hold an incident against somebody who undoes it: write again what they take off.

    STACK is the incident; the only one in stacks/ or the selected one, if left out. Its principals
    are looked at twice a second at first and every five seconds once nobody has undone anything
    for ten minutes. A deny, a closed trust or a key's status that was undone is written again as
    'containment up' does it, and counted. Users, roles and keys made since it began, and trust
    policies that were opened, are told with the target that would hold them.

    An attacker with IAM rights wins against this, for they look as often and a deny takes seconds
    to bind: after the second time it says so, with the command that sets a guard.

    Nothing is written while another run changes the stack, and nothing that a lift has taken away.
    It goes on until Ctrl-C, --for, or a lift. With --json each thing is one line as it happens,
    the sum of all the last. Ends with 0 where nobody did anything, with 4 where something was
    undone or is new.
    """
    incident = begin(named)
    incident.project.spec(incident.stack)
    caller_of(incident)
    began = identify(incident.workplace.clients().sts).answered_at
    teller = _Teller(as_json=as_json)
    holding = Hold(
        incident.project.root / "stacks" / f"{incident.stack}.yaml",
        incident.workplace,
        _Stack(incident),
    )
    until = None if minutes is None else time.monotonic() + minutes * 60
    with (
        stopped_by_signals(incident.cancelled),
        _progress(incident.stack, as_json=as_json) as show,
        TemporaryDirectory(prefix="containment-hold-") as folder,
    ):
        if not as_json:
            _say_first(incident, extend=extend, live=live)
        teller.tell_all(holding.begin())
        if not holding.resources and not holding.is_over:
            raise NotContainedError(
                f"nothing of {incident.stack} is applied, so there is nothing to hold",
                remedy=f"run 'containment up {incident.stack}'",
            )
        moment = _since(since, began, holding)
        attribution = Attribution() if live else None
        records = (
            _records(incident, holding, Path(folder), attribution.take) if attribution else None
        )
        search = Search(holding, moment, _protected(incident, holding), attribution)
        rounds = Rounds(
            holding,
            search,
            teller.tell,
            partial(_wait, incident, show, teller),
            time.monotonic,
            extending=extend,
            logs=records.events if records else None,
        )
        try:
            rounds.run(until)
        finally:
            if records:
                records.close()
    return teller.end(incident, holding.tampering, stopped=incident.cancelled.is_set())


def _progress(stack: str, *, as_json: bool) -> AbstractContextManager[Callable[[str], None]]:
    """Return what shows the last look, on a terminal alone: rich takes all output for its own."""
    if as_json or not sys.stdout.isatty():
        return nullcontext(lambda _words: None)
    return steps(f"holding {stack}")


def _since(text: str | None, began: datetime, holding: Hold) -> datetime:
    """Return when what is made begins to count as new.

    Raises:
        SpecError: it is no moment, lies ahead, or before T0.
    """
    if text is None:
        return began
    moment, first = moment_of(text), holding.spec.compromised_at
    if moment is None or not first <= moment <= began:
        raise SpecError(
            f"--since {text} is no moment between T0 and now",
            remedy=f"write it as {isoformat(began)}, not before {isoformat(first)}",
        )
    return moment


def _wait(incident: Incident, show: Callable[[str], None], teller: _Teller, seconds: float) -> bool:
    show(f"{teller.summary}; last look at {isoformat(utc_now())}; Ctrl-C ends it")
    return incident.cancelled.wait(seconds)


def _protected(incident: Incident, holding: Hold) -> set[str]:
    """Return the labels of those whom no incident may deny anything."""
    account = holding.spec.targets[0].principal.account
    named = [one for _, one in incident.workplace.settings.profile.protected_in(account)]
    named += [parse_principal(arn) for arn in holding.spec.break_glass]
    callers = (incident.workplace.caller(), incident.workplace.caller(account))
    named += [one.principal for one in callers if one.principal is not None]
    return {one.label.lower() for one in named}


def _records(
    incident: Incident, holding: Hold, folder: Path, take_trace: Callable[[Trace], None]
) -> RecordWatch:
    """Return what reads CloudTrail beside the looks; *take_trace* is told of each trace.

    Raises:
        AccessError: there are no credentials, or the enabled Regions cannot be listed.
    """
    from containment.aws import trail_source  # noqa: PLC0415 -- many clients, where logs are read

    cancelled = incident.cancelled
    source = EventHistory(trail_source.cloudtrail_clients(), folder, partial(_pause, cancelled))
    placements = (getattr(one.recorded.state, "placement", None) for one in holding.resources)
    toolbox = AuthorizationRecords(
        trail_source.toolbox_client, incident.stack, deny_all="AWSDenyAll" in placements
    )

    def look() -> Iterable[Evidence]:
        return LogLevels(
            incident.stack,
            holding.spec,
            members_of(holding.state, holding.spec),
            source,
            lambda: identify(incident.workplace.clients().sts).answered_at,
            path_beside(holding.spec_path),
            Pace(cancelled.wait, lambda _words: None),
            folder / "index",
            harvest=toolbox.harvest,
            take_trace=take_trace,
        ).run()

    def rungs() -> dict[str, tuple[str, str]]:
        targets = holding.spec.targets
        return {one.principal.arn: (one.principal.kind, str(one.rung)) for one in targets}

    return RecordWatch(look, rungs, incident.stack)


def _pause(cancelled: Flag, seconds: float) -> None:
    if cancelled.wait(seconds):
        raise StoppedError("stopped while CloudTrail was asked", remedy="run it again")


def _say_first(incident: Incident, *, extend: bool, live: bool) -> None:
    new = "is proposed"
    if extend:
        new = (
            "is contained within the spec's limit, once CloudTrail says that the incident made it"
            if live
            else "is proposed, for without --live nobody says by whom it was made"
        )
    render.fields(
        [
            ("stack", incident.stack),
            ("endpoint", incident.workplace.clients().endpoint),
            ("caller", incident.workplace.caller().arn),
            ("what is new", new),
            ("ends with", "Ctrl-C, or a lift"),
        ]
    )
    render.say()


@dataclass(frozen=True)
class _Stack:
    """The stack's state and lock, as every run of it has them."""

    incident: Incident

    def read(self) -> StackState | None:
        incident = self.incident
        return state.look_up(
            incident.project.root, incident.engine.environ, incident.stack, lambda: incident.engine
        ) or state.StackState()  # fmt: skip

    @contextmanager
    def taken(self) -> Generator[bool]:
        incident = self.incident
        place = f"urn:pulumi:{incident.stack} {incident.workplace.clients().endpoint}"
        own = StackLock(engine=os.getpid(), patience_s=0)
        with locks.taken(backend(incident.engine.environ), incident.stack) as is_locked:
            try:
                # A provider whose engine was killed may still lift, and be late.
                yield is_locked and not own.holder(
                    place, wait=lambda _words: None, cancelled=incident.cancelled
                )
            finally:
                own.release()


class _Teller:
    """Tells each event as it comes, and the sum of them at the end."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._counts: dict[str, int] = {}

    @property
    def summary(self) -> str:
        """What was seen so far, in words."""
        counts = [f"{number} {kind}" for kind, number in self._counts.items()]
        return ", ".join(counts) or "nothing was undone"

    def tell_all(self, events: Iterable[Event]) -> None:
        """Tell each of *events*."""
        for event in events:
            self.tell(event)

    def tell(self, event: Event) -> None:
        """Tell *event*."""
        self._counts[event.kind] = self._counts.get(event.kind, 0) + 1
        moment = isoformat(utc_now())
        if self._as_json:
            row = {
                "at": moment,
                "event": event.kind,
                "subject": event.subject,
                "what": event.what,
                "next": event.step or None,
            } | ({"count": event.count} if event.count else {})
            render.row(row)
            return
        count = f" ({event.count} times)" if event.count > 1 else ""
        style = _STYLES.get(event.kind, "")
        what = plain(f"{event.subject}: {event.what}{count}")
        render.say(f"{moment}  {event.kind}  {what}", style=style)
        if event.step:
            render.say(f"  {plain(event.step)}", style="cyan")

    def end(self, incident: Incident, tampering: Counter[tuple[str, str]], *, stopped: bool) -> int:
        """Tell the sum; return the exit code."""
        disturbed = any(kind in self._counts for kind in _DISTURBING)
        code = NotContainedError.exit_code if disturbed else 0
        rows = [
            {"principal": arn, "resource": word, "times": times}
            for (arn, word), times in sorted(tampering.items())
        ]
        if self._as_json:
            render.row(
                {
                    "at": isoformat(utc_now()),
                    "event": "summary",
                    "stack": incident.stack,
                    **place_document(incident.workplace),
                    "stopped": stopped,
                    "counts": self._counts,
                    "undone": rows,
                    "verify": f"containment verify {incident.stack}",
                }
            )
            return code
        render.say()
        render.say(f"held {incident.stack}: {self.summary}", style="bold")
        for row in rows:
            render.say(f"  {row['resource']} of {row['principal']}: undone {row['times']} times")
        render.say(f"whether it is contained, 'containment verify {incident.stack}' tells")
        return code

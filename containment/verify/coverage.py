"""V5: how far the logs go. Silence is evidence only where the logs cover it. Pure.

Thirty minutes from the moment at which the containment had taken hold have to be covered in every
enabled Region of every account. How far a Region's log goes is told by the records in it: records
come late and out of order, so it counts as covered up to the newest one less a slack. LookupEvents
answers for the whole window, and each call of it is recorded in its Region, so a quiet Region tells
as well. Files that CloudTrail delivered are another matter: a spell without records may be silence
or a file that is missing, so it counts as a gap.

Source: CloudTrail User Guide, "How CloudTrail works" (delivery within an average of about 5
minutes, which is not guaranteed).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from containment.clock import isoformat, moment_of
from containment.verify.evidence import Evidence
from containment.verify.members import account_subject

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from containment.verify.log_reading import Place

WATCH = timedelta(minutes=30)
# A record that arrives later than others of its Region by more than this is missed.
SLACK = timedelta(minutes=5)
LONGEST_SILENCE = timedelta(minutes=15)
_MOST_NAMED = 4


@dataclass(frozen=True, slots=True)
class Window:
    """What is to be covered: from when to when."""

    begin: datetime
    end: datetime

    @property
    def minutes(self) -> int:
        """Its length."""
        return round((self.end - self.begin).total_seconds() / 60)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far the logs go.

    Attributes:
        evidence: one an account.
        until: up to when every place is covered.
        slowest: the Region that is covered least.
    """

    evidence: tuple[Evidence, ...]
    until: datetime
    slowest: str

    @property
    def complete(self) -> bool:
        """Whether the whole window is covered in every place."""
        return all(item.outcome == "holds" for item in self.evidence)


def window_from(settled: datetime) -> Window:
    """Return the window that is watched for a containment that had taken hold at *settled*."""
    return Window(settled, settled + WATCH)


def cover(
    times: Mapping[Place, Collection[str]],
    *,
    accounts: Sequence[str],
    regions: Sequence[str],
    window: Window,
    now: datetime,
    asked: bool,
    step: str,
) -> Coverage:
    """Return how far *times* cover *window* in every one of *regions* of *accounts*.

    Args:
        times: when something was recorded, by account and Region.
        accounts: whose logs are to be covered.
        regions: the enabled Regions; none where they could not be listed.
        window: what is to be covered.
        now: records later than this are nobody's.
        asked: whether LookupEvents answered for the whole window, so that no spell is a gap.
        step: what to do where it is not covered.
    """
    evidence: list[Evidence] = []
    worst: list[tuple[datetime, str]] = []
    for account in accounts:
        problems: list[str] = []
        for region in regions:
            moments = _moments(times.get((account, region), ()), now)
            until, gap = _covered_until(moments, window, asked=asked)
            worst.append((until, region))
            if until < window.end:
                problems.append(_words(region, moments, until, window, gap=gap))
        evidence.append(_judged(account, problems, regions, window, step))
    until, slowest = min(worst, default=(window.begin, ""))
    return Coverage(tuple(evidence), until, slowest)


def _judged(
    account: str, problems: Sequence[str], regions: Sequence[str], window: Window, step: str
) -> Evidence:
    subject = account_subject(account)
    if not regions:
        why = "which Regions are enabled is not known"
        return Evidence("V5", subject, "open", why, "allow ec2:DescribeRegions, and run it again")
    if problems:
        more = f" and {len(problems) - _MOST_NAMED} more" if len(problems) > _MOST_NAMED else ""
        why = f"not all of {window.minutes} minutes after the containment are covered: "
        return Evidence("V5", subject, "open", why + "; ".join(problems[:_MOST_NAMED]) + more, step)
    what = (
        f"{len(regions)} Regions are covered from {isoformat(window.begin)} to"
        f" {isoformat(window.end)}"
    )
    return Evidence("V5", subject, "holds", what)


def _moments(texts: Iterable[str], now: datetime) -> list[datetime]:
    moments = (moment_of(text) for text in texts)
    return sorted(moment for moment in moments if moment is not None and moment <= now)


def _covered_until(
    moments: Sequence[datetime], window: Window, *, asked: bool
) -> tuple[datetime, bool]:
    """Return up to when a Region is covered, and whether a gap in it is why it goes no further."""
    if asked:
        newest = moments[-1] - SLACK if moments else window.begin
        return max(newest, window.begin), False
    reached = window.begin
    for moment in moments:
        if moment < window.begin:
            continue
        if moment - reached > LONGEST_SILENCE:
            return max(reached - SLACK, window.begin), True
        reached = moment
        if reached - SLACK >= window.end:
            break
    return max(reached - SLACK, window.begin), False


def _words(
    region: str, moments: Sequence[datetime], until: datetime, window: Window, *, gap: bool
) -> str:
    after = [moment for moment in moments if moment >= window.begin]
    if not after:
        return f"{region or 'no Region'} has no record since"
    if gap:
        return f"{region} has a gap after {isoformat(until)}"
    return f"{region} up to {isoformat(until)}"

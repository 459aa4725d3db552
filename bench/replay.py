# ruff: noqa: D103 -- a stand-alone script
"""How much processor time a replay takes over a corpus of CloudTrail logs, first and again.

    python -m bench.replay FOLDER

FOLDER is what ``python -m bench.trail_corpus`` made. Printed are seconds of this process: to read
the logs or what is kept of them, and to replay a deny of the busiest role without and with a guard.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from containment.facets import marks
from containment.facets.write import Write
from containment.guard.document import Terms, document
from containment.replay.attackers import Attackers
from containment.replay.denials import planned_denials
from containment.replay.history import History, read_history
from containment.replay.replaying import Replayer
from policies import text

ALL = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*",'
    '"Condition":{"DateLessThan":{"aws:TokenIssueTime":"2099-01-01T00:00:00Z"}}}]}'
)


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("folder", type=Path)
    folder = options.parse_args().folder
    with tempfile.TemporaryDirectory() as cache:
        for round_name in ("first", "again", "again"):
            began = time.process_time()
            history = read_history(
                [str(folder)],
                since=datetime(2000, 1, 1, tzinfo=UTC),
                now=datetime(2100, 1, 1, tzinfo=UTC),
                cache=Path(cache),
            )
            read = time.process_time() - began
            timed(history, f"{round_name}: read in {read:.2f} s")


def timed(history: History, words: str) -> None:
    calls = Counter(
        {name: sum(len(one.times) for one in rows) for name, rows in history.rows.items()}
    )
    busiest, most = calls.most_common(1)[0]
    now = datetime.fromtimestamp(history.until, UTC)
    replayer = Replayer(history, Attackers(0), frozenset(), now)
    label = history.rows[busiest][0].caller.label
    own = Write("inline policy x", None, ALL, is_document=True)
    terms = Terms("quarantine", ("arn:aws:iam::111122223333:role/Responder",))
    guard = Write("guard", None, "x", document=text(document(terms, marks.mark("i", "0" * 10, 1))))
    parts = [words]
    for name, writes in (("deny", [own]), ("deny and guard", [own, guard])):
        began = time.process_time()
        replayed = replayer.weigh(
            planned_denials(writes), busiest, label, arn="", longest=timedelta(hours=12)
        )
        took = time.process_time() - began
        refused = sum(one.calls for one in replayed.refused)
        parts.append(f"{name} {took:.2f} s ({refused:,} of the shown callers)")
    print("; ".join(parts), f"; {sum(calls.values()):,} calls, {most:,} of the busiest")


if __name__ == "__main__":
    main()

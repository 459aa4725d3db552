"""A ledger in a file that several processes write, and one on a disk that is full for a while."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from containment.ledger import chain
from containment.ledger.file_store import FileStore

pytestmark = pytest.mark.process

# One of several processes, each with threads of its own: adds entries as fast as it can.
WRITER = """
import sys
from pathlib import Path
from threading import Thread
from containment.ledger import chain
from containment.ledger.file_store import FileStore
path, process = Path(sys.argv[1]), int(sys.argv[2])
def write(who):
    store = FileStore(path)
    for index in range(12):
        store.append(lambda after: chain.line({"who": who, "filler": "x" * 300}, after))
threads = [Thread(target=write, args=(process * 4 + number,)) for number in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_16_writers_in_4_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(number)])
        for number in range(4)
    ]

    assert [process.wait(timeout=60) for process in processes] == [0] * 4

    reading = chain.read(FileStore(path).lines() or ())
    assert (reading.broken, reading.torn, reading.head.length) == (None, (), 16 * 12)
    assert Counter(entry["who"] for entry in reading.entries) == dict.fromkeys(range(16), 12)


def test_a_disk_that_is_full_and_then_is_not_leaves_a_named_line_and_a_whole_chain(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.jsonl"
    script = f"""
import resource
from pathlib import Path
from containment.ledger import chain
from containment.ledger.file_store import FileStore
from containment.ledger.store import LedgerUnavailableError
store = FileStore(Path({str(path)!r}))
def add(**entry):
    return store.append(lambda after: chain.line(entry, after))
add(kind="a")
resource.setrlimit(resource.RLIMIT_FSIZE, (150, resource.RLIM_INFINITY))
for _ in range(3):
    try:
        add(kind="b")
    except LedgerUnavailableError as error:
        print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
add(kind="c")
"""

    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("cannot be written (File too large)") == 3
    reading = chain.read(FileStore(path).lines() or ())
    assert reading.broken is None
    assert reading.torn == (2,)
    assert [entry["kind"] for entry in reading.entries] == ["a", "c"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY

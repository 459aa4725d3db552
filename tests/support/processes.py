"""Ask whether a process lives, while it may end between two looks."""

from __future__ import annotations

from pathlib import Path


def lives(pid: int) -> bool:
    """Return whether process *pid* runs; a zombie does not (proc(5)).

    Reading the file of a process that ends after it was opened fails with ESRCH.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}

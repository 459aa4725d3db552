"""Ask the judges: programs of their own, in the user's cache, over standard input and output."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.judges.case import Case
    from tests.judges.tally import Judge

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
HOME = CACHE / "containment" / "judges"
PYTHON = HOME / "python" / "bin" / "python"
_PROGRAMS = {
    "iam-simulate": ("node", str(HERE / "ask_iam_simulate.mjs")),
    "principalmapper": (str(PYTHON), str(HERE / "ask_principalmapper.py")),
}


def ask(judge: Judge, cases: Sequence[Case]) -> dict[str, str]:
    """Return the judge's verdict on each case, by the case's name."""
    process = subprocess.run(
        _PROGRAMS[judge.name],
        input="".join(json.dumps(case.to_json()) + "\n" for case in cases),
        stdout=subprocess.PIPE,
        text=True,
        cwd=HOME / "node",
        env={"PATH": os.environ["PATH"]},
        check=True,
    )
    return dict(json.loads(line) for line in process.stdout.splitlines())


def ask_all(
    judges: Sequence[Judge], cases: Sequence[Case]
) -> list[tuple[Judge, list[Case], dict[str, str]]]:
    """Ask every judge at the same time; return what each was asked, and what it said."""
    if not (HOME / "installed").exists():
        raise SystemExit("error: the judges are not installed; run tools/judges/install.sh")
    asked = [[one for one in map(judge.asked, cases) if one is not None] for judge in judges]
    with ThreadPoolExecutor(len(judges)) as pool:
        verdicts = list(pool.map(ask, judges, asked))
    return list(zip(judges, asked, verdicts, strict=True))

"""Feeds the reader of log files with damaged ones.

    make fuzz                                    # ten minutes, guided by coverage (atheris)
    python -m bench.trail_fuzz -max_total_time=60

Guided by coverage where atheris is installed, by dice otherwise. A crash, a hang or memory beyond
the bound ends it, and leaves the input behind.
"""

from __future__ import annotations

import gzip
import io
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

from containment.trail.facts.gather import Gathering
from containment.trail.logs import slices
from containment.trail.logs.containers import LEAN, WHOLE, decode
from containment.trail.logs.inflate import Content
from containment.trail.logs.slices import Slices

LIMIT, LONGEST = 1 << 22, 1 << 14
MEMORY = 1 << 30
SAMPLES = Path(__file__).parent.parent / "tests" / "trail" / "samples"


def one(content: bytes) -> None:
    """Read *content* in both ways, as it is and as if it had come through gzip, in thin slices."""
    for raw in (content, gzip.compress(content, 1)):
        gathered = Gathering()
        cut = Slices(Content(io.BytesIO(raw), len(raw), LIMIT))
        for document, final in cut:
            lean, whole = decode(document, LEAN), decode(document, WHOLE)
            if len(lean.events) != len(whole.events):
                raise AssertionError(
                    "what is read for the index is not what is read for the report"
                )
            if lean.damaged and not final and cut.widen():
                continue
            gathered.add(lean.events)
        gathered.facts()


def main() -> None:
    """Fuzz for ten minutes, or as long as -max_total_time says."""
    limits = [a.split("=")[1] for a in sys.argv if a.startswith("-max_total_time=")]
    allowed = float(limits[0]) if limits else 600.0
    slices.LEAST, slices.MOST = 256, 1 << 14  # so that small inputs are cut as large files are
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        import atheris  # noqa: PLC0415 -- optional
    except ImportError:
        _by_dice(allowed)
        return
    atheris.instrument_all()
    # What it finds goes to the first folder; the samples are only read.
    corpus = tempfile.mkdtemp(prefix="trail-fuzz-")
    asked = [sys.argv[0], f"-max_total_time={allowed:.0f}", f"-artifact_prefix={corpus}/"]
    asked += [f"-max_len={LONGEST}", f"-rss_limit_mb={MEMORY >> 20}"]
    atheris.Setup([*asked, corpus, str(SAMPLES)], one)
    atheris.Fuzz()


def _by_dice(allowed: float) -> None:
    dice = random.Random()  # noqa: S311 -- a fuzzer's dice
    seeds = [path.read_bytes()[:20_000] for path in SAMPLES.rglob("*.*json") if path.is_file()]
    pieces = [b'{"Records":[', b"]}", b'"', b"\\u", b"\x1f\x8b", b"{" * 500, b"\xff", b'":']
    end, runs = time.monotonic() + allowed, 0
    while time.monotonic() < end:
        damaged = bytearray(dice.choice(seeds))
        for _ in range(dice.randrange(1, 20)):
            position = dice.randrange(len(damaged) + 1)
            act = dice.randrange(4)
            if act == 0:
                damaged[position : position + dice.randrange(1, 200)] = b""
            elif act == 1:
                damaged[position:position] = dice.choice(pieces)
            elif act == 2:  # noqa: PLR2004
                other = dice.choice(seeds)
                start = dice.randrange(len(other))
                damaged[position:position] = other[start : start + dice.randrange(2000)]
            else:
                damaged[position : position + 1] = bytes([dice.randrange(256)])
        try:
            one(bytes(damaged))
        except BaseException:
            Path("trail_fuzz_crash.bin").write_bytes(damaged)
            print("the input is in trail_fuzz_crash.bin", file=sys.stderr)
            raise
        runs += 1
    print(f"{runs} damaged files read, none raised")


if __name__ == "__main__":
    main()

"""Feeds the reader of log files with damaged ones.

    python bench/trail_fuzz.py -max_total_time=600

Coverage-guided with atheris where it is installed (``uv run --with atheris python …``), by dice
otherwise. A crash, a hang or memory beyond the bound ends it.
"""

from __future__ import annotations

import gzip
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

from containment.trail.containers import LEAN, WHOLE, decode
from containment.trail.facts import extract
from containment.trail.inflate import inflate

LIMIT = 1 << 22
SAMPLES = Path(__file__).parent.parent / "tests" / "trail" / "samples"


def one(content: bytes) -> None:
    """Read *content* in both ways, as it is and as if it had come through gzip."""
    for raw in (content, gzip.compress(content, 1)):
        inflated = inflate(raw, LIMIT).content
        extract(decode(inflated, LEAN).events)
        decode(inflated, WHOLE)


def main() -> None:
    """Fuzz for ten minutes, or as long as -max_total_time says."""
    limits = [a.split("=")[1] for a in sys.argv if a.startswith("-max_total_time=")]
    allowed = float(limits[0]) if limits else 600.0
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    try:
        import atheris  # noqa: PLC0415 -- optional
    except ImportError:
        _by_dice(allowed)
        return
    atheris.instrument_all()
    # What it finds goes to the first folder; the samples are only read.
    found = tempfile.mkdtemp(prefix="trail-fuzz-")
    asked = [sys.argv[0], f"-max_total_time={allowed:.0f}", f"-artifact_prefix={found}/"]
    atheris.Setup([*asked, found, str(SAMPLES)], one)
    atheris.Fuzz()


def _by_dice(allowed: float) -> None:
    dice = random.Random()  # noqa: S311 -- a fuzzer's dice
    seeds = [path.read_bytes()[:20_000] for path in SAMPLES.rglob("*.*json") if path.is_file()]
    pieces = [b'{"Records":[', b"]}", b'"', b"\\u", b"\x1f\x8b", b"{" * 500, b"\xff", b'":']
    end, runs = time.monotonic() + allowed, 0
    while time.monotonic() < end:
        damaged = bytearray(dice.choice(seeds))
        for _ in range(dice.randrange(1, 20)):
            at = dice.randrange(len(damaged) + 1)
            act = dice.randrange(4)
            if act == 0:
                damaged[at : at + dice.randrange(1, 200)] = b""
            elif act == 1:
                damaged[at:at] = dice.choice(pieces)
            elif act == 2:  # noqa: PLR2004
                other = dice.choice(seeds)
                start = dice.randrange(len(other))
                damaged[at:at] = other[start : start + dice.randrange(2000)]
            else:
                damaged[at : at + 1] = bytes([dice.randrange(256)])
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

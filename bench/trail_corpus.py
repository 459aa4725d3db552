# ruff: noqa: D103, E501, S311, PERF401 -- a stand-alone script with dice
"""Makes CloudTrail corpora of any size with a planted lineage, so that an answer can be checked.

    python -m bench.trail_corpus FOLDER --events 1000000

Every record has the shape of a real one (tests/trail/samples, whose licences stand beside them);
ids, names, times and addresses are drawn afresh. Planted are a chain of 14 generations with side
branches through four accounts, records that only look as if they belonged to it, one link
delivered half an hour late, and one record in a hundred twice. ``truth.json`` beside the logs says
what must be found.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import multiprocessing
import random
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.trail_background import Background
from bench.trail_dice import ACCOUNTS, REGIONS, START, stamp
from bench.trail_planted import GENERATIONS, SEED_KEY, Planted

PER_FILE = 2500


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path)
    options.add_argument("--events", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=42)
    options.add_argument("--per-file", type=int, default=PER_FILE, help="at most")
    options.add_argument("--workers", type=int, default=multiprocessing.cpu_count())
    chosen = options.parse_args()
    make(chosen.folder, chosen.events, chosen.seed, chosen.per_file, chosen.workers)


def make(
    folder: Path, events: int, seed: int = 42, per_file: int = PER_FILE, workers: int = 1
) -> dict[str, Any]:
    """Write the corpus to *folder* and return its truth."""
    places = len(ACCOUNTS) * len(REGIONS)
    # Each generation needs two minutes: in less, some would call before they are made.
    least = -(-2 * (GENERATIONS + 2) // 5)
    per_file = min(per_file, events // (least * places))
    if not per_file:
        raise SystemExit(f"too few for the chain: {least * places} events at least")
    slots = -(-(events // per_file) // places)  # five-minute spells
    planted = Planted(random.Random(seed), slots * 5)
    placed: defaultdict[tuple[str, str, int], list[str]] = defaultdict(list)
    late = next(
        r
        for *_, r in planted.records
        if r["eventName"] == "CreateAccessKey"
        and r["responseElements"].get("accessKey", {}).get("userName")
    )
    for account, region, minute, record in planted.records:
        slot = minute // 5 + (6 if record is late else 0)
        placed[account, region, min(slot, slots - 1)].append(
            json.dumps(record, separators=(",", ":"))
        )
    jobs = []
    for slot in range(slots):
        for account in ACCOUNTS:
            for region in REGIONS:
                jobs.append(
                    (folder, slot, account, region, per_file, seed, placed[account, region, slot])
                )
    if workers == 1:
        total = sum(map(_write, jobs))
    else:
        with multiprocessing.get_context("fork").Pool(workers) as pool:
            total = sum(pool.imap_unordered(_write, jobs, 8))
    truth = {
        "seed": SEED_KEY,
        "since": stamp(START),
        "events": total,
        "keys": sorted(planted.keys),
        "calls": len(planted.calls),
        "digest": digest(planted.calls),
    }
    (folder.parent / f"{folder.name}.truth.json").write_text(json.dumps(truth, indent=1))
    return truth


def digest(event_ids: list[str]) -> str:
    return hashlib.md5("\n".join(sorted(event_ids)).encode(), usedforsecurity=False).hexdigest()


_background: list[Background] = []


def _write(job: tuple[Path, int, str, str, int, int, list[str]]) -> int:
    folder, slot, account, region, per_file, seed, planted = job
    if not _background:
        _background.append(Background())
    dice = random.Random(f"{seed}/{slot}/{account}/{region}")
    start = START + timedelta(minutes=5 * slot)
    lines = _background[0].file(dice, account, region, start, per_file)
    lines += planted
    lines += dice.sample(lines, k=len(lines) // 100)
    dice.shuffle(lines)
    delivered = start + timedelta(minutes=10)
    place = folder / "AWSLogs" / account / "CloudTrail" / region / delivered.strftime("%Y/%m/%d")
    place.mkdir(parents=True, exist_ok=True)
    name = f"{account}_CloudTrail_{region}_{delivered:%Y%m%dT%H%MZ}_{dice.getrandbits(64):016x}.json.gz"
    content = '{"Records":[' + ",".join(lines) + "]}"
    (place / name).write_bytes(gzip.compress(content.encode(), 6))
    return len(lines)


if __name__ == "__main__":
    main()

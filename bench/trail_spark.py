"""Asks a real Spark the trace's questions, and holds it to the answer of the files' reader.

    tools/spark.sh --events 200000

Over a corpus with a planted chain, over every recorded capture of tests/trail/samples, over damaged
objects, and through the command that docs/trace.md shows. Two answers are the same if credentials,
links, calls, resources, counts and gaps are; a digest stands for them.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import json
import os
import re
import shlex
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bench import trail_corpus
from cli.main import run as containment
from containment.trail import Trace, trace
from containment.trail.queried_source import reach
from containment.trail.sql.source import trace_table
from containment.trail.sql.spark import LOCAL, VIEW, Spark
from tests.support.trail_same import digest

SAMPLES = Path(__file__).parents[1] / "tests" / "trail" / "samples"

PLACE = "AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/23"


def main() -> int:
    """Run it; 1 where an answer differs."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--events", type=int, default=200_000)
    options.add_argument("--cores", default="*")
    chosen = options.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="trail-spark-") as name:
        folder = Path(name)
        truth = trail_corpus.make(folder / "corpus", chosen.events, workers=os.cpu_count() or 1)
        spark = Spark(LOCAL | {"spark.master": f"local[{chosen.cores}]"})
        print(f"{'':40}{'records':>9}{'calls':>7}  files             spark            seconds")
        good = [_planted(spark, folder / "corpus", truth)]
        good += [_capture(spark, path, folder / f"c{n}") for n, path in enumerate(_captures())]
        good.append(_damaged(spark, folder / "damaged"))
        spark.stop()
        good.append(_documented(folder, truth))
    print(f"{'all as they must be' if all(good) else 'NOT as they must be'}, ", end="")
    print(f"{time.perf_counter() - began:.0f} s in all")
    return 0 if all(good) else 1


def _captures() -> list[Path]:
    """Return the files of CloudTrail's own records; what others exported is no object of S3."""
    files = sorted(SAMPLES.rglob("*.*json"))
    return [path for path in files if not {"truth", "reported"} & set(path.parts)]


def _both(spark: Spark, name: str, folder: Path, seed: str, since: str) -> tuple[Trace, bool]:
    """Answer from the files and from Spark, and say both."""
    files = trace(seed, since=since, logs=[folder], workers=os.cpu_count())
    began = time.perf_counter()
    reports = spark.read_objects([str(folder)], reach(since))
    other = trace_table(seed, since=since, run=spark, table=VIEW, dialect="spark", objects=reports)
    spent = time.perf_counter() - began
    one, two = digest(files), digest(other)
    same = one == two
    print(
        f"{name:40}{other.records:9,}{len(other.calls):7,}  {one}  {two} {spent:8.1f}"
        f"{'' if same else '  DIFFERENT'}",
        flush=True,
    )
    return other, same


def _planted(spark: Spark, corpus: Path, truth: dict[str, Any]) -> bool:
    name = f"planted chain of {len(truth['keys'])} keys"
    trace, same = _both(spark, name, corpus, truth["seed"], truth["since"])
    keys = sorted(c.id for c in trace.credentials if c.kind == "access_key")
    calls = trail_corpus.digest([traced.call.event_id for traced in trace.calls])
    return same and keys == truth["keys"] and calls == truth["digest"]


def _capture(spark: Spark, path: Path, folder: Path) -> bool:
    """One capture, as CloudTrail would have delivered it, from the keys used most in it."""
    text = path.read_text("utf-8")
    records: list[dict[str, Any]] = (
        json.loads(text)
        if text.startswith("[")
        else [json.loads(line) for line in text.splitlines() if line.strip()]
    )
    for record in records:
        record.setdefault("eventTime", record.get("@timestamp", "")[:19] + "Z")
    _deliver(folder, "all.json.gz", records)
    used = Counter(record.get("userIdentity", {}).get("accessKeyId") for record in records)
    seeds = [key for key, _ in used.most_common(4) if key][:3]
    since = min(record["eventTime"] for record in records)
    asked = [_both(spark, f"{path.stem[:18]} {seed}", folder, seed, since) for seed in seeds]
    return all(same for _, same in asked)


def _deliver(folder: Path, name: str, records: list[dict[str, Any]]) -> Path:
    place = folder / PLACE
    place.mkdir(parents=True, exist_ok=True)
    path = place / name
    path.write_bytes(gzip.compress(json.dumps({"Records": records}).encode()))
    return path


def _damaged(spark: Spark, folder: Path) -> bool:
    """Each bad object is told and the rest still counts; Spark alone says nothing of it."""
    key, user = "AKIAIOSFODNN7EXAMPLE", "arn:aws:iam::111122223333:user/ci/ci-deploy"
    call = {
        "eventTime": "2026-11-23T21:15:00Z",
        "eventName": "ListUsers",
        "eventSource": "iam.amazonaws.com",
        "eventID": "1",
        "recipientAccountId": "111122223333",
        "userIdentity": {"type": "IAMUser", "arn": user, "accessKeyId": key},
    }
    good = _deliver(folder, "good.json.gz", [call])
    place = good.parent
    spaced = _deliver(folder, "with space+%41é.json.gz", [call | {"eventID": "2"}])
    (place / "cut.json.gz").write_bytes(good.read_bytes()[:-20])
    (place / "empty.json.gz").write_bytes(b"")
    (place / "plain.json.gz").write_bytes(b"this is no gzip at all")
    (place / "other.json").write_text('{"hello": 1}\n')
    early = "111122223333_CloudTrail_us-east-1_20261101T0000Z_x.json.gz"
    _deliver(folder, early, [call | {"eventID": "3"}])
    since = "2026-11-23T21:14:00Z"
    reports = spark.read_objects([str(folder)], reach(since))
    statuses = {Path(report.path).name: report.status for report in reports}
    trace = trace_table(key, since=since, run=spark, table=VIEW, dialect="spark", objects=reports)
    expected = {
        good.name: "ok",
        spaced.name: "ok",
        "cut.json.gz": "unreadable",
        "empty.json.gz": "unreadable",
        "plain.json.gz": "unreadable",
        "other.json": "no_records",
        early: "pruned",
    }
    right = statuses == expected and sorted(t.call.event_id for t in trace.calls) == ["1", "2"]
    print(f"{'damaged objects':40}{'as they must be' if right else f'DIFFERENT: {statuses}'}")
    return right


def _documented(folder: Path, truth: dict[str, Any]) -> bool:
    """Time the command of docs/trace.md, word for word, beside the same without an engine."""
    shown = re.search(r"^\$ (containment trace .*--engine spark --logs .*)$", _docs(), re.MULTILINE)
    words = shlex.split(shown[1])[1:] if shown else []
    answers = []
    with contextlib.chdir(folder):
        plain = [word for word in words if word not in ("--engine", "spark")]
        for asked in (words, [*plain, "--no-index"]):
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                code = containment([*asked, "--json"])
            answers.append((code, json.loads(out.getvalue() or "{}")))
    (code, spark), (_, files) = answers
    right = bool(words) and code == 0 and spark.get("credentials") == files.get("credentials")
    right = right and len(spark["credentials"]) >= len(truth["keys"])
    print(f"{'the documented command':40}{'as it must be' if right else 'DIFFERENT'}")
    return right


def _docs() -> str:
    return (Path(__file__).parents[1] / "docs" / "trace.md").read_text("utf-8")


if __name__ == "__main__":
    sys.exit(main())

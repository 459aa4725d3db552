"""Follows the planted lineage of a corpus with Spark, and compares the answer with the truth.

    python bench/trail_spark.py CORPUS

CORPUS is a folder made by bench/trail_corpus.py. Needs ``pyspark`` (PyPI) and Java 17; says so in
one line and ends with 3 where they are missing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from trail_corpus import digest

from containment.trail.sql_source import trace_table

IDENTITY = """STRUCT<type:STRING, principalId:STRING, arn:STRING, accountId:STRING,
 invokedBy:STRING, accessKeyId:STRING, userName:STRING,
 sessionContext:STRUCT<attributes:STRUCT<mfaAuthenticated:STRING, creationDate:STRING>,
  sessionIssuer:STRUCT<type:STRING, principalId:STRING, arn:STRING, accountId:STRING,
   userName:STRING>>>"""
TEXTS = (
    "eventVersion eventTime eventSource eventName awsRegion sourceIPAddress userAgent errorCode"
    " errorMessage requestParameters responseElements additionalEventData requestID eventID"
    " readOnly eventType recipientAccountId sharedEventID"
)


def schema() -> str:
    """AWS's documented table, as Spark reads the objects: free-form parts stay JSON in text."""
    texts = ", ".join(f"{name}:STRING" for name in TEXTS.split())
    resources = "ARRAY<STRUCT<ARN:STRING, accountId:STRING, type:STRING>>"
    record = f"STRUCT<userIdentity:{IDENTITY}, resources:{resources}, {texts}>"
    return f"Records ARRAY<{record}>"


def main() -> int:
    """Run it."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("corpus", type=Path)
    options.add_argument("--cores", type=int, default=2)
    chosen = options.parse_args()
    try:
        from pyspark.sql import SparkSession  # noqa: PLC0415 -- 400 MB that only this needs
    except ImportError:
        print("pyspark is not installed: uv run --with pyspark python bench/trail_spark.py …")
        return 3
    if shutil.which("java") is None:
        print("Java is not installed: Spark needs 17 or later")
        return 3
    spark = (
        SparkSession.builder.master(f"local[{chosen.cores}]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "2g")
        .config("spark.sql.shuffle.partitions", "8")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    objects = spark.read.schema(schema()).option("recursiveFileLookup", "true")
    objects.json(str(chosen.corpus)).selectExpr("inline(Records)").createOrReplaceTempView(
        "cloudtrail_logs"
    )

    def run(statement: str) -> Any:
        for row in spark.sql(statement).toLocalIterator():
            yield row.asDict(recursive=True)

    truth = json.loads(
        chosen.corpus.with_name(f"{chosen.corpus.name}.truth.json").read_text("utf-8")
    )
    started = time.perf_counter()
    found = trace_table(
        truth["seed"], since=truth["since"], run=run, table="cloudtrail_logs", dialect="spark"
    )
    spent = time.perf_counter() - started
    keys = sorted(c.id for c in found.credentials if c.kind == "access_key")
    calls = [traced.call.event_id for traced in found.calls]
    same = keys == truth["keys"] and digest(calls) == truth["digest"]
    print(f"{len(keys)} keys, {len(calls)} calls, {found.files[0].detail}, {spent:.1f} s:", end=" ")
    print("as planted" if same else "NOT as planted")
    spark.stop()
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())

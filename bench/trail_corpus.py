# ruff: noqa: D103, E501, PLR0917, PLR2004, S311, PERF401 -- a stand-alone script with dice
"""Makes CloudTrail corpora of any size with a planted lineage, so that an answer can be checked.

    python bench/trail_corpus.py FOLDER --events 1000000

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
import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parent.parent / "tests" / "trail" / "samples"
ACCOUNTS = ("111122223333", "444455556666", "777788889999", "123456789012")
REGIONS = ("us-east-1", "eu-central-1", "us-west-2", "ap-southeast-1")
START = datetime(2026, 11, 20, tzinfo=UTC)
SEED_KEY = "AKIABENCHMARKLEAKED0"
PER_FILE = 2500
GENERATIONS = 14
_SLOTS = re.compile(r"\{\{(\w+)\}\}")


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def uuid(dice: random.Random) -> str:
    drawn = f"{dice.getrandbits(128):032x}"
    return f"{drawn[:8]}-{drawn[8:12]}-{drawn[12:16]}-{drawn[16:20]}-{drawn[20:]}"


def key_id(dice: random.Random, prefix: str) -> str:
    return prefix + "".join(dice.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=16))


def templates() -> list[list[str]]:
    """Real records, cut at what is drawn afresh: literal, slot, literal, and so on in turn."""
    texts = [*(SAMPLES / "splunk_data_sources").glob("*.ndjson")]
    texts += (SAMPLES / "otrf_security_datasets").glob("*.json")
    records: list[dict[str, Any]] = []
    for path in texts:
        records += [json.loads(line) for line in path.read_text().splitlines() if line]
    for path in (SAMPLES / "stratus_red_team").glob("*.json"):
        records += json.loads(path.read_text())
    shapes: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        name = record["eventName"]
        # One sample is forty times the size of any other; no trail has it in every tenth record.
        usual = len(json.dumps(record)) < 8192
        if usual and name not in _EDGES and record.get("userIdentity", {}).get("arn"):
            shapes[record["eventSource"], name].append(record)
    reads = [
        _cut(r) for group in shapes.values() for r in group[:3] if _READS.match(r["eventName"])
    ]
    writes = [
        _cut(r) for group in shapes.values() for r in group[:3] if not _READS.match(r["eventName"])
    ]
    # Six calls in seven of the recorded capture (otrf) are reads.
    return reads * max(1, 6 * len(writes) // len(reads)) + writes


_READS = re.compile("Get|List|Describe|Head|Lookup")


# Background has mints of its own; these would be facts about identities that nobody planted.
_EDGES = frozenset(
    [
        "AssumeRole",
        "AssumeRoleWithSAML",
        "CreateAccessKey",
        "CreateUser",
        "CreateRole",
        "ConsoleLogin",
        "CreateLoginProfile",
        "UpdateLoginProfile",
        "UpdateSAMLProvider",
    ]
)


def _cut(record: dict[str, Any]) -> list[str]:
    record = {
        k: v for k, v in record.items() if k not in ("_source_file", "@timestamp", "@version")
    }
    record |= {
        "eventTime": "{{time}}",
        "eventID": "{{uuid}}",
        "requestID": "{{uuid2}}",
        "awsRegion": "{{region}}",
        "recipientAccountId": "{{account}}",
        "sourceIPAddress": "{{address}}",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "{{principal}}",
            "arn": "{{arn}}",
            "accountId": "{{account}}",
            "accessKeyId": "{{key}}",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": "{{role_id}}",
                    "arn": "{{role_arn}}",
                    "accountId": "{{account}}",
                    "userName": "{{role}}",
                },
                "attributes": {"creationDate": "{{created}}", "mfaAuthenticated": "false"},
            },
        },
    }
    text = json.dumps(record, separators=(",", ":"))
    return _SLOTS.split(text)


def assume_template() -> list[str]:
    record = {
        "eventVersion": "1.08",
        "userIdentity": {"type": "AWSService", "invokedBy": "ec2.amazonaws.com"},
        "eventTime": "{{time}}",
        "eventSource": "sts.amazonaws.com",
        "eventName": "AssumeRole",
        "awsRegion": "{{region}}",
        "sourceIPAddress": "ec2.amazonaws.com",
        "userAgent": "ec2.amazonaws.com",
        "requestParameters": {"roleArn": "{{role_arn}}", "roleSessionName": "{{session}}"},
        "responseElements": {
            "credentials": {
                "accessKeyId": "{{new}}",
                "expiration": "Nov 24, 2026, 9:14:00 PM",
                "sessionToken": "{{token}}",
            },
            "assumedRoleUser": {"assumedRoleId": "{{principal}}", "arn": "{{arn}}"},
        },
        "requestID": "{{uuid2}}",
        "eventID": "{{uuid}}",
        "readOnly": True,
        "resources": [
            {"accountId": "{{account}}", "type": "AWS::IAM::Role", "ARN": "{{role_arn}}"}
        ],
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "{{account}}",
        "eventCategory": "Management",
    }
    return _SLOTS.split(json.dumps(record, separators=(",", ":")))


class Background:
    """What goes on in an account anyway."""

    def __init__(self) -> None:
        self.shapes = templates()
        self.mint = assume_template()

    def file(
        self, dice: random.Random, account: str, region: str, start: datetime, count: int
    ) -> list[str]:
        sessions = [self._session(dice, account, start) for _ in range(dice.randint(20, 60))]
        lines = []
        for _ in range(count):
            values = dict(dice.choice(sessions))
            when = start + timedelta(seconds=dice.randrange(300))
            values |= {
                "time": stamp(when),
                "uuid": uuid(dice),
                "uuid2": uuid(dice),
                "region": region,
                "address": f"10.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(256)}",
            }
            shape = dice.choice(self.shapes)
            if dice.random() < 0.04:
                new = self._session(dice, account, when)
                values |= new | {"new": new["key"], "token": f"{dice.getrandbits(2400):x}"}
                sessions[dice.randrange(len(sessions))] = new
                shape = self.mint
            parts = list(shape)
            for slot in range(1, len(parts), 2):
                parts[slot] = values[parts[slot]]
            lines.append("".join(parts))
        return lines

    @staticmethod
    def _session(dice: random.Random, account: str, when: datetime) -> dict[str, str]:
        role, session = f"service-{dice.randrange(400)}", f"i-{dice.getrandbits(68):017x}"
        role_id = f"AROA{int.from_bytes(role.encode()) % 36**16:016X}"[:20]
        return {
            "key": key_id(dice, "ASIA"),
            "account": account,
            "role": role,
            "role_id": role_id,
            "session": session,
            "role_arn": f"arn:aws:iam::{account}:role/{role}",
            "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{session}",
            "principal": f"{role_id}:{session}",
            "created": stamp(when),
        }


# A session is used after it was made, also within one minute.
_SECONDS = {True: (5, 20), False: (20, 60)}


class Planted:
    """The thief's records: place (account, Region, minute) -> records, and what must be found."""

    def __init__(self, dice: random.Random, span: int) -> None:
        self._dice = dice
        self._span = span
        self.records: list[tuple[str, str, int, dict[str, Any]]] = []
        self.keys: list[str] = []
        self.calls: list[str] = []
        self._plant()

    def _plant(self) -> None:
        account = ACCOUNTS[0]
        key, arn, created = SEED_KEY, f"arn:aws:iam::{account}:user/ci/ci-deploy", ""
        step = max(1, self._span // (GENERATIONS + 2))
        minute = step
        for generation in range(GENERATIONS):
            self._work(key, arn, account, created, minute, step)
            kind = ("role", "far", "user", "token")[generation % 4]
            if kind in ("role", "far"):
                there = ACCOUNTS[(ACCOUNTS.index(account) + (kind == "far")) % len(ACCOUNTS)]
                self._assume(key, arn, account, created, f"side-{generation}", there, minute)
                key, arn, created = self._assume(
                    key, arn, account, created, f"hop-{generation}", there, minute
                )
                account = there
            elif kind == "user":
                key, arn, created = self._user(
                    key, arn, account, created, f"svc-{generation}", minute
                )
            else:
                key, created = self._token(key, arn, account, minute)
            minute += step
        self._work(key, arn, account, created, minute, step)
        self._decoys()

    def _identity(self, key: str, arn: str, account: str, created: str) -> dict[str, Any]:
        who: dict[str, Any] = {
            "type": "IAMUser",
            "arn": arn,
            "accountId": account,
            "accessKeyId": key,
        }
        who["principalId"] = "AIDA" + hashlib.sha256(arn.encode()).hexdigest()[:16].upper()
        if ":assumed-role/" in arn:
            role, session = arn.split("/")[1:]
            digest = hashlib.sha256(f"{account}{role}".encode()).hexdigest()[:16].upper()
            who |= {"type": "AssumedRole", "principalId": f"AROA{digest}:{session}"}
        if created:
            who["sessionContext"] = {
                "attributes": {"creationDate": created, "mfaAuthenticated": "false"}
            }
        return who

    def _record(
        self, who: dict[str, Any], account: str, minute: int, name: str, **more: Any
    ) -> dict[str, Any]:
        region = REGIONS[0] if self._dice.random() < 0.98 else self._dice.choice(REGIONS)  # fmt: skip
        when = START + timedelta(
            minutes=minute,
            seconds=self._dice.randrange(*_SECONDS[name in _EDGES or "Token" in name]),
        )
        record = {
            "eventVersion": "1.10",
            "userIdentity": who,
            "eventTime": stamp(when),
            "eventSource": "sts.amazonaws.com",
            "eventName": name,
            "awsRegion": region,
            "sourceIPAddress": "198.51.100.7",
            "userAgent": "aws-cli/2.22",
            "requestParameters": None,
            "responseElements": None,
            "requestID": uuid(self._dice),
            "eventID": uuid(self._dice),
            "recipientAccountId": account,
        } | more
        self.records.append((account, region, minute, record))
        return record

    def _mine(
        self, key: str, arn: str, account: str, created: str, minute: int, name: str, **more: Any
    ) -> dict[str, Any]:
        record = self._record(
            self._identity(key, arn, account, created), account, minute, name, **more
        )
        self.calls.append(record["eventID"])
        return record

    def _work(self, key: str, arn: str, account: str, created: str, minute: int, step: int) -> None:
        for _ in range(100):
            # A burst of ten minutes after each step, mostly in one Region: the way thieves work.
            later = minute + 1 + self._dice.randrange(min(10, max(1, step)))
            name = self._dice.choice(
                ("ListBuckets", "GetCallerIdentity", "DescribeInstances", "ListUsers")
            )
            self._mine(key, arn, account, created, min(later, self._span - 1), name)

    def _assume(
        self, key: str, arn: str, account: str, created: str, role: str, there: str, minute: int
    ) -> tuple[str, str, str]:
        new, session = key_id(self._dice, "ASIA"), f"s{minute}"
        target = f"arn:aws:sts::{there}:assumed-role/{role}/{session}"
        answer = {
            "credentials": {"accessKeyId": new, "sessionToken": "x", "expiration": "later"},
            "assumedRoleUser": {
                "arn": target,
                "assumedRoleId": self._identity(new, target, there, "")["principalId"],
            },
        }
        request = {"roleArn": f"arn:aws:iam::{there}:role/{role}", "roleSessionName": session}
        shared = uuid(self._dice)
        record = self._mine(
            key, arn, account, created, minute, "AssumeRole",
            requestParameters=request, responseElements=answer, sharedEventID=shared,
        )  # fmt: skip
        if there != account:
            visitor = {
                "type": "AWSAccount",
                "accountId": account,
                "principalId": record["userIdentity"]["principalId"],
            }
            twin = self._record(
                visitor,
                there,
                minute,
                "AssumeRole",
                requestParameters=request,
                responseElements=answer,
                sharedEventID=shared,
            )
            twin["eventTime"] = record["eventTime"]
        self.keys.append(new)
        return new, target, record["eventTime"]

    def _user(
        self, key: str, arn: str, account: str, created: str, name: str, minute: int
    ) -> tuple[str, str, str]:
        made, new = f"arn:aws:iam::{account}:user/{name}", key_id(self._dice, "AKIA")
        user_id = self._identity(new, made, account, "")["principalId"]
        self._mine(
            key, arn, account, created, minute, "CreateUser", eventSource="iam.amazonaws.com",
            requestParameters={"userName": name},
            responseElements={"user": {"arn": made, "userName": name, "userId": user_id}},
        )  # fmt: skip
        self._mine(
            key, arn, account, created, minute, "CreateAccessKey", eventSource="iam.amazonaws.com",
            requestParameters={"userName": name},
            responseElements={"accessKey": {"userName": name, "accessKeyId": new, "status": "Active"}},
        )  # fmt: skip
        self.keys.append(new)
        return new, made, ""

    def _token(self, key: str, arn: str, account: str, minute: int) -> tuple[str, str]:
        new = key_id(self._dice, "ASIA")
        answer = {"credentials": {"accessKeyId": new, "sessionToken": "x", "expiration": "later"}}
        record = self._mine(
            key, arn, account, "", minute, "GetSessionToken", responseElements=answer
        )
        self.keys.append(new)
        return new, record["eventTime"]

    def _decoys(self) -> None:
        """Records that mention a member, resemble one, or reuse its id in another account."""
        for key in [SEED_KEY, *self.keys]:
            admin = self._identity(
                key_id(self._dice, "AKIA"),
                f"arn:aws:iam::{ACCOUNTS[1]}:user/admin",
                ACCOUNTS[1],
                "",
            )
            minute = self._dice.randrange(self._span)
            self._record(
                admin,
                ACCOUNTS[1],
                minute,
                "GetAccessKeyLastUsed",
                requestParameters={"accessKeyId": key},
            )
            near = self._identity(
                key[:-2] + "00", f"arn:aws:iam::{ACCOUNTS[2]}:user/near", ACCOUNTS[2], ""
            )
            self._record(
                near,
                ACCOUNTS[2],
                minute,
                "CreateAccessKey",
                responseElements={"accessKey": {"accessKeyId": key_id(self._dice, "AKIA")}},
            )
        recycled = next(key for key in self.keys if key.startswith("ASIA"))
        other = self._identity(
            recycled,
            f"arn:aws:sts::{ACCOUNTS[3]}:assumed-role/night/job",
            ACCOUNTS[3],
            stamp(START),
        )
        for _ in range(5):
            self._record(other, ACCOUNTS[3], self._dice.randrange(self._span), "ListBuckets")


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

# ruff: noqa: E501, PLR0917, PLR2004 -- beside stand-alone scripts with dice
"""The attacker's records: a chain through four accounts, and what only looks like it."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bench.trail_background import EDGES
from bench.trail_dice import ACCOUNTS, REGIONS, START, key_id, stamp, uuid

if TYPE_CHECKING:
    import random

SEED_KEY = "AKIABENCHMARKLEAKED0"
GENERATIONS = 14

# A session is used after it was made, also within one minute.
_SECONDS = {True: (5, 20), False: (20, 60)}


class Planted:
    """The attacker's records: place (account, Region, minute) -> records, and what must be found."""

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
                other_account = ACCOUNTS[
                    (ACCOUNTS.index(account) + (kind == "far")) % len(ACCOUNTS)
                ]
                self._assume(
                    key, arn, account, created, f"side-{generation}", other_account, minute
                )
                key, arn, created = self._assume(
                    key, arn, account, created, f"hop-{generation}", other_account, minute
                )
                account = other_account
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
            seconds=self._dice.randrange(*_SECONDS[name in EDGES or "Token" in name]),
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

    def _attacker_call(
        self, key: str, arn: str, account: str, created: str, minute: int, name: str, **more: Any
    ) -> dict[str, Any]:
        record = self._record(
            self._identity(key, arn, account, created), account, minute, name, **more
        )
        self.calls.append(record["eventID"])
        return record

    def _work(self, key: str, arn: str, account: str, created: str, minute: int, step: int) -> None:
        for _ in range(100):
            # A burst of ten minutes after each step, mostly in one Region: the way attackers work.
            later = minute + 1 + self._dice.randrange(min(10, max(1, step)))
            name = self._dice.choice(
                ("ListBuckets", "GetCallerIdentity", "DescribeInstances", "ListUsers")
            )
            self._attacker_call(key, arn, account, created, min(later, self._span - 1), name)

    def _assume(
        self,
        key: str,
        arn: str,
        account: str,
        created: str,
        role: str,
        target_account: str,
        minute: int,
    ) -> tuple[str, str, str]:
        new, session = key_id(self._dice, "ASIA"), f"s{minute}"
        target = f"arn:aws:sts::{target_account}:assumed-role/{role}/{session}"
        answer = {
            "credentials": {"accessKeyId": new, "sessionToken": "x", "expiration": "later"},
            "assumedRoleUser": {
                "arn": target,
                "assumedRoleId": self._identity(new, target, target_account, "")["principalId"],
            },
        }
        request = {
            "roleArn": f"arn:aws:iam::{target_account}:role/{role}",
            "roleSessionName": session,
        }
        shared = uuid(self._dice)
        record = self._attacker_call(
            key, arn, account, created, minute, "AssumeRole",
            requestParameters=request, responseElements=answer, sharedEventID=shared,
        )  # fmt: skip
        if target_account != account:
            visitor = {
                "type": "AWSAccount",
                "accountId": account,
                "principalId": record["userIdentity"]["principalId"],
            }
            twin = self._record(
                visitor,
                target_account,
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
        self._attacker_call(
            key, arn, account, created, minute, "CreateUser", eventSource="iam.amazonaws.com",
            requestParameters={"userName": name},
            responseElements={"user": {"arn": made, "userName": name, "userId": user_id}},
        )  # fmt: skip
        self._attacker_call(
            key, arn, account, created, minute, "CreateAccessKey", eventSource="iam.amazonaws.com",
            requestParameters={"userName": name},
            responseElements={"accessKey": {"userName": name, "accessKeyId": new, "status": "Active"}},
        )  # fmt: skip
        self.keys.append(new)
        return new, made, ""

    def _token(self, key: str, arn: str, account: str, minute: int) -> tuple[str, str]:
        new = key_id(self._dice, "ASIA")
        answer = {"credentials": {"accessKeyId": new, "sessionToken": "x", "expiration": "later"}}
        record = self._attacker_call(
            key, arn, account, "", minute, "GetSessionToken", responseElements=answer
        )
        self.keys.append(new)
        return new, record["eventTime"]

    def _decoys(self) -> None:
        """Add records that mention a member, resemble one, or reuse its id in another account."""
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

# ruff: noqa: D103 -- beside stand-alone scripts with dice
"""Where and when the corpora play, and what is drawn for each of their records."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

ACCOUNTS = ("111122223333", "444455556666", "777788889999", "123456789012")
REGIONS = ("us-east-1", "eu-central-1", "us-west-2", "ap-southeast-1")
START = datetime(2026, 11, 20, tzinfo=UTC)


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def uuid(dice: random.Random) -> str:
    drawn = f"{dice.getrandbits(128):032x}"
    return f"{drawn[:8]}-{drawn[8:12]}-{drawn[12:16]}-{drawn[16:20]}-{drawn[20:]}"


def key_id(dice: random.Random, prefix: str) -> str:
    return prefix + "".join(dice.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=16))

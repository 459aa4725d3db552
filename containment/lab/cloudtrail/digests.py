"""Digest files: a signed chain over the log files, which a changed or missing file breaks.

Source: AWS CloudTrail User Guide, "CloudTrail digest file structure" and "Custom implementations of
CloudTrail log file integrity validation".
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from containment.clock import isoformat
from containment.lab.cloudtrail.bucket import put, root_of

if TYPE_CHECKING:
    from moto.cloudtrail.models import Trail

_EVERY = timedelta(hours=1)
_ALGORITHM = "SHA256withRSA"


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log file that was written."""

    key: str
    text: bytes
    oldest: str
    newest: str


@dataclass
class Chain:
    """The digests of one trail, account and Region."""

    trail: Trail
    account: str
    region: str
    began: datetime
    files: list[LogFile] = field(default_factory=list)
    previous: dict[str, Any] | None = None


@cache
def _private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_key() -> tuple[bytes, str]:
    """Return the public key in PKCS #1, as ListPublicKeys gives it, and its fingerprint."""
    encoded = (
        _private_key()
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    )
    return encoded, hashlib.md5(encoded, usedforsecurity=False).hexdigest()


class Digests:
    """Every chain of the lab."""

    def __init__(self) -> None:
        self._chains: dict[tuple[str, str, str], Chain] = {}

    def add(
        self, trail: Trail, account: str, region: str, file: LogFile, written: datetime
    ) -> None:
        """Count a log file in."""
        chain = self._chains.setdefault(
            (trail.arn, account, region), Chain(trail, account, region, written)
        )
        chain.files.append(file)

    def deliver(self, now: datetime) -> None:
        """Write a digest for every hour that has passed, empty hours included."""
        for chain in self._chains.values():
            while chain.began + _EVERY <= now:
                _write(chain)


def _write(chain: Chain) -> None:
    trail, end = chain.trail, chain.began + _EVERY
    name = (
        f"{chain.account}_CloudTrail-Digest_{chain.region}_{trail.trail_name}"
        f"_{trail.region_name}_{end:%Y%m%dT%H%M%SZ}.json.gz"
    )
    key = f"{root_of(trail, chain.account)}/CloudTrail-Digest/{chain.region}/{end:%Y/%m/%d}/{name}"
    previous = chain.previous or {}
    document = {
        "awsAccountId": chain.account,
        "digestStartTime": isoformat(chain.began),
        "digestEndTime": isoformat(end),
        "digestS3Bucket": trail.bucket_name,
        "digestS3Object": key,
        "digestPublicKeyFingerprint": public_key()[1],
        "digestSignatureAlgorithm": _ALGORITHM,
        "newestEventTime": max((file.newest for file in chain.files), default=None),
        "oldestEventTime": min((file.oldest for file in chain.files), default=None),
        "previousDigestS3Bucket": previous.get("bucket"),
        "previousDigestS3Object": previous.get("key"),
        "previousDigestHashValue": previous.get("hash"),
        "previousDigestHashAlgorithm": "SHA-256" if previous else None,
        "previousDigestSignature": previous.get("signature"),
        "logFiles": [
            {
                "s3Bucket": trail.bucket_name,
                "s3Object": file.key,
                "hashValue": hashlib.sha256(file.text).hexdigest(),
                "hashAlgorithm": "SHA-256",
                "newestEventTime": file.newest,
                "oldestEventTime": file.oldest,
            }
            for file in chain.files
        ],
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    digest_hash = hashlib.sha256(text).hexdigest()
    to_sign = "\n".join(
        (
            isoformat(end),
            f"{trail.bucket_name}/{key}",
            digest_hash,
            previous.get("signature") or "null",
        )
    )
    signature = _private_key().sign(to_sign.encode(), padding.PKCS1v15(), hashes.SHA256()).hex()
    put(
        trail,
        key,
        gzip.compress(text, mtime=0),
        {"signature": signature, "signature-algorithm": _ALGORITHM},
    )
    chain.previous = {
        "bucket": trail.bucket_name,
        "key": key,
        "hash": digest_hash,
        "signature": signature,
    }
    chain.began, chain.files = end, []


def fingerprint_and_key() -> dict[str, Any]:
    """Return the key as ListPublicKeys shows it."""
    encoded, fingerprint = public_key()
    return {"Value": base64.b64encode(encoded).decode(), "Fingerprint": fingerprint}

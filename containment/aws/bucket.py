"""Make an S3 client that gives up early: short time-outs and one try."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def bucket_client() -> S3Client:
    """Return an S3 client made from the environment's credentials.

    Its one try ends within about two seconds: who waits for it decides what a failure means.
    """
    session = boto3.Session()
    return session.client(
        "s3",
        region_name=session.region_name or "us-east-1",
        config=Config(
            connect_timeout=1,
            read_timeout=2,
            retries={"mode": "standard", "total_max_attempts": 1},
            user_agent_extra=f"containment/{version('containment')}",
            max_pool_connections=8,
        ),
    )

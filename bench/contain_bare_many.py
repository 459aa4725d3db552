"""The changes of containing many users, by boto3 alone with 16 threads: no prior, no way back.

usage: contain_bare_many.py INCIDENT < USER_ARNS
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config

THREADS = 16


def main(incident: str) -> None:
    """Deny each user, claim its keys and make them Inactive."""
    iam: Any = boto3.client("iam", config=Config(max_pool_connections=THREADS))
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*", "Sid": "Bare"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})

    def contain(arn: str) -> None:
        name = arn.rpartition("/")[2]
        iam.put_user_policy(
            UserName=name, PolicyName=f"containment-{incident}", PolicyDocument=document
        )
        keys = iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
        iam.tag_user(UserName=name, Tags=[{"Key": f"containment:{incident}", "Value": "bare"}])
        for key in keys:
            iam.update_access_key(UserName=name, AccessKeyId=key["AccessKeyId"], Status="Inactive")

    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(contain, sys.stdin.read().split()):
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])

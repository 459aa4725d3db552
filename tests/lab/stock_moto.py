"""Run cases of the behaviour matrix against moto as it comes, its own IAM checks switched on.

usage: python -m tests.lab.stock_moto        prints {case name: verdict} as JSON

It runs in a process of its own: moto's state is the process's, and the lab changes moto.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

import boto3
from moto import mock_aws, settings

from tests.lab.matrix.bench import CONFIG, Bench, Keys, bootstrap, every_case, run


def _client(service: str, keys: Keys) -> Any:
    connect: Any = boto3.client
    return connect(
        service,
        region_name="us-east-1",
        config=CONFIG,
        aws_access_key_id=keys[0],
        aws_secret_access_key=keys[1],
        aws_session_token=keys[2] if len(keys) > 2 else None,
    )


def main() -> None:
    warnings.simplefilter("ignore")
    expected = set(json.load(sys.stdin))
    verdicts: dict[str, str] = {}
    with mock_aws():
        admin, member_admin, member = bootstrap(_client)
        settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
        bench = Bench(None, admin, member_admin, member)
        for one in every_case():
            if one.name not in expected:
                continue
            try:
                verdicts[one.name] = run(one, bench)[0]
            except Exception as error:  # noqa: BLE001 -- a crash of moto is a verdict on moto
                verdicts[one.name] = f"crash: {type(error).__name__}"
    json.dump(verdicts, sys.stdout)


if __name__ == "__main__":
    main()

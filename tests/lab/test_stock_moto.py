"""Why there is a gate: moto as it comes would prove containment where there is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.matrix.bench import every_case

pytestmark = pytest.mark.lab

# What AWS documents is in the matrix; this is what moto says instead.
FALSE_PROOFS = {
    "an inactive key is refused: by IAM": "allow",
    "an inactive key is refused: by S3": "allow",
    "an inactive key is refused: by STS, even for GetCallerIdentity": "allow",
    "a boundary given at creation limits": "allow",
    "a service control policy: on the account denies a user": "allow",
    "a token time deny does not touch a long term key": "deny",
    "an Allow under: StringEquals none 'Red'": "allow",
    "an Allow under: IpAddress aws:SourceIp '10.0.0.0/8'": "allow",
    "an Allow under: Bool aws:MultiFactorAuthPresent 'true'": "allow",
    "a deny with not resource grants nothing": "allow",
    "GetUser with: a Deny on it": "allow",
    "get session token cannot be denied": "deny",
    "a role that does not exist cannot be assumed": "allow",
    "across accounts: the user may, the role does not trust": "allow",
    "handing a role to a service: without iam:PassRole": "allow",
}


@pytest.fixture(scope="module")
def verdicts() -> dict[str, str]:
    completed = subprocess.run(
        [sys.executable, "-m", "tests.lab.stock_moto"],
        input=json.dumps(sorted(FALSE_PROOFS)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=Path(__file__).parents[2],
        env={"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true"},
    )
    assert completed.returncode == 0, completed.stderr
    return dict(json.loads(completed.stdout))


def test_moto_alone_gives_false_proofs(verdicts: dict[str, str]) -> None:
    documented = {one.name: one.expect for one in every_case()}

    assert verdicts == FALSE_PROOFS
    assert all(documented[name] != answer for name, answer in verdicts.items())

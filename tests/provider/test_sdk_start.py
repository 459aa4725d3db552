"""The provider's process speaks the protocol without starting what takes time to load."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

PROVIDER = """
import runpy, sys
sys.argv = ["pulumi-resource-containment", "--help"]
try:
    runpy.run_module("containment.provider.server", run_name="__main__")
except SystemExit:
    print(sorted(sys.modules))
"""


def test_the_provider_loads_the_protocol_and_nothing_else_of_any_sdk() -> None:
    run = subprocess.run(
        [sys.executable, "-I", "-c", PROVIDER], capture_output=True, text=True, check=True
    )
    loaded = run.stdout.splitlines()[-1]

    assert "'pulumi.runtime.proto.provider_pb2_grpc'" in loaded
    assert "'pulumi.runtime.settings'" not in loaded
    # An instance that is asked about its settings alone never needs these.
    assert "'boto3'" not in loaded
    assert "'containment.actions'" not in loaded

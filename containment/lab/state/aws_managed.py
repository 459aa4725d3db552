"""AWS's own managed policies, taken one by one out of the text that moto ships.

Parsing all of them takes longer than the rest of the lab's start, and a world uses a handful.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from containment.lab.state import moto_state

if TYPE_CHECKING:
    from moto.iam.models import ManagedPolicy

PREFIX = "arn:aws:iam::aws:policy/"


@cache
def _positions() -> dict[str, int]:
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    return {
        match.group(1): match.end()
        for match in re.finditer(r'^ "([^"]+)":', aws_managed_policies_data, re.MULTILINE)
    }


@cache
def _entry(name: str) -> dict[str, Any] | None:
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    position = _positions().get(name)
    if position is None:
        return None
    entry, _ = json.JSONDecoder().raw_decode(aws_managed_policies_data, position)
    return dict(entry)


def document(arn: str) -> str:
    """Return the default version of the AWS managed policy *arn*; empty where AWS has none."""
    entry = _entry(arn.rsplit("/", 1)[-1])
    if entry is None or PREFIX[:-1] + entry.get("Path", "/") + arn.rsplit("/", 1)[-1] != arn:
        return ""
    return json.dumps(entry["Document"])


def ensure(account: str, arn: str) -> None:
    """Make the AWS managed policy *arn* known in *account*, if AWS has it."""
    from moto.iam.models import AWSManagedPolicy

    state = moto_state.iam(account)
    name = arn.rsplit("/", 1)[-1]
    entry = _entry(name)
    if arn in state.managed_policies or not document(arn) or entry is None:
        return
    policy: ManagedPolicy = AWSManagedPolicy.from_data(name, account, "us-east-1", entry)
    state.managed_policies[arn] = policy
    state.aws_managed_policies.append(policy)


def ensure_all(account: str) -> None:
    """Make every AWS managed policy known in *account*, as ListPolicies answers them."""
    for name in _positions():
        entry = _entry(name)
        if entry is not None:
            ensure(account, PREFIX[:-1] + entry.get("Path", "/") + name)

"""The role that sets guards, as a company makes it from the policy that is printed for it."""

from __future__ import annotations

import json
from typing import Any

from containment import responder
from containment.lab.testing import Lab

_VERSION = {"Version": "2012-10-17"}


def guard_role(lab: Lab) -> str:
    """Make the role that sets guards, with the policy that is printed for it."""
    world = lab.world
    iam = lab.client("iam", world.management_admin)
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": world.responder_role},
    }
    arn = iam.create_role(
        RoleName="ContainmentGuard",
        AssumeRolePolicyDocument=json.dumps({**_VERSION, "Statement": [trust]}),
    )["Role"]["Arn"]
    iam.put_role_policy(
        RoleName="ContainmentGuard",
        PolicyName="guard",
        PolicyDocument=json.dumps(responder.guard_policy(world.management_account)),
    )
    take: dict[str, Any] = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": arn}
    lab.client("iam", world.admin).put_role_policy(
        RoleName="ContainmentResponder",
        PolicyName="guard",
        PolicyDocument=json.dumps({**_VERSION, "Statement": [take]}),
    )
    return str(arn)

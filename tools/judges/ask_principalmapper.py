"""Answer cases with principalmapper: one case a line on stdin, one verdict a line on stdout.

It runs in the judges' own environment, where that package is installed; it is AGPL, and this
program is run by tests as a process of its own. It says allow or deny, never which kind of deny.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from principalmapper.common import Node, Policy
from principalmapper.querying.query_interface import local_check_authorization_full


def verdict(case: dict[str, Any]) -> str:
    """Return what principalmapper decides."""
    # It knows users and roles; a session is its role, limited by the session's policy.
    arn = case.get("issuer") or case["arn"]
    is_role = ":role/" in arn
    node = Node(
        arn,
        case.get("issuer_id") or case["unique_id"],
        [Policy(arn, "p", one) for one in case.get("identity", [])],
        None,
        {} if is_role else None,
        None,
        0,
        active_password=False,
        is_admin=False,
        permissions_boundary=Policy(arn, "b", case["boundary"]) if "boundary" in case else None,
        has_mfa=False,
        tags=None,
    )
    levels = [[Policy(arn, "s", one) for one in level] for level in case.get("service_control", [])]
    allowed = local_check_authorization_full(
        node,
        case["action"],
        case["target"],
        case["context"],
        case.get("resource"),
        case["target_account"],
        levels or None,
        case.get("session"),
    )
    return "allow" if allowed else "deny"


for line in sys.stdin:
    asked = json.loads(line)
    try:
        answer = verdict(asked)
    except Exception as error:  # noqa: BLE001 - a judge that crashes has given no verdict
        answer = f"crash: {error!r}"
    print(json.dumps([asked["name"], answer]), flush=False)

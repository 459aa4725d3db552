"""What is on record of one incident, for reports: as it is, and as an attacker would have it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from containment.descendants import Descendant, Record, Traced
from containment.incident_report import Sources
from containment.spec import IncidentSpec

USER = "arn:aws:iam::111122223333:user/ci/ci-deploy"
ROLE = "arn:aws:iam::111122223333:role/deploy"
OPERATOR = "arn:aws:sts::111122223333:assumed-role/ContainmentResponder/responder"
SPEC = {
    "incident": "inc-2026-0042",
    "title": "ci-deploy access key pushed to a public repository",
    "compromised_at": datetime(2026, 11, 23, 21, 14, tzinfo=UTC),
    "compromised_at_source": "GitHub secret scanning alert 17",
    "cause": "exposed-in-source",
    "owner": "security-oncall@example.com",
    "review_by": datetime(2026, 11, 25, 9, tzinfo=UTC),
    "targets": [
        {"user": USER, "leaked": ["AKIAIOSFODNN7EXAMPLE"]},
        {"role": ROLE, "rung": "revoke-sessions"},
    ],
}


def entries(text: str = "") -> list[dict[str, Any]]:
    """Return a ledger: two snapshots, changes that were made or not, a release; *text* in each."""
    snapshots = [
        {
            "n": number,
            "kind": "snapshot",
            "at": "2026-11-23T21:40:00Z",
            "principal": principal,
            "snapshot_id": f"snapshot{number}",
            "operator": OPERATOR + text,
        }
        for number, principal in ((1, USER), (2, ROLE))
    ]
    changes = [
        (3, USER, "PutUserPolicy", "inline policy containment-inc-2026-0042", None, "done", 10),
        (5, ROLE, "PutRolePolicy", "inline policy containment-inc-2026-0042", None, "done", 12),
        (7, USER, "UpdateAccessKey", "access key AKIAIOSFODNN7EXAMPLE", "Inactive", "done", 14),
        (9, USER, "UpdateAccessKey", "access key AKIAI44QH8DHBEXAMPLE", "Inactive", "done", 15),
        (11, USER, "TagUser", "tag containment:inc-2026-0042", None, "refused", 16),
    ]
    made: list[dict[str, Any]] = []
    for number, principal, operation, facet, after, result, second in changes:
        moment = f"2026-11-23T21:40:{second}Z"
        made += [
            {
                "n": number,
                "kind": "intent",
                "at": moment,
                "principal": principal,
                "operation": operation,
                "facet": facet + text,
                "after": after,
                "operator": OPERATOR,
            },
            {
                "n": number + 1,
                "kind": "outcome",
                "of": number,
                "result": result,
                "request_id": f"request-{number}{text}",
                "aws_at": moment,
            },
        ]
    release = {
        "n": 13,
        "kind": "release",
        "at": "2026-11-24T09:00:00Z",
        "principal": USER,
        "snapshot_id": "snapshot1",
        "disposition": "confirmed",
        "operator": OPERATOR,
    }
    return [*snapshots, *made, release]


def verdicts(text: str = "") -> list[dict[str, Any]]:
    """Return two verdicts: not verified, then verified by a record of AWS's."""
    common = {"emulated": True, "caller": OPERATOR + text}
    record = {
        "level": "V4+",
        "subject": ROLE,
        "outcome": "holds",
        "what": f"AWS refused ListRoles{text}",
        "request": "request-77",
        "authorization": "4f7kq2m9",
    }
    return [
        {
            **common,
            "verdict": "not verified",
            "verified_at": "2026-11-23T21:45:00Z",
            "evidence": [],
            "missing": [{"level": "V5", "subject": "account 111122223333", "why": "no log"}],
        },
        {
            **common,
            "verdict": "contained, verified",
            "verified_at": "2026-11-23T22:20:14Z",
            "evidence": [record],
            "missing": [],
            "access": [
                {
                    "principal": ROLE,
                    "undo": [
                        {"holder": f"{USER}{text}", "actions": ["iam:PutRolePolicy"], "is_sure": 1}
                    ],
                    "undo_before": [{}, {}],
                    "become": [],
                    "become_before": [],
                    "notes": [f"the control policies{text}"],
                }
            ],
        },
    ]


def sources(text: str = "", **more: Any) -> Sources:
    """Return all of it, with *text* in whatever an account, a log or a ledger may hold."""
    spec = IncidentSpec.model_validate(SPEC)
    descendant = Descendant(
        f"AKIAI44QH8DHBEXAMPLE{text}", "access_key", "A_issued", f"111122223333/user/ci{text}", "",
        "2026-11-23T21:20:00Z", "", "e", "certain",
    )  # fmt: skip
    fields: dict[str, Any] = {
        "spec": spec,
        "entries": entries(text),
        "ledger": "intact, 13 of its entries read",
        "verdicts": verdicts(text),
        "descendants": Record(spec.incident, (Traced("k", "s", "u"),), (descendant,)),
        "stays_open": {"user at deny-all": f"sessions of roles{text}: up to 12 hours"},
        "made_at": datetime(2026, 11, 25, tzinfo=UTC),
        **more,
    }
    return Sources(**fields)

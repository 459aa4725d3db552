"""``containment resolve``: whose key is this, and what to write in the spec."""

from __future__ import annotations

import click

from cli import render
from cli.options import json_option
from cli.words import describe_keys
from containment.aws.clients import connect
from containment.aws.faults import explained
from containment.clock import isoformat
from containment.intake.subject import resolve as resolve_named
from containment.spec import Target, target_lines


@click.command()
@click.argument("named", metavar="KEY_OR_ARN")
@json_option
def resolve(*, named: str, as_json: bool) -> None:
    """Say whose key it is, or whether a principal is there. Nothing in AWS is changed.

    KEY_OR_ARN is an access key id (AKIA…), the ARN of a user or role, or a unique id (AIDA…,
    AROA…, AROA…:session).
    """
    with explained("looking for credentials"):
        clients = connect()
    resolved = resolve_named(clients.iam, clients.sts, named)
    principal = resolved.principal
    leaked = (resolved.key.credential_id,) if resolved.key else ()
    target = Target.model_validate({principal.kind: principal.arn, "leaked": leaked})
    if as_json:
        render.document(
            {
                "principal": principal.arn,
                "account": principal.account,
                "kind": principal.kind,
                "name": principal.name,
                "unique_id": resolved.unique_id,
                "created_at": isoformat(resolved.created_at),
                "access_keys": [
                    {
                        "access_key_id": key.credential_id,
                        "status": key.status,
                        "created_at": isoformat(key.created_at),
                        "asked": key == resolved.key,
                    }
                    for key in resolved.keys
                ],
                "target": target.model_dump(mode="json", exclude_defaults=True),
                "text": target_lines(target),
            }
        )
        return
    render.fields(
        [
            (principal.kind, principal.arn),
            ("account", principal.account),
            ("unique id", resolved.unique_id),
            ("made", isoformat(resolved.created_at)),
            *describe_keys(resolved, leaked),
        ]
    )
    render.say("in the spec, under targets:")
    render.verbatim(target_lines(target))

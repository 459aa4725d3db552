"""``containment responder-policy``: the least that a responder's role has to be allowed."""

from __future__ import annotations

import json

import click

from cli import render
from containment.aws.caller import identify
from containment.aws.clients import connect
from containment.aws.faults import explained
from containment.errors import SpecError
from containment.responder import policy

_DIGITS = 12


@click.command("responder-policy")
@click.option("--account", help="The account it is for; the caller's, if left out.")
@render.json_option
def responder_policy(*, account: str | None, as_json: bool) -> None:
    """Print the policy of the responder's role, made of what containment really calls."""
    document = policy(_checked(account) if account else _own())
    if as_json:
        render.document(document)
        return
    render.verbatim(json.dumps(document, indent=2))


def _checked(account: str) -> str:
    if len(account) != _DIGITS or not (account.isascii() and account.isdecimal()):
        raise SpecError(
            f"{account!r} is not a 12-digit account id", remedy="write it like 111122223333"
        )
    return account


def _own() -> str:
    with explained("looking for credentials (or name the account with --account)"):
        clients = connect()
    return identify(clients.sts).account

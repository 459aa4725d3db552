"""``containment responder-policy``: the least that a responder's role has to be allowed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import render
from cli.options import json_option
from containment.aws.caller import identify
from containment.aws.clients import connect
from containment.aws.faults import explained
from containment.errors import NotFoundError, SpecError
from containment.profile import load
from containment.responder import policy
from containment.run import project

if TYPE_CHECKING:
    from containment.ledger import LedgerSettings

_DIGITS = 12


@click.command("responder-policy")
@click.option("--account", help="The account it is for; the caller's, if left out.")
@json_option
def responder_policy(*, account: str | None, as_json: bool) -> None:
    """Print the policy of the responder's role, made of what containment really calls.

    Where the profile, containment.yaml, keeps the ledger in a bucket, what that needs is added; it
    is for the credentials in the environment, whatever role the profile has assumed.
    """
    kept = _ledgers()
    document = policy(_checked(account) if account else _own(), ledgers=kept)
    if as_json:
        render.document(document)
        return
    render.verbatim(json.dumps(document, indent=2))


def _ledgers() -> list[LedgerSettings]:
    """Return where ledgers are kept here, if this is a project.

    Raises:
        SpecError: the profile cannot be used.
    """
    try:
        found = project.find(Path.cwd())
    except NotFoundError:
        return []
    return [load(found.root).ledger]


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

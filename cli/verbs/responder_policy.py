"""``containment responder-policy``: the least that a responder's role has to be allowed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import render
from cli.options import json_option, stack_argument
from containment.aws.caller import identify
from containment.aws.clients import connect
from containment.aws.faults import explained
from containment.errors import NotFoundError, SpecError
from containment.ledger.places import settings_of
from containment.responder import policy
from containment.run import project

if TYPE_CHECKING:
    from containment.ledger import LedgerSettings

_DIGITS = 12


@click.command("responder-policy")
@stack_argument
@click.option("--account", help="The account it is for; the caller's, if left out.")
@json_option
def responder_policy(*, named: str | None, account: str | None, as_json: bool) -> None:
    """Print the policy of the responder's role, made of what containment really calls.

    STACK is the incident whose settings say where the ledger is; all in stacks/, if left out. A
    bucket adds what a ledger there needs; where containment:role is set, that is for the
    credentials in the environment and not for the role.
    """
    kept = _ledgers(named)
    document = policy(_checked(account) if account else _own(), ledgers=kept)
    if as_json:
        render.document(document)
        return
    render.verbatim(json.dumps(document, indent=2))


def _ledgers(named: str | None) -> list[LedgerSettings]:
    """Return where ledgers are kept here.

    Raises:
        NotFoundError: a stack is named, and this is no project.
        SpecError: a setting of the ledger cannot be used.
    """
    try:
        found = project.find(Path.cwd())
    except NotFoundError:
        if named:
            raise
        return []
    stacks = [project.choose(named, [], None)] if named else found.configured
    return [settings_of(found.settings(stack)) for stack in stacks]


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

"""``containment responder-policy``: the least that the responder's roles have to be allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from cli import render
from cli.options import json_option
from containment.aws.caller import identify
from containment.aws.clients import connect
from containment.aws.faults import explained
from containment.errors import NotFoundError, SpecError
from containment.profile import FILE, Profile, load
from containment.responder import DUTIES, Duty, guard_policy, policy, protected, verify_policy
from containment.run import project

_DIGITS = 12
_GUARD: Literal["guard"] = "guard"
_VERIFY: Literal["verify"] = "verify"


@click.command("responder-policy")
@click.argument("duty", type=click.Choice((*DUTIES, _GUARD, _VERIFY)))
@click.option("--account", help="The account it is for; the caller's, if left out.")
@json_option
def responder_policy(
    *, duty: Duty | Literal["guard", "verify"], account: str | None, as_json: bool
) -> None:
    """Print the policy of the role that contains, lifts or sets the guard, or of who verifies.

    It is made of what containment really calls. Whoever contains may attach AWSDenyAll alone, and
    whoever lifts may detach it alone. Neither may change whom the profile, containment.yaml,
    protects; of everybody else the holder of either role is an administrator.

    Where the profile keeps the ledger in a bucket, what that needs is added; it is for the
    credentials in the environment, whatever role the profile has assumed.

    The role of the guard belongs to the organisation: --account is its management account.
    What verifying takes is beside the policy of whoever contains.
    """
    if duty == "verify":
        render.document(verify_policy())
        return
    number = _checked(account) if account else _own()
    if duty == "guard":
        render.document(guard_policy(number))
        return
    profile = _profile()
    if not protected(number, profile):
        render.tell(
            f"note: {FILE} names nobody in {number} to protect, so this allows to change whoever"
            " contains, lifts, reviews or breaks the glass",
            style="yellow",
        )
    del as_json  # a policy is one JSON document for people too
    render.document(policy(number, duty, profile=profile))


def _profile() -> Profile:
    """Return the profile of this project, if this is one.

    Raises:
        SpecError: the profile cannot be used.
    """
    try:
        this_project = project.find(Path.cwd())
    except NotFoundError:
        return Profile()
    return load(this_project.root)


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

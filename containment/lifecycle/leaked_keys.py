"""Whose the leaked keys of a spec are: where its principal was renamed, or they are another user's.

Source: IAM API Reference, GetAccessKeyLastUsed (it tells the user of an access key, and of no other
credential).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.aws.resolve import owner_of
from containment.errors import ContainmentError
from containment.identities import is_access_key_id
from containment.lifecycle.snapshot import KeyOwner

if TYPE_CHECKING:
    from collections.abc import Iterable

    from containment.aws.credentials import Credential
    from containment.aws.principal import LivePrincipal
    from containment.lifecycle.context import Context
    from containment.lifecycle.snapshot import SnapshotInputs


def user_by_key(context: Context, inputs: SnapshotInputs) -> LivePrincipal | None:
    """Return the user to whom a leaked key leads, where nobody has the name in the spec."""
    leaked = inputs.lift.leaked if inputs.target.kind == "user" else ()
    for key in filter(is_access_key_id, leaked):
        owner = owner_of(context.clients.iam, key)
        if owner is None:
            continue
        context.say(
            "warning",
            f"there is no {inputs.principal}, and {key} is a key of {owner.principal.arn}:"
            " that user is contained; it was renamed, and a renamed user is followed by its id",
        )
        named = inputs.model_copy(update={"principal": owner.principal.arn})
        return context.locate(named, owner.unique_id)
    return None


def owners(
    context: Context,
    live: LivePrincipal,
    leaked: Iterable[str],
    credentials: Iterable[Credential],
) -> tuple[KeyOwner, ...] | None:
    """Return to which other users leaked keys lead; None where all are *live*'s own.

    Whoever renames a user and makes another one of the old name would else work on, while the
    other one is contained.
    """
    if live.principal.kind == "role":
        return None
    own = {one.credential_id for one in credentials}
    led: dict[str, list[str]] = {}
    for key in sorted(set(leaked) - own):
        if not is_access_key_id(key):
            # IAM tells whose an access key is, and of no other credential.
            context.say("warning", f"{key} is no credential of {live}")
            continue
        try:
            owner = owner_of(context.clients.iam, key)
        except ContainmentError as error:
            warning = f"{key} is no key of {live}, and whose it is cannot be found out: {error}"
            context.say("warning", warning)
            continue
        if owner is None:
            context.say("warning", f"{key} is no key of {live}, nor of anybody here now")
        elif owner.unique_id != live.unique_id:
            led.setdefault(owner.principal.arn, []).append(key)
            context.say(
                "warning",
                f"{key} is no key of {live} but of {owner.principal.arn}: both are contained;"
                f" write 'user: {owner.principal.arn}' with 'leaked: [{key}]' in the spec",
            )
    other_users = (KeyOwner(principal=arn, leaked=tuple(names)) for arn, names in led.items())
    return tuple(other_users) or None

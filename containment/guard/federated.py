"""The federated sessions that a trace found, by the names that a guard can deny them by.

The session of a GetFederationToken is ``account:name`` for ``aws:userid``, a name of the caller's
own choosing: nothing matches it by the user's id, and only a log tells the name. Whoever gives
another one the same name is denied with it, which is said.

Sources: IAM User Guide, "Principal information available in request context"; STS API Reference,
GetFederationToken (``Name``: 2 to 32 of letters, digits and ``_+=,.@-``).
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from containment.errors import SpecError
from containment.facets.marks import is_incident

if TYPE_CHECKING:
    from containment.lifecycle.context import Context

_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{2,32}")
# A control policy has no room for any number of them, and whoever holds a key makes any number.
MOST = 40


def userids(context: Context, incident: str, account: str) -> list[str]:
    """Return ``aws:userid`` of the federated sessions in the record beside the incident's spec.

    Those that are swept or have ended are none, nor what is no name of AWS's form. That the record
    cannot be read, or names more than a guard has room for, is said.
    """
    from containment import descendants  # noqa: PLC0415 -- no deny waits for its parser

    if not is_incident(incident):
        return []
    path = descendants.path_beside(context.directory / "stacks" / f"{incident}.yaml")
    try:
        record = descendants.load(path)
    except SpecError as error:
        context.say("warning", f"the guard denies no federated session by its name: {error}")
        return []
    now = context.caller.answered_at
    names = {
        one.session
        for one in (record.descendants if record else ())
        if one.principal.startswith(f"{account}/user/")
        and one.is_session
        and not one.swept.strip()
        and datetime.fromisoformat(one.ends) > now
        and _NAME.fullmatch(one.session)
    }
    if len(names) > MOST:
        context.say(
            "warning",
            f"the guard denies {MOST} of {len(names)} federated names that the trace found: hold"
            " the user who gives them, which denies all of them",
        )
    return [f"{account}:{name}" for name in sorted(names)[:MOST]]

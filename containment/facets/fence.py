"""The release fence: what a deny becomes at lift, so that nothing minted under it comes alive.

The deny's own policy is rewritten in one Put. The fence denies the tokens that were issued while
the principal was denied, lets new ones pass, and carries its own end.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from containment.aws.consistency import eventually
from containment.aws.faults import code, is_full
from containment.clock import isoformat
from containment.errors import ConflictError, NotContainedError
from containment.facets import deny
from containment.facets.marks import policy_name
from policies import render, text

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from containment.aws.principal import LivePrincipal
    from containment.facets import documents
    from containment.facets.decisions import Word
    from containment.facets.marks import Mark

# GetSessionToken and GetFederationToken live 36 hours at most (STS API Reference, DurationSeconds);
# one hour more for clocks.
LIFE = timedelta(hours=37)


def document(scope: deny.Scope, mark: Mark, *, now: datetime) -> documents.Document:
    """Return the policy that denies the tokens which the lift of *scope* would bring to life.

    Everything issued before *now* for a deny of all or of sessions; what was already revoked for
    one of older tokens, so that nobody new is denied.
    """
    # Issue times are whole seconds, so a token of this very second needs the next one.
    moment = scope.issued_before or isoformat(now + timedelta(seconds=1))
    until = isoformat(now + LIFE)
    if scope.kind == "sessions":
        return render(
            "release-fence-sessions",
            sid=mark.sid,
            matches=deny.as_values(scope.matches),
            issued_before=moment,
            until=until,
        )
    return render("release-fence", sid=mark.sid, issued_before=moment, until=until)


def lift(
    live: LivePrincipal,
    incident: str,
    scope: deny.Scope,
    found: deny.LiveDeny,
    mark: Mark,
    *,
    fenced: bool,
    decision: Word | None = None,
) -> str:
    """Take the deny away, or rewrite it in one Put into its release fence; return what was done.

    Raises:
        ConflictError: the fence has no room, or AWS refuses what others wrote beside it; the deny
            is left as it is.
        NotContainedError: AWS took the change and reading it back does not show it.
    """
    alone = decision == "force-ours"
    if not fenced:
        _written(live, incident, lambda: deny.take_away(live, incident, found, alone=alone))
        if not eventually(lambda: deny.find(live, incident, found.only).mark is None):
            raise NotContainedError(
                f"the deny on {live} is still there after it was removed",
                remedy="run 'pulumi destroy' again",
            )
        return f"{live}: the deny is gone"
    ours = document(scope, mark, now=live.answered_at)
    _written(live, incident, lambda: deny.put(live, incident, found, ours, alone=alone))
    if not eventually(lambda: deny.shows(live, incident, ours)):
        raise NotContainedError(
            f"the release fence on {live} was written and does not show",
            remedy="run 'pulumi destroy' again",
        )
    end = deny.read(text(ours), incident)
    return f"{live}: tokens issued before {end.issued_before} stay denied until {end.until}"


def _written(live: LivePrincipal, incident: str, write: Callable[[], None]) -> None:
    """Write, and say what it means where AWS refuses the document."""
    try:
        write()
    except ClientError as error:
        if is_full(error):
            raise ConflictError(
                f"{live} has no room for the release fence, so its deny stays",
                remedy="shorten an inline policy by about 300 characters and run 'pulumi destroy'"
                " again, or declare the incident false-positive",
            ) from error
        if code(error) == "MalformedPolicyDocument":
            raise ConflictError(
                f"AWS refuses the policy {policy_name(incident)} of {live} with what others wrote"
                f" into it ({error})",
                remedy=f"mend or remove their statements; or 'containment lift {incident}"
                f" --force-ours deny@{live.principal.label}' drops them",
            ) from error
        raise

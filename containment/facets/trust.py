"""A role's trust policy: one Deny statement of ours in it, the rest untouched.

New document = live plus or minus ours, never one from memory: whoever can write the state could
otherwise make us write any trust policy. AWS rewrites principals when it stores a trust policy,
and refuses one that names a principal which is gone ("AWS JSON policy elements: Principal").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from containment.aws.consistency import eventually
from containment.aws.faults import code
from containment.errors import ConflictError, NotContainedError
from containment.facets import documents
from policies import literal, render, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.aws.principal import LivePrincipal
    from containment.facets.marks import Mark

_CURRENT_VERSION = "2012-10-17"


def statement(mark: Mark, break_glass: Sequence[str], trust_policy: str) -> documents.Statement:
    """Return the statement that closes *trust_policy* to everyone but *break_glass*."""
    version = (documents.parse(trust_policy) or {}).get("Version")
    # Policy variables, and so their escapes, exist since version 2012-10-17 only.
    exempt = [
        str(literal(arn)) if version == _CURRENT_VERSION else arn for arn in sorted(break_glass)
    ]
    return render("closed-trust", sid=mark.sid, break_glass=exempt)


def newest(trust_policy: str, incident: str) -> Mark | None:
    """Return the newest mark of *incident* in *trust_policy*."""
    ours = [mark for mark in documents.marks(trust_policy) if mark.is_of(incident)]
    return max(ours, key=lambda mark: mark.generation, default=None)


def is_closed(trust_policy: str, incident: str, break_glass: Sequence[str]) -> bool:
    """Tell whether a statement of *incident* closes *trust_policy* to all but *break_glass*."""
    mark = newest(trust_policy, incident)
    if mark is None:
        return False
    ours = statement(mark, break_glass, trust_policy)
    return documents.holds(trust_policy, {"Statement": [ours]})


def closed(trust_policy: str, incident: str, ours: documents.Statement) -> str:
    """Return *trust_policy* with *ours* as its only statement of *incident*."""
    rest = documents.without(documents.parse(trust_policy) or {}, lambda mark: mark.is_of(incident))
    return text({**rest, "Statement": [*rest["Statement"], ours]})


def reopened(trust_policy: str, incident: str, prior: str) -> str:
    """Return *trust_policy* without the statements of *incident*.

    The bytes of *prior* are used only where it says exactly the same.
    """
    rest = documents.without(documents.parse(trust_policy) or {}, lambda mark: mark.is_of(incident))
    return prior if documents.equal(rest, prior) else text(rest)


def lift(live: LivePrincipal, incident: str, prior: str) -> str:
    """Take our statement out of *live*'s trust policy; return what was done, in words.

    Raises:
        ConflictError: AWS refuses what would be left, because it names a principal that is gone.
        NotContainedError: the change was taken and reading it back does not show it.
    """
    wanted = reopened(live.trust_policy, incident, prior)
    try:
        live.set_trust_policy(wanted)
    except ClientError as error:
        if code(error) != "MalformedPolicyDocument":
            raise
        raise ConflictError(
            f"AWS refuses the trust policy that {live} had before: it names a principal that is"
            f" gone ({error})",
            remedy=f"remove that principal with 'aws iam update-assume-role-policy --role-name"
            f" {live.principal.name}' (the document before is in the snapshot's output"
            " trustPolicy), then run 'pulumi destroy' again",
        ) from error
    if not eventually(lambda: _reads(live, wanted)):
        raise NotContainedError(
            f"the trust policy of {live} was given back and does not read so",
            remedy="run 'pulumi destroy' again",
        )
    if documents.equal(wanted, prior):
        return f"{live}: the trust policy is as it was"
    return f"{live}: others changed the trust policy meanwhile; theirs stays, our statement is gone"


def _reads(live: LivePrincipal, wanted: str) -> bool:
    now = live.again()
    return now is not None and documents.equal(now.trust_policy, wanted)

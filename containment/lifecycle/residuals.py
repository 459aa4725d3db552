"""What stays open for whoever holds a contained principal's credentials, and until when.

It follows from the table of issuers: a rung denies the principal's own calls, so what acts as the
principal ends with it; what acts as a role lives until that role is contained; and what is used
where IAM asks no policy lives until its own end. Source of the rule: IAM User Guide, "Policy
evaluation logic" (the policies of the identity that makes the request decide).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from containment.aws.issuers import NOT_DOCUMENTED, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from containment.aws.issuers import Issuer
    from containment.identities import PrincipalKind

_HOUR, _DAY = 3600, 86400
# The rungs at which the principal itself goes on acting, but for what the rung names.
_ACTS_ON = {("user", "key-only"), ("user", "session"), ("role", "session")}
# A role has no credentials of its own, and no user can be a role's sign-in.
_OF_USERS = ("iam:", "sts:GetSessionToken", "sts:GetFederationToken")


@dataclass(frozen=True, slots=True)
class Residual:
    """One kind of thing that stays open.

    Attributes:
        what: what it is.
        until: until when, at the longest.
        ends: what ends it earlier.
        operations: which operations may have issued it.
    """

    what: str
    until: str
    ends: str
    operations: tuple[str, ...]

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.what}: {self.until}; {self.ends}"


def stays_open(
    kind: PrincipalKind, rung: str, *, longest_session_s: int | None = None
) -> tuple[Residual, ...]:
    """Return what a principal's attacker keeps at *rung*, and until when.

    Args:
        kind: whether the principal is a user or a role.
        rung: how far it is contained.
        longest_session_s: the longest session that the role allows, where the account told.
    """
    rows = table().issuers
    own = [row for row in rows if row.acts_as == "principal" and _issued_to(kind, row)]
    residuals: list[Residual] = []
    if (kind, rung) in _ACTS_ON:
        named = "the leaked keys" if rung == "key-only" else "the sessions named"
        ends = "another rung ends them"
        residuals.append(_residual(f"what acts as the {kind}, but for {named}", own, ends))
        if kind == "role":
            residuals.append(_sessions(longest_session_s))
    other = "sessions of roles that it opened" if kind == "user" else "sessions of other roles"
    residuals += [
        _residual(other, [row for row in rows if row.acts_as == "role"], "contain those roles too"),
        _residual(
            "what is used where IAM asks no policy (database passwords, keys on machines, secrets)",
            [row for row in rows if row.acts_as == "outside"],
            "end each where it is used",
        ),
        _residual(
            "doors that it opened (trust policies, providers, assignments, access entries)",
            [row for row in rows if row.acts_as == "door"],
            "'containment trace' finds those that CloudTrail has",
        ),
    ]
    return tuple(residuals)


def by_rung(
    principals: Iterable[tuple[PrincipalKind, str]], longest_session_s: int | None = None
) -> dict[str, str]:
    """Return the same in words for *principals*, once for each kind and rung."""
    return {
        f"{kind} at {rung}": " | ".join(
            str(residual)
            for residual in stays_open(kind, rung, longest_session_s=longest_session_s)
        )
        for kind, rung in sorted(set(principals))
    }


def lifetime(seconds: int) -> str:
    """Return *seconds* in the largest unit that divides them."""
    for size, word in ((_DAY, "day"), (_HOUR, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            number = seconds // size
            return f"{number} {word}{'s' if number > 1 else ''}"
    return f"{seconds} seconds"


def _issued_to(kind: PrincipalKind, row: Issuer) -> bool:
    return kind == "user" or not row.operation.startswith(_OF_USERS)


def _sessions(longest_session_s: int | None) -> Residual:
    rows = [row for row in table().issuers if row.operation.startswith("sts:AssumeRole")]
    rows = [row for row in rows if row.acts_as == "role"]
    until = (
        f"{lifetime(longest_session_s)}, the longest session that the role allows"
        if longest_session_s
        else _until(rows)
    )
    names = tuple(row.operation for row in rows)
    return Residual("other sessions of the role", until, "'rung: revoke-sessions' ends them", names)


def _residual(what: str, rows: Sequence[Issuer], ends: str) -> Residual:
    return Residual(what, _until(rows), ends, tuple(row.operation for row in rows))


def _until(rows: Iterable[Issuer]) -> str:
    """Return the longest life among *rows*: in numbers, and what has no number besides."""
    row_list = list(rows)
    longest = max((row.seconds for row in row_list if row.seconds), default=None)
    parts = [f"up to {lifetime(longest)}"] if longest else []
    if any(not row.seconds and row.longest_life != NOT_DOCUMENTED for row in row_list):
        parts.append("some until somebody ends it" if parts else "until somebody ends it")
    untold = sum(row.longest_life == NOT_DOCUMENTED for row in row_list)
    if untold:
        parts.append(f"{untold} of {len(row_list)} kinds without a limit that AWS documents")
    return ", ".join(parts)

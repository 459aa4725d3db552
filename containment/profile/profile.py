"""The organisation's profile of one project, as the rest of the program asks it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from containment.identities import Principal, parse_principal
from containment.ledger import LedgerSettings
from containment.ledger.places import DAYS, LOCK, PLACE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FILE = "containment.yaml"
ACCOUNT = "{account}"
Part = Literal["responder", "pipeline", "guard", "break-glass"]
Required = Literal["lift", "all"]

# AWS documents no time; practitioners measured seconds as a rule, and minutes under load.
GUARD_LAG_S = 60
# What one change may touch before a person is asked to raise it.
MOST_PRINCIPALS, MOST_ACCOUNTS = 50, 5
VALID_HOURS = 24
REVIEW_WITHIN_HOURS = 24

_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Profile:
    """What a project's ``containment.yaml`` says; the defaults where there is none.

    In ARNs ``{account}`` stands for the account of the principal that is contained.

    Attributes:
        region: whose endpoints are asked; None for that of the environment.
        role: the ARN of the role to assume; None for the environment's credentials.
        lift_role: the ARN of the role that lifts; *role* where it is None.
        ledger: where ledgers are kept.
        state: the backend that stacks are kept in; None for that of the environment.
        secrets: the URL of the key by which what is secret in a state is kept; None for none.
        sign_in_regions: where sign-in sessions are looked for; empty for what is usual.
        responder: who contains and lifts, besides the two roles, by ARN.
        pipeline: the roles of CI, by ARN.
        guard: who sets service control policies, by ARN.
        guard_role: the ARN of the role to assume for that; None for the environment's credentials.
        guard_required: whether a containment without a guard counts as none.
        guard_lag_s: how long a control policy may take to bind, in seconds.
        break_glass: who stays able to get in, by ARN.
        most_principals: how many principals one change of specs may touch.
        most_accounts: in how many accounts.
        approvals: how many persons approve a change.
        valid_hours: for how long an approval may be used.
        bots: names of signers that are no person's.
        review_required: what nobody does without a review; None for nothing.
        review_within_hours: by when an emergency is to be reviewed.
        sha256: of the file's bytes, as ``sha256sum`` prints it; None where there is no file.
    """

    region: str | None = None
    role: str | None = None
    lift_role: str | None = None
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
    state: str | None = None
    secrets: str | None = None
    sign_in_regions: tuple[str, ...] = ()
    responder: tuple[str, ...] = ()
    pipeline: tuple[str, ...] = ()
    guard: tuple[str, ...] = ()
    guard_role: str | None = None
    guard_required: bool = False
    guard_lag_s: int = GUARD_LAG_S
    break_glass: tuple[str, ...] = ()
    most_principals: int = MOST_PRINCIPALS
    most_accounts: int = MOST_ACCOUNTS
    approvals: int = 1
    valid_hours: int = VALID_HOURS
    bots: tuple[str, ...] = ()
    review_required: Required | None = None
    review_within_hours: int = REVIEW_WITHIN_HOURS
    sha256: str | None = None

    def role_in(self, account: str | None, *, lifting: bool = False) -> str | None:
        """Return the role to assume for a principal of *account*; None for one's own."""
        role = (self.lift_role if lifting else None) or self.role
        if role is None or (account is None and ACCOUNT in role):
            return None
        return role.replace(ACCOUNT, account or "")

    def break_glass_in(self, account: str) -> tuple[str, ...]:
        """Return the break-glass principals of *account*, by ARN."""
        named = (parse_principal(arn.replace(ACCOUNT, account)) for arn in self.break_glass)
        return tuple(sorted({one.arn for one in named if one.account == account}))

    def protected_in(self, account: str) -> Iterator[tuple[Part, Principal]]:
        """Yield whom no incident may deny anything, and as what, as seen from *account*."""
        roles = tuple(role for role in (self.role, self.lift_role) if role)
        listed: tuple[tuple[Part, tuple[str, ...]], ...] = (
            ("responder", roles + self.responder),
            ("pipeline", self.pipeline),
            ("guard", (*((self.guard_role,) if self.guard_role else ()), *self.guard)),
            ("break-glass", self.break_glass),
        )
        for part, arns in listed:
            for arn in arns:
                yield part, parse_principal(arn.replace(ACCOUNT, account))

    def disagreements(self, stated: Mapping[str, object], where: str) -> tuple[str, ...]:
        """Return where *stated* says something else: both versions, and what that means.

        Args:
            stated: the provider's settings as a stack's configuration, or its state, has them.
            where: what that is, to be named.
        """
        plain = {name: _plain(value) for name, value in stated.items()}
        return tuple(
            f"containment:{name} is {plain[name]!r} in {where} and"
            f" {'not set' if agreed is None else repr(agreed)} in {FILE}, which alone counts:"
            " nothing is given back before they agree"
            for name, agreed in self._settings().items()
            if plain.get(name) not in {None, "", agreed}
        )

    def _settings(self) -> dict[str, str | None]:
        days = self.ledger.retention_days
        return {
            "region": self.region,
            "role": self.role,
            PLACE: self.ledger.place,
            LOCK: self.ledger.object_lock,
            DAYS: None if days is None else str(days),
        }


def changed_since(now: Profile, applied: str | None) -> str | None:
    """Return, in words, that *now* is another profile than the one *applied* last; else None.

    Args:
        now: as it is.
        applied: the hash that the state remembers; None where there was no file.
    """
    if applied == now.sha256:
        return None
    return (
        f"{FILE} {_version('is', now.sha256)}, and {_version('was', applied)} when the stack was"
        " applied last"
    )


def _version(verb: str, digest: str | None) -> str:
    return f"{verb} sha256 {digest[:_SHOWN]}…" if digest else f"{verb} not there"


def _plain(value: object) -> str | None:
    # The engine hands numbers over as floats.
    return None if value is None else str(value).removesuffix(".0")

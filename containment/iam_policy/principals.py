"""Match Principal elements with a caller: how closely it is named decides what else must allow.

Source: IAM User Guide, "AWS JSON policy elements: Principal".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.iam_policy.policies import Principals


class Closeness(IntEnum):
    """How a Principal element names the caller; the greater, the more the grant stands alone."""

    NONE = 0
    ACCOUNT = 1  # the account: its own policies have to allow as well
    ISSUER = 2  # the role of a session, or the user behind a federated session
    EVERYONE = 3  # "*": neither a boundary nor a session policy limits what it grants
    EXACT = 4  # the user, or this very session


ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller as a Principal element can name it.

    *names* are the ARNs and unique ids that mean this very caller, *issuers* those of the role
    or user that stands behind a session. *service* and *federated* are set for an AWS service
    and for a web or SAML identity.
    """

    account: str
    names: frozenset[str]
    issuers: frozenset[str] = frozenset()
    service: str = ""
    federated: str = ""

    @property
    def anonymous(self) -> bool:
        """Whether nobody signed the call."""
        return self.account == ANONYMOUS

    def closeness(self, principals: Principals | None) -> Closeness:
        """Return how closely *principals* names this caller, NotPrincipal not inverted."""
        if principals is None:
            return Closeness.NONE
        best = Closeness.NONE
        for kind, values in principals.values.items():
            best = max(best, self._of_kind(kind, values))
        return best

    def _of_kind(self, kind: str, values: Sequence[str]) -> Closeness:
        if kind == "*":
            return Closeness.EVERYONE
        if kind == "AWS" and not self.service and not self.federated:
            return max(map(self._aws, values), default=Closeness.NONE)
        own = {"Service": self.service, "Federated": self.federated}.get(kind, "")
        return Closeness.EXACT if own and own in values else Closeness.NONE

    def _aws(self, value: str) -> Closeness:
        if value in self.names:
            return Closeness.EXACT
        if value in self.issuers:
            return Closeness.ISSUER
        if value == "*":
            return Closeness.EVERYONE
        if value == self.account or (
            value.endswith(f"::{self.account}:root") and value.startswith("arn:")
        ):
            return Closeness.ACCOUNT
        return Closeness.NONE

    def denied_by(self, principals: Principals | None, *, bounded: bool) -> bool:
        """Tell whether a Deny statement with *principals* is about this caller.

        A NotPrincipal never spares a caller that has a permissions boundary ("Permissions
        boundaries for IAM entities").
        """
        if principals is not None and principals.inverted:
            return bounded or not self._spared_by(principals)
        return self.named_by(principals)

    def named_by(self, principals: Principals | None) -> bool:
        """Tell whether a statement with *principals* is about this caller.

        A statement without the element, as in identity policies, is about everybody it applies to.
        NotPrincipal in an Allow leaves out whoever is named, or whose role is.
        """
        if principals is None:
            return True
        closeness = self.closeness(principals)
        if principals.inverted:
            # The account beside the principal is wanted there, and spares nobody by itself.
            return closeness <= Closeness.ACCOUNT
        return closeness is not Closeness.NONE

    def _spared_by(self, principals: Principals) -> bool:
        """Tell whether a Deny with NotPrincipal leaves this caller out.

        "Specifying NotPrincipal with Deny" wants the account named beside the principal, and for a
        session its account, its role and the session itself: AWS may check one after the other.
        """
        values = set(principals.values.get("AWS", ()))
        if self.service or self.federated:
            return self.closeness(principals) is Closeness.EXACT
        if "*" in principals.values or "*" in values:
            return True
        account = {self.account, f"arn:aws:iam::{self.account}:root"}
        return all(links & values for links in (account, self.names, self.issuers) if links)

"""What IAM tells of a credential that belongs to a user, and how one kind is listed and switched.

Each kind is one :class:`CredentialKind` in a file of its own: IAM's operations and members for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Status = Literal["Active", "Inactive"]


@dataclass(frozen=True, slots=True)
class CredentialKind:
    """One kind of credential that has a status, in the words of the IAM API Reference.

    Attributes:
        word: what it is called, in messages and in the ledger.
        listing: the operation that lists a user's.
        members: the member of its answer that holds them.
        id_member: the member that holds the id, in listing and update alike.
        made_member: the member that says when it was made or uploaded.
        update: the operation that makes one Active or Inactive.
    """

    word: str
    listing: str
    members: str
    id_member: str
    made_member: str
    update: str

    @property
    def permissions(self) -> frozenset[str]:
        """The IAM actions that list and switch it."""
        return frozenset({f"iam:{self.listing}", f"iam:{self.update}"})

    def facet(self, credential_id: str) -> str:
        """Return the name of the facet that is the status of one, as the ledger has it."""
        return f"{self.word} {credential_id}"

    def listed(self, entry: Mapping[str, Any]) -> Credential:
        """Return what one entry of the listing says."""
        return Credential(
            self, str(entry[self.id_member]), str(entry["Status"]), entry[self.made_member]
        )


@dataclass(frozen=True, slots=True)
class Credential:
    """One credential of a user without its secret, which IAM never shows again."""

    kind: CredentialKind
    credential_id: str
    status: str
    created_at: datetime

    @property
    def facet(self) -> str:
        """The name of its status in the ledger."""
        return self.kind.facet(self.credential_id)

    @property
    def works(self) -> bool:
        """Whether it may still authenticate; a status that IAM does not document counts as such."""
        return self.status not in {"Inactive", "Expired"}

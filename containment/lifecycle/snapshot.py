"""A principal as it was: what the snapshot remembers, and every other action is given a part of."""

from __future__ import annotations

from pydantic import Field

from containment.ledger import Head, Remembered
from containment.lifecycle.wire import Inputs, Live, RememberedCredentials, Wire

# The word for the action that takes it.
RESOURCE = "PrincipalSnapshot"


class InlinePolicy(Wire):
    """An inline policy's name and size in characters; None where the size was not read."""

    name: str
    size: int | None = None


class LedgerHead(Wire):
    """How far the incident's ledger had got: a later one that is shorter was cut."""

    location: str
    length: int
    sha256: str

    @property
    def remembered(self) -> Remembered:
        """The same in the ledger's own words."""
        return Remembered(self.location, Head(self.length, self.sha256))


class KeyOwner(Wire):
    """Another user than the target, by ARN, whose keys some of the leaked ones are."""

    principal: str
    leaked: tuple[str, ...]


class SnapshotInputs(Inputs):
    """Who is remembered, and what is about to be done to it.

    *profile* is the SHA-256 of the project's profile, which the provider adds; None for no file.
    """

    break_glass: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    profile: str | None = None


class Snapshot(RememberedCredentials, SnapshotInputs):
    """The principal as it was, less what any incident had put there.

    *captured* is what the actions in use asked for besides, by the word of each.
    *owners* are the users to whom leaked keys lead that are not the target's own.
    """

    state_version: int = 1
    live: Live = "applied"
    principal_id: str = ""
    snapshot_id: str | None = None
    captured_at: str | None = None
    account: str = ""
    emulated: bool = False
    inline_policies: tuple[InlinePolicy, ...] = ()
    attached_policies: tuple[str, ...] = ()
    permissions_boundary: str | None = None
    trust_policy: str = ""
    tags: dict[str, str] = Field(default_factory=dict)
    captured: dict[str, dict[str, str]] | None = None
    contested: tuple[str, ...] = ()
    ledger: LedgerHead | None = None
    owners: tuple[KeyOwner, ...] | None = None

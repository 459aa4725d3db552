"""Values as they cross the wire between engine and provider, which every resource has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from containment.aws.credentials import ACCESS_KEY
from containment.identities import Principal, parse_principal

if TYPE_CHECKING:
    from collections.abc import Iterable

Live = Literal["applied", "unverified", "missing", "altered", "stale", "signed in", "unknown"]


class Wire(BaseModel):
    """Values as they cross the wire: camelCase there, snake_case here, immutable."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )


class Lift(Wire):
    """The terms of the lift, as the spec had them when the stack was applied.

    A delete knows only state, so they travel with every resource, and a delete compares them with
    the spec file as it is then.
    """

    spec: str
    disposition: Literal["suspected", "confirmed", "false-positive"]
    compromised_at: str
    leaked: tuple[str, ...] = ()
    hold: bool = False

    @property
    def false_positive(self) -> bool:
        """True where everything comes back, leaked credentials included."""
        return self.disposition == "false-positive"


class Inputs(Wire):
    """What every resource is told; *on_destroy* is added by the provider for reviewers."""

    incident: str
    principal: str
    endpoint: str = ""
    lift: Lift
    on_destroy: str = ""

    @property
    def target(self) -> Principal:
        """The principal that the ARN names."""
        return parse_principal(self.principal)


class AccessKeyStatus(Wire):
    """An access key and its status when the snapshot was taken.

    *said_by* is the incident whose claim said so, where nobody here saw it: it held the key then.
    """

    access_key_id: str
    status: str
    said_by: str | None = None


class CredentialStatus(Wire):
    """A credential that is no access key, and its status when the snapshot was taken.

    *kind* is the word for its kind; *said_by* is as for an access key.
    """

    kind: str
    credential_id: str
    status: str
    said_by: str | None = None

    @property
    def facet(self) -> str:
        """The name of its status in the ledger."""
        return f"{self.kind} {self.credential_id}"


class RememberedCredentials(Wire):
    """A user's credentials when the snapshot was taken; None where there are keys alone."""

    access_keys: tuple[AccessKeyStatus, ...] = ()
    other_credentials: tuple[CredentialStatus, ...] | None = None

    @property
    def credentials(self) -> tuple[CredentialStatus, ...]:
        """All of them in one form, access keys first."""
        keys = (
            CredentialStatus(
                kind=ACCESS_KEY.word,
                credential_id=key.access_key_id,
                status=key.status,
                said_by=key.said_by,
            )
            for key in self.access_keys
        )
        return (*keys, *(self.other_credentials or ()))


def remembered(credentials: Iterable[CredentialStatus]) -> RememberedCredentials:
    """Return *credentials* as state holds them: access keys apart from the others."""
    statuses = list(credentials)
    others = tuple(one for one in statuses if one.kind != ACCESS_KEY.word)
    return RememberedCredentials(
        access_keys=tuple(
            AccessKeyStatus(access_key_id=one.credential_id, status=one.status, said_by=one.said_by)
            for one in statuses
            if one.kind == ACCESS_KEY.word
        ),
        other_credentials=others or None,
    )


class HeldInputs(Inputs):
    """Inputs of a resource that changes something under a snapshot.

    *snapshot_id* is None only in a preview, where it is not known yet.
    """

    principal_id: str
    snapshot_id: str | None = None


class Outputs(Wire):
    """What every mutating resource remembers besides its inputs.

    *generation* orders the writes of one artefact; *live* is what the last look at AWS showed.
    """

    state_version: int = 1
    generation: int | None = None
    live: Live = "applied"

"""What a seeded world holds, with every credential somebody in it has."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key, with a session token where it is temporary."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)

    def env(self) -> dict[str, str]:
        """Return the environment variables that AWS SDKs read."""
        variables = {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
        }
        if self.session_token:
            variables["AWS_SESSION_TOKEN"] = self.session_token
        return variables


@dataclass(frozen=True, slots=True)
class World:
    """The company: its accounts, its people and machines, and what they hold."""

    region: str
    management_account: str
    account: str
    management_admin: Credentials
    admin: Credentials
    ci_user: str
    leaked: Credentials
    release_user: str
    release_key: Credentials
    release_inactive_key_id: str
    deploy_role: str
    app_role: str
    app_session: Credentials
    runner_user: str
    runner: Credentials
    bystander_user: str
    bystander: Credentials
    bystander_role: str
    bystander_session: Credentials
    break_glass_role: str
    responder_role: str
    responder_user: str
    responder_user_key: Credentials
    responder: Credentials
    bucket: str

    def credentials(self) -> dict[str, Credentials]:
        """Return every credential by the name of its field."""
        return {
            name: value
            for name, value in ((f.name, getattr(self, f.name)) for f in fields(self))
            if isinstance(value, Credentials)
        }

    def secrets(self) -> frozenset[str]:
        """Return every secret in the world, to search for where none may be."""
        values: set[str] = set()
        for credentials in self.credentials().values():
            values.add(credentials.secret_access_key)
            if credentials.session_token:
                values.add(credentials.session_token)
        return frozenset(values)

    def to_json(self) -> dict[str, Any]:
        """Return plain data, secrets included."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> World:
        """Read back what *to_json* wrote."""
        values: dict[str, Any] = {
            name: Credentials(**cast("dict[str, Any]", value)) if isinstance(value, dict) else value
            for name, value in data.items()
        }
        return cls(**values)

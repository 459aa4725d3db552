"""A target: one principal, named once, with the rung that holds it.

Every refusal here is about what the words of the spec mean; nothing is asked of AWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from containment.errors import SpecError
from containment.identities import Principal, PrincipalKind, parse_principal
from containment.spec.fields import (
    STRICT,
    CredentialId,
    Instance,
    KeyId,
    Network,
    RoleArn,
    SessionWord,
    SignInSession,
    UserArn,
)
from containment.spec.problems import Problem, WrongError, shown
from containment.spec.vocabulary import DEFAULT_RUNG, REFUSED, RUNG_EFFECTS, Rung, rungs_of

if TYPE_CHECKING:
    from collections.abc import Iterator


class Session(BaseModel):
    """Some sessions of a principal, by exactly one mark that AWS itself puts on the requests."""

    model_config = STRICT

    name: SessionWord | None = Field(
        default=None,
        description="Role session name (an EC2 instance's is its id), or the name given to "
        "`GetFederationToken` where the target is a user.",
        examples=["i-0abc1234def567890"],
    )
    source_identity: SessionWord | None = Field(
        default=None,
        description="`sts:SourceIdentity`, which a session keeps through every role it assumes.",
        examples=["alice"],
    )
    source_ip: Network | None = Field(
        default=None,
        description="Address or network the calls come from. An attacker can change it; calls "
        "through a VPC endpoint carry none, and so do those that a service makes on their behalf.",
        examples=["203.0.113.7"],
    )
    source_instance: Instance | None = Field(
        default=None,
        description="ARN of the EC2 instance that was given the credentials.",
        examples=["arn:aws:ec2:eu-central-1:111122223333:instance/i-0abc1234def567890"],
    )

    sign_in_session: SignInSession | None = Field(
        default=None,
        description="ARN of a sign-in session (`aws login`, the AWS MCP Server), which every token "
        "that it is refreshed into carries as `aws:SignInSessionArn`. It lives up to 90 days and "
        "is revoked with the deny.",
        examples=[
            "arn:aws:signin:eu-central-1:111122223333:session/8f4b2c1e-0000-4000-8000-000000000001"
        ],
    )

    @model_validator(mode="after")
    def _one_mark(self) -> Self:
        marks = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(marks) != 1:
            raise WrongError(
                Problem(
                    f"has {len(marks)} marks" if marks else "has no mark",
                    "exactly one of name, source_identity, source_ip, source_instance, "
                    "sign_in_session",
                    "write one entry of the list for each mark",
                )
            )
        return self

    @property
    def mark(self) -> tuple[str, str]:
        """The one mark, as (field, value)."""
        return next(
            (name, value)
            for name in type(self).model_fields
            if (value := getattr(self, name)) is not None
        )


def _default_rung(fields: dict[str, Any]) -> Rung:
    return DEFAULT_RUNG["role" if fields.get("role") is not None else "user"]


def _one_principal(schema: dict[str, JsonValue]) -> None:
    """Say in the JSON Schema what a target of each kind may have."""
    users: list[JsonValue] = [str(rung) for rung in rungs_of("user")]
    roles: list[JsonValue] = [str(rung) for rung in rungs_of("role")]
    schema["oneOf"] = [
        {"required": ["user"], "properties": {"rung": {"enum": users}}},
        {"required": ["role"], "properties": {"rung": {"enum": roles}, "leaked": False}},
        {"required": ["access_key"], "properties": {"rung": {"enum": users}, "leaked": False}},
    ]


class Target(BaseModel):
    """One principal to contain: exactly one of *user*, *role* and *access_key*."""

    model_config = STRICT | ConfigDict(json_schema_extra=_one_principal)

    user: UserArn | None = Field(
        default=None,
        description="ARN of an IAM user, with its path.",
        examples=["arn:aws:iam::111122223333:user/ci/ci-deploy"],
    )
    role: RoleArn | None = Field(
        default=None,
        description="ARN of an IAM role, with its path. Not a service-linked role, and not a role "
        "that IAM Identity Center keeps.",
        examples=["arn:aws:iam::111122223333:role/app"],
    )
    access_key: KeyId | None = Field(
        default=None,
        description="Id of a leaked long-term key: short for its user with that key in `leaked`. "
        "`containment resolve` prints the lines to write instead.",
        examples=["AKIAIOSFODNN7EXAMPLE"],
    )
    leaked: Annotated[tuple[CredentialId, ...], Field(strict=False)] = Field(
        default=(),
        description="Ids of the user's credentials that are in the wrong hands: access keys, and "
        "as IAM lists them service-specific credentials (`ACCA…`), SSH public keys (`APKA…`) and "
        "signing certificates. They stay Inactive at a lift, unless the incident was a false "
        "positive. None named: all of them count as leaked.",
        examples=[["AKIAIOSFODNN7EXAMPLE"]],
    )
    rung: Annotated[Rung, Field(strict=False)] = Field(
        default_factory=_default_rung,
        description="How far to contain it, see the table below. Left out: `deny-all` for a user, "
        "`revoke-sessions` for a role.",
        examples=["revoke-sessions"],
    )
    sessions: Annotated[tuple[Session, ...], Field(strict=False)] = Field(
        default=(),
        description="Which sessions to deny; with `rung: session` and with no other.",
        examples=[[{"name": "i-0abc1234def567890"}]],
    )

    wave: int = Field(
        default=1,
        ge=1,
        le=99,
        description="In which wave it is contained: `up --wave N` contains the targets of waves up "
        "to N, and `up` all of them.",
        examples=[2],
    )

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if problems := list(self._contradictions()):
            raise WrongError(*problems)
        return self

    @property
    def kind(self) -> PrincipalKind:
        """Whether the principal is a user or a role; an access key stands for a user."""
        return "role" if self.role is not None else "user"

    @property
    def principal(self) -> Principal:
        """The principal; an access key has to be pinned to its user first."""
        arn = self.user or self.role
        if arn is None:
            raise SpecError(
                f"access key {self.access_key} is not resolved to its user yet",
                remedy=f"run 'containment resolve {self.access_key}' and write the lines it prints",
            )
        return parse_principal(arn)

    @property
    def named(self) -> str:
        """The target as the spec names it."""
        return self.user or self.role or self.access_key or ""

    def _contradictions(self) -> Iterator[Problem]:
        named = [name for name in ("user", "role", "access_key") if getattr(self, name) is not None]
        if len(named) != 1:
            yield Problem(
                f"names {' and '.join(named)}" if named else "names no principal",
                "exactly one of user, role, access_key",
                "write one target for each principal",
                (named[-1],) if named else (),
            )
            return
        yield from self._rung_problems()
        yield from self._session_problems()
        if self.leaked and self.role is not None:
            yield Problem(
                "lists credentials, and a role has none of its own",
                "leaked only beside user",
                "name the user whose credential it is as a target of its own",
                ("leaked",),
            )
        if self.leaked and self.access_key is not None:
            yield Problem(
                "stands beside access_key, which is the leaked key already",
                "leaked only beside user",
                "write 'user: <its ARN>' with every leaked key in 'leaked'",
                ("leaked",),
            )
        for index, key in enumerate(self.leaked):
            if key in self.leaked[:index]:
                yield Problem(
                    f"{shown(key)} is listed twice",
                    "each key once",
                    "remove one of them",
                    ("leaked", index),
                )

    def _rung_problems(self) -> Iterator[Problem]:
        place = ("rung",)
        expected = " | ".join(rungs_of(self.kind))
        if (self.kind, self.rung) not in RUNG_EFFECTS:
            why, mend = REFUSED[self.kind, self.rung]
            yield Problem(f"{shown(self.rung)} {why}", f"{expected} for a {self.kind}", mend, place)
            return
        has_leaked = bool(self.leaked) or self.access_key is not None
        if self.rung is Rung.KEY_ONLY and not has_leaked:
            yield Problem(
                "'key-only' makes the leaked keys Inactive, and none is named",
                "the ids of the leaked keys in 'leaked'",
                "add 'leaked: [AKIA…]', or write 'rung: deny-all'",
                place,
            )
        if self.rung is Rung.SESSION and has_leaked:
            yield Problem(
                "'session' denies single sessions and would leave the leaked key working",
                "key-only | deny-all for a user with a leaked key",
                "write 'rung: deny-all'",
                place,
            )

    def _session_problems(self) -> Iterator[Problem]:
        place = ("sessions",)
        if self.sessions and self.rung is not Rung.SESSION:
            has_rung = "rung" in self.model_fields_set
            yield Problem(
                f"lists sessions, and the rung is {shown(self.rung)}",
                "sessions only with 'rung: session'",
                "remove 'sessions', or write 'rung: session'"
                if has_rung
                else "add 'rung: session'",
                place,
            )
        if self.rung is Rung.SESSION and not self.sessions:
            yield Problem(
                "'session' denies the sessions that are listed, and none is",
                "a list 'sessions'",
                "add 'sessions: [{name: …}]', or write 'rung: revoke-sessions'"
                if self.kind == "role"
                else "add 'sessions: [{name: …}]', or write 'rung: deny-all'",
                ("rung",),
            )
        for index, session in enumerate(self.sessions):
            field, value = session.mark
            if session in self.sessions[:index]:
                yield Problem(
                    f"{field} {shown(value)} is listed twice",
                    "each session once",
                    "remove one of them",
                    (*place, index),
                )
            if self.kind == "user" and field not in {"name", "sign_in_session"}:
                yield Problem(
                    "marks a role's session, and the target is a user",
                    "name, the one given to GetFederationToken, or sign_in_session",
                    "write 'rung: deny-all', or name the role whose session it is",
                    (*place, index, field),
                )
            yield from self._account_problems(index, session)

    def _account_problems(self, index: int, session: Session) -> Iterator[Problem]:
        named = self.role or self.user
        if named is None:
            return
        account = parse_principal(named).account
        if session.sign_in_session and f":{account}:" not in session.sign_in_session:
            yield Problem(
                f"{shown(session.sign_in_session)} is not in account {account}, where the"
                f" {self.kind} is",
                f"a sign-in session of the {self.kind}'s own account",
                "check both ARNs",
                ("sessions", index, "sign_in_session"),
            )
        if session.source_instance is None:
            return
        if f":{account}:" not in session.source_instance:
            yield Problem(
                f"{shown(session.source_instance)} is not in account {account}, where the role is",
                "an instance of the role's own account",
                "an instance only has roles of its own account: check both ARNs",
                ("sessions", index, "source_instance"),
            )

"""What the organisation's profile may say: the same for every incident of a project.

It is read where a reviewer looks, and nowhere else: the settings of a stack, and the state's record
of them, are written by whoever may edit a change or a state.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema, model_validator

from containment.ledger.places import BUCKET, DEFAULT
from containment.profile.profile import (
    ACCOUNT,
    GUARD_LAG_S,
    MOST_ACCOUNTS,
    MOST_PRINCIPALS,
    REVIEW_WITHIN_HOURS,
    VALID_HOURS,
    Required,
)
from containment.spec.fields import STRICT, Line
from containment.spec.naming import break_glass_arn, principal_arn
from containment.spec.problems import Problem, WrongError, shown

LockMode = Literal["GOVERNANCE", "COMPLIANCE"]

_EXAMPLE_ACCOUNT = "111122223333"
_EXAMPLE_ROLE = "arn:aws:iam::{account}:role/ContainmentResponder"
_REGION = re.compile(r"[a-z]{2,8}(-[a-z]{2,16}){1,3}-[0-9]{1,2}")
# Amazon S3 User Guide, "General purpose bucket naming rules".
# Pulumi v3.259, ``pkg/secrets/cloud/manager.go``.
_KEY_SERVICES = ("awskms", "azurekeyvault", "gcpkms", "hashivault")
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def _account_once(value: str) -> str:
    if value.count(ACCOUNT) > 1:
        raise WrongError(
            Problem(
                f"{shown(value)} holds {ACCOUNT} more than once",
                _EXAMPLE_ROLE,
                f"write {ACCOUNT} once, where the account id stands",
            )
        )
    return value.replace(f"::{ACCOUNT}:", f"::{_EXAMPLE_ACCOUNT}:")


def _principal_pattern(value: str) -> str:
    break_glass_arn(_account_once(value))
    return value


def _role_pattern(value: str) -> str:
    principal_arn(_account_once(value), "role")
    return value


def _role_arn(value: str) -> str:
    principal_arn(value, "role")
    return value


def _region(value: str) -> str:
    if _REGION.fullmatch(value):
        return value
    raise WrongError(
        Problem(
            f"{shown(value)} is no region",
            "a region of AWS, such as eu-central-1",
            "write the region's code, or leave the field out",
        )
    )


def _place(value: str) -> str:
    bucket = value.removeprefix(BUCKET).partition("/")[0]
    if value.startswith(BUCKET) and _BUCKET_NAME.fullmatch(bucket):
        return value
    if value.startswith(BUCKET):
        raise WrongError(
            Problem(
                f"{shown(value)} names no bucket",
                "s3://BUCKET/PREFIX",
                "write the bucket's name behind s3://",
            )
        )
    if "://" in value or "\\" in value:
        raise WrongError(
            Problem(
                f"{shown(value)} is no place for a ledger",
                "a folder, a file that ends in .jsonl, or s3://BUCKET/PREFIX",
                "write one of these",
            )
        )
    return value


def _backend(value: str) -> str:
    scheme = value.partition("://")[0]
    if "://" in value and scheme in {"file", "s3", "gs", "azblob", "https"}:
        return value
    raise WrongError(
        Problem(
            f"{shown(value)} is no place for states",
            "a backend of Pulumi: file://…, s3://BUCKET, gs://…, azblob://… or https://…",
            "write it as 'pulumi login' takes it",
        )
    )


def _key(value: str) -> str:
    scheme, separator, rest = value.partition("://")
    if separator and rest and scheme in _KEY_SERVICES:
        return value
    raise WrongError(
        Problem(
            f"{shown(value)} names no key",
            f"a URL that begins with {', '.join(f'{name}://' for name in _KEY_SERVICES)}",
            "write it as 'pulumi stack init --secrets-provider' takes it",
        )
    )


_ARN_SCHEMA = WithJsonSchema(
    {
        "type": "string",
        "pattern": r"^arn:aws[a-z0-9-]*:iam::([0-9]{12}|\{account\}):(user|role)/[^*?]+$",
    }
)
PrincipalPattern = Annotated[str, AfterValidator(_principal_pattern), _ARN_SCHEMA]
RolePattern = Annotated[
    str,
    AfterValidator(_role_pattern),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^arn:aws[a-z0-9-]*:iam::([0-9]{12}|\{account\}):role/[^*?]+$",
        }
    ),
]
RoleArn = Annotated[
    str,
    AfterValidator(_role_arn),
    WithJsonSchema(
        {"type": "string", "pattern": r"^arn:aws[a-z0-9-]*:iam::[0-9]{12}:role/[^*?]+$"}
    ),
]
Region = Annotated[
    str,
    AfterValidator(_region),
    WithJsonSchema({"type": "string", "pattern": f"^{_REGION.pattern}$"}),
]
Place = Annotated[Line, AfterValidator(_place)]
Backend = Annotated[Line, AfterValidator(_backend)]
Key = Annotated[Line, AfterValidator(_key)]


class LedgerPlace(BaseModel):
    """Where ledgers are kept and, in a bucket, how long nobody may delete an entry.

    With object lock a ledger is a witness of its own at a lift: nobody who edits a state, or a file
    beside it, writes there as well. A folder is none.
    """

    model_config = STRICT

    place: Place = Field(
        default=DEFAULT,
        description="A folder, a file that ends in `.jsonl`, or `s3://BUCKET/PREFIX`.",
        examples=["s3://example-evidence/containment"],
    )
    object_lock: LockMode | None = Field(
        default=None,
        description="In a bucket: `GOVERNANCE` or `COMPLIANCE`, for each entry.",
        examples=["COMPLIANCE"],
    )
    retention_days: int | None = Field(
        default=None,
        ge=1,
        le=36_500,
        description="In a bucket: for how many days an entry is locked.",
        examples=[365],
    )

    @model_validator(mode="after")
    def _lock_is_whole(self) -> Self:
        if (self.object_lock is None) != (self.retention_days is None):
            lacking = "retention_days" if self.retention_days is None else "object_lock"
            raise WrongError(
                Problem(
                    "is set for a lock that is not whole",
                    "object_lock and retention_days together",
                    f"add '{lacking}', or leave both out",
                    ("object_lock" if lacking == "retention_days" else "retention_days",),
                )
            )
        if self.object_lock and not self.place.startswith(BUCKET):
            raise WrongError(
                Problem(
                    f"is set for a ledger in {shown(self.place)}",
                    "a lock for a ledger in a bucket only",
                    "write 'place: s3://BUCKET/PREFIX', or leave the lock out",
                    ("object_lock",),
                )
            )
        return self


class ReviewTerms(BaseModel):
    """How much one change of specs may touch, and what it takes to approve it."""

    model_config = STRICT

    principals: int = Field(
        default=MOST_PRINCIPALS,
        ge=1,
        le=10_000,
        description="How many principals, those that are lifted too.",
    )
    accounts: int = Field(
        default=MOST_ACCOUNTS, ge=1, le=1000, description="In how many accounts they may be."
    )
    approvals: int = Field(
        default=1,
        ge=1,
        le=10,
        description="How many persons approve a change, none of whom made a part of it.",
    )
    valid_hours: int = Field(
        default=VALID_HOURS,
        ge=1,
        le=720,
        description="For how long after its plan was made an approval may be used.",
    )
    bots: Annotated[tuple[Line, ...], Field(strict=False)] = Field(
        default=(),
        description="Names in `allowed_signers` that are no person's, so that they approve"
        " nothing; names that end in `[bot]` never do.",
        examples=[["renovate@example.com"]],
    )
    required: Required | None = Field(
        default=None,
        description="What is done after a review alone. `lift`: nothing is given back before"
        " somebody else has reviewed it. `all`: nothing is applied before it is approved either,"
        " by plain `pulumi up` too, except in an emergency. If left out, nothing asks for one.",
        examples=["lift"],
    )
    within_hours: int = Field(
        default=REVIEW_WITHIN_HOURS,
        ge=1,
        le=720,
        description="By when what was done in an emergency is to be reviewed.",
    )


class ProfileFile(BaseModel):
    """What is true of the organisation and not of one incident."""

    model_config = STRICT

    region: Region | None = Field(
        default=None,
        description="The region whose endpoints are asked; that of the environment if left out.",
        examples=["eu-central-1"],
    )
    role: RolePattern | None = Field(
        default=None,
        description="The role that is assumed to look and to change; `{account}` is the account of"
        " the principal. The credentials of the environment are used if left out.",
        examples=[_EXAMPLE_ROLE],
    )
    lift_role: RolePattern | None = Field(
        default=None,
        description="The role that lifts, restores and sweeps; `role` if left out. See"
        " `containment responder-policy`.",
        examples=["arn:aws:iam::{account}:role/ContainmentLift"],
    )
    ledger: LedgerPlace = Field(
        default=LedgerPlace(), description="Where every change is put on record, see below."
    )
    state: Backend | None = Field(
        default=None,
        description="Where stacks are kept; the verbs use it where `PULUMI_BACKEND_URL` is unset.",
        examples=["s3://example-states"],
    )
    secrets: Key | None = Field(
        default=None,
        description="The key by which what is secret in a state is kept: new stacks get it, and no"
        " other key service is called, whatever a state or a stack's settings name.",
        examples=["awskms://alias/containment?region=eu-central-1"],
    )
    sign_in_regions: Annotated[tuple[Region, ...], Field(strict=False)] = Field(
        default=(),
        description="The Regions in which sign-in sessions are looked for and revoked. If left out,"
        " the one in use and all that no account can disable: name yours where you use others,"
        " which accounts opt in to, or where a control policy forbids some. What is looked for"
        " is said.",
        examples=[["eu-central-1", "us-east-1"]],
    )
    responder: Annotated[tuple[PrincipalPattern, ...], Field(strict=False)] = Field(
        default=(),
        description="Who contains and lifts, besides the roles: never contained, never fenced.",
        examples=[["arn:aws:iam::111122223333:role/SecurityOncall"]],
    )
    pipeline: Annotated[tuple[PrincipalPattern, ...], Field(strict=False)] = Field(
        default=(),
        description="The roles in which CI reviews and applies: never contained, never fenced.",
        examples=[["arn:aws:iam::111122223333:role/ContainmentPipeline"]],
    )
    guard: Annotated[tuple[PrincipalPattern, ...], Field(strict=False)] = Field(
        default=(),
        description="The roles that set service control policies: never contained, never fenced.",
        examples=[["arn:aws:iam::111122223333:role/ContainmentGuard"]],
    )
    guard_role: RoleArn | None = Field(
        default=None,
        description="The role that is assumed to set service control policies, in the management"
        " account or in a delegated administrator's. The credentials of the environment are used if"
        " left out. See `containment responder-policy guard`.",
        examples=["arn:aws:iam::444455556666:role/ContainmentGuard"],
    )
    guard_required: bool = Field(
        default=False,
        description="`true`: each incident has a guard, `freeze` where its spec says `off`, and"
        " counts as not contained without one.",
    )
    guard_lag_s: int = Field(
        default=GUARD_LAG_S,
        ge=1,
        le=1800,
        description="How long a service control policy may take to bind, in seconds. After it has"
        " been set, `up` looks for identities that were made meanwhile until none appeared for so"
        " long.",
    )
    break_glass: Annotated[tuple[PrincipalPattern, ...], Field(strict=False)] = Field(
        default=(),
        description="Who must stay able to get in, whatever is contained; added to the spec's own.",
        examples=[["arn:aws:iam::111122223333:role/BreakGlass"]],
    )
    review: ReviewTerms = Field(
        default=ReviewTerms(), description="What a review lets pass, see below."
    )

"""The incident spec: who is contained, how far, since when, and who answers for it.

A spec is plain data and never changes; what is live in AWS is found by the provider. Everything
that can be wrong without asking AWS is refused here, with what was expected and how to mend it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import BaseModel, Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from containment.clock import isoformat
from containment.spec.between import across
from containment.spec.fields import STRICT, BreakGlassArn, IncidentId, Line, Moment
from containment.spec.problems import Problem, WrongError
from containment.spec.target import Target
from containment.spec.vocabulary import Cause, Disposition, GuardMode, Severity

# Clocks of honest machines differ by seconds, not by minutes.
_CLOCK_SKEW = timedelta(minutes=5)


class Guard(BaseModel):
    """A service control policy on the affected account, while the incident lasts."""

    model_config = STRICT

    mode: Annotated[GuardMode, Field(strict=False)] = Field(
        default=GuardMode.OFF,
        description="`off`; `freeze`: nobody but responder and break-glass can change identities, "
        "and the targets are denied everything; `quarantine`: everybody else is denied everything.",
    )
    required: bool = Field(
        default=False,
        description="Where the guard cannot be set, all else is done and the run ends as not "
        "contained.",
    )

    @model_validator(mode="after")
    def _required_needs_a_mode(self) -> Self:
        if self.required and self.mode is GuardMode.OFF:
            raise WrongError(
                Problem(
                    "a guard that is off is required",
                    "mode: freeze | quarantine",
                    "write 'mode: freeze', or remove 'required'",
                    ("required",),
                )
            )
        return self


class Limits(BaseModel):
    """The brake: more than this is refused before anything changes."""

    model_config = STRICT

    principals: int = Field(
        default=5, ge=1, le=1000, description="How many principals the spec may contain."
    )


class IncidentSpec(BaseModel):
    """One incident: the stack of the same name contains it, and its destroy lifts it."""

    model_config = STRICT

    incident: IncidentId = Field(
        description="Id of the incident; the same as the file's name and the stack's.",
        examples=["inc-2026-0042"],
    )
    title: Line = Field(
        description="What happened, in one line.",
        examples=["ci-deploy access key pushed to a public repository"],
    )
    compromised_at: Moment = Field(
        description="T0: what the credential did from then on is the attacker's. An earlier time "
        "only finds more; a later one may give them something back.",
        examples=["2026-11-23T21:14:00Z"],
    )
    compromised_at_source: Line = Field(
        description="Where T0 comes from.", examples=["GitHub secret scanning alert 17"]
    )
    disposition: Annotated[Disposition, Field(strict=False)] = Field(
        default=Disposition.SUSPECTED,
        description="`suspected` and `confirmed` keep the leaked credentials Inactive at a lift; "
        "`false-positive` gives everything back.",
        examples=["suspected"],
    )
    severity: Annotated[Severity, Field(strict=False)] = Field(
        default=Severity.HIGH, description="How bad it is.", examples=["high"]
    )
    cause: Annotated[Cause, Field(strict=False)] = Field(
        description="How the credential got out; `unknown` where nobody knows yet.",
        examples=["unknown"],
    )
    owner: Line = Field(
        description="Who answers for this containment: a person or a team that can be reached.",
        examples=["security-oncall@example.com"],
    )
    review_by: Moment = Field(
        description="When somebody has to decide again. Nothing happens by itself then.",
        examples=["2026-11-25T09:00:00Z"],
    )
    hold: bool = Field(
        default=False,
        description="`true`: nothing is released, whatever is asked: no lift, no target taken out, "
        "no rung lowered. To release, take the line out and run `pulumi up` first.",
    )
    targets: Annotated[tuple[Target, ...], Field(strict=False, min_length=1)] = Field(
        description="The principals to contain, each named once, all in one account.",
        examples=[[{"user": "arn:aws:iam::111122223333:user/ci/ci-deploy"}]],
    )
    guard: Guard = Field(default=Guard(), description="Service control policy, see below.")
    break_glass: Annotated[tuple[BreakGlassArn, ...], Field(strict=False)] = Field(
        default=(),
        description="Full ARNs of users or roles that no containment may touch or lock out.",
        examples=[["arn:aws:iam::111122223333:role/BreakGlass"]],
    )
    limits: Limits = Field(default=Limits(), description="The brake, see below.")

    @field_validator("compromised_at")
    @classmethod
    def _not_in_the_future(cls, value: datetime, validation: ValidationInfo) -> datetime:
        now = (validation.context or {}).get("now")
        if now is not None and value > now + _CLOCK_SKEW:
            raise WrongError(
                Problem(
                    f"{isoformat(value)} is in the future",
                    f"a time before {isoformat(now)}",
                    "check day and zone; T0 is when the credential was first misused",
                )
            )
        return value

    @field_validator("review_by")
    @classmethod
    def _after_the_compromise(cls, value: datetime, validation: ValidationInfo) -> datetime:
        began = validation.data.get("compromised_at")
        if began is not None and value <= began:
            raise WrongError(
                Problem(
                    f"{isoformat(value)} is before the compromise itself",
                    f"a time after {isoformat(began)}",
                    "write when the owner decides again, a day or two from now",
                )
            )
        return value

    @model_validator(mode="after")
    def _targets_agree(self) -> Self:
        numbered = list(enumerate(self.targets))
        if problems := list(across(numbered, self.break_glass, self.limits.principals)):
            raise WrongError(*problems)
        return self

    # Those that this run leaves for a later wave; no field of the file.
    _later: tuple[Target, ...] = PrivateAttr(default=())

    @property
    def later(self) -> tuple[Target, ...]:
        """The targets of later waves, which are left out of the ones in it."""
        return self._later

    def part(self, targets: tuple[Target, ...]) -> Self:
        """Return it with *targets* alone; the others are for later."""
        part = self.model_copy(update={"targets": targets})
        part._later = tuple(one for one in self.targets if one not in targets)  # noqa: SLF001
        return part

    @property
    def unpinned(self) -> tuple[str, ...]:
        """The access key ids that stand for a user nobody has looked up yet."""
        return tuple(t.access_key for t in self.targets if t.access_key is not None)

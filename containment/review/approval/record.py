"""The record of an approval: a plan, and who approved it, each with a signature of both."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from containment.clock import isoformat, moment_of
from containment.errors import ConflictError, NotFoundError, RefusedError, SpecError
from containment.review.approval.bound import VERSION, Plan, as_document, digest_of
from containment.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from containment.review.approval.signers import Signers

NAMESPACE = "containment-approval"
"""What a signature of an approval is for: one that git made counts for none."""

_LARGEST = 16 << 20
_SKEW = timedelta(minutes=2)
_MOST_SIGNED = 20


@dataclass(frozen=True, slots=True)
class Signed:
    """Somebody's approval of a plan, and when they gave it."""

    approved_at: str
    signature: str


@dataclass(frozen=True, slots=True)
class Approval:
    """A plan, and the approvals of it."""

    plan: Plan
    signed: tuple[Signed, ...] = ()


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Annotated[int, Field(ge=VERSION, le=VERSION)]
    plan: dict[str, Any]
    signed: Annotated[list[Signed], Field(max_length=_MOST_SIGNED)]


_PLANS: TypeAdapter[Plan] = TypeAdapter(Plan)


def read_approval(path: Path) -> Approval:
    """Return the record in *path*.

    Raises:
        NotFoundError: there is no such file.
        SpecError: it is no record of an approval.
    """
    try:
        if not path.is_file():
            raise FileNotFoundError(path)
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1)
    except OSError as error:
        raise NotFoundError(
            f"{plain(str(path))} cannot be read: {error.strerror or 'there is no such file'}",
            remedy="write one with 'containment review --base REV --head REV --approve FILE'",
        ) from error
    approval = _parsed(text)
    if approval is None:
        raise SpecError(
            f"{plain(str(path))} is no record of an approval that this version writes",
            remedy="approve it anew with 'containment review --approve FILE'",
        )
    return approval


def _parsed(text: bytes) -> Approval | None:
    """Return the record that *text* is; None where it says more or less than one."""
    try:
        document = _File.model_validate_json(text)
        plan = _PLANS.validate_python({k: v for k, v in document.plan.items() if k != "version"})
    except (ValidationError, ValueError, RecursionError):
        return None
    return Approval(plan, tuple(document.signed)) if as_document(plan) == document.plan else None


def write_approval(path: Path, approval: Approval) -> None:
    """Write *approval* to *path*, whole or not at all."""
    document = {
        "version": VERSION,
        "plan": as_document(approval.plan),
        "signed": [
            {"approved_at": one.approved_at, "signature": one.signature} for one in approval.signed
        ],
    }
    try:
        with NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            file.write(json.dumps(document, indent=1) + "\n")
        try:
            os.replace(file.name, path)  # noqa: PTH105 -- of a name that tempfile chose
        except OSError:
            with suppress(OSError):
                Path(file.name).unlink()
            raise
    except OSError as error:
        raise NotFoundError(
            f"{plain(str(path))} cannot be written: {error.strerror or error}",
            remedy="name another file",
        ) from error


def approve(approval: Approval, now: datetime, sign: Callable[[bytes], str]) -> Approval:
    """Return *approval* with one more, signed by *sign* at *now*."""
    approved_at = isoformat(now)
    made = Signed(approved_at, sign(_payload(approval.plan, approved_at)))
    return replace(approval, signed=(*approval.signed, made))


def approvers(approval: Approval, signers: Signers) -> tuple[str, ...]:
    """Return the persons who approved it, each once.

    Raises:
        RefusedError: nobody did, or one of the signatures is of nobody in *signers*, or of
            something else.
    """
    if not approval.signed:
        raise RefusedError(
            "nobody has approved this plan", remedy="run 'containment review --approve FILE'"
        )
    persons: list[str] = []
    for one in approval.signed:
        payload = _payload(approval.plan, one.approved_at)
        person = signers.signer(payload, one.signature, NAMESPACE)
        if person is None:
            raise RefusedError(
                f"the approval of {plain(one.approved_at)} is not signed by anybody whom the base's"
                " allowed_signers lets approve, or it was signed for something else",
                remedy="approve it anew, by a key of that file",
            )
        persons.append(person)
    return tuple(dict.fromkeys(persons))


def require_fresh(approval: Approval, now: datetime) -> None:
    """Refuse an approval that has expired, or that was given before its plan was made.

    Raises:
        RefusedError: it is one.
    """
    planned_at, expires_at = map(moment_of, (approval.plan.planned_at, approval.plan.expires_at))
    moments = [moment_of(one.approved_at) for one in approval.signed]
    if planned_at is None or expires_at is None or any(one is None for one in moments):
        raise RefusedError("one of its times is none", remedy="approve it anew")
    if any(one is not None and one < planned_at for one in moments):
        raise RefusedError(
            "its plan was made after it was approved, so nobody saw this plan",
            remedy="read the new plan, and approve that",
        )
    if any(one is not None and one > now + _SKEW for one in moments):
        raise RefusedError(
            "it was approved at a time to come", remedy="see the clocks of both machines"
        )
    if now >= expires_at:
        raise RefusedError(
            f"it expired at {plain(approval.plan.expires_at)}", remedy="review and approve it anew"
        )


def require_same(approved: Plan, now: Plan) -> None:
    """Refuse to add an approval to a plan that is no longer what a review shows.

    Raises:
        ConflictError: it is not; names what differs.
    """
    before, after = as_document(approved), as_document(now)
    differing = [
        name
        for name in after
        if name not in {"planned_at", "expires_at"} and before.get(name) != after[name]
    ]
    if differing:
        raise ConflictError(
            f"the plan in this record is not what the review shows now: {', '.join(differing)}",
            remedy="write the approval to another file, and have it approved anew",
        )


def _payload(plan: Plan, approved_at: str) -> bytes:
    document = {"plan": as_document(plan), "approved_at": approved_at}
    return f"{NAMESPACE} {digest_of(document)} {approved_at}\n".encode()

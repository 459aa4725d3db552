"""Release fences and denies, listed from the account itself: no state has to remember them.

A fence outlives its stack, and a deny may outlive its state. Both are inline policies named
``containment-<incident>``. One paginated call lists the inline policies of all users and roles
(IAM API Reference, GetAccountAuthorizationDetails), where asking each of them would be thousands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.consistency import eventually
from containment.aws.faults import explain, explained
from containment.aws.principal import answered_at, locate
from containment.clock import moment_of
from containment.errors import ContainmentError
from containment.facets import claims, deny, documents, marks
from containment.facets.shapes import is_deny, is_trust_deny
from containment.identities import Principal, parse_principal
from containment.lifecycle.gate import require_sweepable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from mypy_boto3_iam import IAMClient

    from containment.aws.recording import Recorder

PERMISSIONS = frozenset(
    {
        "iam:GetAccountAuthorizationDetails",
        "iam:GetUser",
        "iam:GetRole",
        "iam:ListUsers",
        "iam:GetUserPolicy",
        "iam:GetRolePolicy",
        "iam:PutUserPolicy",
        "iam:PutRolePolicy",
        "iam:DeleteUserPolicy",
        "iam:DeleteRolePolicy",
    }
)
_KINDS = (
    ("User", "UserDetailList", "UserPolicyList"),
    ("Role", "RoleDetailList", "RolePolicyList"),
)


@dataclass(frozen=True, slots=True)
class Fence:
    """A release fence: tokens issued before one moment stay denied until another."""

    principal: Principal
    unique_id: str
    incident: str
    issued_before: str | None
    until: str
    over: bool


@dataclass(frozen=True, slots=True)
class Deny:
    """A deny of some incident that is in force."""

    principal: Principal
    unique_id: str
    incident: str
    snapshot_id: str


@dataclass(frozen=True, slots=True)
class MarkedPrincipal:
    """What a claim or a mark in a trust policy says that an incident holds."""

    principal: Principal
    unique_id: str
    incident_hash: str
    snapshot_id: str

    def is_of(self, incident: str) -> bool:
        """Tell whether *incident* holds it."""
        return self.incident_hash == marks.incident_hash(incident)


@dataclass(frozen=True, slots=True)
class Survey:
    """What one account holds, by AWS's own time; *marked_principals*: what no policy shows."""

    taken_at: datetime
    fences: tuple[Fence, ...]
    denies: tuple[Deny, ...]
    marked_principals: tuple[MarkedPrincipal, ...] = ()


@dataclass(frozen=True, slots=True)
class Swept:
    """A fence that was to go: *problem* says why it is still there."""

    fence: Fence
    problem: ContainmentError | None = None


def survey(iam: IAMClient) -> Survey:
    """Return all fences and denies of any incident in the account.

    Raises:
        AccessError: the caller may not list them.
        UnavailableError: nobody answers.
    """
    fences: list[Fence] = []
    denies: list[Deny] = []
    marked_principals: list[MarkedPrincipal] = []
    now = None
    with explained("listing the fences and denies in the account"):
        pages = iam.get_paginator("get_account_authorization_details").paginate(
            Filter=["User", "Role"]
        )
        for page in pages:
            answer: Any = page
            now = answered_at(answer)
            marked_principals += _marked_principals(answer)
            for principal, unique_id, incident, text in _named(answer):
                live_deny = deny.read(text, incident)
                if live_deny.is_fence:
                    over = _over(text, incident, now)
                    until = live_deny.until or ""
                    fences.append(
                        Fence(principal, unique_id, incident, live_deny.issued_before, until, over)
                    )
                elif live_deny.mark is not None:
                    denies.append(Deny(principal, unique_id, incident, live_deny.mark.snapshot_id))
    if now is None:
        raise ValueError("a paginator yields at least one page")
    order = sorted(fences, key=lambda fence: (fence.until, fence.principal.arn))
    return Survey(now, tuple(order), tuple(denies), tuple(marked_principals))


def sweep(iam: IAMClient, fence: Fence, recorder: Recorder | None = None) -> Swept:
    """Remove *fence* if it is still there and over, by a look just before."""
    try:
        return Swept(fence, _removed(iam, fence, recorder))
    except ContainmentError as error:
        return Swept(fence, error)
    except (ClientError, BotoCoreError) as error:
        return Swept(fence, explain(f"removing the fence on {fence.principal.arn}", error))


def _removed(iam: IAMClient, fence: Fence, recorder: Recorder | None) -> ContainmentError | None:
    live = locate(iam, fence.principal, fence.unique_id, recorder)
    live_deny = deny.find(live, fence.incident) if live is not None else None
    if live is None or live_deny is None or live_deny.mark is None:
        return None
    over = _over(live_deny.text or "", fence.incident, live.answered_at)
    require_sweepable(live, fence.incident, over=over)
    deny.take_away(live, fence.incident, live_deny)
    if not eventually(lambda: deny.find(live, fence.incident).mark is None):
        return ContainmentError(
            f"the fence on {live} is still there after it was removed",
            remedy="run 'containment status' and sweep again later",
        )
    return None


def _over(text: str, incident: str, now: datetime) -> bool:
    """Tell whether every statement of the incident is a deny whose own end has passed."""
    ends_passed: list[bool] = []
    for statement in documents.statements(documents.parse(text) or {}):
        mark = documents.mark_of(statement, is_deny)
        if mark is not None and mark.is_of(incident):
            single = documents.compact({"Statement": [statement]})
            end = moment_of(deny.read(single, incident).until)
            ends_passed.append(end is not None and end <= now)
    return bool(ends_passed) and all(ends_passed)


def _named(page: Mapping[str, Any]) -> Iterator[tuple[Principal, str, str, str]]:
    for word, listed, policies in _KINDS:
        for detail in page.get(listed, ()):
            for policy in detail.get(policies, ()):
                incident = marks.incident_of_policy(str(policy["PolicyName"]))
                if incident is not None:
                    text = unquote(str(policy["PolicyDocument"]))
                    yield parse_principal(detail["Arn"]), str(detail[f"{word}Id"]), incident, text


def _marked_principals(page: Mapping[str, Any]) -> Iterator[MarkedPrincipal]:
    for word, listed, _ in _KINDS:
        for detail in page.get(listed, ()):
            principal, unique_id = parse_principal(detail["Arn"]), str(detail[f"{word}Id"])
            for tag in detail.get("Tags", ()):
                incident = marks.incident_of_tag(str(tag["Key"]))
                claim = claims.parse(str(tag["Value"]))
                if incident is not None and claim is not None:
                    yield MarkedPrincipal(
                        principal, unique_id, marks.incident_hash(incident), claim.snapshot_id
                    )
            trusted = unquote(str(detail.get("AssumeRolePolicyDocument", "")))
            for mark in documents.marks(trusted, is_trust_deny):
                yield MarkedPrincipal(principal, unique_id, mark.incident_hash, mark.snapshot_id)

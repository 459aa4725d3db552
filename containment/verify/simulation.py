"""V2: AWS's own simulator, asked about canary calls on both sides of T.

It proves the logic of what is attached: with the policies that the principal has now, a call with
an older token, or with any, is denied explicitly, and the policy that denies it is ours. Service
control policies of the account are part of the answer where AWS has them. It does not prove
enforcement, and knows neither session policies nor resource control policies.

Sources: IAM API Reference, SimulatePrincipalPolicy, EvaluationResult (``MatchedStatements`` never
names a statement of a service control policy), PolicyIdentifier and ContextEntry; "AWS global
condition context keys", ``aws:TokenIssueTime`` (absent for an access key of a user).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from containment.aws.faults import code, explained
from containment.clock import isoformat, moment_of
from containment.facets import attachment, deny, marks
from containment.verify.canaries import Canary
from containment.verify.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_iam import IAMClient

    from containment.actions.deny_policy import DenyState
    from containment.aws.principal import LivePrincipal
    from containment.verify.members import Member

PERMISSIONS = frozenset({"iam:SimulatePrincipalPolicy", "iam:GetAccountAuthorizationDetails"})
_ISSUED = "aws:TokenIssueTime"
_FAR = timedelta(hours=1)
_NEAR = timedelta(seconds=1)
# IAM API Reference, SimulatePrincipalPolicy, MaxItems.
_LONGEST_PAGE = 1000
CONTROL_POLICIES: Mapping[str, Any] = {"PolicyType": "scp"}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """In what circumstances a call is made: the condition keys beside it, and words for people."""

    words: str
    context: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What the simulator says of one call.

    Attributes:
        word: ``allowed``, ``explicitDeny`` or ``implicitDeny``.
        policies: which policies decided, by the simulator's id for each.
        organization: whether the control policies allow it; None where the account has none.
        boundary: whether the permissions boundary allows it; None where there is none.
    """

    word: str
    policies: frozenset[str]
    organization: bool | None = None
    boundary: bool | None = None

    @property
    def allowed(self) -> bool:
        """Whether the call would go through."""
        return self.word == "allowed"


# What the simulator did not answer, and what it took for no call that there is.
UNANSWERED = Decision("unanswered", frozenset())
REFUSED = Decision("refused", frozenset())


def simulate(
    iam: IAMClient,
    arn: str,
    calls: Iterable[Canary],
    circumstances: Circumstances,
    *,
    exclusions: Sequence[Mapping[str, Any]] = (),
    additional: Sequence[str] = (),
) -> dict[Canary, Decision]:
    """Return what AWS's simulator decides of *calls* by the principal *arn*.

    Args:
        iam: of the principal's account.
        arn: the user or role, by its name now.
        calls: what is tried.
        circumstances: the condition keys.
        exclusions: policies to leave out, as ``PolicyExclusionList`` names them.
        additional: documents to put in.

    Raises:
        AccessError: the caller may not simulate.
        UnavailableError: nobody answers.
    """
    by_resource: dict[str, list[str]] = {}
    for call in calls:
        by_resource.setdefault(call.resource, []).append(call.action)
    request: dict[str, Any] = {
        "PolicySourceArn": arn,
        "ContextEntries": [
            {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": kind}
            for key, value, kind in circumstances.context
        ],
        "PaginationConfig": {"PageSize": _LONGEST_PAGE},
    }
    if exclusions:
        request["PolicyExclusionList"] = list(exclusions)
    if additional:
        request["PolicyInputList"] = list(additional)
    decisions: dict[Canary, Decision] = {}
    with explained(f"simulating what {arn} may do"):
        for resource, actions in by_resource.items():
            answered = _ask(iam, request, resource, actions)
            for action in actions:
                decision = answered.get(action.lower(), UNANSWERED)
                decisions[Canary(action, resource)] = decision
    return decisions


def _ask(
    iam: IAMClient, request: Mapping[str, Any], resource: str, actions: Sequence[str]
) -> dict[str, Decision]:
    """Return the decisions on *resource* by action, in small letters.

    A policy may name an action that AWS does not know, which the simulator refuses together with
    all others of the request; so they are asked one by one then.
    """
    paginator: Any = iam.get_paginator("simulate_principal_policy")
    whole: dict[str, Any] = {**request, "ActionNames": list(actions), "ResourceArns": [resource]}
    try:
        return {
            str(result["EvalActionName"]).lower(): _decision(result)
            for page in paginator.paginate(**whole)
            for result in page["EvaluationResults"]
        }
    except ClientError as error:
        if not code(error).startswith("InvalidInput"):
            raise
    if len(actions) == 1:
        return {actions[0].lower(): REFUSED}
    answers = [_ask(iam, request, resource, [action]) for action in actions]
    return {action: decision for answer in answers for action, decision in answer.items()}


def _decision(result: Any) -> Decision:
    organization = result.get("OrganizationsDecisionDetail") or {}
    boundary = result.get("PermissionsBoundaryDecisionDetail") or {}
    matched = result.get("MatchedStatements") or ()
    return Decision(
        str(result["EvalDecision"]),
        frozenset(str(one.get("SourcePolicyId", "")) for one in matched),
        organization.get("AllowedByOrganizations"),
        boundary.get("AllowedByPermissionsBoundary"),
    )


def denied_circumstances(state: DenyState, live: LivePrincipal) -> list[Circumstances]:
    """Return in which circumstances the deny of *state* is to deny everything."""
    if state.scope == "sessions":
        scope = deny.scope_of(deny.find(live, state.incident), state.incident)
        return [
            Circumstances(f"in a session with {match.key} {value}", (_picked(match, value),))
            for match in scope.matches
            for value in match.values
        ]
    if state.scope == "issued-before":
        moment = moment_of(deny.find(live, state.incident).issued_before)
        before = moment or moment_of(state.issued_before)
        return [] if before is None else [_token(before - _NEAR, "before T")]
    key = [Circumstances("with an access key")] if live.principal.kind == "user" else []
    return [
        *key,
        _token(live.answered_at - _FAR, "an hour ago"),
        _token(live.answered_at + _FAR, "from now on"),
    ]


def other_circumstances(state: DenyState, live: LivePrincipal) -> list[Circumstances]:
    """Return in which circumstances the deny of *state* is to deny nothing."""
    if state.scope != "issued-before":
        return []
    after = moment_of(deny.find(live, state.incident).issued_before)
    return [] if after is None else [_token(after + _NEAR, "after T")]


def _token(moment: Any, words: str) -> Circumstances:
    entry = (_ISSUED, isoformat(moment), "date")
    return Circumstances(f"with a token issued {words} ({entry[1]})", (entry,))


def _picked(match: deny.Match, value: str) -> tuple[str, str, str]:
    if match.operator != "IpAddress":
        return match.key, value, "string"
    try:
        return match.key, str(ipaddress.ip_network(value, strict=False)[0]), "ip"
    except ValueError:  # somebody edited it, which V1 says; the simulator will not take it
        return match.key, value, "ip"


def own_policies(member: Member, live: LivePrincipal) -> frozenset[str]:
    """Return by what ids the simulator names the policies that hold *member*.

    Source: IAM API Reference, Statement, ``SourcePolicyId``: of an inline policy the kind and name
    of whom it is on and its own name, of a managed policy its name.
    """
    state = member.deny
    if state is None:
        return frozenset()
    kind, name = live.principal.kind, live.principal.name
    inline = f"{kind}_{name}_{marks.policy_name(state.incident)}"
    attached = {"AWSDenyAll"} if state.placement == "AWSDenyAll" else set[str]()
    return frozenset({inline, *attached})


def exclusions(member: Member, live: LivePrincipal, *, guarded: bool) -> list[dict[str, Any]]:
    """Return what to leave out of a simulation so that nothing of the incident is in it."""
    state = member.deny
    if state is None:
        return []
    inline = {
        "PolicyName": marks.policy_name(state.incident),
        "AttachmentType": live.principal.kind,
        "AttachmentName": live.principal.name,
    }
    left_out: list[dict[str, Any]] = [{"InlinePolicyIdentifier": inline}]
    if state.placement == "AWSDenyAll":
        left_out.append({"PolicyArn": attachment.deny_all_arn(live.principal.partition)})
        if state.bounded:
            left_out.append({"PolicyType": "permission-boundary"})
    if guarded:
        left_out.append(dict(CONTROL_POLICIES))
    return left_out


def simulated(
    iam: IAMClient, member: Member, live: LivePrincipal, calls: Sequence[Canary]
) -> list[Evidence]:
    """Return what the simulator says of the deny of *member*.

    Raises:
        AccessError: the caller may not simulate.
        UnavailableError: nobody answers.
    """
    state = cast("DenyState", member.deny)
    arn, own = live.principal.arn, own_policies(member, live)
    tried = denied_circumstances(state, live)
    observations: list[Evidence] = []
    if not tried:
        observations.append(_open(member, "what its deny is about cannot be read: see V1"))
    for circumstances in tried:
        decisions = simulate(iam, arn, calls, circumstances)
        under_control = [call for call, one in decisions.items() if one.organization is False]
        # Control policies hide what the principal's own say.
        without = (
            simulate(iam, arn, under_control, circumstances, exclusions=[CONTROL_POLICIES])
            if under_control
            else {}
        )
        observations += _judged(member, circumstances, decisions, without, own)
    if not any(item.outcome in {"broken", "open"} for item in observations):
        number = len(calls)
        what = f"all of {number} calls are denied by our policy {_listed(c.words for c in tried)}"
        observations.append(Evidence("V2", member.arn, "holds", what))
    for circumstances in other_circumstances(state, live):
        observations += _bystanders(
            member, simulate(iam, arn, calls, circumstances), circumstances, own
        )
    return observations


def _judged(
    member: Member,
    circumstances: Circumstances,
    decisions: Mapping[Canary, Decision],
    without: Mapping[Canary, Decision],
    own: frozenset[str],
) -> Iterator[Evidence]:
    """Say which calls are not denied, and which are denied by others alone."""
    by_words: dict[tuple[str, str], list[Canary]] = {}
    bounded = _is_bounded(member)
    answered = {call: one for call, one in decisions.items() if one is not REFUSED}
    if not answered:
        yield _open(member, f"the simulator takes no call {circumstances.words}")
    for call, decision in answered.items():
        outcome, why = _why(decision, without.get(call), own, bounded=bounded)
        if outcome:
            by_words.setdefault((outcome, why), []).append(call)
    up = f"run 'containment up {member.snapshot.incident}' at once"
    for (outcome, why), calls in by_words.items():
        what = f"{_listed(map(str, calls))} {circumstances.words}: {why}"
        if outcome == "broken":
            yield Evidence("V2", member.arn, "broken", what, up)
        else:
            yield _open(member, what)


def _why(
    decision: Decision, uncontrolled: Decision | None, own: frozenset[str], *, bounded: bool
) -> tuple[str, str]:
    """Return whether and why a call is not shown to be denied by us; empty where it is."""
    if decision.allowed:
        return "broken", "allowed"
    by_policy = decision.word == "explicitDeny" and bool(decision.policies & own)
    if by_policy or (bounded and decision.boundary is False):
        return "", ""
    if uncontrolled is not None:
        outcome, why = _why(uncontrolled, None, own, bounded=bounded)
        return outcome, outcome and (
            f"denied by a control policy of the organisation, not by our deny; without it {why}"
        )
    if decision is UNANSWERED:
        return "open", "the simulator gave no answer"
    if decision.word == "implicitDeny":
        return "broken", "denied only for want of a policy that allows it, and not by our deny"
    others = _listed(sorted(decision.policies)) or "a policy that the simulator does not name"
    return "open", f"denied by {others}, and whether ours denies it too cannot be told"


def _is_bounded(member: Member) -> bool:
    return member.deny is not None and bool(member.deny.bounded)


def _bystanders(
    member: Member,
    decisions: Mapping[Canary, Decision],
    circumstances: Circumstances,
    own: frozenset[str],
) -> Iterator[Evidence]:
    """Say where our deny meets those whom it is to let through."""
    hit = [call for call, one in decisions.items() if one.policies & own and not one.allowed]
    what = (
        f"our deny also meets calls {circumstances.words}: {_listed(map(str, hit))}"
        if hit
        else f"calls {circumstances.words} are not met by our deny"
    )
    yield Evidence("V2", member.arn, "note", what)


def _open(member: Member, what: str) -> Evidence:
    return Evidence("V2", member.arn, "open", what, "see 'containment status', and run it again")


def _listed(words: Iterable[str], most: int = 3) -> str:
    listed = list(words)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more

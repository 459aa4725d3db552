"""V4+: AWS's own record of a request that it refused names the statement that denied it.

The message of a refused IAM call carries an authorization id, and CloudTrail keeps the message. For
at least a day AWS tells by it which policies were evaluated and which statement decided. Where that
statement is ours, AWS refused because of this incident: no simulation and no inference stands in
between. It proves one request at one moment. A denial by another's policy counts for nothing.

Source: IAM Toolbox API (preview), GetRequestAuthorizationDetails and GetRequestAuthorizationPolicy;
IAM User Guide, "Troubleshoot access denied error messages" (the id is in the messages of most IAM
calls, and not guaranteed in each). A record is in the Region where the request was denied, which
for IAM is us-east-1.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.faults import code
from containment.facets import documents, marks
from containment.facets.shapes import is_deny, is_policy_deny, is_trust_deny
from containment.verify.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from containment.verify.log_reading import LoggedCall

_ID = re.compile(r"authorization id:?\s*[\"'(]?([0-9a-z]{1,256})", re.IGNORECASE)
# By the type of policy that AWS says denied, the kind of artefact that it is, and what ours look
# like: whoever writes policies can copy a Sid.
_ARTEFACTS: Mapping[str, tuple[str, documents.Shape]] = {
    "IDENTITY_BASED_POLICY": ("DenyPolicy", is_policy_deny),
    "PERMISSIONS_BOUNDARY": ("DenyPolicy", is_policy_deny),
    "RESOURCE_BASED_POLICY": ("ClosedTrustPolicy", is_trust_deny),
    "SERVICE_CONTROL_POLICY": ("GuardPolicy", is_deny),
}
_DENY_ALL = re.compile(r"arn:aws[a-z0-9-]*:iam::aws:policy/AWSDenyAll")
# An attacker makes as many refused calls as they like, and each record is a call of ours.
_MOST = 20
_DENIED = "EXPLICIT_DENY"


class Toolbox(Protocol):
    """The two calls of botocore's ``iam-toolbox`` client that are used."""

    def get_request_authorization_details(self, **request: str) -> Mapping[str, Any]: ...

    def get_request_authorization_policy(self, **request: str) -> Mapping[str, Any]: ...


class AuthorizationRecords:
    """Asks for the records of refused calls, each once; what was kept stays kept."""

    def __init__(self, toolbox: Callable[[str], Toolbox], incident: str, *, deny_all: bool) -> None:
        """Ask what *toolbox* returns for a Region about denials of *incident* there.

        With *deny_all* some member is held by AWSDenyAll, which has no mark of ours.
        """
        self._toolbox = toolbox
        self._incident = incident
        self._deny_all = deny_all
        self._kept: dict[str, list[Evidence]] = {}
        self._answers: dict[str, dict[str, Any]] = {}

    def harvest(self, calls: Iterable[LoggedCall]) -> list[Evidence]:
        """Return what AWS's records say of the refused ones among *calls*, the newest first."""
        refused: dict[str, LoggedCall] = {}
        for call in calls:
            match = None if call.succeeded else _ID.search(call.message)
            if match is not None:
                refused[match[1].lower()] = call
        asked = list(refused.items())[::-1][:_MOST]
        for authorization_id, call in asked:
            if not any(one.outcome == "holds" for one in self._kept.get(authorization_id, ())):
                self._kept[authorization_id] = list(self._ask(authorization_id, call))
        return [item for kept in self._kept.values() for item in kept]

    @property
    def answers(self) -> list[dict[str, Any]]:
        """What AWS answered about each request that ours denied: it keeps it for a day alone."""
        return [
            answer
            for authorization_id, answer in self._answers.items()
            if any(one.outcome == "holds" for one in self._kept.get(authorization_id, ()))
        ]

    def _ask(self, authorization_id: str, call: LoggedCall) -> Iterator[Evidence]:
        self._answers[authorization_id] = {
            "authorizationId": authorization_id,
            "requestId": call.request_id,
            "eventId": call.event_id,
            "event": str(call),
            "documents": {},
        }
        try:
            named = list(self._denying(authorization_id, call.place[1]))
        except (ClientError, BotoCoreError) as error:
            yield from _unanswered(call, error)
            return
        for artefact, words in named:
            what = f"AWS refused {call}, authorization {authorization_id}: {words}"
            yield Evidence(
                "V4+",
                call.caller.arn,
                "holds" if artefact else "note",
                what,
                artefact=artefact,
                request=call.request_id,
                authorization=authorization_id,
            )
        if not named:
            what = f"AWS's record of {call} names no statement that denied it"
            yield Evidence("V4+", call.caller.arn, "note", what)

    def _denying(self, authorization_id: str, region: str) -> Iterator[tuple[str, str]]:
        """Yield each statement that denied: the kind of artefact it is, or nothing, and words."""
        policies: dict[str, str] = {}
        evaluations: list[Any] = []
        request = {"authorizationId": authorization_id}
        toolbox = self._toolbox(region)
        while True:
            answer = toolbox.get_request_authorization_details(**request)
            policies |= {str(one["uri"]): str(one["type"]) for one in answer.get("policies", ())}
            evaluations += answer.get("evaluations", ())
            if not answer.get("nextToken"):
                break
            request["nextToken"] = str(answer["nextToken"])
        self._answers[authorization_id] |= {"evaluations": evaluations}
        for evaluation in evaluations:
            if evaluation.get("evaluatedEffect") != _DENIED:
                continue
            for check in evaluation.get("checks", ()):
                if check.get("evaluatedEffect") == _DENIED:
                    yield from self._matched(toolbox, authorization_id, check, policies)

    def _matched(
        self, toolbox: Toolbox, authorization_id: str, check: Any, policies: Mapping[str, str]
    ) -> Iterator[tuple[str, str]]:
        for policy in check.get("matchedPolicies", ()):
            uri = str(policy.get("uri", ""))
            kind = policies.get(uri, "")
            for statement in policy.get("matchedStatements", ()):
                if statement.get("evaluatedEffect") != "DENY":
                    continue
                sid = str(statement.get("sid", ""))
                place = f"found by the {check.get('checkType', 'unnamed')} check"
                words = (
                    f"explicit deny by statement {sid!r} of a {kind or 'policy'} ({uri}), {place}"
                )
                own = self._artefact(toolbox, authorization_id, uri, kind, sid)
                yield own, words if own else f"{words}, which is not ours"

    def _artefact(
        self, toolbox: Toolbox, authorization_id: str, uri: str, kind: str, sid: str
    ) -> str:
        """Return which kind of artefact of the incident a statement is; empty for another's."""
        artefact, shape = _ARTEFACTS.get(kind, ("", is_deny))
        if self._deny_all and _DENY_ALL.fullmatch(uri):
            return artefact
        mark = marks.parse_sid(sid)
        if not artefact or mark is None or not mark.is_of(self._incident):
            return ""
        answer = toolbox.get_request_authorization_policy(
            authorizationId=authorization_id, policyUri=uri
        )
        document = answer.get("policyDocument")
        if not isinstance(document, dict):
            return ""
        self._answers[authorization_id]["documents"][uri] = document
        evaluated = documents.statements(document)
        is_own = any(one.get("Sid") == sid and shape(one) for one in evaluated)
        return artefact if is_own else ""


def _unanswered(call: LoggedCall, error: ClientError | BotoCoreError) -> Iterator[Evidence]:
    """Say why AWS gave no record; a client error is AWS's own answer."""
    reason = code(error) if isinstance(error, ClientError) else type(error).__name__
    if reason == "ResourceNotFoundException":
        what = f"AWS has no record of {call}: it comes after a while, and is kept for a day"
        step = "run it again"
    elif reason == "AccessDeniedException":
        what = f"AWS's record of {call} may not be read"
        step = "allow iam:GetRequestAuthorizationDetails and iam:GetRequestAuthorizationPolicy"
    else:
        what, step = f"AWS's record of {call} could not be read: {reason}", "run it again"
    for artefact in sorted({artefact for artefact, _ in _ARTEFACTS.values()}):
        yield Evidence("V4+", call.caller.arn, "open", what, step, artefact=artefact)

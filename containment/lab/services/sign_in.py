"""AWS Sign-In as far as sign-in sessions go: listed, looked at and revoked.

Source: AWS Sign-In API Reference, ListSessions, GetSession, BatchRevokeSessions and the API model
of ``signin``. Which Regions one listing covers AWS does not document: the lab lists all of them
everywhere.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto.core.utils import get_service_model

from containment.lab.protocol import value_checks
from containment.lab.protocol.refusal import Reason, Refusal
from containment.lab.state import moto_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from containment.lab.authn.callers import Caller
    from containment.lab.authn.sign_ins import SignIn, SignIns
    from containment.lab.protocol.operations import Operation

_MOST = 100


def answer(caller: Caller, operation: Operation, sign_ins: SignIns) -> moto_state.Handler:
    """Return what handles *operation* of *caller*.

    Raises:
        Refusal: the lab serves no such operation of the service.
    """
    served: Mapping[str, Callable[[Mapping[str, Any], Iterable[SignIn]], dict[str, Any]]] = {
        "ListSessions": _list,
        "GetSession": _get,
        "BatchRevokeSessions": _revoke,
    }
    act = served.get(operation.name)
    if act is None:
        raise Refusal(Reason.NOT_IN_LAB, f"Nobody implements {operation.label} in the lab.")
    parameters = operation.parameters
    shape = get_service_model("signin").operation_model(operation.name).input_shape
    problems = value_checks.violations(shape, dict(parameters)) if shape is not None else []
    if problems:
        raise _refused("ValidationException", value_checks.sentence(problems), 400)
    asked = [one for one in sign_ins if one.owner in _owners(parameters, caller, sign_ins)]

    def handle(_request: Any, _url: str, _headers: Any) -> moto_state.Answer:
        body = json.dumps(act(parameters, asked))
        return 200, {"Content-Type": "application/json"}, body

    return handle


def _owners(parameters: Mapping[str, Any], caller: Caller, sign_ins: SignIns) -> set[str]:
    """Return whose sessions are asked for: somebody's of the caller's account, or everybody's."""
    own = _without_path(caller.principal_arn)
    named = str(parameters.get("principalArn") or own)
    if named.split(":")[4] != caller.account:
        raise Refusal(
            Reason.DENIED,
            f"User: {caller.arn} is not authorized to act on sessions of {named}",
        )
    if named.endswith(":*"):
        return {one.owner for one in sign_ins if one.owner.split(":")[4] == caller.account}
    return {named}


def _list(parameters: Mapping[str, Any], asked: Iterable[SignIn]) -> dict[str, Any]:
    now = moto_state.clock()
    listed = [_summary(one) for one in asked if now < one.expires]
    if status := parameters.get("status"):
        listed = [item for item in listed if item["status"] == status]
    after, before = parameters.get("issuedAfter"), parameters.get("issuedBefore")
    listed = [
        item
        for item in listed
        if (after is None or item["issuedAt"] >= int(after))
        and (before is None or item["issuedAt"] < int(before))
    ]
    first = int(parameters.get("nextToken") or 0)
    size = int(parameters.get("maxResults") or _MOST)
    page: dict[str, Any] = {"items": listed[first : first + size]}
    if first + size < len(listed):
        page["nextToken"] = str(first + size)
    return page


def _get(parameters: Mapping[str, Any], asked: Iterable[SignIn]) -> dict[str, Any]:
    one = _session_of(str(parameters["sessionArn"]), asked)
    if one is None:
        raise _refused("ResourceNotFoundException", "The session was not found.", 404)
    details = {**_summary(one), "issuedInRegion": "us-east-1", "userAgent": one.user_agent}
    if one.last_used is not None:
        details["lastUsedAt"] = int(one.last_used.timestamp())
    return details


def _revoke(parameters: Mapping[str, Any], asked: Iterable[SignIn]) -> dict[str, Any]:
    sessions = list(asked)
    revoked: list[dict[str, str]] = []
    errors: list[dict[str, str]] = []
    for arn in parameters["sessionArns"]:
        one = _session_of(str(arn), sessions)
        if one is None:
            text = "The session was not found."
            errors.append({"sessionArn": arn, "code": "RESOURCE_NOT_FOUND", "message": text})
        else:
            one.revoked = True
            revoked.append({"sessionArn": one.arn})
    return {"revokedSessions": revoked, "errors": errors}


def _session_of(arn: str, asked: Iterable[SignIn]) -> SignIn | None:
    return next((one for one in asked if one.arn == arn), None)


def _summary(one: SignIn) -> dict[str, Any]:
    return {
        "sessionArn": one.arn,
        "principalArn": one.owner,
        "status": "REVOKED" if one.revoked else "ACTIVE",
        "issuedAt": int(one.issued.timestamp()),
        "expiresAt": int(one.expires.timestamp()),
        "clientId": f"arn:aws:signin:::devtools/{one.client.lower()}",
        "clientType": one.client,
    }


def _without_path(arn: str) -> str:
    head, _, rest = arn.partition("/")
    return f"{head}/{rest.rsplit('/', 1)[-1]}" if rest else arn


def _refused(code: str, message: str, status: int) -> Refusal:
    return Refusal(Reason.MALFORMED, message, code=code, status=status)

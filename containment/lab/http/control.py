"""Control requests, on the lab's own port under ``/_lab/``."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, cast

from containment.clock import isoformat
from containment.errors import ContainmentError, SpecError
from containment.lab.authn import saml, sign_ins, web_identity
from containment.lab.cloudtrail import services
from containment.lab.cloudtrail.sign_in import console_login
from containment.lab.http.request_body import (
    LONGEST_S,
    MalformedBodyError,
    number,
    parse,
    parse_object,
    text,
    whole,
)
from containment.lab.http.status import Status
from containment.lab.scenario.company import company
from containment.lab.scenario.organisation import Organisation, organisation
from containment.lab.state import moto_state, usage
from containment.lab.state.clock import FURTHEST_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from containment.lab.authn.sessions import Session
    from containment.lab.http.gate import Gate
    from containment.lab.protocol.call import Call
    from containment.lab.scenario.world import World

Answer = tuple[int, dict[str, str], bytes]
WORLDS: Mapping[str, Callable[..., World | Organisation]] = {
    "company": company,
    "organisation": organisation,
}


def answer(gate: Gate, call: Call) -> Answer:
    """Answer a control request."""
    name = (call.method, call.raw_path.removeprefix("/_lab/"))
    act = _REQUESTS.get(name)
    if act is None:
        choices = ", ".join(f"{method} {path}" for method, path in _REQUESTS)
        return _json(404, {"error": f"{name[0]} /_lab/{name[1]} is none of: {choices}"})
    try:
        return act(gate, call)
    except MalformedBodyError:
        return _json(400, {"error": f"{name[1]} takes {_BODIES[name[1]]}"})
    except ContainmentError as error:
        return _json(400, {"error": str(error)})


def reset(gate: Gate) -> None:
    """Empty the world: no accounts, no enforcement, no counts, the machine's own time."""
    with gate.lock:
        gate.enforcing = False
        gate.sessions.clear()
        gate.faults.replace([])
        gate.trail.reset()
        gate.records.clear()
        usage.clear()
        gate.facts.clear()
        gate.status = Status(noted_in=gate.status.noted_in)
        moto_state.reset()


def status(gate: Gate) -> dict[str, Any]:
    """Return everything GET /_lab/status shows."""
    return {
        "emulated": True,
        "pid": os.getpid(),
        "enforcement": gate.enforcing,
        "clock": isoformat(moto_state.clock()),
        "clock_offset_s": moto_state.clock.offset_seconds,
        "faults": [rule.as_json() for rule in gate.faults.rules],
        **gate.status.as_json(),
    }


def _status(gate: Gate, _call: Call) -> Answer:
    return _json(200, status(gate))


def _reset(gate: Gate, _call: Call) -> Answer:
    reset(gate)
    return _json(200, status(gate))


def _enforce(gate: Gate, _call: Call) -> Answer:
    gate.enforcing = True
    return _json(200, status(gate))


def _faults(gate: Gate, call: Call) -> Answer:
    """Put rules in place of those in force; an empty list ends all faults and all lag."""
    rules = parse(call)
    if not isinstance(rules, list):
        raise MalformedBodyError
    with gate.lock:
        gate.faults.replace(cast("list[object]", rules))
        if not rules:
            gate.facts.clear()
    return _json(200, status(gate))


def _seed(gate: Gate, call: Call) -> Answer:
    """Start over with a seeded world, enforcement on, and answer everything in it."""
    body = parse_object(call)
    name = text(body, "world")
    numbers: dict[str, int] = {}
    if "seed" in body:
        numbers["seed"] = whole(body["seed"], "seed", most=_GREATEST_SEED)
    if "principals" in body:
        numbers["principals"] = whole(body["principals"], "principals", most=_MOST_PRINCIPALS)
    if name not in WORLDS:
        choices = ", ".join(sorted(WORLDS))
        return _json(400, {"error": f"there is no world called {name!r}; there is {choices}"})
    if "principals" in numbers and name != "organisation":
        return _json(400, {"error": f"{name} takes no number of principals"})
    with gate.lock:
        reset(gate)
        world = WORLDS[name](gate.sessions, **numbers)
        for session in gate.sessions:
            _record_machine(gate, session)
        gate.enforcing = True
    return _json(200, world.to_json())


# Which service hands a role's session to what it runs, by what the session's context names.
_MACHINES = {
    "ec2:sourceinstancearn": "ec2.amazonaws.com",
    "lambda:sourcefunctionarn": "lambda.amazonaws.com",
}


def _record_machine(gate: Gate, session: Session) -> None:
    """Let CloudTrail tell of the credentials that an instance or a function was given."""
    for key, value in session.context:
        if key in _MACHINES:
            role = moto_state.iam(session.account).roles[session.principal_id]
            region = value.split(":")[3]
            gate.trail.write(
                services.handed_out(session, str(role.arn), _MACHINES[key], region=region)
            )


def _trail(gate: Gate, call: Call) -> Answer:
    """Say how long records take to reach the bucket and the event history."""
    body = parse_object(call)
    if "delay_s" not in body:
        raise MalformedBodyError
    gate.trail.delivery.delay_s = number(body["delay_s"], "delay_s", most=LONGEST_S)
    return _json(200, status(gate))


def _sign_in(gate: Gate, call: Call) -> Answer:
    """Sign a user in to the console, or fail to, as the wrong password does.

    A session comes of it, which acts as the console does for the user. With ``client``, as
    ``CLI`` for ``aws login``, it is a token of a new sign-in session, whose ARN every token that
    ``renew`` gives carries too: each lives 15 minutes (AWS Sign-In API Reference,
    CreateOAuth2Token).

    With ``access_key_id``, of a session of a role, it is that one which signs in to ``client``, as
    from a console that it opened.
    """
    body = parse_object(call)
    if "access_key_id" in body:
        return _role_sign_in(gate, call)
    account, name = text(body, "account"), text(body, "user")
    password = text(body, "password")
    client = text(body, "client") if "client" in body else None
    with gate.lock:
        user = moto_state.iam(account).users.get(name)
        success = user is not None and user.password == password
        gate.trail.write(
            console_login(
                account,
                name,
                user,
                success=success,
                source_ip=call.source_ip,
                user_agent=call.user_agent,
            )
        )
        if user is None or not success:
            return _json(200, {"ConsoleLogin": "Failure"})
        vars(user)["password_last_used"] = moto_state.clock().replace(tzinfo=None)
        session = gate.sessions.issue(
            kind="console",
            account=account,
            principal_id=user.id,
            principal_name=name,
            name=name,
            now=moto_state.clock(),
            seconds=15 * 60 if client else 12 * 3600,
            mfa=bool(user.mfa_devices),
            context=_new_sign_in(gate, call, user.arn, client) if client else (),
        )
    return _json(200, {"ConsoleLogin": "Success", "credentials": _credentials(session)})


def _role_sign_in(gate: Gate, call: Call) -> Answer:
    """Give a token of a new sign-in session of the role whose session asks."""
    body = parse_object(call)
    key_id, client = text(body, "access_key_id"), text(body, "client")
    with gate.lock:
        role = gate.sessions.find(key_id)
        if role is None or role.kind != "role":
            return _json(400, {"error": f"this lab has no session {key_id} of a role"})
        arn = f"arn:aws:iam::{role.account}:role/{role.principal_name}"
        session = gate.sessions.issue(
            kind="role",
            account=role.account,
            principal_id=role.principal_id,
            principal_name=role.principal_name,
            name=role.name,
            now=moto_state.clock(),
            seconds=15 * 60,
            tags=role.tags,
            source_identity=role.source_identity,
            context=(*role.context, *_new_sign_in(gate, call, arn, client)),
        )
    return _json(200, {"credentials": _credentials(session)})


def _new_sign_in(gate: Gate, call: Call, arn: str, client: str) -> tuple[tuple[str, str], ...]:
    """Return the condition key of a new sign-in session of the identity *arn*."""
    head, _, path = arn.partition("/")
    owner = f"{head}/{path.rsplit('/', 1)[-1]}"
    made = gate.sessions.sign_ins.make(
        owner, client, now=moto_state.clock(), user_agent=call.user_agent
    )
    return ((sign_ins.KEY, made.arn),)


def _renew(gate: Gate, call: Call) -> Answer:
    """Give credentials of the same principal as a session's that last for another while."""
    key_id = text(parse_object(call), "access_key_id")
    with gate.lock:
        session = gate.sessions.find(key_id)
        if session is None:
            return _json(400, {"error": f"this lab has no session {key_id}; seed it again"})
        signed_in = gate.sessions.sign_ins.find(dict(session.context).get(sign_ins.KEY, ""))
        if signed_in is not None:
            if not signed_in.works(moto_state.clock()):
                return _json(400, {"error": f"{signed_in.arn} can no longer be refreshed"})
            signed_in.last_used = moto_state.clock()
        return _json(200, _credentials(gate.sessions.renewed(session, moto_state.clock())))


def _credentials(session: Session) -> dict[str, str]:
    return {
        "access_key_id": session.access_key_id,
        "secret_access_key": session.secret_access_key,
        "session_token": session.token,
    } | ({"sign_in_session": arn} if (arn := dict(session.context).get(sign_ins.KEY)) else {})


def _web_identity(_gate: Gate, call: Call) -> Answer:
    """Mint a token in the name of an identity provider, as its own sign-in would."""
    body = parse_object(call)
    claims = body.get("claims", {})
    if not isinstance(claims, dict):
        raise MalformedBodyError
    if {"iat", "exp"} & claims.keys():
        raise SpecError(
            "a token's times are the lab's own", remedy="advance its clock to let one expire"
        )
    token = web_identity.mint(
        issuer=text(body, "issuer"),
        subject=text(body, "subject"),
        audience=text(body, "audience", "sts.amazonaws.com"),
        now=moto_state.clock(),
        more=cast("dict[str, Any]", claims),
    )
    return _json(200, {"token": token})


def _saml_metadata(_gate: Gate, _call: Call) -> Answer:
    """Give the metadata of the lab's own identity provider, as CreateSAMLProvider wants it."""
    return _json(200, {"issuer": saml.ISSUER, "metadata": saml.metadata()})


def _saml(_gate: Gate, call: Call) -> Answer:
    """Sign an assertion as the lab's own identity provider, after a sign-in there."""
    body = parse_object(call)
    attributes = body.get("attributes")
    if not isinstance(attributes, dict):
        raise MalformedBodyError
    listed = {
        str(name): [str(one) for one in (values if isinstance(values, list) else [values])]
        for name, values in cast("dict[str, Any]", attributes).items()
    }
    try:
        assertion = saml.mint(text(body, "subject"), listed, now=moto_state.clock())
    except (ValueError, TypeError) as error:
        raise MalformedBodyError from error  # characters that XML cannot hold
    return _json(200, {"assertion": assertion})


def _advance(gate: Gate, call: Call) -> Answer:
    body = parse_object(call)
    if "advance_s" not in body:
        raise MalformedBodyError
    seconds = number(body["advance_s"], "advance_s", most=FURTHEST_S)
    moto_state.clock.advance(seconds)
    return _json(200, status(gate))


def _json(code: int, document: dict[str, Any]) -> Answer:
    return code, {"Content-Type": "application/json"}, json.dumps(document).encode()


_GREATEST_SEED = 2**63 - 1
_MOST_PRINCIPALS = 10_000
# What a request takes, for whoever sent something else.
_BODIES: Mapping[str, str] = {
    "clock": 'a JSON body such as {"advance_s": 120}',
    "faults": "a JSON list of rules",
    "seed": 'a JSON body such as {"world": "company"}',
    "trail": 'a JSON body such as {"delay_s": 300}',
    "sign-in": 'a JSON body such as {"account": "…", "user": "…", "password": "…"}',
    "renew": 'a JSON body such as {"access_key_id": "ASIA…"}',
    "web-identity": 'a JSON body such as {"issuer": "…", "subject": "…"}',
    "saml": 'a JSON body such as {"subject": "…", "attributes": '
    '{"Role": "ROLE ARN,PROVIDER ARN", "RoleSessionName": "…"}}',
}

_REQUESTS: Mapping[tuple[str, str], Callable[[Gate, Call], Answer]] = {
    ("GET", "status"): _status,
    ("POST", "reset"): _reset,
    ("POST", "enforce"): _enforce,
    ("POST", "clock"): _advance,
    ("POST", "faults"): _faults,
    ("POST", "seed"): _seed,
    ("POST", "web-identity"): _web_identity,
    ("GET", "saml"): _saml_metadata,
    ("POST", "saml"): _saml,
    ("POST", "trail"): _trail,
    ("POST", "sign-in"): _sign_in,
    ("POST", "renew"): _renew,
}

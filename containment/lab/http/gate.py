"""Authenticate, authorise, record and forward every call: AWS's enforcement in front of moto."""

from __future__ import annotations

import contextlib
import logging
import re
import secrets
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any

from werkzeug.exceptions import HTTPException

from containment.lab.authn import federation
from containment.lab.authn.callers import Caller, identify
from containment.lab.authn.sessions import Sessions
from containment.lab.authz import kms_rules, s3_deletes, s3_rules
from containment.lab.authz.authorization_records import AuthorizationRecords
from containment.lab.authz.authorize import authorize, may, require
from containment.lab.authz.requirements import asks_of
from containment.lab.cloudtrail import history, services
from containment.lab.cloudtrail.elements import error_of
from containment.lab.cloudtrail.history import CloudTrail
from containment.lab.cloudtrail.record import Outcome
from containment.lab.http import origin
from containment.lab.http.faults import Faults, refuse
from containment.lab.http.lag import Lag
from containment.lab.http.status import Status
from containment.lab.protocol.call import MAX_BODY, Call, read_call
from containment.lab.protocol.operations import Operation, protocol_of, recognise
from containment.lab.protocol.refusal import Reason, Refusal, render
from containment.lab.protocol.services import is_mutating
from containment.lab.services import (
    athena,
    iam_toolbox,
    organizations,
    resource_principals,
    sign_in,
    sts,
)
from containment.lab.services.iam import api as iam_api
from containment.lab.state import isolation, moto_state, usage

# moto puts an id of its own into XML answers, which clients believe more than the header.
_REQUEST_ID = re.compile(rb"(<[Rr]equest(?:Id|ID)>)[^<]*")
log = logging.getLogger(__name__)
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Answer = tuple[int, dict[str, str], bytes]


class HangUp(Exception):  # noqa: N818 -- a fault that was asked for, or the client's own
    """The connection ends here, without an answer."""


@dataclass
class Gate:
    """One lab's front door. *control* answers what is under ``/_lab/``."""

    sessions: Sessions = field(default_factory=Sessions)
    status: Status = field(default_factory=Status)
    faults: Faults = field(default_factory=Faults)
    trail: CloudTrail = field(default_factory=CloudTrail)
    records: AuthorizationRecords = field(default_factory=AuthorizationRecords)
    enforcing: bool = False
    # moto is not thread-safe, and a decision has to see a state that no writer is half through.
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    control: Callable[[Gate, Call], Answer] | None = None

    def __post_init__(self) -> None:
        """Let decisions see the state through the lag that is asked for."""
        self.facts = Lag(self.faults)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one WSGI request."""
        request_id = secrets.token_hex(4) + "-lab0-4000-8000-" + secrets.token_hex(6)
        try:
            status, headers, body = self._answer(environ, request_id)
        except HangUp:
            _cut(environ)
            status, headers, body = 500, {"Connection": "close"}, b""
        except Exception:
            what = traceback.format_exc(limit=-3)
            log.exception("the lab failed to answer %s", environ.get("REQUEST_URI"))
            self.status.evaluator_error(what)
            status, headers, body = 500, {}, b"the lab failed; see GET /_lab/status"
        headers = {name: str(value) for name, value in headers.items() if name.lower() != "status"}
        is_head = environ["REQUEST_METHOD"] == "HEAD"
        length = str(len(body))
        for name in list(headers):
            if is_head and name.lower() == "content-length":
                length = headers[name]  # of the body that an answer to HEAD leaves out
            if name.lower() in {"date", "x-amzn-requestid", "content-length", "server"}:
                del headers[name]
        headers["Date"] = format_datetime(moto_state.clock(), usegmt=True)
        headers["x-amzn-RequestId"] = request_id
        headers["x-amz-request-id"] = request_id
        headers["Server"] = "containment-lab"
        if is_head or status != 204:  # noqa: PLR2004 -- No Content
            headers["Content-Length"] = length
        if is_head:
            body = b""
        start_response(f"{status} {_PHRASES.get(status, 'Status')}", list(headers.items()))
        return [body]

    def _answer(self, environ: dict[str, Any], request_id: str) -> Answer:
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdigit():
            return 400, {}, b"malformed Content-Length"
        if int(length) > MAX_BODY:
            return 413, {"Connection": "close"}, b"the lab takes bodies up to 64 MiB"
        try:
            call = read_call(environ)
        except OSError:  # a client that was killed while it sent, or stopped
            raise HangUp from None
        call.request_id = request_id
        refused = origin.refusal(call.headers)
        if refused:
            return 403, {"Content-Type": "text/plain", "Connection": "close"}, refused.encode()
        if call.raw_path.startswith("/_lab/"):
            answer = self.control or _no_control
            return answer(self, call)
        self.status.request()
        try:
            return self._as_aws(call)
        except Refusal as refusal:
            if refusal.reason is Reason.NOT_IN_LAB:
                self.status.unanswerable(refusal.message)
            rendered = render(
                refusal, protocol=protocol_of(call), service=call.service, request_id=request_id
            )
            return rendered.status, rendered.headers, rendered.body

    def _as_aws(self, call: Call) -> Answer:
        with self.lock:
            self.trail.delivery.deliver(moto_state.clock())
            caller = identify(
                call,
                facts=self.facts,
                sessions=self.sessions,
                now=moto_state.clock,
                enforcing=self.enforcing,
            )
        _fill_in_unsigned(call)
        _unwrap(call)
        operation = recognise(call)
        operation, caller = federation.vouched(operation) or (operation, caller)
        usage.note(
            caller.principal_arn,
            operation.service.prefix,
            time=moto_state.clock(),
            region=call.region,
        )
        try:
            answer = self._let_through(operation, call, caller)
        except Refusal as refusal:
            self._note(operation, call, caller, _refused(refusal, call))
            raise
        return answer

    def _let_through(self, operation: Operation, call: Call, caller: Caller) -> Answer:
        struck = self.faults.struck(operation, caller)
        latency = sum(rule.seconds for rule in struck if rule.kind == "latency")
        if latency:
            time.sleep(latency)
        if any(rule.kind == "drop" for rule in struck):
            raise HangUp
        refuse(struck)
        with self.lock:
            denied: list[str] = []
            use = services.key_use(operation, caller, call.region)
            if self.enforcing:
                denied = authorize(
                    operation,
                    call,
                    caller,
                    facts=self.facts,
                    now=moto_state.clock(),
                    records=self.records,
                )
                self._authorize_key(use, call, caller)
            with self.facts.watching(operation, caller):
                answer = self._but_for(denied, operation, call, caller)
            if self.enforcing and s3_rules.hides(operation, answer[0]):
                # What is missing is not told to whoever may not list.
                bucket = f"arn:aws:s3:::{operation.parameters['Bucket']}"
                now = moto_state.clock()
                require(caller, call, "s3:ListBucket", bucket, facts=self.facts, now=now)
            outcome = _answered(operation, answer)
            self._note(operation, call, caller, outcome)
            if use is not None and not outcome.error_code and caller.account:
                self.trail.write(services.record_of(use, caller, now=moto_state.clock()))
        if any(rule.kind == "lose" for rule in struck):
            raise HangUp
        return answer

    def _authorize_key(self, use: services.KeyUse | None, call: Call, caller: Caller) -> None:
        """Ask for the key that a service uses on the caller's behalf."""
        if use is None or use.managed:
            return
        require(
            caller,
            call,
            f"kms:{use.action}",
            use.key,
            facts=self.facts,
            now=moto_state.clock(),
            conditions=use.conditions,
            parameters={"EncryptionContext": use.context},
        )

    def _but_for(
        self, denied: list[str], operation: Operation, call: Call, caller: Caller
    ) -> Answer:
        """Do an operation, less the keys of a DeleteObjects that were denied."""
        if not denied:
            return self._forward(operation, call, caller)
        rest = s3_deletes.without(operation, call, denied)
        answer = self._forward(rest, call, caller) if rest is not None else None
        return s3_deletes.with_errors(answer, denied)

    def _note(
        self, operation: Operation, call: Call, caller: Caller, outcome: Outcome | None
    ) -> None:
        """Let CloudTrail record a call."""
        if outcome is not None:
            with self.lock:
                self.trail.note(call, operation, caller, outcome)

    def _own(self, operation: Operation, call: Call, caller: Caller) -> moto_state.Handler | None:
        """Return what answers in place of moto, None where moto does."""

        def on_behalf(action: str, resource: str) -> bool:
            facts, now = self.facts, moto_state.clock()
            return not self.enforcing or may(caller, call, action, resource, facts=facts, now=now)

        own: dict[str, Callable[[], moto_state.Handler]] = {
            "athena": lambda: athena.answer(on_behalf),
            "cloudtrail": lambda: history.answer(caller, operation, self.trail),
            "iam": lambda: iam_api.answer(caller),
            "iam-toolbox": lambda: iam_toolbox.answer(caller, operation, call.region, self.records),
            "organizations": lambda: organizations.answer(caller),
            "signin": lambda: sign_in.answer(caller, operation, self.sessions.sign_ins),
            "sts": lambda: sts.answer(caller, self.sessions, self.facts),
        }
        handler = own.get(operation.model) or own.get(operation.service.prefix)
        return handler() if handler is not None else None

    def _forward(self, operation: Operation, call: Call, caller: Caller) -> Answer:
        call.environ["HTTP_X_MOTO_ACCOUNT_ID"] = _acted_in(operation, call, caller)
        resource_principals.check(operation)
        if operation.label in _RUN_CODE:
            raise Refusal(Reason.NOT_IN_LAB, f"{operation.label}: the lab runs no code.")
        rule = _RULES.get(operation.service.prefix)
        if rule is not None:
            rule(operation, caller, call.region)
        if is_mutating(operation.service.prefix, operation.name):
            self.status.mutation(operation.label, caller.arn)
        handler = self._own(operation, call, caller) or moto_state.handler_for(
            moto_state.module_of(operation.host) or "", operation.host, call.raw_path
        )
        if handler is None:
            raise Refusal(Reason.NOT_IN_LAB, f"moto does not route {operation.label}.")
        if operation.service.prefix == "kms":
            operation = kms_rules.by_id(operation, call)
        status, headers, body = _moto_answer(handler, operation)
        payload = body.encode() if isinstance(body, str) else bytes(body or b"")
        if operation.model != "s3" and payload[:1] == b"<":
            own_id = call.request_id.encode()
            payload = _REQUEST_ID.sub(lambda match: match[1] + own_id, payload)
        return int(status), dict(headers), payload


def _no_control(_gate: Gate, _call: Call) -> Answer:
    return 404, {}, b"this lab takes no control requests"


def _moto_answer(handler: moto_state.Handler, operation: Operation) -> moto_state.Answer:
    """Return what *handler* answers, kept from calling out.

    Raises:
        Refusal: it implements no such operation, or tried to call out.
    """
    request = operation.request
    with isolation.isolated() as attempts:
        try:
            answer = handler(request, request.raw_url, request.headers)
        except HTTPException as error:
            answer = error.code or 500, dict(error.get_headers()), error.get_body()
        except NotImplementedError as error:
            raise Refusal(
                Reason.NOT_IN_LAB, f"Nobody implements {operation.label} in the lab."
            ) from error
        except isolation.CalledOutError as error:
            raise Refusal(Reason.NOT_IN_LAB, f"{operation.label}: {error}.") from error
    if attempts:
        raise Refusal(Reason.NOT_IN_LAB, f"{operation.label}: the lab calls nobody.")
    return answer


# Checks of single services that apply even when IAM allows the call.
_RULES = {"kms": kms_rules.check, "s3": s3_rules.check}
# moto would start a container for these.
_RUN_CODE = frozenset(
    {
        "lambda:InvokeFunction",
        "lambda:InvokeAsync",
        "lambda:InvokeWithResponseStream",
        "lambda:Invoke",
        "batch:SubmitJob",
    }
)
# Refused before anybody knew who calls, or by the lab itself: CloudTrail never sees these.
_UNRECORDED = frozenset({Reason.UNKNOWN_KEY, Reason.NOT_IN_LAB})


# Services whose resources are used from other accounts, and where moto looks in the caller's own.
_REACHED = frozenset({"dynamodb", "kms", "lambda", "secretsmanager", "sns", "sqs"})


def _acted_in(operation: Operation, call: Call, caller: Caller) -> str:
    """Return the account in which a call acts: that of its resource, where that is one account."""
    own = caller.account or moto_state.MANAGEMENT_ACCOUNT
    if operation.service.prefix not in _REACHED:
        return own
    accounts = {
        ask.account
        for ask in asks_of(operation, caller, call.region)
        if ask.action.startswith(f"{operation.service.prefix}:")
    }
    return accounts.pop() if len(accounts) == 1 else own


def _refused(refusal: Refusal, call: Call) -> Outcome | None:
    if refusal.reason in _UNRECORDED:
        return None
    rendered = render(refusal, protocol=protocol_of(call), service=call.service, request_id="")
    code = rendered.code
    if refusal.reason is Reason.DENIED:
        code = {"ec2": "Client.UnauthorizedOperation"}.get(call.service, "AccessDenied")
    return Outcome(error_code=code, error_message=refusal.message)


def _answered(operation: Operation, answer: Answer) -> Outcome:
    status, headers, body = answer
    if status < 400:  # noqa: PLR2004 -- HTTP's classes
        return Outcome(status=status, headers=headers, body=body)
    code, message = error_of(operation.model, status=status, headers=headers, body=body)
    return Outcome(error_code=code, error_message=message)


def _cut(environ: dict[str, Any]) -> None:
    """Close the connection under the client, who never learns what became of its call."""
    connection = environ.get("lab.connection")
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.socket.shutdown(socket.SHUT_RDWR)


def _unwrap(call: Call) -> None:
    """Take an upload out of its chunks.

    Raises:
        Refusal: they are no chunks.
    """
    try:
        call.unwrap_chunks()
    except ValueError as error:
        raise Refusal(
            Reason.MALFORMED,
            "The request body is not in the chunks that its headers announce.",
            code="InvalidRequest",
            status=400,
        ) from error


def _fill_in_unsigned(call: Call) -> None:
    """Name the service of an unsigned call: only S3 and two STS operations take those.

    Raises:
        Refusal: it is for a service that takes none.
    """
    if call.service:
        return
    if b"Action=AssumeRoleWith" in call.body:
        call.service = "sts"
    elif b"Action=" in call.body or "x-amz-target" in call.headers:
        raise Refusal(Reason.ANONYMOUS)
    else:
        call.service = "s3"


_PHRASES = {
    200: "OK",
    204: "No Content",
    206: "Partial Content",
    301: "Moved Permanently",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    412: "Precondition Failed",
    413: "Payload Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}

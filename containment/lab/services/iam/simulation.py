"""Policy simulation, answered by the lab's own evaluator.

Sources: IAM API Reference, "SimulatePrincipalPolicy", "SimulateCustomPolicy",
"GetContextKeysForPrincipalPolicy" and "GetContextKeysForCustomPolicy".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.iam.exceptions import IAMException, NoSuchEntity
from moto.iam.responses import IamResponse

from containment.clock import isoformat
from containment.iam_policy.conditions import UnknownOperatorError
from containment.iam_policy.evaluate import Layers, Request, decide
from containment.iam_policy.patterns import Variable
from containment.iam_policy.policies import Policy, Statement, as_list, compile_policy
from containment.iam_policy.principals import Identity
from containment.lab.authz.authorize import control_policies, managed_document
from containment.lab.protocol.services import iam_data
from containment.lab.services.iam.reads import ReadOperations
from containment.lab.state import aws_managed, facts, moto_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from containment.lab.authn.callers import Caller

_PRINCIPAL = re.compile(r"arn:aws:iam::([0-9]{12}):(user|role|group)/(?:.*/)?([\w+=,.@-]+)")
_ACTION = re.compile(r"[\w-]+:[\w*?-]+")
Value = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """One policy in a simulation, by the id and type that matched statements are shown with."""

    identifier: str
    kind: str
    document: str
    # What an entry of PolicyExclusionList may name it by.
    arn: str = ""
    inline: tuple[str, str, str] | None = None

    @property
    def policy(self) -> Policy:
        """The compiled document."""
        return compile_policy(self.document)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose permissions are simulated."""

    account: str
    kind: str
    name: str
    entity: facts.Entity

    @property
    def arn(self) -> str:
        """The ARN with its path, empty for a simulation of policies alone."""
        if not self.entity:
            return ""
        path = self.entity.get(("path",), "/")
        return f"arn:aws:iam::{self.account}:{self.kind}{path}{self.name}"


class SimulationOperations(ReadOperations, IamResponse):
    """Simulate… and GetContextKeys…."""

    caller: Caller

    def simulate_principal_policy(self) -> ActionResult:
        """Simulate what a user, group or role may do."""
        subject = self._subject()
        exclusions = [_Exclusion(entry) for entry in self._get_param("PolicyExclusionList", [])]
        own_sources = [
            source
            for source in sources_of(subject)
            if not any(exclusion.meets(source) for exclusion in exclusions)
        ]
        boundary = subject.entity.get(("boundary",))
        if any(exclusion.kind == "permission-boundary" for exclusion in exclusions):
            boundary = None
        return self._simulate(
            subject,
            [*own_sources, *self._inputs("PolicyInputList")],
            managed_document(subject.account, boundary, facts.read) if boundary else None,
            controlled=not any(exclusion.kind == "scp" for exclusion in exclusions),
        )

    def simulate_custom_policy(self) -> ActionResult:
        """Simulate what policies alone would allow."""
        subject = Subject(self.current_account, "user", "", {})
        return self._simulate(subject, self._inputs("PolicyInputList"), None)

    def get_context_keys_for_principal_policy(self) -> ActionResult:
        """Name the context keys that a principal's policies look at."""
        sources = [*sources_of(self._subject()), *self._inputs("PolicyInputList")]
        return ActionResult({"ContextKeyNames": _context_keys(sources)})

    def get_context_keys_for_custom_policy(self) -> ActionResult:
        """Name the context keys that given policies look at."""
        return ActionResult({"ContextKeyNames": _context_keys(self._inputs("PolicyInputList"))})

    def _subject(self) -> Subject:
        arn = self._get_param("PolicySourceArn")
        match = _PRINCIPAL.fullmatch(arn)
        if match is None:
            raise IAMException("InvalidInput", f"Invalid Entity Arn: {arn}")
        account, kind, name = match.groups()
        key = moto_state.role_id(account, name) if kind == "role" else name
        entity = facts.read((kind, account, key))  # type: ignore[arg-type]
        if account != self.current_account or not entity:
            raise NoSuchEntity(f"The {kind} with name {name} cannot be found.")
        return Subject(account, kind, name, entity)

    def _inputs(self, name: str) -> list[Source]:
        documents = self._get_param(name, [])
        for document in documents:
            _check_syntax(name, document)
        return [
            Source(f"{name}.{number}", "none", document)
            for number, document in enumerate(documents, 1)
        ]

    def _control(self, subject: Subject) -> Sequence[Sequence[Policy]]:
        """Return the control policies of the subject's account, or those that are put in."""
        if not subject.entity:
            return self._organisation()
        return control_policies(subject.account, "SERVICE_CONTROL_POLICY", facts.read)

    def _organisation(self) -> list[list[Policy]]:
        """Return the control policies that are put in, from the root to the account."""
        name = "OrderedOrganizationPolicyInputList"
        levels = [
            level.get("ServiceControlPolicyInputList", []) for level in self._get_param(name, [])
        ]
        for level in levels:
            for document in level:
                _check_syntax(name, document)
        return [[compile_policy(document) for document in level] for level in levels]

    def _simulate(
        self,
        subject: Subject,
        sources: Sequence[Source],
        boundary: str | None,
        *,
        controlled: bool = True,
    ) -> ActionResult:
        limits = [
            source.document for source in self._inputs("PermissionsBoundaryPolicyInputList")
        ] or ([boundary] if boundary else [])
        resource_policy = self._get_param("ResourcePolicy")
        layers = Layers(
            identity=[source.policy for source in sources],
            boundary=compile_policy(limits[0]) if limits else None,
            service_control=self._control(subject) if controlled else [],
            resource=compile_policy(resource_policy) if resource_policy else None,
        )
        context = self._context(subject)
        for action in self._get_param("ActionNames", []):
            if not _ACTION.fullmatch(action):
                raise IAMException("InvalidInput", f"Invalid Input Action: {action}")
        results = [
            self._result(
                subject, sources, layers, context=context, action=action, resource=resource
            )
            for action in self._get_param("ActionNames", [])
            for resource in self._get_param("ResourceArns", ["*"])
        ]
        return self._page("EvaluationResults", results)

    def _context(self, subject: Subject) -> dict[str, Value]:
        now = moto_state.clock()
        context: dict[str, Value] = {
            "aws:currenttime": isoformat(now),
            "aws:epochtime": str(int(now.timestamp())),
        }
        if subject.entity and subject.kind != "group":
            context["aws:principalarn"] = subject.arn
            context["aws:principalaccount"] = subject.account
        if subject.entity and subject.kind == "user":
            context["aws:username"] = subject.name
            context["aws:userid"] = subject.entity["id",]
        for entry in self._get_param("ContextEntries", []):
            values = entry.get("ContextKeyValues", [])
            several = str(entry.get("ContextKeyType", "string")).endswith("List")
            if values:
                name = entry["ContextKeyName"].lower()
                context[name] = tuple(values) if several else values[0]
        return context

    def _result(
        self,
        subject: Subject,
        sources: Sequence[Source],
        layers: Layers,
        *,
        context: dict[str, Value],
        action: str,
        resource: str,
    ) -> dict[str, Any]:
        owner = str(self._get_param("ResourceOwner") or "").split(":")[4:5] or [subject.account]
        arn = self._get_param("CallerArn") or subject.arn
        identifiers = frozenset({arn, subject.entity.get(("id",), "")} - {""})
        request = Request(
            action=action,
            resource=resource,
            resource_account=owner[0],
            caller=Identity(subject.account, identifiers),
            context=context,
        )
        decision = decide(request, layers)
        matched = list(_matched(sources, request, denied=decision.explicit))
        result: dict[str, Any] = {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": "allowed"
            if decision.allowed
            else ("explicitDeny" if decision.explicit else "implicitDeny"),
            "MatchedStatements": matched,
            "MissingContextValues": [
                key for key in _context_keys(sources) if key.lower() not in context
            ],
        }
        if layers.service_control:
            only = Layers(identity=_EVERYTHING, service_control=layers.service_control)
            result["OrganizationsDecisionDetail"] = {
                "AllowedByOrganizations": decide(request, only).allowed
            }
        if layers.boundary is not None:
            only = Layers(identity=_EVERYTHING, boundary=layers.boundary)
            result["PermissionsBoundaryDecisionDetail"] = {
                "AllowedByPermissionsBoundary": decide(request, only).allowed
            }
        return result


class _Exclusion:
    """One entry of PolicyExclusionList: policies that a simulation leaves out.

    Source: IAM API Reference, "PolicyIdentifier" and "InlinePolicyIdentifierType": by type, by ARN
    with wildcards in the name, or by an inline policy's name and the entity it is attached to. The
    text of the latter allows wildcards in the entity's name, which its pattern does not.
    """

    def __init__(self, entry: dict[str, Any]) -> None:
        self.kind = str(entry.get("PolicyType") or "")
        self._arn = str(entry.get("PolicyArn") or "")
        self._inline: dict[str, str] = entry.get("InlinePolicyIdentifier") or {}
        if len([one for one in (self.kind, self._arn, self._inline) if one]) != 1:
            raise IAMException(
                "InvalidInput", "A policy identifier has exactly one of type, ARN and inline policy"
            )

    def meets(self, source: Source) -> bool:
        """Tell whether *source* is left out."""
        if self.kind:
            return self.kind == ("inline" if source.inline else source.kind)
        if self._arn:
            return _matches(self._arn, source.arn)
        if source.inline is None:
            return False
        members = ("PolicyName", "AttachmentType", "AttachmentName")
        return source.inline == tuple(self._inline[member] for member in members)


def _matches(pattern: str, text: str) -> bool:
    parts = (".*" if one == "*" else "." if one == "?" else re.escape(one) for one in pattern)
    return re.fullmatch("".join(parts), text) is not None


_EVERYTHING = (
    compile_policy(
        '{"Version": "2012-10-17",'
        ' "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'
    ),
)


def _check_syntax(name: str, document: str) -> None:
    try:
        compile_policy(document)
    except (ValueError, KeyError, TypeError, UnknownOperatorError) as error:
        raise IAMException(
            "InvalidInput", f"Syntax errors in policy input {name}: {error}"
        ) from error


def allowed_services(arn: str) -> set[str]:
    """Return the services that a principal's policies allow anything of; empty for a policy."""
    match = _PRINCIPAL.fullmatch(arn)
    if match is None:
        return set()
    account, kind, name = match.groups()
    key = moto_state.role_id(account, name) if kind == "role" else name
    entity = facts.read((kind, account, key))  # type: ignore[arg-type]
    services: set[str] = set()
    for source in sources_of(Subject(account, kind, name, entity)):
        for statement in as_list(json.loads(source.document)["Statement"]):
            for action in as_list(statement.get("Action", [])) * (statement["Effect"] == "Allow"):
                services.add(str(action).partition(":")[0].lower())
    return {*services - {"*"}, *(iam_data.services.get_service_keys() if "*" in services else ())}


def sources_of(subject: Subject) -> Iterator[Source]:
    """Yield the identity policies of a user, group or role, a user's groups included."""
    yield from _own(subject.account, subject.kind, subject.name, subject.entity)
    for entry in subject.entity:
        if entry[0] == "group":
            group = facts.read(("group", subject.account, entry[1]))
            yield from _own(subject.account, "group", entry[1], group)


def _own(account: str, kind: str, name: str, entity: facts.Entity) -> Iterator[Source]:
    for entry, value in entity.items():
        if entry[0] == "inline":
            yield Source(f"{kind}_{name}_{entry[1]}", kind, value, inline=(entry[1], kind, name))
        elif entry[0] == "attached":
            origin = "aws-managed" if entry[1].startswith(aws_managed.PREFIX) else "user-managed"
            document = managed_document(account, entry[1], facts.read)
            yield Source(entry[1].rsplit("/", 1)[-1], origin, document, arn=entry[1])


def _matched(
    sources: Sequence[Source], request: Request, *, denied: bool
) -> Iterator[dict[str, Any]]:
    for source in sources:
        spans = _spans(source.document)
        statements = source.policy.denies if denied else source.policy.allows
        for statement in statements:
            if statement.applies(request.action, request.resource, request.context):
                start, end = spans[statement.number]
                yield {
                    "SourcePolicyId": source.identifier,
                    "SourcePolicyType": source.kind,
                    "StartPosition": _position(source.document, start),
                    "EndPosition": _position(source.document, end),
                }


def _spans(document: str) -> list[tuple[int, int]]:
    """Return where each statement begins and ends in the text of a policy."""
    decoder = json.JSONDecoder()
    statements = as_list(json.loads(document)["Statement"])
    spans: list[tuple[int, int]] = []
    position = document.index('"Statement"') + len('"Statement"')
    for statement in statements:
        while True:
            position = document.index("{", position)
            value, end = decoder.raw_decode(document, position)
            if value == statement:
                spans.append((position, end))
                position = end
                break
            position += 1
    return spans


def _position(document: str, offset: int) -> dict[str, int]:
    before = document[:offset]
    return {"Line": before.count("\n") + 1, "Column": offset - (before.rfind("\n") + 1) + 1}


def _context_keys(sources: Sequence[Source]) -> list[str]:
    names: dict[str, None] = {}
    for source in sources:
        for raw in as_list(json.loads(source.document)["Statement"]):
            for keys in raw.get("Condition", {}).values():
                names.update(dict.fromkeys(keys))
        for statement in (*source.policy.allows, *source.policy.denies):
            names.update(dict.fromkeys(_variables(statement)))
    return list(names)


def _variables(statement: Statement) -> Iterator[str]:
    parts = [
        part for condition in statement.conditions for value in condition.values for part in value
    ]
    if statement.resources is not None:
        parts += [part for text in statement.resources.with_variables for part in text]
    yield from (part.key for part in parts if isinstance(part, Variable))

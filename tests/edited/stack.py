"""A stack without an engine: the provider's own calls, and a state that anybody may edit between.

The calls are those of the engine, in its order: a check, a create or an update for everything that
the spec declares; at a lift a read of everything, then deletes, the snapshots last.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2

from containment.facets import documents
from containment.facets.marks import parse_sid
from containment.lab.scenario import inventory
from containment.lab.scenario.world import Credentials
from containment.lab.testing import Lab
from containment.ledger import chain
from containment.plan import plan
from containment.provider.deployment import Deployment
from containment.provider.servicer import Servicer
from containment.spec import load
from tests.support.wire import struct

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

PREFIX = "containment:index:"
CONFIRMED, MISTAKEN = "inc-2026-0042", "inc-2026-0043"


@cache
def client_of(lab: Lab, credentials: Credentials) -> IAMClient:
    """Return a client of *lab* for who has *credentials*, made once."""
    client: IAMClient = lab.client("iam", credentials)
    return client


class CallError(Exception):
    """A call of the provider ended with an error."""


class _Context:
    def abort(self, _code: Any, details: str) -> NoReturn:
        raise CallError(details)

    def abort_with_status(self, status: Any) -> NoReturn:
        raise CallError(status.details)

    def set_trailing_metadata(self, _metadata: Any) -> None: ...


class _Ear:
    """What the provider says is heard by nobody but the test."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def say(self, _severity: str, message: str, *_: Any, **__: Any) -> None:
        self.heard.append(message)


@dataclass
class Entry:
    """One resource in a state, as an editor sees it."""

    kind: str
    urn: str
    id: str
    values: dict[str, Any]


@dataclass
class Stack:
    """One incident's stack in the project *folder*."""

    folder: Path
    incident: str
    entries: list[Entry] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def up(self) -> None:
        """Apply the spec: create what is missing from the state, update what is in it."""
        servicer, ear = self._started({})
        path = f"stacks/{self.incident}.yaml"
        spec = load(self.folder / path)
        for principal in plan(spec, spec_file=path):
            label = principal.principal.label
            snapshot = self._apply(servicer, principal.snapshot.resource, label, principal.snapshot)
            if snapshot is None:
                continue
            for item in principal.declarations:
                self._apply(servicer, item.resource, label, item, snapshot)
        self.heard = ear.heard

    def destroy(self, settings: Mapping[str, Any] | None = None) -> None:
        """Lift; the engine hands the provider the *settings* that the state has."""
        servicer, ear = self._started(settings or {})
        if servicer is None:
            return
        entries_held = [entry for entry in self.entries if entry.kind != "PrincipalSnapshot"]
        rest = [entry for entry in self.entries if entry.kind == "PrincipalSnapshot"]
        for entry in self.entries:
            self._read(servicer, entry)
        failed = False
        for entry in [*entries_held, *rest]:
            if entry in rest and failed:
                continue  # the engine stops before what others hang on
            failed |= not self._tried(
                servicer.Delete,
                provider_pb2.DeleteRequest(
                    id=entry.id,
                    urn=entry.urn,
                    type=PREFIX + entry.kind,
                    properties=struct(entry.values),
                ),
            )
        self.heard = ear.heard

    def adopt(self, arn: str) -> None:
        """Import the snapshot of what is live on *arn*."""
        servicer, ear = self._started({})
        answer = self._call(
            servicer.Read,
            provider_pb2.ReadRequest(
                id=f"{self.incident}/{arn}",
                urn=self._urn("PrincipalSnapshot", arn),
                type=f"{PREFIX}PrincipalSnapshot",
            ),
        )
        if answer is not None:
            self.entries.append(
                Entry(
                    "PrincipalSnapshot",
                    self._urn("PrincipalSnapshot", arn),
                    answer.id,
                    MessageToDict(answer.properties),
                )
            )
        self.heard = ear.heard

    def copied(self, folder: Path | None = None) -> Stack:
        """Return a copy whose state may be edited; of the project in *folder*, if one is given."""
        return Stack(folder or self.folder, self.incident, copy.deepcopy(self.entries))

    def _started(self, settings: Mapping[str, Any]) -> tuple[Any, _Ear]:
        self.failed = []
        deployment, ear = Deployment({}), _Ear()
        deployment.directory = self.folder
        deployment.engine = ear  # type: ignore[assignment]
        servicer = Servicer(deployment)
        self._call(
            servicer.Configure,
            provider_pb2.ConfigureRequest(
                args=struct(settings),
                urn=f"urn:pulumi:{self.incident}::containment::pulumi:providers:containment::default",
            ),
        )
        return servicer, ear

    def _apply(
        self, servicer: Any, kind: str, label: str, declared: Any, snapshot: Any = None
    ) -> dict[str, Any] | None:
        outputs, urn = snapshot or {}, self._urn(kind, label)
        from_snapshot = {
            name: outputs.get(source) for name, source in declared.from_snapshot.items()
        }
        known_values = {name: value for name, value in from_snapshot.items() if value is not None}
        entry = next((one for one in self.entries if (one.kind, one.urn) == (kind, urn)), None)
        olds = entry.values if entry else {}
        checked = self._call(
            servicer.Check,
            provider_pb2.CheckRequest(
                urn=urn,
                type=PREFIX + kind,
                news=struct({**declared.inputs, **known_values}),
                olds=struct(olds),
            ),
        )
        if checked is None or checked.failures:
            self.failed += [failure.reason for failure in (checked.failures if checked else ())]
            return None
        if entry is None:
            made = self._call(
                servicer.Create,
                provider_pb2.CreateRequest(urn=urn, type=PREFIX + kind, properties=checked.inputs),
            )
            if made is None:
                return None
            self.entries.append(Entry(kind, urn, made.id, MessageToDict(made.properties)))
            return self.entries[-1].values
        live_state = self._read(servicer, entry)
        updated = self._call(
            servicer.Update,
            provider_pb2.UpdateRequest(
                id=entry.id,
                urn=entry.urn,
                type=PREFIX + kind,
                olds=live_state,
                news=checked.inputs,
            ),
        )
        if updated is None:
            return None
        entry.values = MessageToDict(updated.properties)
        return entry.values

    def _read(self, servicer: Any, entry: Entry) -> Struct:
        answer = self._call(
            servicer.Read,
            provider_pb2.ReadRequest(
                id=entry.id,
                urn=entry.urn,
                type=PREFIX + entry.kind,
                properties=struct(entry.values),
                inputs=struct(entry.values),
            ),
        )
        if answer is None or not answer.id:
            return struct(entry.values)
        return answer.properties  # type: ignore[no-any-return]

    def _urn(self, kind: str, label: str) -> str:
        return f"urn:pulumi:{self.incident}::containment::{PREFIX}{kind}::{label}"

    def _tried(self, method: Any, request: Any) -> bool:
        return self._call(method, request) is not None

    def _call(self, method: Any, request: Any) -> Any:
        """Make a call; None, and why, where it ends with an error of any kind."""
        try:
            return method(request, _Context())
        except Exception as error:  # noqa: BLE001 -- what is edited may break anything but AWS
            self.failed.append(f"{type(error).__name__}: {error}")
            return None


@dataclass
class Company:
    """A lab with two incidents: a confirmed one, and one that was a mistake."""

    lab: Lab
    folder: Path
    stacks: dict[str, Stack] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)
    contained: dict[str, str] = field(default_factory=dict)

    def contain(self) -> None:
        """Write both specs and contain what they name."""
        self.before = self.taken()
        for incident in (CONFIRMED, MISTAKEN):
            self.write(incident)
            self.stacks[incident] = Stack(self.folder, incident)
            self.stacks[incident].up()
            assert self.stacks[incident].failed == []
        self.contained = self.taken()

    def write(self, incident: str, *, without_user: bool = False) -> None:
        """Write the spec of *incident*; its user may have been taken out again."""
        world = self.lab.world
        if incident == CONFIRMED:
            disposition, user, key = "confirmed", world.ci_user, world.leaked.access_key_id
            role = f"  - role: {world.app_role}\n    rung: close-trust\n"
        else:
            disposition, user = "false-positive", world.release_user
            key = world.release_key.access_key_id
            role = f"  - role: {world.deploy_role}\n"
        targets = role if without_user else f"  - user: {user}\n    leaked: [{key}]\n{role}"
        file = self.folder / "stacks" / f"{incident}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(
            f"incident: {incident}\ntitle: x\ncompromised_at: 2026-11-01T00:00:00Z\n"
            f"compromised_at_source: x\ndisposition: {disposition}\ncause: unknown\nowner: x\n"
            f"review_by: 2026-12-31T00:00:00Z\ntargets:\n{targets}",
            encoding="utf-8",
        )

    def taken(self) -> dict[str, str]:
        """Return every fact of the account."""
        return dict(inventory.take(client_of(self.lab, self.lab.world.admin)))

    def named(self, incident: str) -> list[str]:
        """Return how the facts of those begin whom *incident* names."""
        return {
            CONFIRMED: ["user ci-deploy", "role app"],
            MISTAKEN: ["user release-bot", "role deploy"],
        }[incident]

    def wrong(self, incident: str, *, containing: bool) -> list[str]:
        """Return what a run for *incident* did that neither its spec nor the account supports.

        While *containing* it may write the incident's deny anew on whom the spec names.
        """
        now = self.taken()
        return [
            f"{fact}: {self.contained.get(fact)} -> {now.get(fact)}"
            for fact in sorted(self.contained.keys() | now.keys())
            if self.contained.get(fact) != now.get(fact)
            and not self._supported(incident, fact, now.get(fact), containing=containing)
        ]

    def ledger_edited(self, incident: str, entries: list[dict[str, Any]]) -> None:
        """Write *entries* as the incident's ledger, with a chain that is whole."""
        head, lines = chain.Head(), list[bytes]()
        for entry in entries:
            rest = {k: v for k, v in entry.items() if k not in {"n", "prev"}}
            lines.append(chain.line(rest, head))
            head = chain.following(head, lines[-1])
        (self.folder / "ledger" / f"{incident}.jsonl").write_bytes(b"\n".join(lines) + b"\n")

    def ledger(self, incident: str) -> list[dict[str, Any]]:
        """Return the entries of the incident's ledger."""
        text = (self.folder / "ledger" / f"{incident}.jsonl").read_text(encoding="ascii")
        return [json.loads(line) for line in text.splitlines()]

    def _supported(self, incident: str, fact: str, after: str | None, *, containing: bool) -> bool:
        if not any(fact == label or fact.startswith(f"{label},") for label in self.named(incident)):
            return False
        if incident == CONFIRMED and self.lab.world.leaked.access_key_id in fact:
            return after is not None and "Active" not in after.replace("Inactive", "")
        if f"containment-{incident}" in fact or f"containment:{incident}" in fact:
            if after is None or "containment:" in fact or "aws:CurrentTime" in after:
                return True
            return containing and _is_own_deny(after, incident)
        if fact.endswith("AssumeRolePolicyDocument") and after is not None:
            document = json.loads(after)
            marks = [parse_sid(item.get("Sid")) for item in documents.statements(document)]
            kept = [
                item
                for item, mark in zip(documents.statements(document), marks, strict=True)
                if mark is None or not mark.is_of(incident)
            ]
            return documents.equal({**document, "Statement": kept}, self.before[fact])
        return after == self.before.get(fact)


def _is_own_deny(policy: str, incident: str) -> bool:
    """Tell whether all that *policy* says is a deny of *incident*."""
    statements = documents.statements(json.loads(policy))
    marks = [parse_sid(item.get("Sid")) for item in statements]
    own = all(mark is not None and mark.is_of(incident) for mark in marks)
    return own and {item["Effect"] for item in statements} == {"Deny"}

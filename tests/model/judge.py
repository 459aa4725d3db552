"""What must stay true of an account in which incidents are contained and lifted.

The judge knows nothing of how the product works: it asks the gate who gets in, and looks at the
account and at the states.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from google.protobuf.json_format import MessageToDict

from containment.facets import marks
from containment.run import fences
from tests.model import account
from tests.model.account import Artefact, Probe, Stolen
from tests.model.cast import BOT, CI, COVERS, FIRST, SECOND
from tests.model.cloud import Cloud
from tests.model.engine import Engine


class BrokenError(AssertionError):
    """Something that must stay true did not."""


@dataclass
class Case:
    """One incident: its spec, its stack, and what a finished ``up`` has promised.

    *absolved* are targets that a destroy on the terms of a false alarm may have lifted before it
    was cut off.
    """

    name: str
    engine: Engine
    targets: dict[str, str] = field(default_factory=dict)
    disposition: str = "suspected"
    promises: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    applied: dict[str, str] = field(default_factory=dict)
    absolved: set[str] = field(default_factory=set)


class Judge:
    """Sees that what was promised holds, and that nothing is left behind."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.probe = Probe(cloud)
        self.stolen: list[Stolen] = []
        self.original: dict[str, account.Facts] = {}
        self.cases: dict[str, Case] = {}
        # What may make a lift, or everything, be refused: two lists of reasons.
        self.lift_doubt: list[str] = []
        self.doubt: list[str] = []
        self.log: list[str] = []
        self._judged: object = None

    def judge(self) -> None:
        """See that everything that was promised holds, and that nothing is left behind."""
        rules, self.cloud.gate.faults.rules = self.cloud.gate.faults.rules, ()
        try:
            self._judge()
        finally:
            self.cloud.gate.faults.rules = rules

    def _judge(self) -> None:
        promised = {name: dict(case.promises) for name, case in self.cases.items()}
        if (self.cloud.mutations, promised) != self._judged:
            self._try_credentials()
            self._judged = (self.cloud.mutations, promised)
        for artefact in account.artefacts():
            if not artefact.fence and not self._owned(artefact):
                raise BrokenError(self._failure_text(f"nobody owns {artefact}"))
        status = self.cloud.gate.status
        self._must(not status.evaluator_errors and not status.unrouted, str(status.errors))

    def _try_credentials(self) -> None:
        world = self.cloud.world
        for bystander in (world.bystander, world.bystander_session):
            self._must(self.probe.gets_in(bystander), "a bystander was locked out")
        for case in self.cases.values():
            for target, (rung, since) in case.promises.items():
                for stolen in self._held_by(target, rung, since):
                    inside = self.probe.gets_in(stolen.credentials)
                    self._must(
                        not inside, f"{rung} of {target} does not hold the stolen {stolen.kind}"
                    )

    def _lifted(self, case: Case, targets: Iterable[str]) -> None:
        for target in targets:
            elsewhere = any(
                target in other.promises or target in other.applied
                for other in self.cases.values()
                if other is not case
            )
            facts = account.entity(target)
            own_artefacts = [
                item
                for item in account.artefacts()
                if item.principal == target and not item.fence and self._is_of(item, case.name)
            ]
            if self._certain:
                self._must(not own_artefacts, f"a lift of {target} left {own_artefacts}")
            if elsewhere or not facts:
                continue
            self._keys_given_back(case, target, facts)
            if self._certain:
                self._as_it_was(case, target, facts)

    def _as_it_was(self, case: Case, target: str, facts: account.Facts) -> None:
        fence = ("inline", marks.policy_name(case.name))
        allowed = {fence} if case.disposition != "false-positive" else set()
        was = {e: v for e, v in self.original[target].items() if e[0] != "key"}
        now = {e: v for e, v in facts.items() if e[0] != "key" and e not in allowed}
        now = {e: v for e, v in now.items() if not _is_fence_of_another(e)}
        self._must(was == now, f"{target} is not as it was", {"was": was, "now": now})

    def _keys_given_back(self, case: Case, target: str, facts: account.Facts) -> None:
        leaked = self._leaked(target)
        for entry, status in facts.items():
            if entry[0] != "key":
                continue
            absolved = case.disposition == "false-positive" or target in case.absolved
            if not absolved and entry[1] in leaked:
                self._must(status == "Inactive", f"{entry[1]} leaked and was given back")
            elif self._certain:
                was = self.original[target].get(entry)
                self._must(status == was, f"{entry[1]} was {was} and is {status}")

    def _leaked(self, target: str) -> set[str]:
        world = self.cloud.world
        credentials = {CI: world.leaked, BOT: world.release_key}.get(target)
        return {credentials.access_key_id} if credentials else set()

    def _held_by(self, target: str, rung: str, since: datetime) -> Iterable[Stolen]:
        for stolen in self.stolen:
            covered = stolen.owner == target and stolen.kind in COVERS[rung]
            if covered and (rung == "deny-all" or stolen.minted < since):
                yield stolen

    def _unmarked_facts(self) -> dict[str, account.Facts]:
        return {name: account.unmarked_facts(name) for name in account.names()}

    def _applied(self, case: Case) -> bool:
        return bool(case.engine.state.resources or case.engine.state.pending or case.applied)

    def _owned(self, artefact: Artefact) -> bool:
        """Tell whether a state, a pending operation or ``containment status`` shows it."""
        for case in self.cases.values():
            state = case.engine.state
            values = [item.outputs for item in state.resources]
            values += [item.inputs for item in state.resources]
            values += [item.resource.inputs for item in state.pending]
            if any(_snapshot_id(each) == artefact.snapshot_id for each in values):
                return True
        if self._certain:
            return False
        shown = fences.survey(self.cloud.responder.iam)
        snapshot_ids = {item.snapshot_id for item in shown.denies}
        return artefact.snapshot_id in snapshot_ids | {
            item.snapshot_id for item in shown.marked_principals
        }

    @property
    def _certain(self) -> bool:
        """Whether nothing has happened that anybody could be in doubt about."""
        return not self.doubt and not self.lift_doubt

    def _is_of(self, artefact: Artefact, name: str) -> bool:
        return artefact.incident in {name, marks.incident_hash(name)}

    def _must(self, holds: bool, what: str, before: object = None) -> None:
        if not holds:
            raise BrokenError(self._failure_text(what, before))

    def _failure_text(self, what: str, before: object = None) -> str:
        more = f"\nbefore: {before}\nnow: {self._unmarked_facts()}" if before is not None else ""
        return "\n".join([what, *self.log]) + more


def _snapshot_id(values: Any) -> str:
    return str(MessageToDict(values).get("snapshotId", ""))


def _is_fence_of_another(entry: tuple[str, ...]) -> bool:
    return entry[0] == "inline" and marks.incident_of_policy(entry[1]) in {FIRST, SECOND}

"""A story of an incident: what responders, attackers, crashes and AWS do, and what must stay true.

Each step is played on the engine's stand-in and judged at once. The judge knows nothing of how the
product works: it asks the gate who gets in, and looks at the account and at the states.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Literal

from google.protobuf.json_format import MessageToDict

from containment.clock import isoformat
from containment.facets import documents
from tests.model import account
from tests.model.account import Stolen
from tests.model.cast import APP, BOT, CI, COVERS, DEPLOY, FIRST, PATHS, SECOND
from tests.model.cloud import Cloud
from tests.model.conductor import Conductor
from tests.model.engine import Blow, Engine, Outcome
from tests.model.judge import Case, Judge
from tests.model.program import urn_of

# Where files cost no disk, on Linux: a ledger is written through to it.
_MEMORY = Path("/dev/shm")  # noqa: S108 -- mkdtemp makes the name
Fate = Literal["write", "finish", "die", "later"]


class Story(Judge):
    """One account, and all that happens in it."""

    def __init__(self, cloud: Cloud, *, crowded: bool = False) -> None:
        cloud.reset()
        super().__init__(cloud)
        self.conductor = Conductor(cloud.clock)
        cloud.sleeper = self.conductor
        self.folder = Path(mkdtemp(prefix="story-", dir=_MEMORY if _MEMORY.is_dir() else None))
        (self.folder / "stacks").mkdir()
        self.admin = cloud.client("iam", cloud.world.admin)
        world = cloud.world
        now = cloud.clock()
        self.stolen = [
            Stolen(CI, "key", world.leaked, now),
            Stolen(CI, "token", self.probe.token(world.leaked), now),
            Stolen(BOT, "key", world.release_key, now),
            Stolen(BOT, "token", self.probe.token(world.release_key), now),
            Stolen(APP, "session", world.app_session, now),
        ]
        self.stolen += self._session(DEPLOY)
        if crowded:
            self.lift_doubt.append("a fence has no room: a deny stays until somebody makes some")
            self._crowd()
        cloud.clock.advance(30)
        self.compromised_at = isoformat(cloud.clock())
        cloud.clock.advance(30)
        self.original = {name: account.entity(name) for name in account.names()}
        self.cases = {
            name: Case(name, Engine(cloud, self.conductor, self.folder, name))
            for name in (FIRST, SECOND)
        }

    def close(self) -> None:
        """End what is still running, and tidy up."""
        for case in self.cases.values():
            case.engine.orphans_die()
        shutil.rmtree(self.folder, ignore_errors=True)

    # What responders do

    def edit(
        self, targets: Mapping[str, str], disposition: str = "suspected", name: str = FIRST
    ) -> None:
        """Write the spec."""
        case = self.cases[name]
        alarm_was_false = "false-positive" in {disposition} ^ {case.disposition}
        if alarm_was_false and self._applied(case):
            # What an ``up`` takes out goes on the terms that were applied, or not at all.
            self._doubtful("other terms than were applied")
        case.targets, case.disposition = dict(targets), disposition
        self.log.append(f"edit {name}: {dict(targets)} {disposition}")
        lines = [
            f"incident: {name}",
            "title: a key in a public repository",
            f"compromised_at: {self.compromised_at}",
            "compromised_at_source: scanning alert",
            f"disposition: {disposition}",
            "severity: high",
            "cause: unknown",
            "owner: oncall@example.com",
            "review_by: 2027-12-24T09:00:00Z",
            "targets:",
        ]
        for target, rung in targets.items():
            lines += self._target(target, rung)
        (self.folder / "stacks" / f"{name}.yaml").write_text("\n".join(lines) + "\n")
        for target in [*case.promises]:
            if case.targets.get(target) != case.promises[target][0]:
                self._weaken(case, target, case.targets.get(target))

    def command(
        self,
        verb: str,
        name: str = FIRST,
        *,
        seed: int = 0,
        blow: Blow | None = None,
        fate: Fate = "write",
        **options: Any,
    ) -> Outcome:
        """Run one command and judge it; a *blow* may cut it off, an orphan has a *fate*."""
        case = self.cases[name]
        self.log.append(f"{verb} {name} seed={seed} blow={blow} fate={fate} {options or ''}")
        before, mutations = self._unmarked_facts(), self.cloud.mutations
        self.conductor.seed(seed)
        case.engine.blow = blow
        if verb == "destroy":
            case.promises.clear()
        outcome: Outcome = getattr(case.engine, verb)(**options)
        changed = self.cloud.mutations - mutations
        self.log.append(f"  -> ok={outcome.ok} hit={outcome.hit} {list(outcome.errors)}")
        if verb in {"preview", "refresh"} or not outcome.applied:
            self._must(changed == 0, f"{verb} changed something in AWS ({changed} calls)")
        if outcome.killed:
            self.orphans(fate, name)
        self._must(self._unmarked_facts() == before, f"{verb} changed what is not ours", before)
        if not outcome.ok and not outcome.hit:
            lifts = verb not in {"up", "preview"} or self._takes_out(case)
            reason = self.doubt or (lifts and (self.lift_doubt or self._other_terms(case)))
            self._must(bool(reason), f"{verb} was refused for no reason: {outcome.words}")
            self._must(bool("".join(outcome.errors).strip()), f"{verb} failed without a word")
        if outcome.ok:
            self._succeeded(case, verb, options)
        elif verb == "destroy" and case.disposition == "false-positive":
            case.absolved |= set(case.applied)
        self.judge()
        return outcome

    def adopt(self, target: str, name: str = FIRST) -> Outcome:
        """Take a snapshot over from live."""
        label = f"{account.ACCOUNT}/{target}"
        return self.command("import_snapshot", name, label=label, principal=self.arn(target))

    def taint(self, target: str, kind: str, name: str = FIRST) -> None:
        """Mark a resource for replacement."""
        self.log.append(f"taint {kind} of {target}")
        self.cases[name].engine.taint(self.urn(target, kind, name))
        if kind == "PrincipalSnapshot":
            self.doubt.append("a snapshot cannot be replaced while it holds somebody")

    def lose_state(self, name: str = FIRST) -> None:
        """Lose the stack's state."""
        self._doubtful(f"the state of {name} was lost")
        self.cases[name].engine.lose_state()
        self.judge()

    def restore_state(self, steps: int, name: str = FIRST) -> None:
        """Bring an older state back."""
        self._doubtful(f"an older state of {name} was restored")
        self.cases[name].engine.restore(steps)
        self.judge()

    def orphans(self, fate: Fate, name: str = FIRST) -> None:
        """Decide what becomes of calls whose engine is gone."""
        if fate == "later":
            return
        engine = self.cases[name].engine
        if engine.orphans:
            self.log.append(f"orphans of {name}: {fate}")
        {
            "write": engine.orphans_write,
            "finish": engine.orphans_finish,
            "die": engine.orphans_die,
        }[fate]()

    def late(self, fate: Fate, name: str = FIRST) -> None:
        """Let orphans of an earlier run have their way now."""
        if self.cases[name].engine.orphans:
            self._doubtful(f"an orphan of {name} came late")
            before = self._unmarked_facts()
            self.orphans(fate, name)
            self._must(
                self._unmarked_facts() == before, "an orphan changed what is not ours", before
            )
        self.judge()

    # What others do

    def foreign(
        self, what: str, act: Callable[[], object], *targets: str, blocks: bool = False
    ) -> None:
        """Let somebody else change something; promises about *targets* are off.

        Whatever was done, it may make a lift ask for a decision. Only where it *blocks* may it
        keep anybody from being contained.
        """
        self.log.append(f"({what})")
        self.lift_doubt.append(what)
        if blocks:
            self.doubt.append(what)
        act()
        for case in self.cases.values():
            for target in targets:
                case.promises.pop(target, None)
        self.judge()

    def overlap(self) -> None:
        """A second incident may ask for a decision about what the first one holds."""
        if "a second incident" not in self.doubt:
            self._doubtful("a second incident")

    def faults(self, *rules: dict[str, Any]) -> None:
        """Let AWS fail from now on; none ends it."""
        if rules:
            self._doubtful(f"AWS fails: {rules}")
        self.cloud.gate.faults.replace(rules)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.cloud.clock.advance(seconds)

    def steal(self, target: str) -> None:
        """Let the attacker take a session of a role, where they still can."""
        self.stolen += self._session(target)

    def settle(self) -> None:
        """End all trouble: ``up`` then contains and ``destroy`` gives back, or they say why not."""
        self.faults()
        for name, case in self.cases.items():
            self.late("write", name)
            if case.targets and self._applied(case):
                self.command("up", name, preview=False)
        for name, case in self.cases.items():
            if case.targets and self._applied(case):
                self.command("destroy", name, preview=False)
        if self._certain:
            remaining = [item for item in account.artefacts() if not item.fence]
            self._must(not remaining, f"left behind: {remaining}")

    def _takes_out(self, case: Case) -> bool:
        """Tell whether an ``up`` would lift something: a target is gone, or has another rung."""
        names = {item.name.partition("/")[2] for item in case.engine.state.resources}
        kept = {target for target, rung in case.targets.items() if case.applied.get(target) == rung}
        return not names <= kept

    def _other_terms(self, case: Case) -> bool:
        """Tell whether the file was given another disposition that no ``up`` has applied."""
        lifts = (MessageToDict(item.inputs).get("lift") for item in case.engine.state.resources)
        return any(lift and lift["disposition"] != case.disposition for lift in lifts)

    def _succeeded(self, case: Case, verb: str, options: Mapping[str, Any]) -> None:
        if verb == "up" and not options.get("target"):
            now = self.cloud.clock()
            case.promises = {
                target: (rung, case.promises.get(target, ("", now))[1])
                if case.promises.get(target, ("",))[0] == rung
                else (rung, now)
                for target, rung in case.targets.items()
            }
            removed = set(case.applied) - set(case.targets)
            case.applied = dict(case.targets)
            self._lifted(case, removed)
            case.absolved.clear()
        if verb == "destroy" and not options.get("target"):
            self._must(not case.engine.state.resources, "a destroy left resources in the state")
            removed, case.applied = set(case.applied), {}
            self._lifted(case, removed)

    # Particulars

    def arn(self, target: str) -> str:
        return f"arn:aws:iam::{account.ACCOUNT}:{PATHS[target]}"

    def urn(self, target: str, kind: str, name: str = FIRST) -> str:
        parent = None if kind == "PrincipalSnapshot" else "PrincipalSnapshot"
        return urn_of(name, kind, f"{account.ACCOUNT}/{target}", parent)

    def _target(self, target: str, rung: str) -> list[str]:
        kind = target.partition("/")[0]
        lines = [f"  - {kind}: '{self.arn(target)}'", f"    rung: {rung}"]
        if kind == "user":
            lines.append(f"    leaked: [{', '.join(self._leaked(target))}]")
        if rung == "session":
            names = "{name: work}, {name: web-7f9c}"
            lines.append(f"    sessions: [{names}]")
        return lines

    def _session(self, target: str) -> list[Stolen]:
        keys = {DEPLOY: self.cloud.world.leaked, APP: self.cloud.world.runner}
        session = self.probe.assumes(keys[target], self.arn(target))
        return [Stolen(target, "session", session, self.cloud.clock())] if session else []

    def _crowd(self) -> None:
        """Leave no room for an inline policy on the users."""
        for name in ("ci-deploy", "release-bot"):
            statement = {"Effect": "Allow", "Action": "sqs:ReceiveMessage", "Resource": "arn:x"}
            used = sum(
                len(v) for e, v in account.entity(f"user/{name}").items() if e[0] == "inline"
            )
            filler: dict[str, Any] = {"Version": "2012-10-17", "Statement": [statement]}
            statement["Resource"] = "arn:aws:sqs:us-east-1:111122223333:" + "q" * (1780 - used)
            self.admin.put_user_policy(
                UserName=name, PolicyName="filler", PolicyDocument=documents.compact(filler)
            )

    def _weaken(self, case: Case, target: str, rung: str | None) -> None:
        """Promise only what both the old and the new rung hold, until an ``up`` has ended."""
        old, since = case.promises.pop(target)
        if rung is None:
            return
        weaker = min((old, rung), key=lambda each: len(COVERS[each]))
        if COVERS[weaker] <= COVERS[old] and COVERS[weaker] <= COVERS[rung]:
            case.promises[target] = (weaker, since)

    def _doubtful(self, why: str) -> None:
        self.log.append(f"({why})")
        self.doubt.append(why)

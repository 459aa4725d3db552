"""Stories at random: hypothesis invents them, and shortens those that break something."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.model import foreign
from tests.model.cast import APP, BOT, CI, DEPLOY, FIRST, RUNGS, SECOND
from tests.model.cloud import Cloud
from tests.model.engine import Blow
from tests.model.story import Story

TARGETS = (CI, BOT, DEPLOY, APP)
_KINDS = ("DenyPolicy", "InactiveCredentials", "ClosedTrustPolicy", "PrincipalSnapshot")
specs = st.dictionaries(st.sampled_from(TARGETS), st.integers(0, 3), min_size=1, max_size=2).map(
    lambda drawn: {name: RUNGS[name][n % len(RUNGS[name])] for name, n in drawn.items()}
)
dispositions = st.sampled_from(("suspected", "confirmed", "false-positive"))
seeds = st.integers(0, 1000)
blows = st.builds(
    Blow,
    moment=st.integers(0, 45),
    victim=st.sampled_from(("provider", "cli", "machine", "interrupt")),
)
fates = st.sampled_from(("write", "finish", "die", "later"))
incidents = st.sampled_from((FIRST, FIRST, FIRST, SECOND))


class Incidents(RuleBasedStateMachine):
    """A story that hypothesis makes up; *tally* counts what happens in all of them."""

    cloud: ClassVar[Cloud]
    tally: ClassVar[Counter[str]]
    story: Story

    @initialize(
        rungs=specs,
        disposition=dispositions,
        crowded=st.sampled_from((False, False, False, True)),
        contained=st.booleans(),
    )
    def begin(
        self,
        rungs: dict[str, str],
        disposition: str,
        crowded: bool,
        contained: bool,
    ) -> None:
        self.tally["runs"] += 1
        self.story = Story(self.cloud, crowded=crowded)
        self.story.edit(rungs, disposition)
        if contained:
            self._command("up", FIRST, preview=False)

    def teardown(self) -> None:
        if not hasattr(self, "story"):
            return
        try:
            self.story.settle()
        finally:
            self.story.close()

    @rule(rungs=specs, disposition=dispositions, name=incidents)
    def edit(self, rungs: dict[str, str], disposition: str, name: str) -> None:
        if name == SECOND:
            self.story.overlap()
        self.story.edit(rungs, disposition, name)

    @rule(name=incidents)
    def preview(self, name: str) -> None:
        self._command("preview", name)

    @rule(name=incidents)
    def refresh(self, name: str) -> None:
        self._command("refresh", name)

    @rule(name=incidents, seed=seeds)
    def up(self, name: str, seed: int) -> None:
        self._command("up", name, seed=seed)

    @rule(name=incidents, seed=seeds)
    def up_at_once(self, name: str, seed: int) -> None:
        self._command("up", name, seed=seed, preview=False)

    @rule(name=incidents, seed=seeds)
    def destroy(self, name: str, seed: int) -> None:
        self._command("destroy", name, seed=seed, preview=False)

    @rule(name=incidents, seed=seeds, blow=blows, fate=fates)
    def up_struck(self, name: str, seed: int, blow: Blow, fate: Any) -> None:
        self._command("up", name, seed=seed, blow=blow, fate=fate, preview=False)

    @rule(name=incidents, seed=seeds, blow=blows, fate=fates)
    def destroy_struck(self, name: str, seed: int, blow: Blow, fate: Any) -> None:
        self._command("destroy", name, seed=seed, blow=blow, fate=fate, preview=False)

    @rule(position=st.integers(0, 5), seed=seeds, blow=st.none() | blows, fate=fates)
    def replace(self, position: int, seed: int, blow: Blow | None, fate: Any) -> None:
        urns = [
            item.urn
            for item in self.story.cases[FIRST].engine.state.resources
            if item.parent is not None and not item.deleting
        ]
        if urns:
            urn = urns[position % len(urns)]
            self._command(
                "up", FIRST, seed=seed, blow=blow, fate=fate, preview=False, replace=[urn]
            )

    @rule(principal=st.sampled_from(TARGETS), kind=st.sampled_from(_KINDS))
    def taint(self, principal: str, kind: str) -> None:
        engine = self.story.cases[FIRST].engine
        if engine.state.live(self.story.urn(principal, kind)) is not None:
            self.tally["taint"] += 1
            self.story.taint(principal, kind)

    @precondition(lambda self: self.story.cases[FIRST].engine.state.resources)
    @rule(really=st.sampled_from((False, False, True)))
    def lose_state(self, really: bool) -> None:
        if really:
            self.tally["state lost"] += 1
            self.story.lose_state(FIRST)

    @precondition(lambda self: self.story.cases[FIRST].engine.backend.written)
    @rule(steps=st.integers(1, 12), name=incidents)
    def restore_state(self, steps: int, name: str) -> None:
        self.tally["older state"] += 1
        self.story.restore_state(steps, name)

    @precondition(lambda self: self.story.doubt)
    @rule(principal=st.sampled_from(TARGETS), name=incidents)
    def adopt(self, principal: str, name: str) -> None:
        case = self.story.cases[name]
        recorded = case.engine.state.live(self.story.urn(principal, "PrincipalSnapshot", name))
        if principal in case.targets and recorded is None:
            self.tally["adopt"] += 1
            self.story.adopt(principal, name)

    @rule(what=st.sampled_from(sorted(foreign.CHANGES)), principal=st.sampled_from(TARGETS))
    def foreign_change(self, what: str, principal: str) -> None:
        self.tally["foreign change"] += 1
        foreign.happens(self.story, what, principal)

    @rule(
        kind=st.sampled_from(("throttle", "error", "conflict", "drop", "lose")),
        probability=st.sampled_from((0.1, 0.3, 1.0)),
        operation=st.sampled_from(("*", "Put*", "Update*", "Tag*", "Get*", "List*", "Delete*")),
        seed=seeds,
    )
    def faults(self, kind: str, probability: float, operation: str, seed: int) -> None:
        self.tally["fault"] += 1
        principal = self.story.cloud.world.responder.access_key_id
        self.story.faults(
            {
                "kind": kind,
                "probability": probability,
                "operation": operation,
                "seed": seed,
                "principal": principal,
            }
        )

    @precondition(lambda self: self.story.cloud.gate.faults.rules)
    @rule()
    def faults_end(self) -> None:
        self.story.faults()

    @precondition(lambda self: any(case.engine.orphans for case in self.story.cases.values()))
    @rule(name=incidents, fate=fates)
    def late_orphan(self, name: str, fate: Any) -> None:
        self.story.late(fate, name)

    @rule(seconds=st.sampled_from((1, 30, 130)))
    def wait(self, seconds: int) -> None:
        self.story.wait(seconds)

    @rule(principal=st.sampled_from((DEPLOY, APP)))
    def steal(self, principal: str) -> None:
        self.story.steal(principal)

    def _command(self, verb: str, name: str, **options: Any) -> None:
        case = self.story.cases[name]
        if not case.targets:
            return
        outcome = self.story.command(verb, name, **options)
        self.tally[verb] += 1
        self.tally["blows that hit"] += outcome.hit is not None
        self.tally["refused or failed"] += not outcome.ok and outcome.hit is None


def tell(
    cloud: Cloud,
    tally: Counter[str],
    *,
    runs: int,
    steps: int,
    derandomize: bool = False,
    shorten: bool = False,
) -> None:
    """Play *runs* stories of up to *steps* steps; *shorten* one that breaks something.

    Raises:
        BrokenError: something that must stay true did not; the story is in the message.
    """
    run: Callable[..., None] = run_state_machine_as_test
    run(
        type("Played", (Incidents,), {"cloud": cloud, "tally": tally}),
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            deadline=None,
            derandomize=derandomize,
            database=None,
            print_blob=False,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, *((Phase.shrink,) if shorten else ())),
        ),
    )

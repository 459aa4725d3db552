"""One run of the story: stolen, reported, contained, verified, decided, lifted."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cli.demo import account_after_lift, commands, verified
from cli.demo.board import Board, Phase, Who, rows
from cli.demo.company import ROLE, USER, Company
from cli.demo.stage import EndedError
from containment.clock import isoformat
from containment.lab.scenario.access import Bystanders
from containment.spec import Disposition, IncidentSpec, Target, emit, load, target_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from cli.demo.attacker import Attacker
    from cli.demo.screen import Screen
    from cli.demo.stage import Stage
    from containment.lab.scenario import inventory

_WHY = {
    Disposition.FALSE_POSITIVE: "it was the red team's exercise",
    Disposition.CONFIRMED: "it was theft",
}
_LIFT = ("destroy", "--skip-preview", "--yes")


@dataclass
class Run:
    """One run, what it claimed and what it measured.

    With *like*, which played the same story to another end, only what differs from it is shown;
    everything is claimed all the same.
    """

    stage: Stage
    screen: Screen
    disposition: Disposition
    like: Run | None = None
    timings: dict[str, float] = field(default_factory=dict[str, float])
    differences: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        """Write down what is claimed before anything is seen."""
        self.board = Board(rows(self.disposition))

    def play(self) -> None:
        """Play the story from the theft to the lift."""
        company = Company(self.stage)
        began = company.now()
        with Bystanders(self.stage.workforce, company.bystanders) as bystanders:
            with self.screen.quiet() if self.like else nullcontext():
                attacker = self._theft(company)
                if self.like is None:
                    self._naive_answer(company, attacker)
                before = company.inventory()
                spec = self._open(company, attacker, began)
                self._preview(company, spec)
                self._contain(company, attacker)
                self._after_t(company, attacker, spec.stem)
            if self.like is None:
                verified.verify(
                    self._run,
                    company=company,
                    incident=spec.stem,
                    board=self.board,
                    screen=self.screen,
                )
            else:
                self._retell()
            self._lift(company, attacker, spec, before)
        self.stage.dismiss_attacker()
        self.board.say(
            "calls of the bystanders that were refused, all through the run",
            expected=[],
            observed=bystanders.refused,
        )
        self.screen.table(self.board, self.board.differing(self.like.board) if self.like else None)
        refused = len(bystanders.refused)
        self.screen.under(
            f"Bystanders called {bystanders.calls} times meanwhile, and {refused} were refused."
        )
        if self.like is None:
            self.screen.under(
                "A revoked role takes new sessions from T on: none minted before slips through."
            )

    def _retell(self) -> None:
        """Say in one line what the other run showed step by step, and how it ended here."""
        self.screen.moment("stolen, reported, opened, previewed, contained: the same commands, and")
        self._count(Phase.AFTER_T)

    def _theft(self, company: Company) -> Attacker:
        attacker = self.stage.attacker()
        self._ask(company, attacker, Phase.BEFORE)
        leaked, *made = attacker.key_ids.items()
        self.screen.moment(
            f"an attacker, a process of its own, has the leaked key {leaked[1]} of {USER}, no more;"
        )
        self.screen.under("with it they make")
        self.screen.lines(f"  a {name:<18} {key_id}" for name, key_id in made)
        self._count(Phase.BEFORE)
        return attacker

    def _naive_answer(self, company: Company, attacker: Attacker) -> None:
        company.deactivate_leaked_key_alone()
        answers = attacker.round()
        company.reactivate_leaked_key()
        works = [name for name, allowed in answers.items() if allowed]
        claim = self.board.say(
            "what the attacker can still use after the leaked key alone was deactivated",
            expected=[name for name in answers if name != "leaked key"],
            observed=works,
        )
        self.screen.claim(
            claim,
            f"the naive answer, deactivating the leaked key alone: {len(works)} of {len(answers)}"
            " still ALLOWED",
        )
        self.screen.under(f"({', '.join(works)}); it is put back")
        self.board.say(
            "the attacker is back at work", expected=True, observed=all(attacker.round().values())
        )

    def _open(self, company: Company, attacker: Attacker, first_seen: datetime) -> Path:
        kind = company.report(attacker, first_seen, self.stage.project / "finding.json")
        self.screen.moment(f"GuardDuty reports {kind}")
        opened = list(self._run("containment", "open", "finding.json"))
        self.screen.lines(opened[1 : opened.index("next:")])
        (path,) = (self.stage.project / "stacks").glob("inc-*.yaml")
        role = Target.model_validate(
            {"role": self.stage.world.deploy_role, "rung": "revoke-sessions"}
        )
        spec = load(path)
        path.write_text(emit(_with(spec, targets=(*spec.targets, role))))
        self.screen.moment(
            "the role that they assumed is added by hand (`containment trace` finds such roles):"
        )
        self.screen.lines(target_lines(role).splitlines())
        return path

    def _preview(self, company: Company, spec: Path) -> None:
        list(self.stage.run(["pulumi", "stack", "init", spec.stem]))
        changed = company.changes_by_responder()
        self._pulumi("preview", "preview", resources=False)
        claim = self.board.say(
            "changes in AWS by the preview",
            expected=0,
            observed=company.changes_by_responder() - changed,
        )
        self.screen.claim(claim, f"previewed: {claim.observed} changes in AWS, by the lab's count")

    def _contain(self, company: Company, attacker: Attacker) -> None:
        began = time.time()
        self._pulumi("up", "up", "--skip-preview", "--yes")
        self._ask(company, attacker, Phase.CONTAINED)
        first = attacker.first_refusal(began)
        if first is not None:
            self.timings["first_deny_s"] = round(first, 1)
            self.screen.moment(
                f"{first:.1f} s into `pulumi up` the attacker was refused for the first time"
            )
        self._count(Phase.CONTAINED)

    def _after_t(self, company: Company, attacker: Attacker, incident: str) -> None:
        moment = company.revoked_before(incident)
        seconds = company.advance_past(moment)
        self.screen.moment(
            f"the lab's clock moves {seconds:.0f} s, past T = {isoformat(moment)}: tokens from"
            " before it stay denied"
        )
        self._ask(company, attacker, Phase.AFTER_T)
        self._count(Phase.AFTER_T)
        old, new = (
            self.board.cell(row, Phase.AFTER_T).observed
            for row in self.board.asked(Who.OWNER, Phase.AFTER_T)
        )
        self.screen.under(f"release-bot's new session of {ROLE}: {new}, its old one: {old}")

    def _lift(
        self, company: Company, attacker: Attacker, path: Path, before: inventory.Inventory
    ) -> None:
        self.screen.moment(f"the decision: {_WHY[self.disposition]}; in the spec it says now")
        path.write_text(emit(_with(load(path), disposition=self.disposition)))
        self.screen.under(f"disposition: {self.disposition}")
        if self.disposition is Disposition.FALSE_POSITIVE:
            self._lift_too_early(company, attacker)
        self._pulumi("decide", "up", "--skip-preview", "--yes", resources=False)
        self._pulumi("destroy", *_LIFT, resources=False)
        self.differences = account_after_lift.compare(
            before,
            company.inventory(),
            expected=account_after_lift.left_behind(self.disposition, path.stem, attacker.key_ids),
            incident=path.stem,
            board=self.board,
            screen=self.screen,
        )
        if self.disposition is Disposition.CONFIRMED:
            company.rotate(attacker.key_ids["second key"])
        self._ask(company, attacker, Phase.LIFTED)
        self._count(Phase.LIFTED)

    def _lift_too_early(self, company: Company, attacker: Attacker) -> None:
        """Lift on terms that were never applied: refused, and nothing has changed."""
        changed, lines = company.changes_by_responder(), list[str]()
        try:
            lines.extend(self._run("pulumi", *_LIFT))
        except EndedError as error:
            lines = error.message.splitlines()
        refusals = [line.strip() for line in lines if line.startswith("    error: the file says")]
        claim = self.board.say(
            "a lift on other terms than the applied ones: refusals, changes, attacker's successes",
            expected=(True, 0, 0),
            observed=(
                bool(refusals),
                company.changes_by_responder() - changed,
                sum(attacker.round().values()),
            ),
        )
        self.screen.lines(sorted(set(refusals)), style="dim")
        self.screen.claim(claim, "refused: nothing has changed, and the attacker stays out")

    def _ask(self, company: Company, attacker: Attacker, phase: Phase) -> None:
        """Ask everybody to work: the attacker's next whole round, and the company's people."""
        self.board.see(phase, {**attacker.round(), **company.at_work()})

    def _count(self, phase: Phase) -> None:
        attacker, ways = self.board.count(Who.ATTACKER, phase)
        others, all_others = self.board.count(Who.BYSTANDER, phase)
        word, number = ("ALLOWED", attacker) if attacker else ("DENIED", ways - attacker)
        self.screen.under(
            f"attacker: {number} of {ways} {word}; bystanders: {others} of {all_others} ALLOWED",
            style="bold",
        )

    def _pulumi(self, name: str, *arguments: str, resources: bool = True) -> None:
        began = time.monotonic()
        lines = self._run("pulumi", *arguments)
        self.screen.lines(commands.shortened(lines, resources=resources), style="dim")
        self.timings[f"{name}_s"] = round(time.monotonic() - began, 1)

    def _run(self, *command: str) -> Iterator[str]:
        self.screen.command(" ".join(command))
        return self.stage.run(command)


def _with(spec: IncidentSpec, **fields: object) -> IncidentSpec:
    """Return *spec* with other *fields*, checked like any spec."""
    return IncidentSpec.model_validate(dict(spec) | fields)

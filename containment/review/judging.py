"""Judge a change: what applying each of its specs would do, by the same model as a preview's.

The engine is not started, so no program and no plugin of anybody runs. AWS is only read. What a
spec says is data: it is written into a folder of ours, beside the base's profile.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from containment.actions import ACTIONS
from containment.actions.guard_policy import UNSEEN
from containment.aws.faults import explain
from containment.clock import utc_now
from containment.diff import IncidentDiff, PrincipalDiff
from containment.errors import ContainmentError
from containment.identities import parse_principal
from containment.lifecycle.workplace import Settings, Workplace
from containment.plan import guard_of
from containment.profile import FILE as PROFILE
from containment.profile import load as load_profile
from containment.review.facts import irreversible, principal_facts
from containment.review.fields import spec_changes
from containment.review.model import IncidentReview, Review
from containment.run import preview
from containment.run.direct import planned
from containment.run.project import Project
from containment.run.state import StackState
from containment.spec import Disposition, Rung, SpecProblemsError, load, moment_text
from containment.text import counted, plain
from policies.guardrails import LIMITS, IncidentFacts, WholeFacts, judge, judge_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from containment.clock import Clock
    from containment.lifecycle.context import Severity
    from containment.profile import Profile
    from containment.replay.replaying import Replayer
    from containment.review.change import ProposedChange, SpecChange
    from containment.spec import IncidentSpec

    States = Callable[[str], StackState | None]

_AT_ONCE = 4
_GUARD = "GuardPolicy"
_SHOWN_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Judge:
    """What a change is judged with.

    Attributes:
        root: the project, whose ledger is read.
        states_of: returns, by the base's profile, what looks up the state of a stack: None where
            there is none; it raises where it cannot tell.
        now: the time of the review.
        replayer_of: makes, of a stack and its spec, what replays recorded calls; None where no
            record is looked at.
    """

    root: Path
    states_of: Callable[[Profile], States]
    now: Clock = utc_now
    replayer_of: Callable[[str, IncidentSpec], Replayer] | None = None

    def review(self, change: ProposedChange) -> Review:
        """Return *change*, judged.

        Raises:
            SpecError: the base's profile cannot be used.
            AccessError: there are no credentials, or AWS does not accept them.
            UnavailableError: nobody answers at the endpoint.
        """
        with TemporaryDirectory(prefix="containment-") as folder:
            base, head = Path(folder, "base"), Path(folder, "head")
            self._lay_out(change, base, head)
            profile = Settings.resolve(base, {}, "").profile
            desk = _Desk(self, change, base, head, profile, self.states_of(profile))
            caller = desk.workplace("").caller()
            specs = {one.stack: desk.read(one) for one in change.specs}
            named = _named(spec for pair in specs.values() for spec in pair[:2])
            keys = {stack: _keys(pair[:2]) for stack, pair in specs.items()}
            everybody = named.union(*keys.values())
            too_many = any(
                finding.rule == LIMITS
                for finding in judge_whole(_whole(change, everybody, profile))
            )
            with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
                judged = [
                    pool.submit(desk.judge, one, *specs[one.stack], specs, looks=not too_many)
                    for one in change.specs
                ]
                incidents = tuple(item.result() for item in judged)
            emulated = desk.workplace("").clients().emulated
        touched = named | {item.principal for one in incidents for item in one.principals}
        # Whose key it is was told where the account was looked at.
        unresolved = (keys[one.incident] for one in incidents if too_many or one.diff is None)
        touched = touched.union(*unresolved)
        return Review(
            change.base,
            change.head,
            profile.sha256 or "",
            caller.arn,
            emulated,
            incidents,
            change.others,
            judge_whole(_whole(change, touched, profile)),
            change.left_out,
        )

    def _lay_out(self, change: ProposedChange, base: Path, head: Path) -> None:
        for folder in (base, head):
            (folder / "stacks").mkdir(parents=True)
            for name, data in change.files.items():
                (folder / name).write_bytes(data)
            for incident in change.incidents:
                # That it is there is all that others ask of a spec.
                (folder / "stacks" / f"{incident}.yaml").touch()
        for one in change.specs:
            settings = Path("stacks", f"Pulumi.{one.stack}.yaml")
            own = self.root / settings
            if own.is_file() and not (head / settings).exists():
                (head / settings).write_bytes(own.read_bytes())  # git need not know of it
            for folder, content in ((base, one.before), (head, one.after)):
                path = folder / one.file
                path.unlink(missing_ok=True)
                if content is not None:
                    path.write_bytes(content)


def profile_of(change: ProposedChange) -> Profile:
    """Return the profile that *change* is judged by, which is the base's.

    Raises:
        SpecError: it cannot be used.
    """
    with TemporaryDirectory(prefix="containment-") as folder:
        data = change.files.get(PROFILE)
        if data is not None:
            Path(folder, PROFILE).write_bytes(data)
        return load_profile(Path(folder))


Specs = tuple["IncidentSpec | None", "IncidentSpec | None", tuple[str, ...]]


@dataclass(slots=True)
class _Desk:
    """One review at work: where the contents are laid out, and by whose profile it judges."""

    judge_of: Judge
    change: ProposedChange
    base: Path
    head: Path
    profile: Profile
    states: States

    def workplace(self, stack: str) -> Workplace:
        stated = Project(self.head).settings(stack) if stack else {}
        where = f"stacks/Pulumi.{stack}.yaml"
        settings = Settings(self.profile, self.profile.disagreements(stated, where))
        return Workplace(
            self.judge_of.root, ACTIONS, stack, settings, patient=False, specs=self.head
        )

    def read(self, one: SpecChange) -> Specs:
        """Return the spec before and after, and what is wrong with that after."""
        before = _loaded(self.base, one) if one.before is not None else None
        after = _loaded(self.head, one) if one.after is not None else None
        problems = (one.problem,) if one.problem else after if isinstance(after, tuple) else ()
        return (
            None if isinstance(before, tuple) else before,
            None if isinstance(after, tuple) else after,
            problems,
        )

    def judge(
        self,
        one: SpecChange,
        before: IncidentSpec | None,
        after: IncidentSpec | None,
        problems: tuple[str, ...],
        specs: dict[str, Specs],
        *,
        looks: bool,
    ) -> IncidentReview:
        """Return one spec, judged; AWS is asked where it *looks*."""
        made = IncidentReview(one.stack, one.file, one.kind, unreadable=problems)
        if problems:
            return made
        unread: list[str] = []
        diff: IncidentDiff | None = None
        state: StackState | None = None
        try:
            state = self.states(one.stack)
            unread += _unknown_state(one, state, before, after)
            if after is None and state is None:
                pass  # which is not analysed, as was just said
            elif looks:
                diff = self._diff(one, state or StackState(), after, unread)
            else:
                diff = _by_name_alone(one.stack, state, before, after)
        except ContainmentError as error:
            unread.append(str(error))
        except (ClientError, BotoCoreError) as error:
            unread.append(str(explain(f"looking at {one.stack}", error)))
        guards = self._guards(state, after)
        facts = self._facts(one, before, after, diff, guards, specs)
        if diff is None:
            facts = replace(facts, principals=())
        spec = after or before
        return replace(
            made,
            diff=diff,
            fields=spec_changes(before, after) if after else (),
            findings=judge(facts),
            owner=spec.owner if spec else "",
            review_by=moment_text(spec.review_by) if spec else "",
            guard=_guard_words(guards, after),
            irreversible=tuple(_irreversible(diff, state, after)),
            unread=tuple(unread),
        )

    def _diff(
        self,
        one: SpecChange,
        state: StackState,
        after: IncidentSpec | None,
        unread: list[str],
    ) -> IncidentDiff:
        workplace = self.workplace(one.stack)
        if after is None:
            return preview.of_lift(one.stack, state, workplace)
        # Whose its keys are is asked once, for what changes and for what refuses it.
        after, _ = planned(after, workplace, one.file)
        replayer_of = self.judge_of.replayer_of
        diff = preview.of_up(
            one.stack,
            after,
            state,
            workplace,
            replayer_of=partial(replayer_of, one.stack) if replayer_of else None,
            with_uses=True,
        )
        refusals: Sequence[str] = ()
        warnings: list[str] = []

        def say(severity: Severity, message: str) -> None:
            if severity == "warning":
                warnings.append(message)

        try:
            refusals = preview.refusals_of_up(one.stack, after, workplace, say)
        except ContainmentError as error:
            unread.append(f"whether it would be refused is not known: {error}")
        except (ClientError, BotoCoreError) as error:
            why = explain("asking what would refuse it", error)
            unread.append(f"whether it would be refused is not known: {why}")
        notices = tuple(dict.fromkeys((*diff.notices, *warnings)))
        return replace(diff, refusals=tuple(refusals), notices=notices)

    def _guards(
        self, state: StackState | None, after: IncidentSpec | None
    ) -> tuple[str | None, str | None]:
        """Return the guard's mode as the state has it, and as it would be."""
        modes = [
            str(getattr(item.state, "mode", "off"))
            for item in (state.resources if state else ())
            if item.resource == _GUARD
        ]
        now = str(guard_of(after.guard, self.profile).mode) if after else "off"
        return (modes[0] if modes else "off"), now

    def _facts(  # noqa: PLR0917 -- all that a change says of one incident
        self,
        one: SpecChange,
        before: IncidentSpec | None,
        after: IncidentSpec | None,
        diff: IncidentDiff | None,
        guards: tuple[str | None, str | None],
        specs: dict[str, Specs],
    ) -> IncidentFacts:
        spec = after or before
        exempt = {*(before.break_glass if before else ()), *(after.break_glass if after else ())}
        account = spec.targets[0].principal.account if spec and not spec.unpinned else ""
        others = {item.arn for _, item in self.profile.protected_in(account)} if account else set()
        others |= exempt | _named([before, after])
        holds = [item.hold for item in (before, after) if item is not None]
        return IncidentFacts(
            one.stack,
            str(spec.disposition) if spec else None,
            owner=after.owner if after else None,
            review_by=after.review_by if after else None,
            now=self.judge_of.now(),
            hold=any(holds) if holds else None,
            guard=None if _is_guard_unseen(diff) else guards[1],
            guard_before=guards[0],
            guard_required=self.profile.guard_required,
            removed=after is None,
            renamed_from=_renamed_from(one, after, self.change, specs),
            principals=tuple(
                principal_facts(item, self.profile, break_glass=exempt, others=others)
                for item in (diff.principals if diff else ())
            ),
        )


def _loaded(folder: Path, one: SpecChange) -> IncidentSpec | tuple[str, ...]:
    """Return the spec, or what is wrong with it, without the folder that it was laid out in."""
    try:
        return load(folder / one.file, stack=one.stack)
    except SpecProblemsError as error:
        rows = [
            f"line {line}: {problem.sentence}; mend: {problem.mend}"
            for line, problem in error.located_problems
        ]
        more = len(rows) - _SHOWN_PROBLEMS
        return (*rows[:_SHOWN_PROBLEMS], *([f"and {more} more"] if more > 0 else []))
    except ContainmentError as error:
        return (str(error).replace(f"{plain(str(folder))}/", ""),)


def _unknown_state(
    one: SpecChange,
    state: StackState | None,
    before: IncidentSpec | None,
    after: IncidentSpec | None,
) -> list[str]:
    """Return what nobody can tell where the stack has no state."""
    if state is not None or one.kind in {"new", "named"}:
        return []
    if after is None:
        return ["it has no state in the backend, so what is contained, and comes back, is unknown"]
    named = {target.named for target in before.targets} if before else set[str]()
    removed = named - {target.named for target in after.targets}
    if not removed:
        return []
    names = ", ".join(sorted(removed))
    return [f"it has no state in the backend, so whether {names} is contained now is unknown"]


def _by_name_alone(
    stack: str,
    state: StackState | None,
    before: IncidentSpec | None,
    after: IncidentSpec | None,
) -> IncidentDiff:
    """Return whom a spec names, where the change is refused for its size and none is looked at."""
    unread = ("not looked at, for the change is refused as a whole",)
    named = {} if after is None else {target.named: str(target.rung) for target in after.targets}
    contained = set(state.principals if state else ()) | _named([before])
    rows = [
        PrincipalDiff(arn, "contain", rung, unread=unread)
        for arn, rung in named.items()
        if arn.startswith("arn:")
    ]
    rows += [
        PrincipalDiff(arn, "lift", unread=unread) for arn in sorted(contained) if arn not in named
    ]
    return IncidentDiff(stack, principals=tuple(rows))


def _named(specs: Iterable[IncidentSpec | None]) -> set[str]:
    """Return the ARNs that *specs* name; keys stand for users whom nobody has looked up."""
    return {
        target.principal.arn
        for spec in specs
        if spec is not None
        for target in spec.targets
        if not target.access_key
    }


def _is_guard_unseen(diff: IncidentDiff | None) -> bool:
    """Tell whether nobody could look for the guard in the organisation."""
    changes = (change for item in (diff.principals if diff else ()) for change in item.changes)
    return any(change.reason.startswith(UNSEEN) for change in changes)


def _keys(specs: Iterable[IncidentSpec | None]) -> set[str]:
    """Return the access keys that stand for principals in *specs*, by id."""
    return {
        target.named
        for spec in specs
        if spec is not None
        for target in spec.targets
        if target.access_key
    }


def _whole(change: ProposedChange, named: set[str], profile: Profile) -> WholeFacts:
    return WholeFacts(
        tuple(sorted(named)),
        tuple(sorted({arn.split(":")[4] for arn in named if arn.startswith("arn:")})),
        profile.most_principals,
        profile.most_accounts,
        specs=len(change.specs),
        other_paths=len(change.others),
    )


def _renamed_from(
    one: SpecChange,
    after: IncidentSpec | None,
    change: ProposedChange,
    specs: dict[str, Specs],
) -> str:
    if after is None:
        return ""
    own = {target.named.lower() for target in after.targets}
    for other in change.specs:
        before = specs[other.stack][0]
        if other.stack == one.stack or other.kind != "deleted" or before is None:
            continue
        if own & {target.named.lower() for target in before.targets}:
            return other.stack
    return ""


def _guard_words(guards: tuple[str | None, str | None], after: IncidentSpec | None) -> str:
    before, now = guards
    required = ", required" if after is not None and after.guard.required else ""
    return f"{now}{required}" if before == now else f"{before} -> {now}{required}"


def _irreversible(
    diff: IncidentDiff | None, state: StackState | None, after: IncidentSpec | None
) -> list[tuple[str, str]]:
    """Return whom it is about, and what no later change undoes."""
    rows: list[tuple[str, str]] = []
    signed_out = [
        item
        for item in (diff.principals if diff else ())
        if item.verb in {"contain", "raise"} and item.rung != Rung.KEY_ONLY
    ]
    if diff and signed_out:
        whose = counted(len(signed_out), "principal")
        rows.append((diff.incident, f"{whose}: sign-in sessions end; whoever needs one signs in"))
    for item in diff.principals if diff else ():
        rows += [(item.principal, text) for text in irreversible(item)]
        if item.verb not in {"lift", "lower"} or parse_principal(item.principal).kind == "role":
            continue  # a role has no credentials of its own
        resources = state.resources_of(item.principal) if state else []
        false_positive = any(one.state.lift.false_positive for one in resources) or (
            after is not None and after.disposition is Disposition.FALSE_POSITIVE
        )
        if false_positive:
            rows.append((item.principal, "whoever holds its leaked credentials can use them again"))
    return rows

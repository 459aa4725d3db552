"""From a plan or a state, beside what is live, to the diff of a run. AWS is only read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from containment.actions import ACTIONS_BY_RESOURCE
from containment.aws import recording
from containment.aws.faults import explain
from containment.clock import isoformat
from containment.diff.model import Change, PrincipalDiff, text_diff
from containment.errors import ContainmentError
from containment.facets.write import Write
from containment.lifecycle import evidence, residuals, room
from containment.lifecycle.snapshot import RESOURCE as SNAPSHOT
from containment.spec import Rung

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from containment.aws.principal import LivePrincipal
    from containment.diff.model import Sign, Verb
    from containment.lifecycle.action import Action
    from containment.lifecycle.context import Context
    from containment.lifecycle.lift import LiftPlan
    from containment.lifecycle.wire import Inputs
    from containment.plan import PrincipalPlan
    from containment.replay.replaying import Replayer

    ContextOf = Callable[[str], Context]
    UsesOf = Callable[[Context, LivePrincipal], tuple[str, ...]]

# What the facts ask besides what the actions read; without it they say that it is not known.
PERMISSIONS = frozenset({"iam:GetAccessKeyLastUsed"})
_AT_ONCE = 8
_ORDER = list(Rung)


def contained(
    declared: Sequence[PrincipalPlan],
    applied: Mapping[str, Mapping[str, Inputs]],
    context_of: ContextOf,
    *,
    replayer: Replayer | None = None,
    uses_of: UsesOf | None = None,
) -> list[PrincipalDiff]:
    """Return what an ``up`` would change for each principal.

    Args:
        declared: what the spec asks for.
        applied: what the state holds: by principal's ARN and action's word, its inputs.
        context_of: makes the context of an account.
        replayer: tells what that would have refused of recorded calls; None to leave it out.
        uses_of: tells what works with a principal; None to leave it out.
    """
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        states = [applied.get(item.principal.arn, {}) for item in declared]
        one = partial(_contained, context_of=context_of, replayer=replayer, uses_of=uses_of)
        diffs = pool.map(one, declared, states)
        named = {item.principal.arn for item in declared}
        released = [arn for arn in applied if arn not in named]
        return [*diffs, *lifted({arn: applied[arn] for arn in released}, context_of)]


def lifted(
    applied: Mapping[str, Mapping[str, Inputs]], context_of: ContextOf
) -> list[PrincipalDiff]:
    """Return what a lift would change for each principal that the state holds."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        one = partial(_lifted, context_of=context_of)
        return list(pool.map(one, applied.keys(), applied.values()))


def rung_of(applied: Mapping[str, Inputs]) -> str | None:
    """Return the rung that the resources of one principal amount to; None where they hold none."""
    if "ClosedTrustPolicy" in applied:
        return str(Rung.CLOSE_TRUST)
    scope = getattr(applied.get("DenyPolicy"), "scope", None)
    scopes = {"all": Rung.DENY_ALL, "issued-before": Rung.REVOKE_SESSIONS, "sessions": Rung.SESSION}
    if scope in scopes:
        return str(scopes[scope])
    return str(Rung.KEY_ONLY) if "InactiveCredentials" in applied else None


def _contained(
    item: PrincipalPlan,
    applied: Mapping[str, Inputs],
    context_of: ContextOf,
    replayer: Replayer | None,
    uses_of: UsesOf | None,
) -> PrincipalDiff:
    rung, before = str(item.rung), rung_of(applied)
    arn = item.principal.arn
    survives = tuple(
        ACTIONS_BY_RESOURCE[declared.resource].survives for declared in item.declarations
    )
    try:
        context = context_of(item.principal.account)
        snapshot: Any = applied.get(SNAPSHOT)
        inputs: Inputs = ACTIONS_BY_RESOURCE[SNAPSHOT].inputs_type.model_validate(
            item.snapshot.inputs
        )
        live = context.locate(inputs, getattr(snapshot, "principal_id", None))
        if live is None:
            return PrincipalDiff(
                arn, "refuse", rung, before, conflicts=(f"{arn} does not exist (any more)",)
            )
        writes: list[Write] = []
        comes_back: list[str] = []
        held_by: list[str] = []
        released = _declared_no_more(item, applied, context_of)
        for declared in item.declarations:
            action = ACTIONS_BY_RESOURCE[declared.resource](context)
            values = {**_from_snapshot(snapshot, live, action), **declared.inputs}
            new_inputs = action.inputs_type.model_validate(values)
            comes_back.append(action.on_destroy(new_inputs))
            held_by += action.substitutes(new_inputs, live)
            try:
                state = applied.get(declared.resource)
                writes += action.writes(new_inputs, live) or _renewals(
                    action, state, new_inputs, live
                )
                given_back = action.gives_back(state, new_inputs, live) if state else None
                if given_back is not None:
                    released.add(_forecast(given_back))
            except ContainmentError as error:  # what else there is of it is done all the same
                released.add(LiftForecast(conflicts=(str(error),)))
        every_write = [*writes, *released.writes.values()]
        changes = tuple(map(_change, every_write))
        return PrincipalDiff(
            arn,
            _verb(rung, before, changes),
            rung,
            before,
            facts=_facts(live),
            held_by=tuple(held_by),
            changes=changes,
            stays_open=(*survives, *_live_on(item, live.longest_session_s)),
            comes_back=tuple(comes_back),
            stays_away=released.stays,
            conflicts=released.conflicts,
            unread=released.unread,
            used_by=uses_of(context, live) if uses_of else (),
            replayed=replayer.of_principal(live, every_write) if replayer else None,
        )
    except ContainmentError as error:
        return PrincipalDiff(arn, "refuse", rung, before, conflicts=(str(error),))
    except (ClientError, BotoCoreError) as error:
        unread = str(explain(f"reading {arn}", error))
        return PrincipalDiff(
            arn,
            "contain",
            rung,
            before,
            stays_open=(*survives, *_live_on(item, None)),
            unread=(unread,),
        )


def _renewals(
    action: Action[Any, Any], state: Any, inputs: Any, live: LivePrincipal
) -> Sequence[Write]:
    """Return what is written because of whom the spec took out of the cohort.

    An ``up`` reads the state first, and by its cohort a deny may be older than that of a member.
    """
    before = getattr(state, "cohort", None)
    if before is None or before == inputs.cohort:
        return ()
    return action.writes(inputs.model_copy(update={"cohort": before}), live)


class _Released:
    """What is given back of a principal, forecast by forecast, and what stands against it."""

    def __init__(self) -> None:
        self.writes: dict[str, Write] = {}
        self._facets: set[str] = set()
        self._forecasts: list[LiftForecast] = []

    def add(self, foreseen: LiftForecast, *, besides: bool = False) -> None:
        """Add what *foreseen* says; *besides* those facets alone that nobody gave back yet."""
        for facet, write in foreseen.writes:
            if not (besides and facet in self._facets):
                self.writes.setdefault(write.subject, write)
        self._facets |= foreseen.facets
        self._forecasts.append(foreseen)

    @property
    def becomes(self) -> tuple[str, ...]:
        """What comes back, in sentences."""
        return _each(line for one in self._forecasts for line in one.will if line not in one.stays)

    @property
    def stays(self) -> tuple[str, ...]:
        """What does not come back, in sentences."""
        return _each(line for one in self._forecasts for line in one.stays)

    @property
    def conflicts(self) -> tuple[str, ...]:
        """What stands against it."""
        return _each(line for one in self._forecasts for line in one.conflicts)

    @property
    def unread(self) -> tuple[str, ...]:
        """What could not be read."""
        return _each(line for one in self._forecasts for line in one.unread)


def _each(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(lines))


def _declared_no_more(
    item: PrincipalPlan, applied: Mapping[str, Inputs], context_of: ContextOf
) -> _Released:
    """Return what is lifted of a principal whose rung asks for less than is applied."""
    released = _Released()
    declared = {SNAPSHOT, *(one.resource for one in item.declarations)}
    for word, state in applied.items():
        if word in declared:
            continue
        foreseen = foresee_lift(ACTIONS_BY_RESOURCE[word], state, context_of)
        if not foreseen.writes and not foreseen.will and not foreseen.is_refused:
            # It is on no principal, and only its action can tell of it.
            taken = Write(word, "applied", None, reason=state.on_destroy or "")
            foreseen = replace(foreseen, writes=((word, taken),))
        released.add(foreseen)
    return released


def _live_on(item: PrincipalPlan, longest_session_s: int | None) -> tuple[str, ...]:
    """Return which credentials live on at the rung of *item*, and until when."""
    kept = residuals.stays_open(
        item.principal.kind, str(item.rung), longest_session_s=longest_session_s
    )
    return tuple(str(residual) for residual in kept)


def _from_snapshot(snapshot: Any, live: LivePrincipal, action: Action[Any, Any]) -> dict[str, Any]:
    """Return the inputs that the snapshot gives *action*, or stand-ins before there is one."""
    names = {name: action.inputs_type.model_fields[name].alias for name in action.snapshot_inputs()}
    stand_ins = {"principal_id": live.unique_id, "trust_policy": live.trust_policy}
    values = {
        alias: getattr(snapshot, name, None) if snapshot else stand_ins.get(name)
        for name, alias in names.items()
    }
    return {alias: value for alias, value in values.items() if alias and value is not None}


def _verb(rung: str, before: str | None, changes: Sequence[Change]) -> Verb:
    if before is None:
        return "contain"
    if rung != before:
        higher = _ORDER.index(Rung(rung)) > _ORDER.index(Rung(before))
        return "raise" if higher else "lower"
    return "repair" if changes else "keep"


def _change(write: Write) -> Change:
    sign: Sign = "+" if write.before is None else "-" if write.after is None else "~"
    if write.is_document:
        lines = text_diff(write.before, write.after)
        return Change(sign, write.subject, lines=lines, reason=write.reason)
    summary = f"{write.before or 'none'} -> {write.after or 'none'}"
    return Change(sign, write.subject, summary, reason=write.reason)


def _facts(live: LivePrincipal) -> tuple[tuple[str, str], ...]:
    rows = [("created", isoformat(live.created_at))]
    try:
        rows += live.last_used()
    except ContainmentError as error:
        rows.append(("last used", f"not known: {error.message}"))
    return tuple(rows)


def _lifted(principal: str, applied: Mapping[str, Inputs], context_of: ContextOf) -> PrincipalDiff:
    before = rung_of(applied)
    released = _Released()
    returned: list[str] = []
    # The snapshot comes last and gives back what nobody else does.
    for word, state in sorted(applied.items(), key=lambda item: item[0] == SNAPSHOT):
        foreseen = foresee_lift(ACTIONS_BY_RESOURCE[word], state, context_of)
        if word != SNAPSHOT:
            released.add(foreseen)
            returned += [state.on_destroy] if state.on_destroy and not foreseen.is_refused else []
        else:
            released.add(replace(foreseen, will=()), besides=True)
    return PrincipalDiff(
        principal,
        "lift",
        None,
        before,
        changes=tuple(map(_change, released.writes.values())),
        comes_back=_each((*returned, *released.becomes)),
        stays_away=released.stays,
        conflicts=released.conflicts,
        unread=released.unread,
    )


@dataclass(frozen=True, slots=True)
class LiftForecast:
    """What a lift of one resource does, in sentences, what stands against it, what is not known.

    Attributes:
        will: what it brings, with the principal before each sentence.
        stays: those of *will* that say what does not come back.
        writes: what is written, each with the name of its facet.
        facets: the names of the facets that it gives back.
        conflicts: what stands against it.
        unread: what could not be read.
        is_refused: true where no plan of the lift could be made.
    """

    will: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()
    writes: tuple[tuple[str, Write], ...] = ()
    facets: frozenset[str] = frozenset()
    conflicts: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    is_refused: bool = False


def foresee_lift(action: type[Action[Any, Any]], state: Any, context_of: ContextOf) -> LiftForecast:
    """Return what a lift of *state* by *action* does.

    The engine never asks a resource in the preview of a destroy, so this makes the plan that its
    delete would carry out. Nothing is changed.
    """
    try:
        return _planned(action(context_of(state.target.account)), state)
    except ContainmentError as error:
        return LiftForecast(conflicts=(str(error),), is_refused=True)
    except (ClientError, BotoCoreError) as error:
        unread = str(explain(f"reading {state.principal}", error))
        return LiftForecast(unread=(unread,), is_refused=True)


def _planned(action: Action[Any, Any], state: Any) -> LiftForecast:
    context = action.context
    live = context.locate(state, state.principal_id)
    if live is None:
        deleted_note = (
            f"{state.target.name} with the id {state.principal_id} is gone: nothing to lift"
        )
        return LiftForecast((deleted_note,), stays=(deleted_note,))
    plan = action.lift_plan(state, live, evidence.terms(context, state))
    foreseen = _forecast(plan)
    if action.resource == SNAPSHOT:
        # What is under it is foreseen by the resources that made it.
        under = f"{live}: under this snapshot now: {', '.join(plan.leftovers)}"
        return replace(foreseen, will=(under,) if plan.leftovers else (), stays=(), conflicts=())
    try:
        action.gate.require_liftable(state, plan)
    except ContainmentError as error:
        return replace(foreseen, conflicts=(str(error), *foreseen.conflicts))
    return foreseen


def _forecast(plan: LiftPlan) -> LiftForecast:
    """Return what *plan* brings; a fence that would find no room stands against it."""
    live = plan.live
    writes = tuple((step.facet.NAME, write) for step in plan.steps for write in step.returns.writes)
    conflicts = [str(conflict) for conflict in plan.conflicts]
    over = _overflow(live, [write for _, write in writes])
    if over:
        conflicts.append(
            f"{live}: its inline policies have {over:,} characters too few for the release fence;"
            " shorten or remove one of the others first, or declare the incident false-positive"
        )
    return LiftForecast(
        tuple(f"{live}: {one}" for one in plan.will),
        tuple(f"{live}: {one}" for one in plan.stays),
        writes,
        frozenset(step.facet.NAME for step in plan.steps),
        tuple(conflicts),
    )


def _overflow(live: LivePrincipal, writes: Sequence[Write]) -> int:
    """Return by how many characters the inline policy among *writes* would be too long."""
    start = recording.inline_policy("")
    return max(
        (
            room.overflow(live, write.subject.removeprefix(start), write.after)
            for write in writes
            if write.subject.startswith(start) and write.after is not None
        ),
        default=0,
    )

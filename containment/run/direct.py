"""Contain what a spec names without the engine: for a state that must not be given to it.

The same actions do the same in AWS, under the snapshot that is live already or a new one, which
the ledger keeps. No state learns of it: ``containment adopt`` puts it into a stack afterwards.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic.alias_generators import to_snake

from containment.actions import ACTIONS_BY_RESOURCE, FACETS
from containment.aws.faults import explain
from containment.aws.principal import locate
from containment.aws.resolve import resolve_access_key
from containment.errors import ConflictError, ContainmentError, NotContainedError, RefusedError
from containment.facets import leftovers
from containment.lifecycle.action import UnfinishedError
from containment.lifecycle.earlier_containment import as_recorded
from containment.plan import owners, plan, working_keys
from containment.spec import pin

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from containment.lifecycle.context import Severity
    from containment.lifecycle.workplace import Workplace
    from containment.plan import Declaration, PrincipalPlan
    from containment.spec import IncidentSpec

    Say = Callable[[Severity, str], None]
    Take = Callable[[PrincipalPlan], "Applied"]
    Hold = Callable[[PrincipalPlan, Declaration, Any], "Applied | None"]

_DENY = "DenyPolicy"
_AT_ONCE = 24


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of one resource: its state once it is applied, and what went wrong, if anything."""

    principal: str
    resource: str
    state: Any = None
    error: ContainmentError | None = None

    @property
    def words(self) -> str:
        """How it went, for people."""
        return "applied" if self.error is None else f"NOT as declared: {self.error}"


def contain(
    spec: IncidentSpec, workplace: Workplace, *, spec_file: str, say: Say
) -> tuple[Applied, ...]:
    """Apply *spec* to AWS; one principal that cannot be contained keeps no other from it.

    Raises:
        RefusedError: the spec would hurt the responder. Nothing has been changed.
        ContainmentError: an access key's owner cannot be found, or AWS not be reached.
    """
    pinned, declared = planned(spec, workplace, spec_file)
    profile = workplace.settings.profile
    refused = refusals(declared, workplace, say)
    if refused:
        raise RefusedError(
            f"nothing has been changed, because: {'; '.join(map(str, refused))}",
            remedy="mend the spec",
        )
    results = _contained(declared, workplace, say)
    for item in declared:
        own_results = [one for one in results if one.principal == item.principal.arn]
        led_to = getattr(own_results[0].state, "owners", None) if own_results else None
        named = [owner.model_dump() for owner in led_to or ()]
        results += [
            Applied(item.principal.arn, item.snapshot.resource, error=error)
            for error in working_keys(pinned, named)
        ]
        for owner in owners(pinned, item.rung, named, spec_file=spec_file, profile=profile):
            if owner.principal.arn not in {one.principal for one in results}:
                results += _contained([owner], workplace, say)
    return tuple(results)


def side_by_side(declared: Sequence[PrincipalPlan], take: Take, hold: Hold) -> list[Applied]:
    """Contain several principals at once, and return what came of each resource.

    Every principal is denied before the keys of the first are touched, for a deny reaches more.

    Args:
        declared: whom.
        take: takes the snapshot of one.
        hold: applies one resource, given its snapshot; None where there was nothing to do.
    """

    def deny(item: PrincipalPlan) -> list[Applied]:
        results = [take(item)]
        if results[0].state is not None:
            made = (hold(item, one, results[0].state) for one in _first(item))
            results += [one for one in made if one is not None]
        return results

    def finish(item: PrincipalPlan, denied: Future[list[Applied]]) -> list[Applied]:
        results = denied.result()
        if results[0].state is not None:
            later = item.declarations[len(_first(item)) :]
            made = (hold(item, one, results[0].state) for one in later)
            results += [one for one in made if one is not None]
        return results

    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="containing") as pool:
        denied = [pool.submit(deny, item) for item in declared]
        # Handed in behind all of those, so that none of them waits for this.
        finished = [
            pool.submit(finish, item, one) for item, one in zip(declared, denied, strict=True)
        ]
        return [result for one in finished for result in one.result()]


def _first(item: PrincipalPlan) -> tuple[Declaration, ...]:
    """Return what is applied up to the deny: a trust policy before it, and no keys."""
    words = [one.resource for one in item.declarations]
    return item.declarations[: words.index(_DENY) + 1] if _DENY in words else item.declarations


def refusals(
    declared: Sequence[PrincipalPlan],
    workplace: Workplace,
    say: Say,
    *,
    simulate: bool = True,
    reading: bool = False,
) -> list[ContainmentError]:
    """Return why *declared* must not be applied; no rights are asked about but to *simulate*.

    While *reading*, the credentials in use are enough where the role cannot be assumed.
    """

    def check_of(item: PrincipalPlan) -> tuple[Any, Any]:
        context = workplace.context(item.principal.account, say, reading=reading)
        action = ACTIONS_BY_RESOURCE[item.snapshot.resource](context)
        return action, action.checked(action.inputs_type.model_validate(item.snapshot.inputs))

    checks = [check_of(item) for item in declared]
    check_errors = [
        failure.error for action, inputs in checks for failure in action.check(inputs, None)
    ]
    if check_errors or not simulate:
        return check_errors
    # After all checks, so that one simulation answers for all principals.
    lacking = (action.lacking(inputs) for action, inputs in checks)
    return [error for error in lacking if error is not None]


def failure(results: Sequence[Applied]) -> ContainmentError | None:
    """Return what kept *results* from being as declared, if anything."""
    failed = [item for item in results if item.error is not None]
    if not failed:
        return None
    rows = [f"  {item.resource} of {item.principal}: {item.error}" for item in failed]
    return NotContainedError("not as declared:", remedy="mend these and run it again", rows=rows)


def _contained(declared: Sequence[PrincipalPlan], workplace: Workplace, say: Say) -> list[Applied]:
    def take(item: PrincipalPlan) -> Applied:
        def known_or_new() -> Any:
            action = action_of(item, item.snapshot, workplace, say)
            inputs = inputs_of(item, item.snapshot, workplace, say)
            prior_snapshot = _known_snapshot(action, inputs, workplace)
            return (
                prior_snapshot
                if prior_snapshot is not None
                else action.create(inputs, preview=False)
            )

        return attempt(item.principal.arn, item.snapshot.resource, known_or_new)

    def hold(item: PrincipalPlan, one: Declaration, snapshot: Any) -> Applied:
        return apply(item, one, workplace, say, snapshot)

    return side_by_side(declared, take, hold)


def apply(
    declared: PrincipalPlan,
    item: Declaration,
    workplace: Workplace,
    say: Say,
    snapshot: Any = None,
) -> Applied:
    """Create one resource of a principal, which *snapshot* remembers unless it is that itself."""

    def create() -> Any:
        action = action_of(declared, item, workplace, say)
        inputs = inputs_of(declared, item, workplace, say, snapshot)
        return action.create(inputs, preview=False)

    return attempt(declared.principal.arn, item.resource, create)


def attempt(principal: str, resource: str, make: Callable[[], Any]) -> Applied:
    """Return what came of *make*, which makes the state of a resource."""
    try:
        state = make()
    except UnfinishedError as error:
        return Applied(principal, resource, error.state, error)
    except ContainmentError as error:
        return Applied(principal, resource, None, error)
    except (ClientError, BotoCoreError) as error:
        return Applied(principal, resource, None, explain("changing IAM", error))
    return Applied(principal, resource, state)


def _known_snapshot(action: Any, inputs: Any, workplace: Workplace) -> Any:
    """Return the snapshot that *inputs* are contained under already, if there is one.

    An attacker may have taken off what holds: then a mark that is left says which one it was, or
    the ledger does. A state that remembers that snapshot goes on with it later.
    """
    live = locate(workplace.clients(inputs.target.account).iam, inputs.target, None)
    if live is None:
        return None
    if len(leftovers.snapshots(live, inputs.incident, FACETS)) == 1:
        with suppress(ConflictError):
            return action.adopt(inputs.incident, live.principal.arn)
    for snapshot in reversed(workplace.ledger().open_snapshots(inputs.incident)):
        if snapshot.unique_id == live.unique_id:
            recorded = as_recorded(snapshot, inputs, live)
            if recorded is not None:
                return recorded
    return None


def action_of(declared: PrincipalPlan, item: Declaration, workplace: Workplace, say: Say) -> Any:
    """Return the action of a resource of a principal, at work on its account."""
    return ACTIONS_BY_RESOURCE[item.resource](workplace.context(declared.principal.account, say))


def inputs_of(
    declared: PrincipalPlan,
    item: Declaration,
    workplace: Workplace,
    say: Say,
    snapshot: Any = None,
) -> Any:
    """Return the inputs of a resource as the provider checks them; no AWS call is a principal's."""
    action = action_of(declared, item, workplace, say)
    remembered = {
        name: getattr(snapshot, to_snake(output)) for name, output in item.from_snapshot.items()
    }
    return action.checked(action.inputs_type.model_validate({**item.inputs, **remembered}))


def planned(
    spec: IncidentSpec, workplace: Workplace, spec_file: str
) -> tuple[IncidentSpec, tuple[PrincipalPlan, ...]]:
    """Return *spec* with its keys pinned to users, and the plan of it, which *workplace* is told.

    Raises:
        ContainmentError: it cannot be planned, or an access key's owner cannot be found.
    """
    pinned = _pinned_to_users(spec, workplace)
    declared = plan(pinned, spec_file=spec_file, profile=workplace.settings.profile)
    workplace.declared = [item.principal.arn for item in declared]
    return pinned, declared


def _pinned_to_users(spec: IncidentSpec, workplace: Workplace) -> IncidentSpec:
    """Return *spec* with its access keys pinned to the users that AWS says they belong to."""
    if not spec.unpinned:
        return spec
    clients = workplace.clients()
    owners = {
        key: resolve_access_key(clients.iam, clients.sts, key).principal.arn
        for key in spec.unpinned
    }
    return pin(spec, owners)

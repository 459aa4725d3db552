"""What would keep a spec from being applied, or lifted, asked of AWS before anything is changed.

Everything is looked at, whatever is found, so that one look tells all there is to mend. The checks
are those that an ``up`` makes itself; of what it would find out on its way, a missing principal,
a full one, a guard that would lock somebody out, the previews of its actions tell.

What cannot be seen: what service control policies deny to the responder but for the guards of ours
and three calls that stand for all; and whether the guard role may write, for only the account that
it is in could simulate that.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from containment.actions import ACTIONS_BY_RESOURCE
from containment.aws import resolve
from containment.aws.faults import explain
from containment.aws.recording import NoRecorder
from containment.aws.resolve import resolve_access_key
from containment.errors import AccessError, ContainmentError, NotContainedError, RefusedError
from containment.guard import proof
from containment.guard.control_policies import ControlPolicies
from containment.identities import parse_principal
from containment.lifecycle import exemptions, needed_rights, room
from containment.plan import guard_of, plan
from containment.preflight import needed_on_principal
from containment.run import direct, fences
from containment.run.other_programs import managing_programs
from containment.spec import pin
from containment.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from containment.aws.caller import Caller
    from containment.guard.control_policies import ControlPolicy
    from containment.lifecycle.context import Context, Severity
    from containment.lifecycle.needed_rights import Duty
    from containment.lifecycle.workplace import Workplace
    from containment.plan import PrincipalPlan
    from containment.spec import IncidentSpec, Target

_AT_ONCE = 8
# Organizations User Guide, "Quotas and service limits" (raised from five in May 2026).
_MOST_ATTACHED = 10
_CREDENTIALS = "the credentials in use"
_SIMULATES = "iam:SimulatePrincipalPolicy"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was findings.

    Attributes:
        severity: an error keeps the spec from being applied as it says, or from being lifted.
        about: a principal's ARN, an account, or an access key.
        what: what it is.
        mend: what to do about it; empty where there is nothing, or *what* says it.
        exit_code: of an error, 0 of a warning.
    """

    severity: Literal["error", "warning"]
    about: str
    what: str
    mend: str = ""
    exit_code: int = 0


@dataclass
class _Findings:
    """Collects findings, each once, from whatever thread."""

    rows: dict[tuple[str, str], Finding] = field(default_factory=dict[tuple[str, str], Finding])

    def add(self, about: str, *errors: ContainmentError) -> None:
        for one in errors:
            finding = Finding("error", about, one.message, one.remedy, one.exit_code)
            self.rows.setdefault((about, one.message), finding)

    def refuses(self, about: str) -> bool:
        """Tell whether *about* must not be contained at all."""
        return any(
            one.about == about and one.exit_code == RefusedError.exit_code
            for one in self.rows.values()
        )

    def warn(self, about: str, what: str, mend: str = "") -> None:
        words = plain(what)
        self.rows.setdefault((about, words), Finding("warning", about, words, plain(mend)))

    def hear(self, about: str, severity: Severity, message: str) -> None:
        """Take what an action says: what it only tells is no finding."""
        if severity == "warning":
            self.warn(about, message)

    def trying(self, about: str, look: Callable[[], Any]) -> Any:
        """Return what *look* returns; None where it fails, which is a finding."""
        try:
            return look()
        except ContainmentError as error:
            self.add(about, error)
        except (ClientError, BotoCoreError) as error:
            self.add(about, explain(f"looking at {about}", error))
        return None


def findings_of(spec: IncidentSpec, workplace: Workplace, *, spec_file: str) -> list[Finding]:
    """Return all that would keep *spec* from being applied or lifted, the errors first.

    AWS is only read. Without credentials that it accepts, that is the one finding.
    """
    findings = _Findings()
    if findings.trying(_CREDENTIALS, workplace.caller) is not None:
        declared = _planned(spec, workplace, spec_file, findings)
        _look(spec, declared, workplace, findings)
    return sorted(findings.rows.values(), key=lambda one: one.severity)


def _planned(
    spec: IncidentSpec, workplace: Workplace, spec_file: str, findings: _Findings
) -> tuple[PrincipalPlan, ...]:
    """Return the plan of all targets but of keys whose user cannot be found, each a finding."""
    clients = workplace.clients()
    owners: dict[str, str] = {}
    for key in spec.unpinned:
        resolved = findings.trying(key, partial(resolve_access_key, clients.iam, clients.sts, key))
        if resolved is not None:
            owners[key] = resolved.principal.arn
    known_targets: list[Target] = [
        one for one in spec.targets if one.access_key is None or one.access_key in owners
    ]
    if not known_targets:
        return ()
    profile = workplace.settings.profile

    def make() -> tuple[PrincipalPlan, ...]:
        pinned = pin(spec.model_copy(update={"targets": tuple(known_targets)}), owners)
        return plan(pinned, spec_file=spec_file, profile=profile)

    declared: tuple[PrincipalPlan, ...] = findings.trying(spec_file, make) or ()
    workplace.declared = [item.principal.arn for item in declared]
    return declared


def _look(
    spec: IncidentSpec,
    declared: Iterable[PrincipalPlan],
    workplace: Workplace,
    findings: _Findings,
) -> None:
    by_account: dict[str, list[PrincipalPlan]] = {}
    for item in declared:
        by_account.setdefault(item.principal.account, []).append(item)
    for account, items in by_account.items():
        # Who assumes no role contains with the credentials in use.
        if findings.trying(account, partial(workplace.caller, account)) is None:
            continue
        findings.trying(account, partial(_lifter, workplace, account))
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            # All checks first, so that one simulation answers for all principals.
            checked = list(pool.map(partial(_checked, workplace, findings), items))
            list(pool.map(partial(_foreseen, workplace, findings), items, checked))
        _rights(account, items, workplace, findings)
        _guards(account, items, spec, workplace, findings)


def _lifter(workplace: Workplace, account: str) -> Caller:
    return workplace.context(account, lifting=True).caller


def _context(workplace: Workplace, findings: _Findings, item: PrincipalPlan) -> Context:
    arn = item.principal.arn
    return workplace.context(item.principal.account, partial(findings.hear, arn))


def _checked(workplace: Workplace, findings: _Findings, item: PrincipalPlan) -> Any:
    """Return the checked inputs of the snapshot of *item*, None where they cannot be had."""

    def check() -> Any:
        action: Any = ACTIONS_BY_RESOURCE[item.snapshot.resource](
            _context(workplace, findings, item)
        )
        inputs = action.checked(action.inputs_type.model_validate(item.snapshot.inputs))
        for failure in action.check(inputs, None):
            # That they end soon is said of the credentials, and not of each target.
            is_about_caller = isinstance(failure.error, AccessError)
            findings.add(_CREDENTIALS if is_about_caller else item.principal.arn, failure.error)
        return inputs

    return findings.trying(item.principal.arn, check)


def _foreseen(workplace: Workplace, findings: _Findings, item: PrincipalPlan, inputs: Any) -> None:
    """Tell what stands in the way on the principal itself: it is gone, full, or somebody else's."""
    if inputs is None:
        return
    arn = item.principal.arn
    context = _context(workplace, findings, item)
    action: Any = ACTIONS_BY_RESOURCE[item.snapshot.resource](context)
    snapshot = findings.trying(arn, partial(action.create, inputs, preview=True))
    if snapshot is None:
        return
    say = partial(findings.hear, arn)
    live = findings.trying(arn, partial(context.locate, inputs, snapshot.principal_id))
    for one in item.declarations:
        acting = direct.action_of(item, one, workplace, say)
        resource_inputs = findings.trying(
            arn, partial(direct.inputs_of, item, one, workplace, say, snapshot)
        )
        if resource_inputs is None:
            continue
        if acting.facets:
            writes = (
                findings.trying(arn, partial(acting.writes, resource_inputs, live)) if live else ()
            )
            for write in writes or ():
                if room.replaces_a_deny(write):
                    findings.warn(arn, f"{write.subject}: {write.reason}")
            continue
        guarded = findings.trying(arn, partial(acting.create, resource_inputs, preview=True))
        if getattr(guarded, "live", "") == "missing" and resource_inputs.required:
            findings.add(
                item.principal.account,
                NotContainedError(
                    "the required guard cannot be set as things are",
                    remedy="mend what is said of it; without it nothing counts as contained",
                ),
            )
    for program in managing_programs(live.tags) if live is not None else ():
        findings.warn(arn, str(program))


def _rights(
    account: str, items: Iterable[PrincipalPlan], workplace: Workplace, findings: _Findings
) -> None:
    """Tell which calls of containing, and of lifting, whoever makes them is not allowed."""
    for item in items:
        arn = item.principal.arn
        if findings.refuses(arn):
            continue  # the printed policies deny changing whom the profile protects
        context = _context(workplace, findings, item)
        action: Any = ACTIONS_BY_RESOURCE[item.snapshot.resource](context)
        inputs = action.inputs_type.model_validate(item.snapshot.inputs)
        refused = findings.trying(arn, partial(action.lacking, inputs))
        findings.add(arn, *((refused,) if refused is not None else ()))
        lifting = findings.trying(arn, partial(needed_rights.lacking_to_lift, context, inputs))
        if lifting is not None and lifting[1]:
            findings.add(arn, _lack(lifting[0], lifting[1], "lift"))
    context = workplace.context(account)
    profile = workplace.settings.profile
    roles: dict[Duty, str | None] = {
        "contain": profile.role_in(account),
        "lift": profile.role_in(account, lifting=True),
    }
    for duty, role in roles.items():
        acting = parse_principal(role) if role else context.caller.principal
        if acting is None:
            continue  # root and federated users cannot be simulated
        context.rights.note(acting, "*", _on_everything(context, duty))
        who = role or f"the credentials in use ({context.caller.arn})"
        denied = context.rights.denied(context.clients.iam, acting, "*")
        if denied is None:
            findings.warn(
                account,
                f"what {who} may do cannot be told: that takes {_SIMULATES}, and iam:GetRole",
                "give the role that contains what 'containment responder-policy contain' prints",
            )
        elif denied:
            findings.add(account, _lack(who, denied, duty))


def _on_everything(context: Context, duty: Duty) -> list[str]:
    """Return the calls of *duty* whose permission names no principal."""
    declared = (resolve.PERMISSIONS | fences.PERMISSIONS).union(
        *(action.permissions for action in context.actions)
    )
    named = {*needed_on_principal(declared), _SIMULATES, "sts:GetCallerIdentity"}
    return sorted(declared - named - needed_rights.NEVER_CALLED[duty])


def _lack(who: str, denied: Iterable[str], duty: Duty) -> AccessError:
    return AccessError(
        f"{who} may not {', '.join(denied)}, which it takes to {duty}",
        remedy=f"give it the policy that 'containment responder-policy {duty}' prints",
    )


def _guards(
    account: str,
    items: Iterable[PrincipalPlan],
    spec: IncidentSpec,
    workplace: Workplace,
    findings: _Findings,
) -> None:
    """Tell whom a guard that stands on *account* keeps out, and whether another one has a place."""
    profile = workplace.settings.profile
    guard = guard_of(spec.guard, profile)
    if profile.guard_role is None and guard.mode == "off":
        return  # nobody says that the organisation can be asked
    context = workplace.context(account, partial(findings.hear, account))
    first = next(iter(items)).principal

    def read() -> list[list[ControlPolicy]]:
        policies = ControlPolicies(workplace.organizations(), account, NoRecorder(), ("", ""))
        return policies.levels()

    levels = findings.trying(account, read)
    if levels is None:
        return
    own = {*spec.break_glass, *(one.arn for _, one in profile.protected_in(account))}
    if context.caller.principal is not None:
        own.add(context.caller.principal.arn)
    here = [arn for arn in own if parse_principal(arn).account == account]
    arns = findings.trying(account, lambda: exemptions.canonical(context, first, here))
    sentences = findings.trying(
        account, lambda: proof.locked_out(context.clients.iam, levels, arns or ())
    )
    for sentence in sentences or ():
        findings.add(
            account,
            RefusedError(
                sentence,
                remedy="lift the incident of that guard, or exempt them: name them in"
                " containment.yaml and run 'containment up' of it",
            ),
        )
    if guard.mode != "off" and len(levels[-1]) >= _MOST_ATTACHED:
        findings.warn(
            account,
            f"{len(levels[-1])} control policies are attached to the account, of {_MOST_ATTACHED}:"
            " a guard goes into another guard of ours, and without one it has no place",
            "detach one that is not needed",
        )

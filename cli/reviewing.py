"""Judge a change of specs, and hold what was approved of one against what it would do now."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from cli.incident import with_backend
from containment.clock import isoformat, utc_now
from containment.engine.settings import backend
from containment.errors import ConflictError, ContainmentError, NotFoundError, RefusedError
from containment.files import replacing
from containment.profile import FILE
from containment.review import Judge, between, open_repository, profile_of
from containment.review.approval import (
    admit,
    approvers,
    authors_of,
    plan_of,
    read_approval,
    read_signers,
    receipt_of,
    require_fresh,
    require_others,
    require_unused,
    sign,
    use,
)
from containment.review.approval.receipt import NAMESPACE as RECEIPT
from containment.review.approval.signers import FILE as SIGNERS
from containment.run import direct, locks, state
from containment.run.engine import open_engine
from containment.spec.reading import MAX_BYTES
from containment.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cli.incident import Incident
    from containment.messages import MadeChange
    from containment.profile import Profile
    from containment.replay.replaying import Replayer
    from containment.review import ProposedChange, Review
    from containment.review.approval import Admission, Approval, Authors, Plan, Signers
    from containment.review.judging import States
    from containment.review.revisions import Repository
    from containment.run.engine import Engine
    from containment.run.project import Project
    from containment.spec import IncidentSpec

_SHOWN = 5


def judged(
    this_project: Project,
    change: ProposedChange,
    replayer_of: Callable[[str, IncidentSpec], Replayer] | None = None,
) -> Review:
    """Return *change*, judged by the base's profile and the states in the backend.

    *replayer_of* makes, of a stack and its spec, what replays recorded calls against it.

    Raises:
        ContainmentError: the profile cannot be used, or there are no credentials.
    """

    def states_of(profile: Profile) -> States:
        settled, engine = _engine(this_project, profile)
        return partial(state.look_up, this_project.root, settled, engine=engine)

    return Judge(this_project.root, states_of, replayer_of=replayer_of).review(change)


def planned(this_project: Project, change: ProposedChange, review: Review) -> Plan:
    """Return what *review* shows as a plan, which an approval can bind.

    Raises:
        ContainmentError: a state cannot be read.
    """
    profile = profile_of(change)
    settled, engine = _engine(this_project, profile)

    def state_of(stack: str) -> str:
        return state.digest(
            state.look_up_deployment(this_project.root, settled, stack, engine=engine)
        )

    now = utc_now()
    return plan_of(
        review,
        change,
        root=this_project.root,
        state_of=state_of,
        planned_at=isoformat(now),
        expires_at=isoformat(now + timedelta(hours=profile.valid_hours)),
    )


def signers_at(repository: Repository, commit: str, root: Path) -> Signers:
    """Return who may sign by the file of allowed signers that *commit* has.

    Raises:
        NotFoundError: it has none.
        SpecError: the file cannot be used.
    """
    entry = repository.entry(commit, f"{repository.prefix}{SIGNERS}")
    content = repository.read(entry, MAX_BYTES) if entry is not None else None
    if content is None or not content.is_regular:
        raise NotFoundError(
            f"{commit[:12]} has no file {SIGNERS}, so nobody can approve anything",
            remedy="put one there: see docs/howto/reviewer.md, and merge it before",
        )
    return read_signers(content.data.decode("utf-8", "replace"), root, _environ())


def require_approvers(
    authors: Authors,
    persons: Sequence[str],
    signers: Signers,
    profile: Profile,
    *,
    needed: int,
    pushed: bool,
) -> None:
    """Refuse unless *needed* persons approve who made no part of the change, and are no bots.

    Raises:
        RefusedError: too few do.
    """
    require_others(authors, persons, signers, needed=needed, bots=profile.bots, pushed=pushed)


@dataclass(frozen=True, slots=True)
class ApprovalOptions:
    """How an approval was named on the command line."""

    file: Path
    base: str
    key: Path
    receipt: Path
    pushed_by: tuple[str, ...] = ()


@dataclass(slots=True)
class ApprovedRun:
    """An ``up`` by an approval: what of it may be applied, and where its receipt goes."""

    options: ApprovalOptions
    incident: Incident
    approval: Approval
    admission: Admission
    persons: tuple[str, ...]

    def limited(self, spec: IncidentSpec) -> IncidentSpec:
        """Return *spec* with those alone that may be contained now."""
        pinned, _ = direct.planned(
            spec, self.incident.workplace, f"stacks/{self.incident.stack}.yaml"
        )
        targets = tuple(
            one for one in pinned.targets if one.principal.arn in self.admission.principals
        )
        if not targets:
            raise self.void()
        return pinned.model_copy(update={"targets": targets})

    def void(self) -> ConflictError:
        """Return what of the plan is not applied, as an error."""
        first, *rows = self.admission.voids
        return ConflictError(
            f"not applied, for the approval of it is void: {plain(first)}",
            rows=[plain(row) for row in rows],
            remedy="have that reviewed and approved anew; what was written all the same is shown,"
            f" and the next 'containment up {self.incident.stack}' takes it into the state",
        )

    def use(self) -> int:
        """Use the approval up: under the stack's lock it goes into the ledger, once.

        Returns the number of the ledger's entry.

        Raises:
            RefusedError: it was used, the state has changed, or it cannot be written down.
        """
        incident = self.incident
        stack_state = state.load(incident.engine, incident.stack)
        ledger = incident.workplace.ledger()
        state.expect_ledger(stack_state, ledger)
        journal = ledger.journal_of(incident.stack)
        place = backend(incident.engine.environ)
        with locks.taken(place, incident.stack) as is_locked:
            if not is_locked:
                raise RefusedError(
                    f"{incident.stack} is locked by another run, or cannot be locked",
                    remedy=f"see 'containment status {incident.stack}', and run it again",
                )
            settled, engine = _engine(incident.project, incident.workplace.settings.profile)
            now = state.digest(
                state.look_up_deployment(
                    incident.project.root, settled, incident.stack, engine=engine
                )
            )
            if now != self.admission.plan.state:
                raise RefusedError(
                    "the state of the stack is not what was approved",
                    remedy="have it reviewed and approved anew",
                )
            require_unused(journal, self.approval.plan)
            number = use(
                journal,
                self.admission,
                self.approval.plan,
                self.persons,
                incident.workplace.caller().arn,
            )
        return number or 0

    def finish(
        self, changes: Iterable[MadeChange], error: ContainmentError | None
    ) -> ContainmentError | None:
        """Write the receipt of *changes*; return *error*, or that more was done than was named."""
        receipt = receipt_of(
            self.approval.plan,
            self.admission,
            changes,
            operator=self.incident.workplace.caller().arn,
            ended_at=isoformat(utc_now()),
            ended=str(error) if error else "applied, not verified",
        )
        root = self.incident.project.root

        def signing(payload: bytes) -> str:
            return sign(payload, self.options.key, RECEIPT, root, _environ())

        write_text(self.options.receipt, receipt.signed(signing))
        if not receipt.unnamed:
            return error
        shown = [f"{plain(what)} of {plain(who)}" for who, what in receipt.unnamed]
        more = len(shown) - _SHOWN
        return ConflictError(
            "calls were made that the approved plan does not name",
            rows=[*shown[:_SHOWN], *([f"and {more} more"] if more > 0 else [])],
            remedy=f"see {plain(str(self.options.receipt))}, and look at them in the account",
        )


def approved_run(incident: Incident, options: ApprovalOptions) -> ApprovedRun:
    """Return what an approval lets be applied to *incident*, after all that it binds was compared.

    Raises:
        RefusedError: it does not hold, or something it binds has changed. Nothing was changed.
        ContainmentError: it cannot be read, or nobody can tell what it is about.
    """
    root = incident.project.root
    approval = read_approval(options.file)
    require_fresh(approval, utc_now())
    repository = open_repository(root, _environ())
    trusted = repository.commit(options.base)
    base = repository.commit(approval.plan.base)
    commit = repository.commit(approval.plan.commit)
    if not repository.holds(trusted, base):
        raise RefusedError(
            f"its base {base[:12]} is not in the history of {plain(options.base)}",
            remedy="name the revision that the protected branch had before the change",
        )
    if not repository.holds(repository.commit("HEAD"), commit):
        raise RefusedError(
            f"the commit that was approved ({commit[:12]}) is not what is checked out here",
            remedy="check out that commit, or the merge of it",
        )
    signers = signers_at(repository, trusted, root)
    persons = approvers(approval, signers)
    change = between(repository, base, commit, [incident.stack])
    authors = authors_of(repository, trusted, commit, signers, options.pushed_by)
    profile = profile_of(change)
    require_approvers(
        authors,
        persons,
        signers,
        profile,
        needed=profile.approvals,
        pushed=bool(options.pushed_by),
    )
    _require_files(incident, approval.plan)
    sign(b"", options.key, RECEIPT, root, _environ())  # rather now than when all is done
    review = judged(incident.project, change)
    admission = admit(approval.plan, planned(incident.project, change, review), incident.stack)
    return ApprovedRun(options, incident, approval, admission, persons)


def write_text(path: Path, text: str) -> None:
    """Write *text* to *path*, which somebody named on the command line.

    In CI the folder is a change's, which may hold a link of that name.

    Raises:
        UnavailableError: it cannot be written there.
    """
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")
        draft.chmod(0o644)  # whoever posts it may be another user


def _require_files(incident: Incident, plan: Plan) -> None:
    """Refuse where the files that will be applied are not those of the commits.

    Raises:
        RefusedError: one is not; git may be told not to look at a file.
    """
    approved = plan.plan_for(incident.stack)
    stack_files = Path("stacks", incident.stack)
    for name, digest in (
        (FILE, plan.profile),
        (f"{stack_files}.yaml", approved.spec if approved else ""),
        (f"{stack_files}.descendants.json", approved.beside if approved else ""),
    ):
        path = incident.project.root / name
        actual = sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        if actual != digest:
            raise RefusedError(
                f"{name} in the folder is not what was approved",
                remedy="restore it from the commit, or have it reviewed and approved anew",
            )


def _engine(this_project: Project, profile: Profile) -> tuple[Mapping[str, str], partial[Engine]]:
    settled = with_backend(profile, _environ())
    return settled, partial(open_engine, this_project.root, settled)


def _environ() -> Mapping[str, str]:
    return os.environ  # noqa: TID251 -- an edge

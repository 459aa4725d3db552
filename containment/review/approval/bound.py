"""What an approval binds: the plan of a change, and all that the plan was made of, as digests.

Two plans of one change differ in what every plan draws anew: times, snapshot ids, generations. So
what is *written* is compared without them, and what is *there* is compared to the letter.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from containment.diff import Change, PrincipalDiff
    from containment.review.change import ProposedChange, SpecChange
    from containment.review.model import IncidentReview, Review

Action = Literal["contain", "raise", "lower", "lift", "irreversible", "guard"]
"""What is done to somebody, by what it takes to approve it."""

ADDING = frozenset({"contain", "raise"})
"""What is done on a plan made anew, where what is live has changed since."""

VERSION = 1
_ACTION_OF: dict[str, Action] = {
    "contain": "contain",
    "repair": "contain",
    "raise": "raise",
    "lower": "lower",
    "lift": "lift",
}
_PACKAGES = ("containment", "policies", "cli")
_GUARD_SUBJECTS = ("service control policy", "GuardPolicy")
_SIGN_INS = "sign-in sessions "
_BESIDE = ".descendants.json"
_PROGRAM = ("Pulumi.yaml", "__main__.py")
_DRAWN_ANEW = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)"
    r"|(?<=Containment[A-Z2-7]{12})[0-9a-z]{19,20}"
)


@dataclass(frozen=True, slots=True)
class PrincipalPlan:
    """What is done to one principal.

    Attributes:
        principal: its ARN.
        verb: in the words of a diff.
        rung: the rung after it; None for a lift.
        actions: what that takes to be approved.
        calls: what is written on it, by name.
        live: digest of what is there now.
        written: digest of what is to be there.
    """

    principal: str
    verb: str
    rung: str | None
    actions: tuple[Action, ...]
    calls: tuple[str, ...]
    live: str
    written: str

    @property
    def only_adds(self) -> bool:
        """True where nothing of it gives access back, is lost for good, or is of an account."""
        return ADDING.issuperset(self.actions)


@dataclass(frozen=True, slots=True)
class IncidentPlan:
    """What is done for one incident.

    Attributes:
        incident: its id, which is the stack's.
        spec: digest of its spec.
        beside: digest of what is kept beside the spec.
        state: digest of the stack's state; empty where that holds nothing.
        refused: what stands against it.
        principals: whom it is about.
    """

    incident: str
    spec: str
    beside: str
    state: str
    refused: tuple[str, ...]
    principals: tuple[PrincipalPlan, ...]

    @property
    def actions(self) -> tuple[Action, ...]:
        """The classes of action in it."""
        return tuple(sorted({action for item in self.principals for action in item.actions}))


@dataclass(frozen=True, slots=True)
class Plan:
    """A change as it was judged: all that an approval holds for.

    Attributes:
        planned_at: when it was judged.
        expires_at: until when it may be applied.
        base: the commit whose profile and signers count.
        commit: the commit of the change.
        account: the account of the credentials it was judged with, and whether that is emulated.
        program: digest of the files that the engine starts from.
        provider: version and digest of this program.
        profile: digest of the profile; empty for the defaults.
        incidents: one for each spec in it.
    """

    planned_at: str
    expires_at: str
    base: str
    commit: str
    account: str
    program: str
    provider: str
    profile: str
    incidents: tuple[IncidentPlan, ...]

    def plan_for(self, stack: str) -> IncidentPlan | None:
        """Return what is done for *stack*; None where the change does not touch it."""
        return next((one for one in self.incidents if one.incident == stack), None)

    @property
    def digest(self) -> str:
        """By what a receipt and the ledger name this plan."""
        return digest_of(as_document(self))


def plan_of(
    review: Review,
    change: ProposedChange,
    *,
    root: Path,
    state_of: Callable[[str], str],
    planned_at: str,
    expires_at: str,
) -> Plan:
    """Return the plan that *review* is of.

    Args:
        review: the change, judged.
        change: the same, with the contents.
        root: the project.
        state_of: returns the digest of a stack's state.
        planned_at: when it was judged.
        expires_at: until when it may be applied.
    """
    specs = {one.stack: one for one in change.specs}
    return Plan(
        planned_at,
        expires_at,
        review.base,
        review.head,
        _account(review),
        program_digest(root),
        provider_digest(),
        review.profile,
        tuple(
            _incident(one, specs[one.incident], change.files, state_of(one.incident), review)
            for one in review.incidents
        ),
    )


def as_document(plan: Plan) -> dict[str, Any]:
    """Return *plan* as a JSON document."""
    document: dict[str, Any] = json.loads(json.dumps({"version": VERSION, **asdict(plan)}))
    return document


def digest_of(value: object) -> str:
    """Return the digest of *value*, which JSON can hold."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return sha256(text.encode("ascii")).hexdigest()


def call_names(subject: str) -> tuple[str, ...]:
    """Return how a plan and a receipt name what is written as *subject*.

    A guard is one call, however it is set, and sign-in sessions are ended several at once.
    """
    if subject.startswith(_GUARD_SUBJECTS):
        return (_GUARD_SUBJECTS[0],)
    if subject.startswith(_SIGN_INS):
        return tuple(f"sign-in session {arn}" for arn in subject.removeprefix(_SIGN_INS).split())
    return (subject,)


def program_digest(root: Path) -> str:
    """Return the digest of what the engine starts in the project at *root*."""
    return digest_of([[name, _sha256(root / name)] for name in _PROGRAM])


def provider_digest() -> str:
    """Return the version of this program, and the digest of its files."""
    rows: list[list[str]] = []
    for package in _PACKAGES:
        module = find_spec(package)
        origin = Path(module.origin).parent if module and module.origin else None
        for path in sorted(origin.rglob("*")) if origin else ():
            relative = path.relative_to(origin) if origin else path
            if path.is_file() and not path.name.endswith(".pyc"):
                rows.append([package, relative.as_posix(), _sha256(path)])
    return f"{version('containment')} {digest_of(rows)}"


def _account(review: Review) -> str:
    account = review.caller.split(":")[4]
    return f"{account}, emulated" if review.emulated else account


def _sha256(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _incident(
    one: IncidentReview,
    spec: SpecChange,
    files: Mapping[str, bytes],
    state: str,
    review: Review,
) -> IncidentPlan:
    beside = files.get(f"stacks/{one.incident}{_BESIDE}")
    lost: dict[str, list[str]] = {}
    for subject, text in one.irreversible:
        lost.setdefault(subject, []).append(text)
    refused = [
        *one.unreadable,
        *(one.diff.refusals if one.diff else ()),
        *(item.what for item in one.findings if item.outcome == "refused"),
        *(item.what for item in review.findings if item.outcome == "refused"),
    ]
    return IncidentPlan(
        one.incident,
        "" if spec.after is None else sha256(spec.after).hexdigest(),
        "" if beside is None else sha256(beside).hexdigest(),
        state,
        tuple(refused),
        tuple(
            _principal(item, lost.get(item.principal, []))
            for item in sorted(one.principals, key=lambda item: item.principal)
        ),
    )


def _principal(item: PrincipalDiff, lost: list[str]) -> PrincipalPlan:
    actions: set[Action] = {_ACTION_OF[item.verb]} if item.verb in _ACTION_OF else set()
    if lost:
        actions.add("irreversible")
    if any(change.subject.startswith(_GUARD_SUBJECTS) for change in item.changes):
        actions.add("guard")
    live = [
        item.principal,
        item.rung_before,
        [[change.subject, _before(change)] for change in item.changes],
        [_settled(text) for text in (*item.conflicts, *item.unread)],
    ]
    written = [
        item.verb,
        item.rung,
        [[change.sign, change.subject, _after(change)] for change in item.changes],
        [_settled(text) for text in (*item.comes_back, *item.stays_away, *item.held_by, *lost)],
    ]
    calls = tuple(sorted({name for one in item.changes for name in call_names(one.subject)}))
    return PrincipalPlan(
        item.principal,
        item.verb,
        item.rung,
        tuple(sorted(actions)),
        calls,
        digest_of(live),
        digest_of(written),
    )


def _before(change: Change) -> list[str]:
    if not change.lines:
        return [change.summary.partition(" -> ")[0]]
    return [line.text for line in change.lines if line.sign in {" ", "-"}]


def _after(change: Change) -> list[str]:
    lines: Iterable[str] = (line.text for line in change.lines if line.sign in {" ", "+"})
    return [_settled(text) for text in (*lines, change.summary, change.reason)]


def _settled(text: str) -> str:
    """Return *text* without what every plan draws anew."""
    return _DRAWN_ANEW.sub("", text)

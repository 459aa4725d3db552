"""What of an approved plan may still be applied once what is live has changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from containment.clock import utc_now
from containment.diff import Change, IncidentDiff, PrincipalDiff, text_diff
from containment.errors import RefusedError
from containment.ledger import Ledger, LedgerSettings, open_store
from containment.ledger.journal import Journal
from containment.review.approval import Plan, admit, plan_of, require_unused, use
from containment.review.change import ProposedChange, SpecChange
from containment.review.model import IncidentReview, Review

pytestmark = pytest.mark.plain

INCIDENT = "inc-1"
APP, BOT = "arn:aws:iam::111122223333:role/app", "arn:aws:iam::111122223333:user/bot"
CALLER = "arn:aws:sts::111122223333:assumed-role/Responder/x"
DENY = f"inline policy containment-{INCIDENT}"


def policy(sid: str, more: str = "") -> str:
    return f'{{"Statement":[{{"Effect":"Deny","Sid":"{sid}"{more}}}]}}'


def contained(verb: str = "contain", rung: str = "deny-all", reason: str = "") -> PrincipalDiff:
    written = Change("+", DENY, lines=text_diff(None, policy("x")), reason=reason)
    before = None if verb == "contain" else "session"
    return PrincipalDiff(BOT, verb, rung, before, changes=(written,))  # type: ignore[arg-type]


def lifted(live: str = "live", verb: str = "lift") -> PrincipalDiff:
    taken = Change("-", DENY, lines=text_diff(policy(live), None))
    return PrincipalDiff(APP, verb, None, "deny-all", changes=(taken,))  # type: ignore[arg-type]


def plan(
    *principals: PrincipalDiff, irreversible: tuple[tuple[str, str], ...] = (), state: str = ""
) -> Plan:
    spec = SpecChange(INCIDENT, "new", None, b"spec")
    one = IncidentReview(
        INCIDENT,
        spec.file,
        "new",
        diff=IncidentDiff(INCIDENT, principals=principals),
        irreversible=irreversible,
    )
    review = Review("b" * 40, "c" * 40, "", CALLER, emulated=True, incidents=(one,))
    return plan_of(
        review,
        ProposedChange("b" * 40, "c" * 40, (spec,)),
        root=Path("/nowhere"),
        state_of=lambda _stack: state,
        planned_at="2026-12-01T00:00:00Z",
        expires_at="2026-12-02T00:00:00Z",
    )


def test_a_plan_made_anew_of_the_same_facts_is_the_same_plan() -> None:
    def drawn(sid: str, moment: str) -> PrincipalDiff:
        text = policy(f"ContainmentABCDEFGHIJKL{sid}", f',"Condition":"{moment}"')
        fence = Change("~", DENY, lines=text_diff(policy("live"), text))
        return replace(lifted(), changes=(fence,))

    one = plan(drawn("aaaaaaaaaa000000001", "2026-12-01T00:00:00Z"))
    other = plan(drawn("bbbbbbbbbb000000002", "2026-12-01T00:07:31Z"))

    assert one == other
    assert plan(lifted("live-2026-12-01T00:00:00Z")) != plan(lifted("live-2027-12-01T00:00:00Z"))


@pytest.mark.parametrize(
    ("now", "irreversible", "admitted", "void"),
    [
        pytest.param((contained(), lifted()), (), {APP, BOT}, "", id="the same"),
        pytest.param((contained(reason="other"), lifted()), (), {APP, BOT}, "", id="contain anew"),
        pytest.param(
            (contained(), lifted("stripped")), (), {BOT}, "what is live of it", id="lift changed"
        ),
        pytest.param(
            (contained(rung="key-only"), lifted()), (), {APP}, "contain arn", id="another rung"
        ),
        pytest.param(
            (contained(), replace(contained(), principal=f"{BOT}2"), lifted()),
            (),
            {APP, BOT},
            "nobody approved anything about it",
            id="somebody else",
        ),
        pytest.param(
            (contained(), lifted()), ((BOT, "is lost"),), {APP}, "contain was approved", id="lost"
        ),
        pytest.param(
            (contained("lower"), lifted()), (), {APP}, "contain was approved", id="lowered"
        ),
    ],
)
def test_what_only_adds_is_applied_and_all_else_only_as_it_was_approved(
    now: tuple[PrincipalDiff, ...],
    irreversible: tuple[tuple[str, str], ...],
    admitted: set[str],
    void: str,
) -> None:
    admission = admit(plan(contained(), lifted()), plan(*now, irreversible=irreversible), INCIDENT)

    assert admission.principals == admitted
    assert admission.is_whole == (not void)
    assert void in " ".join(admission.voids)


def test_a_guard_is_set_only_as_it_was_approved_and_its_principal_contained_all_the_same() -> None:
    guard = Change("+", "service control policy containment-inc-1", "none -> freeze")
    with_guard = replace(contained(), changes=(*contained().changes, guard))
    approved = plan(with_guard)
    assert approved.incidents[0].actions == ("contain", "guard")
    assert admit(approved, plan(with_guard), INCIDENT).is_whole

    changed = replace(with_guard, held_by=("AWSDenyAll",))
    admission = admit(approved, plan(changed), INCIDENT)

    assert (set(admission.principals), admission.is_whole) == ({BOT}, False)


def test_a_guard_that_nobody_approved_is_not_set() -> None:
    guard = Change("+", "service control policy containment-inc-1", "none -> freeze")
    with_guard = replace(contained(), changes=(*contained().changes, guard))

    admission = admit(plan(contained()), plan(with_guard), INCIDENT)

    assert (set(admission.principals), admission.is_whole) == ({BOT}, False)
    assert "contain was approved" in admission.voids[0]


def test_another_state_is_refused() -> None:
    with pytest.raises(RefusedError, match="the state of the stack is not what was approved"):
        admit(plan(contained()), plan(contained(), state="1"), INCIDENT)


def test_an_approval_is_used_once_and_only_where_the_ledger_can_tell(tmp_path: Path) -> None:
    def journal(folder: Path) -> Journal:
        settings = LedgerSettings(str(folder))
        ledger = Ledger(
            lambda incident: open_store(settings, tmp_path, incident), now=utc_now, say=print
        )
        return ledger.journal_of(INCIDENT)

    approved = plan(contained())
    admission = admit(approved, plan(contained()), INCIDENT)
    first = journal(tmp_path / "ledger")
    require_unused(first, approved)
    use(first, admission, approved, ["bob"], CALLER)

    with pytest.raises(RefusedError, match="this approval was used already"):
        require_unused(journal(tmp_path / "ledger"), approved)
    require_unused(journal(tmp_path / "ledger"), plan(contained(), lifted()))
    file = tmp_path / "ledger" / f"{INCIDENT}.jsonl"
    file.write_text(file.read_text().replace("bob", "eve") * 2)
    with pytest.raises(RefusedError, match="whether this approval was used is not known"):
        require_unused(journal(tmp_path / "ledger"), approved)

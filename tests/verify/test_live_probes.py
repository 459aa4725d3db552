"""V3: AWS refuses a session of the tool's own from before T, by our statement, and no new one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from containment.aws.probe_sessions import ProbeSession, assume
from containment.lab.testing import Lab
from containment.spec import load
from containment.verify.authorization_records import AuthorizationRecords
from containment.verify.evidence import Evidence
from containment.verify.live_probes import LiveProbes
from containment.verify.members import members_of
from containment.verify.verdict import Claims, judge
from containment.verify.verification import Pace
from tests.support.meddling import policy
from tests.support.workbench import INCIDENT
from tests.verify.conftest import Contain, Scene, words_of
from tests.verify.test_verify_logs import ACCOUNT, LogsOf, logs_of, words_at

pytestmark = pytest.mark.lab

ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"
REVOKED = f"{{role: {ROLE}, rung: revoke-sessions}}"
DENIED = f"{{role: {ROLE}, rung: deny-all}}"
__all__ = ["logs_of"]


def let_in(lab: Lab) -> None:
    """Let the responder take up the role as well."""
    iam = lab.client("iam", lab.world.admin)
    trust: Any = iam.get_role(RoleName="app")["Role"]["AssumeRolePolicyDocument"]
    own = {
        "Effect": "Allow",
        "Principal": {"AWS": lab.world.responder_role},
        "Action": "sts:AssumeRole",
    }
    trust["Statement"] = [*trust["Statement"], own]
    iam.update_assume_role_policy(RoleName="app", PolicyDocument=json.dumps(trust))


def probes_of(scene: Scene) -> LiveProbes:
    spec = load(scene.bench.directory / "stacks" / f"{INCIDENT}.yaml")
    records = AuthorizationRecords(
        lambda region: scene.lab.client("iam-toolbox", scene.lab.world.responder, region=region),
        INCIDENT,
        deny_all=False,
    )

    def wait(seconds: float) -> bool:
        scene.lab.advance(seconds)
        return False

    return LiveProbes(
        members_of(scene.state, spec),
        lambda _: scene.bench.context.clients,
        records.harvest,
        Pace(wait, scene.progress.append),
    )


def probed(scene: Scene) -> list[Evidence]:
    probes = probes_of(scene)
    probes.take_up()
    return probes.run()


def shown(evidence: list[Evidence]) -> set[str]:
    return {one.artefact for one in evidence if one.outcome == "holds"}


def test_a_session_from_before_t_is_refused_by_our_statement_and_a_new_one_is_not(
    contain: Contain, direct_lab: Lab
) -> None:
    let_in(direct_lab)
    evidence = probed(contain(REVOKED))

    assert [(one.level, one.outcome) for one in evidence] == [("V3", "holds")] * 2
    assert (evidence[0].artefact, evidence[0].subject) == ("DenyPolicy", ROLE)
    assert evidence[0].authorization
    assert evidence[0].request
    assert "a new session, from after T, meets no deny" in words_of(evidence)


def test_a_probe_can_do_nothing_but_ask(contain: Contain, direct_lab: Lab) -> None:
    let_in(direct_lab)
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    direct_lab.client("iam", direct_lab.world.admin).put_role_policy(
        RoleName="app", PolicyName="more", PolicyDocument=policy(everything)
    )
    scene = contain(REVOKED)
    changed = direct_lab.status()["mutations"]
    probed(scene)
    assert direct_lab.status()["mutations"] == changed

    later = assume(scene.bench.context.clients, ROLE)
    assert isinstance(later, ProbeSession)
    assert later.ask().allowed
    with pytest.raises(ClientError, match="no session policy allows"):
        later.iam.list_users()


def test_at_deny_all_new_sessions_are_not_expected_to_work(
    contain: Contain, direct_lab: Lab
) -> None:
    let_in(direct_lab)
    evidence = probed(contain(DENIED))

    assert [one.outcome for one in evidence] == ["holds"]
    assert shown(evidence) == {"DenyPolicy"}


def test_a_role_that_does_not_let_us_in_has_no_probe_and_that_is_no_failure(
    contain: Contain,
) -> None:
    (evidence,) = probed(contain(REVOKED))

    assert evidence.outcome == "note"
    assert "not available: the role does not let the caller in: AccessDenied" in evidence.what


def test_where_t_has_passed_before_the_probe_was_made_it_shows_nothing(
    contain: Contain, direct_lab: Lab
) -> None:
    let_in(direct_lab)
    scene = contain(REVOKED)
    direct_lab.advance(600)

    (evidence,) = probed(scene)

    assert evidence.outcome == "note"
    assert "had passed before a session was issued" in evidence.what


def test_a_session_from_before_t_that_still_works_is_a_way_in(
    contain: Contain, direct_lab: Lab
) -> None:
    let_in(direct_lab)
    summary = {"Effect": "Allow", "Action": "iam:GetAccountSummary", "Resource": "*"}
    direct_lab.client("iam", direct_lab.world.admin).put_role_policy(
        RoleName="app", PolicyName="more", PolicyDocument=policy(summary)
    )
    direct_lab.faults({"kind": "lag", "seconds": 86400})
    evidence = probed(contain(REVOKED))

    assert evidence[0].outcome == "broken"
    assert "is let through: GetAccountSummary" in evidence[0].what


def test_where_another_policy_denies_by_chance_the_probe_does_not_count(
    contain: Contain, direct_lab: Lab
) -> None:
    let_in(direct_lab)
    deny = {"Sid": "NoSummary", "Effect": "Deny", "Action": "iam:GetAccountS*", "Resource": "*"}
    direct_lab.client("iam", direct_lab.world.admin).put_role_policy(
        RoleName="app", PolicyName="guardrail", PolicyDocument=policy(deny)
    )
    direct_lab.faults({"kind": "lag", "seconds": 86400})
    evidence = probed(contain(REVOKED))

    assert shown(evidence) == set()
    assert "'NoSummary'" in words_of(evidence)
    assert "which is not ours" in words_of(evidence)


def test_with_a_probe_a_quiet_attacker_s_incident_can_be_verified(
    contain: Contain, logs_of: LogsOf, direct_lab: Lab
) -> None:
    let_in(direct_lab)
    scene = contain(REVOKED)
    probes = probes_of(scene)
    probes.take_up()
    probes.run()

    later = logs_of(scene).verify(watch=True, harvest=probes.harvest)

    assert later.verdict.word == "contained, verified", later.verdict.missing
    assert "AWS refused GetAccountSummary" in words_at(later, "V4+")


def test_a_probe_that_works_makes_the_verdict_not_contained() -> None:
    broken = Evidence("V3", ROLE, "broken", "let through", "run up")
    assert judge(Claims("i", (ROLE,), (), (), (), ()), [broken]).word == "not contained"

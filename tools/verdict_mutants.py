"""Let each level of a verification always pass, and count the verdict tests that notice.

    $ python -m tools.verdict_mutants

A verdict test plays one way of not being contained, and says which verdict it has and what is named
as its cause. A level that always passes is to fail those that rest on it; a verdict that always
says "contained" is to fail most. Ends with 1 where the tests fail unbroken, where a mutant is not
noticed, or where fewer than most notice the last one.

As a plugin of pytest this module breaks what the environment names: a level is replaced in its own
module, before anything else imports it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET  # a file that pytest has just written
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[1]
VARIABLE = "VERDICT_MUTANT"
_IN = "tests/verify/test_verify_policies.py::test_each_way_in_is_not_contained_and_names_the_cause"
_POLICIES, _LOGS = "tests/verify/test_verify_policies.py", "tests/verify/test_verify_logs.py"
_ROUND, _PROBES = "tests/verify/test_ways_round.py", "tests/verify/test_live_probes.py"
_COVERAGE = "tests/verify/test_coverage_of_logs.py"
_QUIET = "test_an_attacker_gone_quiet_leaves_the_live_denial_missing_though_all_logs_are_there"
# Each way of not being contained, and the tests that play it.
WAYS = {
    "a second key": [f"{_IN}[second_key]"],
    "a session older than T": [
        f"{_LOGS}::test_a_session_older_than_t_that_succeeds_after_it_is_named",
        f"{_PROBES}::test_a_session_from_before_t_that_still_works_is_a_way_in",
    ],
    "a trust path": [f"{_IN}[trust_opened]"],
    "a resource policy that lets a federated user in": [
        f"{_ROUND}::test_a_resource_policy_that_lets_a_federated_user_in_is_not_contained"
    ],
    "a policy stripped before and after V1": [
        f"{_IN}[deny_stripped]",
        f"{_POLICIES}::test_what_is_stripped_after_the_first_reading_is_seen_by_the_second",
    ],
    "a Region without logs, a late one, a gap": [
        f"{_COVERAGE}::test_a_region_whose_log_is_missing_late_or_has_a_gap_is_named",
        f"{_LOGS}::test_without_a_watch_what_the_logs_do_not_cover_yet_is_not_verified",
    ],
    "a late delivery": [
        f"{_LOGS}::test_a_success_that_is_delivered_late_ends_the_watch_when_it_comes"
    ],
    "an attacker gone quiet": [
        f"{_ROUND}::{_QUIET}",
    ],
    "a 90-day sign-in session": [
        f"{_ROUND}::test_a_sign_in_session_of_ninety_days_is_not_contained",
        f"{_ROUND}::test_sign_in_sessions_that_nobody_could_list_leave_the_verdict_open",
    ],
    "a foreign SCP that denies by chance": [
        f"{_LOGS}::test_a_foreign_control_policy_that_denies_by_chance_is_named_and_does_not_count",
        f"{_POLICIES}::test_a_control_policy_that_denies_by_chance_does_not_count_as_ours",
        f"{_POLICIES}::test_another_deny_is_named_by_the_counterfactual",
    ],
    "a renamed user": [f"{_IN}[renamed_and_stripped]"],
    "a recreated user": [f"{_IN}[recreated]"],
}
ALWAYS_CONTAINED = "verdict"
# Each mutant, and what it lets pass.
MUTANTS = {
    "V1": "reading back",
    "V2": "the simulator",
    "V2b": "the counterfactual",
    "V3": "live probes",
    "V4": "the calls in the logs",
    "V4+": "AWS's own records",
    "V5": "how far the logs go",
    ALWAYS_CONTAINED: 'always "contained, verified"',
}


def main() -> int:
    """Run the verdict tests unbroken and under each mutant, and tell the score."""
    unbroken = _run("")
    failing_ones = [name for name, passed in unbroken.items() if not passed]
    if not unbroken or failing_ones:
        print(f"error: fail without any change: {failing_ones}", file=sys.stderr)
        return 1
    print(f"{len(unbroken)} verdict tests of {len(WAYS)} ways, all pass unbroken", flush=True)
    is_noticed = True
    for mutant, what in MUTANTS.items():
        results = _run(mutant)
        failing = sum(not passed for passed in results.values())
        least = len(unbroken) // 2 + 1 if mutant == ALWAYS_CONTAINED else 1
        is_noticed = is_noticed and failing >= least
        print(f"{mutant:8} {what:32} {failing:3} of {len(results)} fail", flush=True)
    return 0 if is_noticed else 1


def _run(mutant: str) -> dict[str, bool]:
    """Return which verdict test passed under *mutant*; none where pytest did not end."""
    nodes = [node for tests in WAYS.values() for node in tests]
    with TemporaryDirectory(prefix="verdict-mutants-") as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "tools.verdict_mutants"]
        subprocess.run(
            [*command, f"--junit-xml={report}", *nodes],
            cwd=ROOT,
            env={**os.environ, VARIABLE: mutant},
            check=False,
            stdout=subprocess.DEVNULL,
        )
        if not report.exists():
            return {}
        cases = ET.parse(report).iter("testcase")  # noqa: S314 -- pytest's own
        return {
            f"{case.get('classname')}::{case.get('name')}": case.find("failure") is None
            and case.find("error") is None
            for case in cases
        }


def _holds(level: Any, subject: str, **more: Any) -> Any:
    from containment.verify.evidence import Evidence  # noqa: PLC0415 -- under pytest alone

    return Evidence(level, subject, "holds", "always passes", **more)


def _always_read(stack: str, *, spec: Any, state: Any, reading: int, **_: Any) -> list[Any]:
    from containment.verify.members import claims_of  # noqa: PLC0415 -- as above

    claims = claims_of(stack, state, spec)
    subjects = (*claims.principals, *claims.guarded)
    return [_holds("V1", subject, reading=reading) for subject in subjects]


def _always_covered(*_: Any, accounts: Any, window: Any, **__: Any) -> Any:
    from containment.verify.coverage import Coverage  # noqa: PLC0415 -- as above

    evidence = [_holds("V5", f"account {account}") for account in accounts]
    return Coverage(tuple(evidence), window.end, "")


def _always_contained(*_: Any) -> Any:
    from containment.verify.verdict import Verdict  # noqa: PLC0415 -- as above

    return Verdict("contained, verified", (), ())


def _of_member(level: str) -> Any:
    def always(_iam: Any, member: Any, *_: Any, **__: Any) -> list[Any]:
        return [_holds(level, member.arn)]

    return always


def _probed(probes: Any) -> list[Any]:
    return [_holds("V3", one.arn, artefact="DenyPolicy") for one in probes.members]


def _nothing(*_: Any) -> list[Any]:
    return []


# What stands in for each level, by the place that it is imported from.
_STAND_INS: dict[str, dict[str, Any]] = {
    "V1": {"read_back:read_back": _always_read},
    "V2": {"simulation:simulated": _of_member("V2")},
    "V2b": {"counterfactual:counterfactual": _of_member("V2b")},
    "V3": {"live_probes:LiveProbes.run": _probed},
    "V4": {
        "log_calls:judge_member": _nothing,
        "log_calls:judge_keys": _nothing,
        "log_calls:judge_descendants": _nothing,
        "log_calls:judge_made_by_role": _nothing,
    },
    "V4+": {
        "authorization_records:AuthorizationRecords.harvest": _nothing,
        "verdict:_denied_live": _nothing,
    },
    "V5": {"coverage:cover": _always_covered},
    ALWAYS_CONTAINED: {"verdict:judge": _always_contained},
}


def _break(mutant: str) -> None:
    """Let the level *mutant* always pass."""
    for place, stand_in in _STAND_INS[mutant].items():
        module, _, path = place.partition(":")
        owner: Any = import_module(f"containment.verify.{module}")
        *parents, name = path.split(".")
        for parent in parents:
            owner = getattr(owner, parent)
        setattr(owner, name, stand_in)


if __name__ == "__main__":
    sys.exit(main())
elif mutant_named := os.environ.get(VARIABLE, ""):
    _break(mutant_named)

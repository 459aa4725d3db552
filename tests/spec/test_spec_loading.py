"""What a spec says about the incident, and how everything wrong with it is told at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from containment.spec import Disposition, GuardMode, Rung, Severity, SpecProblemsError, load
from tests.spec.conftest import GOOD, NOW, Loads, Problems, now

pytestmark = pytest.mark.plain


def test_a_good_spec_loads_with_its_defaults(loads: Loads) -> None:
    spec = loads(GOOD)

    assert spec.compromised_at == datetime(2026, 11, 23, 21, 14, tzinfo=UTC)
    assert spec.disposition is Disposition.SUSPECTED
    assert spec.severity is Severity.HIGH
    assert spec.guard.mode is GuardMode.OFF
    assert not spec.guard.required
    assert spec.limits.principals == 5
    assert spec.break_glass == ()
    assert spec.targets[0].rung is Rung.DENY_ALL
    assert spec.targets[0].leaked == ("AKIAIOSFODNN7EXAMPLE",)


def test_the_spec_of_the_design_page_loads(loads: Loads) -> None:
    spec = loads(
        GOOD
        + """\
  - role: arn:aws:iam::111122223333:role/app
    rung: revoke-sessions
  - role: arn:aws:iam::111122223333:role/web
    rung: session
    sessions: [{name: i-0abc}]
guard: {mode: freeze, required: false}      # service control policy
break_glass: [arn:aws:iam::111122223333:role/BreakGlass]
limits: {principals: 5}
disposition: suspected
severity: high
"""
    )

    assert [target.rung for target in spec.targets] == ["deny-all", "revoke-sessions", "session"]
    assert spec.targets[2].sessions[0].mark == ("name", "i-0abc")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T21:14:00+01:00", datetime(2026, 11, 23, 20, 14, tzinfo=UTC)),
        ("2026-11-23 21:14:00Z", datetime(2026, 11, 23, 21, 14, tzinfo=UTC)),
        ("'2026-11-23t21:14:00.250z'", datetime(2026, 11, 23, 21, 14, 0, 250000, tzinfo=UTC)),
    ],
)
def test_times_are_taken_in_any_zone_and_kept_in_utc(
    loads: Loads, text: str, moment: datetime
) -> None:
    assert loads(GOOD.replace("2026-11-23T21:14:00Z", text)).compromised_at == moment


def with_field(name: str, value: str) -> str:
    lines = [line for line in GOOD.splitlines() if not line.startswith(f"{name}:")]
    return "\n".join([f"{name}: {value}", *lines]) + "\n"


WRONG = {
    "T0 without a zone": ("compromised_at", "2026-11-23T21:14:00", "says no time zone"),
    "T0 as a day": ("compromised_at", "2026-11-23", "says no time zone"),
    "T0 in words": ("compromised_at", "yesterday", "is not a time"),
    "T0 on no day": ("compromised_at", "2026-02-30T00:00:00Z", "not a time of any calendar"),
    "T0 before all time": ("compromised_at", "0001-01-01T00:00:00+14:00", "any calendar"),
    "T0 as a number": ("compromised_at", "1763932440", "is not a time"),
    "T0 missing": ("compromised_at", "", "is not a time"),
    "T0 in the future": ("compromised_at", "2026-11-24T12:05:01Z", "is in the future"),
    "a review before T0": ("review_by", "2026-11-23T21:13:59Z", "before the compromise itself"),
    "an empty title": ("title", "'  '", "cannot be shown as one line"),
    "a title of two lines": ("title", '"a\\nb"', "cannot be shown as one line"),
    "a title that colours": ("title", '"\\e[31m"', "'\\x1b[31m' cannot be shown"),
    "a title that turns round": ("title", '"\\u202Egpj"', "'\\u202egpj' cannot be shown"),
    "an endless title": ("title", "x" * 201, "at most 200 characters"),
    "a number as a title": ("title", "2026", "put the value in quotes"),
    "nothing as a title": ("title", "~", "put the value in quotes"),
    "a list as a title": ("title", "[a]", "is a list; text"),
    "an id with capitals": ("incident", "INC-1", "small letters"),
    "an id that is a path": ("incident", "../x", "small letters"),
    "an id that is a number": ("incident", "2026", "is 2026; text"),
    "an unknown disposition": ("disposition", "confirmd", "write 'confirmed'"),
    "an unknown cause": ("cause", "magic", "unknown"),
    "a severity in capitals": ("severity", "HIGH", "write 'high'"),
    "an unknown guard": ("guard", "{mode: on}", "off | freeze | quarantine"),
    "a guard in words": ("guard", "freeze", "fields of its own"),
    "a required guard that is off": ("guard", "{required: true}", "write 'mode: freeze'"),
    "required in words": ("guard", "{mode: freeze, required: yes}", "true or false"),
    "no principals": ("limits", "{principals: 0}", "greater than or equal to 1"),
    "true principals": ("limits", "{principals: true}", "a whole number"),
    "principals in quotes": ("limits", "{principals: '5'}", "a whole number"),
    "principals as a fraction": ("limits", "{principals: 5.0}", "a whole number"),
    "no targets": ("targets", "[]", "to lift a containment, run 'pulumi destroy'"),
    "targets as a mapping": ("targets", "{user: x}", "is a mapping; a list"),
    "targets as words": ("targets", "everybody", "is 'everybody'; a list"),
    "a target as a word": ("targets", "[everybody]", "fields of its own"),
    "break-glass as a word": ("break_glass", "me", "a list"),
    "an unknown field": ("wner", "x", "write 'owner'"),
    "a field far from any": ("zzz", "x", "remove it"),
}


@pytest.mark.parametrize(("name", "value", "says"), WRONG.values(), ids=WRONG)
def test_a_wrong_field_is_refused_on_its_line_with_a_mend(
    problems: Problems, name: str, value: str, says: str
) -> None:
    text = GOOD.partition("targets:")[0] if name == "targets" else with_field(name, value)
    text = f"{name}: {value}\n{text}" if name == "targets" else text

    problem_rows = [
        entry
        for entry in problems(text)
        # A file of another name than its incident is told too, and is another test's business.
        if "named the same" not in entry[2]
    ]

    assert len(problem_rows) == 1
    line, field, sentence = problem_rows[0]
    assert line == 1
    assert field.startswith(name)
    assert says in sentence


def test_t0_within_the_skew_of_two_clocks_is_no_future(loads: Loads) -> None:
    soon = (NOW + timedelta(minutes=4)).isoformat()

    assert loads(GOOD.replace("2026-11-23T21:14:00Z", soon)).compromised_at > NOW


@pytest.mark.parametrize("name", ["incident", "title", "compromised_at", "owner", "review_by"])
def test_a_missing_field_is_named_with_an_example(problems: Problems, name: str) -> None:
    text = "\n".join(line for line in GOOD.splitlines() if not line.startswith(f"{name}:"))

    problem_rows = problems(text)

    assert [(field, "is missing" in sentence) for _, field, sentence in problem_rows] == [
        (name, True)
    ]
    assert f"add '{name}: " in problem_rows[0][2]


def test_all_errors_of_a_file_are_told_at_once_from_the_top_down(path: Path) -> None:
    path.write_text(
        GOOD.replace("owner:", "ownr:")
        .replace("2026-11-25T09:00:00Z", "tomorrow")
        .replace("exposed-in-source", "unknwn")
        + "  - role: arn:aws:iam::111122223333:role/app\n    rung: key-only\n"
        + "  - user: arn:aws:iam::111122223333:user/CI-DEPLOY\n"
        + "guard: {mode: freze}\n"
        + "title: again\n"
    )

    with pytest.raises(SpecProblemsError) as caught:
        load(path, stack="inc-2026-0001", now=now)

    assert [(line, problem.field) for line, problem in caught.value.located_problems] == [
        (1, "owner"),
        (1, "incident"),
        (5, "cause"),
        (6, "ownr"),
        (7, "review_by"),
        (12, "targets[1].rung"),
        (13, "targets[2]"),
        (14, "guard.mode"),
        (15, "title"),
    ]
    text = str(caught.value)
    assert text.startswith(f"{path} has 9 errors:\n  {path}:1: owner: is missing")
    assert text.endswith(f"nothing has been changed; mend these and run 'containment check {path}'")
    assert caught.value.exit_code == 2


def test_one_error_is_one_line_with_file_line_field_found_expected_and_mend(path: Path) -> None:
    path.write_text(
        GOOD.replace("    leaked: [AKIAIOSFODNN7EXAMPLE]\n", "    rung: revoke-sessions\n")
    )

    with pytest.raises(SpecProblemsError) as caught:
        load(path, now=now)

    assert str(caught.value) == (
        f"{path}:10: targets[0].rung: 'revoke-sessions' would leave the user's access key working; "
        "expected key-only | session | deny-all for a user; mend: write 'rung: deny-all'"
    )


def test_file_stack_and_incident_are_one_name(path: Path) -> None:
    path.write_text(GOOD)
    elsewhere = path.with_name("inc-2026-0001.yaml")
    elsewhere.write_text(GOOD)

    assert load(path, stack="inc-2026-0042", now=now).incident == "inc-2026-0042"
    with pytest.raises(SpecProblemsError, match="the stack is 'inc-2026-0001'"):
        load(path, stack="inc-2026-0001", now=now)
    with pytest.raises(SpecProblemsError, match="the file is 'inc-2026-0001'"):
        load(elsewhere, now=now)


def test_a_spec_under_another_ending_is_refused_and_not_overlooked(path: Path) -> None:
    other = path.with_suffix(".yml")
    other.write_text(GOOD)

    with pytest.raises(SpecProblemsError, match=r"ends in \.yaml"):
        load(other, now=now)


def test_no_escape_of_a_file_reaches_the_message(problems: Problems) -> None:
    text = GOOD + '"\\e[2J\\e]0;x\\a": "\\u202E"\n' + 'guard: {mode: "\\e[31m"}\n'

    report = str(problems(text))

    assert report.isprintable()


def test_a_spec_cannot_be_changed_after_it_is_read(loads: Loads) -> None:
    spec = loads(GOOD)

    with pytest.raises(ValueError, match="frozen"):
        spec.targets[0].rung = Rung.KEY_ONLY
    assert hash(spec) == hash(loads(GOOD))

"""What is written reads back as the same spec, whatever is in it; and nothing read ever breaks."""

from __future__ import annotations

import string
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from containment.errors import ContainmentError
from containment.spec import (
    Cause,
    Disposition,
    GuardMode,
    IncidentSpec,
    Severity,
    Target,
    emit,
    load,
    target_lines,
)
from containment.spec.vocabulary import rungs_of
from containment.text import is_plain
from tests.spec.conftest import GOOD, Loads, now

pytestmark = pytest.mark.plain

NAMES = st.text(string.ascii_letters + string.digits + "_+=,.@-", min_size=1, max_size=64)
WORDS = st.text(string.ascii_letters + string.digits + "_+=,.@-", min_size=2, max_size=64)
SEGMENT = st.text([chr(code) for code in range(0x21, 0x7F)], min_size=1, max_size=30)
# What a log of CI, the engine or a formula reads as its own, within what IAM takes in a path.
COMMANDS = (
    "##[error]x",
    "##vso[task.complete]b",
    "<{%x%}>",
    "::error::x",
    '\\"\\x1b',
)
PATHS = st.one_of(
    st.just("/"),
    SEGMENT.map(lambda text: f"/{text}/"),
    st.sampled_from(COMMANDS).map("/{}/".format),
)
KEYS = st.text(string.ascii_uppercase + string.digits, min_size=16, max_size=16).map("AKIA".__add__)
PRINTABLE = st.one_of(st.just(" "), st.characters(exclude_categories=("C", "Z")))
# A spec refuses a line of which something would not be seen, such as a variation selector.
LINES = st.text(PRINTABLE, min_size=1, max_size=200).filter(
    lambda text: bool(text.strip()) and is_plain(text)
)
MOMENTS = st.datetimes(
    min_value=datetime(2015, 1, 1),  # noqa: DTZ001 -- hypothesis adds the zone
    max_value=datetime(2026, 11, 24),  # noqa: DTZ001
    timezones=st.just(UTC),
)
SESSIONS = st.one_of(
    st.fixed_dictionaries({"name": WORDS}),
    st.fixed_dictionaries({"source_identity": WORDS}),
    st.ip_addresses().map(lambda ip: {"source_ip": str(ip)}),
    st.from_regex(r"i-[0-9a-f]{8,17}", fullmatch=True).map(
        lambda i: {"source_instance": f"arn:aws:ec2:eu-central-1:111122223333:instance/{i}"}
    ),
    st.uuids().map(
        lambda i: {"sign_in_session": f"arn:aws:signin:eu-central-1:111122223333:session/{i}"}
    ),
)


@st.composite
def targets(draw: st.DrawFn, index: int) -> dict[str, object]:
    kind = draw(st.sampled_from(["user", "role", "access_key"]))
    rung = str(draw(st.sampled_from(rungs_of("role" if kind == "role" else "user"))))
    if kind == "access_key":
        key = f"AKIA{index:016d}"
        return {"access_key": key, "rung": "deny-all" if rung == "session" else rung}
    # A name begins with its place in the list, so that no two are one principal.
    name = f"{index}{draw(NAMES)}"[:64]
    entry: dict[str, object] = {kind: f"arn:aws:iam::111122223333:{kind}{draw(PATHS)}{name}"}
    if draw(st.booleans()) or rung != "deny-all":
        entry["rung"] = rung
    if rung == "session":
        only_name = st.fixed_dictionaries({"name": WORDS})
        marks = SESSIONS if kind == "role" else only_name
        entry["sessions"] = draw(st.lists(marks, min_size=1, max_size=3, unique_by=repr))
    elif kind == "user" and (rung == "key-only" or draw(st.booleans())):
        entry["leaked"] = [f"AKIAL{index:03d}{number:012d}" for number in range(draw(ONE_TO_TWO))]
    return entry


ONE_TO_TWO = st.integers(1, 2)


@st.composite
def specs(draw: st.DrawFn) -> IncidentSpec:
    began = draw(MOMENTS)
    count = draw(st.integers(1, 4))
    guard = draw(st.sampled_from(GuardMode))
    return IncidentSpec.model_validate(
        {
            "incident": draw(st.from_regex(r"[a-z0-9][a-z0-9-]{2,39}", fullmatch=True)),
            "title": draw(LINES),
            "compromised_at": began,
            "compromised_at_source": draw(LINES),
            "disposition": draw(st.sampled_from(Disposition)),
            "severity": draw(st.sampled_from(Severity)),
            "cause": draw(st.sampled_from(Cause)),
            "owner": draw(LINES),
            "review_by": began.replace(year=began.year + 1, day=1),
            "targets": [draw(targets(index)) for index in range(count)],
            "guard": {"mode": guard, "required": guard != "off" and draw(st.booleans())},
            "break_glass": ["arn:aws:iam::444455556666:role/" + draw(NAMES)],
            "limits": {"principals": draw(st.integers(4, 1000))},
        }
    )


@given(spec=specs())
@settings(max_examples=60)
def test_what_is_written_reads_back_as_the_same_spec(spec: IncidentSpec) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory) / f"{spec.incident}.yaml"
        path.write_text(emit(spec), encoding="utf-8")

        assert load(path, stack=spec.incident, now=now) == spec


@given(spec=specs())
@settings(max_examples=30)
def test_each_field_is_one_line_so_that_a_diff_shows_what_changed(spec: IncidentSpec) -> None:
    text = emit(spec)

    assert text.startswith("# yaml-language-server: $schema=incident.schema.json\nincident: ")
    assert "targets:\n  - " in text
    assert all(line == line.rstrip() and is_plain(line) for line in text.splitlines())


def test_the_lines_of_a_target_can_be_pasted_under_targets(loads: Loads) -> None:
    user = 'arn:aws:iam::111122223333:user/*/${aws:username}/"x/u'
    target = Target(user=user, leaked=("AKIAIOSFODNN7EXAMPLE",))

    spec = loads(GOOD.partition("targets:")[0] + "targets:\n" + target_lines(target))

    assert spec.targets == (target,)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_lines_of_a_target_act_on_nobody_and_read_back(loads: Loads, command: str) -> None:
    target = Target(user=f"arn:aws:iam::111122223333:user/{command}/{'x' * 400}/u")

    lines = target_lines(target)

    assert all(map(is_plain, lines.splitlines()))
    spec = loads(GOOD.partition("targets:")[0] + "targets:\n" + lines)
    assert spec.targets == (target,)


def refuses_cleanly(content: bytes) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "inc-2026-0042.yaml"
        path.write_bytes(content)
        outcome = "fine; nothing to mend"
        try:
            load(path, now=now)
        except ContainmentError as error:
            outcome = str(error)
    assert "; " in outcome
    assert outcome.replace("\n", "").isprintable()


@given(content=st.binary(max_size=400))
@settings(max_examples=120)
def test_random_bytes_are_refused_in_words(content: bytes) -> None:
    refuses_cleanly(content)


@given(
    text=st.text(alphabet=st.sampled_from("ab:-?[]{},&*!|>'\"%@`#~ \n\t\\0x1.<=Uu"), max_size=80)
)
@settings(max_examples=200)
def test_random_yaml_punctuation_is_refused_in_words(text: str) -> None:
    refuses_cleanly(text.encode())


@given(data=st.data())
@settings(max_examples=120)
def test_a_good_spec_with_a_piece_torn_out_or_pasted_in_is_read_or_refused(
    data: st.DataObject,
) -> None:
    text = GOOD + "guard: {mode: freeze}\nlimits: {principals: 5}\n"
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 60)))
    piece = data.draw(
        st.one_of(
            st.text(max_size=20),
            st.sampled_from(
                ["- ", ": ", "{", "[]", "~", "&a ", "*a", "!!set ", "null", "\t", "1e9"]
            ),
        )
    )

    refuses_cleanly((text[:start] + piece + text[end:]).encode("utf-8", "surrogatepass"))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(field=st.sampled_from(sorted(IncidentSpec.model_fields)), value=VALUES)
@settings(max_examples=120)
def test_any_value_in_any_field_is_taken_or_refused_in_words(field: str, value: object) -> None:
    import json  # noqa: PLC0415 -- JSON is YAML, which makes any value easy to write

    lines = [line for line in GOOD.splitlines() if not line.startswith(f"{field}:")]
    text = "\n".join(lines)
    if field == "targets":
        text = GOOD.partition("targets:")[0]

    refuses_cleanly(f"{text}\n{field}: {json.dumps(value)}\n".encode())

"""The organisation's profile: read as a spec is, and held against what a stack was told."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from containment.errors import SpecError
from containment.ledger import LedgerSettings
from containment.profile import FILE, Profile, changed_since, load
from containment.profile.publication import PAGE_FILE, SCHEMA_FILE, page, schema, template
from containment.spec import SpecProblemsError

pytestmark = pytest.mark.plain

ROOT = Path(__file__).parents[2]
STALE = "run 'python -m containment.profile.publication' and commit what it writes"
ACCOUNT = "111122223333"
GOOD = """\
region: eu-central-1
role: arn:aws:iam::{account}:role/ir/Responder
ledger:
  place: s3://example-evidence/ir
  object_lock: COMPLIANCE
  retention_days: 365
state: s3://example-states
secrets: awskms://alias/ir?region=eu-central-1
sign_in_regions: [eu-central-1, ap-east-1]
responder: [arn:aws:iam::444455556666:role/Oncall]
pipeline: ["arn:aws:iam::{account}:role/ci"]
break_glass: ["arn:aws:iam::{account}:role/BreakGlass", "arn:aws:iam::444455556666:user/root2"]
"""


def loaded(folder: Path, text: str | bytes) -> Profile:
    (folder / FILE).write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(folder)


def test_every_field_of_a_profile_is_read(tmp_path: Path) -> None:
    profile = loaded(tmp_path, GOOD)

    assert profile.region == "eu-central-1"
    assert profile.role_in(ACCOUNT) == f"arn:aws:iam::{ACCOUNT}:role/ir/Responder"
    assert profile.role_in(None) is None
    assert profile.ledger == LedgerSettings("s3://example-evidence/ir", "COMPLIANCE", 365)
    assert profile.state == "s3://example-states"
    assert profile.secrets == "awskms://alias/ir?region=eu-central-1"
    assert profile.sign_in_regions == ("eu-central-1", "ap-east-1")
    assert profile.break_glass_in(ACCOUNT) == (f"arn:aws:iam::{ACCOUNT}:role/BreakGlass",)
    assert {(part, one.arn) for part, one in profile.protected_in(ACCOUNT)} == {
        ("responder", f"arn:aws:iam::{ACCOUNT}:role/ir/Responder"),
        ("responder", "arn:aws:iam::444455556666:role/Oncall"),
        ("pipeline", f"arn:aws:iam::{ACCOUNT}:role/ci"),
        ("break-glass", f"arn:aws:iam::{ACCOUNT}:role/BreakGlass"),
        ("break-glass", "arn:aws:iam::444455556666:user/root2"),
    }
    assert profile.sha256 == sha256(GOOD.encode()).hexdigest()


def test_a_project_without_a_profile_has_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path) == Profile()
    assert Profile().ledger == LedgerSettings("ledger")
    assert Profile().role_in(ACCOUNT) is None


@pytest.mark.parametrize(
    ("text", "line", "field", "says"),
    [
        ("rol: x\n", 1, "rol", "is not a field of a profile"),
        ("region: eu-central-1\nrole: Responder\n", 2, "role", "is a name, and a name alone"),
        ("role: arn:aws:iam::{account}:user/x\n", 1, "role", "is a user"),
        ("role: arn:aws:iam::{acount}:role/x\n", 1, "role", "is not a 12-digit account id"),
        ("role: arn:aws:iam::{account}:role/{account}/x\n", 1, "role", "more than once"),
        ("pipeline: ['arn:aws:iam::{account}:role/*']\n", 1, "pipeline[0]", "holds a wildcard"),
        ("region: Frankfurt\n", 1, "region", "is no region"),
        ("ledger:\n  place: ftp://somewhere\n", 2, "ledger.place", "is no place for a ledger"),
        ("ledger:\n  place: s3:///x\n", 2, "ledger.place", "names no bucket"),
        ("ledger:\n  plce: x\n", 2, "ledger.plce", "is not a field here"),
        (
            "ledger:\n  place: s3://bucket\n  object_lock: FOREVER\n  retention_days: 1\n",
            3,
            "ledger.object_lock",
            "GOVERNANCE | COMPLIANCE",
        ),
        (
            "ledger:\n  place: s3://bucket\n  object_lock: GOVERNANCE\n",
            3,
            "ledger.object_lock",
            "object_lock and retention_days together",
        ),
        (
            "ledger:\n  object_lock: GOVERNANCE\n  retention_days: 9\n",
            2,
            "ledger.object_lock",
            "a lock for a ledger in a bucket only",
        ),
        ("ledger:\n  place: s3://bucket\n  retention_days: 0.5\n", 3, "ledger.retention_days", ""),
        ("state: somewhere\n", 1, "state", "is no place for states"),
        ("sign_in_regions: [everywhere]\n", 1, "sign_in_regions[0]", "is no region"),
        ("secrets: passphrase\n", 1, "secrets", "names no key"),
        ("secrets: base64key://smGbjm71Nxd1Ig5FS0wj9SlbzAIrnolCz9bQQ6uAhl4=\n", 1, "secrets", ""),
        ("secrets: awskms://\n", 1, "secrets", "names no key"),
        ("responder: x\n", 1, "responder", "a list"),
        ("- a\n", 1, "", "the fields of an organisation's profile"),
        ("", 1, "", "the file is empty"),
        ("region: a\nregion: b\n", 2, "region", "is here twice"),
        ("a: &x b\n", 1, "a", "anchor"),
    ],
)
def test_what_is_wrong_is_told_by_line_and_field(
    tmp_path: Path, text: str, line: int, field: str, says: str
) -> None:
    with pytest.raises(SpecProblemsError) as caught:
        loaded(tmp_path, text)

    problem_rows = [
        (location, problem.field, problem.sentence_with({}))
        for location, problem in caught.value.located_problems
    ]
    assert (line, field) in [(location, name) for location, name, _ in problem_rows]
    assert says in str(problem_rows)
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize("target", ["gone", "elsewhere"])
def test_a_link_is_no_profile(tmp_path: Path, target: str) -> None:
    (tmp_path / "elsewhere").write_text(GOOD, encoding="utf-8")
    (tmp_path / FILE).symlink_to(tmp_path / target)

    with pytest.raises(SpecError, match="is, or is behind, a link"):
        load(tmp_path)


def test_a_folder_in_the_place_of_the_profile_is_an_error(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()

    with pytest.raises(SpecError, match="is not a file"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("stated", "named"),
    [
        ({}, []),
        ({"role": ""}, []),
        ({"role": "arn:aws:iam::{account}:role/ir/Responder", "ledgerRetentionDays": 365.0}, []),
        ({"role": "arn:aws:iam::{account}:role/other"}, ["containment:role is 'arn:aws:iam::"]),
        ({"region": "us-east-1"}, ["containment:region is 'us-east-1' in the state and 'eu-"]),
        ({"ledger": "s3://other"}, ["containment:ledger is 's3://other'"]),
        ({"ledgerObjectLock": "GOVERNANCE"}, ["containment:ledgerObjectLock is 'GOVERNANCE'"]),
        ({"ledgerRetentionDays": 1}, ["containment:ledgerRetentionDays is '1'"]),
    ],
)
def test_what_a_stack_was_told_counts_only_where_it_agrees(
    tmp_path: Path, stated: dict[str, object], named: list[str]
) -> None:
    disagreements = loaded(tmp_path, GOOD).disagreements(stated, "the state")

    assert len(disagreements) == len(named)
    for words, expected in zip(disagreements, named, strict=True):
        assert expected in words
        assert FILE in words


def test_a_role_that_only_the_stack_names_is_a_disagreement() -> None:
    (words,) = Profile().disagreements({"role": "arn:aws:iam::1:role/x"}, "the state")

    assert "not set in containment.yaml" in words


def test_another_profile_than_the_one_applied_is_told(tmp_path: Path) -> None:
    profile = loaded(tmp_path, GOOD)

    assert changed_since(profile, profile.sha256) is None
    assert "was not there" in str(changed_since(profile, None))
    assert "is not there" in str(changed_since(Profile(), profile.sha256))
    assert changed_since(Profile(), None) is None


def test_what_is_published_is_current() -> None:
    assert (ROOT / SCHEMA_FILE).read_text(encoding="utf-8") == schema(), STALE
    assert (ROOT / PAGE_FILE).read_text(encoding="utf-8") == page(), STALE


def test_the_page_shows_an_example_that_loads_and_the_schema_takes_it(tmp_path: Path) -> None:
    example = page().partition("```yaml\n")[2].partition("```")[0]
    profile = loaded(tmp_path, example)
    validator = Draft202012Validator(json.loads(schema()))
    Draft202012Validator.check_schema(json.loads(schema()))

    assert profile.ledger.object_lock == "COMPLIANCE"
    assert validator.is_valid({"role": profile.role, "break_glass": list(profile.break_glass)})
    for slip in (
        {"rol": "x"},
        {"role": "x"},
        {"region": "Frankfurt"},
        {"ledger": {"object_lock": "FOREVER"}},
        {"break_glass": ["arn:aws:iam::111122223333:role/*"]},
    ):
        assert not validator.is_valid(slip), slip


def test_the_first_file_of_a_project_says_no_more_than_the_defaults(tmp_path: Path) -> None:
    profile = loaded(tmp_path, template())
    words = template().partition("\n\n")[2].replace("place: ledger", "place: s3://bucket")
    filled = loaded(tmp_path, re.sub(r"(?m)^( *)# ", r"\1", words))

    assert (profile.role, profile.ledger, profile.break_glass) == (None, LedgerSettings(), ())
    assert filled.break_glass_in(ACCOUNT) == (f"arn:aws:iam::{ACCOUNT}:role/BreakGlass",)

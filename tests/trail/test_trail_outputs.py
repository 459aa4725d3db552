"""What a log says reaches terminal, table, page and spec as text, whatever it holds."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from containment.errors import NotFoundError, SpecError
from containment.identities import parse_principal
from containment.trail import Trace, trace
from containment.trail.outputs import document, html, tables, tree
from containment.trail.outputs.plain import plain
from containment.trail.outputs.propose import add_to_spec

if TYPE_CHECKING:
    from trail_scene import Scene

pytestmark = pytest.mark.plain

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    '=HYPERLINK("http://198.51.100.9","x")',
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1+1)",
    "\t=1+1",
    "\x1b]0;owned\x07\x1b[2J\x1b[31mred",
    "line one\r\nline two\n- user: arn:aws:iam::111122223333:user/victim",
    "\u202egpj.exe \u2066hidden\u2069 \u200b",
    "{{7*7}} ${jndi:ldap://x} {0} %s",
    "quote\" and ' and ` and \\",
    "NUL\x00 and \x9b31m",
    "# no comment: yes",
    "\ud800 alone",
]


@pytest.fixture
def hostile(scene: Scene, tmp_path: Path) -> Trace:
    for number, text in enumerate(HOSTILE):
        key = scene.key()
        scene.call(
            scene.leaked,
            scene.user,
            "AssumeRole",
            number,
            source=text,
            request={
                "roleArn": f"arn:aws:iam::{scene.account}:role/{text}",
                "roleSessionName": text,
            },
            response={
                "credentials": {"accessKeyId": key, "sessionToken": "x"},
                "assumedRoleUser": {
                    "arn": f"arn:aws:sts::{scene.account}:assumed-role/{text}/{text}"
                },
            },
            userAgent=text,
            awsRegion=text,
            sourceIPAddress=text,
            eventID=text,
        )
        made = {"user": {"arn": f"arn:aws:iam::{scene.account}:user/{text}", "userName": text}}
        request = {
            "userName": text,
            "tags": [{"key": text, "value": text}, {"key": "Owner", "value": text}],
        }
        scene.call(
            scene.leaked,
            scene.user,
            "CreateUser",
            number,
            request=request,
            response=made,
            errorMessage=text,
        )
        scene.call(scene.leaked, scene.user, text, number, error=text)
    logs = scene.write(tmp_path)
    return trace(scene.leaked, since=scene.since, logs=[logs], workers=1)


def unseen(text: str) -> list[str]:
    return [char for char in text if char != "\n" and plain(char) != char]


def test_the_terminal_gets_no_control_or_direction_character(hostile: Trace) -> None:
    lines = list(tree.lines(hostile))

    assert not [line for line in lines if "\n" in line]
    assert not unseen("".join(lines))
    assert "\\x1b]0;owned" in "".join(lines)


def test_a_spreadsheet_gets_no_formula(hostile: Trace, tmp_path: Path) -> None:
    for path in tables.write_csv(hostile, tmp_path / "csv"):
        with path.open(newline="") as file:
            for row in csv.reader(file):
                for cell in row:
                    assert not cell.lstrip().startswith(("=", "+", "-", "@"))
                    assert not unseen(cell)


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_runs_its_own_script_and_nothing_of_the_log(hostile: Trace) -> None:
    text = html.page(hostile)
    page = Page()
    page.feed(text)

    names = [tag for tag, _ in page.tags]
    assert names.count("script") == 2
    assert not {"img", "iframe", "object", "embed", "link", "form", "base", "a"} & set(names)
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    policy = next(a["content"] for _, a in page.tags if a.get("http-equiv"))
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    block = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert block is not None
    assert "<" not in block[1]
    assert json.loads(block[1])["seed"] == hostile.seed
    assert not unseen(text)


def test_the_pages_script_never_builds_markup_from_text() -> None:
    script = (Path(html.__file__).parent / "page.js").read_text()

    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
    ):
        assert way not in script


def test_the_policy_allows_the_script_by_its_hash(hostile: Trace) -> None:
    text = html.page(hostile)
    script = text.rsplit("<script>", 1)[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    assert f"sha256-{digest}" in text.split("</head>")[0]


def test_parquet_keeps_every_row(hostile: Trace, tmp_path: Path) -> None:
    tables.write_parquet(hostile, tmp_path)

    rows = pq.read_table(tmp_path / "calls.parquet").num_rows
    assert rows == len(hostile.calls)


def test_the_json_document_keeps_its_published_schema(hostile: Trace) -> None:
    text = document.dumps(hostile)
    loaded = json.loads(text)

    jsonschema.Draft202012Validator(document.schema()).validate(loaded)
    assert text.isascii()
    assert "\x1b" not in text


SPEC = """\
# kept as it is
incident: inc-2026-0042
targets:
  - user: arn:aws:iam::111122223333:user/ci/ci-deploy   # the leaked one
    leaked: [AKIAIOSFODNN7EXAMPLE]
break_glass: ["arn:aws:iam::111122223333:role/BreakGlass"]
limits: {principals: 5}
"""


def test_a_hostile_name_cannot_write_into_the_spec(hostile: Trace, tmp_path: Path) -> None:
    spec = tmp_path / "inc-2026-0042.yaml"
    spec.write_text(SPEC)

    add_to_spec(hostile, spec)

    loaded: Any = YAML(typ="safe").load(spec.read_text())
    assert set(loaded) == {"incident", "targets", "break_glass", "limits"}
    for target in loaded["targets"][1:]:
        assert set(target) <= {"user", "role", "leaked", "rung"}
        assert parse_principal(target.get("user") or target["role"]).name in HOSTILE
    assert "arn:aws:iam::111122223333:user/victim" not in spec.read_text()


def proposed(scene: Scene, tmp_path: Path, **more: Any) -> tuple[str, Any, Any]:
    spec = tmp_path / "inc-2026-0042.yaml"
    spec.write_text(SPEC)
    logs = scene.write(tmp_path)
    answer = trace(scene.leaked, since=scene.since, logs=[logs], workers=1)
    found = add_to_spec(answer, spec, **more)
    return spec.read_text(), YAML(typ="safe").load(spec.read_text())["targets"], found


def test_each_link_gets_the_rung_that_fits_it(scene: Scene, tmp_path: Path) -> None:
    key, arn = scene.assume(scene.leaked, scene.user, "team/app", 10)
    scene.records[-1]["responseElements"]["assumedRoleUser"]["arn"] = arn.replace("team/", "")
    scene.make_user(key, arn.replace("team/", ""), "helper", 20)
    thief_key = scene.access_key(scene.leaked, scene.user, "helper", 21)
    given = scene.access_key(scene.leaked, scene.user, "alice", 22)
    scene.make_role(scene.leaked, scene.user, "back", 23)
    scene.call(scene.leaked, scene.user, "UpdateLoginProfile", 24, request={"userName": "bob"})
    scene.assume(scene.leaked, scene.user, "BreakGlass", 25)
    scene.assume(scene.leaked, scene.user, "responder", 26)

    text, targets, found = proposed(
        scene, tmp_path, responders=["arn:aws:iam::111122223333:role/responder"]
    )

    iam = "arn:aws:iam::111122223333:"
    assert {t.get("user") or t["role"]: (t.get("rung"), t.get("leaked")) for t in targets[1:]} == {
        f"{iam}role/team/app": ("revoke-sessions", None),
        f"{iam}user/helper": ("deny-all", [thief_key]),
        f"{iam}user/alice": ("key-only", [given]),
        f"{iam}role/back": ("deny-all", None),
    }
    assert text.startswith(SPEC.split("break_glass", maxsplit=1)[0])
    assert SPEC[SPEC.index("break_glass") :] in text
    assert len(found.protected) == 2
    assert any("user/bob" in line for line in found.decide)


def test_proposing_twice_adds_nothing_the_second_time(scene: Scene, tmp_path: Path) -> None:
    scene.assume(scene.leaked, scene.user, "app", 10)
    first, _, _ = proposed(scene, tmp_path)
    answer = trace(scene.leaked, since=scene.since, logs=[tmp_path / "log.json"], workers=1)

    again = add_to_spec(answer, tmp_path / "inc-2026-0042.yaml")

    assert again.targets == ()
    assert (tmp_path / "inc-2026-0042.yaml").read_text() == first


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (None, NotFoundError),
        ("targets: [", SpecError),
        ("- a list", SpecError),
        ("a: b", SpecError),
    ],
)
def test_a_spec_that_cannot_be_used_is_one_clear_error(
    scene: Scene, tmp_path: Path, content: str | None, error: type[Exception]
) -> None:
    scene.call(scene.leaked, scene.user, "ListUsers", 1)
    answer = trace(scene.leaked, since=scene.since, logs=[scene.write(tmp_path)], workers=1)
    spec = tmp_path / "spec.yaml"
    if content is not None:
        spec.write_text(content)

    with pytest.raises(error):
        add_to_spec(answer, spec)

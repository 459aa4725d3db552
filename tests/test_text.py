"""No text that an attacker may choose acts on who reads it, through any output, or is lost."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import unicodedata
from contextlib import redirect_stdout
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.loaders import Loader
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from cli import render
from containment import text
from containment.errors import ContainmentError
from containment.provider.engine import Engine
from containment.spec.problems import shown

pytestmark = pytest.mark.plain

# What acts, each on one kind of reader, and whole words that hide.
FRAGMENTS = (
    "<{%x%}>", "<{%reset%}>", "<{%", "%}>", "<", "{", "%", "\\u003c{%fg 1%}>", "\\x1b[2J", "\\",
    "\x1b[31m", "\x1b]0;owned\x07", "\x1b]8;;https://evil.example\x1b\\", "\x9b2J", "\x9d0;x\x9c",
    "\x85", "\u202egpj", "\u2066", "\u200b", "\ufeff", "\u00ad", "\u2028", "\u2029", "\u3164",
    "\ufe0f", "\U000e0041", "e" + "\u0301" * 9, "\u00a0", "\ud800", "\U0010ffff", "\x7f",
    "\n::error::x", "::error file=a::b", "  ::add-mask::a", "\r", "\n", "\t", "##[error]x",
    "##vso[task.setvariable variable=a]b", "##teamcity[x]", "##",
    "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\uff1dx", '"', "'", "<script>",
    "</script>", "&lt;", "|", "`", "``", "[a](https://evil.example)", "![", "@octocat",
    "https://evil.example", "<!--",
    "escaped:", "escaped:\\x3c", '{"a": "\\u001b[31m"}', "a: 1\nb: !!binary PHslJX0+", "${*}",
    "arn:aws:iam::111122223333:user/", "Ключ", "漢字", "a", "0", " ", "/", ":", "#", "[",
)  # fmt: skip


def hostile(allowed: re.Pattern[str] | None = None) -> st.SearchStrategy[str]:
    """Return texts of the fragments, and of single characters, that *allowed* lets through."""
    pieces = st.sampled_from(FRAGMENTS) | st.characters(codec=None, exclude_categories=())
    texts = st.lists(pieces, max_size=6).map("".join)
    if allowed is None:
        return texts
    return texts.map(lambda characters: "".join(c for c in characters if allowed.fullmatch(c)))


NESTED = st.recursive(
    hostile(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(hostile(), inner, max_size=2),
    max_leaves=4,
)


def acts(line: str) -> str:
    """Return what in *line* would act on a terminal, the engine or a CI system, if anything."""
    for position, char in enumerate(line):
        if unicodedata.category(char)[0] == "C" or unicodedata.category(char) in {"Zl", "Zp"}:
            return f"control {ord(char):#x}"
        if unicodedata.category(char) == "Zs" and char != " ":
            return f"blank {ord(char):#x}"
        if unicodedata.category(char) in {"Mn", "Me"} and position == 0:
            return "an accent on what stands before"
    for name, pattern in {
        "engine": r"<\{%|<\{|\{%",
        "unseen": "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0]",
        "accents": "[\u0300-\u036f]{3}",
        "GitHub": r"\A\s*::|##\[",
        "Azure DevOps, TeamCity": r"##\w*\[",
    }.items():
        if re.search(pattern, line, re.ASCII):
            return name
    return ""


@given(hostile())
def test_plain_text_acts_on_nobody_and_is_plain_already_when_it_comes_again(value: str) -> None:
    line = text.plain(value)

    assert acts(line) == ""
    assert text.plain(line) == line
    assert text.is_plain(line)


@given(hostile(), hostile())
def test_two_plain_texts_side_by_side_are_no_colour_of_the_engine(first: str, second: str) -> None:
    assert "<{%" not in text.plain(first) + text.plain(second)


@pytest.mark.parametrize(
    ("value", "shown_as"),
    [
        ("arn:aws:iam::111122223333:user/ci/ci-deploy", None),
        ("Zoë Ключ 漢字 'a' \"b\" \\ {x} 50% #1 a::b", None),
        ("<{%x%}>", "<\\x7b%x%}>"),
        ("\x1b]0;x\x07", "\\x1b]0;x\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("a\u202eb\u200bc\u3164d", "a\\u202eb\\u200bc\\u3164d"),
        ("a\r\n::error::x", "a\\r\\n::error::x"),
        (" ::error::x", " \\x3a:error::x"),
        ("a ##[error]b", "a #\\x23[error]b"),
    ],
)
def test_what_would_act_is_shown_as_an_escape_and_the_rest_as_it_is(
    value: str, shown_as: str | None
) -> None:
    assert text.plain(value) == (shown_as or value)


@given(hostile())
def test_a_paragraph_keeps_its_lines_and_each_is_plain(value: str) -> None:
    lines = text.paragraph(value).split("\n")

    assert len(lines) == value.count("\n") + 1
    assert [acts(line) for line in lines] == [""] * len(lines)


@given(hostile())
def test_a_cell_is_no_formula_and_comes_back_from_csv_as_one_cell(value: str) -> None:
    cell = text.csv_cell(value)
    out = io.StringIO()
    csv.writer(out).writerow([cell, "next"])

    assert not cell.lstrip().startswith(
        ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
    )
    assert list(csv.reader(io.StringIO(out.getvalue()))) == [[cell, "next"]]
    assert acts(cell) == ""


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.texts.append(f"tag {tag} {attrs}")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@given(hostile())
def test_html_is_one_text_and_no_element(value: str) -> None:
    parser = _Page()
    parser.feed(f'<p title="{text.html(value)}">{text.html(value)}</p>')
    parser.close()
    texts = parser.texts

    expected = text.plain(value)
    assert texts[0] == f"tag p {[('title', expected)]}"
    assert "".join(texts[1:]) == expected


@given(hostile())
def test_markdown_is_one_code_span_in_one_cell(value: str) -> None:
    span = text.markdown(value)

    if not value.strip(" "):
        return
    fence = re.match("`+", span)
    assert fence is not None
    inner = span[len(fence[0]) : -len(fence[0])]
    assert fence[0] not in re.findall("`+", inner)
    assert inner.strip("`") == inner or inner[0] == inner[-1] == " "
    assert "|" not in span
    assert acts(span) == ""


@given(NESTED)
def test_json_is_printable_ascii_without_commands_and_loses_nothing(value: object) -> None:
    for indent in (None, 2):
        document = text.as_json(value, indent=indent)

        assert json.loads(document) == value
        assert document.replace("\n", "").isascii()
        # The engine is never shown such a document.
        assert {acts(line) for line in document.split("\n")} <= {"", "engine"}


@given(hostile())
def test_a_quoted_scalar_of_yaml_is_one_plain_line_and_reads_as_it_was(value: str) -> None:
    scalar = text.yaml_quoted(value)

    assert acts(scalar) == ""
    if "\ud800" not in value:  # no YAML file holds half a character
        assert YAML(typ="safe", pure=True).load(f"- {scalar}") == [value]


@given(NESTED)
@example({"Statement": "\u001b<{%x%}>"})
def test_what_the_engine_keeps_comes_back_exactly(value: object) -> None:
    wired = text.wired(value)

    assert text.unwired(wired) == value
    assert text.unwired(text.wired(wired)) == wired


@given(NESTED)
def test_what_is_wired_never_breaks_the_engine(value: object) -> None:
    assert not text.breaks_engine(text.wired(value))


@pytest.mark.parametrize(
    "written",
    [
        "<{%x%}>",
        {"a": ["b<{%"]},
        {"<{%": 1},
        '{"a": "\\u003c{%x%}>"}',
        '["[\\"\\\\u003c{%\\"]"]',
        'a: 1\nb: "\\x3c{%x%}>"',
    ],
)
def test_text_in_a_state_that_breaks_the_engine_is_known(written: object) -> None:
    assert text.breaks_engine(written)
    assert not text.breaks_engine(['{"a":\n "b"}', "plain {%", 1, None])


def _shown_by_engine(value: object) -> list[str]:
    """Return the texts that the engine's diff would print, those inside JSON and YAML too."""
    if isinstance(value, dict):
        return [
            shown_text
            for pair in value.items()
            for part in pair
            for shown_text in _shown_by_engine(part)
        ]
    if isinstance(value, list):
        return [shown_text for item in value for shown_text in _shown_by_engine(item)]
    if not isinstance(value, str):
        return []
    try:
        inner = json.loads(value)
    except ValueError:
        assert not re.search(r"[\r\n]", value), "several lines that are no JSON are read as YAML"
        return [value]
    return _shown_by_engine(inner) if isinstance(inner, (dict, list)) else [value]


@given(hostile())
def test_nothing_that_the_engine_shows_acts_even_where_it_takes_a_document_apart(
    value: str,
) -> None:
    documents = [
        value,
        json.dumps({value: [value, {"a": value}]}),
        json.dumps({value: value}, ensure_ascii=False, indent=2),
        json.dumps([value]).replace("<", "\\u003c").replace("{", "\\u007b"),
    ]
    for document in documents:
        for shown_text in _shown_by_engine(text.wired(document)):
            assert acts(shown_text) == ""


def test_a_document_that_is_harmless_stays_readable_in_the_state() -> None:
    document = '{\n\t"Version": "2012-10-17",\r\n  "Statement": [{"Sid": "A"}]\n}'

    assert text.wired(document) == document
    assert text.wired("arn:aws:iam::111122223333:role/app") == "arn:aws:iam::111122223333:role/app"


@cache
def _aws_fields() -> dict[str, tuple[re.Pattern[str], int]]:
    """Return the pattern and the longest value of what AWS lets people name, by its own models."""
    patterns = {}
    for service, shapes in {
        "iam": (
            "pathType", "userNameType", "roleNameType", "groupNameType", "policyNameType",
            "policyDocumentType", "policyPathType", "tagKeyType", "tagValueType",
            "roleDescriptionType", "serialNumberType", "serviceCredentialAlias",
            "serviceUserName", "instanceProfileNameType", "serverCertificateNameType",
            "SAMLProviderNameType", "virtualMFADeviceName", "publicKeyMaterialType",
            "certificateBodyType",
        ),
        "sts": (
            "roleSessionNameType", "sourceIdentityType", "externalIdType", "userNameType",
            "tagKeyType", "tagValueType", "arnType", "unrestrictedSessionPolicyDocumentType",
            "contextAssertionType",
        ),
    }.items():  # fmt: skip
        model = Loader().load_service_model(service, "service-2")
        for name in shapes:
            shape = model["shapes"][name]
            # Java's classes of letters, blanks and numbers; a path is its characters here.
            pattern = shape.get("pattern", r"[\u0020-\U0010ffff]")
            pattern = pattern.replace(
                "(\\u002F)|(\\u002F[\\u0021-\\u007E]+\\u002F)", r"[\u0021-\u007E]"
            )
            pattern = pattern.replace(r"((/[A-Za-z0-9\.,\+@=_-]+)*)/", r"[A-Za-z0-9\.,\+@=_/-]")
            pattern = re.sub(r"\\p\{[LZN]\}", "", pattern)
            extra = (
                "|[^\\W_]|[ \u00a0\u2003\u2028\u2029\u3000]"
                if "\\p{" in shape.get("pattern", "")
                else ""
            )
            patterns[f"{service} {name}"] = (re.compile(pattern + extra), shape.get("max", 2048))
    return patterns


def test_every_field_that_aws_lets_people_name_has_a_pattern_of_aws() -> None:
    fields = _aws_fields()

    assert len(fields) == 28
    path, longest = fields["iam pathType"]
    assert all(path.fullmatch(char) for char in "<{%}>\\|`'\"$*?#[:")
    assert longest == 512
    assert fields["iam policyDocumentType"][0].fullmatch("\x9b")
    assert fields["iam tagValueType"][0].fullmatch("\u2028")
    assert not fields["iam roleNameType"][0].fullmatch("<")


class _Log:
    """Stands for the engine's service, and keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def Log(self, request: SimpleNamespace, timeout: int) -> None:  # noqa: N802 -- its name there
        del timeout
        self.lines.append(request.message)


@settings(max_examples=300)
@given(
    st.sampled_from(sorted(_aws_fields())).flatmap(
        lambda field: hostile(_aws_fields()[field][0]).map(
            lambda value: value[: _aws_fields()[field][1]]
        )
    )
)
def test_what_aws_lets_people_name_acts_on_nobody_through_any_output(value: str) -> None:
    output, log = io.StringIO(), _Log()
    engine = Engine(None)
    engine._stub = log  # type: ignore[assignment]
    with redirect_stdout(output):
        render.say(value)
        render.table([value, "b"], [[value, value]], title=value)
        render.fields([("name", value)])
        render.document({value: value})
        render.verbatim(f"- {text.yaml_quoted(value)}\n{text.markdown(value)}\n{text.html(value)}")
        render.verbatim(text.csv_cell(value))
        render.verbatim(value)
    engine.say("warning", value)
    error = ContainmentError(value, remedy=value, rows=[value])

    lines = [*output.getvalue().split("\n"), *log.lines, *str(error).split("\n"), shown(value)]
    assert [(line, acts(line)) for line in lines if acts(line) not in {"", "engine"}] == []
    assert all("<{%" not in line for line in log.lines + str(error).split("\n"))
    assert len(log.lines) == 1
    assert len(str(error).split("\n")) == 2
    assert html.unescape(text.html(value)) == text.plain(value)


def test_no_output_of_the_product_escapes_by_itself() -> None:
    """One file holds what is harmless: others that escape are another version of it."""
    root = Path(__file__).parents[1]
    by_itself = re.compile(r"unicode_escape|unicodedata|html\.escape\(")
    paths = {
        str(path.relative_to(root))
        for folder in ("containment", "cli", "policies")
        for path in (root / folder).rglob("*.py")
        if by_itself.search(path.read_text("utf-8"))
        and "containment/lab/" not in str(path)
        and path.name != "spellings.py"  # text for a database, which escapes by its own rules
    }

    assert paths == {"containment/text.py"}

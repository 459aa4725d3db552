"""A comment is whole: what counts is in it, what is left out is counted, and nothing in it acts."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from containment.diff import Change, IncidentDiff, PrincipalDiff, text_diff
from containment.diff.model import Verb
from containment.review import as_comment, as_html, as_markdown, as_text, fits
from containment.review.markdown import LIMIT
from containment.review.model import FieldChange, IncidentReview, Review
from policies.guardrails import Finding
from tests.support.diff_scenes import MARKUP, hostile
from tests.support.hostile_texts import HOSTILE
from tests.support.rendered_text import Elements, outside_code

pytestmark = pytest.mark.plain

DENY = '{"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*", "Sid": "é漢字"}]}'


def role(number: int, verb: Verb = "contain") -> PrincipalDiff:
    arn = f"arn:aws:iam::111122223333:role/team/app-{number:05}"
    lines = text_diff(None, DENY)
    return PrincipalDiff(
        arn,
        verb,
        rung=None if verb == "lift" else "deny-all",
        rung_before="deny-all" if verb == "lift" else None,
        changes=(Change("+", "inline policy containment-inc-2026-0042", lines=lines),),
        stays_open=("漢字" * 200,),
    )


def review(*principals: PrincipalDiff, **more: Any) -> Review:
    diff = IncidentDiff("inc-2026-0042", principals=principals)
    one = IncidentReview("inc-2026-0042", "stacks/inc-2026-0042.yaml", "changed", diff)
    made = Review("b" * 40, "c" * 40, "", "arn:aws:sts::1:assumed-role/x/y", False, (one,))
    return replace(made, **more)


def test_two_hundred_principals_fit_and_every_one_left_out_is_counted() -> None:
    comment = as_comment(review(*(role(number) for number in range(200))))

    assert len(comment.encode()) <= LIMIT
    assert "200 to contain" in comment
    shown = comment.count("\n### contain ")
    omitted = re.search(r"_(\d+) principals left out here; see the whole page._", comment)
    assert omitted is not None
    assert 0 < shown == 200 - int(omitted[1])
    rows = comment.count("`: `deny-all`\n")
    more = re.search(r"- _(\d+) more left out here", comment)
    assert more is not None
    assert 0 < rows == 200 - int(more[1])


@pytest.mark.parametrize("lifts", [1, 150, 300])
def test_whom_is_lifted_is_never_left_out(lifts: int) -> None:
    contained = (role(number) for number in range(300))
    lifted = [role(1_000 + number, "lift") for number in range(lifts)]
    made = review(*contained, *lifted)
    refused = Finding("hold", "refused", "x", "refused " * 30, "remedy")
    (one,) = made.incidents
    lost = tuple((item.principal, "it is lost") for item in lifted[:50])
    made = replace(made, incidents=(replace(one, findings=(refused,) * 20, irreversible=lost),))

    comment = as_comment(made)

    assert fits(made)
    assert len(comment.encode()) <= LIMIT
    assert all(f"`{item.principal}` of" in comment for item in lifted)
    assert comment.count("`hold`") == 20
    assert comment.count("`it is lost`") == min(lifts, 50)


def test_what_no_comment_can_hold_is_said_and_nothing_of_it_is_hidden() -> None:
    made = review(*(role(number, "lift") for number in range(2_000)))

    comment = as_comment(made)

    assert not fits(made)
    assert len(comment.encode()) <= LIMIT
    assert "cannot be reviewed by one" in comment
    assert "**Lifted**: 2,000" in comment


def hostile_review(text: str) -> Review:
    finding = Finding("hold", "refused", text, text, text)
    unknown = Finding("hold", "unknown", text, text, text)
    one = IncidentReview(
        "inc-2026-0042",
        text,
        "new",
        hostile(text),
        fields=(FieldChange(text, text, text, loosens=True),),
        findings=(finding, unknown),
        owner=text,
        review_by=text,
        guard=text,
        irreversible=((text, text),),
        unreadable=(text,),
        unread=(text,),
    )
    return Review(text, text, text, text, True, (one,), (text,), (finding,))


@pytest.mark.parametrize(
    "text", [*HOSTILE, MARKUP, "@org/team #1 GH-1 http://x.example abc1234", "</details>```~~~`"]
)
def test_hostile_text_makes_no_mention_no_link_and_no_markup(text: str) -> None:
    made = hostile_review(text)
    for rendered in (as_markdown(made), as_comment(made)):
        outside = outside_code(rendered)
        assert re.fullmatch(r"[\w\s\-*#<>/(),.:;|'_!]*", outside, re.ASCII)
        assert not re.search(r"@|#\d|https?:|javascript:|alert|\x1b|x{40}", outside)
        tags = set(re.findall(r"<[^>]*>", outside))
        assert tags <= {
            "<!-- containment review -->",
            *("<details>", "<summary>", "</summary>", "</details>"),
        }
        assert outside.count("<details>") == outside.count("</details>")
    for line in as_text(made, 80):
        assert line.text.isprintable()
        assert not line.text.lstrip().startswith("::")
    parser = Elements()
    parser.feed(as_html(made))
    assert parser.names <= {
        *("html", "head", "meta", "title", "style", "body", "main", "section", "h1", "h2", "p"),
        *("dl", "dt", "dd", "pre", "span", "br", "ul", "li", "code"),
    }


def test_what_is_at_the_edge_leaves_no_tag_and_no_code_open() -> None:
    for count in range(60, 110, 7):
        comment = as_comment(review(*(role(number) for number in range(count))))
        outside = outside_code(comment)
        assert outside.count("<details>") == outside.count("</details>") == 1
        assert len(re.findall(r"^\s*```", comment, re.MULTILINE)) % 2 == 0

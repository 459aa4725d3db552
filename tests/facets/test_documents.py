"""Policies are compared by what they say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from containment.facets import documents, shapes
from containment.facets.marks import mark

pytestmark = pytest.mark.plain

SID = mark("inc-2026-0042", "abcdefghij", 7).sid


def policy(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"Action": "s3:Get*"}, {"Action": ["s3:Get*"]}),
        ({"Action": ["a:B", "c:D"]}, {"Action": ["c:D", "a:b"]}),
        ({"Principal": "*"}, {"Principal": {"AWS": "*"}}),
        (
            {"Principal": {"AWS": "111122223333"}},
            {"Principal": {"AWS": ["arn:aws:iam::111122223333:root"]}},
        ),
        (
            {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": True}}},
            {"Condition": {"bool": {"AWS:multifactorauthpresent": ["true"]}}},
        ),
    ],
)
def test_documents_that_mean_the_same_are_equal(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    assert documents.equal(policy(**first), policy(**second))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"Action": "s3:*"}, {"Action": "s3:Get*"}),
        ({"Action": "s3:*"}, {"NotAction": "s3:*"}),
        ({"Resource": "arn:aws:s3:::A"}, {"Resource": "arn:aws:s3:::a"}),
        ({"Effect": "Deny"}, {}),
        ({"Principal": {"Service": "*"}}, {"Principal": {"AWS": "*"}}),
        ({"Sid": "A"}, {"Sid": "B"}),
    ],
)
def test_documents_that_mean_something_else_are_not_equal(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    assert not documents.equal(policy(**first), policy(**second))


def test_a_document_without_a_version_has_the_version_of_2008() -> None:
    bare = json.dumps({"Statement": {"Effect": "Allow", "Action": "s3:*"}})
    old = json.dumps(
        {"Version": "2008-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*"}]}
    )

    assert documents.equal(bare, old)
    assert not documents.equal(bare, policy(Action="s3:*"))


def test_our_statements_are_taken_out_and_those_of_others_stay() -> None:
    others_statement = {"Sid": "Theirs", "Effect": "Allow", "Action": "s3:*"}
    document = {
        "Version": "2012-10-17",
        "Statement": [others_statement, {"Sid": SID, "Effect": "Deny"}],
    }

    assert documents.without(document, lambda _: True, shapes.is_deny)["Statement"] == [
        others_statement
    ]
    assert (
        documents.without(document, lambda _: False, shapes.is_deny)["Statement"]
        == document["Statement"]
    )


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{", "7", pytest.param("[" * 200_000, id="deep")]
)
def test_a_text_that_is_no_policy_parses_to_none(text: str) -> None:
    assert documents.parse(text) is None
    assert documents.marks(text, shapes.is_deny) == []

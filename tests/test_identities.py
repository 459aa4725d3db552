"""Principals are named once, by their whole ARN."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containment.errors import SpecError
from containment.identities import (
    Principal,
    is_access_key_id,
    is_temporary_key_id,
    parse_principal,
)

pytestmark = pytest.mark.plain

names = st.from_regex(r"[A-Za-z0-9+=,.@_-]{1,64}", fullmatch=True)
paths = st.one_of(st.just("/"), st.from_regex(r"/[\x21-\x7e]{1,40}/", fullmatch=True))


@given(st.sampled_from(["user", "role"]), paths, names)
def test_any_path_iam_allows_comes_back_whole(kind: str, path: str, name: str) -> None:
    made = Principal("aws", "111122223333", kind, path, name)  # type: ignore[arg-type]

    assert parse_principal(made.arn) == made


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "ci-deploy",
        "arn:aws:iam::111122223333:group/x",
        "arn:${x}:iam::111122223333:user/x",
        "arn:aws:iam::11112222333:user/x",
        "arn:aws:iam::111122223333:user/",
        "arn:aws:iam::111122223333:user/a b",
        "arn:aws:iam:us-east-1:111122223333:user/x",
        "arn:aws:sts::111122223333:assumed-role/x/y",
        "arn:aws:iam::111122223333:user/" + "x" * 65,
        "arn:aws:iam::111122223333:user/\nx",
    ],
)
def test_what_names_nobody_is_refused_with_how_to_write_it(arn: str) -> None:
    with pytest.raises(SpecError, match="arn:aws:iam::111122223333:user/path/name"):
        parse_principal(arn)


def test_root_is_refused_with_what_to_do_instead() -> None:
    with pytest.raises(SpecError, match="change its password"):
        parse_principal("arn:aws:iam::111122223333:root")


def test_roles_that_iam_cannot_edit_are_known() -> None:
    linked = parse_principal(
        "arn:aws:iam::111122223333:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
    )
    reserved = parse_principal(
        "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_A_0123"
    )

    assert (linked.service_linked, linked.identity_center) == (True, False)
    assert (reserved.service_linked, reserved.identity_center) == (False, True)


def test_key_ids_are_told_apart() -> None:
    assert is_access_key_id("AKIAIOSFODNN7EXAMPLE")
    assert not is_access_key_id("ASIAIOSFODNN7EXAMPLE")
    assert is_temporary_key_id("ASIAIOSFODNN7EXAMPLE")
    assert not is_access_key_id("AKIA")

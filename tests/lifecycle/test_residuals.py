"""What stays open at a rung follows from the table of issuers, and the docs say the same."""

from __future__ import annotations

import pytest

from containment.identities import PrincipalKind
from containment.lifecycle.residuals import by_rung, lifetime, stays_open
from containment.spec.vocabulary import RUNG_EFFECTS
from tools import residuals as written

pytestmark = pytest.mark.plain


def operations(kind: PrincipalKind, rung: str) -> set[str]:
    kept = stays_open(kind, rung)
    return {operation for residual in kept for operation in residual.operations}


@pytest.mark.parametrize(
    ("kind", "rung", "lives", "ends"),
    [
        ("user", "key-only", "sts:GetSessionToken", None),
        ("user", "deny-all", "sts:AssumeRole", "sts:GetSessionToken"),
        ("user", "deny-all", "redshift:GetClusterCredentials", "iam:CreateAccessKey"),
        ("role", "session", "signin:CreateOAuth2Token", "sts:GetFederationToken"),
        ("role", "revoke-sessions", "iam:UpdateAssumeRolePolicy", "signin:CreateOAuth2Token"),
        ("role", "deny-all", "iam:UpdateAssumeRolePolicy", "signin:CreateOAuth2Token"),
    ],
)
def test_a_rung_ends_what_acts_as_the_principal_and_nothing_else(
    kind: PrincipalKind, rung: str, lives: str, ends: str | None
) -> None:
    kept = operations(kind, rung)

    assert lives in kept
    assert ends not in kept


def test_every_rung_says_until_when_and_no_number_is_made_up() -> None:
    for kind, rung in RUNG_EFFECTS:
        for residual in stays_open(kind, str(rung)):
            assert residual.until
            assert residual.operations, residual
    first, roles, *_ = stays_open("user", "key-only")
    assert first.until == "up to 90 days, some until somebody ends it"
    assert roles.until.startswith("up to 12 hours, some until somebody ends it, ")
    assert roles.until.endswith("kinds without a limit that AWS documents")


def test_the_longest_session_that_the_account_tells_of_a_role_is_said() -> None:
    sentence = by_rung([("role", "session")], longest_session_s=7200)["role at session"]

    assert "2 hours, the longest session that the role allows" in sentence
    assert [lifetime(s) for s in (60, 900, 3600, 86400, 90 * 86400)] == [
        "1 minute",
        "15 minutes",
        "1 hour",
        "1 day",
        "90 days",
    ]


def test_the_page_says_what_the_table_says() -> None:
    assert written.PAGE.read_text(encoding="utf-8") == written.page(), "run 'make docs'"

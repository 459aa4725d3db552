"""What AWS does not name as revoked counts as active."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from containment.aws.sign_ins import SignIns, SignInSession

pytestmark = pytest.mark.plain

OWNER = "arn:aws:iam::111122223333:user/ci-deploy"
ARNS = [f"arn:aws:signin:us-east-1:111122223333:session/{number}" for number in range(3)]
DAY = datetime(2026, 11, 30, tzinfo=UTC)


class Live:
    """Stands for the principal, whose record of changes is not looked at here."""

    def __str__(self) -> str:
        return "user ci-deploy"

    def revoke_sign_ins(self, arns: Sequence[str], send: Callable[[], Any]) -> Any:
        assert list(arns) == ARNS
        return send()


def test_a_session_that_the_answer_does_not_name_is_not_called_revoked() -> None:
    answer = {
        "revokedSessions": [{"sessionArn": ARNS[0]}],
        "errors": [{"sessionArn": ARNS[1], "code": "AccessDenied", "message": "no"}],
    }
    client = SimpleNamespace(
        meta=SimpleNamespace(region_name="us-east-1"), batch_revoke_sessions=lambda **_: answer
    )
    sessions = [SignInSession(arn, OWNER, "us-east-1", "CLI", DAY, DAY) for arn in ARNS]
    live: Any = Live()

    problems = SignIns(lambda: [client]).revoke(live, sessions, "inc-2026-0042")

    assert [ARNS[number] in str(error) for number, error in zip((1, 2), problems, strict=True)] == [
        True,
        True,
    ]
    assert "AccessDenied" in str(problems[0])
    assert "AWS says nothing of it" in str(problems[1])

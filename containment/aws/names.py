"""Which principal IAM has under a name, asked once in a run."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.faults import is_missing

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

    from containment.identities import Principal

# IAM API Reference, ListUsers and ListRoles, MaxItems.
_LONGEST_PAGE = 1000


class Names:
    """Remembers what IAM answered about each name."""

    def __init__(self) -> None:
        self._arns: dict[str, str | None] = {}
        self._lock = Lock()

    def __call__(self, iam: IAMClient, named: Principal) -> str | None:
        """Return the ARN that IAM has for *named*, or None where there is nobody of that name.

        It is *named*'s own where IAM does not say. Names are told apart neither by path nor by
        capitals ("IAM identifiers").
        """
        with self._lock:
            if named.arn not in self._arns:
                self._arns[named.arn] = _ask(iam, named)
            return self._arns[named.arn]


def _ask(iam: IAMClient, named: Principal) -> str | None:
    try:
        answer: Any = (
            iam.get_user(UserName=named.name)
            if named.kind == "user"
            else iam.get_role(RoleName=named.name)
        )
    except ClientError as error:
        return _by_any_capitals(iam, named) if is_missing(error) else named.arn
    except BotoCoreError:
        return named.arn
    return str(answer[named.kind.capitalize()]["Arn"])


def _by_any_capitals(iam: IAMClient, named: Principal) -> str | None:
    """Look for the name without regard to capitals, by which no two names differ."""
    operation: Any = f"list_{named.kind}s"
    try:
        pages: Any = iam.get_paginator(operation).paginate(
            PaginationConfig={"PageSize": _LONGEST_PAGE}
        )
        for page in pages:
            for item in page[f"{named.kind.capitalize()}s"]:
                if str(item[f"{named.kind.capitalize()}Name"]).lower() == named.name.lower():
                    return str(item["Arn"])
    except (ClientError, BotoCoreError):
        return named.arn
    return None

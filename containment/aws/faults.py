"""What an AWS error means for a change: certainly not made, or nobody knows."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
)

from containment.aws import advice
from containment.errors import (
    AccessError,
    ContainmentError,
    NotContainedError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Generator

_SERVER_ERROR = 500


class UncertainError(NotContainedError):
    """A change was sent and no answer says whether it was made."""


def code(error: BaseException) -> str:
    """Return AWS's error code of *error*, or an empty string where AWS did not answer."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return ""


def is_missing(error: BaseException) -> bool:
    """Tell whether AWS answered that the entity is not there."""
    return code(error) == "NoSuchEntity"


def misses_user(error: BaseException) -> bool:
    """Tell whether AWS answered that there is no user of the name, rather than no policy or key.

    Both have one code; the message tells ("The user with name … cannot be found.").
    """
    if not isinstance(error, ClientError) or not is_missing(error):
        return False
    return "the user with name" in str(error.response.get("Error", {}).get("Message", "")).lower()


def is_full(error: BaseException) -> bool:
    """Tell whether AWS refused because a quota has no room left."""
    return code(error) == "LimitExceeded"


def is_denied(error: BaseException) -> bool:
    """Tell whether AWS refused because the caller lacks a permission."""
    return code(error) in advice.DENIED


def outcome_unknown(error: BaseException) -> bool:
    """Tell whether the change that raised *error* may have been made all the same.

    A 4xx answer to the first try says no. A 5xx answer, a time-out or a lost connection says
    nothing, and neither does any answer to a later try: an earlier one may have made it.
    """
    if isinstance(error, ClientError):
        return _status(error) >= _SERVER_ERROR or retried(error)
    return isinstance(error, (HTTPClientError, ConnectionClosedError)) and not isinstance(
        error, EndpointConnectionError
    )


def retried(error: BaseException) -> bool:
    """Tell whether *error* is AWS's refusal of a second or later try.

    Source: Boto3 developer guide, "Retries", ``RetryAttempts``.
    """
    if not isinstance(error, ClientError) or _status(error) >= _SERVER_ERROR:
        return False
    return bool(error.response.get("ResponseMetadata", {}).get("RetryAttempts"))


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def may_be_gone(error: BaseException) -> bool:
    """Tell whether AWS missed, at a later try, what an earlier one may have taken away."""
    return is_missing(error) and retried(error)


@contextmanager
def explained(doing: str) -> Generator[None, None, None]:
    """Turn a botocore error raised inside into one of ours that says what was being done.

    Raises:
        AccessError: the caller is not known to AWS, has expired, or lacks a permission.
        NotFoundError: AWS has no such entity.
        NotContainedError: AWS refuses it for another reason, such as a quota.
        UnavailableError: there was no answer.
    """
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise explain(doing, error) from error


def explain(doing: str, error: ClientError | BotoCoreError) -> ContainmentError:
    """Return *error* as one of ours: what was being done, what AWS said, what to do."""
    if isinstance(error, NoCredentialsError):
        return AccessError(
            f"{doing}: no AWS credentials were found",
            remedy="set AWS_PROFILE or the AWS_ACCESS_KEY_ID variables",
        )
    if isinstance(error, ClientError):
        return advice.explained_as(doing, error)
    return UnavailableError(
        f"{doing}: no answer ({error})",
        remedy="check the network and AWS_ENDPOINT_URL (is the lab running? containment lab start)",
    )

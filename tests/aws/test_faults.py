"""What an AWS error means for a change, and what a reader is told."""

from __future__ import annotations

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from containment.aws.faults import explained, is_denied, is_full, is_missing, outcome_unknown
from containment.errors import AccessError, ContainmentError, NotFoundError, UnavailableError

pytestmark = pytest.mark.plain

URL = "https://iam.amazonaws.com"


def answered(code: str, status: int, message: str = "said", tries_before: int = 0) -> ClientError:
    answer = {"HTTPStatusCode": status, "RetryAttempts": tries_before}
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": answer,  # type: ignore[typeddict-item]
        },
        "PutUserPolicy",
    )


@pytest.mark.parametrize(
    ("error", "unknown"),
    [
        (answered("AccessDenied", 403), False),
        (answered("Throttling", 400), False),
        (answered("NoSuchEntity", 404, tries_before=1), True),
        (answered("AccessDenied", 403, tries_before=1), True),
        (answered("ServiceFailure", 500), True),
        (answered("ServiceUnavailable", 503), True),
        (ReadTimeoutError(endpoint_url=URL), True),
        (ConnectionClosedError(endpoint_url=URL), True),
        (EndpointConnectionError(endpoint_url=URL), False),
        (ConnectTimeoutError(endpoint_url=URL), False),
    ],
)
def test_only_an_answer_to_the_first_try_says_that_nothing_was_done(
    error: Exception, *, unknown: bool
) -> None:
    assert outcome_unknown(error) is unknown


def test_codes_are_told_apart() -> None:
    assert is_missing(answered("NoSuchEntity", 404))
    assert is_full(answered("LimitExceeded", 409))
    assert is_denied(answered("AccessDenied", 403))
    assert not is_missing(answered("AccessDenied", 403))
    assert not is_denied(EndpointConnectionError(endpoint_url=URL))


@pytest.mark.parametrize(
    ("error", "kind", "step"),
    [
        (answered("AccessDenied", 403), AccessError, "responder-policy"),
        (answered("InvalidClientTokenId", 403), AccessError, "get-caller-identity"),
        (answered("NoSuchEntity", 404), NotFoundError, "check the ARN"),
        (answered("Throttling", 400), UnavailableError, "in a moment"),
        (EndpointConnectionError(endpoint_url=URL), UnavailableError, "lab start"),
        (NoCredentialsError(), AccessError, "AWS_PROFILE"),
    ],
)
def test_each_is_said_with_what_was_being_done_and_the_next_step(
    error: Exception, kind: type[ContainmentError], step: str
) -> None:
    with pytest.raises(kind, match=step) as caught, explained("reading user x"):
        raise error

    assert str(caught.value).startswith("reading user x: ")


def test_what_is_not_aws_passes_unchanged() -> None:
    with pytest.raises(ZeroDivisionError), explained("x"):
        raise ZeroDivisionError

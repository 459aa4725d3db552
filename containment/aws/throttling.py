"""Try again what AWS throttled, each call after a wait of its own, and longer than other failures.

IAM has one rate for a whole account, which the attacker uses up as well, so a throttled deny is
made again ten times and not given up with a lost connection's four. The waits are random over
their whole length ("full jitter"), so that calls that were throttled together do not come back
together. botocore's own adaptive mode slows down every call of the client at each refusal: where an
account refuses three calls of ten all the time, it comes to a stop.

Sources: AWS Architecture Blog, "Exponential Backoff And Jitter"; Boto3 developer guide, "Retries".
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.client import BaseClient

# With waits of up to 26 s in all, well inside the margin of a revocation time.
MOST_TRIES = 10
_FIRST_S, _LONGEST_S = 0.2, 5.0
# Boto3 developer guide, "Retries", standard mode: throttling errors.
_CODES = frozenset(
    {
        *("Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled"),
        *("RequestThrottledException", "TooManyRequestsException", "RequestLimitExceeded"),
        *(
            "BandwidthLimitExceeded",
            "LimitExceededException",
            "SlowDown",
            "PriorRequestNotComplete",
        ),
        *("TransactionInProgressException", "EC2ThrottledException"),
        "ProvisionedThroughputExceededException",
    }
)


def retry_throttled(client: BaseClient) -> None:
    """Have *client* make a throttled call again, up to `MOST_TRIES` times in all."""
    service = client.meta.service_model.service_id.hyphenize()
    wait: Callable[..., Any] = _wait  # the answer of a hook is its first value that is not None
    client.meta.events.register_first(f"needs-retry.{service}", wait)


def _wait(response: tuple[Any, Any] | None, attempts: int, **_: object) -> float | None:
    """Return how many seconds to wait before the next try; None where that is not ours to say."""
    if response is None or attempts >= MOST_TRIES:
        return None
    code = response[1].get("Error", {}).get("Code")
    if code not in _CODES:
        return None
    longest = min(_LONGEST_S, _FIRST_S * 2 ** (attempts - 1))
    return random.uniform(0, longest)  # noqa: S311 -- so that they part

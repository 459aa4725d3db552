"""Replace what single services of moto would do outside the lab."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def prepare(module: str) -> None:
    """Put the replacements for moto's service *module* in place."""
    if module in {"lambda", "awslambda"}:
        _run_no_functions()
    if module == "sns":
        _leave_web_endpoints_unconfirmed()


def _run_no_functions() -> None:
    """Let an event reach a function without running its code, which moto does in a container."""
    from moto.awslambda.models import LambdaFunction

    def run_nothing(*_: object, **__: object) -> tuple[str, bool, str]:
        return "", False, ""

    setattr(LambdaFunction, "_invoke_lambda", run_nothing)  # noqa: B010 -- it is a method


def _leave_web_endpoints_unconfirmed() -> None:
    """Deliver nothing to an HTTP endpoint: none in the lab can confirm its subscription.

    Source: Amazon SNS Developer Guide, "Subscribing an HTTP/S endpoint to a topic": messages are
    sent after the endpoint has confirmed, and until then the subscription is pending.
    """
    from moto.sns.models import SNSBackend, Subscription

    publish: Any = Subscription.publish
    subscribe: Any = SNSBackend.subscribe

    def publish_to_others(self: Any, *args: Any, **kwargs: Any) -> None:
        if self.protocol not in {"http", "https"}:
            publish(self, *args, **kwargs)

    def subscribe_pending(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = subscribe(self, *args, **kwargs)
        if made.protocol in {"http", "https"}:
            made.attributes["PendingConfirmation"] = "true"
            made.attributes["ConfirmationWasAuthenticated"] = "false"
        return made

    setattr(Subscription, "publish", publish_to_others)  # noqa: B010 -- they are methods
    setattr(SNSBackend, "subscribe", subscribe_pending)  # noqa: B010

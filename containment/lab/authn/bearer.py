"""API keys of single services: a service-specific credential presented as a bearer token.

It is the user whose credential it is, for the one service, and asks that service's
``CallWithBearerToken`` besides the action. Sources: Amazon Bedrock User Guide, "API keys";
CloudWatch Logs User Guide, "Setting up bearer token authentication"; IAM API Reference,
UpdateServiceSpecificCredential (one that is Inactive cannot be used). Which error a token that is
not valid gets is not documented; the lab answers as for an access key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.lab.protocol.refusal import Reason, Refusal
from containment.lab.state import moto_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from containment.lab.protocol.call import Call
    from containment.lab.state.facts import Entity, Facts

_SCHEME = "Bearer "
# A bearer token names no Region, and the lab has one address for all.
_REGION = "us-east-1"


def presented(call: Call, *, facts: Facts, now: Callable[[], datetime]) -> Entity | None:
    """Return the service-specific credential that *call* presents, None where it presents none.

    Raises:
        Refusal: nobody has it, or it is Inactive or has expired.
    """
    header = call.headers.get("authorization", "")
    if not header.startswith(_SCHEME):
        return None
    credential_id = moto_state.service_credential_id(header.removeprefix(_SCHEME).strip())
    credential = facts(("credential", "", credential_id)) if credential_id else {}
    if not credential or credential["status",] != "Active":
        raise Refusal(Reason.UNKNOWN_KEY)
    expires = credential.get(("expires",))
    if expires and float(expires) <= now().timestamp():
        raise Refusal(Reason.EXPIRED)
    call.service, call.region = credential["service",].partition(".")[0], _REGION
    return credential

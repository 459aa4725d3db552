"""API keys of single services, used as whoever holds one uses it."""

from __future__ import annotations

import urllib.error
import urllib.request

_REFUSED = {400, 401, 403}


def bears(endpoint: str, secret: str) -> bool:
    """Tell whether Amazon Bedrock at *endpoint* takes *secret* as a bearer token."""
    request = urllib.request.Request(
        f"{endpoint}/custom-models", headers={"Authorization": f"Bearer {secret}"}
    )
    try:
        with urllib.request.urlopen(request):
            return True
    except urllib.error.HTTPError as error:
        if error.code not in _REFUSED:
            raise
        return False

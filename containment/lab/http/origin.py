"""Decide whether a request comes from a local AWS client, and not from a web page.

A page in a browser on this machine can send requests to loopback, and by DNS rebinding even read
the answers: its requests carry a foreign ``Host``, or an ``Origin``, or the ``Sec-Fetch-*`` headers
that browsers add to every request to a local address (Fetch Metadata Request Headers, W3C). AWS's
clients send none of them.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Names under localhost never leave the machine (RFC 6761, section 6.3): buckets in host names.
_LOCAL = re.compile(r"(127\.0\.0\.1|\[::1\]|([a-z0-9][a-z0-9.-]*\.)?localhost)(:[0-9]{1,5})?")


def refusal(headers: Mapping[str, str]) -> str:
    """Return why a request with *headers* is refused, empty where it is not."""
    host = headers.get("host", "")
    if not _LOCAL.fullmatch(host.lower()):
        shown = re.sub(r"[^\x21-\x7e]", "?", host)[:100]
        return f"the lab answers to 127.0.0.1 and localhost, not to the host '{shown}'"
    if any(name == "origin" or name.startswith("sec-fetch-") for name in headers):
        return "the lab answers AWS clients, not web pages"
    source = headers.get("x-lab-source-ip")
    if source is not None and not _is_address(source):
        return "the lab answers with x-lab-source-ip only where that is an IP address"
    return ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True

"""Which AWS is being talked to: the real one, or an emulation that must say so."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

# AWS General Reference, "AWS service endpoints": the DNS suffixes of the partitions.
_AWS_SUFFIXES = (
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
)


def configured(environ: Mapping[str, str], service: str = "iam") -> str | None:
    """Return the endpoint URL that *environ* sets for *service*, or None for AWS's own.

    Source: AWS SDKs and Tools Reference Guide, "Service-specific endpoints".
    """
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    specific = environ.get(f"AWS_ENDPOINT_URL_{service.upper()}")
    return specific or environ.get("AWS_ENDPOINT_URL") or None


def is_emulated(url: str | None) -> bool:
    """Tell whether *url* is somewhere other than AWS (None stands for AWS's own endpoint)."""
    if url is None:
        return False
    host = (urlsplit(url).hostname or "").lower()
    return not host.endswith(_AWS_SUFFIXES)


def same_place(one: str, other: str) -> bool:
    """Tell whether two endpoints of one account are one AWS.

    AWS answers at several (FIPS, dual-stack, a VPC endpoint); an emulation is one of its own.
    """
    return one == other or not (is_emulated(one) or is_emulated(other))


def banner(url: str) -> str:
    """Return the line that every command prints first when *url* is not AWS."""
    return f"EMULATED: {url} is not AWS; no real account is touched"

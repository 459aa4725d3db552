"""Reads what the engine keeps beside a state in S3, with the responder's own credentials.

The address is the engine's: ``s3://bucket/prefix?region=…&endpoint=…&s3ForcePathStyle=true``
(Pulumi docs, "Using a DIY backend").
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.faults import explain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def texts(address: str, folder: str) -> Iterator[tuple[str, str]]:
    """Yield the key and the text of every object in *folder* of the state at *address*.

    Raises:
        AccessError: these credentials may not look there.
        UnavailableError: nobody answers.
    """
    place = urlsplit(address)
    prefix = f"{place.path.strip('/')}/{folder}/".lstrip("/")
    try:
        client = _client({name: values[-1] for name, values in parse_qs(place.query).items()})
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=place.netloc, Prefix=prefix)
        for page in pages:
            for item in page.get("Contents", ()):
                key = item["Key"]
                body = client.get_object(Bucket=place.netloc, Key=key)["Body"].read()
                yield key, body.decode("utf-8", "replace")
    except (ClientError, BotoCoreError) as error:
        raise explain(f"looking into the state's bucket {place.netloc}", error) from error


def put(address: str, name: str, text: str) -> Callable[[], None]:
    """Put an object of *name* beside the state at *address*; return what deletes it again.

    Raises:
        AccessError: these credentials may not do that.
        UnavailableError: nobody answers.
    """
    place = urlsplit(address)
    key = f"{place.path.strip('/')}/{name}".lstrip("/")
    try:
        client = _client({name: values[-1] for name, values in parse_qs(place.query).items()})
        client.put_object(Bucket=place.netloc, Key=key, Body=text.encode())
    except (ClientError, BotoCoreError) as error:
        raise explain(f"locking the stack in the state's bucket {place.netloc}", error) from error

    def delete() -> None:
        with suppress(ClientError, BotoCoreError):  # a lock that stays is told by the next run
            client.delete_object(Bucket=place.netloc, Key=key)

    return delete


def _client(options: dict[str, str]) -> Any:
    endpoint = options.get("endpoint")
    if endpoint and "://" not in endpoint:
        plain = options.get("disableSSL") == "true"
        endpoint = f"{'http' if plain else 'https'}://{endpoint}"
    style: Literal["path", "auto"] = "path" if options.get("s3ForcePathStyle") == "true" else "auto"
    session = boto3.Session(profile_name=options.get("awssdk_profile") or options.get("profile"))
    return session.client(
        "s3",
        region_name=options.get("region") or session.region_name or "us-east-1",
        endpoint_url=endpoint,
        config=Config(
            connect_timeout=5,
            read_timeout=15,
            retries={"mode": "standard", "total_max_attempts": 3},
            s3={"addressing_style": style},
        ),
    )

"""Clients for one responder: bounded waits, a user agent that names the incident, a stop switch."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import version
from threading import Lock
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound
from botocore.handlers import json_decode_policies

from containment.aws.cancellation import CancelledError, is_mutating
from containment.aws.endpoint import is_emulated
from containment.aws.sign_ins import REGIONS, keep_to_endpoint
from containment.aws.throttling import retry_throttled
from containment.errors import AccessError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Event

    from botocore.awsrequest import AWSPreparedRequest
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_sts import STSClient


def _unconnected(service: str, region: str) -> Any:
    raise AccessError(
        f"there is no client of {service} in {region}", remedy="connect to the account first"
    )


@dataclass(frozen=True, slots=True)
class Clients:
    """The AWS clients of one run, and the endpoint they talk to.

    *through* is the ARN of who assumed the role that they act as, where they assumed one.
    *sign_ins* returns a client of the sign-in API for each Region that is asked; they are made when
    they are first needed. *reader* makes a client of another service in a Region, to read with.
    """

    iam: IAMClient
    sts: STSClient
    endpoint: str
    through: str | None = None
    sign_ins: Callable[[], Sequence[Any]] = field(default=tuple)
    reader: Callable[[str, str], Any] = field(default=_unconnected)

    @property
    def emulated(self) -> bool:
        """True where the endpoint is not AWS's own."""
        return is_emulated(self.endpoint)


def connect(
    *,
    incident: str | None = None,
    region: str | None = None,
    role_arn: str | None = None,
    cancelled: Event | None = None,
    sign_in_regions: Sequence[str] = (),
) -> Clients:
    """Return clients made from the environment's credentials.

    Waits are bounded (the engine sets no deadline of its own) and stay well inside the margin of
    the revocation time, so that a call that succeeds late is a call that failed. Policy documents
    are handed out as AWS sent them (URL-encoded JSON), because botocore's own decoding loses the
    bytes that a lift gives back.

    Args:
        incident: named in the user agent, so that our calls can be told from the attacker's.
        region: where STS is asked; the environment decides where it is None.
        role_arn: a role to assume first.
        cancelled: once set, no mutating call is sent any more, not even as a retry.
        sign_in_regions: where sign-in sessions are looked for; in those that are usual if empty.

    Raises:
        AccessError: no credentials are found, or *role_arn* cannot be assumed.
        RefusedError: IAM and STS are set to endpoints of which only one is AWS's.
    """
    session, config = _session(region), _config(incident)
    through = None
    if role_arn:
        session, through = _assume(session, role_arn, config)
    iam = session.client("iam", config=config)
    sts = session.client("sts", config=config)
    if is_emulated(iam.meta.endpoint_url) != is_emulated(sts.meta.endpoint_url):
        raise RefusedError(
            f"IAM is at {iam.meta.endpoint_url} and STS at {sts.meta.endpoint_url}:"
            " one of them is AWS and the other is not",
            remedy="set AWS_ENDPOINT_URL for both, or for neither",
        )
    iam.meta.events.unregister("after-call.iam", json_decode_policies)
    retry_throttled(iam)
    retry_throttled(sts)
    stop = _stop_switch(cancelled) if cancelled is not None else None
    if stop is not None:
        iam.meta.events.register("before-send.iam", stop)
        sts.meta.events.register("before-send.sts", stop)
    return Clients(
        iam=iam,
        sts=sts,
        endpoint=iam.meta.endpoint_url,
        through=through,
        sign_ins=cache(
            partial(_sign_ins, session, config, iam.meta.endpoint_url, stop, sign_in_regions)
        ),
        reader=partial(_reader, session, config, Lock()),
    )


def connect_organizations(
    *,
    incident: str | None = None,
    region: str | None = None,
    role_arn: str | None = None,
    cancelled: Event | None = None,
) -> OrganizationsClient:
    """Return a client of the organisation's own API; waits and stop switch as for :func:`connect`.

    Args:
        incident: as for :func:`connect`.
        region: as for :func:`connect`.
        role_arn: a role of the management account, or of a delegated administrator, to assume.
        cancelled: as for :func:`connect`.

    Raises:
        AccessError: no credentials are found, or *role_arn* cannot be assumed.
    """
    session, config = _session(region), _config(incident)
    if role_arn:
        session, _ = _assume(session, role_arn, config)
    organizations = session.client("organizations", config=config)
    if cancelled is not None:
        organizations.meta.events.register("before-send.organizations", _stop_switch(cancelled))
    return organizations


def _reader(session: boto3.Session, config: Config, making: Lock, service: str, region: str) -> Any:
    """Return a client to read with; a session makes one client at a time."""
    with making:
        make: Any = session.client
        return make(service, region_name=region, config=config)


def _sign_ins(
    session: boto3.Session,
    config: Config,
    endpoint: str,
    stop: Callable[..., None] | None,
    named: Sequence[str],
) -> tuple[Any, ...]:
    """Return the clients of the sign-in API, one a Region.

    An emulation is one place. The API takes no ARN of another partition than ``aws``.
    """
    own = str(session.region_name)
    # Without it a service's own setting would count, or AWS would be asked for an emulation.
    emulation = endpoint if is_emulated(endpoint) else None
    regions: tuple[str, ...] = ()
    if emulation:
        regions = (own,)
    elif session.get_partition_for_region(own) == "aws":
        regions = tuple(dict.fromkeys(named or (own, *REGIONS)))
    made: list[Any] = []
    for region in regions:
        client: Any = session.client(
            "signin", region_name=region, config=config, endpoint_url=emulation
        )
        retry_throttled(client)
        if emulation:
            keep_to_endpoint(client)
        if stop is not None:
            client.meta.events.register("before-send.signin", stop)
        made.append(client)
    return tuple(made)


def _session(region: str | None) -> boto3.Session:
    # IAM is global and STS answers everywhere; a Region that nobody set must not stop anyone.
    try:
        session = boto3.Session(region_name=region or boto3.Session().region_name or "us-east-1")
    except ProfileNotFound as error:
        raise AccessError(
            f"the AWS profile in use is not configured ({error})",
            remedy="see 'aws configure list-profiles', or unset AWS_PROFILE",
        ) from error
    if session.get_credentials() is None:
        raise AccessError(
            "no AWS credentials were found",
            remedy="set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ' (for the lab: eval "$(containment lab env)")',
        )
    return session


def _config(incident: str | None) -> Config:
    agent = f"containment/{version('containment')}" + (f" incident/{incident}" if incident else "")
    return Config(
        connect_timeout=5,
        read_timeout=15,
        retries={"mode": "standard", "total_max_attempts": 4},
        user_agent_extra=agent,
        max_pool_connections=128,
    )


def _stop_switch(cancelled: Event) -> Callable[..., None]:
    def stop(request: AWSPreparedRequest, event_name: str, **_: object) -> None:
        operation = event_name.rpartition(".")[2]
        if cancelled.is_set() and is_mutating(operation):
            tries = str(request.headers.get("amz-sdk-request", "attempt=1"))
            raise CancelledError(operation, sent_before="attempt=1" not in tries)

    return stop


def _assume(session: boto3.Session, role_arn: str, config: Config) -> tuple[boto3.Session, str]:
    sts = session.client("sts", config=config)
    try:
        through = str(sts.get_caller_identity()["Arn"])
        issued = sts.assume_role(RoleArn=role_arn, RoleSessionName="containment")["Credentials"]
    except (ClientError, BotoCoreError) as error:
        raise AccessError(
            f"the responder role {role_arn} cannot be assumed ({error})",
            remedy="check the role in the stack's configuration and its trust policy",
        ) from error
    assumed = boto3.Session(
        aws_access_key_id=issued["AccessKeyId"],
        aws_secret_access_key=issued["SecretAccessKey"],
        aws_session_token=issued["SessionToken"],
        region_name=session.region_name,
    )
    return assumed, through

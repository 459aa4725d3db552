"""Sessions of contained roles that only ask IAM one question, to see whether AWS refuses them.

They are made with the responder's own rights, where a role lets them in at all, and a session
policy leaves them that one question: whoever stole such a session could ask it, and nothing else.

Source: STS API Reference, AssumeRole (``Policy``: the session may do what both it and the role's
policies allow; ``DurationSeconds``: 15 minutes at least); IAM API Reference, GetAccountSummary.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.caller import identify
from containment.aws.faults import code, explain

if TYPE_CHECKING:
    from datetime import datetime

    from containment.aws.clients import Clients

QUESTION = "GetAccountSummary"
SESSION_NAME = "containment-verify"
_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": f"iam:{QUESTION}", "Resource": "*"}],
    }
)
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=5,
    read_timeout=15,
    user_agent_extra="containment-verify",
)
_SECONDS = 900


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """What AWS answered to the question: nothing but *code* and *message* where it refused."""

    allowed: bool
    code: str = ""
    message: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class ProbeSession:
    """One session of a role; *issued_by* is AWS's time just after it was issued."""

    arn: str
    access_key_id: str
    issued_by: datetime
    iam: Any

    def ask(self) -> ProbeAnswer:
        """Ask the question.

        Raises:
            UnavailableError: nobody answers.
        """
        try:
            self.iam.get_account_summary()
        except ClientError as error:
            return refusal_of(error)
        except BotoCoreError as error:
            raise explain(f"asking {QUESTION} as {self.arn}", error) from error
        return ProbeAnswer(allowed=True)


def assume(clients: Clients, role_arn: str) -> ProbeSession | ProbeAnswer:
    """Take up *role_arn*, or return AWS's refusal.

    Raises:
        ContainmentError: nobody answers.
    """
    try:
        answer = clients.sts.assume_role(
            RoleArn=role_arn,
            RoleSessionName=SESSION_NAME,
            Policy=_POLICY,
            DurationSeconds=_SECONDS,
        )
    except ClientError as error:
        return refusal_of(error)
    except BotoCoreError as error:
        raise explain(f"taking up {role_arn}", error) from error
    issued = answer["Credentials"]
    iam = boto3.Session().client(
        "iam",
        endpoint_url=clients.endpoint if clients.emulated else None,
        aws_access_key_id=issued["AccessKeyId"],
        aws_secret_access_key=issued["SecretAccessKey"],
        aws_session_token=issued["SessionToken"],
        config=_CONFIG,
    )
    return ProbeSession(
        answer["AssumedRoleUser"]["Arn"],
        issued["AccessKeyId"],
        identify(clients.sts).answered_at,
        iam,
    )


def refusal_of(error: ClientError) -> ProbeAnswer:
    """Return what AWS said when it refused."""
    response: Any = error.response
    metadata = response.get("ResponseMetadata", {})
    return ProbeAnswer(
        allowed=False,
        code=code(error),
        message=str(response.get("Error", {}).get("Message", "")),
        request_id=str(metadata.get("RequestId", "")),
    )

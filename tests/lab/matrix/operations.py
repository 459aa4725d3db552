"""Operations that answer, and the codes of their errors: what few emulators have."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.lab.matrix.bench import Bench, Probe, allow, case, refused, table


def _encoded_of(bench: Bench) -> str:
    keys = bench.user()[1]
    try:
        bench.client("ec2", keys).describe_instances()
    except ClientError as error:
        return str(error.response["Error"]["Message"]).rpartition("failure message: ")[2]
    raise AssertionError("it was allowed")


@case("allow")
def an_encoded_denial_is_decoded_for_who_may(bench: Bench) -> Probe:
    keys = bench.user(allow("sts:DecodeAuthorizationMessage"))[1]

    def probe() -> None:
        answer = bench.client("sts", keys).decode_authorization_message(
            EncodedMessage=_encoded_of(bench)
        )["DecodedMessage"]
        document = json.loads(answer)
        assert document["allowed"] is False
        assert document["explicitDeny"] is False
        assert document["context"]["action"] == "ec2:DescribeInstances"

    return probe


@case("deny", "AccessDenied")
def an_encoded_denial_is_decoded_for_nobody_else(bench: Bench) -> Probe:
    keys = bench.user()[1]
    encoded = _encoded_of(bench)
    return lambda: bench.client("sts", keys).decode_authorization_message(EncodedMessage=encoded)


refused(
    "an encoded message that nobody encoded",
    "InvalidAuthorizationMessageException",
    lambda b: b.client("sts", b.admin).decode_authorization_message(EncodedMessage="bm9uZQ=="),
)
refused(
    "the management account leaving",
    "MasterCannotLeaveOrganizationException",
    lambda b: b.client("organizations", b.admin).leave_organization(),
)


@case("deny", "AccessDeniedException")
def leaving_the_organisation_needs_the_permission(bench: Bench) -> Probe:
    keys = bench.user(allow("iam:*"), iam=bench.member_iam)[1]
    return lambda: bench.client("organizations", keys).leave_organization()


_TITAN = "amazon.titan-text-lite-v1"


def _invokes(bench: Bench, resource: str) -> Probe:
    keys = bench.user(allow("bedrock:InvokeModel", resource))[1]
    return lambda: bench.client("bedrock-runtime", keys).invoke_model(
        modelId=_TITAN, body=b'{"inputText": "hello"}'
    )


table(
    "a model",
    [
        ("allow", "is invoked by who may", "*"),
        (
            "allow",
            "is invoked by who may this one",
            f"arn:aws:bedrock:us-east-1::foundation-model/{_TITAN}",
        ),
        (
            "deny",
            "is not invoked by who may another",
            "arn:aws:bedrock:us-east-1::foundation-model/other",
        ),
    ],
    _invokes,
)


def _status_of(service: str, operation: str, status: int) -> Any:
    def prepare(bench: Bench) -> Probe:
        keys = bench.user()[1]

        def probe() -> None:
            with pytest.raises(ClientError) as denied:
                getattr(bench.client(service, keys), operation)()
            assert denied.value.response["ResponseMetadata"]["HTTPStatusCode"] == status

        return probe

    return prepare


table(
    "the status of a denial",
    [
        ("allow", "is 400 by the JSON protocols", _status_of("dynamodb", "list_tables", 400)),
        ("allow", "is 400 by KMS", _status_of("kms", "list_keys", 400)),
        ("allow", "is 400 by Secrets Manager", _status_of("secretsmanager", "list_secrets", 400)),
        ("allow", "is 400 by Organizations", _status_of("organizations", "list_roots", 400)),
        ("allow", "is 403 by REST-JSON", _status_of("lambda", "list_functions", 403)),
        ("allow", "is 403 by IAM", _status_of("iam", "list_users", 403)),
        ("allow", "is 403 by S3", _status_of("s3", "list_buckets", 403)),
        ("allow", "is 403 by EC2", _status_of("ec2", "describe_instances", 403)),
    ],
    lambda bench, prepare: prepare(bench),
)

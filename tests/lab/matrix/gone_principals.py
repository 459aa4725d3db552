"""Principals that policies on resources name, after they are gone, renamed or made anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.lab.matrix.bench import Bench, Keys, Probe, case, policy, refused, table
from tests.lab.matrix.keys_and_queues import grant_to, key_with


# Principals that are gone: "the principal is the unique ID", and nobody who comes after.
def _made_anew(
    bench: Bench, grant: Callable[[Bench, str], Callable[[Keys], Any]], *, anew: bool
) -> Probe:
    name, keys = bench.user()
    use = grant(bench, bench.user_arn(name))
    if anew:
        bench.iam.delete_access_key(UserName=name, AccessKeyId=keys[0])
        bench.iam.delete_user(UserName=name)
        bench.iam.create_user(UserName=name)
        made = bench.iam.create_access_key(UserName=name)["AccessKey"]
        keys = (made["AccessKeyId"], made["SecretAccessKey"])
    return lambda: use(keys)


def _bucket_for(bench: Bench, arn: str) -> Callable[[Keys], Any]:
    statement = grant_to(arn, "s3:GetObject", Resource="arn:aws:s3:::BUCKET/*")
    bucket = bench.bucket(policy_document=policy(statement))
    return lambda keys: bench.client("s3", keys).get_object(Bucket=bucket, Key="k")


def _key_for(bench: Bench, arn: str) -> Callable[[Keys], Any]:
    key = key_with(bench, grant_to(arn, "kms:Encrypt"))
    return lambda keys: bench.client("kms", keys).encrypt(KeyId=key, Plaintext=b"x")


def _queue_for(bench: Bench, arn: str) -> Callable[[Keys], Any]:
    url = bench.client("sqs", bench.admin).create_queue(
        QueueName=bench.name("q"), Attributes={"Policy": policy(grant_to(arn, "sqs:SendMessage"))}
    )["QueueUrl"]
    return lambda keys: bench.client("sqs", keys).send_message(QueueUrl=url, MessageBody="x")


def _topic_for(bench: Bench, arn: str) -> Callable[[Keys], Any]:
    sns = bench.client("sns", bench.admin)
    topic = sns.create_topic(Name=bench.name("t"))["TopicArn"]
    document = policy(grant_to(arn, "sns:Publish", Resource=topic))
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=document)
    return lambda keys: bench.client("sns", keys).publish(TopicArn=topic, Message="x")


def _secret_for(bench: Bench, arn: str) -> Callable[[Keys], Any]:
    secrets_client = bench.client("secretsmanager", bench.admin)
    secret = secrets_client.create_secret(Name=bench.name("s"), SecretString="x")["ARN"]
    secrets_client.put_resource_policy(
        SecretId=secret, ResourcePolicy=policy(grant_to(arn, "secretsmanager:GetSecretValue"))
    )
    return lambda keys: bench.client("secretsmanager", keys).get_secret_value(SecretId=secret)


for _what, _giving in (
    ("a bucket", _bucket_for),
    ("a key", _key_for),
    ("a queue", _queue_for),
    ("a topic", _topic_for),
    ("a secret", _secret_for),
):
    table(
        f"{_what} that names a user",
        [
            ("allow", "lets that user", _giving, False),
            ("deny", "lets nobody who is made anew under the name", _giving, True),
        ],
        lambda bench, giving, anew: _made_anew(bench, giving, anew=anew),
    )


@case("allow")
def a_deleted_user_shows_as_its_unique_id(bench: Bench) -> Probe:
    name, keys = bench.user()
    unique = bench.iam.get_user(UserName=name)["User"]["UserId"]
    statement = grant_to(bench.user_arn(name), "s3:GetObject", Resource="arn:aws:s3:::BUCKET/*")
    bucket = bench.bucket(policy_document=policy(statement))
    bench.iam.delete_access_key(UserName=name, AccessKeyId=keys[0])
    bench.iam.delete_user(UserName=name)

    def probe() -> None:
        shown = bench.client("s3", bench.admin).get_bucket_policy(Bucket=bucket)["Policy"]
        assert unique in shown
        assert f"user/{name}" not in shown

    return probe


@case("allow")
def a_renamed_user_is_still_the_one_a_bucket_names(bench: Bench) -> Probe:
    name, keys = bench.user()
    use = _bucket_for(bench, bench.user_arn(name))
    bench.iam.update_user(UserName=name, NewUserName=f"{name}-renamed")
    return lambda: use(keys)


def _refused_for_nobody(code: str, service: str, give: Callable[[Bench, str], Any]) -> None:
    refused(f"{service} that names nobody who exists", code, lambda b: give(b, b.user_arn("none")))


_refused_for_nobody("MalformedPolicyDocumentException", "a key", _key_for)
_refused_for_nobody("InvalidAttributeValue", "a queue", _queue_for)
_refused_for_nobody("InvalidParameter", "a topic", _topic_for)
_refused_for_nobody("MalformedPolicyDocumentException", "a secret", _secret_for)

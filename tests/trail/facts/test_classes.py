"""Which class a call is of: what hands out a credential is never a mere look."""

from __future__ import annotations

import pytest

from containment.trail.facts.classes import classify

pytestmark = pytest.mark.plain

# Service and operation, as botocore's models and the services' API references name them.
HANDS_OUT = [
    ("account-access", "CreateEntitlement"),
    ("codeartifact", "GetAuthorizationToken"),
    ("eks-auth", "AssumeRoleForPodIdentity"),
    ("iam", "AcquireRole"),
    ("iam", "CreateServiceSpecificCredential"),
    ("iam", "UpdateSSHPublicKey"),
    ("iam", "UploadSSHPublicKey"),
    ("lightsail", "CreateBucketAccessKey"),
    ("s3", "GetDataAccess"),
    ("signin", "CreateBearerToken"),
    ("signin", "CreateOAuth2Token"),
    ("signin", "CreateOAuth2TokenWithIAM"),
    ("sso", "GetRoleCredentials"),
    ("sts", "AssumeRoot"),
    ("sts", "GetDelegatedAccessToken"),
    ("sts", "GetScopedCredentials"),
    ("sts", "GetWebIdentityToken"),
]


@pytest.mark.parametrize(("service", "name"), HANDS_OUT)
@pytest.mark.parametrize("read_only", [None, True])
def test_what_hands_out_or_opens_a_credential_is_no_plain_read(
    service: str, name: str, *, read_only: bool | None
) -> None:
    klass = classify(f"{service}.amazonaws.com", name, read_only, None)

    assert klass in ("permission_change", "sensitive_read")


@pytest.mark.parametrize(
    ("service", "name", "klass"),
    [
        ("sts", "GetCallerIdentity", "plain_read"),
        ("iam", "ListUsers", "plain_read"),
        ("ec2", "DescribeInstances", "plain_read"),
        ("s3", "DeleteBucket", "deletes"),
    ],
)
def test_looking_around_and_deleting_stay_what_they_are(
    service: str, name: str, klass: str
) -> None:
    assert classify(f"{service}.amazonaws.com", name, None, None) == klass

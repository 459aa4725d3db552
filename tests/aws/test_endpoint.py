"""Where calls go: AWS, or an emulation that says so."""

from __future__ import annotations

import pytest

from containment.aws.endpoint import banner, configured, is_emulated, same_place

pytestmark = pytest.mark.plain


@pytest.mark.parametrize(
    ("url", "emulated"),
    [
        (None, False),
        ("https://iam.amazonaws.com", False),
        ("https://iam.cn-north-1.amazonaws.com.cn", False),
        ("https://sts.eu-central-1.api.aws", False),
        ("http://127.0.0.1:5000", True),
        ("https://iam.amazonaws.com.evil.example", True),
        ("https://amazonaws.com", True),
        ("nonsense", True),
    ],
)
def test_only_aws_own_names_are_aws(url: str | None, *, emulated: bool) -> None:
    assert is_emulated(url) is emulated


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, None),
        ({"AWS_ENDPOINT_URL": "http://a"}, "http://a"),
        ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_IAM": "http://b"}, "http://b"),
        ({"AWS_ENDPOINT_URL": "http://a", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, None),
    ],
)
def test_the_environment_is_read_as_the_sdks_read_it(
    environ: dict[str, str], url: str | None
) -> None:
    assert configured(environ) == url


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://iam.amazonaws.com", "https://iam-fips.amazonaws.com", True),
        ("https://iam.amazonaws.com", "https://vpce-1-2.iam.us-east-1.vpce.amazonaws.com", True),
        ("https://iam.amazonaws.com", "http://127.0.0.1:5000", False),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000", True),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5001", False),
    ],
)
def test_aws_is_one_place_and_each_emulation_its_own(one: str, other: str, *, same: bool) -> None:
    assert same_place(one, other) is same


def test_the_banner_names_the_place() -> None:
    assert banner("http://127.0.0.1:5000").startswith("EMULATED: http://127.0.0.1:5000")

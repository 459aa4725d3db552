"""AssumeRoleWithSAML: who is let in by a signed assertion, with what, and what is not believed."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.lab.matrix.bench import (
    MANAGEMENT,
    Bench,
    Keys,
    Probe,
    allow,
    case,
    deny,
    keys_of,
    policy,
    refused,
    table,
)
from tests.lab.matrix.directory import SIGN_IN, SignIn, metadata

_ISSUER = "https://directory.example.com/saml"
_ACTIONS = ["sts:AssumeRoleWithSAML", "sts:TagSession", "sts:SetSourceIdentity"]
_SIGN_IN_ONLY = {"StringEquals": {"saml:aud": SIGN_IN}}


class Setting:
    """A provider, a role that trusts it, and a sign-in that is in order unless it is changed."""

    def __init__(
        self,
        bench: Bench,
        *statements: dict[str, Any],
        block: dict[str, Any] | None = None,
        actions: list[str] | None = None,
        **role: Any,
    ) -> None:
        self.bench = bench
        name = bench.name("directory")
        self.provider = bench.iam.create_saml_provider(
            Name=name, SAMLMetadataDocument=metadata(_ISSUER)
        )["SAMLProviderArn"]
        trusting = {
            "Effect": "Allow",
            "Principal": {"Federated": self.provider},
            "Action": _ACTIONS if actions is None else actions,
            "Condition": _SIGN_IN_ONLY if block is None else block,
        }
        own = statements or (allow("iam:ListUsers"),)
        self.role, self.arn = bench.role(*own, trusting=policy(trusting), **role)

    def sign_in(self, more: dict[str, list[str]] | None = None, **changed: Any) -> SignIn:
        attributes = {
            "Role": [f"{self.arn},{self.provider}"],
            "RoleSessionName": ["alice"],
            **(more or {}),
        }
        return SignIn(**{"issuer": _ISSUER, "attributes": attributes, **changed})

    def session(self, sign_in: SignIn, **more: Any) -> dict[str, Any]:
        # Signed with a key that is not there: AWS asks for no signature on this call.
        sts = self.bench.client("sts", ("", ""), signature_version="unsigned")
        answer: dict[str, Any] = sts.assume_role_with_saml(
            RoleArn=self.arn,
            PrincipalArn=self.provider,
            SAMLAssertion=sign_in.encoded(),
            **more,
        )
        return answer

    def keys(self, sign_in: SignIn, **more: Any) -> Keys:
        return keys_of(self.session(sign_in, **more)["Credentials"])


def _signs_in(
    bench: Bench,
    more: dict[str, list[str]] | None = None,
    *,
    block: dict[str, Any] | None = None,
    actions: list[str] | None = None,
    **changed: Any,
) -> Probe:
    setting = Setting(bench, block=block, actions=actions)
    return lambda: setting.session(setting.sign_in(more, **changed))


table(
    "a SAML sign-in",
    [
        ("allow", "that is in order", None, {}),
        ("allow", "whose response is signed", None, {"whole": True}),
        ("allow", "at a Region's endpoint that is not asked for", None, {"block": {}}),
        ("error", "that somebody changed", None, {"spoil": (b"alice@", b"bobby@")}),
        ("deny", "of five minutes ago", None, {"ago": 301}),
        ("allow", "of four minutes ago", None, {"ago": 240}),
        ("error", "of another issuer", None, {"issuer": "https://elsewhere.example.com"}),
        ("error", "for another recipient", None, {"recipient": "https://example.com/saml"}),
        ("error", "for another audience", None, {"audience": "urn:elsewhere"}),
        ("error", "without a session name", {"RoleSessionName": []}, {}),
        ("error", "with a session name that no role session has", {"RoleSessionName": ["a b"]}, {}),
        ("deny", "for another role", {"Role": ["arn:aws:iam::1:role/x,y"]}, {}),
        (
            "deny",
            "that the trust policy's audience does not match",
            None,
            {"block": {"StringEquals": {"saml:aud": "https://elsewhere.example.com"}}},
        ),
        ("deny", "with tags that the trust policy lets nobody pass", {"PrincipalTag:team": ["a"]},
         {"actions": ["sts:AssumeRoleWithSAML"]}),
        ("allow", "with tags", {"PrincipalTag:team": ["a"]}, {}),
        ("deny", "with a source identity that the trust policy lets nobody set",
         {"SourceIdentity": ["alice"]}, {"actions": ["sts:AssumeRoleWithSAML"]}),
        ("allow", "with a source identity", {"SourceIdentity": ["alice"]}, {}),
        ("deny", "where the trust is for web identities", None,
         {"actions": ["sts:AssumeRoleWithWebIdentity"]}),
    ],
    lambda bench, more, parameters: _signs_in(bench, more, **parameters),
)  # fmt: skip

table(
    "a trust policy for SAML with",
    [
        (expect, f"{key} {value}, given {list(more)}", {"StringEquals": {key: value}}, more)
        for expect, key, value, more in [
            ("allow", "saml:iss", _ISSUER, {}),
            ("deny", "saml:iss", "https://elsewhere", {}),
            ("allow", "saml:sub", "alice@example.com", {}),
            ("deny", "saml:sub", "bob@example.com", {}),
            ("allow", "saml:sub_type", "transient", {}),
            ("deny", "saml:sub_type", "persistent", {}),
            ("allow", "sts:RoleSessionName", "alice", {}),
            ("deny", "sts:RoleSessionName", "bob", {}),
            ("allow", "sts:SourceIdentity", "al", {"SourceIdentity": ["al"]}),
            ("deny", "sts:SourceIdentity", "bo", {"SourceIdentity": ["al"]}),
            ("deny", "sts:SourceIdentity", "al", {}),
            ("allow", "aws:RequestTag/team", "a", {"PrincipalTag:team": ["a"]}),
            ("deny", "aws:RequestTag/team", "b", {"PrincipalTag:team": ["a"]}),
            ("allow", "saml:mail", "a@b", {"urn:oid:0.9.2342.19200300.100.1.3": ["a@b"]}),
        ]
    ],
    lambda bench, block, more: _signs_in(
        bench,
        more,
        # A single value of a key that may hold several.
        block={"ForAnyValue:StringEquals": block["StringEquals"]}
        if "saml:mail" in block["StringEquals"]
        else block,
    ),
)


def _code_of(
    code: str, claim: str, more: dict[str, list[str]] | None = None, **parameters: Any
) -> None:
    refused(claim, code, lambda bench: _signs_in(bench, more, **parameters)())


_code_of(
    "InvalidIdentityToken", "a changed SAML assertion", spoil=(b"alice@example", b"mallo@example")
)
_code_of("ExpiredTokenException", "a SAML assertion of yesterday", ago=86400)
_code_of("InvalidIdentityToken", "a SAML assertion of another issuer", issuer="https://x.example")
_code_of("AccessDenied", "a SAML assertion for another role", {"Role": ["a,b"]})
_code_of(
    "InvalidIdentityToken",
    "a SAML assertion signed by somebody else",
    key=rsa.generate_private_key(public_exponent=65537, key_size=2048),
)


@case("allow")
def a_saml_session_acts_as_its_role(bench: Bench) -> Probe:
    setting = Setting(bench)
    return bench.lists_users(setting.keys(setting.sign_in()))


@case("deny", "AccessDenied")
def a_saml_session_has_no_more_than_its_role(bench: Bench) -> Probe:
    setting = Setting(bench)
    return bench.lists_buckets(setting.keys(setting.sign_in()))


@case("deny", "AccessDenied")
def a_saml_session_has_no_more_than_its_session_policy(bench: Bench) -> Probe:
    setting = Setting(bench, allow("*"))
    return bench.lists_users(setting.keys(setting.sign_in(), Policy=policy(allow("s3:*"))))


def _in_session(bench: Bench, block: dict[str, Any], more: dict[str, list[str]]) -> Probe:
    setting = Setting(bench, allow("iam:ListUsers"), deny("*", Condition=block))
    return bench.lists_users(setting.keys(setting.sign_in(more)))


table(
    "a SAML session under a Deny with",
    [
        (expect, f"{key} {value}", {"StringEquals": {key: value}}, more)
        for expect, key, value, more in [
            ("deny", "saml:sub", "alice@example.com", {}),
            ("deny", "saml:sub_type", "transient", {}),
            ("allow", "saml:aud", SIGN_IN, {}),
            ("deny", "aws:PrincipalTag/team", "a", {"PrincipalTag:team": ["a"]}),
            ("deny", "aws:SourceIdentity", "al", {"SourceIdentity": ["al"]}),
            ("allow", "aws:SourceIdentity", "bo", {"SourceIdentity": ["al"]}),
        ]
    ],
    _in_session,
)


@case("deny")
def a_saml_session_can_be_denied_by_its_provider(bench: Bench) -> Probe:
    provider = f"arn:aws:iam::{MANAGEMENT}:saml-provider/directory*"
    block = {"ArnLike": {"aws:FederatedProvider": provider}}
    return _in_session(bench, block, {})


@case("deny")
def a_saml_session_ends_when_the_provider_says(bench: Bench) -> Probe:
    setting = Setting(bench)
    answer = setting.session(setting.sign_in(ends=1000), DurationSeconds=3600)
    remaining = answer["Credentials"]["Expiration"].timestamp() - _now()
    return (
        bench.lists_buckets(keys_of(answer["Credentials"])) if 900 < remaining < 1001 else _nothing
    )


def _now() -> float:
    import time  # noqa: PLC0415

    return time.time()


def _nothing() -> None:
    """Be allowed, where that is wrong."""


@case("error")
def a_saml_session_longer_than_the_role_lets_is_refused(bench: Bench) -> Probe:
    setting = Setting(bench)
    return lambda: setting.session(setting.sign_in(), DurationSeconds=7200)


@case("error")
def a_saml_assertion_is_refused_once_its_provider_is_gone(bench: Bench) -> Probe:
    setting = Setting(bench)
    bench.iam.delete_saml_provider(SAMLProviderArn=setting.provider)
    return lambda: setting.session(setting.sign_in())


@case("allow")
def a_saml_session_outlives_its_provider(bench: Bench) -> Probe:
    setting = Setting(bench)
    keys = setting.keys(setting.sign_in())
    bench.iam.delete_saml_provider(SAMLProviderArn=setting.provider)
    return bench.lists_users(keys)


refused(
    "SAML metadata that is none",
    "InvalidInput",
    lambda b: b.iam.create_saml_provider(Name="x", SAMLMetadataDocument="x" * 1000),
)
refused(
    "a SAML provider that is not there",
    "NoSuchEntity",
    lambda b: b.iam.get_saml_provider(
        SAMLProviderArn=f"arn:aws:iam::{MANAGEMENT}:saml-provider/none"
    ),
)
refused(
    "a SAML provider under a name that is taken",
    "EntityAlreadyExists",
    lambda b: b.iam.create_saml_provider(
        Name=Setting(b).provider.rsplit("/", 1)[-1], SAMLMetadataDocument=metadata(_ISSUER)
    ),
)

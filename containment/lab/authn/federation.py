"""Callers that an identity provider vouches for, by a web identity token or a SAML assertion.

What the provider says takes the place of parameters: the session's tags and source identity, for
SAML its name as well. Sources: AWS STS API Reference, "AssumeRoleWithWebIdentity" and
"AssumeRoleWithSAML"; IAM User Guide, "IAM and AWS STS condition context keys" (Available keys for
OIDC and for SAML federation) and "Pass session tags in AWS STS".
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from containment.iam_policy.principals import Identity
from containment.lab.authn import saml, web_identity
from containment.lab.authn.callers import Caller
from containment.lab.protocol.refusal import Reason, Refusal
from containment.lab.state import moto_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from containment.lab.protocol.operations import Operation

Parameters = Mapping[str, Any]

_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_TAGS = "https://aws.amazon.com/tags"
_SOURCE_IDENTITY = "https://aws.amazon.com/source_identity"
# "Mapping SAML attributes to AWS trust policy context keys": what has one meaning everywhere.
_PERSON = {
    f"urn:oid:1.3.6.1.4.1.5923.1.1.1.{number}": f"saml:{name}"
    for number, name in enumerate(
        (
            "edupersonaffiliation",
            "edupersonnickname",
            "edupersonorgdn",
            "edupersonorgunitdn",
            "edupersonprimaryaffiliation",
            "edupersonprincipalname",
            "edupersonentitlement",
            "edupersonprimaryorgunitdn",
            "edupersonscopedaffiliation",
            "edupersontargetedid",
            "edupersonassurance",
        ),
        1,
    )
} | {
    "urn:oid:2.5.4.3": "saml:cn",
    "urn:oid:0.9.2342.19200300.100.1.1": "saml:uid",
    "urn:oid:0.9.2342.19200300.100.1.3": "saml:mail",
}


def vouched(operation: Operation) -> tuple[Operation, Caller] | None:
    """Return *operation* with what the provider says, and who calls; None where nobody vouches.

    Raises:
        Refusal: the token or assertion is not valid, or its provider is not known in the account.
    """
    ask = _BY_OPERATION.get(operation.label)
    if ask is None:
        return None
    caller = ask(operation.parameters)
    return replace(operation, parameters={**operation.parameters, **caller.asserted}), caller


def _by_web_identity(parameters: Parameters) -> Caller:
    try:
        claims = web_identity.read(
            str(parameters.get("WebIdentityToken", "")), now=moto_state.clock()
        )
    except web_identity.InvalidTokenError as error:
        expired = "expired" in str(error)
        code = "ExpiredTokenException" if expired else "InvalidIdentityToken"
        raise _refused(str(error), code) from error
    account = _account(str(parameters.get("RoleArn", "")))
    host = str(claims["iss"]).removeprefix("https://")
    arn = f"arn:aws:iam::{account}:oidc-provider/{host}"
    provider = moto_state.iam(account).open_id_providers.get(arn) if account else None
    if provider is None:
        raise _refused(f"No OpenIDConnect provider found in your account for {claims['iss']}")
    if claims["aud"] not in provider.client_id_list:
        raise _refused("Incorrect token audience")
    kept = {f"{host}:aud": str(claims["aud"]), f"{host}:sub": str(claims["sub"])}
    tags = cast("dict[str, Any]", claims.get(_TAGS, {}))
    return _caller(
        "web identity",
        account=account,
        provider=arn,
        name=str(claims["sub"]),
        user_id=f"{arn}:{claims['aud']}:{claims['sub']}",
        claims=kept,
        kept=kept,
        asserted=_asserted(
            {key: str(values[0]) for key, values in tags.get("principal_tags", {}).items()},
            transitive=list(tags.get("transitive_tag_keys", ())),
            source_identity=str(claims.get(_SOURCE_IDENTITY, "")),
        ),
    )


def _by_saml(parameters: Parameters) -> Caller:
    provider_arn = str(parameters.get("PrincipalArn", ""))
    account, name = _account(provider_arn), provider_arn.rsplit("/", 1)[-1]
    provider = moto_state.iam(account).saml_providers.get(name) if account else None
    if provider is None or provider.arn != provider_arn:
        raise _refused(f"No SAML provider found in your account for {provider_arn}")
    try:
        assertion = saml.read(
            str(parameters.get("SAMLAssertion", "")),
            str(provider.saml_metadata_document),
            now=moto_state.clock(),
        )
    except saml.InvalidAssertionError as error:
        raise _refused(
            str(error), "ExpiredTokenException" if error.expired else "InvalidIdentityToken"
        ) from error
    pair = {str(parameters.get("RoleArn", "")), provider_arn}
    if not any(
        {part.strip() for part in one.split(",")} == pair for one in assertion.claim("Role")
    ):
        raise Refusal(
            Reason.DENIED, "Not authorized to perform sts:AssumeRoleWithSAML", code="AccessDenied"
        )
    session_name = next(iter(assertion.claim("RoleSessionName")), "")
    if not session_name:
        raise _refused("RoleSessionName is required in AuthnResponse")
    if not _SESSION_NAME.fullmatch(session_name):
        raise _refused("RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}")
    qualifier = name_qualifier(assertion.issuer, account, name)
    kept = {
        "saml:sub": assertion.subject,
        "saml:sub_type": assertion.subject_type,
        "saml:namequalifier": qualifier,
    }
    return _caller(
        "SAML",
        account=account,
        provider=provider_arn,
        name=assertion.subject,
        user_id=f"{qualifier}:{assertion.subject}",
        claims={
            **kept,
            "saml:aud": assertion.recipient,
            "saml:iss": assertion.issuer,
            "saml:doc": f"{account}/{name}",
            **{
                key: assertion.attributes[attribute]
                for attribute, key in _PERSON.items()
                if attribute in assertion.attributes
            },
        },
        kept=kept,
        asserted={
            "RoleSessionName": session_name,
            "SAMLAssertionID": assertion.identifier,
            **_lifetime(assertion),
            **_asserted(
                assertion.claims("PrincipalTag:"),
                transitive=list(assertion.claim("TransitiveTagKeys")),
                source_identity=next(iter(assertion.claim("SourceIdentity")), ""),
            ),
        },
    )


def name_qualifier(issuer: str, account: str, provider: str) -> str:
    """Return ``saml:namequalifier``: a hash of issuer, account and the provider's name."""
    text = f"{issuer}{account}/{provider}".encode()
    return base64.b64encode(hashlib.sha1(text, usedforsecurity=False).digest()).decode()


def _lifetime(assertion: saml.Assertion) -> dict[str, Any]:
    """Return how long the provider lets a session last: the shorter of this and what is asked."""
    if assertion.session_until is None:
        return {}
    return {"SessionNotOnOrAfter": assertion.session_until}


def _asserted(
    tags: Mapping[str, str], *, transitive: list[str], source_identity: str
) -> dict[str, Any]:
    claims: dict[str, Any] = {}
    if tags:
        claims["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    if transitive:
        claims["TransitiveTagKeys"] = transitive
    if source_identity:
        claims["SourceIdentity"] = source_identity
    return claims


def _caller(
    kind: Any,
    *,
    account: str,
    provider: str,
    name: str,
    user_id: str,
    claims: Mapping[str, str | tuple[str, ...]],
    kept: Mapping[str, str],
    asserted: Mapping[str, Any],
) -> Caller:
    return Caller(
        kind=kind,
        account=account,
        arn=f"{provider}:{name}",
        principal_arn=provider,
        unique_id="",
        user_id=user_id,
        name=name,
        access_key_id="",
        entity={},
        identity=Identity(account=account, names=frozenset(), federated=provider),
        claims=claims,
        kept=tuple(kept.items()),
        asserted=asserted,
    )


def _account(arn: str) -> str:
    return arn.split(":")[4] if arn.startswith("arn:aws:iam::") else ""


def _refused(message: str, code: str = "InvalidIdentityToken") -> Refusal:
    return Refusal(Reason.MALFORMED, message, code=code, status=400)


_BY_OPERATION: Mapping[str, Callable[[Parameters], Caller]] = {
    "sts:AssumeRoleWithWebIdentity": _by_web_identity,
    "sts:AssumeRoleWithSAML": _by_saml,
}

"""SAML 2.0 assertions: what an identity provider signs, and what AWS makes of it.

Any provider counts whose metadata somebody gave to IAM. The lab is one itself (see *metadata* and
*mint*), so that a world can have people who sign in by SAML.

Sources: IAM User Guide, "Configure SAML assertions for the authentication response" and
"Troubleshoot SAML federation with IAM"; AWS STS API Reference, "AssumeRoleWithSAML".
"""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from containment.clock import isoformat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ISSUER = "https://idp.lab.example/metadata"
ENDPOINT = "https://signin.aws.amazon.com/saml"
AUDIENCE = "urn:amazon:webservices"
CLAIMS = "https://aws.amazon.com/SAML/Attributes/"
_P, _A = "urn:oasis:names:tc:SAML:2.0:protocol", "urn:oasis:names:tc:SAML:2.0:assertion"
_M, _S = "urn:oasis:names:tc:SAML:2.0:metadata", "http://www.w3.org/2000/09/xmldsig#"
_NAMES = {"p": _P, "a": _A, "m": _M, "s": _S}
_FORMAT = "urn:oasis:names:tc:SAML:2.0:nameid-format:"
# "Token must be redeemed within 5 minutes of issuance".
_FRESH = timedelta(minutes=5)
_LIFE = timedelta(days=36500)


class InvalidAssertionError(ValueError):
    """An assertion that AWS does not take; *expired* tells it apart from one it cannot believe."""

    def __init__(self, message: str, *, expired: bool = False) -> None:
        super().__init__(message)
        self.expired = expired


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a signed assertion says."""

    identifier: str
    issuer: str
    subject: str
    subject_type: str
    recipient: str
    session_until: datetime | None
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def claim(self, name: str) -> tuple[str, ...]:
        """Return the values of one of the attributes that AWS gives a meaning."""
        return self.attributes.get(CLAIMS + name, ())

    def claims(self, prefix: str) -> dict[str, str]:
        """Return the attributes below *prefix*, such as the tags of ``PrincipalTag:``."""
        start = CLAIMS + prefix
        return {
            name.removeprefix(start): values[0]
            for name, values in self.attributes.items()
            if name.startswith(start) and values
        }


@cache
def _own() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.lab.example")])
    made = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(made)
        .not_valid_after(made + _LIFE)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def metadata() -> str:
    """Return the metadata document of the lab's own identity provider, for CreateSAMLProvider."""
    encoded = _own()[1].public_bytes(serialization.Encoding.DER)
    return (
        f'<EntityDescriptor xmlns="{_M}" entityID="{ISSUER}">'
        f'<IDPSSODescriptor protocolSupportEnumeration="{_P}" WantAuthnRequestsSigned="false">'
        f'<KeyDescriptor use="signing"><KeyInfo xmlns="{_S}"><X509Data><X509Certificate>'
        f"{base64.b64encode(encoded).decode()}"
        "</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"
        f"<NameIDFormat>{_FORMAT}persistent</NameIDFormat>"
        '<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"'
        ' Location="https://idp.lab.example/sso"/></IDPSSODescriptor></EntityDescriptor>'
    )


def mint(subject: str, attributes: Mapping[str, Sequence[str]], *, now: datetime) -> str:
    """Return an authentication response of the lab's identity provider, in base64.

    *attributes* are named as AWS names them, without the prefix: ``Role``, ``RoleSessionName``,
    ``SourceIdentity``, ``PrincipalTag:team``, ``TransitiveTagKeys``.
    """
    from signxml.algorithms import SignatureMethod
    from signxml.signer import XMLSigner

    etree, identifier, issued = _etree(), f"_{secrets.token_hex(16)}", isoformat(now)
    until = isoformat(now + _FRESH)
    response = etree.Element(f"{{{_P}}}Response", nsmap={"p": _P}, ID="_r", Version="2.0")
    made = etree.SubElement(
        response, f"{{{_A}}}Assertion", nsmap={None: _A}, ID=identifier, Version="2.0"
    )
    made.set("IssueInstant", issued)
    _add(made, "Issuer", ISSUER)
    etree.SubElement(made, f"{{{_S}}}Signature", nsmap={"ds": _S}, Id="placeholder")
    who = _add(made, "Subject")
    _add(who, "NameID", subject, Format=f"{_FORMAT}persistent")
    confirmed = _add(who, "SubjectConfirmation", Method="urn:oasis:names:tc:SAML:2.0:cm:bearer")
    _add(confirmed, "SubjectConfirmationData", NotOnOrAfter=until, Recipient=ENDPOINT)
    conditions = _add(made, "Conditions", NotBefore=issued, NotOnOrAfter=until)
    _add(_add(conditions, "AudienceRestriction"), "Audience", AUDIENCE)
    _add(made, "AuthnStatement", AuthnInstant=issued)
    attribute_statement = _add(made, "AttributeStatement")
    for name, values in attributes.items():
        one = _add(attribute_statement, "Attribute", Name=CLAIMS + name)
        for value in values:
            _add(one, "AttributeValue", value)
    key, certificate = _own()
    signer = XMLSigner(signature_algorithm=SignatureMethod.RSA_SHA256)
    signed = signer.sign(
        made, key=key, cert=[certificate], reference_uri=identifier, id_attribute="ID"
    )
    response.replace(made, signed)
    return base64.b64encode(etree.tostring(response)).decode()


def _etree() -> Any:
    """Return lxml's module, which ships no types, only when somebody signs in by SAML."""
    return import_module("lxml.etree")


def _add(parent: Any, tag: str, text: str = "", **attributes: str) -> Any:
    made = _etree().SubElement(parent, f"{{{_A}}}{tag}", attributes)
    made.text = text or None
    return made


def entity_of(document: str) -> str:
    """Return the name that a metadata document gives its identity provider.

    Raises:
        InvalidAssertionError: it is no metadata of an identity provider that signs.
    """
    entity = _parsed(document.encode())
    if entity.tag != f"{{{_M}}}EntityDescriptor" or not _certificates(entity):
        raise InvalidAssertionError("Could not parse metadata")
    return str(entity.get("entityID", ""))


def read(encoded: str, document: str, *, now: datetime) -> Assertion:
    """Return what an assertion says, signed by the provider whose metadata *document* is.

    Raises:
        InvalidAssertionError: it is malformed, not signed by the provider, or too old.
    """
    try:
        raw = base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidAssertionError("Invalid base64 SAMLResponse") from error
    return _read_assertion(_signed(_parsed(raw), _parsed(document.encode()), now), document, now)


def _parsed(raw: bytes) -> Any:
    etree = _etree()
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        return etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as error:
        raise InvalidAssertionError("Invalid SAMLResponse: it is no XML") from error


def _certificates(entity: Any) -> list[x509.Certificate]:
    descriptors = entity.findall(".//m:IDPSSODescriptor/m:KeyDescriptor", _NAMES)
    texts = [
        "".join(text.split())
        for one in descriptors
        if one.get("use", "signing") == "signing"
        for text in one.itertext(f"{{{_S}}}X509Certificate")
    ]
    try:
        return [x509.load_der_x509_certificate(base64.b64decode(text)) for text in texts]
    except ValueError as error:
        raise InvalidAssertionError("Could not parse metadata") from error


def _signed(response: Any, entity: Any, now: datetime) -> Any:
    """Return the assertion that a certificate of the provider vouches for, and nothing beside it.

    Either the assertion or the whole response may be signed.
    """
    from signxml.exceptions import SignXMLException
    from signxml.verifier import SignatureConfiguration, XMLVerifier

    configuration = SignatureConfiguration(verification_time=now)
    for certificate in _certificates(entity):
        try:
            result: Any = XMLVerifier().verify(
                response, x509_cert=certificate, expect_config=configuration, id_attribute="ID"
            )
        except (SignXMLException, ValueError):
            continue
        signed = result.signed_xml
        if signed is not None and signed.tag == f"{{{_P}}}Response":
            signed = signed.find("a:Assertion", _NAMES)
        if signed is not None and signed.tag == f"{{{_A}}}Assertion":
            return signed
    raise InvalidAssertionError("Response signature invalid")


def _read_assertion(assertion: Any, document: str, now: datetime) -> Assertion:
    issuer = str(assertion.findtext("a:Issuer", "", _NAMES)).strip()
    if issuer != entity_of(document):
        raise InvalidAssertionError("Issuer not present in specified provider")
    data = assertion.find("a:Subject/a:SubjectConfirmation/a:SubjectConfirmationData", _NAMES)
    named = assertion.find("a:Subject/a:NameID", _NAMES)
    if data is None or named is None:
        raise InvalidAssertionError("Subject is required in AuthnResponse")
    issued, until = _time(assertion.get("IssueInstant")), _time(data.get("NotOnOrAfter"))
    if issued is None or until is None or not issued - _FRESH <= now < min(until, issued + _FRESH):
        raise InvalidAssertionError(
            "Token must be redeemed within 5 minutes of issuance", expired=True
        )
    recipient = str(data.get("Recipient", ""))
    audiences = {str(one.text).strip() for one in assertion.iterfind(".//a:Audience", _NAMES)}
    if not recipient.endswith("signin.aws.amazon.com/saml") or not (
        audiences & {AUDIENCE, recipient, ENDPOINT}
    ):
        raise InvalidAssertionError("Response does not contain the required audience.")
    statement = assertion.find("a:AuthnStatement", _NAMES)
    return Assertion(
        identifier=str(assertion.get("ID")),
        issuer=issuer,
        subject=str(named.text),
        subject_type=str(named.get("Format", "")).removeprefix(_FORMAT),
        recipient=recipient,
        session_until=_time(None if statement is None else statement.get("SessionNotOnOrAfter")),
        attributes={
            str(one.get("Name")): tuple(
                "".join(value.itertext()).strip()
                for value in one.iterfind("a:AttributeValue", _NAMES)
            )
            for one in assertion.iterfind("a:AttributeStatement/a:Attribute", _NAMES)
        },
    )


def _time(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

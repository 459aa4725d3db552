"""An identity provider of the tests' own: its key, its metadata, and assertions right and wrong."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml.algorithms import SignatureMethod
from signxml.signer import XMLSigner

ATTRIBUTES = "https://aws.amazon.com/SAML/Attributes/"
SIGN_IN = "https://signin.aws.amazon.com/saml"
_PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
_ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _certificate() -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "directory.example.com")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(_KEY.public_key())
        .serial_number(7)
        .not_valid_before(datetime(2024, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2124, 1, 1, tzinfo=UTC))
        .sign(_KEY, hashes.SHA256())
    )


CERTIFICATE = _certificate()


def metadata(issuer: str) -> str:
    encoded = base64.b64encode(CERTIFICATE.public_bytes(serialization.Encoding.DER)).decode()
    return (
        f'<?xml version="1.0"?><md:EntityDescriptor entityID="{issuer}"'
        ' xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">'
        f'<md:IDPSSODescriptor protocolSupportEnumeration="{_PROTOCOL}">'
        '<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
        f"<ds:X509Data><ds:X509Certificate>{encoded}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
        "</md:KeyDescriptor><md:SingleSignOnService Location='https://directory.example.com'"
        " Binding='urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST'/>"
        "</md:IDPSSODescriptor></md:EntityDescriptor>"
    )


@dataclass
class SignIn:
    """One authentication response, and what may be wrong with it."""

    issuer: str
    attributes: dict[str, list[str]]
    subject: str = "alice@example.com"
    recipient: str = SIGN_IN
    audience: str = "urn:amazon:webservices"
    ago: float = 0
    ends: float | None = None  # seconds until SessionNotOnOrAfter
    key: rsa.RSAPrivateKey = field(default=_KEY)
    whole: bool = False  # the response is signed, not the assertion in it
    spoil: tuple[bytes, bytes] = (b"", b"")

    def encoded(self) -> str:
        response, made = self._unsigned()
        target = response if self.whole else made
        signer = XMLSigner(signature_algorithm=SignatureMethod.RSA_SHA256)
        signed = signer.sign(
            target,
            key=self.key,
            cert=[CERTIFICATE],
            reference_uri=target.get("ID"),
            id_attribute="ID",
        )
        if not self.whole:
            response.replace(made, signed)
        raw = etree.tostring(signed if self.whole else response).replace(*self.spoil)
        return base64.b64encode(raw).decode()

    def _unsigned(self) -> tuple[Any, Any]:
        issued = datetime.now(UTC) - timedelta(seconds=self.ago)
        response = etree.Element(
            f"{{{_PROTOCOL}}}Response", ID="_" + secrets.token_hex(8), Version="2.0"
        )
        made = _add(response, "Assertion", ID="_" + secrets.token_hex(8), Version="2.0")
        made.set("IssueInstant", _text(issued))
        _add(made, "Issuer", self.issuer)
        subject = _add(made, "Subject")
        name_format = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
        _add(subject, "NameID", self.subject, Format=name_format)
        confirmation = _add(
            subject, "SubjectConfirmation", Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"
        )
        until = _text(issued + timedelta(seconds=300))
        _add(confirmation, "SubjectConfirmationData", NotOnOrAfter=until, Recipient=self.recipient)
        conditions = _add(made, "Conditions", NotOnOrAfter=until)
        _add(_add(conditions, "AudienceRestriction"), "Audience", self.audience)
        statement = _add(made, "AuthnStatement", AuthnInstant=_text(issued))
        if self.ends is not None:
            statement.set(
                "SessionNotOnOrAfter", _text(datetime.now(UTC) + timedelta(seconds=self.ends))
            )
        messages = _add(made, "AttributeStatement")
        for name, values in self.attributes.items():
            one = _add(messages, "Attribute", Name=name if ":" in name[:6] else ATTRIBUTES + name)
            for value in values:
                _add(one, "AttributeValue", value)
        return response, made


def _add(parent: Any, tag: str, text: str | None = None, **attributes: str) -> Any:
    made = etree.SubElement(parent, f"{{{_ASSERTION}}}{tag}", attributes)
    made.text = text
    return made


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")

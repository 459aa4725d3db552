"""SSH public keys and signing certificates of users, checked as IAM checks them.

Sources: IAM API Reference, "UploadSSHPublicKey", "GetSSHPublicKey", "SSHPublicKey" (the fingerprint
is the MD5 digest of the key), "UploadSigningCertificate" and "SigningCertificate"; IAM User Guide,
"IAM and AWS STS quotas" (five SSH keys and two signing certificates a user).
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from moto.core.responses import ActionResult, EmptyResult
from moto.iam.exceptions import IAMException, LimitExceededException
from moto.iam.responses import IamResponse

from containment.lab.state import moto_state

_SSH_KEYS, _CERTIFICATES = 5, 2
_LEAST_BITS = 2048


class UploadOperations(IamResponse):
    """What a user may upload to be known by."""

    def upload_ssh_public_key(self) -> ActionResult:
        """Keep an RSA public key that no user of the account has uploaded."""
        user: Any = self.backend.get_user(self._get_param("UserName"))
        key = _rsa_key(self._get_param("SSHPublicKeyBody"))
        fingerprint = _fingerprint(key)
        if any(fingerprint == other.fingerprint for other in user.ssh_public_keys):
            raise IAMException(
                "DuplicateSSHPublicKey", f"SSH public key already exists for user {user.name}."
            )
        if len(user.ssh_public_keys) >= _SSH_KEYS:
            raise LimitExceededException(
                f"Cannot exceed quota for SSHPublicKeysPerUser: {_SSH_KEYS}"
            )
        result = super().upload_ssh_public_key()
        user.ssh_public_keys[-1].fingerprint = fingerprint
        return result

    def get_ssh_public_key(self) -> ActionResult:
        """Answer a key in the encoding that is asked for."""
        user: Any = self.backend.get_user(self._get_param("UserName"))
        key = user.get_ssh_public_key(self._get_param("SSHPublicKeyId"))
        public = _rsa_key(key.ssh_public_key_body)
        encoded = _ssh(public) if self._get_param("Encoding") == "SSH" else _pem(public)
        return ActionResult(
            {
                "SSHPublicKey": {
                    "UserName": user.name,
                    "SSHPublicKeyId": key.ssh_public_key_id,
                    "Fingerprint": key.fingerprint,
                    "SSHPublicKeyBody": encoded,
                    "Status": key.status,
                    "UploadDate": key.upload_date,
                }
            }
        )

    def update_ssh_public_key(self) -> ActionResult:
        """Change a key's status."""
        check_status(self._get_param("Status"))
        return super().update_ssh_public_key()

    def upload_signing_certificate(self) -> ActionResult:
        """Keep an X.509 certificate in PEM that is valid now, and that no user has uploaded."""
        user: Any = self.backend.get_user(self._get_param("UserName"))
        body = self._get_param("CertificateBody")
        certificate = _certificate(body)
        for other in self.backend.users.values():
            for kept in other.signing_certificates.values():
                if x509.load_pem_x509_certificate(kept.body.encode()) == certificate:
                    raise IAMException(
                        "DuplicateCertificate",
                        f"The same certificate already exists for IAM user {other.name}.",
                    )
        if len(user.signing_certificates) >= _CERTIFICATES:
            raise LimitExceededException(
                f"Cannot exceed quota for CertificatesPerUser: {_CERTIFICATES}"
            )
        result = super().upload_signing_certificate()
        made: Any = user.signing_certificates.popitem()[1]
        made.id = made.id.upper()
        user.signing_certificates[made.id] = made
        return result

    def update_signing_certificate(self) -> ActionResult:
        """Change a certificate's status."""
        check_status(self._get_param("Status"))
        return super().update_signing_certificate()

    def delete_ssh_public_key(self) -> ActionResult:
        """Delete a key."""
        super().delete_ssh_public_key()
        return EmptyResult()


def check_status(status: str) -> None:
    """Refuse a status that only time gives a credential.

    Raises:
        IAMException: *status* is ``Expired``.
    """
    if status == "Expired":
        raise IAMException("ValidationError", "The status Expired cannot be set.")


def _rsa_key(body: str) -> RSAPublicKey:
    encoded = body.strip().encode()
    load = (
        serialization.load_ssh_public_key
        if encoded.startswith(b"ssh-")
        else serialization.load_pem_public_key
    )
    if not encoded.startswith((b"ssh-", b"-----BEGIN")):
        raise IAMException(
            "UnrecognizedPublicKeyEncoding", "The public key encoding format is unsupported."
        )
    try:
        key = load(encoded)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise IAMException("InvalidPublicKey", "The public key is malformed.") from error
    if not isinstance(key, RSAPublicKey) or key.key_size < _LEAST_BITS:
        raise IAMException(
            "InvalidPublicKey", f"The public key must be RSA, of at least {_LEAST_BITS} bits."
        )
    return key


def _ssh(key: RSAPublicKey) -> str:
    forms = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return key.public_bytes(*forms).decode()


def _pem(key: RSAPublicKey) -> str:
    forms = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(*forms).decode()


def _fingerprint(key: RSAPublicKey) -> str:
    blob = base64.b64decode(_ssh(key).split()[1])
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digest[start : start + 2] for start in range(0, len(digest), 2))


def _certificate(body: str) -> x509.Certificate:
    try:
        certificate = x509.load_pem_x509_certificate(body.encode())
    except ValueError as error:
        raise IAMException("MalformedCertificate", "Certificate is malformed.") from error
    if certificate.not_valid_after_utc <= moto_state.clock():
        raise IAMException("InvalidCertificate", "The certificate has expired.")
    return certificate

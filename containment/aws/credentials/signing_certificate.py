"""X.509 signing certificates: two a user at most; some services take calls signed with the key.

Source: IAM API Reference, ListSigningCertificates and UpdateSigningCertificate.
"""

from __future__ import annotations

from containment.aws.credentials.kind import CredentialKind

SIGNING_CERTIFICATE = CredentialKind(
    word="signing certificate",
    listing="ListSigningCertificates",
    members="Certificates",
    id_member="CertificateId",
    made_member="UploadDate",
    update="UpdateSigningCertificate",
)

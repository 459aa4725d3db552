"""Every kind of credential that belongs to an IAM user and has a status.

A further kind is one file here and its place in :data:`KINDS`: listing, claim, lift, ledger,
responder policy and preview go by that. A console password has no status and is not among them; a
deny holds its sessions.
"""

from __future__ import annotations

from containment.aws.credentials.access_key import ACCESS_KEY
from containment.aws.credentials.kind import Credential, CredentialKind, Status
from containment.aws.credentials.service_specific_credential import SERVICE_SPECIFIC_CREDENTIAL
from containment.aws.credentials.signing_certificate import SIGNING_CERTIFICATE
from containment.aws.credentials.ssh_public_key import SSH_PUBLIC_KEY

KINDS: tuple[CredentialKind, ...] = (
    ACCESS_KEY,
    SERVICE_SPECIFIC_CREDENTIAL,
    SSH_PUBLIC_KEY,
    SIGNING_CERTIFICATE,
)

__all__ = ["ACCESS_KEY", "KINDS", "Credential", "CredentialKind", "Status"]

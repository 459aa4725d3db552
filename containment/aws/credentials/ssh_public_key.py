"""SSH public keys: five a user at most; whoever has the private half is the user to CodeCommit.

Source: IAM API Reference, ListSSHPublicKeys and UpdateSSHPublicKey.
"""

from __future__ import annotations

from containment.aws.credentials.kind import CredentialKind

SSH_PUBLIC_KEY = CredentialKind(
    word="SSH public key",
    listing="ListSSHPublicKeys",
    members="SSHPublicKeys",
    id_member="SSHPublicKeyId",
    made_member="UploadDate",
    update="UpdateSSHPublicKey",
)

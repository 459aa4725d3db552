"""Access keys: two a user at most; they sign any call of AWS's API, and SES takes them as SMTP.

Sources: IAM API Reference, ListAccessKeys and UpdateAccessKey; Amazon SES Developer Guide,
"Obtaining Amazon SES SMTP credentials" (the password is computed from the secret access key).
"""

from __future__ import annotations

from containment.aws.credentials.kind import CredentialKind

ACCESS_KEY = CredentialKind(
    word="access key",
    listing="ListAccessKeys",
    members="AccessKeyMetadata",
    id_member="AccessKeyId",
    made_member="CreateDate",
    update="UpdateAccessKey",
)

"""Service-specific credentials: user name and password, or an API key, for one service.

CodeCommit, Amazon Keyspaces, Amazon Bedrock and CloudWatch Logs; two a service. One listing has
those of all services. Only the API keys can have an expiry, and none where nobody set it.

Source: IAM API Reference, ListServiceSpecificCredentials, UpdateServiceSpecificCredential and
CreateServiceSpecificCredential.
"""

from __future__ import annotations

from containment.aws.credentials.kind import CredentialKind

SERVICE_SPECIFIC_CREDENTIAL = CredentialKind(
    word="service-specific credential",
    listing="ListServiceSpecificCredentials",
    members="ServiceSpecificCredentials",
    id_member="ServiceSpecificCredentialId",
    made_member="CreateDate",
    update="UpdateServiceSpecificCredential",
)

"""Read a certificate of ACM whose key is said to have leaked, by its description.

Since when is not in it: the certificate's own time says nothing of its key. Source: AWS Certificate
Manager API Reference, DescribeCertificate and CertificateDetail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.signals.fields import document, text
from containment.signals.signal import CredentialKind, Report, make_report

if TYPE_CHECKING:
    from containment.signals.fields import Document

SOURCE = "acm"


def read(node: Document) -> list[Report] | None:
    """Return the report of a certificate; None where *node* is none."""
    certificate = document(node, "Certificate") or node
    arn = text(certificate, "CertificateArn")
    if not arn.startswith("arn:") or not text(certificate, "DomainName"):
        return None
    account = arn.split(":")[4] if arn.count(":") >= 5 else ""  # noqa: PLR2004 -- parts of an ARN
    return [
        make_report(
            SOURCE,
            identity=arn,
            title=f"the certificate of {text(certificate, 'DomainName')} is said to have leaked",
            kind=CredentialKind.CERTIFICATE,
            account=account,
            resource=arn,
        )
    ]

"""An approval of a reviewed change: what it binds, who gave it, and what was done by it."""

from containment.review.approval.admission import Admission, admit, require_unused, use
from containment.review.approval.authors import Authors, authors_of, require_others
from containment.review.approval.bound import Plan, plan_of, program_digest, provider_digest
from containment.review.approval.receipt import Receipt, receipt_of
from containment.review.approval.record import (
    Approval,
    Signed,
    approve,
    approvers,
    read_approval,
    require_fresh,
    require_same,
    write_approval,
)
from containment.review.approval.signers import Signers, read_signers, sign

__all__ = [
    "Admission",
    "Approval",
    "Authors",
    "Plan",
    "Receipt",
    "Signed",
    "Signers",
    "admit",
    "approve",
    "approvers",
    "authors_of",
    "plan_of",
    "program_digest",
    "provider_digest",
    "read_approval",
    "read_signers",
    "receipt_of",
    "require_fresh",
    "require_others",
    "require_same",
    "require_unused",
    "sign",
    "use",
    "write_approval",
]

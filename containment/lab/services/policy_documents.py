"""Check policy documents as IAM checks them on the way in.

Source: IAM User Guide, "Grammar of the IAM JSON policy language" and "IAM JSON policy elements:
Sid".
"""

from __future__ import annotations

import json
import re

from moto.iam.exceptions import MalformedPolicyDocument
from moto.iam.policy_validation import IAMPolicyDocumentValidator

from containment.iam_policy.conditions import UnknownOperatorError
from containment.iam_policy.policies import as_list, compile_policy

_SID = re.compile(r"[0-9A-Za-z]*")


def check_identity_policy(document: str) -> None:
    """Refuse what is no identity policy.

    Raises:
        MalformedPolicyDocument: with IAM's reason.
    """
    IAMPolicyDocumentValidator(document).validate()
    try:
        policy = compile_policy(document)
    except UnknownOperatorError as error:
        raise MalformedPolicyDocument("Syntax errors in policy.") from error
    check_sids(document)
    if any(s.principals is not None for s in (*policy.allows, *policy.denies)):
        raise MalformedPolicyDocument("Policy document should not specify a principal.")


def check_sids(document: str) -> None:
    """Refuse statement ids of other characters than letters and digits.

    Raises:
        MalformedPolicyDocument: with IAM's reason.
    """
    for statement in as_list(json.loads(document).get("Statement", [])):
        if not _SID.fullmatch(str(statement.get("Sid", ""))):
            raise MalformedPolicyDocument(
                "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the "
                "regular expression [0-9A-Za-z]*"
            )

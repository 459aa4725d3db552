"""Passwords that an account takes.

Source: IAM User Guide, "Set an account password policy for IAM users" (Default password policy).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from moto.iam.exceptions import IAMException

if TYPE_CHECKING:
    from moto.iam.models import IAMBackend

_KINDS = {
    "uppercase letters": re.compile("[A-Z]"),
    "lowercase letters": re.compile("[a-z]"),
    "numbers": re.compile("[0-9]"),
    "symbols": re.compile(r"[!@#$%^&*()_+\-=\[\]{}|']"),
}
_LEAST, _KINDS_WANTED = 8, 3


def check(state: IAMBackend, password: str) -> None:
    """Refuse a password that the account's policy, or AWS's default, does not let through.

    Raises:
        IAMException: PasswordPolicyViolation, with what is missing.
    """
    own = state.account_password_policy
    least = _LEAST if own is None else own.minimum_password_length
    if len(password) < least:
        raise _violation(f"Password should have a minimum length of {least}")
    missing = [kind for kind, pattern in _KINDS.items() if not pattern.search(password)]
    if own is None:
        if len(_KINDS) - len(missing) < _KINDS_WANTED:
            raise _violation(
                f"Password should have at least {_KINDS_WANTED} of: {', '.join(_KINDS)}"
            )
        return
    required = {
        "uppercase letters": own.require_uppercase_characters,
        "lowercase letters": own.require_lowercase_characters,
        "numbers": own.require_numbers,
        "symbols": own.require_symbols,
    }
    for kind in missing:
        if required[kind]:
            raise _violation(f"Password should have at least one of: {kind}")


def _violation(message: str) -> IAMException:
    return IAMException("PasswordPolicyViolation", message)

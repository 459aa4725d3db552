"""Tell text that holds a secret from text that does not: a record is kept for years. Pure.

Sources: IAM User Guide, "Manage access keys for IAM users" (a secret access key is 40 characters);
GitHub Docs, "Token expiration and revocation" and "About authentication to GitHub" (prefixes of
tokens); RFC 7468, section 2 (the first line of a private key).
"""

from __future__ import annotations

import re

_SECRET_LIKE = re.compile(r"(?<![A-Za-z0-9/+_-])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=_-])")
# A hash of git has 40 characters too, all of them of one case; a secret of AWS mixes them.
_MIXED = (re.compile("[A-Z]"), re.compile("[a-z]"), re.compile("[0-9/+]"))
_TOKENS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    re.compile(r"(?<![A-Za-z0-9])(?:gh[pousr]|github_pat)_[A-Za-z0-9_]{20,}"),
    # A session token, whatever it begins with, is one word longer than any id or hash.
    re.compile(r"[A-Za-z0-9/+=]{150,}"),
)


def holds_secret(text: str) -> bool:
    """Tell whether *text* holds what looks like a secret access key, a token or a private key."""
    return any(map(_is_mixed, _SECRET_LIKE.findall(text))) or any(
        token.search(text) for token in _TOKENS
    )


def _is_mixed(word: str) -> bool:
    return all(part.search(word) for part in _MIXED)

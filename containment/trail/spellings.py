"""A name of the lineage as a record would hold it: as a value, as a pattern, as a word of JSON.

The lineage asks by the names that facts are looked up under: key ids, ARNs, unique ids,
``<account>/<kind>/<name>``, ``session:<name>``, ``lambda:<role>/<function>``, ``asg:…``.
"""

from __future__ import annotations

import json
import re

_SPECIAL = re.compile(r"([\\.^$|?*+()\[\]{}])")
_LABEL = re.compile(r"(?P<account>[^/:]*)/(?P<kind>[a-z-]+)/(?P<name>.+)", re.DOTALL)
_LONGEST = 2048  # of an ARN
_ANYTHING = r"(?:.*/)?"


def speakable(name: str) -> bool:
    """Tell whether AWS could have logged *name*, and an engine can be asked for it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return 0 < len(name) <= _LONGEST and "\0" not in name


def plain(name: str) -> str:
    """Return *name* as a key id, an ARN or a shared event id would equal it."""
    return name.removeprefix("console:")


def as_caller_arn(name: str) -> str:
    """Return a pattern for the ARNs of callers that *name* stands for, or nothing."""
    head, _, rest = name.partition(":")
    if head == "session":
        return f":assumed-role/[^/]*/{_exactly(rest)}$"
    label = _LABEL.fullmatch(name)
    if label is None or head in ("arn", "lambda", "asg", "console"):
        return ""
    account, kind, who = map(_exactly, label.groups())
    before = f"^(?:[^:]*:){{4}}{account}:"
    if kind == "role":
        return f"{before}(?:role/{_ANYTHING}{who}|assumed-role/{who}(?:/.*)?)$"
    if kind == "user":
        return f"{before}user/{_ANYTHING}{who}$"
    return f"{before}{kind}/{who}$"


def as_principal_id(name: str) -> str:
    """Return a pattern for the principal ids of callers that *name* stands for, or nothing."""
    if name.startswith(("session:", "lambda:", "asg:", "console:")) or _LABEL.fullmatch(name):
        return f"^{_exactly(name)}(?::|$)" if name.startswith("arn:") else ""
    return f"^{_exactly(name)}(?::|$)"


def in_json(name: str) -> str:
    """Return a pattern for the part of *name* that requests and answers hold word for word."""
    return "".join(map(_in_json, word_of(name)))


def word_of(name: str) -> str:
    """Return the part of *name* that requests and answers hold word for word, or nothing."""
    head, _, rest = name.partition(":")
    if head == "console":
        return ""
    if head in ("session", "lambda", "asg"):
        word = rest if head == "session" else rest.rsplit("/", 1)[-1]
    elif head == "arn":
        # A user or role may be named with or without its path; a session only in full.
        word = name.rsplit("/", 1)[-1] if ":iam:" in name else name
    else:
        label = _LABEL.fullmatch(name)
        word = label["name"].rsplit("/", 1)[-1] if label else name
    return word


def _exactly(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _in_json(letter: str) -> str:
    """One letter as JSON may write it: itself, behind a backslash, or by its number."""
    if letter == "/":
        return r"\\?/"
    if letter.isascii() and letter.isprintable() and letter not in "<>&='\"\\":
        return _exactly(letter)
    by_number = json.dumps(letter)[1:-1] if ord(letter) > 0x7E else f"\\u{ord(letter):04x}"  # noqa: PLR2004 -- ASCII ends
    short = json.dumps(letter, ensure_ascii=False)[1:-1]
    forms = {letter, short, by_number, by_number.upper().replace("\\U", "\\u")}
    return "(?:" + "|".join(map(_exactly, sorted(forms))) + ")"

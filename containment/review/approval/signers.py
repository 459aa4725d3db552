"""Who may sign, by which SSH key: the file of allowed signers, and signatures as git makes them.

A line of the file is one person's key: names of that person, options, the key. Names with a
wildcard and certificate authorities are refused, for two people could not be told apart by them.

Sources: ssh-keygen(1), "ALLOWED SIGNERS"; OpenSSH, PROTOCOL.sshsig (what a signature holds).
"""

from __future__ import annotations

import base64
import binascii
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from containment.errors import RefusedError, SpecError, UnavailableError
from containment.review.revisions import find_program
from containment.text import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "allowed_signers"
"""Its place in the project."""

_KEY_TYPE = re.compile(r"(?:ssh|sk-ssh|ecdsa|sk-ecdsa)-[a-z0-9@.-]+")
_KEPT = ("PATH", "HOME", "SSH_AUTH_SOCK")
_PATIENCE_S = 120
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_MAGIC = b"SSHSIG"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Signers:
    """The allowed signers of one revision.

    Attributes:
        text: the file, as ``ssh-keygen`` reads it.
        person_by_key: the person of each key, named by the first of their names.
        person_by_name: the person of each name.
        keygen: the ``ssh-keygen`` that verifies.
        environ: what it is run with.
    """

    text: str
    person_by_key: Mapping[str, str]
    person_by_name: Mapping[str, str]
    keygen: str
    environ: Mapping[str, str]

    def signer(self, payload: bytes, signature: str, namespace: str) -> str | None:
        """Return the person who made *signature* of *payload*; None where it is of nobody here."""
        key = key_in(signature)
        person = self.person_by_key.get(key) if key is not None else None
        if person is None:
            return None
        with TemporaryDirectory(prefix="containment-") as folder:
            allowed, signed = Path(folder, "signers"), Path(folder, "signature")
            allowed.write_text(self.text, encoding="utf-8")
            signed.write_text(signature, encoding="utf-8")
            names = [name for name, one in self.person_by_name.items() if one == person]
            for name in names:
                answer = _run(
                    [self.keygen, "-Y", "verify", "-n", namespace],
                    *("-f", str(allowed), "-I", name, "-s", str(signed)),
                    payload=payload,
                    environ=self.environ,
                )
                if answer is not None:
                    return person
        return None


def read_signers(text: str, root: Path, environ: Mapping[str, str]) -> Signers:
    """Return the signers that *text* lists, for a project in *root*.

    Raises:
        SpecError: a line is none, or may stand for several people.
        UnavailableError: there is no ``ssh-keygen`` on PATH.
    """
    rows = [_row(line, number) for number, line in enumerate(text.splitlines(), 1) if _says(line)]
    person_by_name: dict[str, str] = {}
    person_by_key: dict[str, str] = {}
    for names, key in rows:
        earlier = [person_by_name.get(name) for name in names] + [person_by_key.get(key)]
        persons = {one for one in earlier if one is not None}
        # Who shares a name or a key is one person, called as in the first line of theirs.
        first = next((one for one in person_by_name if one in persons), names[0])
        for listed in (person_by_name, person_by_key):
            listed.update({name: first for name, one in listed.items() if one in persons})
        person_by_name.update(dict.fromkeys(names, first))
        person_by_key[key] = first
    return Signers(
        text,
        person_by_key,
        person_by_name,
        find_program("ssh-keygen", root, environ.get("PATH", "")),
        {name: environ[name] for name in _KEPT if name in environ},
    )


def sign(payload: bytes, key: Path, namespace: str, root: Path, environ: Mapping[str, str]) -> str:
    """Return a signature of *payload* by the SSH key in *key*, or by an agent that has it.

    Raises:
        RefusedError: there is no such key, or it was not unlocked.
        UnavailableError: there is no ``ssh-keygen`` on PATH.
    """
    keygen = find_program("ssh-keygen", root, environ.get("PATH", ""))
    signature = _run(
        [keygen, "-Y", "sign", "-n", namespace],
        *("-f", str(key)),
        payload=payload,
        environ={name: environ[name] for name in _KEPT if name in environ},
    )
    text = signature.decode("ascii", "replace") if signature is not None else ""
    if key_in(text) is None:
        raise RefusedError(
            f"nothing could be signed with {plain(str(key))}",
            remedy="name the file of an SSH key that you can unlock, or its .pub with an agent",
        )
    return text


def key_in(signature: str) -> str | None:
    """Return the public key that *signature* says it is by, in base64; None where it is none."""
    lines = [line.strip() for line in signature.strip().splitlines()]
    if len(lines) < 3 or (lines[0], lines[-1]) != (_BEGIN, _END):  # noqa: PLR2004 -- and a body
        return None
    try:
        blob = base64.b64decode("".join(lines[1:-1]), validate=True)
    except (binascii.Error, ValueError):
        return None
    start = len(_MAGIC) + 4
    if blob[: len(_MAGIC)] != _MAGIC or int.from_bytes(blob[len(_MAGIC) : start]) != _VERSION:
        return None
    size = int.from_bytes(blob[start : start + 4])
    key = blob[start + 4 : start + 4 + size]
    return base64.b64encode(key).decode("ascii") if size and len(key) == size else None


def _says(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _row(line: str, number: int) -> tuple[list[str], str]:
    """Return the names and the key of a line."""
    named, _, rest = line.strip().partition(" ")
    names = named.split(",")
    if any(character in named for character in "*?!\"'") or not all(names):
        raise _wrong(number, "its names may stand for several people, or for none")
    options = ""
    if not _KEY_TYPE.match(rest.lstrip()):
        options, rest = _options(rest.lstrip())
    if "cert-authority" in options.lower():
        raise _wrong(number, "it stands for whomever a certificate authority names")
    parts = rest.split()
    try:
        is_key = bool(_KEY_TYPE.fullmatch(parts[0])) and base64.b64decode(parts[1], validate=True)
    except (IndexError, ValueError):
        is_key = False
    if not is_key:
        raise _wrong(number, "it holds no SSH key")
    return names, parts[1]


def _options(rest: str) -> tuple[str, str]:
    """Return the options at the start of *rest*, which may hold blanks in quotes, and the rest."""
    is_quoted = False
    for index, character in enumerate(rest):
        if character == '"':
            is_quoted = not is_quoted
        elif character in " \t" and not is_quoted:
            return rest[:index], rest[index:]
    return rest, ""


def _wrong(number: int, what: str) -> SpecError:
    return SpecError(
        f"line {number} of {FILE} cannot be used: {what}",
        remedy="write one line a key: 'name@example.com,login ssh-ed25519 AAAA…'",
    )


def _run(
    command: list[str], *arguments: str, payload: bytes, environ: Mapping[str, str]
) -> bytes | None:
    try:
        process = subprocess.run(  # noqa: S603 -- ssh-keygen, with arguments of ours
            [*command, *arguments],
            input=payload,
            env=dict(environ),
            capture_output=True,
            check=False,
            timeout=_PATIENCE_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(
            "ssh-keygen gave no answer", remedy="see that the key is unlocked, and run it again"
        ) from error
    return process.stdout if process.returncode == 0 else None

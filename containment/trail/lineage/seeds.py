"""Where a trace begins: a key id, a user, a role, a role session or an instance; and when."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from containment.errors import SpecError
from containment.trail.facts.principals import label
from containment.trail.lineage.members import Member, issued_member
from containment.trail.logs.times import normal_time

if TYPE_CHECKING:
    from containment.trail.facts.evidence import Evidence

SeedKind = Literal["access_key", "user", "role", "session", "instance"]
_KEY = re.compile(r"A[A-Z0-9]{15,127}", re.ASCII)
_UTC = re.compile(r"(?:Z|\+00:?00)\s*$")
# What a secret access key looks like: one that was pasted here must not be printed.
_SECRET = re.compile(r"[A-Za-z0-9/+]{40}")
_INSTANCE = re.compile(r"(?:m?i)-[0-9a-f]{8,17}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Seed:
    """What was leaked, and since when."""

    id: str
    kind: SeedKind
    since: str

    def tokens(self) -> set[str]:
        """Return the names under which its records are found."""
        if self.kind == "instance":
            return {f"session:{self.id}", self.id}
        if self.kind in ("user", "role"):
            return {self.id, label(self.id)}
        return {self.id}

    def plant(self, evidence: Evidence) -> Member:
        """Return the seed as the first member, bound to the one principal that used it."""
        if self.kind == "access_key":
            # Two sessions may share an ARN but not a key id, so the ARN alone binds it.
            key = Member(
                id=self.id,
                kind="access_key",
                tier="seed",
                since=self.since,
                why="the credential the trace was asked for",
            )
            self._bind(key, evidence)
            return key
        if self.kind == "instance":
            return Member(id=self.id, kind="instance", tier="seed", since=self.since)
        return Member(
            id=self.id,
            kind="iam_role" if self.kind == "role" else "iam_user",
            tier="seed",
            since=self.since,
            arn=self.id,
            for_principal=self.id,
            owned=self.kind != "session",
            why="the principal the trace was asked for",
        )

    def _bind(self, key: Member, evidence: Evidence) -> None:
        """Bind *key* to the principal that used it first since T0, for ids come back elsewhere.

        One that was not used is bound to whom it was handed out to last.
        """
        uses = [use for use in evidence.uses_of.get(self.id, []) if use.caller.arn]
        later = [use for use in uses if use.time >= self.since]
        handed = [
            issued_member(fact, issued, key, "A_issued", "")
            for fact in evidence.issued.get(self.id, ())
            for issued in fact.issued
            if issued.key == self.id
        ]
        if handed and not later:
            last = handed[-1]
            key.arn, key.account, key.principal_id = last.arn, last.account, last.principal_id
        elif uses:
            first = min(later or uses, key=lambda use: max(use.first, self.since)).caller
            key.arn, key.account, key.principal_id = first.arn, first.account, first.principal_id
        key.for_principal = key.arn

    def notices(self, evidence: Evidence) -> list[str]:
        """Say what about the seed itself the reader must know."""
        uses = evidence.uses_of.get(self.id, [])
        if self.kind == "access_key":
            owners = {use.caller.label for use in uses if use.caller.arn}
            if len(owners) > 1:
                return [f"{self.id} is used by several principals: {', '.join(sorted(owners))}"]
        return []


def begin(value: str, since: str) -> Seed:
    """Return the seed that *value* names, from the moment *since* on.

    Raises:
        SpecError: one of them cannot be read.
    """
    moment = normal_time(since)
    if not moment or not _UTC.search(since):
        raise SpecError(
            f"{since!r} is no moment in UTC", remedy="write it as 2026-11-23T21:14:00Z, with the Z"
        )
    return parse_seed(value, moment)


def parse_seed(value: str, since: str) -> Seed:
    """Return the seed that *value* names.

    Raises:
        SpecError: it is neither a key id, nor the ARN of a user, role or session, nor an instance.
    """
    if _KEY.fullmatch(value):
        return Seed(value, "access_key", since)
    if _INSTANCE.fullmatch(value):
        return Seed(value, "instance", since)
    parts = value.split(":", 5)
    if len(parts) == 6 and parts[0] == "arn":  # noqa: PLR2004
        kind = parts[5].partition("/")[0]
        if parts[2] == "ec2" and kind == "instance":
            return Seed(parts[5].partition("/")[2], "instance", since)
        if parts[2] == "iam" and kind in ("user", "role"):
            return Seed(value, "user" if kind == "user" else "role", since)
        if parts[2] == "sts" and kind in ("assumed-role", "federated-user"):
            return Seed(value, "session", since)
        if parts[2] == "iam" and parts[5] == "root":
            return Seed(value, "user", since)
    if _SECRET.fullmatch(value):
        raise SpecError(
            "what was given looks like a secret access key, which no log holds",
            remedy="give the access key id (AKIA…), and count that secret as leaked",
        )
    if _KEY.fullmatch(value.strip().upper()):
        raise SpecError(
            f"{value!r} is no access key id as AWS writes them",
            remedy=f"did you mean {value.strip().upper()}?",
        )
    raise SpecError(
        f"{value!r} is no credential the trace can start from",
        remedy="give an access key id (AKIA… or ASIA…), the ARN of a user, role or role session,"
        " or an instance id",
    )

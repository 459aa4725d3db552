"""Read where a trace begins: a key, user, role, session or instance, and the moment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from containment.errors import SpecError
from containment.identities import describe_id, parse_unique_id
from containment.trail.facts.principals import label, principal_arn, unique_id
from containment.trail.lineage.members import Member, issued_member
from containment.trail.logs.times import normal_time

if TYPE_CHECKING:
    from containment.trail.facts.evidence import Evidence

SeedKind = Literal["access_key", "user", "role", "session", "instance"]
_KEY = re.compile(r"A[A-Z0-9]{15,127}", re.ASCII)
# Unique ids of what is no key and yet stands in records as the credential of a call.
_IN_RECORDS = ("ABIA", "ACCA", "APKA", "ASCA")
_UTC = re.compile(r"(?:Z|\+00:?00)\s*$")
# What a secret access key looks like: one that was pasted here must not be printed.
_SECRET = re.compile(r"[A-Za-z0-9/+]{40}")
_INSTANCE = re.compile(r"(?:m?i)-[0-9a-f]{8,17}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Seed:
    """The leaked credential or principal, and since when it counts as leaked."""

    id: str
    kind: SeedKind
    since: str
    # Set where a unique id was given: the ARN is then what the records say.
    principal_id: str = ""

    def tokens(self) -> set[str]:
        """Return the names under which its records are found."""
        if self.principal_id:
            _, _, session = self.principal_id.partition(":")
            return {self.id, f"session:{session}"} if session else {self.id}
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
        arn = self._arn(evidence) if self.principal_id else self.id
        return Member(
            id=self.id,
            kind="iam_role" if self.kind == "role" else "iam_user",
            tier="seed",
            since=self.since,
            arn=arn,
            for_principal=arn,
            principal_id=self.principal_id,
            owned=self.kind != "session",
            why="the principal the trace was asked for",
        )

    def _arn(self, evidence: Evidence) -> str:
        """Return the last ARN under which the unique id occurs, with its path where one shows it.

        Empty where no record has it.
        """
        if self.kind == "session":
            named = (
                use.caller.arn
                for use in reversed(evidence.uses)
                if use.caller.principal_id == self.principal_id and use.caller.arn
            )
            return next(named, "")
        answers = [
            target.user_arn if self.kind == "user" else target.role_arn
            for fact in evidence.facts
            for target in (fact.target,)
            if self.principal_id in (target.user_id, target.role_id)
            or any(unique_id(issued.principal_id) == self.principal_id for issued in fact.issued)
        ]
        callers = [
            principal_arn(use.caller.arn)
            for use in evidence.uses
            if use.caller.arn and unique_id(use.caller.principal_id) == self.principal_id
        ]
        last = next(filter(None, reversed(callers or answers)), "")
        same = [arn for arn in answers if arn and label(arn) == label(last)]
        return max([last, *same], key=len)

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
        """Return what the reader must know about the seed itself."""
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
        SpecError: it is neither a key id, nor the ARN or unique id of a user, role or session, nor
            an instance.
    """
    seed = _by_id(value, since) or _by_arn(value, since)
    if seed is None:
        raise _no_seed(value)
    return seed


def _by_id(value: str, since: str) -> Seed | None:
    unique = parse_unique_id(value)
    if unique is not None:
        return Seed(value, "session" if unique.session else unique.kind, since, value)
    if describe_id(value) is not None and not value.startswith(_IN_RECORDS):
        return None
    if _KEY.fullmatch(value):
        return Seed(value, "access_key", since)
    return Seed(value, "instance", since) if _INSTANCE.fullmatch(value) else None


def _by_arn(value: str, since: str) -> Seed | None:
    parts = value.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":  # noqa: PLR2004
        return None
    service, resource = parts[2], parts[5]
    kind, _, rest = resource.partition("/")
    if (service, kind) == ("ec2", "instance"):
        return Seed(rest, "instance", since)
    if (service, kind) == ("iam", "role"):
        return Seed(value, "role", since)
    if (service, kind) == ("iam", "user") or (service, resource) == ("iam", "root"):
        return Seed(value, "user", since)
    is_session = service == "sts" and kind in ("assumed-role", "federated-user")
    return Seed(value, "session", since) if is_session else None


def _no_seed(value: str) -> SpecError:
    """Return the error that says what *value* is instead."""
    if (described := describe_id(value)) is not None:
        bearer, how = described
        return SpecError(f"{value} is the unique id of {bearer}", remedy=how)
    if _SECRET.fullmatch(value):
        return SpecError(
            "what was given looks like a secret access key, which no log holds",
            remedy="give the access key id (AKIA…), and count that secret as leaked",
        )
    if _KEY.fullmatch(value.strip().upper()):
        return SpecError(
            f"{value!r} is no access key id as AWS writes them",
            remedy=f"did you mean {value.strip().upper()}?",
        )
    return SpecError(
        f"{value!r} is no credential the trace can start from",
        remedy="give an access key id (AKIA… or ASIA…), the ARN or unique id (AIDA…, AROA…,"
        " AROA…:session) of a user, role or role session, or an instance id",
    )

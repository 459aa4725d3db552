"""What is planned to deny, out of what would be written on a principal."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from containment.aws import recording
from containment.facets import attachment
from containment.iam_policy.policies import Policy, as_list, compile_policy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from containment.facets.write import Write

_KEY = "access key "
_INLINE = recording.inline_policy("")
# The text of AWSDenyAll. Source: AWS Managed Policy Reference, "AWSDenyAll".
_DENY_ALL = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}'


@dataclass(frozen=True, slots=True)
class Denials:
    """Everything that is planned to refuse calls.

    Attributes:
        own: policies on the principal, for what it does.
        trust: the role's trust policy, for who takes it up.
        guard: the control policy, for everybody in the account.
        keys: access keys that become Inactive.
    """

    own: tuple[Policy, ...] = ()
    trust: tuple[Policy, ...] = ()
    guard: tuple[Policy, ...] = ()
    keys: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Tell whether anything is refused at all."""
        return bool(self.own or self.trust or self.guard or self.keys)


def planned_denials(writes: Iterable[Write], partition: str = "aws") -> Denials:
    """Return what *writes* deny that was not denied before."""
    own: list[Policy] = []
    trust: list[Policy] = []
    guard: list[Policy] = []
    keys: set[str] = set()
    deny_all = attachment.deny_all_arn(partition)
    placed = {recording.attachment(deny_all): recording.ATTACHED, recording.BOUNDARY: deny_all}
    for write in writes:
        if write.after is None:
            continue
        if write.subject == recording.TRUST:
            trust.append(added_statements(write.before, write.after))
        elif write.is_document and write.subject.startswith(_INLINE):
            own.append(added_statements(write.before, write.after))
        elif placed.get(write.subject) == write.after:
            own.append(compile_policy(_DENY_ALL))
        elif write.subject.startswith(_KEY) and write.after == "Inactive":
            keys.add(write.subject.removeprefix(_KEY))
        elif write.document is not None:
            guard.append(compile_policy(write.document))
    return Denials(
        tuple(one for one in own if one.denies),
        tuple(one for one in trust if one.denies),
        tuple(one for one in guard if one.denies),
        frozenset(keys),
    )


def added_statements(before: str | None, after: str) -> Policy:
    """Return those statements of *after* that *before* has not, whatever their Sid is."""
    old_statements = [_without_sid(one) for one in _statements(before)] if before else []
    document = json.loads(after)
    fresh = [one for one in _statements(after) if _without_sid(one) not in old_statements]
    return compile_policy(json.dumps({**document, "Statement": fresh}))


def _statements(document: str) -> list[dict[str, Any]]:
    return list(as_list(json.loads(document).get("Statement", [])))


def _without_sid(statement: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in statement.items() if name != "Sid"}

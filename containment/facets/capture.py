"""How a principal is, in few parallel reads: the deny waits for them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from containment.aws.credentials import KINDS
from containment.facets import credentials, documents, marks
from containment.facets.shapes import is_deny, is_trust_deny

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from containment.aws.credentials import Credential
    from containment.aws.principal import LivePrincipal
    from containment.errors import AccessError

# With the principal itself, inline names and attachments, and a user's credentials of each kind,
# these make eight calls.
_MOST_CALLS = 8


@dataclass(frozen=True, slots=True)
class Captured:
    """What was read: names of inline policies and the texts of some, attachments, credentials."""

    names: Sequence[str]
    policies: Mapping[str, str]
    attached: Sequence[str]
    credentials: Sequence[Credential]
    unread: Sequence[AccessError]

    @property
    def unmarked_sizes(self) -> dict[str, int | None]:
        """The sizes, in characters, of the inline policies that carry no mark of any incident."""
        named = sorted(
            name for name in self.names if not documents.marks(self.policies.get(name), is_deny)
        )
        return {name: _size(self.policies.get(name)) for name in named}


def capture(live: LivePrincipal, incident: str) -> Captured:
    """Return how *live* is; the policies of *incident* and of its like are read before others."""
    own = marks.policy_name(incident)
    with ThreadPoolExecutor(max_workers=3) as pool:
        named = pool.submit(live.inline_names)
        attached = pool.submit(live.attached)
        listed = pool.submit(credentials.listing, live)
        names = named.result()
        # Who else contains this principal matters more than sizes do.
        read_names = sorted(
            names, key=lambda name: (name != own, marks.incident_of_policy(name) is None, name)
        )[: _inline_reads(live) + (own in names)]
        texts = pool.map(live.inline_text, read_names)
        policies = {
            name: text for name, text in zip(read_names, texts, strict=True) if text is not None
        }
    return Captured(
        names,
        policies,
        sorted(attached.result()),
        sorted(listed.result().credentials, key=lambda one: one.credential_id),
        list(listed.result().problems(live)),
    )


def _inline_reads(live: LivePrincipal) -> int:
    """Return how many inline policies are read: what the other calls leave of the most.

    One of this very incident is not counted: where it is there, the principal is denied already.
    """
    others = 3 + (len(KINDS) if live.principal.kind == "user" else 0)
    return _MOST_CALLS - others


def without_marks(trust_policy: str) -> str:
    """Return *trust_policy* less every incident's statement; its own bytes where there is none."""
    document = documents.parse(trust_policy)
    if document is None or not documents.marks(trust_policy, is_trust_deny):
        return trust_policy
    return documents.compact(documents.without(document, lambda _mark: True, is_trust_deny))


def _size(policy: str | None) -> int | None:
    return None if policy is None else len("".join(policy.split()))

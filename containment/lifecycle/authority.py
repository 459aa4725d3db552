"""Decide what may be done to a principal, by which sources bear it out. Pure.

Whoever can edit a state, or a file beside it, must not make the responder's credentials act. So
three sources are told apart, and neither of two files that one editor writes counts as two:

- *state*: the stack's state, with every file beside it: a ledger in a folder, decisions in a file;
- *account*: what is live in AWS under this snapshot's id: a mark (a policy or a trust statement of
  ours) or a claim (a tag);
- *ledger*: a ledger in a bucket with object lock, which the project's profile names.

The engine's secrets are no source, since a state may hold a secret as plain text; nor is git, which
bears out terms alone. Terms come from ``stacks/<incident>.yaml`` of this project and nothing else.

Containing takes the spec's word alone: whom it does not name, and whom the profile protects, is
never contained. At a lift (made by :func:`table`, and held to it by a test; where two verdicts
stand, the second is for a principal that the spec does not name):

| on the word of | deny at a lift | take ours away | give back |
|---|---|---|---|
| state | done, never | asked, never | asked, never |
| state + file ledger | done, never | asked, never | asked, never |
| mark | done, never | asked, never | never |
| claim | done, never | asked, never | asked, never |
| state + claim | done, never | asked, never | done, never |
| state + mark | done | done | asked |
| state + mark + claim | done | done | done |
| state + locked ledger | done, never | asked, never | done, never |
| claim + locked ledger | done, never | asked, never | done, never |
| state + decision | done, never | done, never | done, never |
| state + mark + decision | done | done | done |

*done* without asking; *asked*: nothing is done until a person decides, with both versions named;
*never*: not even then. Whom the profile protects is never denied anything at a lift, and is lifted
without a fence. A claim is a tag, which more people may write than policies: on a principal that
the spec does not name it counts only beside a mark. Where the stack, or the state's record of it,
differs from the profile in role, ledger or region, nothing but containing is done.

Who edits the state and may also tag in the account controls both sources; who edits the spec
decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Word = Literal["state", "file ledger", "mark", "claim", "locked ledger", "decision"]
Source = Literal["state", "account", "ledger"]
Act = Literal["contain", "deny at a lift", "take ours away", "give back"]
Verdict = Literal["done", "asked", "never"]

_SOURCES: dict[Word, Source] = {
    "state": "state",
    "file ledger": "state",
    "mark": "account",
    "claim": "account",
    "locked ledger": "ledger",
}


@dataclass(frozen=True, slots=True)
class Role:
    """Who a principal is to the incident.

    Attributes:
        named: the spec of the incident names it.
        protected: it is the responder's, the pipeline's, break-glass, or nobody may edit it.
    """

    named: bool
    protected: bool = False


def sources(words: Iterable[Word]) -> frozenset[Source]:
    """Return the sources that *words* come from."""
    return frozenset(_SOURCES[word] for word in words if word in _SOURCES)


def verdict(act: Act, role: Role, words: Iterable[Word]) -> Verdict:
    """Return whether *act* is done to a principal.

    Args:
        act: ``contain``: deny, make keys Inactive; ``deny at a lift``: write a release fence, or
            make a key Inactive again; ``take ours away``: remove our deny or statement; ``give
            back``: make a key Active, attach a policy again, detach AWSDenyAll.
        role: who the principal is.
        words: what bears out that this incident did it, and how it was before.
    """
    witnesses = frozenset(words)
    witness_sources = sources(witnesses)
    is_borne_out = "mark" in witnesses and len(witness_sources) > 1
    if act == "contain":
        return "done" if role.named and not role.protected else "never"
    if not (role.named or is_borne_out):
        return "never"
    if act == "deny at a lift":
        return "never" if role.protected else "done"
    if act == "take ours away":
        return "done" if is_borne_out or "decision" in witnesses else "asked"
    # A mark says that we were there, and not how it was.
    prior = sources(witnesses - {"mark"})
    if len(prior) > 1 or ("decision" in witnesses and prior):
        return "done"
    return "asked" if prior else "never"


_WORDS: tuple[tuple[Word, ...], ...] = (
    ("state",),
    ("state", "file ledger"),
    ("mark",),
    ("claim",),
    ("state", "claim"),
    ("state", "mark"),
    ("state", "mark", "claim"),
    ("state", "locked ledger"),
    ("claim", "locked ledger"),
    ("state", "decision"),
    ("state", "mark", "decision"),
)


def table() -> str:
    """Return what may be done on whose word, as a table in Markdown: one row for each set of words.

    In each cell stands what holds for a principal that the spec names, then for another one.
    """
    acts: tuple[Act, ...] = ("deny at a lift", "take ours away", "give back")
    rows = [f"| on the word of | {' | '.join(acts)} |", "|---|" + "---|" * len(acts)]
    for words in _WORDS:
        pairs = (
            tuple(verdict(act, Role(named=named), words) for named in (True, False)) for act in acts
        )
        cells = (one if one == other else f"{one}, {other}" for one, other in pairs)
        rows.append(f"| {' + '.join(words)} | {' | '.join(cells)} |")
    return "\n".join(rows)

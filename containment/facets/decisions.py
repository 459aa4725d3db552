"""What people decided about a lift that live, claim and state do not agree on.

A decision is made for one facet, of one principal or of all: *force-ours* goes by what the
containment remembers, *keep-theirs* leaves what is live and takes away no more than our mark.
``containment lift`` has an option for each; they reach the provider through the environment, so
that plain ``pulumi destroy`` can be told the same:

.. code-block:: console

    $ CONTAINMENT_DECISIONS='keep-theirs=trust force-ours=credentials@111122223333/user/ci' \
        pulumi destroy

One is made about what nobody swept, with a reason: ``force-ours=sweep:REASON`` lifts all the same,
the reason percent-encoded where it stands in the environment.

A decision never widens access on the word of the state alone: a leaked key stays Inactive, and a
document from memory is written only where the ledger holds the same one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args
from urllib.parse import quote, unquote

from containment.errors import SpecError, lift_of
from containment.identities import Principal, parse_principal

if TYPE_CHECKING:
    from collections.abc import Iterable

VARIABLE = "CONTAINMENT_DECISIONS"

FacetName = Literal["deny", "credentials", "trust", "attachment", "sign-ins", "sweep"]
Word = Literal["force-ours", "keep-theirs"]
# What is swept is on no principal, and is decided about as a whole.
FACETS: tuple[FacetName, ...] = tuple(name for name in get_args(FacetName) if name != "sweep")
WORDS: tuple[Word, ...] = get_args(Word)
_LABEL_PARTS = 3
_MEND = "write it as force-ours=credentials or keep-theirs=trust@111122223333/role/app"


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision; *principal* is whom it is about, as it was written, or None for all.

    A *reason* is given where what nobody swept is lifted all the same.
    """

    word: Word
    facet: FacetName
    principal: str | None = None
    reason: str = ""

    def __str__(self) -> str:
        """Return it as it is written in the environment."""
        about = f"@{self.principal}" if self.principal else ""
        reason = f":{quote(self.reason, safe='')}" if self.reason else ""
        return f"{self.word}={self.facet}{about}{reason}"

    def is_about(self, principal: Principal) -> bool:
        """Tell whether it is about *principal*: paths and capitals do not tell two apart."""
        return self.principal is None or _named(self.principal) == _identity(principal)


@dataclass(frozen=True, slots=True)
class Decisions:
    """Everything that was decided for one run."""

    made: tuple[Decision, ...] = ()

    def __str__(self) -> str:
        """Return all as the environment carries them."""
        return " ".join(str(decision) for decision in self.made)

    def on(self, facet: FacetName, principal: Principal) -> Word | None:
        """Return what was decided about *facet* of *principal*: its own decision before all's."""
        about = [item for item in self.made if item.facet == facet and item.is_about(principal)]
        return next(
            (item.word for item in sorted(about, key=lambda item: not item.principal)), None
        )

    @property
    def unswept_reason(self) -> str:
        """Why what nobody swept is to be lifted all the same; empty where nobody said so."""
        return next((item.reason for item in self.made if item.facet == "sweep"), "")

    def require_known(self, principals: Iterable[Principal]) -> None:
        """Refuse a decision about somebody whom the stack does not hold.

        Raises:
            SpecError: it names somebody else; nothing has been changed.
        """
        targets = list(principals)
        for item in self.made:
            if not any(item.is_about(principal) for principal in targets):
                labels = ", ".join(sorted({principal.label for principal in targets})) or "nobody"
                raise SpecError(
                    f"'{item}' decides about somebody whom the stack does not hold (it holds"
                    f" {labels})",
                    remedy="name one of those by ARN or by <account>/<user|role>/<name>",
                )


def parse(text: str) -> Decisions:
    """Return the decisions in *text*: ``<word>=<facet>`` or ``<word>=<facet>@<principal>``.

    Raises:
        SpecError: one of them is not understood, or two contradict each other.
    """
    made = tuple(dict.fromkeys(_decision(item) for item in text.split()))
    by_subject: dict[tuple[FacetName, object], Decision] = {}
    for item in made:
        about = (item.facet, _named(item.principal) if item.principal else None)
        if by_subject.setdefault(about, item) != item:
            raise SpecError(
                f"'{by_subject[about]}' and '{item}' contradict each other",
                remedy="take one of them out",
            )
    return Decisions(made)


def decided(word: Word, value: str) -> Decision:
    """Return the decision *word* about *value*: a facet, or ``<facet>@<principal>``.

    Raises:
        SpecError: there is no such facet, or the principal is none.
    """
    if value.partition(":")[0] == "sweep":
        return _lifted_unswept(word, value)
    facet, separator, principal = value.partition("@")
    if facet not in FACETS:
        raise SpecError(
            f"{facet!r} is no facet of a lift; there are {', '.join(FACETS)}", remedy=_MEND
        )
    if separator:
        _named(principal)
    return Decision(word, facet, principal if separator else None)


def _lifted_unswept(word: Word, value: str) -> Decision:
    """Return the decision to lift what nobody swept, which takes a reason."""
    reason = unquote(value.partition(":")[2]).strip()
    if word != "force-ours" or not reason:
        raise SpecError(
            f"'{word}={value}' does not say why what was not swept may be lifted",
            remedy="write it as --force-ours 'sweep:REASON'; what is swept needs no decision",
        )
    return Decision(word, "sweep", reason=reason)


def way_out(
    incident: str, facet: FacetName, principal: Principal, *, force_ours: str, keep_theirs: str
) -> str:
    """Return the two commands that settle a conflict, and what each of them does."""
    lift, about = lift_of(incident), f"{facet}@{principal.label}"
    return (
        f"decide: '{lift} --force-ours {about}' {force_ours},"
        f" '{lift} --keep-theirs {about}' {keep_theirs}"
    )


def _decision(item: str) -> Decision:
    word, _, value = item.partition("=")
    if word not in WORDS:
        raise SpecError(
            f"{item!r} in {VARIABLE} is no decision; the words are {', '.join(WORDS)}", remedy=_MEND
        )
    return decided(word, value)


def _named(principal: str) -> tuple[str, str, str]:
    if principal.startswith("arn:"):
        return _identity(parse_principal(principal))
    parts = principal.split("/")
    account, kind, name = parts if len(parts) == _LABEL_PARTS else ("", "", "")
    # The partition is the stack's own; an account has one.
    return _identity(parse_principal(f"arn:aws:iam::{account}:{kind}/{name}"))


def _identity(principal: Principal) -> tuple[str, str, str]:
    return principal.account, principal.kind, principal.name.lower()

"""The deny on a principal: one inline policy of ours, or AWSDenyAll where inline has no room.

At lift the same policy is rewritten, in one Put, into the release fence: it denies the tokens
minted while the principal was denied, which would otherwise come alive, and carries its own end.
Explicit denies win over every allow, and reach the sessions that a user or role issued: IAM User
Guide, "Policy evaluation logic" and "Disabling permissions for temporary security credentials".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from botocore.exceptions import ClientError

from containment.aws.faults import may_be_gone
from containment.clock import isoformat, moment_of
from containment.facets import documents
from containment.facets.marks import Mark, policy_name
from containment.facets.shapes import SESSION_CONDITIONS, is_deny, is_policy_deny
from policies import render, text

if TYPE_CHECKING:
    from containment.aws.principal import LivePrincipal

ScopeKind = Literal["all", "issued-before", "sessions"]


@dataclass(frozen=True, slots=True)
class Match:
    """One condition that picks sessions: operator, condition key, exact values."""

    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom the deny reaches: everybody, tokens issued before a moment, or picked sessions."""

    kind: ScopeKind
    issued_before: str | None = None
    matches: tuple[Match, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveDeny:
    """The incident's inline policy as it is now.

    Others may have written in it: *issued_before* is None where it is no moment with a zone.
    With *only*, statements of the incident under another snapshot count as others'.
    """

    text: str | None
    mark: Mark | None
    is_fence: bool
    issued_before: str | None
    until: str | None
    only: str | None = None

    @property
    def in_force(self) -> bool:
        """True where a deny of the incident is there that is not just a fence."""
        return self.mark is not None and not self.is_fence


def find(live: LivePrincipal, incident: str, only: str | None = None) -> LiveDeny:
    """Return the incident's deny or fence on *live*; with *only*, what is of that snapshot."""
    return read(live.inline_text(policy_name(incident)), incident, only)


def read(policy: str | None, incident: str, only: str | None = None) -> LiveDeny:
    """Return what an inline policy of the incident's name says."""
    document = documents.parse(policy) if policy else None
    own: list[tuple[Mark, documents.Statement]] = []
    for statement in documents.statements(document or {}):
        mark = documents.mark_of(statement, is_deny)
        if mark is not None and _is_ours(mark, incident, only):
            own.append((mark, statement))
    if not own:
        return LiveDeny(policy, None, is_fence=False, issued_before=None, until=None, only=only)
    newest, statement = max(own, key=lambda pair: pair[0].generation)
    dates = _dates(statement)
    until = dates.get("aws:CurrentTime")
    is_fence = all("aws:CurrentTime" in _dates(statement) for _, statement in own)
    moment = moment_of(dates.get("aws:TokenIssueTime"))
    issued_before = None if moment is None else isoformat(moment)
    return LiveDeny(policy, newest, is_fence, issued_before, until, only)


def document(scope: Scope, mark: Mark) -> documents.Document:
    """Return the policy that denies *scope*."""
    if scope.kind == "all":
        return render("deny-all", sid=mark.sid)
    if scope.kind == "issued-before":
        return render("deny-issued-before", sid=mark.sid, issued_before=scope.issued_before)
    return render("deny-sessions", sid=mark.sid, matches=as_values(scope.matches))


def put(
    live: LivePrincipal,
    incident: str,
    live_deny: LiveDeny,
    own_document: documents.Document,
    *,
    whole_policy: bool = False,
) -> None:
    """Write *own_document* as the incident's policy.

    Statements of others in it stay, unless *whole_policy*.
    """
    written = left_by(live_deny, incident, own_document, whole_policy=whole_policy)
    live.put_inline(policy_name(incident), text(written or own_document))


def left_by(
    live_deny: LiveDeny,
    incident: str,
    own_document: documents.Document | None,
    *,
    whole_policy: bool = False,
) -> documents.Document | None:
    """Return the incident's policy once ours in it is *own_document*; None where it goes.

    Statements of others in it stay, unless *whole_policy*.
    """
    if own_document is not None:
        return own_document if whole_policy else merged(live_deny, incident, own_document)
    rest = _without_ours(live_deny, incident)
    return rest if rest["Statement"] and not whole_policy else None


def merged(
    live_deny: LiveDeny, incident: str, own_document: documents.Document
) -> documents.Document:
    """Return *own_document* plus the statements that others put into the incident's policy."""
    return {
        **own_document,
        "Statement": [*own_document["Statement"], *_without_ours(live_deny, incident)["Statement"]],
    }


def has_others(live_deny: LiveDeny, incident: str) -> bool:
    """Tell whether others put statements into the incident's policy."""
    return bool(_without_ours(live_deny, incident)["Statement"])


def twins(
    live_deny: LiveDeny, incident: str, own_document: documents.Document
) -> list[documents.Statement]:
    """Return the statements of others in the policy that say what *own_document* says."""
    own_statements = [documents.unsigned(item) for item in documents.statements(own_document)]
    foreign = documents.statements(_without_ours(live_deny, incident))
    return [item for item in foreign if documents.unsigned(item) in own_statements]


def shows(live: LivePrincipal, incident: str, own_document: documents.Document) -> bool:
    """Tell whether the incident's policy holds every statement of *own_document* now."""
    policy = live.inline_text(policy_name(incident))
    return policy is not None and documents.holds(policy, own_document)


def take_away(
    live: LivePrincipal, incident: str, live_deny: LiveDeny, *, whole_policy: bool = False
) -> None:
    """Remove every statement of the incident; delete the policy where nothing else is in it.

    With *whole_policy* whatever else is in it goes too.
    """
    rest = left_by(live_deny, incident, None, whole_policy=whole_policy)
    if rest is not None:
        live.put_inline(policy_name(incident), text(rest))
    elif live_deny.text is not None:
        try:
            live.delete_inline(policy_name(incident))
        except ClientError as error:
            # An earlier try may have done it; or the user, and so the policy, has another name now.
            now = live.again() if may_be_gone(error) else None
            if now is None or not now.goes_by(live.principal):
                raise


def as_values(matches: tuple[Match, ...]) -> list[dict[str, Any]]:
    """Return *matches* as a template takes them."""
    return [
        {"operator": match.operator, "key": match.key, "values": list(match.values)}
        for match in matches
    ]


def _without_ours(live_deny: LiveDeny, incident: str) -> documents.Document:
    """Return the incident's policy less every statement of the incident."""
    document = documents.parse(live_deny.text or "") or {}
    return documents.without(
        document, lambda mark: _is_ours(mark, incident, live_deny.only), is_deny
    )


def _is_ours(mark: Mark, incident: str, only: str | None) -> bool:
    return mark.is_of(incident) and only in {None, mark.snapshot_id}


def _dates(statement: documents.Statement) -> dict[str, str]:
    condition = statement.get("Condition")
    block = (
        cast("dict[str, Any]", condition).get("DateLessThan")
        if isinstance(condition, dict)
        else None
    )
    if not isinstance(block, dict):
        return {}
    return {str(key): str(value) for key, value in cast("dict[str, Any]", block).items()}


def scope_of(live_deny: LiveDeny, incident: str) -> Scope:
    """Return the scope of the incident's live deny, for a lift that has no state to ask."""
    document = documents.parse(live_deny.text or "") or {}
    matches: list[Match] = []
    for statement in documents.statements(document):
        mark = documents.mark_of(statement, is_policy_deny)
        if mark is None or not _is_ours(mark, incident, live_deny.only):
            continue
        for operator, keys in cast(
            "dict[str, dict[str, Any]]", statement.get("Condition", {})
        ).items():
            for key, values in keys.items():
                if (operator, key) in SESSION_CONDITIONS.values():
                    listed = values if isinstance(values, list) else [values]
                    matches.append(Match(operator, key, tuple(str(value) for value in listed)))
    if matches:
        return Scope("sessions", None, tuple(matches))
    return Scope("issued-before" if live_deny.issued_before else "all", live_deny.issued_before)


def binds_everything(live_deny: LiveDeny, live: LivePrincipal) -> bool:
    """Tell whether *live_deny* holds every credential that *live* has now.

    A user's access keys have no issue time, so no deny of older tokens reaches them ("AWS global
    condition context keys", ``aws:TokenIssueTime``).
    """
    if not live_deny.in_force:
        return False
    document = documents.parse(live_deny.text or "") or {}
    for statement in documents.statements(document):
        if documents.mark_of(statement, is_policy_deny) is None:
            continue
        condition = statement.get("Condition")
        if not condition:
            return True
        dates = _dates(statement)
        moment = moment_of(dates.get("aws:TokenIssueTime"))
        of_tokens = len(condition) == len(dates) == 1 and live.principal.kind == "role"
        if of_tokens and moment is not None and moment > live.answered_at:
            return True
    return False

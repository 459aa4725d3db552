"""Found credentials as proposed targets of the incident spec, for a person to review.

Each gets the rung that fits how it is linked: a principal the thief made is denied everything; an
existing user who was given a key loses that key only; a role that was only assumed has its
sessions revoked. What no rung fits (a trust edited, a password set on an existing user) and what
must never be chosen by a thief (the responder, break-glass) is listed, not proposed.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from containment.errors import NotFoundError, SpecError
from containment.identities import Principal, is_access_key_id, parse_principal
from containment.trail.outputs.plain import plain
from containment.trail.outputs.tables import replacing
from containment.trail.principals import label

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from containment.trail.result import Credential, Trace

_RUNGS = ("key-only", "session", "revoke-sessions", "close-trust", "deny-all")


@dataclass(frozen=True, slots=True)
class Proposal:
    """One target to add, and why."""

    principal: Principal
    rung: str
    leaked: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Proposals:
    """What to add, what a person must decide, and what is never proposed."""

    targets: tuple[Proposal, ...]
    decide: tuple[str, ...]
    protected: tuple[str, ...]


def propose(trace: Trace, *, protected: Iterable[str] = (), known: Iterable[str] = ()) -> Proposals:
    """Return the targets that *trace* suggests beyond *known*, never one of *protected* (ARNs)."""
    never = {label(arn): arn for arn in protected}
    there = {label(arn) for arn in known}
    made = {
        credential.owner
        for credential in trace.credentials
        if credential.kind in ("iam_user", "iam_role") and _made(credential)
    }
    by_owner: dict[str, list[Credential]] = {}
    decide: list[str] = []
    held_back: list[str] = []
    for credential in (trace.origin, *trace.credentials):
        if credential.owner:
            by_owner.setdefault(credential.owner, []).append(credential)
    targets = []
    for owner, credentials in sorted(by_owner.items()):
        principal = _principal(owner, credentials)
        if owner in never:
            held_back.append(
                f"{plain(never[owner])}: responder or break-glass, reached by the lineage"
            )
        elif principal is None:
            decide.append(f"{plain(owner)}: {_reasons(credentials)}; no rung holds it")
        elif principal.service_linked or principal.identity_center:
            decide.append(f"{plain(principal.arn)}: only its own service can change it")
        elif owner not in there:
            targets += _for(principal, credentials, decide, made=owner in made)
    return Proposals(tuple(targets), tuple(decide), tuple(held_back))


def _made(credential: Credential) -> bool:
    return credential.issued_by in ("CreateUser", "CreateRole")


def _for(
    principal: Principal,
    credentials: list[Credential],
    decide: list[str],
    *,
    made: bool,
) -> list[Proposal]:
    keys = tuple(sorted({c.id for c in credentials if is_access_key_id(c.id)}))
    why = _reasons(credentials)
    if made:
        leaked = keys if principal.kind == "user" else ()
        return [Proposal(principal, "deny-all", leaked, why)]
    if any(c.tier == "seed" for c in credentials):
        rung = "deny-all" if principal.kind == "user" else "revoke-sessions"
        return [Proposal(principal, rung, keys if principal.kind == "user" else (), why)]
    for credential in credentials:
        where = f"{plain(principal.arn)} ({', '.join(map(plain, credential.link_event_ids))})"
        if credential.kind == "iam_role":
            decide.append(f"{where}: its trust was edited; restore that statement, or close-trust")
        elif credential.kind == "console_password":
            decide.append(f"{where}: its password was set; give the owner a new one, or deny-all")
        elif credential.kind.endswith(("credential", "public_key", "certificate")):
            decide.append(f"{where}: {credential.kind} {plain(credential.id)}; make it inactive")
    if principal.kind == "user":
        return [Proposal(principal, "key-only", keys, why)] if keys else []
    sessions = any(c.kind in ("access_key", "forwarded_session_key") for c in credentials)
    return [Proposal(principal, "revoke-sessions", (), why)] if sessions else []


def _principal(owner: str, credentials: list[Credential]) -> Principal | None:
    arns = [c.owner_arn for c in credentials if c.owner_arn]
    account, _, rest = owner.partition("/")
    kind, _, name = rest.partition("/")
    arns.append(f"arn:aws:iam::{account}:{kind}/{name}")
    for arn in arns:
        try:
            return parse_principal(arn)
        except SpecError:
            continue
    return None


def _reasons(credentials: list[Credential]) -> str:
    first = credentials[0]
    more = f" and {len(credentials) - 1} more" if len(credentials) > 1 else ""
    by = f" by {plain(first.issued_by)}" if first.issued_by else ""
    return f"{first.tier}{by}, {plain(first.id)}{more}"


def add_to_spec(trace: Trace, path: Path, responders: Iterable[str] = ()) -> Proposals:
    """Add the proposals to the spec at *path*, every other byte of it kept as far as YAML allows.

    Raises:
        NotFoundError: there is no spec at *path*.
        SpecError: it is no incident spec.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError as error:
        raise NotFoundError(
            f"there is no spec {path}", remedy="make one with `containment open`, then trace again"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(
            f"{path} cannot be read: {error}", remedy="give the incident's YAML"
        ) from error
    try:
        spec: Any = yaml.load(text)
    except YAMLError as error:
        problem = str(error).splitlines()[0]
        raise SpecError(
            f"{path} is no YAML: {problem}", remedy="mend it, then trace again"
        ) from error
    targets = spec.get("targets") if isinstance(spec, dict) else None
    if not isinstance(targets, list):
        raise SpecError(
            f"{path} has no list of targets",
            remedy="give an incident spec as `containment open` makes",
        )
    known = [
        str(target[kind])
        for target in targets
        if isinstance(target, dict)
        for kind in ("user", "role")
        if target.get(kind)
    ]
    glass = spec.get("break_glass") or []
    found = propose(trace, protected=[*map(str, glass), *responders], known=known)
    found = _without_shorthands(found, targets)
    if found.targets:
        offset, indent = _indents(text)
        yaml.indent(mapping=2, sequence=indent, offset=offset)
        for proposal in found.targets:
            targets.append(_entry(proposal))
        out = io.StringIO()
        yaml.dump(spec, out)
        with replacing(path) as draft:
            draft.write_text(out.getvalue(), "utf-8")
    return found


def _without_shorthands(found: Proposals, targets: list[Any]) -> Proposals:
    """``access_key: AKIA…`` names its user too: that one is there already."""
    short = {str(t["access_key"]) for t in targets if isinstance(t, dict) and t.get("access_key")}
    kept = tuple(target for target in found.targets if not short & set(target.leaked))
    return Proposals(kept, found.decide, found.protected)


def _entry(proposal: Proposal) -> CommentedMap:
    entry = CommentedMap()
    entry[proposal.principal.kind] = proposal.principal.arn
    if proposal.leaked:
        entry["leaked"] = list(proposal.leaked)
    entry["rung"] = proposal.rung
    entry.yaml_add_eol_comment(f"proposed by the trace: {proposal.why}", proposal.principal.kind)
    return entry


def _indents(text: str) -> tuple[int, int]:
    """Keep the list style of the file: dashes under the key, or two in."""
    lines = text.splitlines()
    for number, line in enumerate(lines[:-1]):
        if line.startswith("targets:"):
            following = lines[number + 1]
            dash = len(following) - len(following.lstrip())
            return dash, dash + 2
    return 2, 4

"""Write the proposals into the incident's spec; what a person wrote stays as it is."""

from __future__ import annotations

import io
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from containment.errors import ContainmentError, NotFoundError, SpecError
from containment.files import replacing
from containment.spec import Limits, load
from containment.text import plain
from containment.trail.facts.principals import label
from containment.trail.facts.trust_policies import account_of
from containment.trail.outputs.propose import Proposal, Proposals, SpecTarget, propose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from containment.trail.answer.result import Trace


def add_to_spec(trace: Trace, path: Path, responders: Iterable[str] = ()) -> Proposals:
    """Add the proposals to the spec at *path*; all else in it, comments too, stays.

    Raises:
        NotFoundError: there is no spec at *path*.
        SpecError: it is no incident spec.
        UnavailableError: it cannot be written.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000
    text = _text(path)
    spec, targets = _targets(yaml, text, path)
    glass = [str(arn) for arn in spec.get("break_glass") or []]
    entries = [target for target in targets if _is_map(target)]
    in_spec = _spec_targets(entries, trace)
    named = [*_named(entries), *glass, trace.seed_principal]
    proposals = propose(
        trace,
        protected=[*glass, *responders],
        in_spec=in_spec,
        account=next(filter(None, map(account_of, named)), ""),
        partition=next(filter(None, map(_partition, named)), ""),
        room=_limit(spec) - len(targets),
    )
    return _written(yaml, text, spec, proposals, path)


def add_proposals(proposed: Sequence[Proposal], path: Path) -> Proposals:
    """Add the proposals *proposed* to the spec at *path*, as far as its limit has room for them.

    Raises:
        NotFoundError: there is no spec at *path*.
        SpecError: it is no incident spec.
        UnavailableError: it cannot be written.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000
    text = _text(path)
    spec, targets = _targets(yaml, text, path)
    names = {label(arn).lower() for arn in _named([one for one in targets if _is_map(one)]) if arn}
    new = [one for one in proposed if one.principal.label.lower() not in names]
    fits = max(0, _limit(spec) - len(targets))
    return _written(yaml, text, spec, Proposals(tuple(new[:fits]), beyond=tuple(new[fits:])), path)


def _written(yaml: YAML, text: str, spec: Any, proposals: Proposals, path: Path) -> Proposals:
    """Write *proposals* into the file; return them as far as the spec takes them."""
    targets: CommentedSeq = spec["targets"]
    if proposals.targets or proposals.more_leaked:
        offset, indent = _indents(text)
        yaml.indent(mapping=2, sequence=indent, offset=offset)
        if proposals.targets and targets.fa.flow_style():
            targets.fa.set_block_style()  # a comment for each does not fit on one line
        for user, key in proposals.more_leaked:
            _leak([target for target in targets if _is_map(target)], user, key)
        added = _added(lambda: _dumped(yaml, spec), text, targets, proposals, path.name)
        proposals = replace(proposals, targets=added[0], decide=(*proposals.decide, *added[1]))
        with replacing(path) as draft:
            draft.write_text(_dumped(yaml, spec), "utf-8")
    return proposals


def _is_map(entry: Any) -> bool:
    return isinstance(entry, dict)


def _added(
    dump: Callable[[], str], before: str, targets: CommentedSeq, proposals: Proposals, name: str
) -> tuple[tuple[Proposal, ...], list[str]]:
    """Add each proposal to *targets* that leaves the spec valid; return those, and the others.

    Names come out of logs, which others may have written: one that the spec refuses must not keep
    the rest from being contained. A spec that was not valid before is not judged.
    """
    length = len(targets)
    targets.extend(map(_entry, proposals.targets))
    if not _problem(dump(), name) or _problem(before, name):
        return proposals.targets, []
    del targets[length:]
    fitting: list[Proposal] = []
    refused: list[str] = []
    for proposal in proposals.targets:
        targets.append(_entry(proposal))
        if problem := _problem(dump(), name):
            del targets[-1]
            arn = plain(proposal.principal.arn)
            refused.append(f"{arn}: {proposal.why}; the spec refuses it: {plain(problem)}")
        else:
            fitting.append(proposal)
    return tuple(fitting), refused


def _problem(text: str, name: str) -> str:
    """Return why *text* is no spec of the file *name*; empty if it is one."""
    with tempfile.TemporaryDirectory(prefix="containment-") as folder:
        path = Path(folder) / name
        path.write_text(text, "utf-8")
        try:
            load(path)
        except ContainmentError as error:
            return error.message.replace(f"{folder}{os.sep}", "")
    return ""


def _dumped(yaml: YAML, spec: Any) -> str:
    out = io.StringIO()
    yaml.dump(spec, out)
    return out.getvalue()


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError as error:
        raise NotFoundError(
            f"there is no spec {path}", remedy="make one with 'containment open', then trace again"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(
            f"{path} cannot be read: {error}", remedy="give the incident's YAML"
        ) from error


def _targets(yaml: YAML, text: str, path: Path) -> tuple[Any, CommentedSeq]:
    try:
        spec: Any = yaml.load(text)
    except YAMLError as error:
        problem = str(error).splitlines()[0]
        raise SpecError(
            f"{path} is no YAML: {problem}", remedy="mend it, then trace again"
        ) from error
    targets = spec.get("targets") if isinstance(spec, dict) else None
    if not isinstance(targets, CommentedSeq):
        raise SpecError(
            f"{path} has no list of targets",
            remedy="give an incident spec as 'containment open' makes",
        )
    return spec, targets


def _spec_targets(entries: list[Any], trace: Trace) -> dict[str, SpecTarget]:
    """Return the targets that the spec has; ``access_key`` stands for the user who holds it."""
    holders = {credential.id: credential.owner for credential in (trace.origin, *trace.credentials)}
    in_spec: dict[str, SpecTarget] = {}
    for entry in entries:
        arn, key = entry.get("user") or entry.get("role"), entry.get("access_key")
        name = label(str(arn)) if arn else holders.get(str(key), "")
        rung = entry.get("rung") or ("revoke-sessions" if entry.get("role") else "deny-all")
        leaked = tuple(map(str, entry.get("leaked") or ()))
        if name:
            in_spec[name.lower()] = SpecTarget(str(rung), leaked)
    return in_spec


def _named(entries: list[Any]) -> list[str]:
    """Return the ARNs of the targets; a stack works with the credentials of one account."""
    return [str(entry.get("user") or entry.get("role") or "") for entry in entries]


def _partition(arn: str) -> str:
    return arn.split(":", 2)[1] if arn.startswith("arn:") else ""


def _limit(spec: Any) -> int:
    limits = spec.get("limits")
    most = limits.get("principals") if isinstance(limits, dict) else None
    return most if isinstance(most, int) else Limits().principals


def _leak(entries: list[Any], user: str, key: str) -> None:
    for entry in entries:
        if label(str(entry.get("user") or "")).lower() == user.lower() and isinstance(
            entry.get("leaked"), list
        ):
            entry["leaked"].append(key)


def _entry(proposal: Proposal) -> CommentedMap:
    entry = CommentedMap()
    kind = proposal.principal.kind
    entry[kind] = proposal.principal.arn
    if proposal.leaked:
        entry["leaked"] = _flow(proposal.leaked)
    entry["rung"] = proposal.rung
    if proposal.sessions:
        entry["sessions"] = _flow(map(_session, proposal.sessions))
    entry.yaml_add_eol_comment(f"{proposal.by}: {proposal.why}", kind)
    if proposal.note:
        entry.yaml_add_eol_comment(proposal.note, "rung")
    return entry


def _session(name: str) -> CommentedMap:
    entry = CommentedMap(name=name)
    entry.fa.set_flow_style()
    return entry


def _flow(items: Iterable[Any]) -> CommentedSeq:
    """Return a list on one line, as specs have them."""
    entries = CommentedSeq(items)
    entries.fa.set_flow_style()
    return entries


def _indents(text: str) -> tuple[int, int]:
    """Return offset and indent of the lists in *text*: dashes under the key, or two in."""
    lines = text.splitlines()
    for number, line in enumerate(lines[:-1]):
        if line.startswith("targets:"):
            following = lines[number + 1]
            dash = len(following) - len(following.lstrip()) if following.lstrip()[:1] == "-" else 2
            return dash, dash + 2
    return 2, 4

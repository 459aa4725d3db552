"""Tell the responder what to do after a trace: one line a step, the most urgent first.

Names out of the logs stand in commands, so each is quoted for the shell, and only what is a
principal's ARN becomes part of one.
"""

from __future__ import annotations

import shlex
from pathlib import PurePath
from typing import TYPE_CHECKING

from containment.errors import SpecError
from containment.identities import is_access_key_id, parse_principal, parse_unique_id
from containment.text import counted, plain
from containment.trail.facts.principals import principal_arn
from containment.trail.logs.files import COMPLETE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containment.trail.answer.result import Trace

_SHOWN = 3


def next_steps(trace: Trace, spec: str = "") -> list[str]:
    """Return what to do about *trace*; *spec* is the incident spec that it was added to."""
    if trace.unseen:
        read = "read the logs of other accounts and Regions, or from an earlier --since"
        return [f"{read}: silence clears nobody", *_containing(trace, spec, has_descendants=False)]
    return [*_containing(trace, spec, has_descendants=True), *_following(trace)]


def _containing(trace: Trace, spec: str, *, has_descendants: bool) -> Iterator[str]:
    if spec:
        yield f"review what was added: git diff {shlex.quote(spec)}"
        stack = shlex.quote(PurePath(spec).stem)
        yield f"then contain it: pulumi preview --stack {stack}, pulumi up --stack {stack}"
        return
    named = _to_open(trace)
    if named:
        yield (
            "open the incident, if it is not open yet: containment open"
            f" {shlex.quote(named)} --since {trace.since}"
        )
    if has_descendants:
        yield (
            "add what was found to the spec, for review: the same command with --propose"
            " stacks/<incident>.yaml"
        )


def _to_open(trace: Trace) -> str:
    """Return what ``containment open`` takes for the seed: its id, else who is behind it."""
    if is_access_key_id(trace.seed) or parse_unique_id(trace.seed) is not None:
        return trace.seed
    arn = principal_arn(trace.seed_principal)
    try:
        return parse_principal(arn).arn
    except SpecError:
        return ""


def _following(trace: Trace) -> Iterator[str]:
    if trace.accounts_without_records:
        accounts = _some(list(trace.accounts_without_records))
        yield f"get the CloudTrail logs of {accounts}, which it reached, and trace again with them"
    for trust in trace.external_trust[:_SHOWN]:
        yield (
            f"take {plain(trust.principal)} out of the trust policy of {plain(trust.role)}"
            f" (event {plain(trust.event_id)})"
        )
    if len(trace.external_trust) > _SHOWN:
        yield f"and {len(trace.external_trust) - _SHOWN} more trusts: see OPEN TO OUTSIDE above"
    inferred = [one.id for one in trace.credentials if one.confidence != "certain"]
    if inferred:
        yield f"check {_some(inferred)}: inferred, not proven"
    sign_ins = [one.id for one in trace.credentials if one.kind == "sign_in_session"]
    if sign_ins:
        revoke = "aws signin batch-revoke-sessions"
        yield f"revoke {_some(sign_ins)} ({revoke}): a refresh outlives a deny"
    kinds = {gap.kind for gap in trace.gaps}
    if "logging_tampered" in kinds:
        yield "turn logging on again where NOT KNOWN says logging_tampered, and trace again"
    bad = [one for one in trace.files if one.status not in COMPLETE | {"not_a_log"}]
    if bad:
        yield f"get {counted(len(bad), 'file')} that could not be read whole again, and trace again"


def _some(values: list[str]) -> str:
    shown = ", ".join(map(plain, values[:_SHOWN]))
    return shown + (f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else "")

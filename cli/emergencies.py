"""What is done before its review: put on record, shown as open, and closed by a signed review."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from containment.clock import utc_now
from containment.errors import ContainmentError, NotFoundError, RefusedError, SpecError
from containment.files import NoRegularFileError
from containment.files import read as read_file
from containment.lifecycle.oversight import UNRECORDED, VARIABLE, is_reviewed, unreviewed
from containment.review.approval import read_signers
from containment.review.approval.afterwards import declare, without_forged
from containment.review.approval.signers import FILE as SIGNERS
from containment.run.incident_status import Matter
from containment.spec.reading import MAX_BYTES
from containment.text import plain

if TYPE_CHECKING:
    from pathlib import Path

    from cli.incident import Incident
    from containment.lifecycle.oversight import Emergency, Verb
    from containment.lifecycle.workplace import Workplace
    from containment.review.approval import Signers


def declared(workplace: Workplace, verb: Verb, reason: str, stack: str) -> int:
    """Put an emergency on record, before anything is changed; return what lets the run begin.

    Raises:
        SpecError: no reason is given.
        RefusedError: a lift cannot be put on record.
    """
    if not reason.strip():
        raise SpecError("--emergency takes a reason", remedy="say why it cannot wait for a review")
    journal = workplace.ledger().journal_of(stack)
    number = declare(
        journal,
        verb,
        reason.strip(),
        workplace.caller().arn,
        now=utc_now(),
        within=timedelta(hours=workplace.settings.profile.review_within_hours),
        spec=_spec_digest(workplace.directory / "stacks" / f"{stack}.yaml"),
    )
    return UNRECORDED if number is None else number


def admitted(incident: Incident, admission: int) -> Incident:
    """Return *incident* with an engine and a workplace that the ledger's entry lets begin."""
    environ = {**incident.engine.environ, VARIABLE: str(admission)}
    return replace(
        incident,
        engine=replace(incident.engine, environ=environ),
        workplace=replace(incident.workplace, admission=admission),
    )


def open_of(workplace: Workplace, stack: str) -> tuple[Emergency, ...]:
    """Return the emergencies of *stack* that nobody in the project's ``allowed_signers`` reviewed.

    Of a ledger that is not intact, as far as it can be read.
    """
    _, chain = workplace.ledger().journal_of(stack).read()
    if not unreviewed(entry for entry in chain.entries if entry.get("kind") == "emergency"):
        return ()
    signers: Signers | None = None
    with suppress(ContainmentError):
        signers = signers_of(workplace.directory)
    return unreviewed(without_forged(chain, stack, signers))


def matters_of(emergencies: tuple[Emergency, ...], stack: str) -> list[Matter]:
    """Return what somebody should know of *emergencies*."""
    now = utc_now()
    return [
        Matter(
            f"not reviewed: {one.verb} in an emergency at {plain(one.declared_at)} by"
            f" {plain(one.operator)} ({plain(one.reason)}); its review"
            f" {'was' if one.is_overdue(now) else 'is'} due {plain(one.due_at)}",
            f"have somebody else run 'containment review {stack} --applied --sign-with KEY'",
        )
        for one in emergencies
    ]


def rows_of(emergencies: tuple[Emergency, ...]) -> list[dict[str, object]]:
    """Return *emergencies* as a part of a JSON document."""
    now = utc_now()
    return [
        {
            "entry": one.number,
            "verb": one.verb,
            "reason": one.reason,
            "operator": one.operator,
            "at": one.declared_at,
            "due": one.due_at,
            "overdue": one.is_overdue(now),
        }
        for one in emergencies
    ]


def require_reviewed(workplace: Workplace, stack: str) -> None:
    """Let a lift begin, where the profile asks for a review of it: a signed one.

    The provider asks again, and goes by the ledger; whose signature it is, is asked here.

    Raises:
        RefusedError: nobody has reviewed it, or it was signed by nobody who may.
    """
    if workplace.settings.profile.review_required is None:
        return
    inspection, chain = workplace.ledger().journal_of(stack).read()
    if inspection.verdict == "intact":
        signers = signers_of(workplace.directory)
        if is_reviewed(without_forged(chain, stack, signers)):
            return
    raise RefusedError(
        f"the profile lets nothing of {stack} be given back without a review (review: {{required:"
        " …}), and nobody has signed one since it was last contained",
        remedy=f"have somebody else run 'containment review {stack} --applied --sign-with KEY'; a"
        " false positive that cannot wait is lifted by 'containment lift --emergency REASON',"
        " which leaves leaked keys Inactive",
    )


def signers_of(root: Path) -> Signers:
    """Return who may sign, by the project's own file.

    Raises:
        NotFoundError: it has none.
        SpecError: the file cannot be used.
    """
    try:
        data = read_file(root / SIGNERS, MAX_BYTES, within=root)
    except (OSError, NoRegularFileError) as error:
        raise NotFoundError(
            f"{SIGNERS} in {plain(str(root))} cannot be read, so nobody can sign a review",
            remedy="put one there: see docs/howto/reviewer.md",
        ) from error
    return read_signers(data.decode("utf-8", "replace"), root, os.environ)  # noqa: TID251 -- an edge


def _spec_digest(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""

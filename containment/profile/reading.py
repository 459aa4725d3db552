"""Read a profile's file, or say everything that is wrong with it, by line and field."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from containment.ledger import LedgerSettings
from containment.profile.model import ProfileFile
from containment.profile.profile import Profile
from containment.spec.problems import SpecProblemsError
from containment.spec.reading import Words, read_document
from containment.spec.validation import content, validated

if TYPE_CHECKING:
    from pathlib import Path

WORDS = Words(
    noun="an organisation's profile",
    short="a profile",
    begin="write it with 'containment init', or remove the file: then the defaults hold",
    fields="write 'field: value' lines, or remove the file: then the defaults hold",
    one="one profile a project",
    check="containment check",
)


def read(path: Path) -> Profile:
    """Return the profile in *path*.

    Raises:
        SpecError: it cannot be read, or is no profile; every reason is in it.
    """
    text = content(path, "the project's profile")
    document = read_document(text, WORDS)
    values, problems = validated(document, ProfileFile, WORDS, {})
    problems += document.problems
    if values is None or problems:
        raise SpecProblemsError(path, problems, document.lines, check=WORDS.check)
    kept = values.ledger
    return Profile(
        region=values.region,
        role=values.role,
        lift_role=values.lift_role,
        ledger=LedgerSettings(kept.place, kept.object_lock, kept.retention_days),
        state=values.state,
        secrets=values.secrets,
        sign_in_regions=values.sign_in_regions,
        responder=values.responder,
        pipeline=values.pipeline,
        guard=values.guard,
        guard_role=values.guard_role,
        guard_required=values.guard_required,
        guard_lag_s=values.guard_lag_s,
        break_glass=values.break_glass,
        most_principals=values.review.principals,
        most_accounts=values.review.accounts,
        approvals=values.review.approvals,
        valid_hours=values.review.valid_hours,
        bots=values.review.bots,
        review_required=values.review.required,
        review_within_hours=values.review.within_hours,
        sha256=sha256(text).hexdigest(),
    )

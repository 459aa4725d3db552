"""Whether whom the spec names is whom the state holds: by unique id, as the account is now.

The state knows unique ids and the spec knows names. A user who was deleted and made anew under the
ARN is somebody else, whom nothing holds; one who was renamed is the same, and stays held.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from containment.aws.principal import locate
from containment.aws.resolve import owner_of
from containment.errors import ContainmentError
from containment.identities import is_access_key_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_iam import IAMClient

    from containment.spec import Target

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class TargetCoverage:
    """What was found of one target.

    Attributes:
        principal: its ARN in the spec.
        unheld: who is not held though the spec names them, and why; empty where nobody is.
        note: what is to be known all the same.
        step: what to do about either.
        unknown: why AWS could not be asked.
        renamed_from: the ARN by which the state holds it, where that is another.
    """

    principal: str
    unheld: str = ""
    note: str = ""
    step: str = ""
    unknown: ContainmentError | None = None
    renamed_from: str | None = None


def check_targets(
    iam: IAMClient, stack: str, targets: Sequence[Target], arns_by_id: Mapping[str, str]
) -> list[TargetCoverage]:
    """Look at every target; *arns_by_id* are the ARNs that the state has, by unique id."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        answer_lists = pool.map(partial(_look, iam, stack, arns_by_id), targets)
        return [answer for answers in answer_lists for answer in answers]


def _look(
    iam: IAMClient, stack: str, arns_by_id: Mapping[str, str], target: Target
) -> list[TargetCoverage]:
    try:
        return [_by_name(iam, stack, arns_by_id, target), *_by_keys(iam, stack, arns_by_id, target)]
    except ContainmentError as error:
        return [TargetCoverage(target.principal.arn, unknown=error)]


def _by_name(
    iam: IAMClient, stack: str, arns_by_id: Mapping[str, str], target: Target
) -> TargetCoverage:
    arn, up = target.principal.arn, f"run 'containment up {stack}' at once"
    ids = [unique_id for unique_id, known_arn in arns_by_id.items() if known_arn == arn]
    live = locate(iam, target.principal, None)
    if live is not None and live.unique_id not in arns_by_id and ids:
        why = f"{arn} was deleted and made anew (it is {live.unique_id} now): nothing holds it"
        return TargetCoverage(arn, unheld=why, step=up)
    if live is not None and live.unique_id in arns_by_id and live.unique_id not in ids:
        before = arns_by_id[live.unique_id]
        note = f"{arn} is who was {before}, and is held by that name"
        step = f"write 'user: {before}' in the spec, for a renamed user is followed by its id"
        return TargetCoverage(
            arn, note=note, step=f"{step}; or rename it back", renamed_from=before
        )
    for unique_id in ids if live is None else ():
        moved = locate(iam, target.principal, unique_id)
        if moved is not None:
            note = f"{arn} is {moved.principal.arn} now, and stays held by its unique id"
            return TargetCoverage(arn, note=note, step="leave the spec as it is, or rename it back")
    return TargetCoverage(arn)


def _by_keys(
    iam: IAMClient, stack: str, arns_by_id: Mapping[str, str], target: Target
) -> list[TargetCoverage]:
    """Return the users whose key the target's leaked keys are, and whom nothing holds."""
    if not target.leaked or target.principal.kind != "user":
        return []
    live = locate(iam, target.principal, None)
    own = {key.credential_id for key in live.access_keys()} if live is not None else set[str]()
    answers: list[TargetCoverage] = []
    for key in sorted(filter(is_access_key_id, set(target.leaked) - own)):
        owner = owner_of(iam, key)
        if owner is not None and owner.unique_id not in arns_by_id:
            why = (
                f"{key} is a key of {owner.principal.arn} and not of {target.principal.arn}:"
                " nothing holds that user"
            )
            step = f"run 'containment up {stack}' at once, which contains both"
            answers.append(TargetCoverage(owner.principal.arn, unheld=why, step=step))
    return answers

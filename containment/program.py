"""What the stack program does: the incident spec of the stack becomes resources."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi

from containment import exports
from containment.errors import ContainmentError, NotFoundError
from containment.messages import MessageFile, of_error
from containment.plan import notices, owners, plan, working_keys
from containment.profile import load as load_profile
from containment.registration import register_newest_first
from containment.resources import ContainedPrincipal
from containment.spec import IncidentSpec, load, pin, waves
from containment.text import paragraph, plain, unwired

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from containment.profile import Profile
    from containment.spec import Rung


def owner_of(access_key_id: str) -> str:
    """Return the ARN of the user that an access key belongs to, as the provider finds it."""
    try:
        answer = pulumi.runtime.invoke(
            "containment:index:resolveAccessKey", {"accessKeyId": access_key_id}
        )
    except Exception as error:  # noqa: BLE001 -- the SDK has no type for a refused invoke
        raise NotFoundError(
            f"{access_key_id} cannot be resolved: {error}",
            remedy=f"run 'containment resolve {access_key_id}' and pin its user in the spec",
        ) from None
    arn = str(unwired(answer.value["principal"]))
    pulumi.log.info(plain(f"{access_key_id} belongs to {arn}; pin it in the spec: user: {arn}"))
    return arn


def main() -> None:
    """Declare what the spec of this stack says."""
    register_newest_first()
    stack = pulumi.get_stack()
    path = Path("stacks") / f"{stack}.yaml"
    try:
        spec: IncidentSpec = load(path, stack=stack)
        spec = waves.up_to(spec, waves.wave_in(os.environ))  # noqa: TID251 -- an edge
        if spec.unpinned:
            spec = pin(spec, {key: owner_of(key) for key in spec.unpinned})
        profile = load_profile(Path())
        declared = plan(spec, spec_file=str(path), profile=profile)
    except ContainmentError as error:
        MessageFile.named_in(os.environ).add(of_error(error, call="Program"))  # noqa: TID251 -- an edge
        raise pulumi.RunError(paragraph(error)) from None
    for notice in notices(spec):
        pulumi.log.warn(plain(notice))
    contained = {
        principal.principal: ContainedPrincipal.declare(principal) for principal in declared
    }
    for name, value in exports.stack_outputs(stack, contained).items():
        pulumi.export(name, value)
    declared_labels: set[str] = set()
    for principal in declared:
        also = partial(_declare_owners, spec, principal.rung, str(path), profile, declared_labels)
        contained[principal.principal].snapshot.output("owners").apply(also)


def _declare_owners(  # noqa: PLR0917 -- what plan.owners takes
    spec: IncidentSpec,
    rung: Rung,
    spec_file: str,
    profile: Profile,
    declared_labels: set[str],
    owner_rows: Sequence[Mapping[str, Any]] | None,
) -> None:
    """Declare, once each, the users whose key a leaked one turned out to be."""
    rows = unwired(list(owner_rows or ()))
    for error in working_keys(spec, rows):
        if pulumi.runtime.is_dry_run():
            pulumi.log.warn(paragraph(error))
            continue
        MessageFile.named_in(os.environ).add(of_error(error, call="Program"))  # noqa: TID251 -- an edge
        pulumi.log.error(paragraph(error))
    for owner in owners(spec, rung, rows, spec_file=spec_file, profile=profile):
        if owner.principal.label not in declared_labels:
            declared_labels.add(owner.principal.label)
            ContainedPrincipal.declare(owner)

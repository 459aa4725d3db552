"""What the stack program does: the incident spec of the stack becomes resources."""

from __future__ import annotations

import os
from pathlib import Path

import pulumi

from containment import exports
from containment.errors import ContainmentError, NotFoundError
from containment.messages import MessageFile, of_error
from containment.plan import notices, plan
from containment.profile import load as load_profile
from containment.resources import ContainedPrincipal
from containment.spec import IncidentSpec, load, pin
from containment.text import paragraph, plain, unwired


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
    stack = pulumi.get_stack()
    path = Path("stacks") / f"{stack}.yaml"
    try:
        spec: IncidentSpec = load(path, stack=stack)
        if spec.unpinned:
            spec = pin(spec, {key: owner_of(key) for key in spec.unpinned})
        declared = plan(spec, spec_file=str(path), profile=load_profile(Path()))
    except ContainmentError as error:
        MessageFile.named_in(os.environ).add(of_error(error, call="Program"))  # noqa: TID251 -- an edge
        raise pulumi.RunError(paragraph(error)) from None
    for notice in notices(spec):
        pulumi.log.warn(plain(notice))
    contained = {
        principal.principal: ContainedPrincipal.declare(principal) for principal in declared
    }
    for name, value in exports.of(stack, contained).items():
        pulumi.export(name, value)

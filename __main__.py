"""The stack program: the incident spec of this stack becomes resources."""

from __future__ import annotations

from pathlib import Path

import pulumi

from containment.errors import ContainmentError
from containment.plan import notices, plan
from containment.resources import ContainedPrincipal
from containment.spec import IncidentSpec, load, pin


def resolved(spec: IncidentSpec) -> IncidentSpec:
    """Return *spec* with each access key that stands for its user replaced by the user."""
    owners: dict[str, str] = {}
    for key in spec.unpinned:
        answer = pulumi.runtime.invoke("containment:index:resolveAccessKey", {"accessKeyId": key})
        owners[key] = str(answer.value["principal"])
        pulumi.log.info(f"{key} belongs to {owners[key]}; pin it in the spec: user: {owners[key]}")
    return pin(spec, owners) if owners else spec


def main() -> None:
    """Declare what the spec of this stack says."""
    stack = pulumi.get_stack()
    path = Path("stacks") / f"{stack}.yaml"
    try:
        spec = resolved(load(path, stack=stack))
    except ContainmentError as error:
        raise pulumi.RunError(str(error)) from None
    for notice in notices(spec):
        pulumi.log.warn(notice)
    for declared in plan(spec, spec_file=str(path)):
        ContainedPrincipal.declare(declared)


main()

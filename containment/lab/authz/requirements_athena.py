"""Resources of Athena and Glue calls: by the execution that is asked about, by database and table.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon Athena"
and "… for AWS Glue".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from containment.lab.authn.callers import Caller
    from containment.lab.protocol.operations import Operation

Resources = list[tuple[str, str]]


def athena(
    _operation: Operation, _action: str, parameters: Mapping[str, Any], caller: Caller, region: str
) -> Resources:
    """Return the workgroup that a call is about; an execution belongs to one."""
    from moto.athena.models import athena_backends

    name = parameters.get("WorkGroup") or ""
    execution = parameters.get("QueryExecutionId")
    if execution:
        query = athena_backends[caller.account][region].executions.get(execution)
        name = query.workgroup.name if query is not None and query.workgroup else "primary"
    elif not name and "QueryString" in parameters:
        name = "primary"
    if not name:
        return []
    return [(f"arn:aws:athena:{region}:{caller.account}:workgroup/{name}", caller.account)]


def glue(
    operation: Operation, _action: str, parameters: Mapping[str, Any], caller: Caller, region: str
) -> Resources:
    """Return catalog, database and table of a call about tables; nothing for any other."""
    names = ("Database", "Table", "Partition")
    if not any(name in operation.name for name in names):
        return []
    made = parameters.get("DatabaseInput") or parameters.get("TableInput") or {}
    database = parameters.get("DatabaseName") or (
        parameters.get("Name") or made.get("Name") if "Database" in operation.name else ""
    )
    table = parameters.get("TableName") or (
        parameters.get("Name") or made.get("Name") if "Table" in operation.name else ""
    )
    arn = f"arn:aws:glue:{region}:{caller.account}"
    arns = [f"{arn}:catalog"]
    if database:
        arns.append(f"{arn}:database/{database}")
    if database and "Database" not in operation.name:
        arns.append(f"{arn}:table/{database}/{table or '*'}")
    return [(one, caller.account) for one in arns]

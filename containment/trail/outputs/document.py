"""The answer as one JSON document; ``trace.schema.json`` beside this file describes it."""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, Any

from containment.text import as_json

if TYPE_CHECKING:
    from containment.trail.answer.result import Credential, Resource, Trace, TracedCall
    from containment.trail.logs.files import FileReport

VERSION = "containment-trace-1"


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    text = (
        resources.files("containment.trail.outputs")
        .joinpath("trace.schema.json")
        .read_text("utf-8")
    )
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def document(trace: Trace) -> dict[str, Any]:
    """Return *trace* as plain lists and maps."""
    return {
        "version": VERSION,
        "seed": trace.seed,
        "seed_kind": trace.seed_kind,
        "seed_principal": trace.seed_principal or None,
        "seed_event_count": trace.origin.event_count,
        "seed_event_names": trace.origin.event_names,
        "seed_errors": trace.origin.errors,
        "since": trace.since,
        "records": trace.records,
        "totals_by_tier": trace.by_tier(),
        "classes": trace.classes,
        "files": [file_row(report) for report in trace.files],
        "credentials": [credential_row(credential) for credential in trace.credentials],
        "external_trust": [
            {"role": t.role, "principal": t.principal, "event_id": t.event_id, "at": t.time}
            for t in trace.external_trust
        ],
        "calls": [call_row(traced) for traced in trace.calls],
        "resources": [resource_row(resource) for resource in trace.resources],
        "accounts_without_records": list(trace.accounts_without_records),
        "gaps": [{"kind": gap.kind, "what": gap.what} for gap in trace.gaps],
    }


def dumps(trace: Trace, *, indent: int | None = 1) -> str:
    """Return the document as JSON in ASCII, so that no byte of a log reaches a terminal raw."""
    return as_json(document(trace), indent=indent)


def file_row(report: FileReport) -> dict[str, Any]:
    """Return what became of one file."""
    return {
        "path": report.path,
        "status": report.status,
        "detail": report.detail,
        "sha256": report.sha256,
        "size": report.size,
        "records": report.records,
        "rejected": report.rejected,
        "first": report.first or None,
        "last": report.last or None,
        "assumed": report.assumed or None,
    }


def credential_row(credential: Credential) -> dict[str, Any]:
    """Return one credential."""
    return {
        "id": credential.id,
        "kind": credential.kind,
        "tier": credential.tier,
        "parent": credential.parent or None,
        "link_event_ids": list(credential.link_event_ids),
        "issued_by": credential.issued_by or None,
        "issued_at": credential.issued_at or None,
        "for_principal": credential.for_principal or None,
        "owner": credential.owner or None,
        "owner_arn": credential.owner_arn or None,
        "why": credential.why,
        "confidence": credential.confidence,
        "generation": credential.generation,
        "expires": credential.expires or None,
        "event_count": credential.event_count,
        "not_told_apart": credential.not_told_apart,
        "event_names": credential.event_names,
        "errors": credential.errors,
        "first_seen": credential.first_seen or None,
        "last_seen": credential.last_seen or None,
        "source_ips": list(credential.source_ips),
        "regions": list(credential.regions),
    }


def call_row(traced: TracedCall) -> dict[str, Any]:
    """Return one call."""
    call = traced.call
    return {
        "event_id": call.event_id,
        "credential": traced.credential,
        "class": call.klass,
        "outcome": call.outcome,
        "at": call.time,
        "name": call.name,
        "source": call.source,
        "account": call.account,
        "region": call.region,
        "error": call.error or None,
        "source_ip": call.source_ip,
        "user_agent": call.user_agent,
        "resources": [thing.id for thing in call.resources],
    }


def resource_row(resource: Resource) -> dict[str, Any]:
    """Return one affected resource."""
    return {
        "id": resource.id,
        "arn": resource.arn or None,
        "type": resource.type or None,
        "account": resource.account or None,
        "regions": list(resource.regions),
        "tags": resource.tags,
        "owner": resource.owner or None,
        "first_touched": resource.first_touched,
        "last_touched": resource.last_touched,
        "classes": resource.classes,
        "credentials": list(resource.credentials),
    }

"""How a principal was before any incident, as far as anybody can tell.

What another incident changed cannot be seen any more. That incident's own ledger tells, where it is
at hand and intact; a claim is a tag, which whoever may tag the principal can write, so what only a
claim says is noted as such, and a lift asks before it goes by it.

The first deny waits for what is read here. So one ledger is asked about each facet, however many
incidents claim it: a claim costs an attacker one tag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.aws import recording
from containment.facets import attachment, capture, credentials, documents, marks, overlap
from containment.facets.shapes import is_trust_deny
from containment.ledger import entries
from containment.lifecycle import evidence
from containment.lifecycle.wire import CredentialStatus, RememberedCredentials, remembered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.aws.credentials import Credential
    from containment.aws.principal import LivePrincipal
    from containment.facets.capture import Captured
    from containment.lifecycle.context import Context
    from containment.lifecycle.snapshot import Snapshot
    from containment.lifecycle.wire import Inputs


def credentials_before(
    context: Context, live: LivePrincipal, incident: str, captured: Captured
) -> RememberedCredentials:
    """Return each credential and its status before any incident changed it.

    Of one that another incident holds nobody here sees what it was. That incident's own ledger
    tells, where it is at hand; else its claim, or the doubt, is noted and a lift asks.
    """
    others = overlap.among(live, incident, captured.policies)

    def status(one: Credential) -> CredentialStatus:
        name = one.credential_id
        as_read = CredentialStatus(kind=one.kind.word, credential_id=name, status=one.status)
        holding = [other for other in others if other.holds(name)]
        if one.status != "Inactive" or not holding:
            return as_read
        asked = _asked(context, [other.incident for other in holding])
        if was := _before(context, asked, live.unique_id, one.facet):
            return as_read.model_copy(update={"status": was})
        claimed = holding[0].claim.priors.get(name) if holding[0].claim else None
        if claimed not in {"Inactive", overlap.KEPT}:
            said_by = holding[0].incident
            return as_read.model_copy(update={"status": "Active", "said_by": said_by})
        return as_read

    return remembered(status(one) for one in captured.credentials)


def attached_before(
    context: Context, live: LivePrincipal, incident: str, attached: Sequence[str]
) -> tuple[str, ...]:
    """Return what was attached before any incident attached AWSDenyAll, as far as ledgers tell."""
    deny_all = attachment.deny_all_arn(live.principal.partition)
    facet = recording.attachment(deny_all)
    claimed = overlap.attachments(live, incident)
    oldest = sorted(claimed, key=lambda other: getattr(claimed[other], "generation", marks.NEWEST))
    if deny_all not in attached or not oldest:
        return tuple(attached)
    was = _before(context, _asked(context, oldest), live.unique_id, facet)
    return tuple(arn for arn in attached if arn != deny_all or was != recording.DETACHED)


def trust_before(context: Context, live: LivePrincipal, incident: str, captured: Captured) -> str:
    """Return the trust policy less every incident's statement.

    Where another incident's statement is in it, the bytes from before are lost to whoever looks;
    its ledger has them, and they are taken where they say the same.
    """
    rest = capture.without_marks(live.trust_policy)
    if rest == live.trust_policy:
        return rest
    closed = {mark.incident_hash for mark in documents.marks(live.trust_policy, is_trust_deny)}
    named = {marks.incident_of_policy(name) for name in captured.policies} - {None, incident}
    others = [name for name in named if name and marks.incident_hash(name) in closed]
    if not others:
        return rest
    was = _before(context, _asked(context, sorted(others)), live.unique_id, recording.TRUST)
    return was if was is not None and documents.equal(was, rest) else rest


def adopted_credentials(
    context: Context, state: Snapshot, live: LivePrincipal
) -> RememberedCredentials:
    """Return the credentials of a snapshot taken over, each as it was before the incident."""
    claim = credentials.find(live, state.incident)
    ledger_entries = evidence.read(context, state)
    agreed = context.decisions.on("credentials", state.target) == "force-ours"

    def status(one: CredentialStatus) -> CredentialStatus:
        claimed = claim.priors.get(one.credential_id) if claim else None
        was = evidence.was(ledger_entries, state, one.facet)
        if was is not None:
            return one.model_copy(update={"status": was, "said_by": None})
        if claimed in {None, one.status, overlap.KEPT}:
            return one
        said_by = None if agreed else state.incident
        return one.model_copy(update={"status": claimed, "said_by": said_by})

    return remembered(status(one) for one in state.credentials)


def adopted_attachments(
    context: Context, state: Inputs, attached: tuple[str, ...], live: LivePrincipal
) -> tuple[str, ...]:
    """Return what was attached before the incident of a snapshot that is taken over."""
    claim = attachment.find(live, state.incident)
    if claim is None:
        return attached
    ledger_entries = evidence.read(context, state)
    agreed = context.decisions.on("attachment", state.target) == "force-ours"
    deny_all = attachment.deny_all_arn(live.principal.partition)
    was = evidence.was(ledger_entries, state, recording.attachment(deny_all))
    if was is None and agreed:
        was = claim.priors.get(attachment.WAS)
    rooms = [
        arn
        for arn in attachment.claimed_rooms(live, claim)
        if agreed
        or evidence.was(ledger_entries, state, recording.attachment(arn)) == recording.ATTACHED
    ]
    before = {*attached, *rooms} - ({deny_all} if was == "detached" else set())
    return tuple(sorted(before))


def _asked(context: Context, incidents: Sequence[str]) -> str:
    """Return the one of *incidents*, the oldest first, whose ledger is asked.

    One whose spec is in this project comes before others: that no attacker in the account can make.
    """
    names = [name for name in incidents if marks.is_incident(name)]
    in_project = [name for name in names if (context.directory / f"stacks/{name}.yaml").is_file()]
    return next(iter([*in_project, *names, *incidents]))


def _before(context: Context, incident: str, unique_id: str, facet: str) -> str | None:
    """Return what *facet* was before *incident*, which holds the principal now, by its own ledger.

    The oldest snapshot that was never released tells: others may append to a ledger.

    None where there is no intact ledger of it, or it was lifted, or never saw for itself.
    """
    if not marks.is_incident(incident):  # a tag's text is the attacker's to choose
        return None
    evidence = context.ledger.journal_of(incident).evidence()
    snapshots = entries.open_snapshots(evidence.entries) if evidence else []
    own = [item for item in snapshots if item.unique_id == unique_id]
    if evidence is None or not own:
        return None
    return entries.prior(evidence.entries, unique_id, facet, own[0].snapshot_id)

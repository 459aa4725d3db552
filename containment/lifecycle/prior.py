"""How a principal was before any incident, as far as anybody can tell.

What another incident changed cannot be seen any more. That incident's own ledger tells, where it is
at hand and intact; a claim is a tag, which whoever may tag the principal can write, so what only a
claim says is noted as such, and a lift asks before it goes by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.aws import recording
from containment.facets import attachment, capture, credentials, documents, marks, overlap
from containment.ledger import entries
from containment.lifecycle import evidence
from containment.lifecycle.wire import AccessKeyStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.aws.principal import AccessKey, LivePrincipal
    from containment.facets.capture import Captured
    from containment.lifecycle.context import Context
    from containment.lifecycle.wire import Inputs


def keys_before(
    context: Context, live: LivePrincipal, incident: str, found: Captured
) -> tuple[AccessKeyStatus, ...]:
    """Return each key and its status before any incident changed it.

    Of a key that another incident holds nobody here sees what it was. That incident's own ledger
    tells, where it is at hand; else its claim, or the doubt, is noted and a lift asks.
    """
    others = overlap.among(live, incident, found.policies)

    def status(key: AccessKey) -> AccessKeyStatus:
        name = key.access_key_id
        seen = AccessKeyStatus(access_key_id=name, status=key.status)
        holding = [other for other in others if other.holds(name)]
        if key.status == "Active" or not holding:
            return seen
        facet = recording.access_key(name)
        for other in holding:
            if was := _before(context, other.incident, live.unique_id, facet):
                return AccessKeyStatus(access_key_id=name, status=was)
        claimed = holding[0].claim.priors.get(name) if holding[0].claim else None
        if claimed not in {"Inactive", overlap.KEPT}:
            said_by = holding[0].incident
            return AccessKeyStatus(access_key_id=name, status="Active", said_by=said_by)
        return seen

    return tuple(status(key) for key in found.keys)


def attached_before(
    context: Context, live: LivePrincipal, incident: str, attached: Sequence[str]
) -> tuple[str, ...]:
    """Return what was attached before any incident attached AWSDenyAll, as far as ledgers tell."""
    deny_all = attachment.deny_all_arn(live.principal.partition)
    facet = recording.attachment(deny_all)
    was = (
        _before(context, other, live.unique_id, facet)
        for other in overlap.attachments(live, incident)
    )
    ours = recording.DETACHED in was
    return tuple(arn for arn in attached if arn != deny_all or not ours)


def trust_before(context: Context, live: LivePrincipal, incident: str, found: Captured) -> str:
    """Return the trust policy less every incident's statement.

    Where another incident's statement is in it, the bytes from before are lost to whoever looks;
    its ledger has them, and they are taken where they say the same.
    """
    rest = capture.without_marks(live.trust_policy)
    if rest == live.trust_policy:
        return rest
    others = {marks.incident_of_policy(name) for name in found.policies} - {None, incident}
    for other in sorted(name for name in others if name is not None):
        was = _before(context, other, live.unique_id, recording.TRUST)
        if was is not None and documents.equal(was, rest):
            return was
    return rest


def adopted_keys(
    context: Context, state: Inputs, keys: Sequence[AccessKeyStatus], live: LivePrincipal
) -> tuple[AccessKeyStatus, ...]:
    """Return the *keys* of a snapshot that is taken over, each as it was before the incident."""
    claim = credentials.find(live, state.incident)
    said = evidence.read(context, state)
    agreed = context.decisions.on("credentials", state.target) == "force-ours"

    def status(key: AccessKeyStatus) -> AccessKeyStatus:
        claimed = claim.priors.get(key.access_key_id) if claim else None
        was = evidence.was(said, state, recording.access_key(key.access_key_id))
        if was is not None:
            return key.model_copy(update={"status": was, "said_by": None})
        if claimed in {None, key.status, overlap.KEPT}:
            return key
        said_by = None if agreed else state.incident
        return key.model_copy(update={"status": claimed, "said_by": said_by})

    return tuple(status(key) for key in keys)


def adopted_attachments(
    context: Context, state: Inputs, attached: tuple[str, ...], live: LivePrincipal
) -> tuple[str, ...]:
    """Return what was attached before the incident of a snapshot that is taken over."""
    claim = attachment.find(live, state.incident)
    if claim is None:
        return attached
    said = evidence.read(context, state)
    agreed = context.decisions.on("attachment", state.target) == "force-ours"
    deny_all = attachment.deny_all_arn(live.principal.partition)
    was = evidence.was(said, state, recording.attachment(deny_all))
    if was is None and agreed:
        was = claim.priors.get(attachment.WAS)
    rooms = [
        arn
        for arn in attachment.rooms(claim)
        if agreed or evidence.was(said, state, recording.attachment(arn)) == recording.ATTACHED
    ]
    before = {*attached, *rooms} - ({deny_all} if was == "detached" else set())
    return tuple(sorted(before))


def _before(context: Context, incident: str, unique_id: str, facet: str) -> str | None:
    """Return what *facet* was before *incident*, which holds the principal now, by its own ledger.

    None where there is no intact ledger of it, or it was lifted, or never saw for itself.
    """
    if not marks.is_incident(incident):  # a tag's text is the thief's to choose
        return None
    found = context.ledger.of(incident).evidence()
    held = entries.open_snapshots(found.entries) if found else []
    ours = [item for item in held if item.unique_id == unique_id]
    if found is None or not ours:
        return None
    return entries.prior(found.entries, unique_id, facet, ours[-1].snapshot_id)

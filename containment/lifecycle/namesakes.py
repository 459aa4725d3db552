"""Take back what was written to somebody who took a principal's name while it was changed.

IAM takes a name alone. Between our read and our write a user can be renamed and another get the
name, and a role be deleted and made anew: then what we write lands on a stranger, whom an attacker
picked. A mark of our snapshot on anybody but the principal it was taken of is that, and nothing
else. Only what this run wrote is taken back; whoever the incident contains under a snapshot of
their own is left to it.

Sources: IAM User Guide, "IAM identifiers" (unique identifiers); IAM API Reference, UpdateUser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from containment.errors import ContainmentError
from containment.facets import attachment, credentials, deny, marks, trust
from policies import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containment.aws.principal import LivePrincipal
    from containment.lifecycle.context import Context


def settle(context: Context, live: LivePrincipal, incident: str, snapshot_id: str) -> bool:
    """Tell whether somebody else has the name of *live* now; take back what landed on them.

    Whoever calls writes once more afterwards, for the name may change hands again meanwhile.

    Raises:
        ContainmentError: IAM cannot be asked who has the name.
    """
    other = live.namesake()
    if other is None:
        return False
    context.say("warning", f"{live} was {_fate(live)}")
    on_record = context.ledger.open_snapshots(incident)
    if snapshot_id not in {one.snapshot_id for one in on_record}:
        context.say(
            "warning",
            f"{other} ({other.unique_id}) took the name meanwhile, and nothing is on record that"
            " would tell whether it is contained as well: what was written to it stays, under"
            f" {marks.policy_name(incident)}",
        )
        return True
    if other.unique_id in {one.unique_id for one in on_record}:
        return True  # contained as well, and its own resources write it again
    try:
        lines = list(_taken_back(live, other, incident, snapshot_id))
    except (ContainmentError, ClientError, BotoCoreError) as error:
        context.say(
            "warning",
            f"{other} ({other.unique_id}) took the name meanwhile, and what was written to it is"
            f" not all taken back ({error}): delete its inline policy"
            f" {marks.policy_name(incident)} where it is none of this incident",
        )
        return True
    if lines:
        context.say(
            "warning",
            f"{other} ({other.unique_id}) took the name meanwhile, so {', '.join(lines)}",
        )
    return True


def _fate(live: LivePrincipal) -> str:
    if live.principal.kind == "role":
        return "deleted meanwhile, and made anew"
    return "renamed meanwhile and is followed by its id"


def _taken_back(
    live: LivePrincipal, other: LivePrincipal, incident: str, snapshot_id: str
) -> Iterator[str]:
    live_deny = deny.find(other, incident, snapshot_id)
    if live_deny.mark is not None:
        deny.take_away(other, incident, live_deny)
        yield "the deny that landed on it is taken back"
    if other.principal.kind == "role":
        if trust.newest(other.trust_policy, incident, snapshot_id) is not None:
            rest = trust.without_ours(other.trust_policy, incident, snapshot_id)
            other.set_trust_policy(text(rest))
            yield "the statement in its trust policy is taken back"
    else:
        # A claim is a tag, which others write too: what this run changed is all that counts.
        changed = {one.credential_id: one.status for one in live.deactivated}
        for one in credentials.listing(other).credentials:
            if changed.get(one.credential_id) == "Active" and not one.works:
                other.set_status(one, "Active")
                yield f"{one.credential_id} is Active again"
        claim = credentials.find(other, incident)
        if claim is not None and claim.snapshot_id == snapshot_id:
            credentials.drop_claim(other, incident)
    attached = attachment.find(other, incident)
    if attached is not None and attached.snapshot_id == snapshot_id:
        yield (
            "AWSDenyAll may be on it without need: detach it where it is none of this incident,"
            " which nobody can tell by it"
        )

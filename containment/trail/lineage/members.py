"""The members of a lineage: credentials and principals, each with its link to its parent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from containment.trail.facts.principals import arn_of, label, session_arn, unique_id
from containment.trail.facts.trust_policies import account_of
from containment.trail.logs.records import apart
from containment.trail.logs.times import normal_time

if TYPE_CHECKING:
    from containment.trail.facts.fact import Caller, Fact
    from containment.trail.facts.issuance import Issued

Tier = Literal["seed", "A_issued", "B_principal", "C_service_issued", "D_forwarded", "E_inferred"]
Kind = Literal[
    "access_key",
    "iam_user",
    "iam_role",
    "console_password",
    "forwarded_session_key",
    "rolesanywhere_trust_anchor",
    "rolesanywhere_profile",
    "oidc_provider",
    "saml_provider",
    "service_specific_credential",
    "ssh_public_key",
    "signing_certificate",
    "sign_in_session",
    "instance",
]
Confidence = Literal["certain", "high", "medium"]

# CloudTrail's times are whole seconds and its order is not reliable within a few of them: a
# Lambda role's AssumeRole was seen a second before the CreateFunction that caused it.
SLACK = 5
# A session's creationDate is its issue time. Further apart than this it is another session whose
# key id happens to be the same.
SAME_SESSION = 900


@dataclass(slots=True)
class Member:
    """One credential or principal in the lineage."""

    id: str
    kind: Kind
    tier: Tier
    parent: Member | None = None
    link_event_ids: list[str] = field(default_factory=list)
    issued_by: str = ""
    issued_at: str = ""
    for_principal: str = ""
    why: str = ""
    confidence: Confidence = "certain"
    expires: str = ""
    since: str = ""
    # What a record must agree with to be this member's and not a namesake's.
    arn: str = ""
    account: str = ""
    principal_id: str = ""
    is_session: bool = False
    # Issue time of the session that it was derived from, which its records may carry instead.
    derived_from: str = ""
    # True if all that the principal does is the attacker's: they made it, or it is the seed.
    owned: bool = False

    @property
    def generation(self) -> int:
        """The number of links between it and the seed."""
        steps, parent = 0, self.parent
        while parent is not None:  # renewing again and again makes chains of thousands
            steps, parent = steps + 1, parent.parent
        return steps

    @property
    def owner(self) -> str:
        """The user or role that holds it, as ``<account>/<kind>/<name>``."""
        if self.arn:
            return label(self.arn)
        return self.for_principal

    def fits(self, caller: Caller, moment: str) -> bool:
        """Tell whether a record of this key, at *moment*, is this member's."""
        if not self.begun(moment):
            return False
        if self.is_session and caller.created and self.issued_at:
            began = (self.issued_at, self.derived_from)
            if not any(_same_issue(one, caller.created) for one in began):
                return False
        if self.principal_id and caller.principal_id and self.principal_id == caller.principal_id:
            return True
        if self.arn and caller.arn:
            if self.is_session:
                return self.arn == caller.arn
            return label(self.arn) == label(caller.arn)
        return not (self.account and caller.account) or self.account == caller.account

    def begun(self, moment: str) -> bool:
        """Tell whether *moment* is late enough to be this member's doing."""
        if not self.since or moment >= self.since:
            return True
        if self.tier == "seed":
            return False
        distance = apart(self.since, moment)
        return distance is None or distance >= -SLACK

    def acts_as(self, caller: Caller, moment: str) -> bool:
        """Tell whether *caller* is this principal itself: its unique id, else its name."""
        if not self.begun(moment):
            return False
        own_id, caller_id = unique_id(self.principal_id), unique_id(caller.principal_id)
        if own_id and caller_id:
            return own_id == caller_id
        return bool(caller.arn) and caller.label == label(self.arn)


# The answer to these is for somebody else than the caller; of all others, GetSessionToken first
# of all, the caller itself holds the key.
_FOR_OTHERS = frozenset({"AssumeRoleForPodIdentity", "CreateBucketAccessKey", "GetRoleCredentials"})


def _same_issue(began: str, created: str) -> bool:
    if not began:
        return False
    distance = apart(began, created)
    return distance is None or abs(distance) <= SAME_SESSION


def issued_member(fact: Fact, issued: Issued, parent: Member, tier: str, why: str) -> Member:
    """Return the key that *fact* handed out as a child of *parent*."""
    to_user = fact.name == "CreateAccessKey"
    user = issued.user_name or fact.target.user.rsplit("/", 1)[-1]
    if to_user:
        # Without a name the key is the caller's own.
        home = account_of(fact.caller.arn) or fact.account
        arn = arn_of(home, "user", user) if user else fact.caller.arn
    elif fact.name == "AssumeRoot":
        arn = fact.target.user_arn
    elif issued.arn or fact.name in _FOR_OTHERS:
        arn = issued.arn
    elif fact.target.role_arn and fact.name.startswith("AssumeRole"):
        # EC2's own calls answer with the key alone.
        arn = session_arn(fact.target.role_arn, fact.target.session)
    else:
        arn = fact.caller.arn
    account = (
        account_of(arn)
        or fact.target.account
        or (fact.account if to_user else account_of(fact.target.role_arn))
    )
    return Member(
        id=issued.key,
        kind="access_key",
        tier=tier,  # type: ignore[arg-type]  # callers pass one of the literals
        parent=parent,
        link_event_ids=[fact.event_id],
        issued_by=fact.name,
        issued_at=fact.time,
        for_principal=(user if to_user else "") or issued.arn or arn or fact.target.object_id,
        why=why,
        expires=normal_time(issued.expiration),
        since=fact.time,
        arn=arn,
        account=account,
        principal_id=issued.principal_id,
        is_session=not to_user,
        # Whether a scoped-down session has an issue time of its own, AWS does not document.
        derived_from=fact.caller.created if fact.name == "GetScopedCredentials" else "",
    )

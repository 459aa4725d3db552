"""Incidents to render: what a run changes, as the builders make it."""

from __future__ import annotations

from containment.diff import Change, IncidentDiff, PrincipalDiff, text_diff
from containment.replay.collateral import Collateral, Replayed

USER = "arn:aws:iam::111122223333:user/ci/ci-deploy"
ROLE = "arn:aws:iam::111122223333:role/app"
DENY = (
    '{"Version":"2012-10-17","Statement":[{"Sid":"S","Effect":"Deny","Action":"*","Resource":"*"}]}'
)
TRUST = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":'
    '"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
)
CLOSED = TRUST.replace(
    '"Statement":[',
    '"Statement":[{"Sid":"ContainmentABC","Effect":"Deny","Principal":"*","Action":"sts:*"},',
)


def containing() -> IncidentDiff:
    user = PrincipalDiff(
        USER,
        "contain",
        rung="deny-all",
        facts=(("created", "2025-01-04T08:00:00Z"), ("last used", "2026-11-23T21:20:00Z by s3")),
        changes=(
            Change("+", "inline policy containment-inc-2026-0042", "", text_diff(None, DENY)),
            Change("~", "access key AKIAIOSFODNN7EXAMPLE", "Active -> Inactive", reason="leaked"),
            Change("~", "access key AKIAI44QH8DHBEXAMPLE", "Active -> Inactive"),
        ),
        stays_open=("tokens minted with a key live up to 36 hours",),
        comes_back=("AKIAI44QH8DHBEXAMPLE becomes Active",),
        stays_away=("AKIAIOSFODNN7EXAMPLE leaked and stays Inactive",),
    )
    role = PrincipalDiff(
        ROLE,
        "raise",
        rung="close-trust",
        rung_before="revoke-sessions",
        changes=(Change("~", "trust policy", "closed", text_diff(TRUST, CLOSED)),),
    )
    return IncidentDiff(
        "inc-2026-0042",
        title="ci-deploy access key pushed to a public repository",
        disposition="suspected",
        account="111122223333",
        caller="arn:aws:sts::111122223333:assumed-role/ContainmentResponder/alice",
        emulated=True,
        principals=(user, role),
        next=("containment up inc-2026-0042",),
    )


def conflicting() -> IncidentDiff:
    user = PrincipalDiff(
        USER,
        "lift",
        rung_before="deny-all",
        changes=(
            Change("-", "inline policy containment-inc-2026-0042", "", text_diff(DENY, None)),
        ),
        conflicts=("its keys were changed by somebody else; --force-ours or --keep-theirs",),
    )
    return IncidentDiff("inc-2026-0042", principals=(user,))


def refused() -> IncidentDiff:
    return IncidentDiff(
        "inc-2026-0042",
        refusals=("arn:aws:iam::111122223333:role/BreakGlass is a break-glass role",),
        next=("containment check inc-2026-0042",),
    )


MARKUP = "<{%x%}>\x1b[31m`|@org/team</pre><script>alert(1)</script>\u202e\n::error::x"


def refused_of(name: str, *, attackers: bool = False) -> Collateral:
    moment = "2026-11-30T10:00:00Z"
    return Collateral(
        name, "deny", attackers, 14, "exact", (name,), moment, moment, "2 h ago", ((name, 14),)
    )


def hostile(name: str = MARKUP) -> IncidentDiff:
    user = PrincipalDiff(
        "arn:aws:iam::111122223333:user/<{%x%}>/a",
        "contain",
        rung="deny-all",
        facts=((name, name),),
        changes=(Change("+", name, name, text_diff(None, '{"a": "```' + "</pre>" + '"}'), name),),
        stays_open=(name,),
        comes_back=(name,),
        stays_away=(name,),
        conflicts=(name,),
        unread=(name,),
        used_by=(name,),
        replayed=Replayed(
            "x", "y", 1, (refused_of(name), refused_of(name, attackers=True)), (name,)
        ),
    )
    return IncidentDiff(
        "inc-2026-0042",
        title=name,
        caller=name,
        principals=(user,),
        refusals=(name,),
        notices=(name,),
        next=(name,),
    )


SCENES = {"contain": containing, "conflict": conflicting, "refusal": refused}

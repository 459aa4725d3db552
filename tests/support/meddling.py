"""What others do to a user or role while it is contained: colleagues, AWS itself, the attacker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from containment.facets import marks
from containment.lab.state import moto_state
from tests.support.workbench import INCIDENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.workbench import Bench

    Change = Callable[[Bench], None]

USER, ROLE = "release-bot", "deploy"
OWN_POLICY = marks.policy_name(INCIDENT)
CLAIM = marks.credentials_tag(INCIDENT)
ATTACHMENT = marks.attachment_tag(INCIDENT)
DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll"
QUARANTINE = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
STRANGE = marks.mark(INCIDENT, "zzzzzzzzzz", marks.NEWEST).sid
ALLOW = {"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}


def policy(*statements: dict[str, Any]) -> str:
    """Return a policy of *statements*."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def own_document(bench: Bench) -> dict[str, Any]:
    """Return our inline policy on the user."""
    response: dict[str, Any] = bench.admin().get_user_policy(UserName=USER, PolicyName=OWN_POLICY)
    return dict(response["PolicyDocument"])


def rewrite(bench: Bench, *statements: dict[str, Any]) -> None:
    """Make our inline policy on the user say *statements*."""
    bench.admin().put_user_policy(
        UserName=USER, PolicyName=OWN_POLICY, PolicyDocument=policy(*statements)
    )


def trust(bench: Bench) -> dict[str, Any]:
    """Return the role's trust policy."""
    return dict(bench.admin().get_role(RoleName=ROLE)["Role"]["AssumeRolePolicyDocument"])


def trusting(bench: Bench, *statements: dict[str, Any]) -> None:
    """Make the role's trust policy say *statements*."""
    bench.admin().update_assume_role_policy(RoleName=ROLE, PolicyDocument=policy(*statements))


def another_policy(bench: Bench) -> None:
    bench.admin().put_user_policy(UserName=USER, PolicyName="more", PolicyDocument=policy(ALLOW))


def their_policy_edited(bench: Bench) -> None:
    bench.admin().put_user_policy(UserName=USER, PolicyName="release", PolicyDocument=policy(ALLOW))


def their_policy_deleted(bench: Bench) -> None:
    bench.admin().delete_user_policy(UserName=USER, PolicyName="release")


def our_policy_added_to(bench: Bench) -> None:
    rewrite(bench, *own_document(bench)["Statement"], ALLOW)


def our_policy_weakened(bench: Bench) -> None:
    rewrite(bench, {**own_document(bench)["Statement"][0], "Action": "sqs:DeleteQueue"})


def our_policy_signed_by_nobody(bench: Bench) -> None:
    rewrite(bench, {**own_document(bench)["Statement"][0], "Sid": "Quarantine"})


def our_policy_deleted(bench: Bench) -> None:
    bench.admin().delete_user_policy(UserName=USER, PolicyName=OWN_POLICY)


def our_policy_marked_newer(bench: Bench) -> None:
    rewrite(
        bench,
        *own_document(bench)["Statement"],
        {**own_document(bench)["Statement"][0], "Sid": STRANGE},
    )


def key_deleted(bench: Bench) -> None:
    key = bench.lab.world.release_inactive_key_id
    bench.admin().delete_access_key(UserName=USER, AccessKeyId=key)


def key_added(bench: Bench) -> None:
    key = bench.lab.world.release_inactive_key_id
    bench.admin().delete_access_key(UserName=USER, AccessKeyId=key)
    bench.admin().create_access_key(UserName=USER)


def key_activated(bench: Bench) -> None:
    set_status(bench, "Active")


def key_deactivated(bench: Bench) -> None:
    set_status(bench, "Inactive")


def set_status(bench: Bench, status: str) -> None:
    key = bench.lab.world.release_key.access_key_id
    bench.admin().update_access_key(UserName=USER, AccessKeyId=key, Status=status)


def quarantined(bench: Bench) -> None:
    bench.admin().attach_user_policy(UserName=USER, PolicyArn=QUARANTINE)


def boundary_set(bench: Bench) -> None:
    bench.admin().put_user_permissions_boundary(UserName=USER, PermissionsBoundary=READ_ONLY)


def their_tag_removed(bench: Bench) -> None:
    bench.admin().untag_user(UserName=USER, TagKeys=["team"])


def our_claim_removed(bench: Bench) -> None:
    bench.admin().untag_user(UserName=USER, TagKeys=[CLAIM])


def our_claim_says_active(bench: Bench) -> None:
    forge(bench, CLAIM, "=I", "=A")


def our_claim_says_inactive(bench: Bench) -> None:
    forge(bench, CLAIM, "=A", "=I")


def our_claim_unreadable(bench: Bench) -> None:
    bench.admin().tag_user(UserName=USER, Tags=[{"Key": CLAIM, "Value": "gone"}])


def our_claim_of_another_snapshot(bench: Bench) -> None:
    key = bench.lab.world.release_key.access_key_id
    value = f"{key}=Active s=zzzzzzzzzz g={marks.NEWEST}"
    bench.admin().tag_user(UserName=USER, Tags=[{"Key": CLAIM, "Value": value}])


def forge(bench: Bench, key: str, old: str, new: str) -> None:
    """Replace a word in the value of one of the user's tags."""
    tags = bench.admin().list_user_tags(UserName=USER)["Tags"]
    for tag in tags:
        if tag["Key"] == key:
            value = tag["Value"].replace(old, new)
            bench.admin().tag_user(UserName=USER, Tags=[{"Key": key, "Value": value}])


def mark_of_another_incident(bench: Bench) -> None:
    sid = marks.mark("inc-1999-0001", "zzzzzzzzzz", 1).sid
    bench.admin().put_user_policy(
        UserName=USER,
        PolicyName="containment-inc-1999-0001",
        PolicyDocument=policy({**ALLOW, "Sid": sid}),
    )


def moved(bench: Bench) -> None:
    bench.admin().update_user(UserName=USER, NewPath="/elsewhere/")


def trust_rewritten(bench: Bench) -> None:
    trusting(bench, trusted(bench))


def trust_added_to(bench: Bench) -> None:
    trusting(bench, *trust(bench)["Statement"], trusted(bench))


def trusted(bench: Bench) -> dict[str, Any]:
    """Return a statement that lets the bystander in."""
    return {
        "Effect": "Allow",
        "Principal": {"AWS": bench.lab.world.bystander_user},
        "Action": "sts:AssumeRole",
    }


def our_statement_edited(bench: Bench) -> None:
    *others, own_statement = trust(bench)["Statement"]
    trusting(
        bench, *others, {**own_statement, "Condition": {"StringEquals": {"aws:userid": "nobody"}}}
    )


def our_statement_signed_by_nobody(bench: Bench) -> None:
    *others, own_statement = trust(bench)["Statement"]
    trusting(bench, *others, {**own_statement, "Sid": "Closed"})


def our_statement_marked_newer(bench: Bench) -> None:
    *others, own_statement = trust(bench)["Statement"]
    trusting(bench, *others, own_statement, {**own_statement, "Sid": STRANGE})


def role_boundary_set(bench: Bench) -> None:
    bench.admin().put_role_permissions_boundary(RoleName=ROLE, PermissionsBoundary=READ_ONLY)


def role_tagged(bench: Bench) -> None:
    bench.admin().tag_role(RoleName=ROLE, Tags=[{"Key": "team", "Value": "red"}])


def deny_all_detached(bench: Bench) -> None:
    bench.admin().detach_user_policy(UserName=USER, PolicyArn=DENY_ALL)


def deny_all_attached(bench: Bench) -> None:
    bench.admin().attach_user_policy(UserName=USER, PolicyArn=DENY_ALL)


def the_room_taken(bench: Bench) -> None:
    bench.admin().detach_user_policy(UserName=USER, PolicyArn=DENY_ALL)
    bench.admin().attach_user_policy(UserName=USER, PolicyArn=READ_ONLY)


def attachment_claim_removed(bench: Bench) -> None:
    bench.admin().untag_user(UserName=USER, TagKeys=[ATTACHMENT])


def attachment_claim_names_more(bench: Bench) -> None:
    administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
    forge(bench, ATTACHMENT, "AWSDenyAll=detached", f"AWSDenyAll=detached swapped9={administrator}")


def fill(bench: Bench) -> None:
    """Leave no room for another inline policy."""
    iam = bench.admin()
    release_policy = iam.get_user_policy(UserName=USER, PolicyName="release")["PolicyDocument"]
    used = len(json.dumps(release_policy, separators=(",", ":")))
    name = "sqs:" + "x" * (2_048 - used - 130)
    document = policy({**ALLOW, "Action": name})
    iam.put_user_policy(UserName=USER, PolicyName="fill", PolicyDocument=document)


def aged(bench: Bench, access_key_id: str) -> None:
    """Make a key of the user a year older, as collateral is."""
    for key in moto_state.iam(bench.lab.world.account).get_user(USER).access_keys:
        if key.access_key_id == access_key_id:
            key.create_date = key.create_date.replace(year=key.create_date.year - 1)

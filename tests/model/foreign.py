"""What others do to a principal while an incident goes on: attackers, AWS, colleagues."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from containment.facets import claims, documents, marks
from containment.facets.shapes import is_trust_deny
from tests.model import account
from tests.model.cast import FIRST
from tests.model.story import Story

QUARANTINE = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3"
_ALLOW = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
_NOT_ALLOWED = {"LimitExceeded", "DeleteConflict", "MalformedPolicyDocument"}
_READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


def strip_deny(story: Story, kind: str, name: str) -> None:
    for policy in _own_policies(story, kind, name):
        _call(story, "delete", kind, "policy", name, PolicyName=policy)


def write_into_our_policy(story: Story, kind: str, name: str) -> None:
    for policy in _own_policies(story, kind, name):
        document = documents.parse(account.entity(f"{kind}/{name}")["inline", policy]) or {}
        document["Statement"] = [*documents.statements(document), _ALLOW]
        text = json.dumps(document)
        _call(story, "put", kind, "policy", name, PolicyName=policy, PolicyDocument=text)


def weaken_our_policy(story: Story, kind: str, name: str) -> None:
    for policy in _own_policies(story, kind, name):
        document = documents.parse(account.entity(f"{kind}/{name}")["inline", policy]) or {}
        for statement in documents.statements(document):
            statement["Action"] = "sqs:DeleteQueue"
        text = json.dumps(document)
        _call(story, "put", kind, "policy", name, PolicyName=policy, PolicyDocument=text)


def another_policy(story: Story, kind: str, name: str) -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": [_ALLOW]})
    _call(story, "put", kind, "policy", name, PolicyName="more", PolicyDocument=text)


def keys_active_again(story: Story, kind: str, name: str) -> None:
    for key in account.keys(name) if kind == "user" else ():
        story.admin.update_access_key(UserName=name, AccessKeyId=key, Status="Active")


def a_new_key(story: Story, kind: str, name: str) -> None:
    if kind == "user":
        story.admin.create_access_key(UserName=name)


def a_key_deleted(story: Story, kind: str, name: str) -> None:
    for key in list(account.keys(name))[:1] if kind == "user" else ():
        story.admin.delete_access_key(UserName=name, AccessKeyId=key)


def trust_rewritten(story: Story, kind: str, name: str) -> None:
    if kind == "role":
        story.admin.update_assume_role_policy(
            RoleName=name, PolicyDocument=_trust(story, name, keep=False)
        )


def trust_added_to(story: Story, kind: str, name: str) -> None:
    if kind == "role":
        story.admin.update_assume_role_policy(
            RoleName=name, PolicyDocument=_trust(story, name, keep=True)
        )


def tags_stripped(story: Story, kind: str, name: str) -> None:
    own_tags = [e[1] for e in account.entity(f"{kind}/{name}") if e[0] == "tag"]
    keys = [key for key in own_tags if marks.incident_of_tag(key)]
    if keys:
        _call(story, "untag", kind, "", name, TagKeys=keys)


def claim_forged(story: Story, kind: str, name: str) -> None:
    entity = account.entity(f"{kind}/{name}")
    for entry, value in entity.items():
        if entry[0] == "tag" and marks.incident_of_tag(entry[1]):
            claim = claims.parse(value)
            if claim is not None:
                lies = {what: "Active" for what in claim.priors if what.startswith("AKIA")}
                forged = claims.Claim(claim.snapshot_id, claim.generation, {**claim.priors, **lies})
                tag = {"Key": entry[1], "Value": forged.value}
                _call(story, "tag", kind, "", name, Tags=[tag])


def mark_planted(story: Story, kind: str, name: str) -> None:
    sid = marks.mark(FIRST, "x" * 10, marks.NEWEST).sid
    statement = {"Sid": sid, "Effect": "Deny", "Action": "sqs:DeleteQueue", "Resource": "*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    policy = marks.policy_name("inc-of-the-attacker")
    _call(story, "put", kind, "policy", name, PolicyName=policy, PolicyDocument=text)


def quarantined(story: Story, kind: str, name: str) -> None:
    if kind == "user":
        story.admin.attach_user_policy(UserName=name, PolicyArn=QUARANTINE)


def boundary_set(story: Story, kind: str, name: str) -> None:
    word = kind.capitalize()
    values = {f"{word}Name": name, "PermissionsBoundary": _READ_ONLY}
    getattr(story.admin, f"put_{kind}_permissions_boundary")(**values)


def renamed(story: Story, kind: str, name: str) -> None:
    if kind == "user":
        story.admin.update_user(UserName=name, NewUserName=f"{name}-2")


def moved(story: Story, kind: str, name: str) -> None:
    if kind == "user":
        story.admin.update_user(UserName=name, NewPath="/elsewhere/")


def made_anew(story: Story, kind: str, name: str) -> None:
    facts = account.entity(f"{kind}/{name}")
    for entry in facts:
        if entry[0] == "inline":
            _call(story, "delete", kind, "policy", name, PolicyName=entry[1])
        elif entry[0] == "attached":
            _call(story, "detach", kind, "policy", name, PolicyArn=entry[1])
        elif entry[0] == "key":
            story.admin.delete_access_key(UserName=name, AccessKeyId=entry[1])
    path = facts["path",]
    if kind == "user":
        story.admin.delete_user(UserName=name)
        story.admin.create_user(UserName=name, Path=path)
    else:
        rest = documents.without(_trusted(story, name), lambda _mark: True, is_trust_deny)
        story.admin.delete_role(RoleName=name)
        story.admin.create_role(
            RoleName=name, Path=path, AssumeRolePolicyDocument=documents.compact(rest)
        )


Change = Callable[[Story, str, str], None]
HARMLESS: tuple[Change, ...] = (
    strip_deny,
    write_into_our_policy,
    weaken_our_policy,
    another_policy,
    keys_active_again,
    a_new_key,
    a_key_deleted,
    trust_rewritten,
    trust_added_to,
    tags_stripped,
    claim_forged,
    quarantined,
    boundary_set,
    moved,
)
# A planted mark, a new name and a new principal may make an ``up`` ask for a decision.
BLOCKING: tuple[Change, ...] = (mark_planted, renamed, made_anew)
CHANGES: Mapping[str, Change] = {change.__name__: change for change in (*HARMLESS, *BLOCKING)}


def happens(story: Story, what: str, target: str) -> None:
    """Let *what* happen to *target*; what IAM does not allow does not happen."""
    change = CHANGES[what]
    kind, _, name = target.partition("/")
    if not account.entity(target):
        return

    def act() -> None:
        try:
            change(story, kind, name)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NOT_ALLOWED:
                raise

    story.foreign(f"{what} {target}", act, target, blocks=change in BLOCKING)


def _own_policies(story: Story, kind: str, name: str) -> list[str]:
    del story
    entity = account.entity(f"{kind}/{name}")
    return [e[1] for e in entity if e[0] == "inline" and marks.incident_of_policy(e[1])]


def _trusted(story: Story, name: str) -> documents.Document:
    """Return a trust policy as AWS shows it, which takes no ids that it stores."""
    shown: documents.Document = story.admin.get_role(RoleName=name)["Role"][
        "AssumeRolePolicyDocument"
    ]
    return shown


def _trust(story: Story, name: str, *, keep: bool) -> str:
    document = _trusted(story, name)
    if not keep:
        document = documents.without(document, lambda _mark: True, is_trust_deny)
    more = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account.ACCOUNT}:role/reporting"},
        "Action": "sts:AssumeRole",
    }
    document["Statement"] = [*documents.statements(document), more]
    return documents.compact(document)


def _call(story: Story, verb: str, kind: str, noun: str, name: str, **values: Any) -> None:
    method = "_".join(part for part in (verb, kind, noun) if part)
    getattr(story.admin, method)(**{f"{kind.capitalize()}Name": name}, **values)

"""Whatever a principal was before: it comes back to the byte, less what the disposition keeps."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from containment.aws.names import Names
from containment.clock import isoformat
from containment.lab.scenario import inventory
from containment.lab.scenario.world import Credentials
from tests.support.applied import Applied
from tests.support.workbench import INCIDENT, Bench, can_list, inline, minted, session_of

pytestmark = pytest.mark.lab

ACCOUNT = "111122223333"
_READ = "arn:aws:iam::aws:policy/ReadOnlyAccess"
_AUDIT = "arn:aws:iam::aws:policy/SecurityAudit"

names = st.from_regex(r"[A-Za-z0-9+=,.@_-]{1,20}", fullmatch=True)
sids = st.from_regex(r"[A-Za-z0-9]{1,12}", fullmatch=True)
tag_words = st.from_regex(r"[A-Za-zäß0-9 _.:/=+@-]{1,24}", fullmatch=True)
paths = st.sampled_from(["/", "/ci/", "/a/b/c/", "/*/", '/${aws:username}/"q/', "/x?y/"])


# Times as many worlds as the suite has time for.
MORE = int(os.environ.get("WORLDS", "1"))


def examples(number: int) -> settings:
    """Try *number* worlds; one takes most of a second, so none is shrunk."""
    return settings(
        max_examples=number * MORE,
        deadline=None,
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )


def one_or_many(items: st.SearchStrategy[str]) -> st.SearchStrategy[str | list[str]]:
    """AWS takes a single string or a list, and gives back what it got."""
    return items | st.lists(items, min_size=1, max_size=3, unique=True)


conditions = st.fixed_dictionaries(
    {},
    optional={
        "Condition": st.sampled_from(
            [
                {"StringEquals": {"aws:PrincipalTag/team": "platform"}},
                {"Bool": {"aws:SecureTransport": "true"}},
                {"DateLessThan": {"aws:CurrentTime": "2099-01-01T00:00:00Z"}},
                {"IpAddress": {"aws:SourceIp": ["127.0.0.0/8", "::1/128"]}},
            ]
        )
    },
)


@st.composite
def statements(draw: st.DrawFn) -> dict[str, Any]:
    about: dict[str, Any] = {"Effect": draw(st.sampled_from(["Allow", "Deny"]))}
    if draw(st.booleans()):
        about["Sid"] = draw(sids)
    actions = one_or_many(st.sampled_from(["s3:Get*", "s3:ListBucket", "sqs:*", "ec2:Describe?a*"]))
    about[draw(st.sampled_from(["Action", "NotAction"]))] = draw(actions)
    about["Resource"] = draw(
        one_or_many(st.sampled_from(["*", "arn:aws:s3:::b/*", "arn:aws:sqs:*:*:${aws:username}"]))
    )
    return {**about, **draw(conditions)}


@st.composite
def trusts(draw: st.DrawFn) -> dict[str, Any]:
    principals = [
        f"arn:aws:iam::{ACCOUNT}:root",
        f"arn:aws:iam::{ACCOUNT}:user/ci/ci-deploy",
        ACCOUNT,
        "arn:aws:iam::123456789012:root",
    ]
    principal = draw(
        st.fixed_dictionaries({"AWS": one_or_many(st.sampled_from(principals))})
        | st.fixed_dictionaries(
            {"Service": one_or_many(st.sampled_from(["ec2.amazonaws.com", "ecs.amazonaws.com"]))}
        )
        | st.fixed_dictionaries(
            {"AWS": st.sampled_from(principals), "Service": st.just("lambda.amazonaws.com")}
        )
    )
    action = draw(one_or_many(st.sampled_from(["sts:AssumeRole", "sts:TagSession"])))
    about = {"Effect": "Allow", "Principal": principal, "Action": action}
    if draw(st.booleans()):
        about["Sid"] = draw(sids)
    return {**about, **draw(conditions)}


@st.composite
def documents(
    draw: st.DrawFn, statements: st.SearchStrategy[dict[str, Any]], *versions: str
) -> str:
    """A policy document as people write them: one statement or a list, any white space."""
    several = draw(
        st.lists(statements, min_size=1, max_size=3, unique_by=lambda item: item.get("Sid", id))
    )
    body: dict[str, Any] = {"Statement": several[0] if len(several) == 1 else several}
    if draw(st.booleans()):
        body = {"Id": "kept", **body}
    # IAM refuses the older version in identity policies: "Policy document must be version ...".
    version = draw(st.sampled_from(["2012-10-17", *versions]))
    body = {"Version": version, **body} if draw(st.booleans()) else {**body, "Version": version}
    return json.dumps(body, indent=draw(st.sampled_from([None, 2, "\t"])))


@dataclass(frozen=True)
class Prior:
    """A principal before the incident."""

    name: str
    path: str
    inline: dict[str, str]
    attached: frozenset[str]
    boundary: str | None
    tags: dict[str, str]
    groups: int
    keys: tuple[str, ...]
    trust: str


@st.composite
def priors(draw: st.DrawFn) -> Prior:
    tags = draw(
        st.dictionaries(
            tag_words.filter(lambda word: not word.lower().startswith(("aws:", "containment:"))),
            tag_words | st.just(""),
            max_size=4,
        )
    )
    return Prior(
        name="p-" + draw(names),
        path=draw(paths),
        inline=draw(st.dictionaries(names, documents(statements()), max_size=3)),
        attached=draw(st.frozensets(st.sampled_from([_READ, _AUDIT]))),
        boundary=draw(st.sampled_from([None, _READ])),
        tags={key: tags[key] for key in {key.lower(): key for key in tags}.values()},
        groups=draw(st.integers(0, 2)),
        keys=tuple(draw(st.lists(st.sampled_from(["Active", "Inactive"]), max_size=2))),
        trust=draw(documents(trusts(), "2008-10-17")),
    )


@dataclass(frozen=True)
class Made:
    """A principal that is there now."""

    arn: str
    keys: tuple[Credentials, ...] = ()
    since: str = ""


def make_user(bench: Bench, prior: Prior) -> Made:
    iam = bench.admin()
    boundary = {"PermissionsBoundary": prior.boundary} if prior.boundary else {}
    user = iam.create_user(UserName=prior.name, Path=prior.path, Tags=tags(prior), **boundary)
    for name, document in prior.inline.items():
        iam.put_user_policy(UserName=prior.name, PolicyName=name, PolicyDocument=document)
    for arn in prior.attached:
        iam.attach_user_policy(UserName=prior.name, PolicyArn=arn)
    for number in range(prior.groups):
        group = f"group-{number}"
        iam.create_group(GroupName=group)
        iam.add_user_to_group(GroupName=group, UserName=prior.name)
    keys: list[Credentials] = []
    for status in prior.keys:
        key = iam.create_access_key(UserName=prior.name)["AccessKey"]
        keys.append(Credentials(key["AccessKeyId"], key["SecretAccessKey"]))
        iam.update_access_key(UserName=prior.name, AccessKeyId=key["AccessKeyId"], Status=status)
    since = isoformat(bench.lab.now() + timedelta(seconds=1))
    return Made(user["User"]["Arn"], tuple(keys), since)


def make_role(bench: Bench, prior: Prior) -> Made:
    iam = bench.admin()
    boundary = {"PermissionsBoundary": prior.boundary} if prior.boundary else {}
    role = iam.create_role(
        RoleName=prior.name,
        Path=prior.path,
        AssumeRolePolicyDocument=prior.trust,
        Tags=tags(prior),
        **boundary,
    )
    for name, document in prior.inline.items():
        iam.put_role_policy(RoleName=prior.name, PolicyName=name, PolicyDocument=document)
    for arn in prior.attached:
        iam.attach_role_policy(RoleName=prior.name, PolicyArn=arn)
    return Made(role["Role"]["Arn"], since=isoformat(bench.lab.now()))


def tags(prior: Prior) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in prior.tags.items()]


def spec(made: Made, disposition: str, **target: Any) -> str:
    kind = "user" if ":user/" in made.arn else "role"
    return json.dumps(
        {
            "incident": INCIDENT,
            "title": "round trip",
            "compromised_at": made.since,
            "compromised_at_source": "test",
            "disposition": disposition,
            "severity": "high",
            "cause": "unknown",
            "owner": "somebody@example.com",
            "review_by": "2099-12-01T00:00:00Z",
            "targets": [{kind: made.arn, **target}],
        }
    )


def taken(bench: Bench) -> inventory.Inventory:
    return inventory.take(bench.admin())


def fresh(bench: Bench) -> Bench:
    """A new world and a new run for the next example, for the same responder.

    Without the seed that the lab of a test has, the responder's secrets are others.
    """
    bench.lab.reseed(seed=42)
    bench.context = replace(bench.context, names=Names(), sighted=set())
    bench.calls.clear()
    return bench


@examples(8)
@given(prior=priors(), rung=st.sampled_from(["deny-all", "key-only"]))
def test_a_user_comes_back_to_the_byte_after_a_false_alarm(
    bench: Bench, prior: Prior, rung: str
) -> None:
    made = make_user(fresh(bench), prior)
    leaked = [key.access_key_id for key in made.keys]
    if rung == "key-only" and not leaked:
        rung = "deny-all"
    before = taken(bench)

    stack = Applied.up(bench, spec(made, "false-positive", rung=rung, leaked=leaked))
    assert inventory.changes(before, taken(bench))
    stack.lift()

    assert inventory.changes(before, taken(bench)) == []


@examples(8)
@given(prior=priors(), rung=st.sampled_from(["deny-all", "revoke-sessions", "close-trust"]))
def test_a_role_comes_back_to_the_byte_after_a_false_alarm(
    bench: Bench, prior: Prior, rung: str
) -> None:
    made = make_role(fresh(bench), prior)
    before = taken(bench)

    stack = Applied.up(bench, spec(made, "false-positive", rung=rung))
    assert inventory.changes(before, taken(bench))
    stack.lift()

    assert inventory.changes(before, taken(bench)) == []


@examples(6)
@given(prior=priors(), disposition=st.sampled_from(["suspected", "confirmed"]))
def test_after_a_real_leak_the_leaked_keys_stay_off_and_only_the_fence_is_new(
    bench: Bench, prior: Prior, disposition: str
) -> None:
    made = make_user(fresh(bench), prior)
    leaked = [key.access_key_id for key in made.keys[:1]]
    before = taken(bench)

    Applied.up(bench, spec(made, disposition, leaked=leaked)).lift()

    # With none named, every key counts as leaked.
    stopped = {
        f"user {prior.name}, access key {name}"
        for name, status in zip((key.access_key_id for key in made.keys), prior.keys, strict=True)
        if status == "Active" and (not leaked or name in leaked)
    }
    changed = {change.fact: change for change in inventory.changes(before, taken(bench))}
    policies = {fact for fact in changed if f"containment-{INCIDENT}" in fact}
    assert changed.keys() - policies - {f"user {prior.name}, UserPolicyList"} == stopped
    assert {changed[fact].after for fact in stopped} <= {"Inactive"}
    fence = inline(bench, made.arn)
    assert fence is not None
    assert list(fence["Statement"][0]["Condition"]) == ["DateLessThan"]


@examples(4)
@given(prior=priors(), disposition=st.sampled_from(["suspected", "confirmed"]))
def test_the_fence_denies_an_old_token_lets_a_new_one_pass_and_is_inert_in_time(
    bench: Bench, prior: Prior, disposition: str
) -> None:
    quiet = replace(prior, inline={}, boundary=None, keys=("Active", "Active"))
    made = make_user(fresh(bench), quiet)
    bench.admin().put_user_policy(
        UserName=prior.name, PolicyName="work", PolicyDocument=json.dumps(_ALL_OF_S3)
    )
    lab, (leaked, other) = bench.lab, made.keys
    old = minted(lab, other)
    assert can_list(lab, old)

    stack = Applied.up(bench, spec(made, disposition, leaked=[leaked.access_key_id]))
    assert not can_list(lab, old)
    assert not can_list(lab, other)
    stack.lift()

    lab.advance(2)
    assert not can_list(lab, leaked)
    assert can_list(lab, other)
    assert not can_list(lab, old)
    new = minted(lab, other)
    assert can_list(lab, new)
    assert _fence_ends_after(bench, made.arn, hours=36)


@examples(4)
@given(prior=priors())
def test_sessions_made_after_the_revocation_live_through_the_lift(
    bench: Bench, prior: Prior
) -> None:
    lab, world = fresh(bench).lab, bench.lab.world
    open_ = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": world.ci_user},
            "Action": "sts:AssumeRole",
        },
    }
    quiet = replace(prior, inline={}, boundary=None, trust=json.dumps(open_))
    made = make_role(bench, quiet)
    bench.admin().put_role_policy(
        RoleName=prior.name, PolicyName="work", PolicyDocument=json.dumps(_ALL_OF_S3)
    )
    bench.admin().put_user_policy(
        UserName="ci-deploy", PolicyName="more", PolicyDocument=json.dumps(_ASSUME)
    )
    attacker = session_of(lab, world.leaked, made.arn)
    assert can_list(lab, attacker)

    stack = Applied.up(bench, spec(made, "suspected", rung="revoke-sessions"))
    assert not can_list(lab, attacker)
    lab.advance(121)
    honest = session_of(lab, world.leaked, made.arn)
    assert can_list(lab, honest)
    stack.lift()

    assert can_list(lab, honest)
    assert not can_list(lab, attacker)
    assert can_list(lab, session_of(lab, world.leaked, made.arn))


_ALL_OF_S3 = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
}
_ASSUME = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"},
}


def _fence_ends_after(bench: Bench, arn: str, *, hours: int) -> bool:
    fence = inline(bench, arn)
    assert fence is not None
    until = fence["Statement"][0]["Condition"]["DateLessThan"]["aws:CurrentTime"]
    return str(until) > isoformat(bench.lab.now() + timedelta(hours=hours))

# ruff: noqa: E501 -- a table of AWS's words reads best with one a line
"""Each kind of refusal, provoked: it is known for what it is, and its advice ends the trouble."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Any

import botocore.auth
import pytest
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse, HTTPHeaders
from botocore.exceptions import ClientError

from cli.main import run
from containment.aws import advice
from containment.aws.faults import explain
from containment.errors import ContainmentError
from containment.lab.scenario.world import Credentials
from containment.lab.testing import Lab

pytestmark = pytest.mark.lab

Call = Callable[[], object]
TRIED = "arn:aws:iam::aws:policy/AWSDenyAll"


def policy(effect: str, action: str, **more: object) -> str:
    statement = {"Effect": effect, "Action": action, "Resource": "*", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust(*arns: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": list(arns)}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@dataclass
class Trouble:
    """A refusal: the *call* that meets it, and what a reader of the advice does about it."""

    call: Call
    follow: Call


class Bench:
    """The company, its responder, and whoever can change what holds the responder back."""

    def __init__(self, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lab, self.world, self.monkeypatch = lab, lab.world, monkeypatch
        self.admin = lab.client("iam", lab.world.admin)
        self.iam = self.as_(lab.world.responder)
        self.organizations = lab.client("organizations", lab.world.management_admin)
        self.role = lab.world.responder_role.rpartition("/")[2]

    def as_(self, credentials: Credentials) -> Any:
        return self.lab.client("iam", credentials)

    def deny(self, iam: Any = None) -> object:
        """Do what every containment begins with."""
        iam = iam or self.iam
        return iam.put_user_policy(
            UserName="ci-deploy", PolicyName="t", PolicyDocument=policy("Deny", "*")
        )

    def assumed(self, **more: Any) -> Credentials:
        sts = self.lab.client("sts", self.world.responder_user_key)
        issued = sts.assume_role(
            RoleArn=self.world.responder_role, RoleSessionName="advice", **more
        )["Credentials"]
        return Credentials(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])

    def control(self, kind: str, action: str, **more: Any) -> tuple[Call, Call]:
        """Attach a control policy that denies *action*; return its exemption and its removal."""
        shape = ({"Principal": "*"} if kind.startswith("RESOURCE") else {}) | more
        if kind.startswith("RESOURCE"):
            root = self.organizations.list_roots()["Roots"][0]["Id"]
            self.organizations.enable_policy_type(RootId=root, PolicyType=kind)
        made = self.organizations.create_policy(
            Name="guard", Description="d", Type=kind, Content=policy("Deny", action, **shape)
        )["Policy"]["PolicySummary"]["Id"]
        self.organizations.attach_policy(PolicyId=made, TargetId=self.world.account)
        exempt = {
            "Condition": more.get("Condition", {})
            | {
                "ArnNotLike": {
                    "aws:PrincipalArn": [self.world.responder_role, self.world.responder_user]
                }
            }
        }
        return (
            lambda: self.organizations.update_policy(
                PolicyId=made, Content=policy("Deny", action, **shape | exempt)
            ),
            lambda: self.organizations.detach_policy(PolicyId=made, TargetId=self.world.account),
        )


def service_control(bench: Bench) -> Trouble:
    exempt, _ = bench.control("SERVICE_CONTROL_POLICY", "iam:PutUserPolicy")
    return Trouble(bench.deny, exempt)


def forbidden_region(bench: Bench) -> Trouble:
    """Forbid all Regions but one, as AWS's example of a service control policy does."""
    exempt, _ = bench.control(
        "SERVICE_CONTROL_POLICY",
        "sts:*",
        Condition={"StringNotEquals": {"aws:RequestedRegion": ["eu-central-1"]}},
    )
    sts = bench.lab.client("sts", bench.world.responder_user_key, region="eu-west-1")
    role = bench.world.responder_role
    return Trouble(lambda: sts.assume_role(RoleArn=role, RoleSessionName="advice"), exempt)


def _control_policies(bench: Bench, count: int) -> list[str]:
    content = policy("Allow", "*")
    return [
        bench.organizations.create_policy(
            Name=f"p{n}", Description="d", Type="SERVICE_CONTROL_POLICY", Content=content
        )["Policy"]["PolicySummary"]["Id"]
        for n in range(count)
    ]


def _attached(bench: Bench) -> list[str]:
    listed = bench.organizations.list_policies_for_target(
        TargetId=bench.world.account, Filter="SERVICE_CONTROL_POLICY"
    )["Policies"]
    return [one["Id"] for one in listed]


def control_policies_full(bench: Bench) -> Trouble:
    made = _control_policies(bench, 11)
    account = bench.world.account
    room = 10 - len(_attached(bench))  # "Quotas for AWS Organizations"
    for one in made[:room]:
        bench.organizations.attach_policy(PolicyId=one, TargetId=account)
    return Trouble(
        lambda: bench.organizations.attach_policy(PolicyId=made[-1], TargetId=account),
        lambda: bench.organizations.detach_policy(PolicyId=made[0], TargetId=account),
    )


def last_control_policy(bench: Bench) -> Trouble:
    account = bench.world.account
    first, *others = _attached(bench)
    for one in others:
        bench.organizations.detach_policy(PolicyId=one, TargetId=account)
    (another,) = _control_policies(bench, 1)
    return Trouble(
        lambda: bench.organizations.detach_policy(PolicyId=first, TargetId=account),
        lambda: bench.organizations.attach_policy(PolicyId=another, TargetId=account),
    )


def resource_control(bench: Bench) -> Trouble:
    exempt, _ = bench.control("RESOURCE_CONTROL_POLICY", "sts:AssumeRole")
    return Trouble(bench.assumed, exempt)


def boundary(bench: Bench) -> Trouble:
    bench.admin.put_role_permissions_boundary(
        RoleName=bench.role, PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess"
    )
    return Trouble(
        bench.deny, lambda: bench.admin.delete_role_permissions_boundary(RoleName=bench.role)
    )


def session_policy(bench: Bench) -> Trouble:
    narrow = bench.as_(bench.assumed(Policy=policy("Allow", "iam:Get*")))
    wide: list[Any] = []
    return Trouble(
        lambda: bench.deny(wide[0] if wide else narrow),
        lambda: wide.append(bench.as_(bench.assumed())),
    )


def explicit_deny(bench: Bench) -> Trouble:
    bench.admin.put_role_policy(
        RoleName=bench.role, PolicyName="no", PolicyDocument=policy("Deny", "iam:PutUserPolicy")
    )
    return Trouble(
        bench.deny, lambda: bench.admin.delete_role_policy(RoleName=bench.role, PolicyName="no")
    )


def trust_policy(bench: Bench) -> Trouble:
    before = bench.admin.get_role(RoleName=bench.role)["Role"]["AssumeRolePolicyDocument"]
    bench.admin.update_assume_role_policy(
        RoleName=bench.role, PolicyDocument=trust(bench.world.bystander_user)
    )
    return Trouble(
        bench.assumed,
        lambda: bench.admin.update_assume_role_policy(
            RoleName=bench.role, PolicyDocument=json.dumps(before)
        ),
    )


def no_allow(bench: Bench) -> Trouble:
    bench.admin.create_user(UserName="new-responder")
    key = bench.admin.create_access_key(UserName="new-responder")["AccessKey"]
    iam = bench.as_(Credentials(key["AccessKeyId"], key["SecretAccessKey"]))
    shown = bench.monkeypatch.capsys  # type: ignore[attr-defined]

    def give() -> None:
        shown.readouterr()
        assert run(["responder-policy", "contain", "--account", bench.world.account]) == 0
        bench.admin.put_user_policy(
            UserName="new-responder",
            PolicyName="containment",
            PolicyDocument=json.dumps(json.loads(shown.readouterr().out)),
        )

    return Trouble(lambda: bench.deny(iam), give)


def elsewhere(bench: Bench) -> Trouble:
    """S3 says nothing but that it denies: what is left is to look."""
    unsigned: Any = bench.lab.client("s3", bench.world.admin)
    unsigned.meta.events.register("choose-signer.s3", lambda **_: UNSIGNED)
    used = [unsigned]
    return Trouble(
        lambda: used[-1].list_objects_v2(Bucket=bench.world.bucket),
        lambda: used.append(bench.lab.client("s3", bench.world.admin)),
    )


def inline_full(bench: Bench) -> Trouble:
    long = policy("Allow", "s3:GetObject", Sid="a" * 1400)
    bench.admin.put_user_policy(UserName="ci-deploy", PolicyName="big", PolicyDocument=long)
    more = policy("Deny", "s3:GetObject", Sid="b" * 500)
    return Trouble(
        lambda: bench.iam.put_user_policy(
            UserName="ci-deploy", PolicyName="t", PolicyDocument=more
        ),
        lambda: bench.admin.delete_user_policy(UserName="ci-deploy", PolicyName="big"),
    )


def attachments_full(bench: Bench) -> Trouble:
    names = [
        "ReadOnlyAccess", "SecurityAudit", "AmazonS3FullAccess", "AmazonEC2FullAccess",
        "AmazonSQSFullAccess", "AmazonSNSFullAccess", "AmazonRDSFullAccess", "IAMReadOnlyAccess",
        "AmazonS3ReadOnlyAccess", "AmazonEC2ReadOnlyAccess", "AmazonVPCFullAccess",
    ]  # fmt: skip
    for name in names:
        try:
            bench.admin.attach_user_policy(
                UserName="ci-deploy", PolicyArn=f"arn:aws:iam::aws:policy/{name}"
            )
        except bench.admin.exceptions.LimitExceededException:
            break
    return Trouble(
        lambda: bench.iam.attach_user_policy(UserName="ci-deploy", PolicyArn=TRIED),
        lambda: bench.admin.detach_user_policy(
            UserName="ci-deploy", PolicyArn=f"arn:aws:iam::aws:policy/{names[0]}"
        ),
    )


def trust_full(bench: Bench) -> Trouble:
    def statements(count: int) -> str:
        one = json.loads(trust(bench.world.bystander_user))["Statement"][0]
        return json.dumps({"Version": "2012-10-17", "Statement": [one] * count})

    written = [statements(30)]
    return Trouble(
        lambda: bench.iam.update_assume_role_policy(RoleName="deploy", PolicyDocument=written[-1]),
        lambda: written.append(statements(2)),
    )


def tags_full(bench: Bench) -> Trouble:
    have = len(bench.admin.list_user_tags(UserName="ci-deploy")["Tags"])
    bench.admin.tag_user(
        UserName="ci-deploy", Tags=[{"Key": f"k{n}", "Value": "v"} for n in range(50 - have)]
    )
    claim = [{"Key": "containment:inc-2026-0042", "Value": "x"}]
    return Trouble(
        lambda: bench.iam.tag_user(UserName="ci-deploy", Tags=claim),
        lambda: bench.admin.untag_user(UserName="ci-deploy", TagKeys=["k0"]),
    )


def quota(bench: Bench) -> Trouble:
    for number in range(11):
        bench.admin.create_group(GroupName=f"g{number}")
        if number < 10:
            try:
                bench.admin.add_user_to_group(GroupName=f"g{number}", UserName="ci-deploy")
            except bench.admin.exceptions.LimitExceededException:
                break
    return Trouble(
        lambda: bench.admin.add_user_to_group(GroupName="g10", UserName="ci-deploy"),
        lambda: bench.admin.remove_user_from_group(GroupName="g0", UserName="ci-deploy"),
    )


def gone_principal(bench: Bench) -> Trouble:
    written = [trust("AIDAIOSFODNN7EXAMPLE", bench.world.bystander_user)]
    return Trouble(
        lambda: bench.iam.update_assume_role_policy(RoleName="deploy", PolicyDocument=written[-1]),
        lambda: written.append(trust(bench.world.bystander_user)),
    )


def services_own(bench: Bench) -> Trouble:
    bench.admin.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")
    names = ["AWSServiceRoleForAutoScaling"]
    return Trouble(
        lambda: bench.iam.put_role_policy(
            RoleName=names[-1], PolicyName="t", PolicyDocument=policy("Deny", "*")
        ),
        lambda: names.append("app"),
    )


def clock(bench: Bench) -> Trouble:
    name = "get_current_datetime"
    real = getattr(botocore.auth, name)
    bench.monkeypatch.setattr(botocore.auth, name, lambda *_: real() - timedelta(hours=1))
    return Trouble(bench.deny, lambda: bench.monkeypatch.setattr(botocore.auth, name, real))


def expired(bench: Bench) -> Trouble:
    ended = bench.iam
    bench.lab.advance(13 * 3600)
    fresh: list[Any] = []
    return Trouble(
        lambda: bench.deny(fresh[0] if fresh else ended),
        lambda: fresh.append(bench.as_(bench.assumed())),
    )


def unknown(bench: Bench) -> Trouble:
    used = [bench.as_(Credentials("AKIAIOSFODNN7EXAMPLE", "wrong"))]
    return Trouble(lambda: bench.deny(used[-1]), lambda: used.append(bench.iam))


def not_there(bench: Bench) -> Trouble:
    names = ["ci-deplyo"]
    return Trouble(
        lambda: bench.iam.get_user(UserName=names[-1]), lambda: names.append("ci-deploy")
    )


class Body(BytesIO):
    """What an answer is read from."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def answered(code: str, message: str) -> Callable[[Bench], Trouble]:
    """Answer as AWS does for what the lab has not: endpoints of a VPC, Regions switched off.

    This proves that AWS's words are known and the advice is given, and not that it helps. Sources
    of the words: IAM User Guide, "Troubleshoot access denied error messages" (no VPC endpoint
    policy allows); github.com/turbot/steampipe-plugin-aws issue 1510 (RegionDisabledException).
    """

    def provoke(bench: Bench) -> Trouble:
        hook = "before-send.iam.PutUserPolicy"
        body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"

        def refuse(request: Any, **_: Any) -> AWSResponse:
            return AWSResponse(request.url, 403, HTTPHeaders(), Body(body.encode()))

        bench.iam.meta.events.register(hook, refuse)
        return Trouble(bench.deny, lambda: bench.iam.meta.events.unregister(hook, refuse))

    return provoke


def fault(kind: str) -> Callable[[Bench], Trouble]:
    def provoke(bench: Bench) -> Trouble:
        bench.lab.faults({"kind": kind, "service": "iam"})
        # It passes by itself: nothing is done about it but to try again.
        return Trouble(bench.deny, bench.lab.faults)

    return provoke


SCENES: dict[str, Callable[[Bench], Trouble]] = {
    "service control policy": service_control,
    "resource control policy": resource_control,
    "permissions boundary": boundary,
    "session policy": session_policy,
    "VPC endpoint policy": answered(
        "AccessDenied",
        "User: u is not authorized to perform: iam:PutUserPolicy on resource: user ci-deploy because"
        " no VPC endpoint policy allows the iam:PutUserPolicy action",
    ),
    "explicit deny": explicit_deny,
    "trust policy": trust_policy,
    "no allow": no_allow,
    "denied": elsewhere,
    "inline policies full": inline_full,
    "attachments full": attachments_full,
    "trust policy full": trust_full,
    "tags full": tags_full,
    "quota": quota,
    "control policies full": control_policies_full,
    "organization's constraint": last_control_policy,
    "gone principal": gone_principal,
    "service's own role": services_own,
    "clock": clock,
    "expired session": expired,
    "unknown credentials": unknown,
    "switched off": answered(
        "RegionDisabledException",
        "STS is not activated in this region for account:111122223333. Your account administrator"
        " can activate STS in this region using the IAM Console.",
    ),
    "not there": not_there,
    "too many requests": fault("throttle"),
    "being changed": fault("conflict"),
    "service failure": fault("error"),
}
PASSING = {"too many requests", "being changed", "service failure"}


@pytest.mark.parametrize("name", SCENES)
def test_a_refusal_is_told_for_what_it_is_and_its_advice_ends_the_trouble(
    lab: Lab,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    monkeypatch.capsys = capsys  # type: ignore[attr-defined]
    trouble = SCENES[name](Bench(lab, monkeypatch))

    refusals: list[ClientError] = []
    for _ in range(2):  # what lasts is there again
        with pytest.raises(ClientError) as raised:
            trouble.call()
        refusals.append(raised.value)
    row = advice.advise(refusals[0])
    error = explain("containing user ci-deploy", refusals[1])

    assert row.name == name, refusals[0].response["Error"]
    assert row.lasting == (name not in PASSING)
    assert type(error) is row.kind
    assert row.cause in error.message
    assert str(refusals[1].response["Error"]["Code"]) in error.message
    assert error.remedy == row.step
    assert ("in a moment" in error.remedy) == (name in PASSING)

    trouble.follow()
    trouble.call()


def test_every_row_of_the_table_is_provoked_here() -> None:
    assert [row.name for row in advice.ROWS] == list(SCENES)


def test_a_region_that_the_organization_forbids_is_advised_as_its_policy_is(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble = forbidden_region(Bench(lab, monkeypatch))

    with pytest.raises(ClientError) as raised:
        trouble.call()
    row = advice.advise(raised.value)

    assert (row.name, row.lasting) == ("service control policy", True)
    trouble.follow()
    trouble.call()


@pytest.mark.parametrize(
    ("code", "message", "row"),
    [
        ("AccessDenied", "no service control policy allows the iam:PutUserPolicy action", "service control policy"),
        ("AccessDeniedException", "with an explicit deny in a resource control policy: arn:aws:organizations::1:policy/o/r/p", "resource control policy"),
        ("AccessDenied", "with an explicit deny in a permissions boundary: arn:aws:iam::1:policy/b", "permissions boundary"),
        ("AccessDenied", "because no session policy allows the iam:TagUser action", "session policy"),
        ("AccessDenied", "with an explicit deny in a VPC endpoint policy", "VPC endpoint policy"),
        ("LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10", "attachments full"),
        ("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048", "trust policy full"),
        ("LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role deploy", "inline policies full"),
        ("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2", "quota"),
        ("ConstraintViolationException", "You have attached the maximum number of policies to the specified target.", "control policies full"),
        ("ConcurrentModification", "", "being changed"),
        ("ConcurrentModificationException", "", "being changed"),
        ("PolicyChangesInProgressException", "", "being changed"),
        ("RequestThrottledException", "", "too many requests"),
        ("ServiceFailure", "", "service failure"),
        ("ExpiredTokenException", "The security token included in the request is expired", "expired session"),
        ("RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", "clock"),
        ("OptInRequired", "The AWS Access Key Id needs a subscription for the service", "switched off"),
    ],
)  # fmt: skip
def test_aws_says_one_thing_in_several_codes_and_words(code: str, message: str, row: str) -> None:
    answer: Any = {"Error": {"Code": code, "Message": message}}

    assert advice.advise(ClientError(answer, "PutUserPolicy")).name == row


def test_what_no_row_knows_is_told_as_aws_says_it_and_promises_nothing() -> None:
    answer: Any = {
        "Error": {"Code": "SomethingNew", "Message": "of 2027"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    error = explain("writing the deny", ClientError(answer, "PutUserPolicy"))

    assert type(error) is not ContainmentError
    assert error.exit_code == 4
    assert error.message == "writing the deny: SomethingNew: of 2027"
    assert "may not help" in error.remedy

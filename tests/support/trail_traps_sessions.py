"""Plantings about keys and sessions: who was handed what, by which record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.trail_composite import OTHER
from tests.support.trail_scene import ACCOUNT, principal_id, session_answer

if TYPE_CHECKING:
    from tests.support.trail_composite import Composite

STS = "sts.amazonaws.com"


def a_chain_of_twelve_roles(c: Composite) -> None:
    key, arn, parent = c.leaked, c.user, c.leaked
    created = None
    keys = []
    for step in range(12):
        key, arn = c.assume(parent, arn, c.named(f"hop{step}"), 10 + step, created=created)
        keys.append((key, parent))
        parent, created = key, 10 + step
    c.call(key, arn, "GetObject", 40, source="s3.amazonaws.com", created=created)
    for number, (one, came_from) in enumerate(keys):
        c.truth.expect(one, "A_issued", came_from, 1 if number < 12 else 0)


def roles_that_assume_each_other(c: Composite) -> None:
    first, arn = c.assume(c.leaked, c.user, c.named("ping"), 50)
    second, arn2 = c.assume(first, arn, c.named("pong"), 51, created=50)
    third, arn3 = c.assume(second, arn2, c.named("ping"), 52, created=51)
    c.call(third, arn3, "GetObject", 53, source="s3.amazonaws.com", created=52)
    c.truth.expect(first, "A_issued", c.leaked, 1)
    c.truth.expect(second, "A_issued", first, 1)
    c.truth.expect(third, "A_issued", second, 1)


def twins_of_a_call_across_accounts(c: Composite) -> None:
    role = c.named("far")
    key, arn = c.assume(c.leaked, c.user, role, 60, account=OTHER)
    twin = c.twin(c.records[-1])
    c.records.insert(0, c.records.pop(c.records.index(twin)))
    c.call(key, arn, "GetObject", 61, source="s3.amazonaws.com", created=60)
    other_key, _ = c.assume("AKIASOMEBODY00000000", c.person("far-owner"), role, 60, account=OTHER)
    c.truth.expect(key, "A_issued", c.leaked, 1)
    c.truth.bystanders.add(other_key)


def a_twin_that_alone_names_the_key(c: Composite) -> None:
    key, arn = c.assume(c.leaked, c.user, c.named("hidden-far"), 62, account=OTHER)
    own_record = c.records[-1]
    c.twin(own_record)
    own_record["responseElements"] = "HIDDEN_DUE_TO_SECURITY_REASONS"
    c.call(key, arn, "GetObject", 63, source="s3.amazonaws.com", created=62)
    c.truth.expect(key, "A_issued", c.leaked, 1)


def a_twin_whose_other_half_is_missing(c: Composite) -> None:
    session, arn = c.assume(c.leaked, c.user, c.named("near"), 64)
    key, far = c.assume(session, arn, c.named("only-there"), 65, account=OTHER, created=64)
    c.visit(c.records[-1], ACCOUNT, "one-half")
    c.call(key, far, "GetObject", 66, source="s3.amazonaws.com", created=65)
    c.truth.expect(session, "A_issued", c.leaked, 0)
    c.truth.expect(key, "E_inferred", session, 1)


def half_a_twin_that_an_instance_may_have_made_as_well(c: Composite) -> None:
    """EC2 gives one session several keys: the id of the session does not say which one called."""
    role, machine = c.named("web"), "i-0a0a0a0a0a0a0a0a0"
    c.call(c.leaked, c.user, "GetUser", 67)
    stolen = c.instance(machine, role, 67)
    sibling = c.instance(machine, role, 67)
    arn = c.session(role, machine)
    c.call(sibling, arn, "GetObject", 68, source="s3.amazonaws.com", created=67)
    far, _ = c.assume(sibling, arn, c.named("from-the-box"), 69, account=OTHER, created=67)
    c.visit(c.records[-1], ACCOUNT, "half-of-the-box")
    c.truth.bystanders |= {stolen, sibling, far}


def a_federated_user_at_the_console(c: Composite) -> None:
    """IAM User Guide, "Enabling custom identity broker access to the AWS console"."""
    name = c.named("ops")[:32]
    arn = f"arn:aws:sts::{ACCOUNT}:federated-user/{name}"
    key, console = c.key(), c.key()
    answer = {
        "credentials": {"accessKeyId": key, "sessionToken": "x", "expiration": "e"},
        "federatedUser": {"arn": arn, "federatedUserId": f"{ACCOUNT}:{name}"},
    }
    c.call(
        c.leaked,
        c.user,
        "GetFederationToken",
        70,
        source=STS,
        request={"name": name},
        response=answer,
    )
    c.call(key, arn, "GetSigninToken", 71, source="signin.amazonaws.com", created=70)
    c.sign_in(arn, 75)
    c.call(console, arn, "ListUsers", 76, created=75)
    c.truth.expect(key, "A_issued", c.leaked, 1)
    c.truth.expect(console, "E_inferred", key, 1)


def a_federated_user_at_the_console_whose_token_call_is_missing(c: Composite) -> None:
    name = c.named("oops")[:32]
    arn = f"arn:aws:sts::{ACCOUNT}:federated-user/{name}"
    key, console, twin = c.key(), c.key(), c.key()
    answer = {
        "credentials": {"accessKeyId": key, "sessionToken": "x", "expiration": "e"},
        "federatedUser": {"arn": arn, "federatedUserId": f"{ACCOUNT}:{name}"},
    }
    c.call(
        c.leaked,
        c.user,
        "GetFederationToken",
        80,
        source=STS,
        request={"name": name},
        response=answer,
    )
    c.sign_in(arn, 85)
    c.call(console, arn, "ListUsers", 86, created=85)
    c.call(twin, arn, "ListRoles", 87, created=86)
    c.truth.expect(key, "A_issued", c.leaked, 0)
    c.truth.expect(console, "E_inferred", key, 1)
    c.truth.expect(twin, "E_inferred", key, 1)


def a_session_token_with_a_second_factor(c: Composite) -> None:
    """STS API reference, GetSessionToken: the session is the user's own, with the user's ARN."""
    key, other_key = c.key(), c.key()
    for caller_key, session_key, when in (
        (c.leaked, key, 100),
        ("AKIAOTHERKEY00000000", other_key, 101),
    ):
        answer = {
            "credentials": {"accessKeyId": session_key, "sessionToken": "x", "expiration": "e"}
        }
        request = {"serialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/phone", "tokenCode": "HIDDEN"}
        c.call(
            caller_key,
            c.user,
            "GetSessionToken",
            when,
            source=STS,
            request=request,
            response=answer,
        )
        used = c.call(session_key, c.user, "ListUsers", 103, created=when)
        used["userIdentity"]["sessionContext"]["attributes"]["mfaAuthenticated"] = "true"
    c.truth.expect(key, "A_issued", c.leaked, 1)
    c.truth.bystanders |= {other_key, "AKIAOTHERKEY00000000"}


def forwarded_sessions_and_what_they_make(c: Composite) -> None:
    """IAM User Guide, "Forward access sessions"; a stack makes users with its caller's rights."""
    session, arn = c.assume(c.leaked, c.user, c.named("deployer"), 170)
    c.call(session, arn, "CreateStack", 172, source="cloudformation.amazonaws.com", created=170)
    forwarded = c.key()
    name = c.named("stack-user")
    made = f"arn:aws:iam::{ACCOUNT}:user/{name}"
    answer = {"user": {"arn": made, "userName": name, "userId": principal_id(made)}}
    cfn = "cloudformation.amazonaws.com"
    c.call(forwarded, arn, "CreateUser", 173, created=172, invoked_by=cfn, response=answer)
    key = c.access_key(forwarded, arn, name, 174, created=172, invoked_by=cfn)
    c.call(key, made, "ListUsers", 175)
    c.truth.expect(session, "A_issued", c.leaked, 1)
    c.truth.expect(forwarded, "D_forwarded", session, 2, "forwarded_session_key")
    c.truth.expect(made, "B_principal", forwarded, 0, "iam_user")
    c.truth.expect(key, "A_issued", forwarded, 1)


def a_forwarded_key_whose_id_another_account_was_given(c: Composite) -> None:
    """The same ASIA id can come back: what another account's log says of it is another story."""
    session, arn = c.assume(c.leaked, c.user, c.named("reader"), 180)
    c.call(session, arn, "GetSecretValue", 182, created=180)
    forwarded = c.key()
    c.call(forwarded, arn, "Decrypt", 182, created=182, invoked_by="secretsmanager.amazonaws.com")
    elsewhere = "arn:aws:iam::555566667777:user/somebody"
    record = c.call("AKIASOMEBODY55556666", elsewhere, "AssumeRole", 183, source=STS)
    record["requestParameters"] = {
        "roleArn": "arn:aws:iam::555566667777:role/night",
        "roleSessionName": "job",
    }
    record["responseElements"] = session_answer(forwarded, "555566667777", "night", "job")
    far = "arn:aws:sts::555566667777:assumed-role/night/job"
    c.call(forwarded, far, "DeleteTrail", 184, created=183)
    c.truth.expect(session, "A_issued", c.leaked, 1)
    c.truth.expect(forwarded, "D_forwarded", session, 1, "forwarded_session_key")


def an_answer_that_hides_the_key(c: Composite) -> None:
    role = c.named("redacted")
    c.assume(c.leaked, c.user, role, 190)
    c.records[-1]["responseElements"] = None
    arn = c.session(role, "s190")
    key, later = c.key(), c.key()
    c.call(key, arn, "GetObject", 191, source="s3.amazonaws.com", created=190)
    c.call(later, arn, "GetObject", 900, source="s3.amazonaws.com", created=890)
    c.truth.expect(key, "E_inferred", c.leaked, 1)
    c.truth.bystanders.add(later)


def identity_center_at_work(c: Composite) -> None:
    """IAM Identity Center User Guide, "CloudTrail use cases": no key of the portal's is logged."""
    c.call(None, c.person("portal"), "GetRoleCredentials", 350, source="sso.amazonaws.com")
    record = c.records[-1]
    record["userIdentity"] = {"type": "Unknown", "principalId": "906722c1", "accountId": ACCOUNT}
    record["serviceEventDetails"] = {"role_name": "Admin", "account_id": ACCOUNT}
    sso = f"arn:aws:iam::{ACCOUNT}:saml-provider/AWSSSO_abc_DO_NOT_DELETE"
    role = "AWSReservedSSO_Admin_1a2b"
    key = c.saml(sso, role, c.named("dana"), 351)
    c.call(key, c.session(role, c.named("dana")), "ListUsers", 352, created=351)
    c.truth.bystanders.add(key)


def calls_that_failed(c: Composite) -> None:
    key, _ = c.assume(c.leaked, c.user, c.named("denied"), 360)
    c.records[-1]["errorCode"] = "AccessDenied"
    user = f"arn:aws:iam::{ACCOUNT}:user/{c.named('never')}"
    c.make_user(c.leaked, c.user, c.named("never"), 361)
    c.records[-1]["errorCode"] = "EntityAlreadyExistsException"
    dry = c.key()
    c.call(
        c.leaked,
        c.user,
        "RunInstances",
        362,
        source="ec2.amazonaws.com",
        error="Client.DryRunOperation",
        response={"instancesSet": {"items": [{"instanceId": "i-0ddddddddddddddd1"}]}},
    )
    c.service("ec2.amazonaws.com", c.named("profile"), "i-0ddddddddddddddd1", 363, dry)
    c.call(c.leaked, c.user, "CreateAccessKey", 364)
    c.records[-1]["responseElements"] = {
        "errorCode": "LimitExceeded",
        "accessKey": {"accessKeyId": "AKIANEVERHANDEDOUT00", "userName": "x"},
    }
    c.truth.bystanders |= {key, user, dry, "AKIANEVERHANDEDOUT00"}


def what_was_handed_out_before_t0(c: Composite) -> None:
    key, arn = c.assume(c.leaked, c.user, c.named("earlier"), -30)
    c.call(key, arn, "GetObject", 370, source="s3.amazonaws.com", created=-30)
    child, _ = c.assume(key, arn, c.named("childs"), 371, created=-30)
    c.truth.bystanders |= {key, child}


def key_ids_that_nearly_match_or_are_only_named(c: Composite) -> None:
    near = c.leaked[:-2] + "EX"
    c.access_key(near, c.person("near"), "whoever", 380)
    c.truth.bystanders.add(c.records[-1]["responseElements"]["accessKey"]["accessKeyId"])
    named = "AKIANAMEDONLY0000000"
    c.call(c.leaked, c.user, "UpdateAccessKey", 381, request={"accessKeyId": named})
    c.call(
        c.leaked,
        c.user,
        "ListAccessKeys",
        382,
        response={"accessKeyMetadata": [{"accessKeyId": named}]},
    )
    c.call(named, c.person("named"), "CreateUser", 383, response={"user": {"arn": "x"}})
    c.call(
        "AKIASECOPS0000000000",
        c.person("secops"),
        "GetAccessKeyLastUsed",
        384,
        request={"accessKeyId": c.leaked},
    )
    c.truth.bystanders |= {near, named, "AKIASECOPS0000000000"}


def a_token_for_another_partition(c: Composite) -> None:
    """IAM User Guide, "Auditing cross-partition identity federation": one id in both events."""
    token = f"jti-{c.tag or 'x'}"
    c.call(
        c.leaked,
        c.user,
        "GetWebIdentityToken",
        410,
        source=STS,
        response={"webIdentityTokenId": token},
    )
    issuer = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{c.named('tokens')}.sts.global.api.aws"
    key = c.web_identity(issuer, c.user, c.named("there"), 411, webIdentityTokenId=token)
    other = c.web_identity(issuer, c.user, c.named("there"), 412, webIdentityTokenId="another")
    c.truth.expect(key, "A_issued", c.leaked, 0)
    c.truth.bystanders.add(other)


def a_key_whose_making_is_redacted(c: Composite) -> None:
    """A long-term key that appears only after CreateAccessKey hid what it gave out."""
    eve, name = c.person("eve"), c.named("eve")
    own, new = "AKIAEVESOWNKEY000000", c.key("AKIA")
    c.call(own, eve, "ListUsers", -40)
    c.call(c.leaked, c.user, "CreateAccessKey", 450, request={"userName": name})
    c.call(new, eve, "ListUsers", 455)
    c.call(own, eve, "ListUsers", 456)
    c.truth.expect(new, "E_inferred", c.leaked, 1)
    c.truth.bystanders.add(own)


SESSIONS = (
    a_chain_of_twelve_roles,
    roles_that_assume_each_other,
    twins_of_a_call_across_accounts,
    a_twin_that_alone_names_the_key,
    a_twin_whose_other_half_is_missing,
    half_a_twin_that_an_instance_may_have_made_as_well,
    a_federated_user_at_the_console,
    a_federated_user_at_the_console_whose_token_call_is_missing,
    a_session_token_with_a_second_factor,
    forwarded_sessions_and_what_they_make,
    a_forwarded_key_whose_id_another_account_was_given,
    an_answer_that_hides_the_key,
    identity_center_at_work,
    calls_that_failed,
    what_was_handed_out_before_t0,
    key_ids_that_nearly_match_or_are_only_named,
    a_token_for_another_partition,
    a_key_whose_making_is_redacted,
)

"""Plantings about users, roles, passwords, trusts and providers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.trail_composite import OTHER
from tests.support.trail_scene import ACCOUNT, principal_id, session_answer

if TYPE_CHECKING:
    from tests.support.trail_composite import Composite


def a_user_name_that_comes_back(c: Composite) -> None:
    """IAM User Guide, "IAM identifiers": a user made again under the same name is another one."""
    made = c.make_user(c.leaked, c.user, c.named("tmp"), 200)
    key = c.access_key(c.leaked, c.user, c.named("tmp"), 201)
    c.call(key, made, "ListUsers", 202)
    c.call(c.leaked, c.user, "DeleteUser", 203, request={"userName": c.named("tmp")})
    admin = c.person("admin")
    again = c.make_user("AKIAADMIN00000000000", admin, c.named("tmp"), 5000)
    c.records[-1]["responseElements"]["user"]["userId"] = "AIDANEWTMPNEWTMPNEW"
    other_key = c.access_key("AKIAADMIN00000000000", admin, c.named("tmp"), 5001)
    c.call(other_key, again, "ListUsers", 5002, principal="AIDANEWTMPNEWTMPNEW")
    c.truth.expect(made, "B_principal", c.leaked, 0, "iam_user")
    c.truth.expect(key, "A_issued", c.leaked, 1)
    c.truth.bystanders |= {other_key, "AKIAADMIN00000000000"}


def a_user_that_the_attacker_makes_twice(c: Composite) -> None:
    made = c.make_user(c.leaked, c.user, c.named("twice"), 210)
    c.call(c.leaked, c.user, "DeleteUser", 211, request={"userName": c.named("twice")})
    c.make_user(c.leaked, c.user, c.named("twice"), 212)
    c.records[-1]["responseElements"]["user"]["userId"] = "AIDASECONDLIFESECON"
    console = c.key()
    c.sign_in(made, 220, principal="AIDASECONDLIFESECON")
    c.call(console, made, "ListUsers", 221, created=220, principal="AIDASECONDLIFESECON")
    c.truth.expect(made, "B_principal", c.leaked, 1, "iam_user")
    c.truth.expect(console, "B_principal", made, 1)


def a_role_name_that_comes_back(c: Composite) -> None:
    made = c.make_role(c.leaked, c.user, c.named("temp"), 230)
    c.call(c.leaked, c.user, "DeleteRole", 231, request={"roleName": c.named("temp")})
    admin = c.person("platform")
    c.make_role("AKIAPLATFORM00000000", admin, c.named("temp"), 6000)
    c.records[-1]["responseElements"]["role"]["roleId"] = "AROANEWTEMPNEWTEMPN"
    other_key, arn = c.assume("AKIAPLATFORM00000000", admin, c.named("temp"), 6001)
    answer = c.records[-1]["responseElements"]["assumedRoleUser"]
    answer["assumedRoleId"] = "AROANEWTEMPNEWTEMPN:s6001"
    c.call(other_key, arn, "ListUsers", 6002, created=6001, principal="AROANEWTEMPNEWTEMPN:s6001")
    c.truth.expect(made, "B_principal", c.leaked, 0, "iam_role")
    c.truth.bystanders.add(other_key)


def a_password_that_the_responder_takes_back(c: Composite) -> None:
    alice = c.person("alice")
    before, attacker, after = c.key(), c.key(), c.key()
    c.sign_in(alice, 230)
    c.call(before, alice, "ListUsers", 231, created=230)
    name = alice.rsplit("/", 1)[-1]
    c.call(c.leaked, c.user, "UpdateLoginProfile", 240, request={"userName": name})
    c.sign_in(alice, 250)
    c.call(attacker, alice, "ListUsers", 251, created=250)
    c.call(
        "AKIARESPONDER0000000",
        c.person("responder"),
        "UpdateLoginProfile",
        300,
        request={"userName": name},
    )
    c.sign_in(alice, 400)
    c.call(after, alice, "ListUsers", 401, created=400)
    password = f"console_password:{alice}"
    c.truth.expect(password, "B_principal", c.leaked, 1, "console_password")
    c.truth.expect(attacker, "E_inferred", password, 1)
    c.truth.bystanders |= {before, after}


def a_password_made_for_an_existing_user(c: Composite) -> None:
    carol = c.person("carol")
    name = carol.rsplit("/", 1)[-1]
    c.call(
        c.leaked,
        c.user,
        "CreateLoginProfile",
        260,
        request={"userName": name, "passwordResetRequired": False},
        response={"loginProfile": {"userName": name}},
    )
    keys = [c.key() for _ in range(3)]
    c.sign_in(carol, 270)
    for number, key in enumerate(keys):
        c.call(key, carol, "ListUsers", 271 + number, created=270)
    own = "AKIACAROL00000000000"
    c.call(own, carol, "ListUsers", 275)
    password = f"console_password:{carol}"
    c.truth.expect(password, "B_principal", c.leaked, 1, "console_password")
    for key in keys:
        c.truth.expect(key, "E_inferred", password, 1)
    c.truth.bystanders.add(own)


def a_trust_opened_to_the_outside(c: Composite) -> None:
    role = c.named("opened")
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
    document = {
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"}},
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}},
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}},
            {"Effect": "Deny", "Principal": {"AWS": "555566667777"}},
        ]
    }
    c.call(
        c.leaked,
        c.user,
        "UpdateAssumeRolePolicy",
        280,
        request={"roleName": role, "policyDocument": json.dumps(document)},
    )
    key, session = c.assume("AKIAOUTSIDE000000000", f"arn:aws:iam::{OTHER}:user/x", role, 290)
    c.visit(c.records[-1])
    c.call(key, session, "GetObject", 291, source="s3.amazonaws.com", created=290)
    inside, _ = c.assume("AKIAINSIDE0000000000", c.person("inside"), role, 292)
    c.truth.expect(arn, "B_principal", c.leaked, 0, "iam_role")
    c.truth.expect(key, "B_principal", arn, 1)
    c.truth.trusts.add((arn, f"arn:aws:iam::{OTHER}:root"))
    c.truth.bystanders.add(inside)


def a_key_for_somebody_else(c: Composite) -> None:
    bob = c.person("bob")
    key = c.access_key(c.leaked, c.user, bob.rsplit("/", 1)[-1], 300)
    c.call(key, bob, "ListUsers", 301)
    own = "AKIABOBSOWNKEY000000"
    c.call(own, bob, "ListUsers", 302)
    child, _ = c.assume(own, bob, c.named("bobs"), 303)
    c.truth.expect(key, "A_issued", c.leaked, 1)
    c.truth.bystanders |= {own, child}


def a_user_who_makes_a_key_for_itself_at_the_console(c: Composite) -> None:
    made = c.make_user(c.leaked, c.user, c.named("svc"), 310)
    name = made.rsplit("/", 1)[-1]
    c.call(c.leaked, c.user, "CreateLoginProfile", 311, request={"userName": name})
    console = c.key()
    c.sign_in(made, 320)
    key = c.access_key(console, made, name, 325, created=320)
    c.call(key, made, "GetObject", 330, source="s3.amazonaws.com")
    c.truth.expect(made, "B_principal", c.leaked, 0, "iam_user")
    c.truth.expect(f"console_password:{made}", "B_principal", c.leaked, 1, "console_password")
    c.truth.expect(console, "B_principal", made, 1)
    c.truth.expect(key, "A_issued", console, 1)


def a_key_made_before_its_user_in_the_log(c: Composite) -> None:
    name = c.named("early")
    key = c.access_key(c.leaked, c.user, name, 340)
    made = c.make_user(c.leaked, c.user, name, 341)
    c.call(key, made, "ListUsers", 342)
    c.truth.expect(made, "B_principal", c.leaked, 0, "iam_user")
    c.truth.expect(key, "A_issued", c.leaked, 1)


def roles_anywhere(c: Composite) -> None:
    """IAM Roles Anywhere User Guide, "Logging with CloudTrail": CreateSession."""
    base = f"arn:aws:rolesanywhere:us-east-1:{ACCOUNT}"
    anchor, profile = f"{base}:trust-anchor/{c.named('a')}", f"{base}:profile/{c.named('p')}"
    source = "rolesanywhere.amazonaws.com"
    authority = f"arn:aws:acm-pca:us-east-1:{ACCOUNT}:certificate-authority/mine"
    data = {"source": {"sourceData": {"acmPcaArn": authority}}, "trustAnchorArn": anchor}
    answer = {"trustAnchor": data}
    c.call(c.leaked, c.user, "CreateTrustAnchor", 390, source=source, response=answer)
    elsewhere = {"profile": {"profileArn": "arn:aws:profile:us-east-1:1:domains/x"}}
    c.call(
        c.leaked, c.user, "UpdateProfile", 390, source="profile.amazonaws.com", response=elsewhere
    )
    c.call(c.leaked, c.user, "ChangePassword", 390, source="cognito-idp.amazonaws.com")
    c.call(
        c.leaked,
        c.user,
        "CreateProfile",
        391,
        source=source,
        response={"profile": {"profileArn": profile}},
    )
    key = c.key()
    role = c.named("anywhere")
    record = c.call(None, c.person("x"), "CreateSession", 392, source=source)
    record["userIdentity"] = {"type": "AWSService", "accountId": ACCOUNT}
    record["requestParameters"] = {
        "trustAnchorArn": anchor,
        "profileArn": profile,
        "roleArn": f"arn:aws:iam::{ACCOUNT}:role/{role}",
    }
    record["responseElements"] = {"credentialSet": [session_answer(key, ACCOUNT, role, "serial")]}
    c.call(key, c.session(role, "serial"), "GetObject", 393, source="s3.amazonaws.com", created=392)
    c.truth.expect(anchor, "B_principal", c.leaked, 0, "rolesanywhere_trust_anchor")
    c.truth.expect(profile, "B_principal", c.leaked, 0, "rolesanywhere_profile")
    c.truth.expect(key, "B_principal", anchor, 1)


def a_user_of_the_attacker_under_another_name(c: Composite) -> None:
    made = c.make_user(c.leaked, c.user, c.named("plain"), 400)
    key = c.access_key(c.leaked, c.user, c.named("plain"), 401)
    renamed = c.person("fancy")
    c.call(
        c.leaked,
        c.user,
        "UpdateUser",
        402,
        request={"userName": c.named("plain"), "newUserName": c.named("fancy")},
    )
    same = principal_id(made)
    c.call(key, renamed, "ListUsers", 403, principal=same)
    console = c.key()
    c.sign_in(renamed, 404, principal=same)
    c.call(console, renamed, "ListUsers", 405, created=404, principal=same)
    c.truth.expect(made, "B_principal", c.leaked, 1, "iam_user")
    c.truth.expect(key, "A_issued", c.leaked, 1)
    c.truth.expect(console, "B_principal", made, 1)


def a_password_changed_by_its_own_user(c: Composite) -> None:
    c.call(c.leaked, c.user, "ChangePassword", 420)
    console, before = c.key(), c.key()
    c.sign_in(c.user, 430)
    c.call(console, c.user, "ListUsers", 431, created=430)
    c.call(before, c.user, "ListUsers", 432, created=-500)
    password = f"console_password:{c.user}"
    c.truth.expect(password, "B_principal", c.leaked, 1, "console_password")
    c.truth.expect(console, "E_inferred", password, 1)
    c.truth.bystanders.add(before)


def a_role_of_the_attacker_that_others_take(c: Composite) -> None:
    role = c.named("back")
    made = c.make_role(c.leaked, c.user, role, 440, f"arn:aws:iam::{OTHER}:user/x")
    key, arn = c.assume("AKIAOUTSIDE000000001", f"arn:aws:iam::{OTHER}:user/x", role, 441)
    c.visit(c.records[-1])
    c.call(key, arn, "GetObject", 442, source="s3.amazonaws.com", created=441)
    service = c.key()
    c.service("lambda.amazonaws.com", role, c.named("anything"), 443, service)
    c.truth.expect(made, "B_principal", c.leaked, 0, "iam_role")
    c.truth.expect(key, "B_principal", made, 1)
    c.truth.expect(service, "C_service_issued", made, 0)
    c.truth.trusts.add((made, f"arn:aws:iam::{OTHER}:user/x"))


def a_redacted_set_that_is_of_two_minds_about_the_account(c: Composite) -> None:
    """Practice of anonymised captures: the ARN's account and the record's need not agree."""
    dora = c.person("dora")
    key = c.access_key(c.leaked, c.user, c.named("dora"), 480)
    c.records[-1]["recipientAccountId"] = "999999999999"
    c.call(key, dora, "ListUsers", 481)
    made = c.make_user(c.leaked, c.user, c.named("twin"), 482)
    c.records[-1]["recipientAccountId"] = "999999999999"
    c.records[-1]["responseElements"] = {"user": {"userName": c.named("twin")}}
    console = c.key()
    c.sign_in(made, 483)
    c.call(console, made, "ListUsers", 484, created=483)
    c.truth.expect(key, "A_issued", c.leaked, 1)
    c.truth.expect(made, "B_principal", c.leaked, 1, "iam_user")
    c.truth.expect(console, "B_principal", made, 1)


def an_identity_provider_of_the_attacker(c: Composite) -> None:
    attacker_provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{c.named('evil')}.example.org"
    other_provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
    c.call(
        c.leaked,
        c.user,
        "CreateOpenIDConnectProvider",
        90,
        request={"url": attacker_provider.split("/", 1)[1]},
        response={"openIDConnectProviderArn": attacker_provider},
    )
    subject = "repo:org/app:ref:refs/heads/main"
    key = c.web_identity(attacker_provider, subject, c.named("ci"), 91)
    legit = c.web_identity(other_provider, subject, c.named("ci"), 92)
    c.call(
        key, c.session(c.named("ci"), "w91"), "GetObject", 93, source="s3.amazonaws.com", created=91
    )
    c.truth.expect(attacker_provider, "B_principal", c.leaked, 0, "oidc_provider")
    c.truth.expect(key, "B_principal", attacker_provider, 1)
    c.truth.bystanders.add(legit)


def a_saml_provider_of_the_attacker(c: Composite) -> None:
    attacker_provider = f"arn:aws:iam::{ACCOUNT}:saml-provider/{c.named('evil')}"
    other_provider = f"arn:aws:iam::{ACCOUNT}:saml-provider/corporate"
    c.call(
        c.leaked, c.user, "CreateSAMLProvider", 95, response={"sAMLProviderArn": attacker_provider}
    )
    key = c.saml(attacker_provider, c.named("sso"), "eve@example.org", 96)
    legit = c.saml(other_provider, c.named("sso"), "eve@example.org", 97)
    c.truth.expect(attacker_provider, "B_principal", c.leaked, 0, "saml_provider")
    c.truth.expect(key, "B_principal", attacker_provider, 0)
    c.truth.bystanders.add(legit)


PRINCIPALS = (
    a_user_name_that_comes_back,
    a_user_that_the_attacker_makes_twice,
    a_role_name_that_comes_back,
    a_password_that_the_responder_takes_back,
    a_password_made_for_an_existing_user,
    a_trust_opened_to_the_outside,
    a_key_for_somebody_else,
    a_user_who_makes_a_key_for_itself_at_the_console,
    a_key_made_before_its_user_in_the_log,
    roles_anywhere,
    a_user_of_the_attacker_under_another_name,
    a_password_changed_by_its_own_user,
    a_role_of_the_attacker_that_others_take,
    a_redacted_set_that_is_of_two_minds_about_the_account,
    an_identity_provider_of_the_attacker,
    a_saml_provider_of_the_attacker,
)

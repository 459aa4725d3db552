"""Plantings: what a thief does, what only looks like it, and what a trace has to say about each.

Every function plants its calls in a capture and writes down what follows from them by AWS's
documentation, not by the program: its source is named where it is not the trail's own record.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from trail_composite import OTHER
from trail_scene import ACCOUNT, principal_id, session_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from trail_composite import Composite

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
    theirs, _ = c.assume("AKIASOMEBODY00000000", c.person("far-owner"), role, 60, account=OTHER)
    c.truth.expect(key, "A_issued", c.leaked, 1)
    c.truth.bystanders.add(theirs)


def a_twin_that_alone_names_the_key(c: Composite) -> None:
    key, arn = c.assume(c.leaked, c.user, c.named("hidden-far"), 62, account=OTHER)
    mine = c.records[-1]
    c.twin(mine)
    mine["responseElements"] = "HIDDEN_DUE_TO_SECURITY_REASONS"
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


def an_identity_provider_of_the_thief(c: Composite) -> None:
    mine = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{c.named('evil')}.example.org"
    theirs = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
    c.call(
        c.leaked,
        c.user,
        "CreateOpenIDConnectProvider",
        90,
        request={"url": mine.split("/", 1)[1]},
        response={"openIDConnectProviderArn": mine},
    )
    subject = "repo:org/app:ref:refs/heads/main"
    key = c.web_identity(mine, subject, c.named("ci"), 91)
    legit = c.web_identity(theirs, subject, c.named("ci"), 92)
    c.call(
        key, c.session(c.named("ci"), "w91"), "GetObject", 93, source="s3.amazonaws.com", created=91
    )
    c.truth.expect(mine, "B_principal", c.leaked, 0, "oidc_provider")
    c.truth.expect(key, "B_principal", mine, 1)
    c.truth.bystanders.add(legit)


def a_saml_provider_of_the_thief(c: Composite) -> None:
    mine = f"arn:aws:iam::{ACCOUNT}:saml-provider/{c.named('evil')}"
    theirs = f"arn:aws:iam::{ACCOUNT}:saml-provider/corporate"
    c.call(c.leaked, c.user, "CreateSAMLProvider", 95, response={"sAMLProviderArn": mine})
    key = c.saml(mine, c.named("sso"), "eve@example.org", 96)
    legit = c.saml(theirs, c.named("sso"), "eve@example.org", 97)
    c.truth.expect(mine, "B_principal", c.leaked, 0, "saml_provider")
    c.truth.expect(key, "B_principal", mine, 0)
    c.truth.bystanders.add(legit)


def a_session_token_with_a_second_factor(c: Composite) -> None:
    """STS API reference, GetSessionToken: the session is the user's own, with his ARN."""
    key, theirs = c.key(), c.key()
    for held, given, when in ((c.leaked, key, 100), ("AKIAOTHERKEY00000000", theirs, 101)):
        answer = {"credentials": {"accessKeyId": given, "sessionToken": "x", "expiration": "e"}}
        request = {"serialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/phone", "tokenCode": "HIDDEN"}
        c.call(held, c.user, "GetSessionToken", when, source=STS, request=request, response=answer)
        used = c.call(given, c.user, "ListUsers", 103, created=when)
        used["userIdentity"]["sessionContext"]["attributes"]["mfaAuthenticated"] = "true"
    c.truth.expect(key, "A_issued", c.leaked, 1)
    c.truth.bystanders |= {theirs, "AKIAOTHERKEY00000000"}


def an_instance_of_the_thief_beside_one_that_was_there(c: Composite) -> None:
    role, mine, theirs = (
        c.named("profile"),
        f"i-0aaaaaaaaaaa{len(c.tag):05x}",
        "i-0bbbbbbbbbbbbbbbb",
    )
    c.call(
        c.leaked,
        c.user,
        "RunInstances",
        110,
        source="ec2.amazonaws.com",
        request={"iamInstanceProfile": {"name": role}},
        response={"instancesSet": {"items": [{"instanceId": mine}]}},
    )
    keys = [c.instance(mine, role, 112) for _ in range(3)]
    other = c.instance(theirs, role, 112)
    c.call(keys[1], c.session(role, mine), "GetObject", 113, source="s3.amazonaws.com", created=112)
    c.call(other, c.session(role, theirs), "GetObject", 113, source="s3.amazonaws.com", created=112)
    for number, key in enumerate(keys):
        c.truth.expect(key, "C_service_issued", c.leaked, 1 if number == 1 else 0)
    c.truth.bystanders.add(other)


def a_person_whose_session_is_named_like_the_thiefs_instance(c: Composite) -> None:
    machine, role = "i-0ccccccccccccccc1", c.named("shared")
    c.call(
        c.leaked,
        c.user,
        "RunInstances",
        115,
        source="ec2.amazonaws.com",
        response={"instancesSet": {"items": [{"instanceId": machine}]}},
    )
    real = c.instance(machine, role, 116)
    c.call("AKIASRE0000000000000", c.person("sre"), "AssumeRole", 117, source=STS)
    theirs = c.key()
    record = c.records[-1]
    record["requestParameters"] = {
        "roleArn": f"arn:aws:iam::{ACCOUNT}:role/{role}",
        "roleSessionName": machine,
    }
    record["responseElements"] = session_answer(theirs, ACCOUNT, role, machine)
    c.call(
        theirs, c.session(role, machine), "GetObject", 118, source="s3.amazonaws.com", created=117
    )
    c.truth.expect(real, "C_service_issued", c.leaked, 0)
    c.truth.bystanders.add(theirs)


def functions_of_one_role(c: Composite) -> None:
    """Lambda Developer Guide, "Execution role": the session bears the function's name."""
    role, mine = c.named("lambda-role"), c.named("job")
    c.call(
        c.leaked,
        c.user,
        "CreateFunction20150331",
        121,
        source="lambda.amazonaws.com",
        request={"functionName": mine, "role": f"arn:aws:iam::{ACCOUNT}:role/{role}"},
        response={"functionArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{mine}"},
    )
    early, late, other = c.key(), c.key(), c.key()
    c.service("lambda.amazonaws.com", role, mine, 120, early)
    c.service("lambda.amazonaws.com", role, mine, 160, late)
    c.service("lambda.amazonaws.com", role, c.named("payroll"), 161, other)
    c.call(late, c.session(role, mine), "GetSecretValue", 162, created=160)
    c.truth.expect(early, "C_service_issued", c.leaked, 0)
    c.truth.expect(late, "C_service_issued", c.leaked, 1)
    c.truth.bystanders.add(other)


def tasks_builds_and_runbooks(c: Composite) -> None:
    """ECS names a task's session by the task's id, CodeBuild a build's ``AWSCodeBuild-`` and its
    id, Systems Manager a runbook's ``Automation-`` and its execution's id.
    """
    role = c.named("compute")
    task, build, run = (f"{n}c1f8f1e-6b4f-4c39-8d4e-{len(c.tag):012x}" for n in "123")
    c.call(
        c.leaked,
        c.user,
        "RunTask",
        130,
        source="ecs.amazonaws.com",
        response={"tasks": [{"taskArn": f"arn:aws:ecs:us-east-1:{ACCOUNT}:task/main/{task}"}]},
    )
    c.call(
        c.leaked,
        c.user,
        "StartBuild",
        131,
        source="codebuild.amazonaws.com",
        request={"projectName": "site"},
        response={"build": {"id": f"site:{build}"}},
    )
    c.call(
        c.leaked,
        c.user,
        "StartAutomationExecution",
        132,
        source="ssm.amazonaws.com",
        request={"documentName": "AWS-RunShellScript"},
        response={"automationExecutionId": run},
    )
    keys = [c.key() for _ in range(4)]
    c.service("ecs-tasks.amazonaws.com", role, task, 133, keys[0])
    c.service("codebuild.amazonaws.com", role, f"AWSCodeBuild-{build}", 133, keys[1])
    c.service("ssm.amazonaws.com", role, f"Automation-{run}", 133, keys[2])
    c.service("codebuild.amazonaws.com", role, "AWSCodeBuild-somebody-elses", 134, keys[3])
    for key in keys[:3]:
        c.truth.expect(key, "C_service_issued", c.leaked, 0)
    c.truth.bystanders.add(keys[3])


def roles_passed_to_services_that_name_their_sessions_alike(c: Composite) -> None:
    """Glue calls every job's session the same: the role passed, and nobody else's use, decides."""
    mine, shared = c.named("etl-mine"), c.named("etl-shared")
    iam = f"arn:aws:iam::{ACCOUNT}:role/"
    before, key, doubtful, stack = c.key(), c.key(), c.key(), c.key()
    c.service("glue.amazonaws.com", shared, "GlueJobRunnerSession", -50, before)
    for role, when in ((mine, 140), (shared, 141)):
        c.call(
            c.leaked,
            c.user,
            "CreateJob",
            when,
            source="glue.amazonaws.com",
            request={"name": "x", "role": iam + role},
        )
    c.call(
        c.leaked,
        c.user,
        "CreateStack",
        142,
        source="cloudformation.amazonaws.com",
        request={"stackName": "x", "roleARN": iam + c.named("cfn")},
    )
    c.service("glue.amazonaws.com", mine, "GlueJobRunnerSession", 150, key)
    c.service("glue.amazonaws.com", shared, "GlueJobRunnerSession", 151, doubtful)
    c.service("cloudformation.amazonaws.com", c.named("cfn"), "AWSCloudFormation", 152, stack)
    c.truth.expect(key, "C_service_issued", c.leaked, 0)
    c.truth.expect(stack, "C_service_issued", c.leaked, 0)
    c.truth.bystanders |= {before, doubtful}


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


def a_user_name_that_comes_back(c: Composite) -> None:
    """IAM User Guide, "IAM identifiers": a user made again under the same name is another one."""
    made = c.make_user(c.leaked, c.user, c.named("tmp"), 200)
    key = c.access_key(c.leaked, c.user, c.named("tmp"), 201)
    c.call(key, made, "ListUsers", 202)
    c.call(c.leaked, c.user, "DeleteUser", 203, request={"userName": c.named("tmp")})
    admin = c.person("admin")
    again = c.make_user("AKIAADMIN00000000000", admin, c.named("tmp"), 5000)
    c.records[-1]["responseElements"]["user"]["userId"] = "AIDANEWTMPNEWTMPNEW"
    theirs = c.access_key("AKIAADMIN00000000000", admin, c.named("tmp"), 5001)
    c.call(theirs, again, "ListUsers", 5002, principal="AIDANEWTMPNEWTMPNEW")
    c.truth.expect(made, "B_principal", c.leaked, 0, "iam_user")
    c.truth.expect(key, "A_issued", c.leaked, 1)
    c.truth.bystanders |= {theirs, "AKIAADMIN00000000000"}


def a_user_that_the_thief_makes_twice(c: Composite) -> None:
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
    theirs, arn = c.assume("AKIAPLATFORM00000000", admin, c.named("temp"), 6001)
    answer = c.records[-1]["responseElements"]["assumedRoleUser"]
    answer["assumedRoleId"] = "AROANEWTEMPNEWTEMPN:s6001"
    c.call(theirs, arn, "ListUsers", 6002, created=6001, principal="AROANEWTEMPNEWTEMPN:s6001")
    c.truth.expect(made, "B_principal", c.leaked, 0, "iam_role")
    c.truth.bystanders.add(theirs)


def a_password_that_the_responder_takes_back(c: Composite) -> None:
    alice = c.person("alice")
    before, thief, after = c.key(), c.key(), c.key()
    c.sign_in(alice, 230)
    c.call(before, alice, "ListUsers", 231, created=230)
    name = alice.rsplit("/", 1)[-1]
    c.call(c.leaked, c.user, "UpdateLoginProfile", 240, request={"userName": name})
    c.sign_in(alice, 250)
    c.call(thief, alice, "ListUsers", 251, created=250)
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
    c.truth.expect(thief, "E_inferred", password, 1)
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


def a_user_of_the_thief_under_another_name(c: Composite) -> None:
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


def a_role_of_the_thief_that_others_take(c: Composite) -> None:
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


def an_instance_given_a_role_by_the_thief(c: Composite) -> None:
    role, machine = c.named("strong"), "i-0eeeeeeeeeeeeee01"
    old = c.instance(machine, c.named("weak"), -60)
    c.call(
        c.leaked,
        c.user,
        "ReplaceIamInstanceProfileAssociation",
        460,
        source="ec2.amazonaws.com",
        response={"iamInstanceProfileAssociation": {"instanceId": machine}},
    )
    key = c.instance(machine, role, 465)
    c.call(key, c.session(role, machine), "GetObject", 466, source="s3.amazonaws.com", created=465)
    c.truth.expect(key, "C_service_issued", c.leaked, 1)
    c.truth.bystanders.add(old)


def instances_that_a_fleet_or_a_spot_request_starts(c: Composite) -> None:
    """EC2 API reference, "RequestSpotInstances", "CreateFleet": started later, by EC2 itself."""
    ec2 = "ec2.amazonaws.com"
    number = f"{len(c.tag):04x}"
    sir, fleet = f"sir-0000{number}", f"fleet-0000{number}"
    answer = {"spotInstanceRequestSet": {"items": [{"spotInstanceRequestId": sir}]}}
    c.call(c.leaked, c.user, "RequestSpotInstances", 470, source=ec2, response=answer)
    answer = {"CreateFleetResponse": {"fleetId": fleet}}
    c.call(c.leaked, c.user, "CreateFleet", 471, source=ec2, response=answer)
    spot = c.session("AWSServiceRoleForEC2Spot", "spot")
    for when, machine, more, tags in (
        (475, "i-0spot0000000000a", {"spotInstanceRequestId": sir}, []),
        (476, "i-0fleet000000000b", {}, [{"key": "aws:ec2:fleet-id", "value": fleet}]),
        (477, "i-0other000000000c", {"spotInstanceRequestId": "sir-theirs"}, []),
    ):
        request = {"tagSpecificationSet": {"items": [{"resourceType": "instance", "tags": tags}]}}
        items = [{"instanceId": machine, **more}]
        c.call(
            "ASIASPOTSERVICE00000",
            spot,
            "RunInstances",
            when,
            source=ec2,
            request=request,
            response={"instancesSet": {"items": items}},
            created=474,
        )
        key = c.instance(machine, c.named("spot-role"), when + 5)
        if "other" in machine:
            c.truth.bystanders.add(key)
        else:
            c.truth.expect(key, "C_service_issued", c.leaked, 0)
    c.truth.bystanders.add("ASIASPOTSERVICE00000")


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


def another_accounts_session_of_the_same_name(c: Composite) -> None:
    machine, role = f"i-0ffffffffff{len(c.tag):05x}", c.named("profile")
    answer = {"instancesSet": {"items": [{"instanceId": machine}]}}
    c.call(c.leaked, c.user, "RunInstances", 490, source="ec2.amazonaws.com", response=answer)
    mine, theirs = c.instance(machine, role, 491), c.instance(machine, role, 492)
    record = c.records[-1]
    record["recipientAccountId"] = OTHER
    record["requestParameters"]["roleArn"] = f"arn:aws:iam::{OTHER}:role/{role}"
    c.truth.expect(mine, "C_service_issued", c.leaked, 0)
    c.truth.bystanders.add(theirs)


TRAPS: tuple[Callable[[Composite], None], ...] = (
    a_chain_of_twelve_roles,
    roles_that_assume_each_other,
    twins_of_a_call_across_accounts,
    a_twin_that_alone_names_the_key,
    a_twin_whose_other_half_is_missing,
    half_a_twin_that_an_instance_may_have_made_as_well,
    a_federated_user_at_the_console,
    a_federated_user_at_the_console_whose_token_call_is_missing,
    an_identity_provider_of_the_thief,
    a_saml_provider_of_the_thief,
    a_session_token_with_a_second_factor,
    an_instance_of_the_thief_beside_one_that_was_there,
    a_person_whose_session_is_named_like_the_thiefs_instance,
    functions_of_one_role,
    tasks_builds_and_runbooks,
    roles_passed_to_services_that_name_their_sessions_alike,
    forwarded_sessions_and_what_they_make,
    a_forwarded_key_whose_id_another_account_was_given,
    an_answer_that_hides_the_key,
    a_user_name_that_comes_back,
    a_user_that_the_thief_makes_twice,
    a_role_name_that_comes_back,
    a_password_that_the_responder_takes_back,
    a_password_made_for_an_existing_user,
    a_trust_opened_to_the_outside,
    a_key_for_somebody_else,
    a_user_who_makes_a_key_for_itself_at_the_console,
    a_key_made_before_its_user_in_the_log,
    identity_center_at_work,
    calls_that_failed,
    what_was_handed_out_before_t0,
    key_ids_that_nearly_match_or_are_only_named,
    roles_anywhere,
    a_user_of_the_thief_under_another_name,
    a_token_for_another_partition,
    a_password_changed_by_its_own_user,
    a_role_of_the_thief_that_others_take,
    a_key_whose_making_is_redacted,
    an_instance_given_a_role_by_the_thief,
    instances_that_a_fleet_or_a_spot_request_starts,
    a_redacted_set_that_is_of_two_minds_about_the_account,
    another_accounts_session_of_the_same_name,
)

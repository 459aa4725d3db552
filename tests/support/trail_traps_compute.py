"""Plantings about compute, and the credentials that services give to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.trail_composite import OTHER
from tests.support.trail_scene import ACCOUNT, session_answer

if TYPE_CHECKING:
    from tests.support.trail_composite import Composite

STS = "sts.amazonaws.com"


def an_instance_of_the_attacker_beside_one_that_was_there(c: Composite) -> None:
    role, attacker_instance, other_instance = (
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
        response={"instancesSet": {"items": [{"instanceId": attacker_instance}]}},
    )
    keys = [c.instance(attacker_instance, role, 112) for _ in range(3)]
    other = c.instance(other_instance, role, 112)
    c.call(
        keys[1],
        c.session(role, attacker_instance),
        "GetObject",
        113,
        source="s3.amazonaws.com",
        created=112,
    )
    c.call(
        other,
        c.session(role, other_instance),
        "GetObject",
        113,
        source="s3.amazonaws.com",
        created=112,
    )
    for number, key in enumerate(keys):
        c.truth.expect(key, "C_service_issued", c.leaked, 1 if number == 1 else 0)
    c.truth.bystanders.add(other)


def a_person_whose_session_is_named_like_the_attackers_instance(c: Composite) -> None:
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
    other_key = c.key()
    record = c.records[-1]
    record["requestParameters"] = {
        "roleArn": f"arn:aws:iam::{ACCOUNT}:role/{role}",
        "roleSessionName": machine,
    }
    record["responseElements"] = session_answer(other_key, ACCOUNT, role, machine)
    c.call(
        other_key,
        c.session(role, machine),
        "GetObject",
        118,
        source="s3.amazonaws.com",
        created=117,
    )
    c.truth.expect(real, "C_service_issued", c.leaked, 0)
    c.truth.bystanders.add(other_key)


def functions_of_one_role(c: Composite) -> None:
    """Lambda Developer Guide, "Execution role": the session bears the function's name."""
    role, attacker_function = c.named("lambda-role"), c.named("job")
    c.call(
        c.leaked,
        c.user,
        "CreateFunction20150331",
        121,
        source="lambda.amazonaws.com",
        request={"functionName": attacker_function, "role": f"arn:aws:iam::{ACCOUNT}:role/{role}"},
        response={
            "functionArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{attacker_function}"
        },
    )
    early, late, other = c.key(), c.key(), c.key()
    c.service("lambda.amazonaws.com", role, attacker_function, 120, early)
    c.service("lambda.amazonaws.com", role, attacker_function, 160, late)
    c.service("lambda.amazonaws.com", role, c.named("payroll"), 161, other)
    c.call(late, c.session(role, attacker_function), "GetSecretValue", 162, created=160)
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
    attacker_job, shared = c.named("etl-mine"), c.named("etl-shared")
    iam = f"arn:aws:iam::{ACCOUNT}:role/"
    before, key, doubtful, stack, nightly = (c.key() for _ in range(5))
    c.service("glue.amazonaws.com", shared, "GlueJobRunnerSession", -50, before)
    for role, when in ((attacker_job, 140), (shared, 141)):
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
    c.service("glue.amazonaws.com", attacker_job, "GlueJobRunnerSession", 150, key)
    c.service("glue.amazonaws.com", shared, "GlueJobRunnerSession", 151, doubtful)
    c.service("cloudformation.amazonaws.com", c.named("cfn"), "AWSCloudFormation", 152, stack)
    c.truth.expect(key, "C_service_issued", c.leaked, 0)
    c.truth.expect(stack, "C_service_issued", c.leaked, 0)
    c.service("glue.amazonaws.com", attacker_job, "GlueJobRunnerSession", 30_000, nightly)
    c.truth.bystanders |= {before, doubtful, nightly}


def an_instance_given_a_role_by_the_attacker(c: Composite) -> None:
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
    answer: dict[str, Any]
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


def another_accounts_session_of_the_same_name(c: Composite) -> None:
    machine, role = f"i-0ffffffffff{len(c.tag):05x}", c.named("profile")
    answer = {"instancesSet": {"items": [{"instanceId": machine}]}}
    c.call(c.leaked, c.user, "RunInstances", 490, source="ec2.amazonaws.com", response=answer)
    attacker_session, other_session = c.instance(machine, role, 491), c.instance(machine, role, 492)
    record = c.records[-1]
    record["recipientAccountId"] = OTHER
    record["requestParameters"]["roleArn"] = f"arn:aws:iam::{OTHER}:role/{role}"
    c.truth.expect(attacker_session, "C_service_issued", c.leaked, 0)
    c.truth.bystanders.add(other_session)


COMPUTE = (
    an_instance_of_the_attacker_beside_one_that_was_there,
    a_person_whose_session_is_named_like_the_attackers_instance,
    functions_of_one_role,
    tasks_builds_and_runbooks,
    roles_passed_to_services_that_name_their_sessions_alike,
    an_instance_given_a_role_by_the_attacker,
    instances_that_a_fleet_or_a_spot_request_starts,
    another_accounts_session_of_the_same_name,
)

"""iam:PassRole, wherever a call hands a role to a service."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

from tests.lab.matrix.bench import Bench, Keys, Probe, allow, table, trust


def zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.py", "def b(event, context): return None")
    return packed.getvalue()


def _function(bench: Bench, keys: Keys, role: str) -> Any:
    return bench.client("lambda", keys).create_function(
        FunctionName=bench.name("f"),
        Runtime="python3.12",
        Role=role,
        Handler="a.b",
        Code={"ZipFile": zipped()},
    )


def _task(bench: Bench, keys: Keys, role: str) -> Any:
    return bench.client("ecs", keys).register_task_definition(
        family=bench.name("t"),
        taskRoleArn=role,
        containerDefinitions=[{"name": "a", "image": "b", "memory": 128}],
    )


def _task_execution(bench: Bench, keys: Keys, role: str) -> Any:
    return bench.client("ecs", keys).register_task_definition(
        family=bench.name("t"),
        executionRoleArn=role,
        containerDefinitions=[{"name": "a", "image": "b", "memory": 128}],
    )


def _job(bench: Bench, keys: Keys, role: str) -> Any:
    return bench.client("glue", keys).create_job(
        Name=bench.name("j"), Role=role, Command={"Name": "glueetl", "ScriptLocation": "s3://x/y"}
    )


def _stack(bench: Bench, keys: Keys, role: str) -> Any:
    return bench.client("cloudformation", keys).create_stack(
        StackName=bench.name("s"), RoleARN=role, TemplateBody='{"Resources": {}}'
    )


def _target(bench: Bench, keys: Keys, role: str) -> Any:
    rule = bench.name("rule")
    bench.client("events", bench.admin).put_rule(Name=rule, ScheduleExpression="rate(1 hour)")
    return bench.client("events", keys).put_targets(
        Rule=rule,
        Targets=[{"Id": "1", "Arn": "arn:aws:states:us-east-1:1:stateMachine:x", "RoleArn": role}],
    )


def _project(bench: Bench, keys: Keys, role: str) -> Any:
    return bench.client("codebuild", keys).create_project(
        name=bench.name("p"),
        source={"type": "S3", "location": "bucket/source.zip"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
        serviceRole=role,
    )


def _schedule(bench: Bench, keys: Keys, role: str) -> Any:
    return bench.client("scheduler", keys).create_schedule(
        Name=bench.name("s"),
        ScheduleExpression="rate(1 hour)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": "arn:aws:sqs:us-east-1:1:q", "RoleArn": role},
    )


def _profile_of(bench: Bench, role: str) -> str:
    name = bench.name("ip")
    bench.iam.create_instance_profile(InstanceProfileName=name)
    bench.iam.add_role_to_instance_profile(
        InstanceProfileName=name, RoleName=role.rsplit("/", 1)[-1]
    )
    return name


def _instance(bench: Bench, keys: Keys, role: str) -> Any:
    return bench.client("ec2", keys).run_instances(
        ImageId="ami-12c6146b",
        MinCount=1,
        MaxCount=1,
        IamInstanceProfile={"Name": _profile_of(bench, role)},
    )


def _into_profile(bench: Bench, keys: Keys, role: str) -> Any:
    name = bench.name("ip")
    bench.iam.create_instance_profile(InstanceProfileName=name)
    return bench.client("iam", keys).add_role_to_instance_profile(
        InstanceProfileName=name, RoleName=role.rsplit("/", 1)[-1]
    )


Handing = Callable[[Bench, Keys, str], Any]
# What is called, as whom the service acts, and the permission for the call itself.
HANDINGS: list[tuple[str, Handing, str, str]] = [
    ("lambda:CreateFunction", _function, "lambda.amazonaws.com", "lambda:*"),
    ("ecs:RegisterTaskDefinition, the task's", _task, "ecs-tasks.amazonaws.com", "ecs:*"),
    (
        "ecs:RegisterTaskDefinition, the agent's",
        _task_execution,
        "ecs-tasks.amazonaws.com",
        "ecs:*",
    ),
    ("glue:CreateJob", _job, "glue.amazonaws.com", "glue:*"),
    ("cloudformation:CreateStack", _stack, "cloudformation.amazonaws.com", "cloudformation:*"),
    ("events:PutTargets", _target, "events.amazonaws.com", "events:*"),
    ("codebuild:CreateProject", _project, "codebuild.amazonaws.com", "codebuild:*"),
    ("scheduler:CreateSchedule", _schedule, "scheduler.amazonaws.com", "scheduler:*"),
    ("ec2:RunInstances", _instance, "ec2.amazonaws.com", "ec2:*"),
    (
        "iam:AddRoleToInstanceProfile",
        _into_profile,
        "ec2.amazonaws.com",
        "iam:AddRoleToInstanceProfile",
    ),
]


def _hands(bench: Bench, handing: Handing, service: str, action: str, how: str) -> Probe:
    _, arn = bench.role(trusting=trust({"Service": service}))
    passing = {
        "with": [allow("iam:PassRole", arn)],
        "to": [
            allow("iam:PassRole", arn, Condition={"StringEquals": {"iam:PassedToService": service}})
        ],
        "without": [],
        "elsewhere": [
            allow(
                "iam:PassRole",
                arn,
                Condition={"StringEquals": {"iam:PassedToService": "support.amazonaws.com"}},
            )
        ],
    }[how]
    keys = bench.user(allow(action), *passing)[1]
    return lambda: handing(bench, keys, arn)


for _what, _handing, _service, _action in HANDINGS:
    table(
        f"{_what} hands over a role",
        [
            ("allow", "with iam:PassRole", _handing, _service, _action, "with"),
            ("deny", "without iam:PassRole", _handing, _service, _action, "without"),
            ("allow", "with iam:PassRole to the service", _handing, _service, _action, "to"),
            (
                "deny",
                "with iam:PassRole to another service",
                _handing,
                _service,
                _action,
                "elsewhere",
            ),
        ],
        _hands,
    )


def _none_handed(bench: Bench) -> Probe:
    keys = bench.user(allow("ec2:*"))[1]
    return lambda: bench.client("ec2", keys).run_instances(
        ImageId="ami-12c6146b", MinCount=1, MaxCount=1
    )


table(
    "an instance",
    [("allow", "without a role needs no iam:PassRole")],
    _none_handed,
)

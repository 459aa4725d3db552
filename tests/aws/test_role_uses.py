"""What works as a role is listed, and what cannot be listed is said and stops nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ClientError

from containment.aws.principal import LivePrincipal, locate
from containment.aws.role_uses import PERMISSIONS, RoleUses
from containment.identities import parse_principal
from containment.lab.testing import Lab
from tests.actions.conftest import bench_for
from tests.support.workbench import Bench

__all__ = ["bench_for"]

pytestmark = pytest.mark.lab


def live_of(bench: Bench, arn: str) -> LivePrincipal:
    live = locate(bench.context.clients.iam, parse_principal(arn), None)
    assert live is not None
    return live


def in_use(lab: Lab) -> None:
    """Give the deploy role a function, an instance profile, a task and a service in its trust."""
    admin, role = lab.world.admin, lab.world.deploy_role
    iam = lab.client("iam", admin)
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": ["lambda.amazonaws.com", "ecs-tasks.amazonaws.com"]},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    iam.update_assume_role_policy(RoleName="deploy", PolicyDocument=json.dumps(trust))
    iam.create_instance_profile(InstanceProfileName="builders")
    iam.add_role_to_instance_profile(InstanceProfileName="builders", RoleName="deploy")
    lab.client("ecs", admin).register_task_definition(
        family="nightly",
        taskRoleArn=role,
        containerDefinitions=[{"name": "x", "image": "x", "memory": 64}],
    )


def test_a_roles_uses_are_named_and_another_roles_are_not(
    direct_lab: Lab, bench_for: Callable[..., Bench]
) -> None:
    in_use(direct_lab)
    bench = bench_for(direct_lab.world.admin)
    uses = RoleUses(bench.context.clients)
    assert uses.of_role(live_of(bench, direct_lab.world.deploy_role)) == (
        "service ecs-tasks.amazonaws.com, by its trust policy",
        "service lambda.amazonaws.com, by its trust policy",
        "instance profile builders",
        "ECS task nightly in us-east-1",
    )
    assert uses.of_role(live_of(bench, direct_lab.world.app_role)) == ()
    assert uses.of_role(live_of(bench, direct_lab.world.ci_user)) == ()


def test_a_right_that_is_missing_is_said_beside_what_is_known(
    direct_lab: Lab, bench_for: Callable[..., Bench]
) -> None:
    in_use(direct_lab)
    bench = bench_for()  # the responder, who may not list functions and tasks
    lines = RoleUses(bench.context.clients).of_role(live_of(bench, direct_lab.world.deploy_role))
    assert "service lambda.amazonaws.com, by its trust policy" in lines
    assert lines[-1] == (
        "what else is not known, for want of a right to list instance profiles, EC2 instances, ECS"
        " tasks, Lambda functions"
    )


class SlowService:
    """One service in one Region; also its paginator."""

    def __init__(self, slow: Slow, service: str, region: str) -> None:
        self._slow, self._service, self._region = slow, service, region
        self._name = ""

    def _answer(self, call: str) -> dict[str, Any]:
        return self._slow.noted(f"{self._service}:{call}", self._region)

    def describe_regions(self) -> dict[str, Any]:
        return self._answer("DescribeRegions")

    def list_task_definition_families(self, **_asked: object) -> dict[str, Any]:
        return self._answer("ListTaskDefinitionFamilies")

    def describe_task_definition(self, **_asked: object) -> dict[str, Any]:
        return self._answer("DescribeTaskDefinition")

    def get_paginator(self, name: str) -> SlowService:
        self._name = name
        return self

    def paginate(self, **_asked: object) -> list[dict[str, Any]]:
        return [self._answer(self._name)]


class Slow:
    """Answers for two Regions, one of which never does; every call is written down."""

    def __init__(self) -> None:
        self.asked: set[str] = set()
        self.over = Event()

    def reader(self, service: str, region: str) -> Any:
        return SlowService(self, service, region)

    def noted(self, call: str, region: str) -> dict[str, Any]:
        self.asked.add(call)
        if region == "sa-east-1":
            self.over.wait(60)
        if region == "eu-west-1" and call == "lambda:list_functions":
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "ListFunctions")
        return {
            "Regions": [{"RegionName": name} for name in ("eu-west-1", "sa-east-1", "us-east-1")],
            "families": [f"f{number}" for number in range(40)],
            "nextToken": "more",
            "taskDefinition": {"executionRoleArn": ROLE},
            "Functions": [{"FunctionName": f"n{number}", "Role": ROLE} for number in range(3)],
            "IamInstanceProfileAssociations": [],
        }


ROLE = "arn:aws:iam::111122223333:role/deploy"


def test_a_region_that_does_not_answer_and_a_list_too_long_are_said_and_kept_apart(
    direct_lab: Lab, bench_for: Callable[..., Bench]
) -> None:
    bench, slow = bench_for(direct_lab.world.admin), Slow()
    aws = replace(bench.context.clients, endpoint="https://iam.amazonaws.com", reader=slow.reader)
    try:
        lines = RoleUses(aws, patience_s=0.5).of_role(live_of(bench, ROLE))
    finally:
        slow.over.set()
    assert "ECS start of task f0 in eu-west-1" in lines
    assert "and 73 more workloads" in lines
    assert "what else is not known, for want of a right to list Lambda functions" in lines
    assert "Lambda functions not listed: no answer in time (in sa-east-1)" in lines
    over = "ECS tasks: more than 40 families, and those were looked at"
    assert f"{over} (in eu-west-1 and 1 more Regions)" in lines
    camel = {call.replace("_", "").lower() for call in slow.asked}
    assert camel == {name.lower() for name in PERMISSIONS if not name.startswith("iam:")}

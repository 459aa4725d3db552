"""A small company: one member account with a leaky pipeline, and people who must not notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.moto_api._internal import mock_random

from containment.lab.scenario import responder
from containment.lab.scenario.builder import (
    REGION,
    Builder,
    organization,
    policy,
    statement,
    trusting,
)
from containment.lab.scenario.world import World
from containment.lab.state import moto_state

if TYPE_CHECKING:
    from containment.lab.authn.sessions import Sessions

ACCOUNT = "111122223333"
_ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
_DAY = 12  # hours: the longest a role session can last
_OBJECTS = {
    "builds/web-1.4.2.tar.gz": b"web build",
    "builds/web-1.4.3.tar.gz": b"web build",
    "config/app.json": b'{"feature": true}',
    "reports/2026-10.csv": b"month,total\n2026-10,42\n",
}


def company(sessions: Sessions, *, seed: int | None = None) -> World:
    """Build the company in an empty world; ids and secrets are random unless *seed* fixes them."""
    if seed is not None:
        mock_random.seed(seed)
    organization({"Workloads": {"workloads": ACCOUNT}})
    return populate(sessions)


def populate(sessions: Sessions) -> World:
    """Fill the company's account and the management account of an organisation that is there."""
    management = Builder(moto_state.MANAGEMENT_ACCOUNT, sessions)
    management.user("org-admin", path="/admin/", attached=[_ADMINISTRATOR])
    here = Builder(ACCOUNT, sessions)
    bucket = f"artifacts-{ACCOUNT}"
    in_bucket = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    here.bucket(bucket, _OBJECTS)
    here.user("arranger", path="/admin/", attached=[_ADMINISTRATOR])

    ci_user = f"arn:aws:iam::{ACCOUNT}:user/ci/ci-deploy"
    deploy_role = f"arn:aws:iam::{ACCOUNT}:role/deploy"
    here.user(
        "ci-deploy",
        path="/ci/",
        inline={
            "pipeline": policy(
                statement("s3:GetObject", "s3:PutObject", "s3:ListBucket", resource=in_bucket),
                statement("s3:ListAllMyBuckets", "sts:GetFederationToken"),
                statement("sts:AssumeRole", resource=deploy_role),
                statement(
                    "iam:CreateAccessKey", "iam:ListAccessKeys", "iam:GetUser", resource=ci_user
                ),
            )
        },
        tags={"team": "platform", "service": "ci"},
    )
    release_user = here.user(
        "release-bot",
        path="/ci/",
        inline={"release": policy(statement("s3:GetObject", "s3:ListBucket", resource=in_bucket))},
        tags={"team": "platform"},
    )
    runner_user = here.user("workload-runner", path="/platform/")
    bystander_user = here.user(
        "alice",
        path="/people/",
        inline={
            "reader": policy(
                statement("s3:GetObject", "s3:ListBucket", resource=in_bucket),
                statement("sts:AssumeRole", resource=f"arn:aws:iam::{ACCOUNT}:role/reporting"),
            )
        },
        tags={"team": "finance"},
    )
    responder_user = here.user("responder", path="/security/", tags={"team": "security"})

    here.role(
        "deploy",
        trusting({"AWS": [ci_user, release_user]}),
        inline={"deploy": policy(statement("s3:*", resource=in_bucket))},
    )
    app_role = here.role(
        "app",
        trusting({"AWS": runner_user}),
        inline={"app": policy(statement("s3:GetObject", "s3:ListBucket", resource=in_bucket))},
        hours=_DAY,
    )
    bystander_role = here.role(
        "reporting",
        trusting({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        inline={"report": policy(statement("s3:GetObject", "s3:ListBucket", resource=in_bucket))},
        hours=_DAY,
    )
    break_glass_role = here.role(
        "BreakGlass",
        trusting({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        attached=[_ADMINISTRATOR],
    )
    responder_role = here.role(
        "ContainmentResponder",
        trusting({"AWS": responder_user}),
        inline=responder.policies(ACCOUNT),
        hours=_DAY,
    )
    leaked = here.key("ci-deploy")
    release_key = here.key("release-bot")
    release_inactive = here.key("release-bot", status="Inactive")
    return World(
        region=REGION,
        management_account=moto_state.MANAGEMENT_ACCOUNT,
        account=ACCOUNT,
        management_admin=management.key("org-admin"),
        admin=here.key("arranger"),
        ci_user=ci_user,
        leaked=leaked,
        release_user=release_user,
        release_key=release_key,
        release_inactive_key_id=release_inactive.access_key_id,
        deploy_role=deploy_role,
        app_role=app_role,
        app_session=here.session("app", "web-7f9c", hours=_DAY),
        runner_user=runner_user,
        runner=here.key("workload-runner"),
        bystander_user=bystander_user,
        bystander=here.key("alice"),
        bystander_role=bystander_role,
        bystander_session=here.session("reporting", "monthly", hours=_DAY),
        break_glass_role=break_glass_role,
        responder_role=responder_role,
        responder_user=responder_user,
        responder_user_key=here.key("responder"),
        responder=here.session("ContainmentResponder", "responder", hours=_DAY),
        bucket=bucket,
    )

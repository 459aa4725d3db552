"""An organisation: the company as one of its accounts, and what surrounds it in a larger one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from moto.moto_api._internal import mock_random

from containment.lab.authn import saml
from containment.lab.scenario.builder import (
    REGION,
    Builder,
    organization,
    policy,
    statement,
    trusting,
)
from containment.lab.scenario.company import ACCOUNT, populate
from containment.lab.state import moto_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from containment.lab.authn.sessions import Sessions
    from containment.lab.scenario.world import Credentials, World

SECURITY, LOGS, STAGING, DEVELOPMENT = (
    "222233334444",
    "333344445555",
    "444455556666",
    "555566667777",
)
_UNITS = {
    "Security": {"security": SECURITY, "log-archive": LOGS},
    "Workloads/Production": {"production": ACCOUNT},
    "Workloads/Other": {"staging": STAGING, "development": DEVELOPMENT},
}
_ISSUER = "token.actions.githubusercontent.com"
_INSTANCE, _DAY = "i-0a1b2c3d4e5f60718", 12
_READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
_ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
_TEAMS = ("platform", "finance", "search", "mobile", "data")


@dataclass(frozen=True, slots=True)
class Organisation:
    """The accounts by name, the company in one of them, and what crosses their borders."""

    company: World
    accounts: Mapping[str, str]
    admins: Mapping[str, Credentials]
    auditor: Credentials
    audit_roles: tuple[str, ...]
    cross_account_role: str
    ci_role: str
    issuer: str
    saml_provider: str
    saml_role: str
    instance_id: str
    instance_role: str
    instance_session: Credentials
    function_role: str
    function_session: Credentials
    trail_bucket: str
    principals: int

    def to_json(self) -> dict[str, Any]:
        """Return plain data, secrets included; the company's fields stand at the top."""
        rest = asdict(self)
        return {**rest.pop("company"), "organisation": rest}


def organisation(
    sessions: Sessions, *, seed: int | None = None, principals: int = 200
) -> Organisation:
    """Build the organisation in an empty world, with *principals* users and roles besides."""
    if seed is not None:
        mock_random.seed(seed)
    organization(_UNITS)
    company = populate(sessions)
    accounts = {name: account for unit in _UNITS.values() for name, account in unit.items()}
    builders = {name: Builder(account, sessions) for name, account in accounts.items()}
    production, security = builders["production"], builders["security"]
    admins = {"production": company.admin}
    for name, builder in builders.items():
        if name != "production":
            builder.user("arranger", path="/admin/", attached=[_ADMINISTRATOR])
            admins[name] = builder.key("arranger")
    auditor = security.user(
        "auditor",
        inline={
            "audit": policy(
                statement("sts:AssumeRole", resource="arn:aws:iam::*:role/SecurityAudit")
            )
        },
    )
    audit_roles = tuple(
        builder.role("SecurityAudit", trusting({"AWS": auditor}), attached=[_READ_ONLY])
        for builder in builders.values()
    )
    issuer = moto_state.iam(ACCOUNT).create_open_id_connect_provider(
        f"https://{_ISSUER}", ["a" * 40], ["sts.amazonaws.com"], []
    )
    directory = str(moto_state.iam(ACCOUNT).create_saml_provider("directory", saml.metadata()).arn)
    instance_role, function_role = _machines(production, company)
    _crowd(builders, principals)
    logs = f"trail-{LOGS}"
    builders["log-archive"].bucket(logs, {})
    return Organisation(
        company=company,
        accounts={"management": moto_state.MANAGEMENT_ACCOUNT, **accounts},
        admins=admins,
        auditor=security.key("auditor"),
        audit_roles=audit_roles,
        cross_account_role=builders["staging"].role(
            "promote",
            trusting({"AWS": company.deploy_role}),
            inline={"promote": policy(statement("s3:*", "lambda:UpdateFunctionCode"))},
        ),
        ci_role=production.role(
            "github-deploy",
            policy(
                {
                    "Effect": "Allow",
                    "Principal": {"Federated": str(issuer.arn)},
                    "Action": "sts:AssumeRoleWithWebIdentity",
                    "Condition": {
                        "StringEquals": {f"{_ISSUER}:aud": "sts.amazonaws.com"},
                        "StringLike": {f"{_ISSUER}:sub": "repo:example/app:*"},
                    },
                }
            ),
            inline={"deploy": policy(statement("s3:PutObject", "sts:AssumeRole"))},
        ),
        issuer=f"https://{_ISSUER}",
        saml_provider=directory,
        saml_role=production.role(
            "analyst",
            policy(
                {
                    "Effect": "Allow",
                    "Principal": {"Federated": directory},
                    "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession", "sts:SetSourceIdentity"],
                    "Condition": {"StringEquals": {"saml:aud": saml.ENDPOINT}},
                }
            ),
            inline={"read": policy(statement("s3:ListAllMyBuckets", "s3:GetObject"))},
        ),
        instance_id=_INSTANCE,
        instance_role=instance_role,
        instance_session=production.session(
            "web-instance",
            _INSTANCE,
            hours=_DAY,
            context={
                "ec2:sourceinstancearn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{_INSTANCE}",
                "ec2:roledelivery": "2.0",
            },
        ),
        function_role=function_role,
        function_session=production.session(
            "invoice-function",
            "invoice",
            hours=_DAY,
            context={
                "lambda:sourcefunctionarn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:invoice"
            },
        ),
        trail_bucket=logs,
        principals=principals,
    )


def _machines(here: Builder, company: World) -> tuple[str, str]:
    """Make the roles of an instance and of a function; both read the artifacts."""
    objects = [f"arn:aws:s3:::{company.bucket}", f"arn:aws:s3:::{company.bucket}/*"]
    reader = policy(statement("s3:GetObject", "s3:ListBucket", resource=objects))
    instance = here.role(
        "web-instance",
        trusting({"Service": "ec2.amazonaws.com"}),
        inline={"read": reader},
        hours=_DAY,
    )
    function = here.role(
        "invoice-function",
        trusting({"Service": "lambda.amazonaws.com"}),
        inline={"read": reader},
        hours=_DAY,
    )
    return instance, function


def _crowd(builders: Mapping[str, Builder], principals: int) -> None:
    """Spread users and roles over the workload accounts, none of which any story is about."""
    homes = [builders[name] for name in ("production", "staging", "development")]
    for number in range(principals):
        here, team = homes[number % len(homes)], _TEAMS[number % len(_TEAMS)]
        document = policy(
            statement("s3:GetObject", resource=f"arn:aws:s3:::{team}-*/*"),
            statement("logs:PutLogEvents", "sqs:SendMessage"),
        )
        if number % 2:
            here.user(
                f"{team}-{number:04d}",
                path=f"/{team}/",
                inline={"work": document},
                tags={"team": team},
            )
        else:
            here.role(
                f"{team}-{number:04d}",
                trusting({"Service": "ecs-tasks.amazonaws.com"}),
                path=f"/{team}/",
                inline={"work": document},
            )

"""Building blocks of a world, straight into the state: quick, and without anybody's permission."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from containment.lab.scenario.world import Credentials
from containment.lab.services import trust
from containment.lab.state import aws_managed, buckets, moto_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from containment.lab.authn.sessions import Sessions

REGION = "us-east-1"
# Whatever a world begins with is older than any incident in it.
_AGE = timedelta(days=90)


def statement(*actions: str, resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    """Return an Allow statement."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def policy(*statements: Mapping[str, Any]) -> str:
    """Return a policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trusting(principal: Any, **more: Any) -> str:
    """Return a trust policy that lets *principal* assume the role."""
    return policy({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more})


class Builder:
    """Adds to one account."""

    def __init__(self, account: str, sessions: Sessions) -> None:
        self.account = account
        self._state = moto_state.iam(account)
        self._sessions = sessions
        self._created = moto_state.clock().replace(tzinfo=None, microsecond=0) - _AGE

    def user(
        self,
        name: str,
        *,
        path: str = "/",
        inline: Mapping[str, str] | None = None,
        attached: Iterable[str] = (),
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Make a user and return its ARN."""
        tag_list = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
        user = self._state.create_user(REGION, name, path=path, tags=tag_list)
        user.create_date = self._created
        for policy_name, document in (inline or {}).items():
            user.put_policy(policy_name, document)
        for arn in attached:
            aws_managed.ensure(self.account, arn)
            self._state.attach_user_policy(arn, name)
        return str(user.arn)

    def key(self, user: str, *, status: str = "Active") -> Credentials:
        """Give *user* an access key."""
        key = self._state.create_access_key(user, status=status)
        key.create_date = self._created
        return Credentials(key.access_key_id, key.secret_access_key)

    def role(
        self,
        name: str,
        trust_policy: str,
        *,
        path: str = "/",
        inline: Mapping[str, str] | None = None,
        attached: Iterable[str] = (),
        hours: int = 1,
    ) -> str:
        """Make a role and return its ARN."""
        role = self._state.create_role(
            name,
            trust.stored(trust_policy),
            path=path,
            permissions_boundary=None,
            description=None,  # type: ignore[arg-type]  # as CreateRole passes none
            tags=[],
            max_session_duration=str(hours * 3600),
        )
        role.create_date = self._created
        for policy_name, document in (inline or {}).items():
            role.put_policy(policy_name, document)
        for arn in attached:
            aws_managed.ensure(self.account, arn)
            self._state.attach_role_policy(arn, name)
        return str(role.arn)

    def session(
        self, role: str, name: str, *, hours: int = 1, context: Mapping[str, str] | None = None
    ) -> Credentials:
        """Give somebody a session of *role*."""
        session = self._sessions.issue(
            kind="role",
            account=self.account,
            principal_id=moto_state.role_id(self.account, role),
            principal_name=role,
            name=name,
            now=moto_state.clock(),
            seconds=hours * 3600,
            context=tuple((context or {}).items()),
        )
        return Credentials(session.access_key_id, session.secret_access_key, session.token)

    def bucket(self, name: str, objects: Mapping[str, bytes]) -> None:
        """Make a bucket with objects."""
        from moto.s3.models import s3_backends

        buckets.prepare()
        backend = s3_backends[self.account]["aws"]
        backend.create_bucket(name, REGION)
        for key, value in objects.items():
            backend.put_object(name, key, value)


def organization(units: Mapping[str, Mapping[str, str]]) -> None:
    """Make the organisation: units under the root, with member accounts by name and id.

    A unit's name may be a path, such as ``Workloads/Production``.
    """
    from moto.organizations import utils

    state = moto_state.organization()
    state.create_organization(REGION, FeatureSet="ALL")
    root = str(state.ou[0].id)
    made = {"": root}
    for path, accounts in units.items():
        parent = ""
        for name in path.split("/"):
            here = f"{parent}/{name}"
            if here not in made:
                unit = state.create_organizational_unit(ParentId=made[parent], Name=name)
                made[here] = unit["OrganizationalUnit"]["Id"]
            parent = here
        for name, account in accounts.items():
            with patch.object(utils, "make_random_account_id", return_value=account):
                state.create_account(AccountName=name, Email=f"{name}@example.com")
            state.move_account(
                AccountId=account, SourceParentId=root, DestinationParentId=made[parent]
            )

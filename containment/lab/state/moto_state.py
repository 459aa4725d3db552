"""Keep the state of every account in moto's backends; nothing here decides anything.

moto keeps its state in module globals, so one process holds one lab. What is replaced in moto,
and why:

* its clock, by the lab's (creation dates have to agree with issue times);
* its bucket policy check, which ignores principals (the gate evaluates bucket policies);
* the unique ids of users, groups, policies and instance profiles, whose beginnings AWS documents
  ("IAM identifiers": ``AIDA``, ``AGPA``, ``ANPA``, ``AIPA``);
* the look through a class for its operations, which is made anew for each call and remembered here.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from moto import backend_index
from moto.core import utils as moto_time
from moto.core.base_backend import BackendDict
from moto.moto_api._internal import mock_random

from containment.lab.state import buckets, isolation, moto_replacements
from containment.lab.state.clock import LabClock

if TYPE_CHECKING:
    from moto.core.request import Request
    from moto.iam.models import IAMBackend
    from moto.organizations.models import OrganizationsBackend

MANAGEMENT_ACCOUNT = "123456789012"
Answer = tuple[int, dict[str, Any], str | bytes]
Handler = Callable[["Request", str, Any], Answer]

clock = LabClock()


def _naive_now() -> datetime:
    return clock().replace(tzinfo=None)


def _unix_time(moment: datetime | None = None) -> float:
    reference = datetime(1970, 1, 1)  # noqa: DTZ001 -- moto computes with naive UTC
    return ((moment or _naive_now()) - reference).total_seconds()


def prepare() -> None:
    """Put the replacements in place; safe to call again."""
    isolation.install()
    for name in ("utcnow", "unix_time"):
        original = getattr(moto_time, name)
        replacement = _naive_now if name == "utcnow" else _unix_time
        setattr(moto_time, name, replacement)
        for module in list(sys.modules.values()):
            if getattr(module, "__name__", "").startswith("moto.") and (
                getattr(module, name, None) is original
            ):
                setattr(module, name, replacement)
    from moto.core import responses

    remembering: Any = responses
    if not hasattr(remembering.method_names_from_class, "cache_info"):
        remembering.method_names_from_class = cache(remembering.method_names_from_class)
    from moto.iam import models as iam_models
    from moto.iam.utils import generate_access_key_id_from_account_id, random_policy_id

    def with_unique_id(prefix: str, original: Callable[..., None]) -> Callable[..., None]:
        def initialise(self: Any, account_id: str, *args: Any, **kwargs: Any) -> None:
            original(self, account_id, *args, **kwargs)
            self.id = generate_access_key_id_from_account_id(
                account_id, prefix=prefix, total_length=21
            )

        return initialise

    def policy_id() -> str:
        return "ANPA" + random_policy_id()[-17:]

    setattr(iam_models, "random_policy_id", policy_id)  # noqa: B010 -- it is a function
    kinds: tuple[tuple[Any, str], ...] = (
        (iam_models.User, "AIDA"),
        (iam_models.Group, "AGPA"),
        (iam_models.InstanceProfile, "AIPA"),
    )
    for kind, prefix in kinds:
        if not hasattr(kind, "lab_ids"):
            kind.__init__ = with_unique_id(prefix, kind.__init__)
            setattr(kind, "lab_ids", True)  # noqa: B010 -- the class does not declare it


def reset() -> None:
    """Forget every account and resource, and go back to the machine's time."""
    BackendDict.reset()
    organizations = sys.modules.get("moto.organizations.models")
    if organizations is not None:
        organizations.organizations_backends.master_accounts.clear()
    clock.reset()
    forget_seed()


def forget_seed() -> None:
    """Let ids and secrets be random again, after a world that was made from a seed."""
    mock_random.seed()


def iam(account: str) -> IAMBackend:
    """Return the IAM state of *account*."""
    from moto.iam.models import iam_backends

    return iam_backends[account]["aws"]


def organization() -> OrganizationsBackend:
    """Return the organisation's state, which is empty until CreateOrganization."""
    from moto.organizations.models import organizations_backends

    return organizations_backends[MANAGEMENT_ACCOUNT]["aws"]


@cache
def module_of(host: str) -> str | None:
    """Return moto's name for the service at *host*."""
    for service, pattern in backend_index.backend_url_patterns:
        if pattern.match(f"https://{host}"):
            return str(service)
    return None


@cache
def _routes(module: str) -> tuple[tuple[re.Pattern[str], Handler], ...]:
    from moto import backends

    backend = backends.get_backend(module)  # type: ignore[call-overload]
    account = backend[MANAGEMENT_ACCOUNT] if isinstance(backend, BackendDict) else backend
    region = next(name for name in ("us-east-1", "aws", "global") if name in account)
    if module == "s3":
        buckets.prepare()
    moto_replacements.prepare(module)
    return tuple((re.compile(url), handler) for url, handler in account[region].urls.items())


def handler_for(module: str, host: str, raw_path: str) -> Handler | None:
    """Return what answers *raw_path* in moto, None where moto has nothing."""
    url = f"https://{host}{raw_path}"
    return next((handler for pattern, handler in _routes(module) if pattern.match(url)), None)


def role_id(account: str, name: str) -> str:
    """Return the unique id of role *name*, empty where there is no such role."""
    for role in iam(account).roles.values():
        if role.name == name:
            return str(role.id)
    return ""


def boundary_of(arn: str, account: str) -> str:
    """Return the permissions boundary of the user or role *arn*, empty where it has none."""
    state, (kind, _, rest) = iam(account), arn.split(":", 5)[-1].partition("/")
    name = rest.rsplit("/", 1)[-1]
    owner = state.users.get(name) if kind == "user" else state.roles.get(role_id(account, name))
    return str(getattr(owner, "permissions_boundary_arn", None) or "")


def in_organization(account: str) -> bool:
    """Tell whether *account* belongs to the organisation."""
    return any(member.id == account for member in organization().accounts)


def organization_path(account: str) -> str:
    """Return ``aws:PrincipalOrgPaths``' form: organisation, root, units, a slash at the end."""
    state = organization()
    parents = {unit.id: unit.parent_id for unit in state.ou}
    parents |= {member.id: member.parent_id for member in state.accounts}
    path: list[str] = []
    step = parents.get(account)
    while step:
        path.append(step)
        step = parents.get(step)
    organization_id = state.org.id if state.org is not None else ""
    return "/".join([organization_id, *reversed(path), ""])


def object_tags(arn: str, account: str) -> dict[str, str]:
    """Return the tags of an object, none where it is not there."""
    from moto.s3.models import FakeKey, s3_backends

    name, _, key = arn.removeprefix("arn:aws:s3:::").partition("/")
    backend = s3_backends[account]["aws"]
    bucket = backend.buckets.get(name)
    stored = bucket.keys.get(key) if bucket is not None else None
    if not isinstance(stored, FakeKey):  # a delete marker has none
        return {}
    tags = backend.tagger.list_tags_for_resource(stored.arn)["Tags"]
    return {tag["Key"]: tag["Value"] for tag in tags}


def hash_key(arn: str, account: str) -> str:
    """Return the name of a DynamoDB table's hash key, empty where there is no such table."""
    from moto.dynamodb.models import dynamodb_backends

    _, _, _, region, _, rest = (arn.split(":", 5) + [""] * 6)[:6]
    table = dynamodb_backends[account][region].tables.get(rest.split("/")[1]) if rest else None
    return str(table.hash_key_attr) if table is not None else ""


def resource_tags(arn: str, account: str) -> dict[str, str]:
    """Return the tags of a resource outside IAM, for ``aws:ResourceTag``."""
    service = arn.split(":")[2] if arn.startswith("arn:") else ""
    if service == "s3":
        return {}
    if service == "secretsmanager":
        from moto.secretsmanager.models import secretsmanager_backends

        for secret in secretsmanager_backends[account][arn.split(":")[3]].secrets.values():
            if secret.arn == arn:
                return {tag["Key"]: tag["Value"] for tag in secret.tags or ()}
    if service == "kms":
        from moto.kms.models import kms_backends

        key = kms_backends[account][arn.split(":")[3]].keys.get(arn.rsplit("/", 1)[-1])
        if key is not None:
            tags = kms_backends[account][arn.split(":")[3]].tagger.list_tags_for_resource(key.arn)
            return {tag["TagKey"]: tag["TagValue"] for tag in tags.get("Tags", [])}
    return {}


def service_credentials(user: Any) -> list[dict[str, Any]]:
    """Return the service-specific credentials of moto's *user*, which the lab keeps on it."""
    credentials: list[dict[str, Any]] = vars(user).get("service_specific_credentials", [])
    return credentials


def every_service_credential() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Yield each with its account and user."""
    from moto.iam.models import iam_backends

    for account in list(iam_backends):
        for user in list(iam(account).users.values()):
            for credential in service_credentials(user):
                yield account, user, credential


def service_credential_id(secret: str) -> str | None:
    """Return the id of the API key whose secret is *secret*, None where there is none."""
    return next(
        (
            str(credential["ServiceSpecificCredentialId"])
            for _, _, credential in every_service_credential()
            if credential.get("ServiceCredentialSecret") == secret
        ),
        None,
    )

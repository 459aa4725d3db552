"""What works as a role: its trust policy's services, instances, functions and tasks.

Lists that any reader may have. A right that is missing, a Region that does not answer in time and a
list that is longer than is looked at are each said among the uses: they keep nobody from containing
and never count as "nothing". Of pods the trust policy tells: the service ``pods.eks.amazonaws.com``
or the cluster's OIDC provider. Sources: IAM API Reference, ListInstanceProfilesForRole; EC2 API
Reference, DescribeIamInstanceProfileAssociations; Lambda API Reference, ListFunctions (``Role``);
ECS API Reference, ListTaskDefinitionFamilies and DescribeTaskDefinition (``taskRoleArn``,
``executionRoleArn``).
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.faults import code
from containment.errors import ContainmentError
from containment.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from containment.aws.clients import Clients
    from containment.aws.principal import LivePrincipal

PERMISSIONS = frozenset(
    {
        "ec2:DescribeIamInstanceProfileAssociations",
        "ec2:DescribeRegions",
        "ecs:DescribeTaskDefinition",
        "ecs:ListTaskDefinitionFamilies",
        "iam:ListInstanceProfilesForRole",
        "lambda:ListFunctions",
    }
)
_PATIENCE_S = 15
_AT_ONCE = 24
# Each list of a Region is read so far and no further.
_MOST_FUNCTIONS, _MOST_TASKS = 1000, 40
_SHOWN = 10
_DENIALS = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


@dataclass(frozen=True, slots=True)
class Workload:
    """Something that works by credentials of a role, or of an instance profile."""

    holder: str
    words: str


@dataclass(slots=True)
class RoleUses:
    """The workloads of one account, listed once for all roles that are asked about.

    Attributes:
        clients: those of the account.
        patience_s: for how long Regions are waited for.
    """

    clients: Clients
    patience_s: float = _PATIENCE_S
    _listed: tuple[list[Workload], _Problems] | None = None
    _lock: Lock = field(default_factory=Lock)

    def of_role(self, live: LivePrincipal) -> tuple[str, ...]:
        """Return what works as *live*, in words; nothing for a user."""
        if live.principal.kind == "user":
            return ()
        lines = [*_trusted(live.trust_policy)]
        profiles: dict[str, str] = {}
        problems = _Problems()
        try:
            pages = self.clients.iam.get_paginator("list_instance_profiles_for_role").paginate(
                RoleName=live.principal.name
            )
            for page in pages:
                for row in page["InstanceProfiles"]:
                    profiles[row["Arn"]] = row["InstanceProfileName"]
        except (ContainmentError, ClientError, BotoCoreError) as error:
            problems.add("instance profiles", "", error)
        lines += [f"instance profile {name}" for name in profiles.values()]
        with self._lock:
            if self._listed is None:
                self._listed = self._list()
        workloads, listing_problems = self._listed
        holders = {live.principal.arn, *profiles}
        uses = [one.words for one in workloads if one.holder in holders]
        if len(uses) > _SHOWN:
            uses = [*uses[:_SHOWN], f"and {len(uses) - _SHOWN} more workloads"]
        return (*lines, *uses, *problems.with_those_of(listing_problems).lines())

    def _list(self) -> tuple[list[Workload], _Problems]:
        workloads: list[Workload] = []
        problems = _Problems()
        regions = self._regions(problems)
        pool = ThreadPoolExecutor(max_workers=_AT_ONCE)
        asked = {
            pool.submit(partial(look, self.clients.reader, region)): (what, region)
            for region in regions
            for what, look in _LISTS.items()
        }
        finished, late = wait(asked, timeout=self.patience_s)
        for one in sorted(finished, key=lambda item: asked[item]):
            what, region = asked[one]
            try:
                listed, note = one.result()
            except (ContainmentError, ClientError, BotoCoreError) as error:
                problems.add(what, region, error)
                continue
            workloads += listed
            if note:
                problems.note(f"{what}: {note}", region)
        for one in sorted(late, key=lambda item: asked[item]):
            what, region = asked[one]
            problems.note(f"{what} not listed: no answer in time", region)
        pool.shutdown(wait=False, cancel_futures=True)
        return workloads, problems

    def _regions(self, problems: _Problems) -> list[str]:
        """Return the Regions that are enabled; an emulation is one place."""
        own = str(self.clients.sts.meta.region_name)
        if self.clients.emulated:
            return [own]
        try:
            answer = self.clients.reader("ec2", own).describe_regions()
        except (ContainmentError, ClientError, BotoCoreError) as error:
            problems.add("Regions", own, error)
            return [own]
        return sorted(str(one["RegionName"]) for one in answer["Regions"])


@dataclass(slots=True)
class _Problems:
    """What could not be listed: for want of a right, and for other reasons by Region."""

    denied: list[str] = field(default_factory=list[str])
    others: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def add(self, what: str, region: str, error: Exception) -> None:
        """Note that *what* could not be listed in *region* because of *error*."""
        if isinstance(error, ClientError) and code(error) in _DENIALS:
            self.denied.append(what)
        else:
            why = code(error) if isinstance(error, ClientError) else str(error)
            self.note(f"{what} not listed: {why}", region)

    def note(self, words: str, region: str) -> None:
        """Note *words* about *region*."""
        self.others.setdefault(words, []).append(region)

    def with_those_of(self, other: _Problems) -> _Problems:
        """Return these and those of *other*."""
        return _Problems([*self.denied, *other.denied], {**self.others, **other.others})

    def lines(self) -> list[str]:
        """Return them in words."""
        lines = [f"{words} (in {_some(regions)})" for words, regions in self.others.items()]
        denied = ", ".join(dict.fromkeys(self.denied))
        if denied:
            lines.insert(0, f"what else is not known, for want of a right to list {denied}")
        return lines


_Listed = tuple[list[Workload], str]


def _functions(reader: Callable[[str, str], Any], region: str) -> _Listed:
    pages = reader("lambda", region).get_paginator("list_functions").paginate()
    workloads: list[Workload] = []
    for number, one in enumerate(one for page in pages for one in page["Functions"]):
        if number == _MOST_FUNCTIONS:
            return workloads, f"more than {_MOST_FUNCTIONS:,}, and those were looked at"
        words = f"Lambda function {one['FunctionName']} in {region}"
        workloads.append(Workload(str(one.get("Role", "")), words))
    return workloads, ""


def _tasks(reader: Callable[[str, str], Any], region: str) -> _Listed:
    ecs = reader("ecs", region)
    answer = ecs.list_task_definition_families(status="ACTIVE", maxResults=_MOST_TASKS)
    workloads: list[Workload] = []
    for family in answer["families"]:
        task = ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]
        for name, word in (("taskRoleArn", "task"), ("executionRoleArn", "start of task")):
            if task.get(name):
                words = f"ECS {word} {family} in {region}"
                workloads.append(Workload(str(task[name]), words))
    over = f"more than {_MOST_TASKS} families, and those were looked at"
    return workloads, over if answer.get("nextToken") else ""


def _instances(reader: Callable[[str, str], Any], region: str) -> _Listed:
    ec2 = reader("ec2", region)
    pages = ec2.get_paginator("describe_iam_instance_profile_associations").paginate(
        Filters=[{"Name": "state", "Values": ["associated"]}]
    )
    return [
        Workload(
            str(one["IamInstanceProfile"]["Arn"]), f"EC2 instance {one['InstanceId']} in {region}"
        )
        for page in pages
        for one in page["IamInstanceProfileAssociations"]
    ], ""


_LISTS: dict[str, Callable[[Callable[[str, str], Any], str], _Listed]] = {
    "Lambda functions": _functions,
    "ECS tasks": _tasks,
    "EC2 instances": _instances,
}


def _trusted(document: str) -> Iterable[str]:
    """Yield which services, and identities from elsewhere, the trust policy lets in."""
    try:
        statements = json.loads(document)["Statement"]
    except (ValueError, KeyError, TypeError):
        return
    named: dict[str, set[str]] = {"Service": set(), "Federated": set()}
    for one in statements if isinstance(statements, list) else [statements]:
        principal = one.get("Principal") if isinstance(one, dict) else None
        if not isinstance(principal, dict) or one.get("Effect") != "Allow":
            continue
        for kind, names in named.items():
            value = principal.get(kind, [])
            names.update(map(str, value if isinstance(value, list) else [value]))
    for kind, words in (("Service", "service"), ("Federated", "identities of")):
        listed = sorted(named[kind])
        for name in listed[:_SHOWN]:
            yield f"{words} {name}, by its trust policy"
        if len(listed) > _SHOWN:
            yield f"and {counted(len(listed) - _SHOWN, 'more principal')} of its trust policy"


def _some(regions: list[str]) -> str:
    return (
        f"{regions[0]} and {len(regions) - 1} more Regions" if regions[1:] else regions[0] or "IAM"
    )

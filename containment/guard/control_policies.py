"""The service control policies on an account: read from the root down, made, attached, removed.

Sources: Organizations API Reference, ListParents, ListPoliciesForTarget, DescribePolicy,
CreatePolicy, UpdatePolicy, AttachPolicy, DetachPolicy and DeletePolicy; Organizations User Guide,
"SCP evaluation" (a policy on any level from the root to the account has a say; the management
account is exempt).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.faults import code, explained
from containment.aws.recording import Change, Outcome, outcome_of
from containment.facets import marks
from containment.guard.document import marks_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mypy_boto3_organizations import OrganizationsClient

    from containment.aws.recording import Recorder
    from containment.facets.marks import Mark

_TYPE: Literal["SERVICE_CONTROL_POLICY"] = "SERVICE_CONTROL_POLICY"
# The name of the facet that a guard is, in a ledger.
FACET = "service control policy"
READS = frozenset(
    {
        "organizations:DescribeOrganization",
        "organizations:DescribePolicy",
        "organizations:ListParents",
        "organizations:ListPolicies",
        "organizations:ListPoliciesForTarget",
    }
)
CHANGES = frozenset(
    {
        "organizations:AttachPolicy",
        "organizations:CreatePolicy",
        "organizations:DeletePolicy",
        "organizations:DetachPolicy",
        "organizations:UpdatePolicy",
    }
)


@dataclass(frozen=True, slots=True)
class ControlPolicy:
    """A service control policy as it is now."""

    id: str
    name: str
    content: str

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The marks that it carries, one for each incident whose guard stands in it."""
        return marks_in(self.content)

    def mark_for(self, incident: str) -> Mark | None:
        """Return the mark that it carries for *incident*, None where it says nothing of it."""
        return next((mark for mark in self.marks if mark.is_of(incident)), None)


class ControlPolicies:
    """Reads and changes the control policies of one account; *recorder* is told of each change."""

    def __init__(
        self,
        organizations: OrganizationsClient,
        account: str,
        recorder: Recorder,
        principal: tuple[str, str],
    ) -> None:
        """Work on *account*; changes are recorded under *principal*, an ARN and a unique id."""
        self._organizations = organizations
        self._account = account
        self._recorder = recorder
        self._principal = principal

    def management_account(self) -> str:
        """Return the organisation's management account, in which no control policy counts."""
        with explained("asking for the organisation"):
            answer: Any = self._organizations.describe_organization()
        return str(answer["Organization"]["MasterAccountId"])

    def levels(self) -> list[list[ControlPolicy]]:
        """Return the policies from the root down to the account, one list a level."""
        levels: list[list[ControlPolicy]] = []
        target = self._account
        with explained("reading the control policies of the account"):
            while True:
                levels.append(self._attached(target))
                parent: Any = self._organizations.list_parents(ChildId=target)["Parents"][0]
                target = str(parent["Id"])
                if parent["Type"] == "ROOT":
                    return [self._attached(target), *reversed(levels)]

    def attached(self) -> list[ControlPolicy]:
        """Return the policies that are attached to the account itself."""
        with explained("reading the control policies of the account"):
            return self._attached(self._account)

    def named(self, incident: str, known_id: str | None) -> ControlPolicy | None:
        """Return the policy of the incident's own name, attached or not; None without one.

        It says something of incidents of ours, or has the id that the stack remembers, *known_id*.
        """
        with explained("looking for the guard"):
            for summary in self._summaries():
                if summary["Name"] == marks.policy_name(incident):
                    policy = self._described(summary)
                    return policy if policy.marks or policy.id == known_id else None
        return None

    def again(self, policy: ControlPolicy) -> ControlPolicy:
        """Return *policy* as it is by now.

        Raises:
            ClientError: botocore's own.
        """
        return self._described({"Id": policy.id, "Name": policy.name})

    def create(self, incident: str, content: str) -> ControlPolicy:
        """Make the guard of *incident*, attached to nothing.

        Raises:
            ClientError: botocore's own, as for every change here.
        """
        name = marks.policy_name(incident)
        answer: Any = self._change(
            "CreatePolicy",
            None,
            content,
            lambda: self._organizations.create_policy(
                Content=content,
                Description=f"Guard of incident {incident}, set by containment",
                Name=name,
                Type=_TYPE,
            ),
        )
        return ControlPolicy(str(answer["Policy"]["PolicySummary"]["Id"]), name, content)

    def update(self, policy: ControlPolicy, content: str) -> ControlPolicy:
        """Give *policy* another text."""
        self._change(
            "UpdatePolicy",
            policy.content,
            content,
            lambda: self._organizations.update_policy(PolicyId=policy.id, Content=content),
        )
        return ControlPolicy(policy.id, policy.name, content)

    def attach(self, policy: ControlPolicy) -> None:
        """Put *policy* on the account; that it is there already is no error."""
        try:
            self._change(
                "AttachPolicy",
                None,
                policy.content,
                lambda: self._organizations.attach_policy(
                    PolicyId=policy.id, TargetId=self._account
                ),
            )
        except ClientError as error:
            if code(error) != "DuplicatePolicyAttachmentException":
                raise

    def remove(self, policy: ControlPolicy) -> None:
        """Take *policy* off the account, and delete it; what is gone already is no error."""
        for operation, call in (
            (
                "DetachPolicy",
                lambda: self._organizations.detach_policy(
                    PolicyId=policy.id, TargetId=self._account
                ),
            ),
            ("DeletePolicy", lambda: self._organizations.delete_policy(PolicyId=policy.id)),
        ):
            try:
                self._change(operation, policy.content, None, call)
            except ClientError as error:
                if code(error) not in {"PolicyNotAttachedException", "PolicyNotFoundException"}:
                    raise

    def discard(self, policy: ControlPolicy) -> None:
        """Delete *policy*, which is attached to nothing."""
        self._change(
            "DeletePolicy",
            policy.content,
            None,
            lambda: self._organizations.delete_policy(PolicyId=policy.id),
        )

    def _attached(self, target: str) -> list[ControlPolicy]:
        pages = self._organizations.get_paginator("list_policies_for_target").paginate(
            TargetId=target, Filter=_TYPE
        )
        return [self._described(summary) for page in pages for summary in page["Policies"]]

    def _summaries(self) -> Iterator[Any]:
        pages = self._organizations.get_paginator("list_policies").paginate(Filter=_TYPE)
        for page in pages:
            yield from page["Policies"]

    def _described(self, summary: Any) -> ControlPolicy:
        policy: Any = self._organizations.describe_policy(PolicyId=summary["Id"])["Policy"]
        return ControlPolicy(str(summary["Id"]), str(summary["Name"]), str(policy["Content"]))

    def _change(
        self, operation: str, before: str | None, after: str | None, call: Callable[[], Any]
    ) -> Any:
        arn, unique_id = self._principal
        change = Change(operation, arn, unique_id, FACET, before, read=True, after=after)
        finish = self._recorder.begin(change)
        try:
            answer = call()
        except (ClientError, BotoCoreError) as error:
            finish(outcome_of(error))
            raise
        finish(Outcome("done", answer["ResponseMetadata"].get("RequestId")))
        return answer


def is_guard(policy: ControlPolicy, incident: str, known_id: str | None) -> bool:
    """Tell whether the guard of *incident* is *policy*, or stands in it beside another's.

    It has a name of ours, which no other policy of the organisation can have, and carries the mark;
    where somebody took the text out it has the id that the stack remembers, *known_id*.
    """
    if not policy.marks:
        return policy.name == marks.policy_name(incident) and policy.id == known_id
    return policy.mark_for(incident) is not None and bears_our_name(policy)


def bears_our_name(policy: ControlPolicy) -> bool:
    """Tell whether *policy* was made by us, for whatever incident."""
    return marks.incident_of_policy(policy.name) is not None


def guards(levels: Sequence[Sequence[ControlPolicy]]) -> list[ControlPolicy]:
    """Return the policies of *levels* that hold a guard of ours, of whatever incident."""
    return [policy for level in levels for policy in level if policy.marks]

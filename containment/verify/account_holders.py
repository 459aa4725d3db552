"""Every user and role of an account with all that decides what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from containment.facets import marks
from containment.iam_policy.principals import Identity
from containment.verify.account_details import NOTHING, policy_text, read_details

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_iam import IAMClient

_DENY_ALL = ":policy/AWSDenyAll"


@dataclass(frozen=True, slots=True)
class Holder:
    """One user or role.

    Attributes:
        arn: with its path.
        unique_id: which stays when it is renamed.
        kind: user or role.
        documents: its identity policies, those of its groups included.
        documents_of_others: the same without inline policies of incidents and without AWSDenyAll.
        boundary: the text of its permissions boundary; empty where it has none.
        trust: a role's trust policy.
    """

    arn: str
    unique_id: str
    kind: str
    documents: tuple[str, ...]
    documents_of_others: tuple[str, ...]
    boundary: str = ""
    trust: str = ""

    @property
    def account(self) -> str:
        """The account it is in."""
        return self.arn.split(":")[4]

    @property
    def is_service_linked(self) -> bool:
        """Whether it is a service-linked role, which no control policy reaches."""
        return ":role/aws-service-role/" in self.arn

    @property
    def identity(self) -> Identity:
        """Who it is, as a Principal element can name it; a role acts by a session."""
        own = frozenset({self.arn, self.unique_id})
        if self.kind == "user":
            return Identity(self.account, own)
        return Identity(self.account, frozenset(), own)


def read_holders(iam: IAMClient) -> list[Holder]:
    """Return all users and roles of the account.

    Source: IAM API Reference, GetAccountAuthorizationDetails: it lists the customer managed
    policies, and those of AWS that are attached to somebody.

    Raises:
        AccessError: the caller may not list them.
        UnavailableError: nobody answers.
    """
    details = read_details(iam)
    groups, managed = details.groups, details.managed
    return [_holder(word, item, groups, managed) for word, item in details.principals]


def _holder(
    word: str, item: Mapping[str, Any], groups: Mapping[str, Any], managed: Mapping[str, str]
) -> Holder:
    texts = [
        *_texts(item, f"{word}PolicyList", managed),
        *(
            text
            for name in item.get("GroupList", ())
            if name in groups
            for text in _texts(groups[name], "GroupPolicyList", managed)
        ),
    ]
    limit = (item.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
    trust = item.get("AssumeRolePolicyDocument")
    return Holder(
        str(item["Arn"]),
        str(item[f"{word}Id"]),
        word.lower(),
        tuple(text for text, _ in texts),
        tuple(text for text, is_ours in texts if not is_ours),
        _boundary(str(limit), managed) if limit else "",
        policy_text(trust) if trust else "",
    )


def _boundary(arn: str, managed: Mapping[str, str]) -> str:
    """Return the text of a boundary; of one that is not listed nobody knows what it limits."""
    return managed.get(arn, NOTHING if arn.endswith(_DENY_ALL) else "")


def _texts(
    item: Mapping[str, Any], inline: str, managed: Mapping[str, str]
) -> Iterator[tuple[str, bool]]:
    """Yield each policy's text, and whether it is one that containment puts there."""
    for policy in item.get(inline, ()):
        is_ours = marks.incident_of_policy(str(policy["PolicyName"])) is not None
        yield policy_text(policy["PolicyDocument"]), is_ours
    for attached in item.get("AttachedManagedPolicies", ()):
        arn = str(attached["PolicyArn"])
        if arn in managed:
            yield managed[arn], arn.endswith(_DENY_ALL)

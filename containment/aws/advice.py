"""What AWS's refusals mean for a responder, and the step that helps: one table.

AWS says in its text which kind of policy denied a call, and which quota is full. The first row that
fits is the answer; a refusal that no row knows is told as AWS said it, and as neither lasting nor
passing. Lasting is what comes back however often one tries; passing is what goes by itself.

Sources: IAM User Guide, "Troubleshoot access denied error messages" and "Policy evaluation logic";
"IAM and AWS STS quotas"; STS API Reference, AssumeRole (RegionDisabledException); Organizations API
Reference, AttachPolicy (PolicyChangesInProgressException, ConstraintViolationException); S3 API
Reference, "Error responses" (RequestTimeTooSkewed); IAM API Reference, "Common Errors"; STS API
Reference, "Common Errors"; General Reference, "Signature Version 4 troubleshooting".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from containment.errors import (
    AccessError,
    ContainmentError,
    NotContainedError,
    NotFoundError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.exceptions import ClientError

DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_BUSY = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "PriorRequestNotComplete",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
    }
)
_FAILING = frozenset(
    {
        "ServiceException",
        "ServiceFailure",
        "InternalFailure",
        "InternalError",
        "InternalServerError",
        "ServiceUnavailable",
    }
)
_CHANGING = frozenset(
    {
        "ConcurrentModification",
        "ConcurrentModificationException",
        "EntityTemporarilyUnmodifiable",
        "EntityTemporarilyUnmodifiableException",
        "PolicyChangesInProgressException",
    }
)
_FULL = frozenset({"LimitExceeded", "LimitExceededException"})
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of refusal: AWS's codes and its text, what it comes from, the step that helps.

    *lasting* is True where trying again meets the same; *kind* is the error that a verb ends with.
    """

    name: str
    codes: frozenset[str]
    cause: str
    lasting: bool
    step: str
    kind: type[ContainmentError]
    text: str = ""

    def fits(self, code: str, message: str) -> bool:
        """Tell whether AWS's *code* and *message* are of this kind."""
        return code in self.codes and re.search(self.text, message) is not None


def _denied(name: str, text: str, cause: str, step: str) -> Row:
    return Row(name, DENIED, cause, lasting=True, step=step, kind=AccessError, text=text)


def _full(name: str, text: str, cause: str, step: str) -> Row:
    return Row(name, _FULL, cause, lasting=True, step=step, kind=NotContainedError, text=text)


_AGAIN = "then run it again"

ROWS: tuple[Row, ...] = (
    _denied(
        "service control policy",
        r"service control policy",
        "a service control policy of the organization denies it to the responder, and no policy in"
        " this account can allow it",
        "in the management account, see 'aws organizations list-policies-for-target --target-id"
        " ACCOUNT --filter SERVICE_CONTROL_POLICY' and exempt the responder's role there,"
        f" {_AGAIN}",
    ),
    _denied(
        "resource control policy",
        r"resource control policy",
        "a resource control policy of the organization denies it to the responder",
        "in the management account, exempt the responder's role in that resource control policy,"
        f" {_AGAIN}",
    ),
    _denied(
        "permissions boundary",
        r"permissions boundary",
        "the responder's permissions boundary does not let it through, and no other policy can",
        "extend that boundary by what 'containment responder-policy contain' prints, or take it off"
        f" the responder's role, {_AGAIN}",
    ),
    _denied(
        "session policy",
        r"session policy",
        "the responder's session was made with a policy of its own that does not let it through",
        "assume the responder's role again without a session policy (and without policy ARNs),"
        f" {_AGAIN}",
    ),
    _denied(
        "VPC endpoint policy",
        r"VPC endpoint policy",
        "the VPC endpoint that the call went through does not let it through",
        "let that endpoint's policy allow the responder what 'containment responder-policy contain'"
        " prints, or work from where calls go by another way (another network, or the endpoint's"
        f" private DNS name switched off), {_AGAIN}",
    ),
    _denied(
        "explicit deny",
        r"explicit deny in an? (?:identity|resource)-based policy",
        "a policy on the responder denies it explicitly, and no Allow wins over that; an incident"
        " may hold the responder itself",
        "see 'containment status' and the responder's own policies, and take that Deny off with"
        f" other credentials, {_AGAIN}",
    ),
    _denied(
        "trust policy",
        r"not authorized to perform: sts:AssumeRole",
        "the role does not let the caller assume it",
        "let the role's trust policy name the caller, and the caller's own policies allow"
        f" sts:AssumeRole on it, {_AGAIN}",
    ),
    _denied(
        "no allow",
        r"no identity-based policy allows",
        "no policy of the responder allows it",
        "give the responder role the policy that 'containment responder-policy contain' (for a"
        f" lift: 'lift') prints, {_AGAIN}",
    ),
    _denied(
        "denied",
        "",
        "AWS denies it",
        "see in AWS's words which kind of policy denies it, and change that one; if AWS does not"
        " say so, give the responder role the policy that 'containment responder-policy contain'"
        f" prints, {_AGAIN}",
    ),
    _full(
        "inline policies full",
        r"Maximum policy size of \d+ bytes exceeded",
        "the inline policies of the principal have no room left",
        f"shorten or remove one of its inline policies, {_AGAIN}",
    ),
    _full(
        "attachments full",
        r"PoliciesPer(?:User|Role)",
        "the principal has as many managed policies attached as its quota allows",
        f"detach one of its managed policies, {_AGAIN}",
    ),
    _full(
        "trust policy full",
        r"ACLSizePerRole",
        "the role's trust policy has no room left",
        "shorten the role's trust policy, or have the quota raised ('Role trust policy length' in"
        f" Service Quotas), {_AGAIN}",
    ),
    _full(
        "tags full",
        r"number of tags",
        "the principal has as many tags as IAM allows (50)",
        f"remove one of its tags that is not containment's, {_AGAIN}",
    ),
    _full(
        "quota",
        "",
        "a quota of IAM is full",
        f"see 'Service Quotas' for IAM, make room, {_AGAIN}",
    ),
    Row(
        "control policies full",
        frozenset({"ConstraintViolationException"}),
        "the account has as many control policies attached as Organizations allows",
        lasting=True,
        step="in the management account, merge two of the policies that 'aws organizations"
        " list-policies-for-target --target-id ACCOUNT --filter SERVICE_CONTROL_POLICY' lists and"
        f" detach one, {_AGAIN}",
        kind=NotContainedError,
        text=r"maximum number of policies",
    ),
    Row(
        "organization's constraint",
        frozenset({"ConstraintViolationException"}),
        "a constraint of the organization does not let it through",
        lasting=True,
        step="see in AWS's words which one, and 'Quotas for AWS Organizations' in its User Guide;"
        f" make room in the management account, {_AGAIN}",
        kind=NotContainedError,
    ),
    Row(
        "gone principal",
        frozenset({"MalformedPolicyDocument", "MalformedPolicyDocumentException"}),
        "AWS does not take the document; where it names a principal that is gone, it never will",
        lasting=True,
        step="remove the statement that names nobody any more (an id such as AIDA… or AROA…),"
        f" {_AGAIN}",
        kind=NotContainedError,
    ),
    Row(
        "service's own role",
        frozenset({"UnmodifiableEntity", "UnmodifiableEntityException"}),
        "only its service may change this role",
        lasting=True,
        step="contain the principal that drives the service instead",
        kind=NotContainedError,
    ),
    Row(
        "clock",
        frozenset(
            {
                "InvalidSignatureException",
                "RequestExpired",
                "RequestTimeTooSkewed",
                "SignatureDoesNotMatch",
            }
        ),
        "the clock of this machine is wrong by more than five minutes",
        lasting=True,
        step=f"set this machine's clock, {_AGAIN}",
        kind=AccessError,
        text=r"Signature (?:expired|not yet current)|Request has expired|between the request time",
    ),
    Row(
        "expired session",
        frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"}),
        "the responder's session has ended",
        lasting=True,
        step=f"get fresh credentials and check them with 'aws sts get-caller-identity', {_AGAIN}",
        kind=AccessError,
    ),
    Row(
        "unknown credentials",
        frozenset(
            {
                "InvalidClientTokenId",
                "UnrecognizedClientException",
                "SignatureDoesNotMatch",
                "InvalidAccessKeyId",
                "InvalidSignatureException",
            }
        ),
        "AWS does not accept the responder's credentials",
        lasting=True,
        step=f"get fresh credentials and check them with 'aws sts get-caller-identity', {_AGAIN}",
        kind=AccessError,
    ),
    Row(
        "switched off",
        frozenset({"OptInRequired", "RegionDisabledException"}),
        "the account has this Region, or STS in it, switched off",
        lasting=True,
        step="set AWS_REGION to a Region that is switched on ('aws account list-regions"
        f" --region-opt-status-contains ENABLED ENABLED_BY_DEFAULT'), {_AGAIN}",
        kind=AccessError,
    ),
    Row(
        "not there",
        frozenset({"NoSuchEntity", "NoSuchEntityException"}),
        "AWS knows no such entity",
        lasting=True,
        step="check the ARN and the account",
        kind=NotFoundError,
    ),
    Row(
        "too many requests",
        _BUSY,
        "AWS answers no more calls of this account now, which an attacker can bring about",
        lasting=False,
        step="run it again in a moment",
        kind=UnavailableError,
    ),
    Row(
        "being changed",
        _CHANGING,
        "somebody else is changing it at this moment",
        lasting=False,
        step="run it again in a moment",
        kind=UnavailableError,
    ),
    Row(
        "service failure",
        _FAILING,
        "AWS itself fails",
        lasting=False,
        step="try again in a moment",
        kind=UnavailableError,
    ),
)
_UNKNOWN = Row(
    "unknown",
    frozenset(),
    "",
    lasting=True,
    step="look the code up in AWS's documentation of the call; trying again alone may not help",
    kind=NotContainedError,
)
_BY_NAME: Mapping[str, Row] = {row.name: row for row in ROWS}


def advise(error: ClientError) -> Row:
    """Return the row of what AWS answered, or one without a cause where none fits."""
    detail = error.response.get("Error", {})
    code, message = str(detail.get("Code", "")), str(detail.get("Message", ""))
    match = next((row for row in ROWS if row.fits(code, message)), None)
    if match is not None:
        return match
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return _BY_NAME["service failure"] if status >= _SERVER_ERROR else _UNKNOWN


def explained_as(doing: str, error: ClientError) -> ContainmentError:
    """Return AWS's refusal of *doing* as an error of ours: AWS's own words, the cause, the step."""
    detail = error.response.get("Error", {})
    code, message = str(detail.get("Code", "")), str(detail.get("Message", ""))
    row = advise(error)
    refusal = f"{code}: {message}" if message else code
    what = f"{doing}: {row.cause} ({refusal})" if row.cause else f"{doing}: {refusal}"
    return row.kind(what, remedy=row.step)

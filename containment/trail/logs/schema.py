"""The fields of a CloudTrail record, and the other names under which exports print them.

Sources: CloudTrail User Guide, "CloudTrail record contents", "CloudTrail userIdentity element" and
"Viewing recent management events with the console" (columns of the event history); Athena User
Guide, "Create a table for CloudTrail logs in Athena using manual partitioning"; Azure Monitor,
"AWSCloudTrail" table reference; Elastic, "AWS CloudTrail integration" exported fields (ECS).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FIELDS = """
eventVersion eventTime eventSource eventName awsRegion sourceIPAddress userAgent errorCode
errorMessage requestID eventID readOnly eventType apiVersion managementEvent recipientAccountId
sharedEventID vpcEndpointId vpcEndpointAccountId eventCategory sessionCredentialFromConsole
userIdentity requestParameters responseElements additionalEventData serviceEventDetails resources
tlsDetails tlsDetails.tlsVersion tlsDetails.cipherSuite tlsDetails.clientProvidedHostHeader
userIdentity.type userIdentity.principalId userIdentity.arn userIdentity.accountId
userIdentity.accessKeyId userIdentity.userName userIdentity.invokedBy userIdentity.credentialId
userIdentity.identityProvider userIdentity.inScopeOf userIdentity.onBehalfOf.userId
userIdentity.onBehalfOf.identityStoreArn userIdentity.sessionContext
userIdentity.sessionContext.sourceIdentity userIdentity.sessionContext.ec2RoleDelivery
userIdentity.sessionContext.assumedRoot userIdentity.sessionContext.webIdFederationData
userIdentity.sessionContext.signInSessionArn
userIdentity.sessionContext.sessionIssuer.type userIdentity.sessionContext.sessionIssuer.arn
userIdentity.sessionContext.sessionIssuer.principalId
userIdentity.sessionContext.sessionIssuer.accountId
userIdentity.sessionContext.sessionIssuer.userName
userIdentity.sessionContext.attributes.creationDate
userIdentity.sessionContext.attributes.mfaAuthenticated
"""
_ISSUER = "userIdentity.sessionContext.sessionIssuer."
_ATTRIBUTES = "userIdentity.sessionContext.attributes."
# Whole names only, without case and punctuation; the names above may have a prefix.
_ALIASES = {
    # Azure Monitor
    "awseventid": "eventID",
    "awsrequestid": "requestID",
    "eventtypename": "eventType",
    "ec2roledelivery": "userIdentity.sessionContext.ec2RoleDelivery",
    "sessioncreationdate": _ATTRIBUTES + "creationDate",
    "sessionmfaauthenticated": _ATTRIBUTES + "mfaAuthenticated",
    "sessionissuertype": _ISSUER + "type",
    "sessionissuerarn": _ISSUER + "arn",
    "sessionissuerprincipalid": _ISSUER + "principalId",
    "sessionissueraccountid": _ISSUER + "accountId",
    "sessionissuerusername": _ISSUER + "userName",
    # Splunk's Common Information Model, by its add-on for AWS
    "useraccesskey": "userIdentity.accessKeyId",
    "userarn": "userIdentity.arn",
    # the console's event history
    "awsaccesskey": "userIdentity.accessKeyId",
    "username": "userIdentity.userName",
    # Elastic Common Schema
    "eventaction": "eventName",
    "eventprovider": "eventSource",
    "sourceip": "sourceIPAddress",
    "sourceaddress": "sourceIPAddress",
    "useragentoriginal": "userAgent",
    "cloudregion": "awsRegion",
    "cloudaccountid": "recipientAccountId",
    "userid": "userIdentity.principalId",
    "awscloudtrailuseridentitysessioncontextcreationdate": _ATTRIBUTES + "creationDate",
    "awscloudtrailuseridentitysessioncontextmfaauthenticated": _ATTRIBUTES + "mfaAuthenticated",
}
# When the exporter says it happened, where the record's own time is not among the columns.
TIMES = ("timegenerated", "timegeneratedutc", "time", "timestamp")
OF_EVENTS = frozenset(
    {"timegenerated", "timegeneratedutc"}
)  # by Azure's documentation of AWSCloudTrail

FREE = frozenset({
    "requestParameters", "responseElements", "additionalEventData", "serviceEventDetails",
    "resources",
})  # fmt: skip
_PARTS = FREE | {"userIdentity", "tlsDetails"}


def squeezed(name: str) -> str:
    """Return *name* without case and punctuation."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


_PLACES = {squeezed(field): field for field in _FIELDS.split()}
_FREE = {squeezed(name): name for name in FREE}
_JOINED = re.compile(
    r"(request_?parameters|response_?elements|additional_?event_?data|service_?event_?details)_(.+)",
    re.IGNORECASE,
)
# What the parts above hold and a lineage rests on (``containment/trail/facts``): an export may
# print names in another case, or parted by underscores.
_INSIDE = """
accessKey accessKeyId accountId arn assumeRolePolicyDocument assumedPrincipal assumedRoleId
assumedRoleUser autoScalingGroupName automationExecutionId bucketName build certificateId
ConsoleLogin credentialSet credentials errorCode expiration federatedUser federatedUserId fleetId
functionName iamInstanceProfile id instanceId instancesSet items key name openIDConnectProviderArn
policyDocument principalArn profileArn profile role roleArn roleId roleName roleSessionName
sAMLProviderArn sSHPublicKey sSHPublicKeyId secretAccessKey serviceSpecificCredential
serviceSpecificCredentialId sessionInfo sessionToken signingCertificate spotFleetRequestId
spotInstanceRequestId SwitchFrom SwitchRole tags tagSpecificationSet targetPrincipal taskArn tasks
trustAnchor trustAnchorArn user userId userName value webIdentityTokenId
"""
# Between the names of a path; the first that a column has is the one.
_SEPARATORS = (".", "/", "->", "__", "][", ":")
# Azure's tables of custom logs end a column's name with its type.
_TYPED = re.compile(r"(.+)_[sdtbg]")
_POSITION = re.compile(r"(.*?)((?:\{\}|\[\d{1,3}\])*)", re.ASCII)
_DEEPEST = 32
_INNER = {squeezed(name): name for name in _INSIDE.split()}
_LONGEST_NAME = 6  # words
_LONGEST = 400  # characters of a column's name


class Place(NamedTuple):
    """Where a column belongs in a record; *alias* if it is known by another name only."""

    path: tuple[str, ...]
    alias: bool = False


def place_of(column: str) -> Place | None:
    """Return the place of *column* in a record; None if it is no field of one."""
    return _place_of(column) if len(column) <= _LONGEST else None


@lru_cache(maxsize=8192)
def _place_of(column: str) -> Place | None:
    parts = _parts(column)[:_DEEPEST]
    for start in range(len(parts)):
        rest = parts[start:]
        if len(rest) > 1 and (free := _FREE.get(squeezed(rest[0]))):
            return Place((free, *map(inner_name, rest[1:])))
        if field := _PLACES.get(squeezed("".join(rest))):
            return Place(tuple(field.split(".")))
    if alias := _ALIASES.get(squeezed(column)):
        return Place(tuple(alias.split(".")), alias=True)
    if (typed := _TYPED.fullmatch(column)) and (place := place_of(typed[1])):
        return place
    if joined := _JOINED.fullmatch(parts[-1].lstrip("_@")):
        return Place((_FREE[squeezed(joined[1])], *_joined_names(joined[2].split("_"))))
    return None


def _parts(column: str) -> list[str]:
    if column.startswith("[") and column.endswith("]"):
        column = column[1:-1]
    mark = next((mark for mark in _SEPARATORS if mark in column.strip(mark)), ".")
    return column.split(mark)


def inner_name(name: str) -> str:
    """Return *name*, of something inside a request or an answer, as CloudTrail writes it."""
    match = _POSITION.fullmatch(name)
    if match is None:
        return name
    return _INNER.get(squeezed(match[1]), match[1]) + match[2]


def _joined_names(parts: list[str]) -> Iterator[str]:
    """Yield the names that *parts* spell, of which one may be spread over several."""
    start = 0
    while start < len(parts):
        ends = range(min(len(parts), start + _LONGEST_NAME), start + 1, -1)
        end = next((end for end in ends if "".join(parts[start:end]).lower() in _INNER), start + 1)
        yield inner_name("_".join(parts[start:end]))
        start = end


def names_call(columns: Iterable[object]) -> bool:
    """Tell whether one of *columns* is the name of a call."""
    return any(
        (place := place_of(str(column))) is not None and place.path == ("eventName",)
        for column in columns
    )


def is_part(column: str) -> bool:
    """Tell whether *column* holds a whole part of a record, as an object or as JSON in text."""
    place = place_of(column)
    return place is not None and len(place.path) == 1 and place.path[0] in _PARTS


# As Athena prints structs, in lower case.
IDENTITY_FIELDS = {
    part.lower(): part
    for field in _FIELDS.split()
    if field.startswith("userIdentity.")
    for part in field.split(".")[1:]
} | {
    name.lower(): name
    for name in ("webIdFederationData", "federatedProvider", "issuerType", "credentialsIssuedTo",
                 "inScopeOf")
}  # fmt: skip

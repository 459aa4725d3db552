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
    from collections.abc import Iterable

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
_DEEPEST = 32
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
    parts = column.split(".")[:_DEEPEST]
    for start in range(len(parts)):
        rest = parts[start:]
        if len(rest) > 1 and (free := _FREE.get(squeezed(rest[0]))):
            return Place((free, *rest[1:]))
        if field := _PLACES.get(squeezed("".join(rest))):
            return Place(tuple(field.split(".")))
    if alias := _ALIASES.get(squeezed(column)):
        return Place(tuple(alias.split(".")), alias=True)
    if joined := _JOINED.fullmatch(parts[-1]):
        return Place((_FREE[squeezed(joined[1])], *joined[2].split("_")))
    return None


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

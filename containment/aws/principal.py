"""One IAM user or role as it is now: the same words for both kinds, and AWS's time beside them."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from containment.aws import recording
from containment.aws.credentials import ACCESS_KEY
from containment.aws.faults import explained, is_missing, misses_user
from containment.aws.recording import Change, NoRecorder, Outcome, outcome_of
from containment.clock import isoformat
from containment.errors import UnavailableError
from containment.identities import Principal, parse_principal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from mypy_boto3_iam import IAMClient

    from containment.aws.credentials import Credential, CredentialKind, Status
    from containment.aws.recording import Recorder

# How often a call is made again for a user who is renamed all the while; somebody who does so fifty
# times a second is met by one of so many.
_RENAMES = 40
# How often what was written to a name is written again, because another user took that name.
FOLLOWED = 8
# IAM API Reference, ListUsers and ListPolicies, MaxItems: whoever may make users makes many.
_LONGEST_PAGE = 1000


class LivePrincipal:
    """The calls that read and change one user or role.

    Reads raise what :func:`containment.aws.faults.explained` makes of AWS's errors; changes raise
    botocore's own, because what they mean for the change is decided where it is made. Each change
    is told to *recorder* first, with what was last read of it here: nothing is read for that alone.

    A user who is renamed meanwhile is followed by the unique id: IAM takes a name alone, and a call
    that finds nobody of that name is made again under the one that the user has now.
    """

    def __init__(
        self,
        iam: IAMClient,
        principal: Principal,
        details: Mapping[str, Any],
        recorder: Recorder | None = None,
    ) -> None:
        self._iam = iam
        self._recorder = recorder or NoRecorder()
        self._readings: dict[str, str | None] = {}
        self._changed: set[str] = set()
        self._attachments_listed = False
        self._word = principal.kind.capitalize()
        self._details = details
        self.principal = principal
        self.unique_id = str(details[f"{self._word}Id"])
        self.answered_at = datetime.fromtimestamp(0, UTC)
        self._deactivated: list[Credential] = []
        # Names that a user was asked for by and goes by no more.
        self.former_names: tuple[Principal, ...] = ()

    def __str__(self) -> str:
        """Return ``user NAME`` or ``role NAME``, for messages."""
        return f"{self.principal.kind} {self.principal.name}"

    def goes_by(self, name: Principal) -> bool:
        """Tell whether *name* names this principal: paths and capitals do not tell two apart."""
        own = self.principal
        return (own.account, own.kind, own.name.lower()) == (
            name.account,
            name.kind,
            name.name.lower(),
        )

    @property
    def permissions_boundary(self) -> str | None:
        """The boundary's policy ARN, if one is set."""
        boundary = self._details.get("PermissionsBoundary") or {}
        arn = boundary.get("PermissionsBoundaryArn")
        return str(arn) if arn else None

    @property
    def longest_session_s(self) -> int | None:
        """The longest session that a role allows, in seconds."""
        seconds = self._details.get("MaxSessionDuration")
        return int(seconds) if seconds else None

    @property
    def created_at(self) -> datetime:
        """When it was made, by AWS."""
        moment: datetime = self._details["CreateDate"]
        return moment

    def last_used(self) -> list[tuple[str, str]]:
        """Return when it was used last, and through what, as rows of name and text.

        A role's last use and a user's password come with GetRole and GetUser; of each access key
        AWS is asked. AWS tracks a role's use for 400 days and lags by up to four hours. Sources:
        IAM API Reference, RoleLastUsed, GetAccessKeyLastUsed and User.
        """
        if self.principal.kind == "role":
            return [("role", _use(self._details.get("RoleLastUsed") or {}))]
        password = self._details.get("PasswordLastUsed")
        rows = [("password", _use({"LastUsedDate": password}))] if password else []
        for key in self.access_keys():
            with explained(f"asking when {key.credential_id} was used"):
                answer: Any = self._iam.get_access_key_last_used(AccessKeyId=key.credential_id)
            rows.append((key.credential_id, _use(answer.get("AccessKeyLastUsed") or {})))
        return rows

    @property
    def tags(self) -> dict[str, str]:
        """The tags as they were when this object was made."""
        return {tag["Key"]: tag["Value"] for tag in self._details.get("Tags", ())}

    @property
    def trust_policy(self) -> str:
        """A role's trust policy, byte for byte, as it was when this object was made."""
        return unquote(str(self._details.get("AssumeRolePolicyDocument", "")))

    def inline_names(self) -> list[str]:
        """Return the names of all inline policies."""
        pages = self._pages(f"list_{self.principal.kind}_policies")
        return [str(name) for page in pages for name in page["PolicyNames"]]

    def inline_text(self, name: str) -> str | None:
        """Return the inline policy *name* byte for byte, or None if there is none."""
        with explained(f"reading inline policy {name} of {self}"):
            try:
                answer = self._call("get", "policy", PolicyName=name)
            except ClientError as error:
                if not is_missing(error):
                    raise
                text = None
            else:
                text = unquote(str(answer["PolicyDocument"]))
        self._readings[recording.inline_policy(name)] = text
        return text

    def attached(self) -> list[str]:
        """Return the ARNs of all attached managed policies."""
        pages = self._pages(f"list_attached_{self.principal.kind}_policies")
        arns = [str(item["PolicyArn"]) for page in pages for item in page["AttachedPolicies"]]
        self._readings |= {recording.attachment(arn): recording.ATTACHED for arn in arns}
        self._attachments_listed = True
        return arns

    def access_keys(self) -> list[Credential]:
        """Return a user's access keys, oldest first; a role has none."""
        return self.credentials(ACCESS_KEY)

    def credentials(self, kind: CredentialKind) -> list[Credential]:
        """Return a user's credentials of one *kind*, oldest first; a role has none."""
        if self.principal.kind == "role":
            return []
        pages = self._pages(xform_name(kind.listing))
        listed = [kind.listed(entry) for page in pages for entry in page[kind.members]]
        self._readings |= {credential.facet: credential.status for credential in listed}
        return sorted(listed, key=lambda one: (one.created_at, one.credential_id))

    def put_inline(self, name: str, document: str) -> None:
        """Write the inline policy *name*."""
        send = partial(self._call, "put", "policy", PolicyName=name, PolicyDocument=document)
        self._change(self._operation("Put"), recording.inline_policy(name), document, send)

    def delete_inline(self, name: str) -> None:
        """Delete the inline policy *name*."""
        send = partial(self._call, "delete", "policy", PolicyName=name)
        self._change(self._operation("Delete"), recording.inline_policy(name), None, send)

    def attach(self, policy_arn: str) -> None:
        """Attach a managed policy."""
        send = partial(self._call, "attach", "policy", PolicyArn=policy_arn)
        facet = recording.attachment(policy_arn)
        self._change(self._operation("Attach"), facet, recording.ATTACHED, send)

    def detach(self, policy_arn: str) -> None:
        """Detach a managed policy."""
        send = partial(self._call, "detach", "policy", PolicyArn=policy_arn)
        facet = recording.attachment(policy_arn)
        self._change(self._operation("Detach"), facet, recording.DETACHED, send)

    def tag(self, key: str, value: str) -> None:
        """Set one tag."""
        send = partial(self._call, "tag", Tags=[{"Key": key, "Value": value}])
        self._change(f"Tag{self._word}", recording.tag(key), value, send)

    def untag(self, key: str) -> None:
        """Remove one tag."""
        send = partial(self._call, "untag", TagKeys=[key])
        self._change(f"Untag{self._word}", recording.tag(key), None, send)

    def set_status(self, credential: Credential, status: Status) -> None:
        """Make one of a user's credentials Active or Inactive."""
        kind = credential.kind
        call = getattr(self._iam, xform_name(kind.update))

        def send() -> Any:
            named = {kind.id_member: credential.credential_id, "Status": status}
            return self._noted(self._followed(lambda: call(**self._key, **named)))

        if credential.works and status == "Inactive":
            self._deactivated.append(credential)
        self._change(kind.update, credential.facet, status, send)

    def read_all(self, operation: str, key: str) -> list[dict[str, Any]]:
        """Return what the listing *operation*, as boto3 names it, has under *key*, page by page."""
        return [item for page in self._pages(operation) for item in page[key]]

    def change(self, operation: str, facet: str, after: str, **parameters: Any) -> None:
        """Make one change that no other method makes.

        Args:
            operation: as AWS names it, such as ``UpdateSigningCertificate``.
            facet: what is changed, named as in :mod:`containment.aws.recording`.
            after: what is to be there.
            parameters: of the call, besides the principal's name.
        """
        named = {f"{self._word}Name": self.principal.name, **parameters}
        call = getattr(self._iam, xform_name(operation))
        self._change(operation, facet, after, lambda: self._noted(call(**named)))

    def revoke_sign_ins(self, arns: Sequence[str], send: Callable[[], Any]) -> Any:
        """Have *send* revoke the sign-in sessions *arns*; return what it answers.

        IAM does not keep them, so *send* is a call of another client.
        """
        answers: list[Any] = []

        def call() -> Any:
            answers.append(self._noted(send()))
            return answers[-1]

        facet = recording.sign_ins(arns)
        self._change("BatchRevokeSessions", facet, "revoked", call)
        return answers[-1]

    def note(self, readings: Mapping[str, str]) -> None:
        """Remember what was read of facets, for the record of a change to one of them."""
        self._readings |= readings

    def set_trust_policy(self, document: str) -> None:
        """Replace a role's trust policy."""

        def send() -> Any:
            return self._noted(
                self._iam.update_assume_role_policy(
                    RoleName=self.principal.name, PolicyDocument=document
                )
            )

        self._change("UpdateAssumeRolePolicy", recording.TRUST, document, send)

    def namesake(self) -> LivePrincipal | None:
        """Return who else has the name of this one now, and so may have got its changes.

        A user can be renamed, and a role deleted and made anew.
        """
        now = _by_name(self._iam, self.principal, self._recorder)
        return None if now is None or now.unique_id == self.unique_id else now

    @property
    def deactivated(self) -> Sequence[Credential]:
        """The credentials that were made Inactive through this object and worked before."""
        return self._deactivated

    def again(self) -> LivePrincipal | None:
        """Return this principal as it is now, or None if its unique id is gone."""
        now = locate(self._iam, self.principal, self.unique_id, self._recorder)
        if now is not None:
            now.former_names = (*self.former_names, *now.former_names)
        return now

    def namesake_made_at(self, name: Principal) -> datetime | None:
        """Return since when somebody else has *name*, which this one had; None for nobody."""
        other = _by_name(self._iam, name, None)
        return None if other is None or other.unique_id == self.unique_id else other.created_at

    def set_boundary(self, policy_arn: str) -> None:
        """Set the permissions boundary."""
        send = partial(self._call, "put", "permissions_boundary", PermissionsBoundary=policy_arn)
        operation = f"Put{self._word}PermissionsBoundary"
        self._change(operation, recording.BOUNDARY, policy_arn, send)

    def delete_boundary(self) -> None:
        """Remove the permissions boundary."""
        send = partial(self._call, "delete", "permissions_boundary")
        self._change(f"Delete{self._word}PermissionsBoundary", recording.BOUNDARY, None, send)

    def policy_id(self, policy_arn: str) -> str | None:
        """Return the unique id of the managed policy that has this ARN now.

        None where there is none, or it cannot be read.
        """
        try:
            answer: Any = self._iam.get_policy(PolicyArn=policy_arn)
        except (ClientError, BotoCoreError):
            return None
        return str(answer["Policy"]["PolicyId"])

    def policy_arns(self, policy_ids: Collection[str]) -> list[str]:
        """Return the ARNs of the managed policies that have *policy_ids*."""
        if not policy_ids:
            return []
        with explained("listing managed policies"):
            pages: Any = self._iam.get_paginator("list_policies").paginate(
                Scope="All", PaginationConfig={"PageSize": _LONGEST_PAGE}
            )
            return [
                str(policy["Arn"])
                for page in pages
                for policy in page["Policies"]
                if policy["PolicyId"] in policy_ids
            ]

    def _operation(self, verb: str) -> str:
        return f"{verb}{self._word}Policy"

    def _change(
        self, operation: str, facet: str, after: str | None, send: Callable[[], Any]
    ) -> None:
        read, before = self._last_seen(facet)
        change = Change(
            operation, self.principal.arn, self.unique_id, facet, before, read=read, after=after
        )
        finish = self._recorder.begin(change)
        try:
            answer = send()
        except BaseException as error:
            self._readings.pop(facet, None)
            self._changed.add(facet)
            finish(outcome_of(error))
            raise
        self._readings[facet] = after
        finish(
            Outcome(
                "done", answer["ResponseMetadata"].get("RequestId"), answered_at=self.answered_at
            )
        )

    def _last_seen(self, facet: str) -> tuple[bool, str | None]:
        """Return whether *facet* was read since it was last changed, and what was there."""
        if facet in self._readings:
            return True, self._readings[facet]
        if facet in self._changed:
            return False, None
        word, _, name = facet.partition(" ")
        if word == "tag":
            return True, self.tags.get(name)
        if facet == recording.TRUST:
            return True, self.trust_policy
        if facet == recording.BOUNDARY:
            return True, self.permissions_boundary
        listed = word == "attachment" and self._attachments_listed
        return listed, recording.DETACHED if listed else None

    def _call(self, verb: str, noun: str = "", **values: object) -> Any:
        method = "_".join(part for part in (verb, self.principal.kind, noun) if part)
        return self._noted(
            self._followed(lambda: getattr(self._iam, method)(**self._key, **values))
        )

    def _pages(self, operation: str) -> Iterator[Any]:
        with explained(f"{operation.replace('_', ' ')} of {self}"):
            for page in self._followed(lambda: list(self._paged(operation))):
                yield self._noted(page)

    def _paged(self, operation: str) -> Iterator[Any]:
        if self._iam.can_paginate(operation):
            paginator = getattr(self._iam, "get_paginator")(operation)  # noqa: B009 -- one of many
            # One page as long as IAM makes them: the deny waits for it.
            longest = {"PageSize": _LONGEST_PAGE}
            yield from paginator.paginate(**self._key, PaginationConfig=longest)
            return
        # ListServiceSpecificCredentials takes a marker as the others do, and botocore has no
        # paginator for it.
        page: Any = {"IsTruncated": True}
        while page.get("IsTruncated"):
            marker = {"Marker": page["Marker"]} if page.get("Marker") else {}
            page = getattr(self._iam, operation)(**self._key, **marker)
            yield page

    def _followed(self, send: Callable[[], Any]) -> Any:
        """Return what *send* answers, under whatever name this user has."""
        for _ in range(_RENAMES):
            try:
                return send()
            except ClientError as error:
                if self.principal.kind == "role" or not misses_user(error):
                    raise
                name = _name_of(self._iam, self.unique_id)
                if name is None:
                    raise
                self.former_names = (*self.former_names, self.principal)
                self.principal = name
        return send()

    @property
    def _key(self) -> dict[str, str]:
        return {f"{self._word}Name": self.principal.name}

    def _noted(self, answer: Any) -> Any:
        self.answered_at = answered_at(answer)
        return answer


def _use(details: Mapping[str, Any]) -> str:
    moment = details.get("LastUsedDate")
    if not isinstance(moment, datetime):
        return "never used, as far as AWS tells"
    service, region = details.get("ServiceName"), details.get("Region")
    through = f" by {service}" if service and service != "N/A" else ""
    where = f" in {region}" if region and region != "N/A" else ""
    return f"last used {isoformat(moment)}{through}{where}"


def answered_at(answer: Mapping[str, Any]) -> datetime:
    """Return AWS's own time from the ``Date`` header of *answer* (RFC 9110, section 6.6.1)."""
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    return parsedate_to_datetime(headers["date"]).astimezone(UTC)


def locate(
    iam: IAMClient, principal: Principal, unique_id: str | None, recorder: Recorder | None = None
) -> LivePrincipal | None:
    """Return the live user or role, or None if it is gone; *recorder* is told of its changes.

    With *unique_id* a principal that was deleted and made again under its name counts as gone, and
    a user that was renamed or moved is found again: the id is the identity ("IAM identifiers",
    unique identifiers).
    """
    live = _by_name(iam, principal, recorder)
    if live is not None and unique_id in (None, live.unique_id):
        return live
    if unique_id is None or principal.kind == "role":  # a role cannot be renamed
        return None
    for _ in range(_RENAMES):
        name = _name_of(iam, unique_id)
        if name is None:
            return None
        live = _by_name(iam, name, recorder)
        if live is not None and live.unique_id == unique_id:
            live.former_names = (principal,)
            return live
    raise UnavailableError(
        f"the user with id {unique_id} is renamed faster than it can be read",
        remedy="run it again; only a control outside the account stops whoever renames it",
    )


def _name_of(iam: IAMClient, unique_id: str) -> Principal | None:
    """Return by what name the user with *unique_id* goes now, or None if it is gone."""
    with explained(f"looking for the user with id {unique_id}"):
        pages = iam.get_paginator("list_users").paginate(
            PaginationConfig={"PageSize": _LONGEST_PAGE}
        )
        for page in pages:
            for user in page["Users"]:
                if user["UserId"] == unique_id:
                    return parse_principal(user["Arn"])
    return None


def _by_name(
    iam: IAMClient, principal: Principal, recorder: Recorder | None
) -> LivePrincipal | None:
    with explained(f"reading {principal.arn}"):
        try:
            answer: Any = (
                iam.get_user(UserName=principal.name)
                if principal.kind == "user"
                else iam.get_role(RoleName=principal.name)
            )
        except ClientError as error:
            if is_missing(error):
                return None
            raise
    details = answer[principal.kind.capitalize()]
    live = LivePrincipal(iam, parse_principal(details["Arn"]), details, recorder)
    live.answered_at = answered_at(answer)
    return live

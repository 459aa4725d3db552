"""The sign-in sessions of a user or role: those of ``aws login`` and the AWS MCP Server.

One lives up to 90 days, and each refresh gives tokens with an issue time of their own. Revoked it
"can no longer be refreshed", which nobody can undo: who needs one signs in again. Tokens that it
gave earlier live on for up to an hour, so a revocation goes with a deny and never stands for one.

Sources: AWS Sign-In API Reference, ListSessions, GetSession and BatchRevokeSessions (botocore's
model of ``signin``) and RevokeOAuth2TokenWithIAM. Which Regions one ListSessions covers is not
documented: every Region is asked that no account can disable (AWS Account Management Reference
Guide, "Enable or disable AWS Regions in your account"), and the one in use, unless the profile
names others. The Service
Authorization Reference does not list these operations yet: their permissions are taken to be named
as they are.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.faults import explain, explained
from containment.clock import isoformat
from containment.errors import AccessError, ContainmentError, NotContainedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from containment.aws.principal import LivePrincipal
    from containment.identities import Principal

# Regions that are enabled in every account of the partition. Of others the model takes no ARN.
REGIONS = (
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1"),
    *("eu-central-1", "eu-west-1", "eu-west-2", "eu-west-3", "eu-north-1"),
    *("ap-south-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3"),
    *("ap-southeast-1", "ap-southeast-2"),
)
PERMISSIONS = frozenset({"signin:ListSessions", "signin:BatchRevokeSessions", "signin:GetSession"})
# BatchRevokeSessions, sessionArns.
_AT_ONCE = 5
_MOST_THREADS = 32


@dataclass(frozen=True, slots=True)
class SignInSession:
    """One sign-in session that is active.

    Attributes:
        arn: its own.
        owner: the ARN of the identity that it is of, as it was asked for.
        region: where it was listed.
        client: what signed in: ``CLI`` or ``MCP``.
        issued_at: when it was made.
        expires_at: when it ends by itself.
    """

    arn: str
    owner: str
    region: str
    client: str
    issued_at: datetime
    expires_at: datetime

    def __str__(self) -> str:
        """Return it as one line."""
        client = self.client or "an unnamed client"
        return f"{self.arn} ({client}, until {isoformat(self.expires_at)})"


@dataclass(frozen=True, slots=True)
class SignInListing:
    """The active sign-in sessions of somebody, and why there may be more."""

    sessions: tuple[SignInSession, ...] = ()
    unread: tuple[ContainmentError, ...] = ()

    @property
    def problem(self) -> str:
        """Why it may not be all, in words; empty where it is."""
        return "; ".join(dict.fromkeys(error.message for error in self.unread))

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return "; ".join(dict.fromkeys(error.remedy for error in self.unread))


class SignIns:
    """Lists and revokes sign-in sessions, by one client a Region; each is made when first asked."""

    def __init__(self, connect: Callable[[], Sequence[Any]] = tuple) -> None:
        self._connect = connect

    def listed(self, owners: Iterable[str]) -> SignInListing:
        """Return the active sessions of the identities *owners*, by ARNs without a path.

        What cannot be listed in one Region keeps none of another from it.
        """
        asked = [(client, owner) for client in self._connect() for owner in owners]
        if len(asked) <= 1:
            answers = [_listed(*each) for each in asked]
        else:
            with ThreadPoolExecutor(max_workers=min(len(asked), _MOST_THREADS)) as pool:
                clients, whose = zip(*asked, strict=True)
                answers = list(pool.map(_listed, clients, whose))
        sessions = {one.arn: one for answer in answers for one in answer.sessions}
        return SignInListing(
            tuple(sessions.values()), tuple(error for answer in answers for error in answer.unread)
        )

    def last_use(self, session: SignInSession) -> str:
        """Return when *session* was refreshed last, and by what, in words."""
        client = self._clients()[session.region]
        try:
            answer = client.get_session(sessionArn=session.arn, principalArn=session.owner)
        except (ClientError, BotoCoreError) as error:
            return f"last use not known: {explain('asking for it', error).message}"
        moment, agent = answer.get("lastUsedAt"), answer.get("userAgent")
        used = f"last used {isoformat(_moment(moment))}" if moment else "never refreshed"
        return f"{used} by {agent}" if agent else used

    def revoke(
        self, live: LivePrincipal, sessions: Sequence[SignInSession], incident: str
    ) -> list[ContainmentError]:
        """Revoke *sessions*, on record as changes of *live*; return why one is not revoked.

        Raises:
            StoppedError: the engine asked to stop before the next of them.
        """
        problems: list[ContainmentError] = []
        clients = self._clients()
        places = dict.fromkeys((one.region, one.owner) for one in sessions)
        for region, owner in places:
            arns = [one.arn for one in sessions if (one.region, one.owner) == (region, owner)]
            for first in range(0, len(arns), _AT_ONCE):
                some = arns[first : first + _AT_ONCE]
                send = partial(
                    clients[region].batch_revoke_sessions,
                    principalArn=owner,
                    sessionArns=some,
                    reason=f"containment {incident}",
                )
                try:
                    answer = live.revoke_sign_ins(some, send)
                except (ClientError, BotoCoreError) as error:
                    problems.append(explain(f"revoking sign-in sessions of {live}", error))
                    continue
                problems += _not_revoked(live, some, answer)
        return problems

    def _clients(self) -> dict[str, Any]:
        return {str(client.meta.region_name): client for client in self._connect()}


def keep_to_endpoint(client: Any) -> None:
    """Have *client*, made for an endpoint of its own, send every operation there.

    botocore's endpoint rules send these operations to AWS whatever endpoint is set, which would
    hand an emulation's credentials to somebody else.
    """

    def redirect(request: Any, **_: object) -> None:
        asked, own = urlsplit(request.url), urlsplit(client.meta.endpoint_url)
        request.url = asked._replace(scheme=own.scheme, netloc=own.netloc).geturl()

    # Before it is signed, which is done by a handler of this event as well.
    client.meta.events.register_first("request-created.signin", redirect)


def owner_of(principal: Principal) -> str:
    """Return the ARN by which the sign-in API takes *principal*: its patterns have no path."""
    return f"arn:{principal.partition}:iam::{principal.account}:{principal.kind}/{principal.name}"


def _listed(client: Any, owner: str) -> SignInListing:
    region = str(client.meta.region_name)
    try:
        with explained(f"listing the sign-in sessions of {owner} in {region}"):
            pages = client.get_paginator("list_sessions").paginate(
                principalArn=owner, status="ACTIVE"
            )
            items = [item for page in pages for item in page["items"]]
    except AccessError as error:
        advice = (
            f"where a control policy forbids {region} to everybody, nobody signs in there either:"
            " name the Regions that you use, 'sign_in_regions' in containment.yaml"
        )
        refusal = type(error)(error.message, remedy=f"{error.remedy}; or, {advice}")
        return SignInListing(unread=(refusal,))
    except ContainmentError as error:
        return SignInListing(unread=(error,))
    return SignInListing(
        tuple(
            SignInSession(
                arn=str(item["sessionArn"]),
                owner=owner,
                region=region,
                client=str(item.get("clientType") or ""),
                issued_at=_moment(item["issuedAt"]),
                expires_at=_moment(item["expiresAt"]),
            )
            for item in items
            if item.get("status", "ACTIVE") == "ACTIVE"
        )
    )


def _not_revoked(
    live: LivePrincipal, arns: Sequence[str], answer: dict[str, Any]
) -> Iterator[ContainmentError]:
    """Yield which of *arns* the *answer* does not name as revoked, and why as far as it says."""
    revoked = {item["sessionArn"] for item in answer["revokedSessions"]}
    reasons = {item.get("sessionArn"): item for item in answer["errors"]}
    for arn in arns:
        if arn in revoked:
            continue
        error = reasons.get(arn, {"code": "no answer", "message": "AWS says nothing of it"})
        yield NotContainedError(
            f"{live}: sign-in session {arn} is not revoked"
            f" ({error.get('code')}: {error.get('message')})",
            remedy="run 'pulumi up' again",
        )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)

"""Name what the logs cannot answer: a gap is part of the answer.

Source: CloudTrail User Guide, "CloudTrail concepts" (data events, delivery, global services).
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

from containment.text import counted
from containment.trail.answer.result import Gap, TracedCall
from containment.trail.facts.classes import plain_name
from containment.trail.facts.evidence import HANDS_OUT
from containment.trail.facts.targets import OTHER_ACCOUNTS
from containment.trail.logs.files import COMPLETE, delivery
from containment.trail.logs.records import apart

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from containment.trail.facts.calls import Call
    from containment.trail.lineage.lineage import Lineage
    from containment.trail.logs.files import FileReport

_TAMPER = frozenset(
    {
        "StopLogging",
        "DeleteTrail",
        "UpdateTrail",
        "PutEventSelectors",
        "DeleteEventDataStore",
        "StopEventDataStoreIngestion",
        "PutInsightSelectors",
        "DeleteFlowLogs",
        "DeleteDetector",
        "UpdateDetector",
        "StopConfigurationRecorder",
        "DeleteResolverQueryLogConfig",
    }
)
_DATA_EVENTS = frozenset(
    {
        "GetObject",
        "PutObject",
        "DeleteObject",
        "ListObjects",
        "Invoke",
        "GetItem",
        "PutItem",
        "Query",
    }
)
# What a member reached into. Credentials there may be stolen, and no record tells.
_REACHED = {
    "SendCommand": "ran commands on machines",
    "StartSession": "opened a shell on a machine",
    "SendSSHPublicKey": "logged in to a machine",
    "SendSerialConsoleSSHPublicKey": "logged in to a machine's serial console",
    "ModifyInstanceAttribute": "changed an instance, its user data perhaps",
    "UpdateFunctionCode": "put its own code into a function that was there",
    "UpdateFunctionConfiguration": "changed what a function runs with",
    "UpdateAccessKey": "changed the status of an access key that was there",
    "UpdateServiceSpecificCredential": "changed the status of a service-specific credential",
    "UpdateSSHPublicKey": "changed the status of an SSH key that was there",
    "UpdateSigningCertificate": "changed the status of a signing certificate that was there",
}
# What a member made that starts compute of its own, under names that no record gives.
_STARTS = {
    "CreateNodegroup": "a node group",
    "CreateFargateProfile": "a Fargate profile",
    "CreateComputeEnvironment": "a compute environment",
    "CreateService": "a service",
    "RunJobFlow": "a cluster",
    "CreateEnvironment": "an environment",
    "PutTargets": "a rule that starts things",
    "CreateEventSourceMapping": "a trigger of a function",
    "CreateUserPool": "a user pool",
    "CreateAccountAssignment": "an assignment of Identity Center",
    "CreatePodIdentityAssociation": "a role for pods",
    "CreateAccessEntry": "an entry to a cluster",
}
# Tokens that are no AWS key. Their uses, where CloudTrail logs them at all, bear no id of theirs.
# Sources: AWS Sign-In API Reference; CodeArtifact, ECR, Redshift and MWAA API references;
# Bedrock AgentCore API Reference, "GetWorkloadAccessToken".
_TOKENS = frozenset(
    {
        "CreateBearerToken",
        "CreateCliToken",
        "CreateOAuth2TokenWithIAM",
        "CreateOAuth2TokenWithTokenExchange",
        "CreatePresignedDomainUrl",
        "CreatePresignedNotebookInstanceUrl",
        "CreateTokenWithIAM",
        "CreateWebLoginToken",
        "GenerateEmbedUrlForRegisteredUser",
        "GetAuthorizationToken",
        "GetClusterCredentials",
        "GetClusterCredentialsWithIAM",
        "GetIdentityCenterAuthToken",
        "GetResourceApiKey",
        "GetResourceOauth2Token",
        "GetServiceBearerToken",
        "GetWorkloadAccessToken",
        "GetWorkloadAccessTokenForJWT",
        "GetWorkloadAccessTokenForUserId",
    }
)
_HOUR = 3600
_SHOWN = 5
_DOES = _REACHED | {name: f"made {what}" for name, what in _STARTS.items()}
_SO = ": credentials held there are not counted"


def find(
    lineage: Lineage,
    calls: list[TracedCall],
    reports: list[FileReport],
    places: Iterable[tuple[str, str]],
    not_told_apart: Mapping[str, list[Call]],
) -> Iterator[Gap]:
    """Yield everything that may hide something from this trace."""
    yield from _unread(reports)
    yield from _assumed(reports)
    yield from _span(lineage, reports)
    yield from _places(lineage, calls, places)
    yield from _unnamed_accounts(lineage)
    yield from _silent_hours(lineage.seed.since, reports)
    for traced in calls:
        call = traced.call
        if call.name in _TAMPER and call.outcome == "success":
            what = f"{traced.credential} called {call.name} at {call.time} ({call.event_id})"
            yield Gap("logging_tampered", f"{what}: records after it may be missing")
        if call.name == "GetWebIdentityToken" and call.outcome == "success":
            what = f"{traced.credential} took a token for use outside AWS at {call.time}"
            yield Gap("left_aws", f"{what}: what it opens elsewhere is in no trail")
    yield from _reached(calls)
    yield from _tokens(calls)
    yield from _not_told_apart(not_told_apart)
    if calls and not any(traced.call.name in _DATA_EVENTS for traced in calls):
        yield Gap(
            "data_events",
            "no call found is a data event (S3 objects, Lambda invocations, DynamoDB items):"
            " either none was made, or the trail does not log them",
        )
    if not calls:
        yield _unseen(lineage, reports)
    for (kind, _), what in sorted(lineage.notices.items()):
        yield Gap(kind, what)
    yield from _hidden(lineage)


def _unseen(lineage: Lineage, reports: list[FileReport]) -> Gap:
    """Return the gap of a seed without a record: what was read, and that this clears nobody."""
    seed, evidence = lineage.seed, lineage.evidence
    records = sum(report.records for report in reports)
    first = min((report.first for report in reports if report.first), default="")
    last = max((report.last for report in reports if report.last), default="")
    span = f", from {first} to {last}" if first else ""
    earlier = [use.time for use in evidence.uses_of.get(seed.id, ()) if use.time < seed.since]
    before = f"; it was used before that, last at {max(earlier)}" if earlier else ""
    return Gap(
        "seed_unseen",
        f"no record of {seed.id} since {seed.since} in {counted(len(reports), 'file')},"
        f" {counted(records, 'record')}{span}: that is no evidence of innocence{before}",
    )


def _reached(calls: list[TracedCall]) -> Iterator[Gap]:
    counts: dict[tuple[str, str], int] = {}
    for traced in calls:
        name = plain_name(traced.call.name)
        if name in _DOES and traced.call.outcome == "success":
            counts[traced.credential, name] = counts.get((traced.credential, name), 0) + 1
    for (credential, name), count in counts.items():
        times = f" ({count} times)" if count > 1 else ""
        yield Gap("reached", f"{credential} {_DOES[name]} by {name}{times}{_SO}")


def _tokens(calls: list[TracedCall]) -> Iterator[Gap]:
    taken: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for traced in calls:
        name = plain_name(traced.call.name)
        if name in _TOKENS and traced.call.outcome == "success":
            taken[traced.credential, name].append(traced.call.time)
    for (credential, name), times in taken.items():
        when = (
            f" at {times[0]}" if len(times) == 1 else f" ({len(times)} times), last at {times[-1]}"
        )
        yield Gap(
            "token",
            f"{credential} took a token by {name}{when}:"
            " what is done with it is recorded without the token's id",
        )


def _not_told_apart(by_credential: Mapping[str, list[Call]]) -> Iterator[Gap]:
    for credential, calls in by_credential.items():
        names = sorted({call.name for call in calls})
        listed = ", ".join(names[:_SHOWN]) + (" and others" if len(names) > _SHOWN else "")
        name = "names" if len(calls) == 1 else "name"
        made = "it" if len(calls) == 1 else "them"
        yield Gap(
            "not_told_apart",
            f"{counted(len(calls), 'call')} of {calls[0].caller.label} since {credential} was made"
            f" {name} no credential ({listed}; {calls[0].time} to {calls[-1].time}):"
            f" the records do not tell whether it made {made}",
        )


def _unread(reports: Iterable[FileReport]) -> Iterator[Gap]:
    bad: defaultdict[str, list[FileReport]] = defaultdict(list)
    for report in reports:
        if report.status not in COMPLETE:
            bad[report.status].append(report)
    for status, files in sorted(bad.items()):
        some = ", ".join(_named(file) for file in files[:_SHOWN])
        more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
        what = "not a log" if status == "not_a_log" else status
        yield Gap("files", f"{len(files)} file(s) {what}: {some}{more}")


def _named(report: FileReport) -> str:
    return f"{report.path} ({report.detail})" if report.detail else report.path


def _assumed(reports: Iterable[FileReport]) -> Iterator[Gap]:
    """Yield a gap for each assumption by which a file was read: a wrong one spoils the answer."""
    files: defaultdict[str, list[FileReport]] = defaultdict(list)
    for report in reports:
        if report.assumed:
            files[report.assumed].append(report)
    for what, some in files.items():
        paths = ", ".join(file.path for file in some[:_SHOWN])
        more = f" and {len(some) - _SHOWN} more" if len(some) > _SHOWN else ""
        yield Gap("assumed", f"{what}: {paths}{more}")


def _span(lineage: Lineage, reports: list[FileReport]) -> Iterator[Gap]:
    first = min((report.first for report in reports if report.first), default="")
    last = max((report.last for report in reports if report.last), default="")
    since = lineage.seed.since
    pruned = any(report.status == "pruned" for report in reports)
    if first and first > since and not pruned:
        yield Gap("retention", f"the logs begin at {first}, after {since}")
    if last:
        yield Gap("end", f"the logs end at {last}; delivery takes up to 15 minutes")


def _places(
    lineage: Lineage, calls: list[TracedCall], places: Iterable[tuple[str, str]]
) -> Iterator[Gap]:
    """Yield which Regions are covered, of the accounts that members belong to or acted in."""
    by_account = _regions(places)
    for account in sorted(_reached_accounts(lineage, calls)):
        regions = by_account.get(account, set())
        if not regions:
            yield Gap("regions", f"account {account}: no records at all, and members are of it")
            continue
        # IAM and global sign-in events are recorded in us-east-1 alone.
        commercial = not any(region.startswith(("cn-", "us-gov-", "us-iso")) for region in regions)
        iam = commercial and "us-east-1" not in regions
        yield Gap(
            "regions",
            f"account {account}: records from {', '.join(sorted(regions))} only; other Regions are"
            f" unknown{', us-east-1 with IAM among them' if iam else ''}",
        )


def _unnamed_accounts(lineage: Lineage) -> Iterator[Gap]:
    for member in lineage.members:
        if member.issued_by in OTHER_ACCOUNTS and not member.account:
            what = f"{member.id} was handed out by {member.issued_by} at {member.issued_at}"
            yield Gap("regions", f"{what}, for an account that the record does not name")


def _regions(places: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    regions: defaultdict[str, set[str]] = defaultdict(set)
    for account, region in places:
        if account and region:
            regions[account].add(region)
    return regions


def _reached_accounts(lineage: Lineage, calls: list[TracedCall]) -> set[str]:
    accounts = {traced.call.account for traced in calls}
    return (accounts | {member.account for member in lineage.members}) - {""}


def without_records(
    lineage: Lineage, calls: list[TracedCall], places: Iterable[tuple[str, str]]
) -> list[str]:
    """Return the accounts that members are of and that the logs do not cover."""
    return sorted(_reached_accounts(lineage, calls) - _regions(places).keys())


def _silent_hours(since: str, reports: Iterable[FileReport]) -> Iterator[Gap]:
    """Yield the hours in which nothing was delivered for an account and Region."""
    delivered: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for report in reports:
        named = delivery(report.path)
        if named is not None and named.delivered_at >= since:
            delivered[named.account, named.region].append(named.delivered_at)
    for (account, region), times in sorted(delivered.items()):
        times.sort()
        silent = [
            (one, other) for one, other in pairwise(times) if (apart(one, other) or 0) >= 2 * _HOUR
        ]
        for one, other in silent[:_SHOWN]:
            yield Gap("hours", f"{account} {region}: no file between {one} and {other}")
        if len(silent) > _SHOWN:
            yield Gap("hours", f"{account} {region}: {len(silent) - _SHOWN} more silent spells")
    newest = max((times[-1] for times in delivered.values()), default="")
    ended = {
        place: times[-1]
        for place, times in sorted(delivered.items())
        if (apart(times[-1], newest) or 0) >= 2 * _HOUR
    }
    for (account, region), last in list(ended.items())[:_SHOWN]:
        yield Gap("hours", f"{account} {region}: no file after {last}, others go on to {newest}")
    if len(ended) > _SHOWN:
        yield Gap("hours", f"{len(ended) - _SHOWN} more places have no file up to {newest}")


def _hidden(lineage: Lineage) -> Iterator[Gap]:
    """Yield the sessions that were handed out under a key that no record names."""
    linked = {event for member in lineage.members for event in member.link_event_ids}
    for fact in lineage.evidence.facts:
        if (
            fact.name in HANDS_OUT
            and not fact.issued
            and fact.event_id not in linked
            and lineage.actor(fact)
        ):
            copies = lineage.evidence.shared.get(fact.shared_id, []) if fact.shared_id else []
            if not any(copy.issued for copy in copies):
                what = f"{fact.name} at {fact.time} ({fact.event_id}) hides the key it handed out"
                yield Gap("hidden_answer", f"{what}, and no use of it is seen")

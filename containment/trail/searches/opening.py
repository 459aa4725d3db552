"""Trace through a service that searches the text of records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from containment.clock import utc_now
from containment.errors import SpecError
from containment.trail.answer.fixpoint import answer
from containment.trail.lineage.seeds import begin
from containment.trail.queried_source import QueriedSource, Questions, reach
from containment.trail.searches.insights import InsightsQuestions
from containment.trail.searches.splunk import BASE, Splunk, SplunkQuestions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from containment.trail.answer.result import Trace


class Surroundings(Protocol):
    """What the program that asks provides: clients and secrets."""

    def logs_client(self) -> Any:
        """Return a CloudWatch Logs client of the responder's own credentials."""
        ...

    def splunk_token(self) -> str:
        """Return the token for the Splunk server, or nothing."""
        ...


def trace_search(
    service: str,
    credential: str,
    since: str,
    *,
    server: str,
    search: str,
    groups: Sequence[str],
    inventory: Mapping[str, str],
    surroundings: Surroundings,
) -> Trace:
    """Trace *credential* through ``splunk`` or ``insights``; the same answer as over files.

    Raises:
        SpecError: a setting that the service needs is missing or cannot be used.
        AccessError: the service refuses.
        UnavailableError: the service does not answer to the end.
    """
    moment = begin(credential, since).since
    questions: Questions
    if service == "splunk":
        if not server:
            raise SpecError(
                "--engine splunk needs a server", remedy="give --server https://host:8089"
            )
        client = Splunk(server, surroundings.splunk_token())
        questions = SplunkQuestions(client, search or BASE, reach(moment), utc_now())
    else:
        if not groups:
            raise SpecError(
                "--engine insights needs a log group", remedy="name it with --log-group"
            )
        logs = surroundings.logs_client()
        questions = InsightsQuestions(logs, groups, reach(moment), utc_now())
    return follow_questions(credential, since, questions, inventory)


def follow_questions(
    credential: str, since: str, questions: Questions, inventory: Mapping[str, str]
) -> Trace:
    """Follow *credential* by *questions* alone."""
    start = begin(credential, since)
    return answer(start, QueriedSource(questions), inventory=inventory, others=[])

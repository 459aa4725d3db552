"""What no change of specs may do, as rules that are pure functions of what is known of it.

A rule that needs what nobody knows does not pass: it answers ``unknown``, which counts as no pass.
"""

from policies.guardrails.facts import (
    Document,
    IncidentFacts,
    PrincipalFacts,
    WholeFacts,
)
from policies.guardrails.rules import (
    INCIDENT_RULES,
    LIMITS,
    WHOLE_RULES,
    Finding,
    Rule,
    judge,
    judge_whole,
)

__all__ = [
    "INCIDENT_RULES",
    "LIMITS",
    "WHOLE_RULES",
    "Document",
    "Finding",
    "IncidentFacts",
    "PrincipalFacts",
    "Rule",
    "WholeFacts",
    "judge",
    "judge_whole",
]

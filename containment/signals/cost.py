"""Read cost anomalies, and budgets that are exceeded; whom they are about they do not say.

Sources: AWS Cost Management User Guide, "Using EventBridge with Cost Anomaly Detection"; AWS Cost
Explorer API Reference, Anomaly; AWS Budgets API Reference, Budget and CalculatedSpend.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from containment.signals.fields import document, documents, event_detail, member, moment, text
from containment.signals.signal import Report, make_report

if TYPE_CHECKING:
    from containment.signals.fields import Document

ANOMALY, BUDGET = "cost-anomaly", "budget"


def read(node: Document) -> list[Report] | None:
    """Return the reports of anomalies or budgets; None where *node* has none."""
    if isinstance(member(node, "Budgets"), list):
        return [report for one in documents(node, "Budgets") if (report := _budget(one))]
    anomalies = documents(node, "Anomalies") or [event_detail(node, "aws.ce") or node]
    anomalies = [one for one in anomalies if text(one, "anomalyId")]
    return [_anomaly(node, one) for one in anomalies] or None


def _anomaly(node: Document, anomaly: Document) -> Report:
    cause = next(iter(documents(anomaly, "rootCauses")), {})
    where = ", ".join(filter(None, (text(cause, "service"), text(cause, "region"))))
    start = text(anomaly, "anomalyStartDate")
    # The API gives a day, which begins in UTC; an event gives a time.
    since = moment(start) or moment(f"{start}T00:00:00Z")
    return make_report(
        ANOMALY,
        identity=text(anomaly, "anomalyId"),
        title=f"unusual cost: {where or 'of no service that is named'}",
        account=text(cause, "linkedAccount") or text(node, "account"),
        resource=where,
        first_seen=since,
    )


def _budget(budget: Document) -> Report | None:
    limit = text(budget, "BudgetLimit", "Amount")
    spent = text(document(budget, "CalculatedSpend"), "ActualSpend", "Amount")
    exceeded = False
    with suppress(ValueError):
        exceeded = float(spent) > float(limit)
    name = text(budget, "BudgetName")
    if not exceeded or not name:
        return None
    since = moment(member(budget, "TimePeriod", "Start"))
    return make_report(
        BUDGET,
        identity=f"{name} {member(budget, 'TimePeriod', 'Start')}",
        title=f"budget {name}: {spent} of {limit} spent",
        resource=name,
        first_seen=since,
    )

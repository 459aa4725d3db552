"""A CloudWatch Logs client over records at hand; requests are held to botocore's model."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator


@cache
def _model() -> Any:
    return botocore.session.get_session().get_service_model("logs")


def _validated(operation: str, asked: dict[str, Any]) -> None:
    report = ParamValidator().validate(asked, _model().operation_model(operation).input_shape)
    assert not report.has_errors(), report.generate_report()


class CloudWatchLogs:
    """Answers FilterLogEvents by pages, and Insights queries of the forms that a trace uses."""

    def __init__(self, records: list[dict[str, Any]], page: int = 3, most: int = 10_000) -> None:
        self.events = [(_epoch(record["eventTime"]), json.dumps(record)) for record in records]
        self.page = page
        self.most = most
        self.failing: list[str] = []  # error codes of the next calls
        self.asked: list[dict[str, Any]] = []
        self._queries: dict[str, dict[str, Any]] = {}

    def _fail(self, operation: str) -> None:
        if self.failing:
            code = self.failing.pop(0)
            raise ClientError({"Error": {"Code": code, "Message": code}}, operation)

    def filter_log_events(self, **asked: Any) -> dict[str, Any]:
        _validated("FilterLogEvents", asked)
        self.asked.append(asked)
        self._fail("FilterLogEvents")
        late = [event for event in self.events if event[0] * 1000 >= asked["startTime"]]
        offset = int(asked.get("nextToken", 0))
        if offset == 0 and "nextToken" not in asked:
            return {"events": [], "nextToken": "0"}  # a first page may be empty
        events = [
            {"timestamp": when * 1000, "message": raw}
            for when, raw in late[offset : offset + self.page]
        ]
        more = {"nextToken": str(offset + self.page)} if offset + self.page < len(late) else {}
        return {"events": events, "searchedLogStreams": [], **more}

    def start_query(self, **asked: Any) -> dict[str, Any]:
        _validated("StartQuery", asked)
        self.asked.append(asked)
        self._fail("StartQuery")
        query = f"q{len(self._queries)}"
        self._queries[query] = asked | {"left": 1}
        return {"queryId": query}

    def get_query_results(self, **asked: Any) -> dict[str, Any]:
        _validated("GetQueryResults", asked)
        query = self._queries[asked["queryId"]]
        if query["left"]:
            query["left"] -= 1
            return {"status": "Running", "results": []}
        matching = [e for e in self.events if query["startTime"] <= e[0] <= query["endTime"]]
        text = query["queryString"]
        if text.startswith("stats"):
            return {"status": "Complete", "results": _coverage(matching)}
        match = re.fullmatch(
            r"fields @message \| filter @message like /((?:\\.|[^/\\])*)/ \| limit \d+", text
        )
        assert match is not None, text
        pattern = re.compile(match[1].replace(r"\/", "/"))
        rows = [
            _cells({"@message": raw, "@ptr": "p"}) for _, raw in matching if pattern.search(raw)
        ]
        return {"status": "Complete", "results": rows[: self.most]}


def _coverage(events: list[tuple[int, str]]) -> list[list[dict[str, str]]]:
    groups: dict[tuple[str, str], list[int]] = {}
    for when, raw in events:
        record = json.loads(raw)
        place = (record.get("recipientAccountId", ""), record.get("awsRegion", ""))
        groups.setdefault(place, []).append(when)
    return [
        _cells({
            "account": account,
            "region": region,
            "records": str(len(times)),
            "first_at": _printed(min(times)),
            "last_at": _printed(max(times)),
        })
        for (account, region), times in groups.items()
    ]  # fmt: skip


def _cells(row: dict[str, str]) -> list[dict[str, str]]:
    return [{"field": name, "value": value} for name, value in row.items()]


def _epoch(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def _printed(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S.000")

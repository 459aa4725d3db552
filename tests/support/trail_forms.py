# ruff: noqa: E501 -- a table of forms reads best with one form a line
"""The forms in which CloudTrail records reach an investigator, and a way to read them."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import re
from datetime import UTC, datetime, timedelta, timezone
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from containment.trail.logs.containers import WHOLE
from containment.trail.logs.files import FileReport
from containment.trail.logs.reading import read
from containment.trail.logs.records import Event

if TYPE_CHECKING:
    from tests.support.trail_scene import Record


def report(path: Path, content: bytes, largest: int = 1 << 24) -> tuple[list[Event], FileReport]:
    path.write_bytes(content)
    events: list[Event] = []
    return events, read(str(path), WHOLE, events.extend, largest)


def lines(records: list[Record]) -> str:
    return "\n".join(map(json.dumps, records))


def athena(records: list[Record]) -> str:
    """As Athena prints the table of its documentation: names in lower case, structs as text."""

    def struct(value: Any) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{k.lower()}={struct(v)}" for k, v in value.items()) + "}"
        return "null" if value is None else str(value)

    out = io.StringIO()
    names = list(records[0])
    table = csv.writer(out, quoting=csv.QUOTE_ALL)
    table.writerow(name.lower() for name in names)
    for record in records:
        row = []
        for name in names:
            value = record.get(name)
            if name == "userIdentity":
                row.append(struct(value))
            else:
                row.append(json.dumps(value) if isinstance(value, dict) else value or "")
        table.writerow(row)
    return out.getvalue()


def flat(record: Record, join: str = ".") -> dict[str, Any]:
    """The columns of a record, down to what is no object."""
    columns: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            for below, leaf in flat(value, join).items():
                columns[f"{name}{join}{below}"] = leaf
        elif value is not None:
            columns[name] = value
    return columns


def table(rows: list[dict[str, Any]], delimiter: str = ",", *, quoted: bool = True) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    dialect: dict[str, Any] = {
        "delimiter": delimiter,
        "quoting": csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL,
    }
    writer = csv.DictWriter(out, names, restval="", **dialect)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _when(record: Record) -> datetime:
    return datetime.strptime(record["eventTime"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def retimed(write: Any) -> Any:
    """JSON lines whose times are written as *write* writes a moment."""
    return lambda r: lines([i | {"eventTime": write(_when(i))} for i in r])


def azure(record: Record) -> dict[str, Any]:
    """A row of Azure Monitor's AWSCloudTrail table."""
    who = record["userIdentity"]
    session = who.get("sessionContext", {}).get("attributes", {})
    row = {
        "TimeGenerated": record["eventTime"].replace("Z", ".0000000Z"),
        "AwsEventId": record["eventID"],
        "AwsRequestId_": record["requestID"],
        "AWSRegion": record["awsRegion"],
        "EventName": record["eventName"],
        "EventSource": record["eventSource"],
        "EventVersion": record["eventVersion"],
        "EventTypeName": "AwsApiCall",
        "SourceIpAddress": record["sourceIPAddress"],
        "UserAgent": record["userAgent"],
        "RecipientAccountId": record["recipientAccountId"],
        "UserIdentityType": who["type"],
        "UserIdentityArn": who["arn"],
        "UserIdentityAccountId": who["accountId"],
        "UserIdentityPrincipalid": who["principalId"],
        "UserIdentityAccessKeyId": who.get("accessKeyId", ""),
        "SessionCreationDate": session.get("creationDate", ""),
        "SessionMfaAuthenticated": session.get("mfaAuthenticated", ""),
        "RequestParameters": json.dumps(record["requestParameters"]),
        "ResponseElements": json.dumps(record["responseElements"]),
        "Type": "AWSCloudTrail",
    }
    return {name: value for name, value in row.items() if value}


def elastic(record: Record, *, original: bool = False) -> dict[str, Any]:
    """A document of Elastic's integration, with the record's text or with its fields alone."""
    who = record["userIdentity"]
    session = who.get("sessionContext", {}).get("attributes", {})
    event = {
        "action": record["eventName"],
        "provider": record["eventSource"],
        "id": record["eventID"],
    }
    if original:
        event["original"] = json.dumps(record)
    return {
        "@timestamp": record["eventTime"].replace("Z", ".000Z"),
        "event": event | {"dataset": "aws.cloudtrail", "ingested": "2026-11-30T00:00:00Z"},
        "cloud": {"region": record["awsRegion"], "account": {"id": record["recipientAccountId"]}},
        "source": {"ip": record["sourceIPAddress"], "address": record["sourceIPAddress"]},
        "user_agent": {"original": record["userAgent"], "name": "aws-cli"},
        "related": {"user": [who["principalId"]]},
        "aws": {"cloudtrail": {
            "event_version": record["eventVersion"],
            "recipient_account_id": record["recipientAccountId"],
            "request_id": record["requestID"],
            "request_parameters": "{bucketName=x}" if record["requestParameters"] else None,
            "user_identity": {
                "type": who["type"],
                "arn": who["arn"],
                "principal_id": who["principalId"],
                "account_id": who["accountId"],
                "access_key_id": who.get("accessKeyId"),
                "session_context": {
                    "creation_date": session.get("creationDate"),
                    "mfa_authenticated": session.get("mfaAuthenticated"),
                },
            },
            "flattened": {
                "request_parameters": record["requestParameters"],
                "response_elements": record["responseElements"],
            },
        }},
    }  # fmt: skip


def ocsf(record: Record, version: str = "1.1.0") -> dict[str, Any]:
    """An event of Security Lake, by OCSF's published mappings."""
    who = record["userIdentity"]
    session = who.get("sessionContext", {}).get("attributes", {})
    seconds = int(_when(record).timestamp() * 1000)
    user = {"type": who["type"], "credential_uid": who.get("accessKeyId")}
    if version == "1.1.0":
        user |= {
            "uid": who["arn"],
            "uid_alt": who["principalId"],
            "account": {"uid": who["accountId"]},
        }
    else:
        user |= {"uid": who["principalId"], "uuid": who["arn"], "account_uid": who["accountId"]}
    made = session.get("creationDate")
    return {
        "class_uid": 6003,
        "class_name": "API Activity",
        "time": seconds,
        "metadata": {"uid": record["eventID"], "version": version, "product": {"name": "CloudTrail", "version": record["eventVersion"]}},
        "api": {
            "operation": record["eventName"],
            "service": {"name": record["eventSource"]},
            "request": {"uid": record["requestID"], "data": json.dumps(record["requestParameters"])},
            "response": {"data": json.dumps(record["responseElements"])},
        },
        "actor": {
            "user": user,
            "session": {"created_time_dt": made, "is_mfa": False} if made else None,
        },
        "cloud": {"region": record["awsRegion"], "account": {"uid": record["recipientAccountId"]}},
        "src_endpoint": {"ip": record["sourceIPAddress"]},
        "http_request": {"user_agent": record["userAgent"]},
        "unmapped": {"recipientAccountId": record["recipientAccountId"], "eventType": "AwsApiCall"},
    }  # fmt: skip


def athena_answer(records: list[Record]) -> str:
    """As ``aws athena get-query-results`` prints it."""
    rows = list(csv.reader(io.StringIO(athena(records))))
    cells = [{"Data": [{"VarCharValue": cell} if cell else {} for cell in row]} for row in rows]
    return json.dumps({"UpdateCount": 0, "ResultSet": {"Rows": cells, "ResultSetMetadata": {}}})


def _insights(record: Record) -> list[dict[str, str]]:
    row = {"@timestamp": record["eventTime"], "@message": json.dumps(record), "@ptr": "CmEK"}
    return [{"field": name, "value": value} for name, value in row.items()]


def _insights_fields(record: Record) -> list[dict[str, str]]:
    row = {name: str(value) for name, value in flat(record).items()} | {"@ptr": "CmEK"}
    return [{"field": name, "value": value} for name, value in row.items()]


def _subscription(records: list[Record]) -> str:
    """What a log subscription puts into a stream: gzip in base64."""
    events = [{"id": "1", "timestamp": 1, "message": json.dumps(i)} for i in records]
    message = {"messageType": "DATA_MESSAGE", "logGroup": "trail", "logEvents": events}
    return base64.b64encode(gzip.compress(json.dumps(message).encode())).decode()


_CONTROL = base64.b64encode(gzip.compress(json.dumps(
    {"messageType": "CONTROL_MESSAGE", "logEvents": [{"id": "", "timestamp": 1, "message": "CWL CONTROL MESSAGE: Checking health of destination"}]}
).encode())).decode()  # fmt: skip


def _sns(message: str) -> dict[str, Any]:
    return {
        "Type": "Notification",
        "MessageId": "1",
        "Message": message,
        "Timestamp": "2026-11-23T21:20:00Z",
    }


def _raw_beside(record: Record) -> dict[str, Any]:
    """Splunk's export: some columns, some of which do not agree in form, and the whole record."""
    columns = {
        name: value
        for name, value in flat(record).items()
        if name in {"eventName", "eventSource", "eventTime", "userIdentity.arn"}
    }
    return (
        {"_time": record["eventTime"].replace("Z", ".000+0000")}
        | columns
        | {"_raw": json.dumps(record)}
    )


def _lowered(record: Record) -> dict[str, Any]:
    """Columns in lower case with underscores; a request's own names are kept as they are."""
    row: dict[str, Any] = {}
    for name, value in record.items():
        if name == "userIdentity":
            row |= {f"useridentity_{k.lower()}": v for k, v in flat(value, "_").items()}
        elif value is not None:
            row[name.lower()] = json.dumps(value) if isinstance(value, dict) else value
    return row


def _snaked(column: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column).lower()


_AZURE_NAMES = (
    "TimeGenerated", "AwsEventId", "AwsRequestId_", "AWSRegion", "EventName", "EventSource",
    "EventVersion", "SourceIpAddress", "UserAgent", "RecipientAccountId", "UserIdentityType",
    "UserIdentityArn", "UserIdentityAccountId", "UserIdentityPrincipalid",
    "UserIdentityAccessKeyId", "SessionCreationDate", "SessionMfaAuthenticated",
    "RequestParameters", "ResponseElements",
)  # fmt: skip

FORMS: dict[str, Any] = {
    "an S3 object": lambda r: json.dumps({"Records": r}),
    "an S3 object with spaces": lambda r: json.dumps({"Records": r}, indent=4),
    "keys in another order": lambda r: json.dumps({"x": 1, "Records": [dict(reversed(list(i.items()))) for i in r]}),
    "an array": json.dumps,
    "JSON lines": lines,
    "JSON lines with Windows ends": lambda r: lines(r).replace("\n", "\r\n") + "\r\n",
    "S3 objects one a line": lambda r: "\n".join(json.dumps({"Records": [i]}) for i in r),
    "EventBridge envelopes": lambda r: lines([{"detail-type": "AWS API Call via CloudTrail", "detail": i} for i in r]),
    "an array of EventBridge envelopes": lambda r: json.dumps([{"version": "0", "detail": i} for i in r]),
    "a LookupEvents answer": lambda r: json.dumps(
        {"Events": [{"EventId": i["eventID"], "EventTime": 1.5, "CloudTrailEvent": json.dumps(i)} for i in r]}
    ),
    "LookupEvents pages one a line": lambda r: "\n".join(
        json.dumps({"Events": [{"CloudTrailEvent": json.dumps(i)}], "NextToken": "t"}) for i in r
    ),
    "a log subscription": lambda r: json.dumps({"logEvents": [{"id": "1", "message": json.dumps(i)} for i in r]}),
    "search hits": lambda r: json.dumps({"hits": {"hits": [{"_source": i} for i in r]}}),
    "an Athena export": athena,
    "rows of a table as JSON": lambda r: lines([
        {k.lower(): json.dumps(v) if isinstance(v, dict) and k != "userIdentity" else v for k, v in i.items()}
        for i in r
    ]),
    "a Lake answer": lambda r: json.dumps({
        "QueryResultRows": [
            [{k.lower(): json.dumps(v) if isinstance(v, dict) else str(v)} for k, v in i.items() if v is not None]
            for i in r
        ]
    }),
    "records with @timestamp": lambda r: lines([
        {"@timestamp": i["eventTime"].replace("Z", ".000Z")} | {k: v for k, v in i.items() if k != "eventTime"}
        for i in r
    ]),
    "a Splunk search's results": lambda r: lines([{"preview": False, "offset": n, "result": {"_raw": json.dumps(i), "_time": i["eventTime"]}} for n, i in enumerate(r)] + [{"preview": False, "lastrow": True}]),
    "a Splunk answer": lambda r: json.dumps({"preview": False, "fields": [{"name": "_raw"}], "results": [{"_raw": json.dumps(i)} for i in r]}),
    "a Splunk answer in rows": lambda r: json.dumps({"fields": ["_time", "_raw"], "rows": [[i["eventTime"], json.dumps(i)] for i in r]}),
    "a Splunk answer in columns": lambda r: json.dumps({"fields": ["_time", "_raw"], "columns": [[i["eventTime"] for i in r], [json.dumps(i) for i in r]]}),
    "a Splunk table with the raw text": lambda r: table([_raw_beside(i) for i in r]),
    "a Splunk table of the raw text alone": lambda r: table([{"_raw": json.dumps(i)} for i in r]),
    "a Splunk table of columns": lambda r: table([flat(i) for i in r]),
    "rows with dots as JSON": lambda r: json.dumps([flat(i) for i in r]),
    "rows with dots as JSON lines": lambda r: lines([flat(i) for i in r]),
    "columns in lower case": lambda r: table([_lowered(i) for i in r]),
    "columns in lower case with dots": lambda r: table([{k.lower(): v for k, v in flat(i).items()} for i in r]),
    "columns in snake case": lambda r: table([{_snaked(k): v for k, v in flat(i).items()} for i in r]),
    "columns parted by slashes": lambda r: table([flat(i, "/") for i in r]),
    "columns parted by arrows": lambda r: table([flat(i, "->") for i in r]),
    "columns parted by two underscores": lambda r: table([flat(i, "__") for i in r]),
    "columns in brackets": lambda r: table([{"[" + k + "]": v for k, v in flat(i, "][").items()} for i in r]),
    "columns of Azure's custom logs": lambda r: table([{f"{k}_s": v for k, v in flat(i, "_").items()} for i in r]),
    "columns of Graylog": lambda r: lines([{"version": "1.1", "short_message": i["eventName"]} | {f"_{k}": v for k, v in flat(i, "_").items()} for i in r]),
    "cells that a spreadsheet marked": lambda r: table([{k: f'="{v}"' if "ccountId" in k else f"'{v}" for k, v in flat(i).items()} for i in r]),
    "a Splunk table with errorCode success": lambda r: table([{"errorCode": "success"} | flat(i) for i in r]),
    "records with errorCode success": lambda r: json.dumps({"Records": [{"errorCode": "success"} | i for i in r]}),
    "words for nothing of pandas": lambda r: table([{"errorCode": "NaN", "userIdentity.invokedBy": "nan", "sharedEventID": "<NA>"} | flat(i) for i in r]),
    "words for nothing of R and Hive": lambda r: table([{"errorCode": "NA", "userIdentity.invokedBy": "\\N", "sharedEventID": "N/A"} | flat(i) for i in r]),
    "columns by semicolons": lambda r: "sep=;\r\n" + table([flat(i) for i in r], ";", quoted=False),
    "columns by tabs": lambda r: table([flat(i) for i in r], "\t", quoted=False),
    "a table of pandas": lambda r: table([{k: str(v) if isinstance(v, dict) else v for k, v in i.items()} for i in r]),
    "a table of PowerShell": lambda r: "#TYPE Amazon.CloudTrail.Model.Event\r\n" + table([{"AccessKeyId": i["userIdentity"].get("accessKeyId"), "CloudTrailEvent": json.dumps(i), "EventName": i["eventName"], "EventTime": "11/23/2026 9:15:00 PM"} for i in r]),
    "JSON lines with commas": lambda r: ",\n".join(map(json.dumps, r)) + ",\n",
    "logs of Datadog": lambda r: json.dumps({"data": [{"id": "A", "type": "log", "attributes": {"timestamp": i["eventTime"], "message": i["eventName"], "attributes": {**i, "evt": {"name": i["eventName"]}}}} for i in r]}),
    "a table of Datadog": lambda r: table([{"Date": i["eventTime"], "Service": "cloudtrail", **{f"@{k}": v for k, v in flat(i).items()}} for i in r]),
    "rows of Panther": lambda r: lines([{**i, "p_event_time": i["eventTime"].replace("T", " ").replace("Z", ".000000000"), "p_log_type": "AWS.CloudTrail", "p_any_aws_arns": [i["userIdentity"]["arn"]]} for i in r]),
    "messages of Sumo Logic": lambda r: json.dumps({"messages": [{"map": {"_raw": json.dumps(i), "_messagetime": "1"}} for i in r]}),
    "raw logs of Chronicle": lambda r: json.dumps({"matches": [{"rawLogs": [{"data": base64.b64encode(json.dumps(i).encode()).decode()}]} for i in r]}),
    "alerts of Wazuh": lambda r: lines([{"rule": {"level": 3}, "data": {"integration": "aws", "aws": {**i, "source": "cloudtrail"}}} for i in r]),
    "rows of Snowflake": lambda r: lines([{"RAW": json.dumps(i), "FILENAME": "x"} for i in r]),
    "records that jq printed": lambda r: "\n".join(json.dumps(i, indent=2) for i in r),
    "an Azure table": lambda r: table([azure(i) for i in r]),
    "an Azure answer": lambda r: json.dumps({"tables": [{
        "name": "PrimaryResult",
        "columns": [{"name": name, "type": "string"} for name in _AZURE_NAMES],
        "rows": [[azure(i).get(name) for name in _AZURE_NAMES] for i in r],
    }]}),
    "an Athena answer": athena_answer,
    "an Athena export with its own times": lambda r: athena([i | {"eventTime": _when(i).strftime("%Y-%m-%d %H:%M:%S.000 UTC")} for i in r]),
    "Elastic hits with the original": lambda r: json.dumps({"hits": {"hits": [{"_index": "x", "_source": elastic(i, original=True)} for i in r]}}),
    "Elastic hits with fields alone": lambda r: json.dumps({"took": 1, "hits": {"total": 1, "hits": [{"_id": "1", "_source": elastic(i)} for i in r]}}),
    "Elastic documents in bulk": lambda r: lines([part for i in r for part in ({"index": {"_index": "x"}}, elastic(i, original=True))]),
    "Elastic hits as lists of values": lambda r: json.dumps({"hits": {"hits": [{"_id": "1", "fields": {k: [v] for k, v in flat(elastic(i)).items() if v is not None}} for i in r]}}),
    "streams of Loki": lambda r: json.dumps({"data": {"result": [{"stream": {"job": "trail"}, "values": [[str(int(_when(i).timestamp())) + "0" * 9, json.dumps(i)] for i in r]}]}}),
    "YAML of the command line": lambda r: "".join(f"- CloudTrailEvent: '{json.dumps(i)}'\n  EventId: {i['eventID']}\n" for i in r),
    "a Kibana table": lambda r: table([flat(elastic(i)) for i in r]),
    "CloudWatch filter-log-events": lambda r: json.dumps({"events": [{"logStreamName": "s", "timestamp": 1, "message": json.dumps(i), "eventId": "0"} for i in r], "searchedLogStreams": []}),
    "Logs Insights results": lambda r: json.dumps({"results": [_insights(i) for i in r], "statistics": {"recordsMatched": 1.0}, "status": "Complete"}),
    "Logs Insights fields": lambda r: json.dumps({"results": [_insights_fields(i) for i in r], "status": "Complete"}),
    "a Logs Insights table": lambda r: table([{"@timestamp": i["eventTime"].replace("T", " ").replace("Z", ".000"), "@message": json.dumps(i)} for i in r]),
    "a CloudWatch export to S3": lambda r: "\n".join(f"{i['eventTime'].replace('Z', '.000Z')} {json.dumps(i)}" for i in r),
    "CloudWatch events as text": lambda r: "\n".join(f"EVENTS\t37\t17\t{json.dumps(i)}\tstream\t17" for i in r),
    "SNS notifications": lambda r: lines([{"Type": "SubscriptionConfirmation", "Token": "t", "SubscribeURL": "https://sns"}] + [_sns(json.dumps({"source": "aws.iam", "detail-type": "AWS API Call via CloudTrail", "detail": i})) for i in r]),
    "SQS messages": lambda r: json.dumps({"Messages": [{"MessageId": "1", "Body": json.dumps(_sns(json.dumps(i)))} for i in r]}),
    "SQS records of a function": lambda r: json.dumps({"Records": [{"messageId": "1", "eventSource": "aws:sqs", "body": json.dumps({"detail": i})} for i in r]}),
    "Kinesis records of a subscription": lambda r: json.dumps({"Records": [{"Data": data, "PartitionKey": "k"} for data in (_CONTROL, _subscription(r[:2]), _subscription(r[2:]))]}),
    "Kinesis records of a function": lambda r: json.dumps({"Records": [{"eventSource": "aws:kinesis", "kinesis": {"data": base64.b64encode(json.dumps({"source": "aws.sts", "detail": i}).encode()).decode()}} for i in r]}),
    "a Firehose object": lambda r: "".join(json.dumps({"messageType": "DATA_MESSAGE", "logEvents": [{"message": json.dumps(i)}]}) for i in r),
    "lines of syslog": lambda r: "\n".join(f"<134>1 {i['eventTime']} host trail 1 - - {json.dumps(i)} [end]" for i in r),
    "lines of LEEF": lambda r: "\n".join(f"LEEF:1.0|Amazon|AWS CloudTrail|1.0|{i['eventName']}|event={json.dumps(i)}" for i in r),
    "elements of XML": lambda r: "\n".join(f"<e><![CDATA[{json.dumps(i)}]]></e><e><![CDATA[{json.dumps(j)}]]></e>" if j else f"<e>{json.dumps(i)}</e>" for i, j in zip_longest(r[::2], r[1::2])),
    "payloads of QRadar": lambda r: json.dumps({"events": [{"starttime": 1, "payload": f"<13>Nov 23 21:00:00 host {json.dumps(i)}"} for i in r]}),
    "a payload of S3 Select": lambda r: json.dumps({"Records": {"Payload": lines(r)}}),
    "an archive of Datadog": lambda r: lines([{"_id": "A", "date": i["eventTime"].replace("Z", ".000Z"), "source": "cloudtrail", "attributes": i} for i in r]),
    "OpenSearch hits of a subscription": lambda r: json.dumps({"hits": {"hits": [{"_index": "cwl", "_source": {"@id": "1", "@timestamp": i["eventTime"], "@message": json.dumps(i), "eventName": i["eventName"]}} for i in r]}}),
    "a replayed archive of EventBridge": lambda r: lines([{"version": "0", "id": i["eventID"], "detail-type": "AWS API Call via CloudTrail", "source": "aws.iam", "time": i["eventTime"], "replay-name": "again", "detail": i} for i in r]),
    "records in a finding": lambda r: json.dumps({"schemaVersion": "2.0", "type": "X", "service": {"evidence": {"cloudTrailEvents": r}}}),
    "Security Lake 1.1": lambda r: lines([ocsf(i) for i in r]),
    "Security Lake 1.0": lambda r: json.dumps([ocsf(i, "1.0.0-rc.2") for i in r]),
    "Security Lake in columns": lambda r: table([flat(ocsf(i)) for i in r]),
    "lines of a container's log": lambda r: lines([{"log": json.dumps(i) + "\n", "stream": "stdout", "time": "2026-11-30T00:00:00Z"} for i in r]),
    "records as text in text": lambda r: json.dumps({"value": json.dumps(json.dumps({"Records": r}))}),
    "identity and request as text": lambda r: lines([i | {n: json.dumps(i[n]) for n in ("userIdentity", "requestParameters", "responseElements")} for i in r]),
    "times of MongoDB": retimed(lambda t: {"$date": {"$numberLong": str(int(t.timestamp() * 1000))}}),
    "times of BigQuery": retimed(lambda t: [{"value": t.isoformat()}]),
    "times of PowerShell": retimed(lambda t: f"/Date({int(t.timestamp() * 1000)})/"),
    "times with an offset": retimed(lambda t: t.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat()),
    "times with a short offset": retimed(lambda t: t.astimezone(timezone(timedelta(hours=-8))).strftime("%Y-%m-%d %H:%M:%S.000 %z")),
    "times in seconds": retimed(lambda t: int(t.timestamp())),
    "times in milliseconds": retimed(lambda t: str(int(t.timestamp() * 1000))),
    "times in microseconds": retimed(lambda t: int(t.timestamp() * 1_000_000)),
    "times of a spreadsheet": retimed(lambda t: t.strftime("%m/%d/%Y %I:%M:%S %p")),
    "times in words": retimed(lambda t: t.strftime("%b %d, %Y, %I:%M:%S %p UTC")),
    "times with a comma": retimed(lambda t: t.strftime("%Y-%m-%d %H:%M:%S,000")),
    "times of a mail": retimed(lambda t: t.strftime("%a, %d %b %Y %H:%M:%S GMT")),
    "times of Kibana": retimed(lambda t: t.strftime("%b %d, %Y @ %H:%M:%S.000")),
}  # fmt: skip

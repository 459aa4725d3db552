"""One document of every form that is read, made from what its publisher says of it.

The schemas are cited in the parsers' docstrings; the values are invented, the keys AWS's examples.
"""

from __future__ import annotations

import base64
from typing import Any

ACCOUNT, OTHER_ACCOUNT = "111122223333", "444455556666"
KEY, SESSION_KEY = "AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
USER = f"arn:aws:iam::{ACCOUNT}:user/ci-deploy"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Admin"
UNIQUE = "AIDACKCEVSQ6C2EXAMPLE"
FIRST_SEEN = "2026-11-20T21:14:00Z"


def event(source: str, detail_type: str, detail: dict[str, Any]) -> dict[str, Any]:
    """An event as EventBridge delivers it."""
    return {
        "version": "0",
        "id": "7bf73129-1428-4cd3-a780-95db273d1602",
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": "2026-11-20T21:20:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": detail,
    }


def guardduty(
    kind: str = "UnauthorizedAccess:IAMUser/TorIPCaller", **details: str
) -> dict[str, Any]:
    access_key = {
        "accessKeyId": KEY,
        "principalId": "",
        "userType": "IAMUser",
        "userName": "ci-deploy",
    }
    return {
        "schemaVersion": "2.0",
        "accountId": ACCOUNT,
        "region": "eu-central-1",
        "partition": "aws",
        "id": "16afba5c5c43e07c9e3e5e2e544e95df",
        "type": kind,
        "resource": {"resourceType": "AccessKey", "accessKeyDetails": access_key | details},
        "service": {"serviceName": "guardduty", "eventFirstSeen": FIRST_SEEN, "count": 12},
        "severity": 5,
        "title": "API ListBuckets was invoked from a Tor exit node.",
    }


def capitalised(value: Any) -> Any:
    """A document as the API spells it."""
    if isinstance(value, dict):
        return {name[:1].upper() + name[1:]: capitalised(one) for name, one in value.items()}
    return [capitalised(one) for one in value] if isinstance(value, list) else value


def sequence() -> dict[str, Any]:
    account = {"uid": ACCOUNT, "name": "prod"}
    users = [
        {"name": "ci-deploy", "uid": "", "type": "IAMUser", "credentialUid": KEY},
        {"name": "Admin", "uid": "", "type": "AssumedRole", "credentialUid": SESSION_KEY},
    ]
    actors = [{"id": str(n), "user": {**one, "account": account}} for n, one in enumerate(users)]
    finding = guardduty("AttackSequence:IAM/CompromisedCredentials")
    finding["resource"] = {"resourceType": "AttackSequence"}
    finding["service"]["detection"] = {"sequence": {"uid": "s", "actors": actors}}
    return finding


def asff() -> dict[str, Any]:
    return {
        "SchemaVersion": "2018-10-08",
        "Id": f"arn:aws:guardduty:eu-central-1:{ACCOUNT}:detector/4e/finding/16afba5c",
        "ProductArn": "arn:aws:securityhub:eu-central-1::product/aws/guardduty",
        "GeneratorId": "arn:aws:guardduty:eu-central-1:detector/4e",
        "AwsAccountId": ACCOUNT,
        "Types": ["TTPs/UnauthorizedAccess:IAMUser-TorIPCaller"],
        "FirstObservedAt": FIRST_SEEN,
        "CreatedAt": "2026-11-20T21:20:01.000Z",
        "UpdatedAt": "2026-11-20T21:50:00.000Z",
        "Severity": {"Label": "MEDIUM"},
        "Title": "API ListBuckets was invoked from a Tor exit node.",
        "Description": "API ListBuckets was invoked.",
        "Resources": [
            {
                "Type": "AwsIamAccessKey",
                "Id": f"AWS::IAM::AccessKey:{KEY}",
                "Partition": "aws",
                "Region": "eu-central-1",
                "Details": {
                    "AwsIamAccessKey": {
                        "AccessKeyId": KEY,
                        "PrincipalId": UNIQUE,
                        "PrincipalName": "ci-deploy",
                        "PrincipalType": "IAMUser",
                    }
                },
            }
        ],
    }


def ocsf() -> dict[str, Any]:
    user = {"name": "ci-deploy", "uid": UNIQUE, "type": "User", "credential_uid": KEY}
    return {
        "class_uid": 2004,
        "class_name": "Detection Finding",
        "metadata": {"version": "1.6.0", "product": {"name": "GuardDuty"}},
        "time": 1795209600000,
        "cloud": {"provider": "AWS", "account": {"uid": ACCOUNT}},
        "finding_info": {
            "uid": "finding-1",
            "title": "Credential used from a Tor exit node",
            "first_seen_time": 1795209240000,
            "created_time": 1795209600000,
        },
        "evidences": [{"actor": {"user": user}}],
        "resources": [{"type": "AWS::IAM::AccessKey", "uid": KEY}],
    }


def health() -> dict[str, Any]:
    return event(
        "aws.health",
        "AWS Health Event",
        {
            "eventArn": "arn:aws:health:us-east-1::event/RISK/AWS_RISK_CREDENTIALS_EXPOSED/x1",
            "service": "RISK",
            "eventTypeCode": "AWS_RISK_CREDENTIALS_EXPOSED",
            "eventTypeCategory": "issue",
            "startTime": "Fri, 20 Nov 2026 21:14:00 GMT",
            "affectedAccount": OTHER_ACCOUNT,
            "eventDescription": [{"language": "en_US", "latestDescription": "Exposed."}],
            "affectedEntities": [{"entityValue": KEY, "status": "IMPAIRED"}],
        },
    )


def analyzer() -> dict[str, Any]:
    return event(
        "aws.access-analyzer",
        "Access Analyzer Finding",
        {
            "version": "1.0",
            "id": "22222222-dcba-4444-dcba-333333333333",
            "status": "ACTIVE",
            "resourceType": "AWS::IAM::Role",
            "resource": ROLE,
            "findingType": "ExternalAccess",
            "createdAt": FIRST_SEEN,
            "accountId": ACCOUNT,
            "principal": {"AWS": OTHER_ACCOUNT},
        },
    )


def alarm() -> dict[str, Any]:
    state = {
        "value": "ALARM",
        "reason": "Threshold crossed",
        "timestamp": "2026-11-20T21:14:00.000+0000",
    }
    return event(
        "aws.cloudwatch",
        "CloudWatch Alarm State Change",
        {"alarmName": "RootUsage", "state": state, "previousState": {"value": "OK"}},
    )


def alarm_by_topic() -> dict[str, Any]:
    return {
        "AlarmName": "RootUsage",
        "AWSAccountId": ACCOUNT,
        "NewStateValue": "ALARM",
        "NewStateReason": "Threshold crossed",
        "StateChangeTime": "2026-11-20T21:14:00.000+0000",
        "AlarmArn": f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:RootUsage",
        "OldStateValue": "OK",
    }


def config() -> dict[str, Any]:
    result = {"complianceType": "NON_COMPLIANT", "resultRecordedTime": FIRST_SEEN}
    return event(
        "aws.config",
        "Config Rules Compliance Change",
        {
            "resourceId": UNIQUE,
            "awsRegion": "us-east-1",
            "awsAccountId": ACCOUNT,
            "configRuleName": "access-keys-rotated",
            "resourceType": "AWS::IAM::User",
            "messageType": "ComplianceChangeNotification",
            "newEvaluationResult": result,
        },
    )


def github() -> dict[str, Any]:
    return {
        "number": 17,
        "created_at": FIRST_SEEN,
        "html_url": "https://github.com/octo/app/security/secret-scanning/17",
        "state": "open",
        "secret_type": "aws_access_key_id",
        "secret": KEY,
        "first_location_detected": {"path": "deploy.env", "start_line": 3, "commit_sha": "9fceb02"},
    }


def trufflehog() -> dict[str, Any]:
    git = {
        "repository": "https://example.com/r.git",
        "file": "a.env",
        "line": 7,
        "timestamp": "2026-11-20 21:14:00 +0000",
    }
    return {
        "SourceMetadata": {"Data": {"Git": git}},
        "DetectorName": "AWS",
        "Verified": True,
        "Raw": KEY,
        "RawV2": f"{KEY}:{SECRET}",
        "Redacted": KEY,
    }


def gitleaks() -> dict[str, Any]:
    return {
        "RuleID": "aws-access-token",
        "Description": "Identified a pattern that may indicate AWS credentials.",
        "StartLine": 3,
        "Match": f"{KEY} = {SECRET}",
        "Secret": KEY,
        "File": "deploy.env",
        "Commit": "9fceb02d0ae598e95dc970b74767f19372d61af8",
        "Date": FIRST_SEEN,
        "Fingerprint": "9fceb02:deploy.env:aws-access-token:3",
    }


def sarif() -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": "deploy.env"},
        "region": {"startLine": 3, "snippet": {"text": f"{KEY} {SECRET}"}},
    }
    result = {
        "ruleId": "aws-access-token",
        "message": {"text": "aws-access-token has detected a secret"},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"date": FIRST_SEEN},
    }
    return {
        "version": "2.1.0",
        "runs": [{"tool": {"driver": {"name": "gitleaks"}}, "results": [result]}],
    }


def cloudtrail() -> dict[str, Any]:
    def record(number: int, when: str, key_id: str, arn: str, kind: str) -> dict[str, Any]:
        return {
            "eventVersion": "1.11",
            "userIdentity": {"type": kind, "arn": arn, "accountId": ACCOUNT, "accessKeyId": key_id},
            "eventTime": when,
            "eventSource": "iam.amazonaws.com",
            "eventName": "CreateAccessKey",
            "requestParameters": {"userName": "victim"},
            "responseElements": {"accessKey": {"accessKeyId": "AKIAI44QH8DHBEXAMPLE"}},
            "eventID": f"0000000{number}-1428-4cd3-a780-95db273d1602",
        }

    return {
        "Records": [
            record(1, "2026-11-20T22:00:00Z", KEY, USER, "IAMUser"),
            record(2, FIRST_SEEN, KEY, USER, "IAMUser"),
        ]
    }


def trace() -> dict[str, Any]:
    row = {
        "id": KEY,
        "kind": "access_key",
        "owner_arn": USER,
        "issued_at": FIRST_SEEN,
        "first_seen": "2026-11-20T22:00:00Z",
    }
    return {"version": "containment-trace-1", "seed": SESSION_KEY, "credentials": [row]}


TABLE = (
    "user,arn,user_creation_time,password_enabled,password_last_used,mfa_active,"
    "access_key_1_active,access_key_2_active\n"
    f"ci-deploy,{USER},{FIRST_SEEN},true,no_information,false,true,false\n"
    f"safe,arn:aws:iam::{ACCOUNT}:user/safe,{FIRST_SEEN},true,no_information,true,false,false\n"
)


def credential_report() -> dict[str, Any]:
    return {"Content": base64.b64encode(TABLE.encode()).decode(), "ReportFormat": "text/csv"}


def anomaly() -> dict[str, Any]:
    cause = {"service": "AmazonEC2", "region": "ap-east-1", "linkedAccount": ACCOUNT}
    return event(
        "aws.ce",
        "Anomaly Detected",
        {"anomalyId": "newAnomalyId", "anomalyStartDate": FIRST_SEEN, "rootCauses": [cause]},
    )


def budgets() -> dict[str, Any]:
    budget = {
        "BudgetName": "monthly",
        "BudgetLimit": {"Amount": "100.0", "Unit": "USD"},
        "CalculatedSpend": {"ActualSpend": {"Amount": "4711.0", "Unit": "USD"}},
        "TimePeriod": {"Start": FIRST_SEEN},
    }
    calm = {**budget, "BudgetName": "calm", "BudgetLimit": {"Amount": "9999.0", "Unit": "USD"}}
    return {"Budgets": [budget, calm]}


def certificate() -> dict[str, Any]:
    arn = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/12345678-1234-1234-1234-123456789012"
    return {"Certificate": {"CertificateArn": arn, "DomainName": "example.com", "Status": "ISSUED"}}
